/**
 * The form of a client token: `{prefix}_ct_` and a compact JWS that has exactly one spelling.
 *
 * Everything here is decided from the characters alone, before any cryptography or look-up. Pure, no
 * I/O, no clock. Contract: docs/client-tokens.md. JWS: https://www.rfc-editor.org/rfc/rfc7515#section-3.1
 */

import { fromBase64Url } from './base64url.ts';

/** Longest client token, in characters. */
export const CLIENT_TOKEN_MAX_LENGTH = 2_048;

/** A client token taken apart. Nothing of it is proved yet. */
export interface ClientTokenForm {
  /** The prefix of the deployment, such as `ea`. */
  readonly prefix: string;
  /** Names the parent's token: 22 characters of base64url and the 8 of its tag. */
  readonly kid: string;
  /** The claims as JSON text. */
  readonly payload: string;
  /** The ASCII characters that the signature covers. */
  readonly signed: string;
  /** 64 bytes: R and S of Ed25519. */
  readonly signature: Uint8Array<ArrayBuffer>;
}

const clientTokenPattern =
  /^([a-z][a-z0-9]{0,15})_ct_([A-Za-z0-9_-]{1,200})\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{86})$/;
const prefixPattern = /^[a-z][a-z0-9]{0,15}_ct_/;
// Byte for byte: other members, another order or blanks are another token. RFC 9864 names the
// algorithm "Ed25519" and deprecates "EdDSA": https://www.rfc-editor.org/rfc/rfc9864#section-4.1.2
// 22 characters hold 132 bits for 128, so the last one is one of four.
const headerPattern =
  /^\{"alg":"Ed25519","typ":"edge-ct\+jwt","kid":"([A-Za-z0-9_-]{21}[AQgw][0-9A-Za-z]{8})"\}$/;

/** Returns whether a token claims to be a client token. The others are API keys. */
export function isClientToken(token: string): boolean {
  return prefixPattern.test(token);
}

/**
 * Takes a client token apart. Returns `null` if it is longer than 2,048 characters, or is anything but
 * a header with these three members, claims in UTF-8 and a signature of 64 bytes that can be one, all
 * in canonical base64url. Never throws.
 */
export function readClientToken(token: string): ClientTokenForm | null {
  if (token.length > CLIENT_TOKEN_MAX_LENGTH) return null;
  const match = clientTokenPattern.exec(token);
  if (match === null) return null;
  const [, prefix = '', header = '', payload = '', encodedSignature = ''] = match;
  const kid = headerPattern.exec(textOf(header) ?? '')?.[1];
  const claims = textOf(payload);
  const signature = fromBase64Url(encodedSignature);
  if (kid === undefined || claims === null || signature === null) return null;
  if (!isReduced(signature)) return null;
  return { prefix, kid, payload: claims, signed: `${header}.${payload}`, signature };
}

/** Returns the text that base64url holds in UTF-8; `null` if it holds anything else. */
function textOf(encoded: string): string | null {
  const bytes = fromBase64Url(encoded);
  if (bytes === null) return null;
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

// A byte order mark stays, so that JSON refuses it: with and without it would be two tokens.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The order of the group, as 32 bytes from the least significant: RFC 8032, section 5.1. */
const groupOrder = littleEndian(2n ** 252n + 27742317777372353535851937790883648493n);
/** The prime of the field: RFC 8032, section 5.1. */
const fieldPrime = littleEndian(2n ** 255n - 19n);

/**
 * Returns whether both halves of a signature are reduced: S below the order of the group, and the
 * y-coordinate of R below the prime. A copy with L added to S, or p to y, would be a second signature
 * of the same claims. https://www.rfc-editor.org/rfc/rfc8032#section-5.1.7
 */
function isReduced(signature: Uint8Array): boolean {
  const r = signature.slice(0, 32);
  // The highest bit is the sign of x.
  r[31] = (r[31] ?? 0) & 0x7f;
  return isBelow(r, fieldPrime) && isBelow(signature.subarray(32), groupOrder);
}

function isBelow(left: Uint8Array, right: Uint8Array): boolean {
  for (let place = 31; place >= 0; place--) {
    const difference = (left[place] ?? 0) - (right[place] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, place) => Number((value >> BigInt(8 * place)) & 255n));
}
