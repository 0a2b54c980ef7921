import { describe, expect, test } from 'vitest';
import { isReportedAgain, periodAt } from '../../src/core/quota.ts';

describe('periodAt()', () => {
  test.each([
    ['day', '2026-11-28T00:00:00.000Z', '2026-11-28', '2026-11-29T00:00:00.000Z'],
    ['day', '2026-11-28T23:59:59.999Z', '2026-11-28', '2026-11-29T00:00:00.000Z'],
    ['day', '2026-12-31T12:00:00.000Z', '2026-12-31', '2027-01-01T00:00:00.000Z'],
    ['day', '2028-02-28T12:00:00.000Z', '2028-02-28', '2028-02-29T00:00:00.000Z'],
    ['month', '2026-11-01T00:00:00.000Z', '2026-11-01', '2026-12-01T00:00:00.000Z'],
    ['month', '2026-12-31T23:59:59.999Z', '2026-12-01', '2027-01-01T00:00:00.000Z'],
    ['month', '2028-02-29T12:00:00.000Z', '2028-02-01', '2028-03-01T00:00:00.000Z'],
  ] as const)('of a %s at %s begins on %s and ends at %s', (period, at, firstDay, end) => {
    expect(periodAt(period, Date.parse(at))).toEqual({ firstDay, endMs: Date.parse(end) });
  });
});

describe('isReportedAgain()', () => {
  const quota = (requests: number, period: 'day' | 'month' = 'day') => ({ requests, period });
  test.each([
    ['no quota before', null, quota(5), false],
    ['the same', quota(5), quota(5), false],
    ['a lowered one', quota(5), quota(4), false],
    ['a raised one', quota(5), quota(6), true],
    ['another period', quota(5), quota(4, 'month'), true],
    ['a removed one', quota(5), null, true],
  ] as const)('of %s', (_, before, after, isAgain) => {
    expect(isReportedAgain(before, after)).toBe(isAgain);
  });
});
