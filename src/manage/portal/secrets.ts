/**
 * The secrets of portal links and sessions: how they are made, and the hashes that D1 holds.
 *
 * A hash covers the secret together with the credential of the operator who made the link. So a link, and
 * the session that it opened, end once that operator's token is replaced or removed. D1 gives away
 * neither: 256 random bits are in each hash.
 */

import { readBearer } from '../../core/decide/bearer.ts';
import { hashToken, randomBase62 } from '../../core/key/token.ts';
import { mayCall } from '../../core/operators/operator-scopes.ts';
import type { Credentials } from '../authenticate.ts';

/** The operationId of the endpoint that makes links. */
export const CREATE_PORTAL_SESSION = 'createPortalSession';

/** 256 bits: 43 times log2 of 62. */
const SECRET_LENGTH = 43;
const prefixes = { link: 'ea_pl_', session: 'ea_ps_' } as const;
const secretPattern = /^ea_p[ls]_[0-9A-Za-z]{43}$/;

/** People whom an issuer makes operators have no lasting credential of their own. */
const ISSUER = 'issuer';

/** Makes a secret. Log lines and problems hide its form, as they hide tokens. */
export function makeSecret(
  kind: keyof typeof prefixes,
  fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void,
): string {
  return prefixes[kind] + randomBase62(SECRET_LENGTH, fillRandom);
}

/** Returns whether a text has the form of a link's or a session's secret. */
export function isSecret(text: string): boolean {
  return secretPattern.test(text);
}

/** The hash that D1 holds, for an operator's credential. */
export function hashSecret(credential: string, secret: string): Promise<string> {
  return hashToken(`${credential}.${secret}`);
}

/**
 * The credential of the operator who sends this request, as a name that does not reveal it. Throws for a
 * request that no operator sent by a token of their own.
 */
export async function credentialOf(
  { headers }: Request,
  credentials: Credentials,
): Promise<string> {
  const bearer = readBearer(headers.get('authorization'));
  const hash = bearer.ok ? await hashToken(bearer.token) : null;
  const known = await credentialsToday(credentials);
  if (hash !== null && known.includes(hash)) return hash;
  if (known.includes(ISSUER)) return ISSUER;
  throw new Error('Cannot make a portal link: the operator has no credential');
}

/** The credentials whose links and sessions count today. */
export async function credentialsToday({
  adminToken,
  adminTokens,
  people,
}: Credentials): Promise<readonly string[]> {
  return [
    ...(adminToken === null ? [] : [await hashToken(adminToken)]),
    ...adminTokens
      .filter(({ scopes }) => mayCall(scopes, CREATE_PORTAL_SESSION))
      .map(({ sha256 }) => sha256),
    ...(people === null ? [] : [ISSUER]),
  ];
}
