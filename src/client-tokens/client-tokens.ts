/**
 * Mints client tokens offline, from a backend API key alone: `edge-authorizer/client-tokens`.
 *
 * For backends: Node 20 or newer, Deno, Bun and Workers. Uses Web Crypto and nothing else, sends no
 * request, and keeps nothing. The edge checks every claim again, so what is refused here is what it
 * would refuse. Contract: docs/client-tokens.md
 */

import type { ClientClaims } from '../core/client-token/claims.ts';
import { kidNameOf } from '../core/client-token/derivation.ts';
import { signClientToken } from '../core/client-token/signature.ts';

/** The limits of a client token. Each member narrows the API key; without it, the API key decides. */
export interface ClientTokenOptions {
  /** Lifetime in seconds, from 1 to the key's `maxTtlSeconds` (at most 3,600). Default: 300. */
  readonly ttlSeconds?: number;
  /** The visitor, 1 to 64 visible ASCII characters: an opaque id, without personal data. */
  readonly sub?: string;
  /** The token's own id, 1 to 64 visible ASCII characters. The edge logs it. */
  readonly jti?: string;
  /** 1 to 5 exact origins, such as `https://app.example`, each admitted by the key. */
  readonly origins?: readonly string[];
  /** The routes that the token may call, among those of the key's tokens. */
  readonly rules?: readonly {
    readonly methods: readonly string[];
    readonly resources: readonly string[];
  }[];
  /** Texts for the upstream, in the signed assertion. At most 256 bytes of JSON. */
  readonly meta?: Readonly<Record<string, string>>;
  /** The time at which the token is issued. Default: the clock's. */
  readonly issuedAt?: Date;
  /** Mints in a browser all the same. Its pages then hold the API key that tokens are for hiding. */
  readonly dangerouslyAllowBrowser?: boolean;
}

const TTL_DEFAULT_SECONDS = 5 * 60;
const TOKEN_MAX_LENGTH = 2_048;

const apiKeyPattern = /^([a-z][a-z0-9]{0,15})_sk_([0-9A-Za-z]{30})([0-9A-Za-z]{8})[0-9A-Za-z]{6}$/;

/**
 * Returns a client token for one visitor, for the header `Authorization: Bearer`. The API key must be a
 * backend key of this edge that opted in with `access.clientTokens`.
 *
 * Rejects with a `TypeError` in a browser, if the API key is not a backend token of the edge's own form,
 * if the lifetime is not a whole number of seconds from 1 to 3,600, and if the token would be longer
 * than 2,048 characters. No message holds the API key.
 */
export async function mintClientToken(
  apiKey: string,
  options: ClientTokenOptions = {},
): Promise<string> {
  if (isBrowser() && options.dangerouslyAllowBrowser !== true) {
    throw new TypeError(
      'Cannot mint a client token in a browser: the page would hold the API key. Mint it in a backend and send the token to the page',
    );
  }
  const match = apiKeyPattern.exec(apiKey);
  if (match === null) {
    throw new TypeError(
      'Cannot mint a client token: the API key is not a backend key of the form "ea_sk_...". Create a backend key with client tokens, or roll an imported one',
    );
  }
  const [, prefix = '', randomPart = '', tag = ''] = match;
  const ttlSeconds = options.ttlSeconds ?? TTL_DEFAULT_SECONDS;
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > 60 * 60) {
    throw new TypeError(
      `Cannot mint a client token: ttlSeconds is ${ttlSeconds}. Use a whole number from 1 to 3600`,
    );
  }
  const kid = (await kidNameOf(randomPart)) + tag;
  const token = await signClientToken(
    { prefix, kid, claims: claimsFor(options, ttlSeconds) },
    randomPart,
  );
  if (token.length > TOKEN_MAX_LENGTH) {
    throw new TypeError(
      `Cannot mint a client token: it would have ${token.length} characters of at most ${TOKEN_MAX_LENGTH}. Use fewer rules or less meta`,
    );
  }
  return token;
}

function claimsFor(options: ClientTokenOptions, ttlSeconds: number): ClientClaims {
  const { jti, sub, origins, rules, meta, issuedAt = new Date() } = options;
  const iat = Math.floor(issuedAt.getTime() / 1000);
  return {
    iat,
    exp: iat + ttlSeconds,
    ...(jti === undefined ? {} : { jti }),
    ...(sub === undefined ? {} : { sub }),
    ...(origins === undefined ? {} : { origins }),
    ...(meta === undefined ? {} : { meta }),
    ...(rules === undefined
      ? {}
      : // The members in the order of the contract, whatever else the caller's objects hold.
        { rules: rules.map(({ methods, resources }) => ({ methods, resources })) }),
  };
}

/** Every browser calls itself Mozilla, in its workers too; Node, Deno, Bun and Workers do not. */
function isBrowser(): boolean {
  const { navigator, document } = globalThis as {
    navigator?: { userAgent?: string };
    document?: unknown;
  };
  return document !== undefined || /^Mozilla\//.test(navigator?.userAgent ?? '');
}
