import { describe, expect, test } from 'vitest';
import { periodAt } from '../../src/core/quota.ts';

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
