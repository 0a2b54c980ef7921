/**
 * Who may manage keys: the operator, by `ADMIN_TOKEN`.
 *
 * An API key never can. Nothing here looks at keys.
 */

import { readBearer } from '../core/bearer.ts';
import type { Problem } from '../problem.ts';

export type AuthenticationResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly problem: Problem; readonly challenge: string };

const encoder = new TextEncoder();

/**
 * Checks an `Authorization` header against the admin token. Refuses with 401 and a challenge. The
 * comparison takes as long for a wrong token as for the right one: both are hashed to one length, and
 * the hashes compared in constant time.
 */
export async function authenticateOperator(
  authorization: string | null,
  adminToken: string,
): Promise<AuthenticationResult> {
  const bearer = readBearer(authorization);
  if (!bearer.ok) {
    const isMissing = bearer.rejection.code === 'missing_credentials';
    return refuse(
      bearer.rejection.code,
      isMissing
        ? 'Cannot manage keys: the request has no Authorization header. Send "Authorization: Bearer <admin token>"'
        : 'Cannot manage keys: the Authorization header is not exactly one "Bearer <admin token>"',
      isMissing ? 'Bearer' : 'Bearer error="invalid_request"',
    );
  }
  if (await isSameSecret(bearer.token, adminToken)) return { ok: true };
  return refuse(
    'invalid_credentials',
    'Cannot manage keys: the token is not the admin token. An API key cannot manage keys',
    'Bearer error="invalid_token"',
  );
}

/** Whether two secrets are the same, in a time that says nothing of how much of them agrees. */
export async function isSameSecret(left: string, right: string): Promise<boolean> {
  const [leftHash, rightHash] = await Promise.all(
    [left, right].map((secret) => crypto.subtle.digest('SHA-256', encoder.encode(secret))),
  );
  // `Promise.all` over two promises gives two digests.
  return crypto.subtle.timingSafeEqual(leftHash!, rightHash!);
}

function refuse(code: string, detail: string, challenge: string): AuthenticationResult {
  return {
    ok: false,
    challenge,
    problem: { code, status: 401, title: 'Not signed in', detail },
  };
}
