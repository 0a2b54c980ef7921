import { describe, expect, test } from 'vitest';
import { readScanningKeys } from '../../src/leaks/github-public-keys.ts';

// What https://api.github.com/meta/public_keys/secret_scanning answered, of which the second is today's.
const published = {
  public_keys: [
    {
      key_identifier: '90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a',
      key: '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq\nkCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==\n-----END PUBLIC KEY-----\n',
      is_current: false,
    },
    {
      key_identifier: 'bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c',
      key: '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\nAjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n-----END PUBLIC KEY-----\n',
      is_current: true,
    },
  ],
} as const;
const [first, second] = published.public_keys;
const pem = second.key;

// The others were made by OpenSSL 3.
const p384 = `-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEJy7aTlPtRoQ1DdZ4gs50WnfnpOSIhIeR
5vGMz9haemquikHz5FhJBFv29vxRT4H4DmBCkfEW5uGImaa29s/kQH0qIPoA5zjo
OB99tDoTh4YNmT4jd8SbZQWAQZSvxu3r
-----END PUBLIC KEY-----`;
const compressed = `-----BEGIN PUBLIC KEY-----
MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADG4+08UVfjvUEEpIJe698hE673Ko8
NpJKRtNSKFcsnXA=
-----END PUBLIC KEY-----`;
const ed25519 = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAT74GqXV73SHXfZ+NMqvUrezRe4bd9ibU3/xtc3MfKPc=
-----END PUBLIC KEY-----`;
const secp256k1 = `-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEEwjyeE8ubFw1hm5/V4oKyJXxzXpfC1MJ
8Yo+9Mfm3ugrEyz6SDGekZ48kcmN7wQ1J6T353bIz7p10vzgxjni/w==
-----END PUBLIC KEY-----`;

const notP256 = 'key "a" is not the PEM of a P-256 public key';
const notPublished = '"public_keys" is not a list of objects with a "key_identifier" and a "key"';

describe('readScanningKeys() refuses', () => {
  test.each<[name: string, value: unknown, reason: string]>([
    ['a text that is no JSON', pem, 'it is not a JSON object'],
    ['a list', '[]', 'it is not a JSON object'],
    ['null', 'null', 'it is not a JSON object'],
    ['a number', 1, 'it is not a JSON object'],
    ['no key', '{}', 'it holds no key'],
    ['no published key', { public_keys: [] }, 'it holds no key'],
    ['published keys that are no list', { public_keys: {} }, notPublished],
    ['a published key that is a text', { public_keys: [pem] }, notPublished],
    ['a published key without an identifier', { public_keys: [{ key: pem }] }, notPublished],
    ['a published key without a key', { public_keys: [{ key_identifier: 'a' }] }, notP256],
    [
      'the same identifier twice',
      { public_keys: [second, { ...first, key_identifier: second.key_identifier }] },
      `key "${second.key_identifier}" is there twice`,
    ],
    [
      'one bad key beside a good one',
      { public_keys: [second, { key_identifier: 'a', key: '' }] },
      notP256,
    ],
    [
      'more keys than one needs',
      Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`k${index}`, pem])),
      'it holds more than 20 keys',
    ],
    [
      'an identifier of nothing',
      { '': pem },
      'an identifier is not 1 to 128 visible ASCII characters',
    ],
    [
      'an identifier with a blank',
      { 'a b': pem },
      'an identifier is not 1 to 128 visible ASCII characters',
    ],
    ['a key that is no text', { a: 1 }, notP256],
    ['a key without its frame', { a: pem.split('\n').slice(1, 3).join('') }, notP256],
    ['a key in another frame', { a: pem.replaceAll('PUBLIC', 'PRIVATE') }, notP256],
    ['two keys in one text', { a: pem + pem }, notP256],
    ['a key that breaks off', { a: pem.replace('FVw==', '') }, notP256],
    ['a key with a byte after it', { a: pem.replace('FVw==', 'FVwA=') }, notP256],
    ['a key over P-384', { a: p384 }, notP256],
    ['a key over secp256k1', { a: secp256k1 }, notP256],
    ['an Ed25519 key', { a: ed25519 }, notP256],
    ['a key whose point is compressed', { a: compressed }, notP256],
    ['a point that is not on the curve', { a: pem.replace('YAGMWO8X', 'YAGMWO8Y') }, notP256],
  ])('%s', (_, value, reason) => {
    expect(readScanningKeys(value)).toEqual({ ok: false, reason });
  });
});

describe('readScanningKeys()', () => {
  const ids = published.public_keys.map(({ key_identifier }) => key_identifier);

  test.each<[name: string, value: unknown]>([
    ['what GitHub publishes', published],
    ['the same as text', JSON.stringify(published)],
    [
      'PEMs by identifier',
      Object.fromEntries(published.public_keys.map((one) => [one.key_identifier, one.key])),
    ],
    ['line breaks of Windows', JSON.parse(JSON.stringify(published).replaceAll('\\n', '\\r\\n'))],
    ['members that came later', { ...published, next: 1 }],
  ])('reads %s, keys that are not current included', async (_, value) => {
    const result = readScanningKeys(value);
    expect(result.ok && result.keys.map(({ id }) => id)).toEqual(ids);
    for (const { spki } of result.ok ? result.keys : []) {
      const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
      const key = await crypto.subtle.importKey('spki', spki, algorithm, true, ['verify']);
      // An SPKI is bytes; other formats are not.
      const exported = (await crypto.subtle.exportKey('spki', key)) as ArrayBuffer;
      expect(new Uint8Array(exported)).toEqual(spki);
    }
  });
});
