import { describe, expect, it, test } from 'vitest';
import { isWithin, parseTime } from '../../src/core/time.ts';

describe('parseTime()', () => {
  const noon = Date.UTC(2030, 0, 31, 12);
  const rows: readonly (readonly [text: string, ms: number])[] = [
    ['2030-01-31T12:00:00Z', noon],
    ['2030-01-31t12:00:00z', noon],
    ['2030-01-31T12:00:00.1Z', noon + 100],
    ['2030-01-31T12:00:00.123456789Z', noon + 123],
    ['2030-01-31T13:30:00+01:30', noon],
    ['2030-01-31T10:30:00-01:30', noon],
    ['2030-01-31T12:00:00-00:00', noon],
    ['2028-02-29T00:00:00Z', Date.UTC(2028, 1, 29)],
    ['0000-01-01T00:00:00Z', -62_167_219_200_000],
  ];
  it.each(rows)('reads %s', (text, ms) => expect(parseTime(text)).toBe(ms));

  it.each([
    '',
    '2030-01-31',
    '2030-01-31T12:00Z',
    '2030-01-31T24:00:00Z',
    '2030-01-31T12:60:00Z',
    '2030-01-31T23:59:60Z',
    '2030-01-31T12:00:00',
    '2030-01-31 12:00:00Z',
    '2030-01-31T12:00:00.Z',
    '2030-01-31T12:00:00.1234567890Z',
    '2030-01-31T12:00:00,5Z',
    '2030-01-31T12:00:00+0100',
    '2030-01-31T12:00:00+24:00',
    '2030-01-31T12:00:00+01:60',
    '2030-02-30T12:00:00Z',
    '2029-02-29T12:00:00Z',
    '2030-13-01T12:00:00Z',
    '+002030-01-31T12:00:00Z',
    ' 2030-01-31T12:00:00Z',
    '2030-01-31T12:00:00Z\n',
  ])('refuses %j', (text) => expect(parseTime(text)).toBeNull());
});

test.each([
  ['at its beginning', 1_000, true],
  ['a millisecond before its end', 1_099, true],
  ['at its end', 1_100, false],
  ['later', 5_000, false],
  ['if the clock was set back', 999, false],
])('isWithin() of 100 ms from 1,000 ms, %s: %i ms', (_when, nowMs, expected) => {
  expect(isWithin(nowMs, 1_000, 100)).toBe(expected);
});
