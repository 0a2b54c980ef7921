import { describe, expect, test } from 'vitest';
import { LEAK_URL_MAX_LENGTH, readLeakUrl } from '../../src/leaks/leak-url.ts';

const token = 'ea_sk_0123456789ABCDEFGHIJKLMNOPQRST3aRhN3LD2B6kse';
const other = 'ea_pk_0123456789ABCDEFGHIJKLMNOPQRSTTcssqCjt0U3Szq';
const uuid = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const encode = (text: string) =>
  Array.from(text, (one) => `%${one.charCodeAt(0).toString(16)}`).join('');

describe('readLeakUrl() keeps nothing of', () => {
  test.each([
    ['nothing', ''],
    ['a word', 'README.md'],
    ['a path', '/octocat/Hello-World'],
    ['a script', 'javascript:alert(1)'],
    ['data', 'data:text/html,x'],
    ['a file', 'file:///etc/passwd'],
    ['an invalid host', 'https://exa mple/'],
    ['a user name', 'https://user@a.example/'],
    ['a password', 'https://:secret@a.example/'],
    ['a URL that is too long', `https://a.example/${'x'.repeat(LEAK_URL_MAX_LENGTH)}`],
    ['a URL that is too long once it is encoded', `https://a.example/${'ä'.repeat(600)}`],
    ['the token, percent-encoded', `https://a.example/${encode(token)}`],
    ['the token, encoded twice', `https://a.example/${encode(encode(token))}`],
    ['the token, encoded in part', `https://a.example/${token.replace('_sk_', '%5Fsk%5f')}`],
    ['the token, encoded in the query', `https://a.example/?t=${encode(token)}`],
    ['the token, encoded more often than anybody does', `https://a.example/%${'25'.repeat(9)}41`],
    ['the token with its case changed', `https://a.example/${token.toUpperCase()}`],
    ['another token, percent-encoded', `https://a.example/${encode(other)}`],
  ])('%s', (_, url) => {
    expect(readLeakUrl(url, token)).toBeNull();
  });

  test('a token of another form that it holds encoded', () => {
    expect(readLeakUrl(`https://a.example/${encode(uuid)}`, uuid)).toBeNull();
    expect(readLeakUrl(`https://${uuid.toUpperCase()}.example/`, uuid.toUpperCase())).toBeNull();
  });
});

describe('readLeakUrl()', () => {
  test.each([
    ['https://github.com/a/b/blob/123/c.txt#L5', 'https://github.com/a/b/blob/123/c.txt#L5'],
    ['http://a.example', 'http://a.example/'],
    ['HTTPS://A.example:443/ä b', 'https://a.example/%C3%A4%20b'],
    ['https://a.example/<script>"', 'https://a.example/%3Cscript%3E%22'],
    [`https://a.example/${token}/c`, 'https://a.example/…/c'],
    [`https://a.example/?t=${token}&u=${token}`, 'https://a.example/?t=…&u=…'],
    [`https://a.example/#${other}`, 'https://a.example/#ea_pk_0123…'],
    [`https://a.example/${token.slice(0, -1)}`, 'https://a.example/ea_sk_0123…'],
    ['https://a.example/100%', 'https://a.example/100%'],
  ])('of %s keeps %s', (url, kept) => {
    expect(readLeakUrl(url, token)).toBe(kept);
  });

  test('cuts out a token of another form', () => {
    expect(readLeakUrl(`https://a.example/${uuid}`, uuid)).toBe('https://a.example/…');
  });

  test('keeps the URL where there is no token to hide', () => {
    expect(readLeakUrl('https://a.example/b', '')).toBe('https://a.example/b');
  });
});
