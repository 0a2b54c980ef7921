/**
 * Verifies the signature of a client token with the public key of its parent's token. No I/O, no clock.
 * Uses Web Crypto, which is asynchronous.
 */

import type { ClientTokenForm } from './client-token.ts';

const encoder = new TextEncoder();

/** Imports a public key as D1 holds it: 43 characters of base64url. https://www.rfc-editor.org/rfc/rfc8037#section-2 */
export function importVerifyingKey(publicKey: string): Promise<CryptoKey> {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: publicKey };
  return crypto.subtle.importKey('jwk', jwk, 'Ed25519', false, ['verify']);
}

/** Returns whether a token was signed with the key. https://www.rfc-editor.org/rfc/rfc8032#section-5.1.7 */
export function isSignedBy(
  key: CryptoKey,
  { signed, signature }: ClientTokenForm,
): Promise<boolean> {
  return crypto.subtle.verify('Ed25519', key, signature, encoder.encode(signed));
}
