import { describe, expect, test } from 'vitest';
import { escapeHtml, lengthOf, truncate, truncateWithEllipsis } from '../../src/core/text.ts';

const KEY = '\u{1f511}';

describe('lengthOf()', () => {
  test.each([
    ['', 0],
    ['abc', 3],
    [KEY, 1],
    [`a${KEY}b${KEY}`, 4],
    ['\u2764\ufe0f', 2],
    ['\ud83d', 1],
    ['\udd11\ud83d', 2],
    [`\ud83d${KEY}`, 2],
  ])('of %j is %i', (text, length) => {
    expect(lengthOf(text)).toBe(length);
  });
});

describe('truncate() and truncateWithEllipsis()', () => {
  test.each([
    ['what is short enough', 'abc', 3, 'abc', 'abc'],
    ['nothing', '', 3, '', ''],
    ['what is too long', 'abcd', 3, 'abc', 'abc…'],
    ['pairs, of which as many fit', KEY.repeat(3), 3, KEY.repeat(3), KEY.repeat(3)],
    ['pairs, of which one is too many', KEY.repeat(4), 3, KEY.repeat(3), `${KEY.repeat(3)}…`],
    ['a pair at the place of the cut', `ab${KEY}c`, 3, `ab${KEY}`, `ab${KEY}…`],
    ['a pair behind the place of the cut', `abc${KEY}`, 3, 'abc', 'abc…'],
    ['a pair far behind it', `abc${'d'.repeat(3)}${KEY}`, 3, 'abc', 'abc…'],
  ])('of %s', (_, text, most, beginning, shortened) => {
    expect(truncate(text, most)).toBe(beginning);
    expect(truncateWithEllipsis(text, most)).toBe(shortened);
  });
});

test.each([
  ['', ''],
  ['plain, é, \u2028 and \u{1f511}', 'plain, é, \u2028 and \u{1f511}'],
  ['<b>', '&lt;b&gt;'],
  ['a & b', 'a &amp; b'],
  ['&lt;', '&amp;lt;'],
  [`" and '`, '&quot; and &#39;'],
  ['<<', '&lt;&lt;'],
])('escapeHtml(%j) is %j', (text, escaped) => {
  expect(escapeHtml(text)).toBe(escaped);
});
