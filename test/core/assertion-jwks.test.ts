/** The keys that sign assertions, as the operator sets them: refusals first. */

import { describe, expect, test } from 'vitest';
import { readAssertionKeys } from '../../src/core/assertion-jwks.ts';

const good = { kty: 'OKP', crv: 'Ed25519', x: 'x'.repeat(43), d: `-_${'9'.repeat(41)}` };
const { d, ...publicKey } = good;

describe('readAssertionKeys() refuses', () => {
  test.each<[string, unknown]>([
    ['no JSON', undefined],
    ['null', null],
    ['a key alone', good],
    ['a list', [good]],
    ['no keys in a set', { keys: [] }],
    ['keys that are no list', { keys: good }],
    ['keys by number', { keys: { 0: good, length: 1 } }],
    ['null as a key', { keys: [null] }],
    ['a text as a key', { keys: ['key'] }],
    ['a key of another type', { keys: [{ ...good, kty: 'EC' }] }],
    ['another curve', { keys: [{ ...good, crv: 'X25519' }] }],
    ['a public key', { keys: [publicKey] }],
    ['a key without its public half', { keys: [{ ...good, x: undefined }] }],
    ['a private half that is a number', { keys: [{ ...good, d: 7 }] }],
    ['a public half of 42 characters', { keys: [{ ...good, x: 'x'.repeat(42) }] }],
    ['one of 44', { keys: [{ ...good, x: 'x'.repeat(44) }] }],
    ['a private half of 42', { keys: [{ ...good, d: d.slice(1) }] }],
    ['one of 44 characters', { keys: [{ ...good, d: `${d}a` }] }],
    ['base64 in place of base64url', { keys: [{ ...good, d: `+${d.slice(1)}` }] }],
    ['a line break', { keys: [{ ...good, x: `${'x'.repeat(42)}\n` }] }],
    ['an empty kid', { keys: [{ ...good, kid: '' }] }],
    ['a kid with a blank', { keys: [{ ...good, kid: 'a b' }] }],
    ['a kid beyond ASCII', { keys: [{ ...good, kid: 'é' }] }],
    ['a kid of 129 characters', { keys: [{ ...good, kid: 'k'.repeat(129) }] }],
    ['a kid that is a number', { keys: [{ ...good, kid: 1 }] }],
    ['a kid that is null', { keys: [{ ...good, kid: null }] }],
    ['a good key before a bad one', { keys: [good, publicKey] }],
    ['a bad key before a good one', { keys: [publicKey, good] }],
  ])('%s', (_, set) => {
    expect(readAssertionKeys(JSON.stringify(set) ?? '{')).toBeNull();
  });
});

describe('readAssertionKeys() reads', () => {
  test('keys in their order, and nothing but what signs', () => {
    const second = { ...good, kid: '!~' };
    const set = {
      keys: [{ ...good, use: 'sig', alg: 'EdDSA', key_ops: ['sign'] }, second],
      more: 1,
    };
    expect(readAssertionKeys(JSON.stringify(set))).toEqual([good, second]);
  });

  test('a kid of 128 characters', () => {
    const key = { ...good, kid: 'k'.repeat(128) };
    expect(readAssertionKeys(JSON.stringify({ keys: [key] }))).toEqual([key]);
  });
});
