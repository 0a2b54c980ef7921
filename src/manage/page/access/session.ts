/**
 * The session of a visitor who signed in to the page with the admin token.
 *
 * A session is a signed cookie and nothing else: a JWT under a key that is derived from the admin
 * token, so that a rotated token ends every session. A session ends after half an hour without a
 * request, and after twelve hours in any case. Signing out must also end copies of the cookie, which a
 * signature alone cannot do: the page asks `isEnded` about the id of every session.
 *
 * Cookies: https://www.rfc-editor.org/rfc/rfc6265
 */

import { base64url, errors, jwtVerify, SignJWT } from 'jose';
import { isLocalHttp } from '../../../core/isolation/local-http.ts';
import { LOCAL_SESSION_COOKIE, SESSION_COOKIE } from '../../../core/isolation/own-cookies.ts';

/** A session that may still be used. */
export interface Session {
  /** Unguessable; known to the browser's cookie alone. */
  readonly id: string;
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
  open(): Promise<string>;
  /**
   * Reads every cookie of the name: another host of the site can plant one more, and must not lock the
   * operator out by it. Never rejects: a cookie that is not ours is skipped.
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

/** A cookie by its name and attributes. */
interface Cookie {
  readonly name: string;
  readonly attributes: string;
}

/** Kept by browsers from plain http, from other hosts and from scripts. */
const httpsCookie: Cookie = {
  name: SESSION_COOKIE,
  attributes: 'Path=/; HttpOnly; Secure; SameSite=Strict',
};
/** Not `Secure`, because WebKit stores no such cookie over http, on this machine either. */
const localCookie: Cookie = {
  name: LOCAL_SESSION_COOKIE,
  attributes: 'Path=/_edge/; HttpOnly; SameSite=Strict',
};

const AUDIENCE = 'edge-authorizer page';

/** Sessions under this admin token, for a page at this `url`. */
export function createSessions(options: {
  readonly adminToken: string;
  readonly url: string;
  readonly now: () => number;
  readonly fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void;
}): Sessions {
  const { now } = options;
  const nowSeconds = () => Math.floor(now() / 1000);
  const key = deriveKey(options.adminToken);
  // The local name proves nothing elsewhere: a page of plain http could have set it.
  const { name, attributes } = isLocalHttp(options.url) ? localCookie : httpsCookie;

  async function makeCookie(id: string, startedAtSeconds: number): Promise<string> {
    const seenAtSeconds = nowSeconds();
    const token = await new SignJWT({ auth_time: startedAtSeconds })
      .setProtectedHeader({ alg: 'HS256' })
      .setAudience(AUDIENCE)
      .setJti(id)
      .setIssuedAt(seenAtSeconds)
      .setExpirationTime(
        Math.min(seenAtSeconds + SESSION_IDLE_SECONDS, startedAtSeconds + SESSION_MAX_SECONDS),
      )
      .sign(await key);
    return `${name}=${token}; ${attributes}`;
  }

  return {
    open() {
      const id = new Uint8Array(16);
      options.fillRandom(id);
      return makeCookie(base64url.encode(id), nowSeconds());
    },

    async read(cookieHeader) {
      const open = new Map<string, Session>();
      let hasEnded = false;
      for (const token of cookiesOf(cookieHeader, name)) {
        const read = await readToken(token, await key, now());
        if (read === 'ended') hasEnded = true;
        else if (read !== null) open.set(read.id, read);
      }
      return { open: [...open.values()], hasEnded };
    },

    async continue(session) {
      if (now() - session.seenAtMs < RENEWAL_SECONDS * 1000) return null;
      return makeCookie(session.id, Math.floor(session.startedAtMs / 1000));
    },

    cleared: `${name}=; Max-Age=0; ${attributes}`,
  };
}

/** Reads a session's token. `ended`: the session is over; `null`: the token is not ours. */
async function readToken(
  token: string,
  key: Uint8Array,
  nowMs: number,
): Promise<Session | 'ended' | null> {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: ['HS256'],
      audience: AUDIENCE,
      currentDate: new Date(nowMs),
      requiredClaims: ['jti', 'iat', 'exp', 'auth_time'],
    });
    const { jti, iat, auth_time: startedAtSeconds } = payload;
    if (jti === undefined || iat === undefined || typeof startedAtSeconds !== 'number') return null;
    return { id: jti, startedAtMs: startedAtSeconds * 1000, seenAtMs: iat * 1000 };
  } catch (error) {
    // After a rotation of the admin token, the signatures of earlier sessions do not fit.
    const wasOurs =
      error instanceof errors.JWTExpired || error instanceof errors.JWSSignatureVerificationFailed;
    if (wasOurs) return 'ended';
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

/** The time, in milliseconds, after which no cookie of this session is valid. */
export function endOfSessionMs(session: Session): number {
  return session.startedAtMs + SESSION_MAX_SECONDS * 1000;
}

/** Derives the cookie's key by HKDF, so that the key does not reveal the admin token. */
async function deriveKey(adminToken: string): Promise<Uint8Array> {
  const encoder = new TextEncoder();
  const secret = await crypto.subtle.importKey('raw', encoder.encode(adminToken), 'HKDF', false, [
    'deriveBits',
  ]);
  const bits = await crypto.subtle.deriveBits(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: encoder.encode(AUDIENCE) },
    secret,
    256,
  );
  return new Uint8Array(bits);
}

/**
 * The values of all cookies of this name, each once. None is longer than a session's can be, so that a
 * header full of planted cookies costs little.
 */
function cookiesOf(cookieHeader: string | null, name: string): ReadonlySet<string> {
  const values = new Set<string>();
  for (const pair of (cookieHeader ?? '').split(';')) {
    const separator = pair.indexOf('=');
    const value = pair.slice(separator + 1).trim();
    const isOurs = separator !== -1 && pair.slice(0, separator).trim() === name;
    if (isOurs && value !== '' && value.length <= SESSION_MAX_LENGTH) values.add(value);
  }
  return values;
}
