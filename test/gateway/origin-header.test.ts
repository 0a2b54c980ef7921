import { describe, expect, test } from 'vitest';
import { readOrigin } from '../../src/gateway/origin-header.ts';

/** A request with this very header: `Headers` would trim it, which the runtime does not. */
function withOrigin(value: string | null): Request {
  const headers = { get: (name: string) => (name === 'origin' ? value : null) };
  return { headers } as unknown as Request;
}

describe('readOrigin()', () => {
  test.each([
    ['no header', null, null],
    ['an empty one', '', null],
    ['blanks alone', ' \t ', null],
    ['several origins', 'https://a.example, https://b.example', 'malformed'],
    ['an upper-case host', 'https://A.example', 'malformed'],
    ['a blank before it', ' https://a.example', 'malformed'],
    ['a blank inside it', 'https://a.example x', 'malformed'],
    ['a header of blanks and a letter', `x${' '.repeat(100_000)}`, 'malformed'],
  ])('reads %s, with the same result each time', (_, header, expected) => {
    for (let time = 0; time < 3; time++) expect(readOrigin(withOrigin(header))).toBe(expected);
  });

  test.each(['', ' ', '\t \t', ' '.repeat(1000)])('drops blanks behind it: %j', (blanks) => {
    for (let time = 0; time < 3; time++) {
      const origin = readOrigin(withOrigin(`https://a.example:8443${blanks}`));
      expect(origin).toMatchObject({ value: 'https://a.example:8443', host: 'a.example' });
    }
  });

  test('tells origins apart that begin alike', () => {
    const values = ['https://a.example', 'https://a.example.', 'http://a.example', 'null'];
    for (const value of [...values, ...values.toReversed()]) {
      expect(readOrigin(withOrigin(value))).toMatchObject({ value });
    }
  });

  test('remembers headers that repeat, but none long enough to fill memory', () => {
    const short = () => readOrigin(withOrigin('https://again.example'));
    expect(short()).toBe(short());
    const long = () => readOrigin(withOrigin(`https://again.example${' '.repeat(100_000)}`));
    expect(long()).toEqual(short());
    expect(long()).not.toBe(long());
  });

  test('reads correctly when it receives more origins than it remembers', () => {
    for (let index = 0; index < 5_000; index++) {
      const value = `https://site-${index}.example`;
      expect(readOrigin(withOrigin(value))).toMatchObject({ value });
    }
    expect(readOrigin(withOrigin('https://site-0.example'))).toMatchObject({
      value: 'https://site-0.example',
    });
  });
});
