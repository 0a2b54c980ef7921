import { describe, expect, test } from 'vitest';
import { nameFault, shownName } from '../../../src/core/key/key-name.ts';

const codePoints = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);
const written = (code: number) => `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;

describe('nameFault()', () => {
  test.each(['', ' ', ' \t\n', '\u00a0', '\u3000\u2003', '\u2028'])('calls %j empty', (name) => {
    expect(nameFault(name)).toBe('it is empty');
  });

  test.each([
    ['a zero-width space', '\u200b', 'U+200B'],
    ['a soft hyphen', '\u00ad', 'U+00AD'],
    ['a Hangul filler', '\u3164', 'U+3164'],
    ['a blank of Braille', '\u2800', 'U+2800'],
    ['a byte order mark', '\ufeff', 'U+FEFF'],
    ['a joiner', '\u200d', 'U+200D'],
    ['a variation selector', '\ufe0f', 'U+FE0F'],
    ['a tag', '\u{e0041}', 'U+E0041'],
    ['a mark of direction', '\u200e', 'U+200E'],
    ['several, and blanks', ' \u2060 \u200b\u2800', 'U+2060'],
  ])('says that %s alone shows nothing', (_, name, character) => {
    expect(nameFault(name)).toBe(`it has no visible character: ${character} shows nothing`);
  });

  test.each([0x061c, 0x200e, 0x200f, ...codePoints(0x202a, 0x202e), ...codePoints(0x2066, 0x2069)])(
    'refuses %i, which directs text',
    (code) => {
      const name = `Player ${String.fromCodePoint(code)}1`;
      expect(nameFault(name)).toBe(`it holds ${written(code)}, which directs the text around it`);
    },
  );

  test.each([0x2028, 0x2029])('refuses %i, which breaks lines', (code) => {
    const name = `Player${String.fromCodePoint(code)}1`;
    expect(nameFault(name)).toBe(`it holds ${written(code)}, which breaks the line`);
  });

  test.each([
    ['above', '\u0351'],
    ['below', '\u0321'],
    ['around', '\u20dd'],
  ])('refuses more than 8 marks %s one character', (_, mark) => {
    expect(nameFault(`Z${mark.repeat(9)} player`)).toBe(
      'it stacks more than 8 marks on one character',
    );
    expect(nameFault(`Z${`${mark}\u200d`.repeat(9)}`)).toMatch(/^it stacks/);
    expect(nameFault(`Z${mark.repeat(8)}Z${mark.repeat(8)}`)).toBeNull();
  });

  test.each(['a\nb', 'a\0', '\u001b[31mred', 'a\u0085b', 'a\ud83d', '\udc00a'])(
    'refuses %j for its control character',
    (name) => {
      expect(nameFault(name)).toBe('it holds a control character, or half of one');
    },
  );

  test.each([
    'a',
    'Production web player',
    'Spieler für zu Hause',
    '再生',
    'שחקן',
    'مشغل',
    'שַׁבָּת',
    'ที่นี่',
    'བསྒྲུབས',
    // The joiners are letters' business in some scripts, and hold emoji together.
    'می\u200cخواهم',
    '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
    '\u2764\ufe0f',
    '\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
    'soft\u00adhyphen',
    ' blanks around ',
  ])('accepts %j', (name) => {
    expect(nameFault(name)).toBeNull();
  });
});

describe('shownName()', () => {
  test.each([
    ['Player', 'Player'],
    [' Player  of\u00a0 mine ', 'Player of mine'],
    ['Pl\u00aday\u200ber', 'Player'],
    ['a \u200b b', 'a b'],
    ['\u2764\ufe0f', '\u2764'],
    ['\u3164', ''],
  ])('of %j is %j', (name, shown) => {
    expect(shownName(name)).toBe(shown);
  });
});
