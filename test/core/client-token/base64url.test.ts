import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromBase64Url, toBase64Url } from '../../../src/core/client-token/base64url.ts';

describe('fromBase64Url()', () => {
  test.each([
    ['a character before it', '.AAAA'],
    ['a character after it', 'AAAA.'],
    ['a character within', 'AA.A'],
    ['a blank before it', ' AAA'],
    ['a line break after it', 'AAA\n'],
    ['padding', 'AA=='],
    ['the plus of base64', 'AA+A'],
    ['the slash of base64', 'AA/A'],
    ['a length that no bytes have', 'A'],
    ['another such length', 'AAAAA'],
    ['bits after the last byte', 'AB'],
    ['bits after the second byte', 'AAB'],
    ['a letter that is no ASCII', 'AAAÀ'],
  ])('reads nothing from %s', (_, text) => {
    expect(fromBase64Url(text)).toBeNull();
  });

  // https://www.rfc-editor.org/rfc/rfc4648#section-10, without the padding.
  test.each([
    ['', ''],
    ['f', 'Zg'],
    ['fo', 'Zm8'],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg'],
    ['fooba', 'Zm9vYmE'],
    ['foobar', 'Zm9vYmFy'],
  ])('reads %j from %j, which is written so', (text, encoded) => {
    expect(toBase64Url(new TextEncoder().encode(text))).toBe(encoded);
    expect(new TextDecoder().decode(fromBase64Url(encoded) ?? undefined)).toBe(text);
  });

  test('reads what was written, and Node writes the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = toBase64Url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64url'));
        expect(fromBase64Url(text)).toEqual(bytes);
      }),
    );
  });
});
