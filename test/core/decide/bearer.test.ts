import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readBearer } from '../../../src/core/decide/bearer.ts';
import { rejectionKinds } from '../../../src/core/decide/rejection.ts';
import { runs } from '../../support/runs.ts';
import { takesLessThan } from '../fixtures.ts';

const missing = { code: 'missing_credentials', challenge: 'Bearer' };
const malformed = { code: 'malformed_credentials', challenge: 'Bearer error="invalid_request"' };
// RFC 6750 section 3.1: no error code where the client attempted another way to authenticate.
const unsupported = { code: 'malformed_credentials', challenge: 'Bearer' };

const refused: readonly (readonly [
  name: string,
  value: string | null,
  wanted: { code: string; challenge: string },
])[] = [
  ['no header', null, missing],
  ['an empty header', '', missing],
  ['a blank', ' ', missing],
  ['blanks', ' \t \t', missing],

  // Bearer without exactly one token
  ['the scheme alone', 'Bearer', malformed],
  ['the scheme and a blank', 'Bearer ', malformed],
  ['the scheme and a tab', 'Bearer\t', malformed],
  ['the scheme in lower case alone', 'bearer', malformed],
  ['a token and a word', 'Bearer a b', malformed],
  ['two tokens', 'Bearer abc def', malformed],
  ['two headers', 'Bearer abc, Bearer def', malformed],
  ['two headers with the same token', 'Bearer abc, Bearer abc', malformed],
  ['two headers without a blank', 'Bearer abc,Bearer def', malformed],
  ['two tokens and a comma', 'Bearer abc,def', malformed],
  ['a trailing comma', 'Bearer abc,', malformed],
  ['a leading comma', ', Bearer abc', malformed],
  ['a comma for a token', 'Bearer ,', malformed],
  ['the scheme and a comma', 'Bearer, Bearer abc', malformed],
  ['the scheme twice', 'Bearer Bearer abc', malformed],
  ['Bearer and then Basic', 'Bearer abc, Basic dXNlcjpwYXNz', malformed],
  ['Basic and then Bearer', 'Basic dXNlcjpwYXNz, Bearer abc', malformed],
  ['Basic, a tab and then Bearer', 'Basic dXNlcjpwYXNz,\tbearer abc', malformed],
  ['padding alone', 'Bearer =', malformed],
  ['padding inside', 'Bearer a=b', malformed],
  ['padding in front', 'Bearer =a', malformed],
  ['parameters', 'Bearer realm="x"', malformed],
  ['a token in quotes', 'Bearer "abc"', malformed],
  ['a token in angle brackets', 'Bearer <abc>', malformed],
  ['a token in braces', 'Bearer {abc}', malformed],
  ['a colon in the token', 'Bearer user:pass', malformed],
  ['a semicolon in the token', 'Bearer abc;x', malformed],
  ['a percent sign in the token', 'Bearer a%20b', malformed],
  ['a backslash in the token', 'Bearer a\\b', malformed],
  ['an at in the token', 'Bearer a@b', malformed],
  ['a star for a token', 'Bearer *', malformed],
  ['a bang in the token', 'Bearer a!', malformed],
  ['a leading blank', ' Bearer abc', malformed],
  ['a letter outside ASCII in the token', 'Bearer abcé', malformed],
  ['a KELVIN SIGN in the token', 'Bearer \u212Aabc', malformed],
  ['a NUL in the token', 'Bearer a\0b', malformed],
  ['a NUL after the token', 'Bearer abc\0', malformed],
  ['a newline after the token', 'Bearer abc\n', malformed],
  ['a carriage return after the token', 'Bearer abc\r', malformed],
  ['a newline for the blank after the token', 'Bearer abc \n', malformed],
  ['a vertical tab inside the token', 'Bearer a\u000Bb', malformed],
  ['a no-break space after the token', 'Bearer abc\u00A0', malformed],
  ['a no-break space and a blank before the token', 'Bearer \u00A0abc', malformed],
  ['a lone surrogate', 'Bearer \uD800', malformed],

  // Other schemes
  ['a token alone', 'abc', unsupported],
  ['a token of ours alone', 'ea_pk_0123456789', unsupported],
  ['Basic', 'Basic dXNlcjpwYXNz', unsupported],
  ['Basic in upper case', 'BASIC dXNlcjpwYXNz', unsupported],
  ['Digest', 'Digest username="bearer", realm="x"', unsupported],
  ['Token', 'Token abc', unsupported],
  ['ApiKey', 'ApiKey abc', unsupported],
  ['a scheme that starts like Bearer', 'BearerToken abc', unsupported],
  ['Bearer without a blank', 'Bearerabc', unsupported],
  ['Bearer and a colon', 'Bearer: abc', unsupported],
  ['Bearer and a hyphen', 'Bearer-abc', unsupported],
  ['Bearer and an equals sign', 'Bearer=abc', unsupported],
  ['Bearer and a no-break space', 'Bearer\u00A0abc', unsupported],
  ['Bearer and a newline', 'Bearer\nabc', unsupported],
  ['Bearer in fullwidth letters', 'Ｂearer abc', unsupported],
  ['Bearer in quotes', '"Bearer abc"', unsupported],
  ['a scheme that ends like Bearer', 'XBearer abc', unsupported],
  ['a comma', ',', unsupported],
  ['a no-break space', '\u00A0', unsupported],
];

const accepted: readonly (readonly [name: string, value: string, token: string])[] = [
  ['one blank', 'Bearer abc', 'abc'],
  ['lower case', 'bearer abc', 'abc'],
  ['upper case', 'BEARER abc', 'abc'],
  ['mixed case', 'bEaReR abc', 'abc'],
  ['several blanks', 'Bearer    abc', 'abc'],
  ['a tab', 'Bearer\tabc', 'abc'],
  ['blanks and tabs', 'Bearer \t \tabc', 'abc'],
  ['a trailing blank', 'Bearer abc ', 'abc'],
  ['a trailing tab', 'Bearer abc\t', 'abc'],
  ['trailing blanks and tabs', 'Bearer abc \t \t', 'abc'],
  ['one character', 'Bearer a', 'a'],
  ['padding', 'Bearer abc=', 'abc='],
  ['much padding', 'Bearer a======', 'a======'],
  ['every character of token68', 'Bearer aZ09-._~+/', 'aZ09-._~+/'],
  ['a token that is called Bearer', 'Bearer Bearer', 'Bearer'],
  ['a UUID', 'Bearer 6ba7b810-9dad-11d1-80b4-00c04fd430c8', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
  ['a JWT', 'Bearer eyJh.eyJz.c2ln-_', 'eyJh.eyJz.c2ln-_'],
];

describe('readBearer() refuses', () => {
  test.each(refused)('%s', (_, value, wanted) => {
    const result = readBearer(value);
    expect(result.ok).toBe(false);
    if (result.ok) return;
    const { rejection } = result;
    const challenge = rejection.challenge ?? challengeOf(rejection.code);
    expect({ code: rejection.code, challenge }).toEqual(wanted);
    expect(rejection.detail).toMatch(/^Cannot [^\n]{30,}[^.]$/);
  });

  test.each(refused)('%s without quoting it', (_, value) => {
    const result = readBearer(value?.replaceAll('abc', 'hush-hush') ?? null);
    expect(JSON.stringify(result)).not.toContain('hush-hush');
  });
});

describe('readBearer() reads a token after', () => {
  test.each(accepted)('%s', (_, value, token) => {
    expect(readBearer(value)).toEqual({ ok: true, token });
  });
});

describe('properties', () => {
  test('readBearer() throws on no string, and returns a token68 that the string contains', () => {
    const anyText = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));
    const nearly = fc
      .array(
        fc.constantFrom('Bearer', 'bearer', ' ', '\t', 'abc', '=', ',', 'Basic', '"', '\n', 'é'),
      )
      .map((parts) => parts.join(''));
    const property = fc.property(fc.oneof(anyText, nearly), (value) => {
      const result = readBearer(value);
      if (!result.ok) return;
      expect(result.token).toMatch(/^[A-Za-z0-9\-._~+/]+=*$/);
      expect(value.slice(0, 6).toLowerCase()).toBe('bearer');
      expect(value.slice(6).replace(/^[ \t]+|[ \t]+$/g, '')).toBe(result.token);
    });
    fc.assert(property, { numRuns: runs(5_000) });
  });

  test('readBearer() reads back every token68', () => {
    const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/';
    const token = fc.string({ unit: fc.constantFrom(...characters), minLength: 1 });
    const blanks = fc.string({ unit: fc.constantFrom(' ', '\t') });
    const property = fc.property(token, blanks, blanks, (text, before, after) => {
      expect(readBearer(`Bearer ${before}${text}${after}`)).toEqual({ ok: true, token: text });
    });
    fc.assert(property);
  });

  test.each([
    ['blanks before a bad token', `Bearer ${' '.repeat(200_000)}@`],
    ['blanks after a token', `Bearer a${' '.repeat(200_000)}@`],
    ['a long token with a bad end', `Bearer ${'a'.repeat(200_000)}@`],
    ['much padding with a bad end', `Bearer a${'='.repeat(200_000)}@`],
    ['a list of blanks', `x${`,${' '.repeat(100)}`.repeat(2_000)}x`],
  ])('readBearer() takes no time that grows faster than its input: %s', (_, value) => {
    expect(readBearer(value).ok).toBe(false);
    // Linear, this takes a few milliseconds; a quadratic pattern takes minutes.
    expect(takesLessThan(1_000, () => readBearer(value))).toBe(true);
  });
});

function challengeOf(code: keyof typeof rejectionKinds): string | undefined {
  const kind = rejectionKinds[code];
  return 'challenge' in kind ? kind.challenge : undefined;
}
