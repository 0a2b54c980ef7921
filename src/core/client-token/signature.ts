/**
 * Signs a client token: one header, the claims in one order, Ed25519. Used by the minting library and by
 * the endpoint that mints. No I/O, no clock. Contract: docs/client-tokens.md
 */

import { toBase64Url } from './base64url.ts';
import type { ClientClaims } from './claims.ts';
import { signingKeyOf } from './derivation.ts';

/** The parts of a client token. */
export interface UnsignedToken {
  readonly prefix: string;
  readonly kid: string;
  readonly claims: ClientClaims;
}

const encoder = new TextEncoder();

/**
 * Returns a client token, signed with the key that the random part of its parent's token yields. The
 * claims are written in the order of the contract, so that equal input makes equal tokens everywhere.
 */
export async function signClientToken(
  { prefix, kid, claims }: UnsignedToken,
  randomPart: string,
): Promise<string> {
  const { iat, exp, jti, sub, origins, rules, meta } = claims;
  const header = { alg: 'Ed25519', typ: 'edge-ct+jwt', kid };
  // JSON leaves out members that are undefined.
  const payload = { iat, exp, jti, sub, origins, rules, meta };
  const signed = `${encode(header)}.${encode(payload)}`;
  const key = await signingKeyOf(randomPart, false);
  const signature = await crypto.subtle.sign('Ed25519', key, encoder.encode(signed));
  return `${prefix}_ct_${signed}.${toBase64Url(new Uint8Array(signature))}`;
}

function encode(value: object): string {
  return toBase64Url(encoder.encode(JSON.stringify(value)));
}
