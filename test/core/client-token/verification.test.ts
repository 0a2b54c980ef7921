import { describe, expect, test } from 'vitest';
import type { ClientTokenForm } from '../../../src/core/client-token/client-token.ts';
import { importVerifyingKey, isSignedBy } from '../../../src/core/client-token/verification.ts';

const base64Url = (hex: string) => Buffer.from(hex, 'hex').toString('base64url');

// TEST 2 of https://www.rfc-editor.org/rfc/rfc8032#section-7.1, whose message is one letter.
const publicKey = base64Url('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
const signature = Uint8Array.from(
  Buffer.from(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    'hex',
  ),
);
const tokenOf = (signed: string, bytes: Uint8Array = signature) =>
  ({ signed, signature: bytes }) as ClientTokenForm;
const changed = (index: number) =>
  signature.map((byte, place) => (place === index ? byte ^ 1 : byte));

describe('isSignedBy()', () => {
  test.each([
    ['another text', tokenOf('s')],
    ['no text', tokenOf('')],
    ['a longer text', tokenOf('rr')],
    ['a changed first byte', tokenOf('r', changed(0))],
    ['a changed last byte', tokenOf('r', changed(63))],
    ['no signature', tokenOf('r', new Uint8Array())],
    ['zeros', tokenOf('r', new Uint8Array(64))],
    ['a byte too many', tokenOf('r', new Uint8Array([...signature, 0]))],
  ])('refuses %s', async (_, token) => {
    expect(await isSignedBy(await importVerifyingKey(publicKey), token)).toBe(false);
  });

  test('refuses the key of another token', async () => {
    // TEST 3 of the same section.
    const other = base64Url('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025');
    expect(await isSignedBy(await importVerifyingKey(other), tokenOf('r'))).toBe(false);
  });

  test('accepts the signature of the specification', async () => {
    expect(await isSignedBy(await importVerifyingKey(publicKey), tokenOf('r'))).toBe(true);
  });
});

describe('importVerifyingKey()', () => {
  test('makes a key that verifies, and does nothing else', async () => {
    const key = await importVerifyingKey(publicKey);
    expect([key.type, key.extractable, key.usages]).toEqual(['public', false, ['verify']]);
    expect(key.algorithm.name).toBe('Ed25519');
  });

  test.each([
    ['nothing', ''],
    ['a byte too few', publicKey.slice(0, 42)],
    ['a byte too many', `${publicKey}AA`],
  ])('refuses %s', async (_, text) => {
    await expect(importVerifyingKey(text)).rejects.toThrow();
  });
});
