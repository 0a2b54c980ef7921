/**
 * The signature of assertions, by the library for JOSE.
 *
 * EdDSA: https://www.rfc-editor.org/rfc/rfc8037
 */

import { CompactSign, calculateJwkThumbprint, importJWK, type JWK } from 'jose';
import type { AssertionKey } from '../core/assertion-jwks.ts';

/** Signs claims. Returns a compact JWS, https://www.rfc-editor.org/rfc/rfc7515#section-7.1. */
export type ClaimsSigner = (claims: object) => Promise<string>;

const encoder = new TextEncoder();

/** A signer with one key. Rejects if the key is unusable. */
export async function createClaimsSigner(jwk: AssertionKey | undefined): Promise<ClaimsSigner> {
  if (jwk === undefined) throw new Error('Cannot sign an assertion: no key is configured');
  const key = (await importJWK({ ...jwk }, 'EdDSA')) as CryptoKey;
  const kid = await keyIdOf(jwk);
  // Less work than `SignJWT`, which copies the claims and checks what is known to be right here.
  return (claims) =>
    new CompactSign(encoder.encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid })
      .sign(key);
}

/** The public half of a key, as it is published. https://www.rfc-editor.org/rfc/rfc7517#section-4 */
export async function toPublicKey(jwk: AssertionKey): Promise<JWK> {
  const { kty, crv, x } = jwk;
  return { kty, crv, x, kid: await keyIdOf(jwk), alg: 'EdDSA', use: 'sig' };
}

/** The key's own id, or its thumbprint: https://www.rfc-editor.org/rfc/rfc7638 */
async function keyIdOf({ kty, crv, x, kid }: AssertionKey): Promise<string> {
  return kid ?? (await calculateJwkThumbprint({ kty, crv, x }));
}
