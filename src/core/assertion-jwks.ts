/**
 * Reads the keys that sign assertions, as the operator sets them. Pure, no I/O.
 *
 * JWK Set: https://www.rfc-editor.org/rfc/rfc7517#section-5, Ed25519: https://www.rfc-editor.org/rfc/rfc8037#section-2
 */

import { isRecord, parseJson } from './json.ts';

/** A signing key: a private Ed25519 JWK. */
export interface AssertionKey {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly d: string;
  readonly kid?: string;
}

const coordinatePattern = /^[A-Za-z0-9_-]{43}$/;

/**
 * Reads a JWK Set in JSON: `{"keys": [...]}`, the first of which signs. Returns `null` when it is not
 * one, holds no key, or holds a key that is not a private Ed25519 key. Says no more, because all of it
 * is secret.
 */
export function readAssertionKeys(json: string): readonly AssertionKey[] | null {
  const set = parseJson(json);
  const keys = isRecord(set) ? set['keys'] : null;
  if (!Array.isArray(keys) || keys.length === 0) return null;
  const read = keys.map(readKey);
  return read.every((key) => key !== null) ? read : null;
}

function readKey(jwk: unknown): AssertionKey | null {
  if (!isRecord(jwk)) return null;
  const { kty, crv, x, d, kid } = jwk;
  if (kty !== 'OKP' || crv !== 'Ed25519') return null;
  if (typeof x !== 'string' || !coordinatePattern.test(x)) return null;
  if (typeof d !== 'string' || !coordinatePattern.test(d)) return null;
  if (kid === undefined) return { kty, crv, x, d };
  return typeof kid === 'string' && /^[\x21-\x7e]{1,128}$/.test(kid)
    ? { kty, crv, x, d, kid }
    : null;
}
