/**
 * How often one client address may present a wrong admin token to the API: as often as at the page's
 * sign-in form, from the same count.
 *
 * Only wrong tokens are counted, because programs send the right one with every request. So an address
 * that was refused is remembered, and then no token of it is compared: otherwise the right guess would
 * stand out among the refusals.
 */

import { createRecentNames } from '../core/recent-names.ts';
import { GUESSERS_IN_MEMORY } from './limits.ts';
import {
  addressOf,
  SIGN_IN_RETRY_SECONDS,
  type SignInLimiter,
} from './page/access/sign-in-limit.ts';

/** See the file's head. One isolate has one. */
export interface GuessLimit {
  /** Returns whether tokens of this request's address must not be compared. Counts nothing. */
  isRefused(request: Request): boolean;
  /** Counts a wrong token. Returns whether the address may present another one. */
  count(request: Request): Promise<boolean>;
}

/** A limit that counts with the sign-in form's limiter. */
export function createGuessLimit(limiter: SignInLimiter, now: () => number): GuessLimit {
  const refused = createRecentNames(GUESSERS_IN_MEMORY, SIGN_IN_RETRY_SECONDS * 1000);
  return {
    isRefused: (request) => refused.has(addressOf(request), now()),
    async count(request) {
      const address = addressOf(request);
      // A limiter that fails lets through: it slows guessers down, and the token's length stops them.
      const { success } = await limiter.limit({ key: address }).catch(() => ({ success: true }));
      if (!success) refused.add(address, now());
      return success;
    },
  };
}

/**
 * Returns whether a request presents what could be the admin token. A JWT of a person who signs in
 * elsewhere could not: it expires, and many people may share the address of one server.
 */
export function isGuess({ headers }: Request, hasPeople: boolean): boolean {
  const authorization = headers.get('authorization');
  return authorization !== null && !(hasPeople && jwtPattern.test(authorization));
}

/** `{"` in base64url, and three parts. https://www.rfc-editor.org/rfc/rfc7519#section-3 */
const jwtPattern = /^bearer[ \t]+eyJ[\w-]*\.[\w-]+\.[\w-]*[ \t]*$/i;
