/**
 * Verifies that a report of leaked tokens comes from GitHub: its signature, over the body as received.
 *
 * https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program#implement-signature-verification-in-your-secret-alert-service
 */

import { readDerSignature } from '../leaks/der-signature.ts';
import type { ScanningKey } from '../leaks/github-public-keys.ts';

/** The headers that a report is signed with. */
export const KEY_ID_HEADER = 'github-public-key-identifier';
export const SIGNATURE_HEADER = 'github-public-key-signature';

/** A key and a signature that was made by it, or not. Or why there is nothing to check: for the log. */
export type SignatureReading =
  | { readonly ok: true; readonly key: ScanningKey; readonly signature: Uint8Array<ArrayBuffer> }
  | { readonly ok: false; readonly cause: string };

/** Reads the headers of a report. Nothing of its body has to be read for what is refused here. */
export function readSignature(headers: Headers, keys: readonly ScanningKey[]): SignatureReading {
  const keyId = headers.get(KEY_ID_HEADER);
  const written = headers.get(SIGNATURE_HEADER);
  if (keyId === null || written === null) return { ok: false, cause: 'not signed' };
  const key = keys.find(({ id }) => id === keyId);
  if (key === undefined) return { ok: false, cause: 'signed with a key that is not configured' };
  const signature = readDerSignature(written);
  if (signature === null) return { ok: false, cause: 'the signature is malformed' };
  return { ok: true, key, signature };
}

/** Returns whether the key signed these bytes: ECDSA over P-256 with SHA-256. */
export async function isSignedBy(
  { spki }: ScanningKey,
  signature: Uint8Array<ArrayBuffer>,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const key = await crypto.subtle.importKey('spki', spki, algorithm, false, ['verify']);
  return crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, signature, bytes);
}
