/**
 * The session of somebody who signed in to the page with the admin token.
 *
 * A session is a signed cookie and nothing else: a JWT under a key that is derived from the admin
 * token, so that a rotated token ends every session. It ends when it was idle for half an hour, and
 * after twelve hours in any case. Signing out also has to stop copies of the cookie, which a signature
 * alone cannot: the page asks `isEnded` about the id of every session.
 *
 * Cookies: https://www.rfc-editor.org/rfc/rfc6265
 */

import { base64url, errors, jwtVerify, SignJWT } from 'jose';

/** A session that may still be used. */
export interface Session {
  /** Unguessable; known to the browser's cookie alone. */
  readonly id: string;
  readonly startedAtMs: number;
  /** When the cookie was made, so when the session was last known to be in use. */
  readonly seenAtMs: number;
}

/** What a request's cookie says. `ended`: there was a session, and it is over. */
export type SessionReading =
  | { readonly outcome: 'open'; readonly session: Session }
  | { readonly outcome: 'ended' }
  | { readonly outcome: 'none' };

/** Opens, reads and continues sessions. The strings are `Set-Cookie` values. */
export interface Sessions {
  open(): Promise<string>;
  /** Never rejects: a cookie that is not ours counts as none. */
  read(cookieHeader: string | null): Promise<SessionReading>;
  /** A cookie with a later end; `null` while the present one is young enough. */
  continue(session: Session): Promise<string | null>;
}

/** How long a session may be idle, and how long it may last at all. */
export const SESSION_IDLE_SECONDS = 30 * 60;
export const SESSION_MAX_SECONDS = 12 * 60 * 60;
/** A cookie is renewed when it is older than this, so not with every click. */
const RENEWAL_SECONDS = 60;

/** `__Secure-` keeps pages of plain http from planting a session. Chromium trusts localhost too. */
export const SESSION_COOKIE = '__Secure-edge-session';
const COOKIE_ATTRIBUTES = 'Path=/_edge/; HttpOnly; Secure; SameSite=Strict';
/** The `Set-Cookie` value that takes the cookie away. */
export const CLEARED_SESSION_COOKIE = `${SESSION_COOKIE}=; Max-Age=0; ${COOKIE_ATTRIBUTES}`;

const AUDIENCE = 'edge-authorizer page';

/** Sessions under this admin token. */
export function createSessions(options: {
  readonly adminToken: string;
  readonly now: () => number;
  readonly fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void;
}): Sessions {
  const { now } = options;
  const nowSeconds = () => Math.floor(now() / 1000);
  const key = deriveKey(options.adminToken);

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
    return `${SESSION_COOKIE}=${token}; ${COOKIE_ATTRIBUTES}`;
  }

  return {
    open() {
      const id = new Uint8Array(16);
      options.fillRandom(id);
      return makeCookie(base64url.encode(id), nowSeconds());
    },

    async read(cookieHeader) {
      const token = findCookie(cookieHeader);
      if (token === null) return { outcome: 'none' };
      try {
        const { payload } = await jwtVerify(token, await key, {
          algorithms: ['HS256'],
          audience: AUDIENCE,
          currentDate: new Date(now()),
          requiredClaims: ['jti', 'iat', 'exp', 'auth_time'],
        });
        const { jti, iat, auth_time: startedAtSeconds } = payload;
        if (jti === undefined || iat === undefined || typeof startedAtSeconds !== 'number') {
          return { outcome: 'none' };
        }
        return {
          outcome: 'open',
          session: { id: jti, startedAtMs: startedAtSeconds * 1000, seenAtMs: iat * 1000 },
        };
      } catch (error) {
        // A signature that does not fit is what a rotated admin token leaves behind: it was a session.
        const wasOurs =
          error instanceof errors.JWTExpired ||
          error instanceof errors.JWSSignatureVerificationFailed;
        if (wasOurs) return { outcome: 'ended' };
        if (error instanceof errors.JOSEError) return { outcome: 'none' };
        throw error;
      }
    },

    async continue(session) {
      if (now() - session.seenAtMs < RENEWAL_SECONDS * 1000) return null;
      return makeCookie(session.id, Math.floor(session.startedAtMs / 1000));
    },
  };
}

/** When no cookie of this session can be valid any more, in milliseconds. */
export function endOfSessionMs(session: Session): number {
  return session.startedAtMs + SESSION_MAX_SECONDS * 1000;
}

/** HKDF: the cookie's key says nothing of the admin token. */
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

/** The first cookie of our name, as a browser would put it first: the one with the longest path. */
function findCookie(cookieHeader: string | null): string | null {
  for (const pair of (cookieHeader ?? '').split(';')) {
    const [name, value] = splitOnce(pair.trim(), '=');
    if (name === SESSION_COOKIE && value !== '') return value;
  }
  return null;
}

function splitOnce(text: string, separator: string): [before: string, after: string] {
  const index = text.indexOf(separator);
  return index === -1 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}
