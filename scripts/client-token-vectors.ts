/**
 * Vectors for minting client tokens in other languages: API keys, what a token is made of, and the token.
 * The API keys belong to no deployment.
 */

import { loadUntyped } from './load-untyped.ts';

const { mintClientToken } = await loadUntyped('src/client-tokens/client-tokens.ts');
const { readClientToken } = await loadUntyped('src/core/client-token/client-token.ts');
const { publicKeyOf } = await loadUntyped('src/core/client-token/derivation.ts');

const apiKeys = [
  'ea_sk_0123456789ABCDEFGHIJKLMNOPQRSTGrrzR8ya4IkrSY',
  'acme2_sk_zyxwvutsrqponmlkjihgfedcba98760000000000000X',
].map((key) => key.slice(0, key.indexOf('_sk_') + 4 + 44));

const claims = [
  {},
  { jti: 'token-1', sub: 'visitor-4711' },
  { origins: ['https://app.example', 'http://localhost:5173'] },
  { rules: [{ methods: ['get', 'patch'], resources: ['/api/asset/:id', '/api/files/*'] }] },
  { sub: 'a<b>&c', meta: { plan: 'free', team: 'zoë' } },
];

/** Returns the vectors as JSON text. Equal on every run. */
export async function clientTokenVectors(): Promise<string> {
  const vectors = [];
  for (const apiKey of apiKeys) {
    const randomPart = apiKey.slice(apiKey.indexOf('_sk_') + 4).slice(0, 30);
    for (const [index, claim] of claims.entries()) {
      const iat = 1_800_000_000 + index;
      const ttlSeconds = 60 * (index + 1);
      const issuedAt = new Date(iat * 1000);
      const token = await mintClientToken(apiKey, { ...claim, ttlSeconds, issuedAt });
      const { kid } = readClientToken(token);
      const publicKey = await publicKeyOf(randomPart);
      vectors.push({ apiKey, iat, ttlSeconds, claims: claim, kid, publicKey, token });
    }
  }
  return `${JSON.stringify({ vectors }, null, 2)}\n`;
}
