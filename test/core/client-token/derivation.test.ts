/** The values that an API key yields, as the vectors for other languages have them. */

import { expect, test } from 'vitest';
import published from '../../../docs/client-token-vectors.json' with { type: 'json' };
import {
  KID_NAME_LENGTH,
  kidNameOf,
  publicKeyOf,
  signingKeyOf,
} from '../../../src/core/client-token/derivation.ts';
import { signClientToken } from '../../../src/core/client-token/signature.ts';

/** The prefix, and the 30 random characters after `_sk_`. */
function partsOf(apiKey: string): readonly [prefix: string, randomPart: string] {
  const [prefix = '', end = ''] = apiKey.split('_sk_');
  return [prefix, end.slice(0, 30)];
}

test.each(published.vectors)('$apiKey yields the published token of $claims', async (vector) => {
  const { apiKey, iat, ttlSeconds, claims, kid, publicKey, token } = vector;
  const [prefix, randomPart] = partsOf(apiKey);
  expect(await kidNameOf(randomPart)).toBe(kid.slice(0, KID_NAME_LENGTH));
  expect(await publicKeyOf(randomPart)).toBe(publicKey);
  const unsigned = { prefix, kid, claims: { iat, exp: iat + ttlSeconds, ...claims } };
  expect(await signClientToken(unsigned, randomPart)).toBe(token);
});

test('the key that signs can leave the process only if the caller wants its public key', async () => {
  const randomPart = '0123456789ABCDEFGHIJabcdefghij';
  const keys = [await signingKeyOf(randomPart, false), await signingKeyOf(randomPart, true)];
  expect(keys.map(({ type, extractable, usages }) => [type, extractable, usages])).toEqual([
    ['private', false, ['sign']],
    ['private', true, ['sign']],
  ]);
});
