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

/** Characters of a `kid`: the name of the parent's token, and its tag. */
const KID_LENGTH = 22 + 8;
/** Characters of base64url that hold a signature of 64 bytes. */
const SIGNATURE_LENGTH = 86;

/**
 * Returns a client token, signed with the key that the random part of its parent's token yields. The
 * claims are written in the order of the contract, so that equal input makes equal tokens everywhere.
 */
export async function signClientToken(
  { prefix, kid, claims }: UnsignedToken,
  randomPart: string,
): Promise<string> {
  const signed = `${encode(headerOf(kid))}.${encode(payloadOf(claims))}`;
  const key = await signingKeyOf(randomPart, false);
  const signature = await crypto.subtle.sign('Ed25519', key, encoder.encode(signed));
  return `${prefix}_ct_${signed}.${toBase64Url(new Uint8Array(signature))}`;
}

/** Returns how long a client token with these claims is, in characters. */
export function lengthOfClientToken(prefix: string, claims: ClientClaims): number {
  const parts = [headerOf('-'.repeat(KID_LENGTH)), payloadOf(claims)].map(encodedLength);
  return `${prefix}_ct_`.length + parts.reduce((sum, length) => sum + length + 1, SIGNATURE_LENGTH);
}

const headerOf = (kid: string) => ({ alg: 'Ed25519', typ: 'edge-ct+jwt', kid });

// JSON leaves out members that are undefined.
const payloadOf = ({ iat, exp, jti, sub, origins, rules, meta }: ClientClaims) => ({
  iat,
  exp,
  jti,
  sub,
  origins,
  rules,
  meta,
});

/** Four characters hold three bytes. The text is not made: it may be long. */
function encodedLength(value: object): number {
  return Math.ceil((encoder.encode(JSON.stringify(value)).length * 4) / 3);
}

function encode(value: object): string {
  return toBase64Url(encoder.encode(JSON.stringify(value)));
}
