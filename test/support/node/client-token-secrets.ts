/**
 * The secrets that a backend token yields for its client tokens: the seed of their signing key and the
 * private key itself. Written after docs/client-tokens.md with Node's own crypto, and not with the code
 * that is tested.
 */

import { createPrivateKey, hkdfSync } from 'node:crypto';
import type { Secrets } from './find-secrets.ts';

/** ASN.1 of a private key for Ed25519, up to the seed: https://www.rfc-editor.org/rfc/rfc8410#section-7 */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Returns the secrets that mint client tokens of this backend token, in the spellings that code writes. */
export function mintingSecrets(backendToken: string): Secrets {
  const [, randomPart = ''] = /_sk_([0-9A-Za-z]{30})/.exec(backendToken) ?? [];
  const info = 'edge-authorizer client token v1';
  const seed = Buffer.from(hkdfSync('sha256', randomPart, '', info, 32));
  const pkcs8 = Buffer.concat([PKCS8_PREFIX, seed]);
  const { d = '' } = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({
    format: 'jwk',
  });
  return {
    'the seed of a signing key': seed.toString('hex'),
    'the signing key as a JWK': d,
    // Every such key begins alike.
    'the signing key as PKCS #8': pkcs8.toString('base64url').slice(24),
  };
}
