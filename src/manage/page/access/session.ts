/**
 * The session of an operator who signed in to the page with a token.
 *
 * A session is a signed cookie and nothing else: a JWT under a key that is derived from the token, or
 * from the SHA-256 of a named operator's (`session-key.ts`). So a token that is rotated or removed ends
 * its sessions. The cookie names the operator and holds no scope: the entry of `ADMIN_TOKENS` has those,
 * as it is at each request. A session ends after half an hour without a request, and after twelve hours
 * in any case. Signing out must also end copies of the cookie, which a signature alone cannot do: the
 * page asks `isEnded` about the id of every session.
 *
 * Cookies: https://www.rfc-editor.org/rfc/rfc6265
 */

import { base64url, errors, jwtVerify, SignJWT } from 'jose';
import { isLocalHttp } from '../../../core/isolation/local-http.ts';
import { LOCAL_SESSION_COOKIE, SESSION_COOKIE } from '../../../core/isolation/own-cookies.ts';
import type { OperatorToken } from '../../../core/operators/operator-tokens.ts';
import { adminKey, operatorKey, operatorKeyId } from './session-key.ts';

/** A session that may still be used. */
export interface Session {
  /** Unguessable; known to the browser's cookie alone. */
  readonly id: string;
  /** The operator as they are configured now; `null`: the holder of `ADMIN_TOKEN`. */
  readonly operator: OperatorToken | null;
  readonly startedAtMs: number;
  /** When the cookie was made, so when the session was last known to be in use. */
  readonly seenAtMs: number;
}

/** The sessions that a request's cookies hold. */
export interface SessionReading {
  /** Those that may still be used, each once, in the order of their cookies. */
  readonly open: readonly Session[];
  /** True if one of the cookies was a session that has ended. */
  readonly hasEnded: boolean;
}

/** Opens, reads and continues sessions. The strings are `Set-Cookie` values. */
export interface Sessions {
  /** A new session of a named operator, or of the holder of `ADMIN_TOKEN`. */
  open(operator: OperatorToken | null): Promise<string>;
  /**
   * Reads every cookie of the name: another host of the site can plant one more, and must not lock the
   * operator out by it. Skips a cookie that is not ours. Rejects only if D1 is needed and out of reach.
   */
  read(cookieHeader: string | null): Promise<SessionReading>;
  /** A cookie with a later end; `null` while the present one is young enough. */
  continue(session: Session): Promise<string | null>;
  /** The value that removes the cookie. */
  readonly cleared: string;
}

/** The longest time without a request, and the longest time in all. */
export const SESSION_IDLE_SECONDS = 30 * 60;
export const SESSION_MAX_SECONDS = 12 * 60 * 60;
/** A cookie is renewed when it is older than this, so not with every click. */
const RENEWAL_SECONDS = 60;
/** Far above the length of a session's token, in characters. */
const SESSION_MAX_LENGTH = 1024;

/** The attributes of a session's cookie: kept by browsers from plain http, other hosts and scripts. */
export const secureAttributes = 'Path=/; HttpOnly; Secure; SameSite=Strict';
/** The same on http on this machine: not `Secure`, because WebKit stores no such cookie there. */
export const localAttributes = 'Path=/_edge/; HttpOnly; SameSite=Strict';

/** A cookie by its name and attributes. */
interface Cookie {
  readonly name: string;
  readonly attributes: string;
}

const httpsCookie: Cookie = {
  name: SESSION_COOKIE,
  attributes: secureAttributes,
};
const localCookie: Cookie = {
  name: LOCAL_SESSION_COOKIE,
  attributes: localAttributes,
};

const AUDIENCE = 'edge-authorizer page';

/** The operators who sign in with a token, and the secret that their sessions also depend on. */
export interface SessionOperators {
  readonly adminToken: string | null;
  readonly adminTokens: readonly OperatorToken[];
  /** Reads the deployment's own secret. Only sessions of named operators need it. */
  readonly sessionSecret: () => Promise<string>;
}

/** A cookie of an operator who is not among those configured, or no longer. */
class UnknownOperatorError extends Error {}

/** Sessions of these operators, for a page at this `url`. */
export function createSessions(options: {
  readonly operators: SessionOperators;
  readonly url: string;
  readonly now: () => number;
  readonly fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void;
}): Sessions {
  const { now } = options;
  const nowSeconds = () => Math.floor(now() / 1000);
  // The local name proves nothing elsewhere: a page of plain http could have set it.
  const { name, attributes } = isLocalHttp(options.url) ? localCookie : httpsCookie;

  async function makeCookie(
    { id, operator }: Pick<Session, 'id' | 'operator'>,
    startedAtSeconds: number,
  ): Promise<string> {
    const seenAtSeconds = nowSeconds();
    const kid = operator === null ? {} : { kid: await operatorKeyId(operator) };
    const token = await new SignJWT({ auth_time: startedAtSeconds })
      .setProtectedHeader({ alg: 'HS256', ...kid })
      .setAudience(AUDIENCE)
      .setJti(id)
      .setIssuedAt(seenAtSeconds)
      .setExpirationTime(
        Math.min(seenAtSeconds + SESSION_IDLE_SECONDS, startedAtSeconds + SESSION_MAX_SECONDS),
      )
      .sign(await keyOf(operator, options.operators));
    return `${name}=${token}; ${attributes}`;
  }

  return {
    open(operator) {
      const id = new Uint8Array(16);
      options.fillRandom(id);
      return makeCookie({ id: base64url.encode(id), operator }, nowSeconds());
    },

    async read(cookieHeader) {
      const open = new Map<string, Session>();
      let hasEnded = false;
      for (const token of cookiesOf(cookieHeader, name)) {
        const read = await readToken(token, options.operators, now());
        if (read === 'ended') hasEnded = true;
        else if (read !== null) open.set(read.id, read);
      }
      return { open: [...open.values()], hasEnded };
    },

    async continue(session) {
      if (now() - session.seenAtMs < RENEWAL_SECONDS * 1000) return null;
      return makeCookie(session, Math.floor(session.startedAtMs / 1000));
    },

    cleared: `${name}=; Max-Age=0; ${attributes}`,
  };
}

/** Reads a session's token. `ended`: the session is over; `null`: the token is not ours. */
async function readToken(
  token: string,
  operators: SessionOperators,
  nowMs: number,
): Promise<Session | 'ended' | null> {
  let operator: OperatorToken | null = null;
  try {
    const findKey = async ({ kid }: { readonly kid?: string }) => {
      operator = kid === undefined ? null : await findOperator(kid, operators.adminTokens);
      return keyOf(operator, operators);
    };
    const { payload } = await jwtVerify(token, findKey, {
      algorithms: ['HS256'],
      audience: AUDIENCE,
      currentDate: new Date(nowMs),
      requiredClaims: ['jti', 'iat', 'exp', 'auth_time'],
    });
    const { jti, iat, auth_time: startedAtSeconds } = payload;
    if (jti === undefined || iat === undefined || typeof startedAtSeconds !== 'number') return null;
    return { id: jti, operator, startedAtMs: startedAtSeconds * 1000, seenAtMs: iat * 1000 };
  } catch (error) {
    // After a rotation of a token, the signatures of its earlier sessions do not fit.
    const wasOurs =
      error instanceof errors.JWTExpired ||
      error instanceof errors.JWSSignatureVerificationFailed ||
      error instanceof UnknownOperatorError;
    if (wasOurs) return 'ended';
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

/** The time, in milliseconds, after which no cookie of this session is valid. */
export function endOfSessionMs(session: Session): number {
  return session.startedAtMs + SESSION_MAX_SECONDS * 1000;
}

/** The operator whose sessions have this key id. Throws if no entry has it. */
async function findOperator(
  kid: string,
  operators: readonly OperatorToken[],
): Promise<OperatorToken> {
  for (const operator of operators) {
    if ((await operatorKeyId(operator)) === kid) return operator;
  }
  throw new UnknownOperatorError();
}

/** The key of an operator's sessions. Throws without an admin token, if the session is of its holder. */
async function keyOf(
  operator: OperatorToken | null,
  { adminToken, sessionSecret }: SessionOperators,
): Promise<Uint8Array> {
  if (operator !== null) return operatorKey(operator, await sessionSecret());
  if (adminToken === null) throw new UnknownOperatorError();
  return adminKey(adminToken);
}

/**
 * The values of all cookies of this name, each once. None is longer than a session's can be, so that a
 * header full of planted cookies costs little.
 */
export function cookiesOf(cookieHeader: string | null, name: string): ReadonlySet<string> {
  const values = new Set<string>();
  for (const pair of (cookieHeader ?? '').split(';')) {
    const separator = pair.indexOf('=');
    const value = pair.slice(separator + 1).trim();
    const isOurs = separator !== -1 && pair.slice(0, separator).trim() === name;
    if (isOurs && value !== '' && value.length <= SESSION_MAX_LENGTH) values.add(value);
  }
  return values;
}
