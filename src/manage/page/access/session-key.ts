/**
 * The keys that sign sessions of the page.
 *
 * The key of `ADMIN_TOKEN` is derived from that token. Of a named operator only the SHA-256 is configured.
 * That is no secret between people who edit the settings, so it may not be enough to make a session. The
 * key is therefore derived from the hash and from a secret that this deployment keeps in D1: neither the
 * settings nor a copy of D1 opens the page alone.
 */

import { base64url } from 'jose';
import type { OperatorToken } from '../../../core/operators/operator-tokens.ts';

const PURPOSE = 'edge-authorizer page';

const encoder = new TextEncoder();

/** The key of sessions of the holder of `ADMIN_TOKEN`. It does not reveal the token. */
export function adminKey(adminToken: string): Promise<Uint8Array> {
  return deriveKey(adminToken, PURPOSE);
}

/** The key of sessions of a named operator: another one as soon as their token is. */
export function operatorKey({ sha256 }: OperatorToken, sessionSecret: string): Promise<Uint8Array> {
  // Both have a fixed length, so that no two pairs give the same text.
  return deriveKey(`${sessionSecret}${sha256}`, `${PURPOSE} of a named operator`);
}

/** The name of that key, which tells entries of one name apart. It does not reveal the hash. */
export async function operatorKeyId({ sha256 }: OperatorToken): Promise<string> {
  const text = encoder.encode(`${PURPOSE}\n${sha256}`);
  const digest = await crypto.subtle.digest('SHA-256', text);
  return base64url.encode(new Uint8Array(digest).subarray(0, 12));
}

/** HKDF. https://www.rfc-editor.org/rfc/rfc5869 */
async function deriveKey(secret: string, purpose: string): Promise<Uint8Array> {
  const material = await crypto.subtle.importKey('raw', encoder.encode(secret), 'HKDF', false, [
    'deriveBits',
  ]);
  const bits = await crypto.subtle.deriveBits(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: encoder.encode(purpose) },
    material,
    256,
  );
  return new Uint8Array(bits);
}
