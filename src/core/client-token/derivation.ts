/**
 * The two values that a client token is made of and that its parent's token alone yields: the key's
 * name (`kid`) and the seed of the Ed25519 key pair that signs.
 *
 * Both start from the random part of the parent's token. So the holder of a backend token mints
 * without a request, and the edge stores a public key, which mints nothing. Used by the edge and by
 * the minting library. No I/O, no clock. Uses Web Crypto, which is asynchronous.
 *
 * Contract: docs/client-tokens.md
 */

import { toBase64Url } from './base64url.ts';

/** Characters of `kid` that come from the parent's token. The tag of that token follows them. */
export const KID_NAME_LENGTH = 22;
/** Bytes of an Ed25519 seed, https://www.rfc-editor.org/rfc/rfc8032#section-5.1.5 */
const SEED_LENGTH = 32;

const KID_CONTEXT = 'edge-authorizer client kid v1';
const SEED_CONTEXT = 'edge-authorizer client token v1';

/**
 * A private key in PKCS #8 is this prefix and the seed: version 0, algorithm id-Ed25519, and the seed
 * in two octet strings. https://www.rfc-editor.org/rfc/rfc8410#section-7
 */
const pkcs8Prefix = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];

const encoder = new TextEncoder();

/**
 * Returns the first 22 characters of a `kid`: 128 bits of a hash of the token's random part, in
 * base64url. The hash is one-way, so a `kid` in a page says nothing of the token.
 */
export async function kidNameOf(randomPart: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', encoder.encode(KID_CONTEXT + randomPart));
  return toBase64Url(new Uint8Array(digest).subarray(0, 16));
}

/**
 * Derives the private key that signs the client tokens of one backend token. `extractable` lets the
 * caller export the public key from it. Never throws on 30 characters of base62.
 *
 * HKDF: https://www.rfc-editor.org/rfc/rfc5869
 */
export async function signingKeyOf(randomPart: string, extractable: boolean): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey('raw', encoder.encode(randomPart), 'HKDF', false, [
    'deriveBits',
  ]);
  const seed = await crypto.subtle.deriveBits(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: encoder.encode(SEED_CONTEXT) },
    material,
    SEED_LENGTH * 8,
  );
  const pkcs8 = Uint8Array.from([...pkcs8Prefix, ...new Uint8Array(seed)]);
  return crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', extractable, ['sign']);
}

/**
 * Returns the public key that verifies the client tokens of one backend token, as 43 characters of
 * base64url. This is what D1 stores.
 */
export async function publicKeyOf(randomPart: string): Promise<string> {
  const jwk = await crypto.subtle.exportKey('jwk', await signingKeyOf(randomPart, true));
  // The exported key is a JWK of the type OKP, which has `x`: RFC 8037, section 2.
  return (jwk as { readonly x: string }).x;
}
