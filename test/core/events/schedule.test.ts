import { describe, expect, test } from 'vitest';
import {
  type DueNotice,
  dueNotices,
  type KeyTimes,
  nextAttemptMs,
  RETRIED_MS,
} from '../../../src/core/events/schedule.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const NOW = 1_000 * DAY_MS;

describe('nextAttemptMs()', () => {
  test('waits longer each time, and gives up after 24 hours with a last attempt at their end', () => {
    const waits: number[] = [];
    let nowMs = NOW;
    for (let attempts = 1; attempts < 100; attempts++) {
      const next = nextAttemptMs({ attempts, dueSinceMs: NOW, nowMs });
      if (next === null) break;
      waits.push(next - nowMs);
      nowMs = next;
    }
    expect(waits.slice(0, 8)).toEqual(
      [5, 30, 120, 600, 1800, 3600, 7200, 14400].map((seconds) => seconds * 1000),
    );
    expect(nowMs).toBe(NOW + RETRIED_MS);
    expect(waits.length).toBeLessThan(20);
    expect(nextAttemptMs({ attempts: 1, dueSinceMs: NOW, nowMs: NOW + RETRIED_MS })).toBeNull();
  });
});

describe('dueNotices()', () => {
  const key = {
    id: 'key_1',
    owner: null,
    createdAtMs: NOW - DAY_MS,
    expiresAtMs: null,
    lastUsedAtMs: null,
  };
  const expiring = (days: 7 | 1, aboutMs: number): DueNotice => {
    return { notice: `key.expiring ${days}`, type: 'key.expiring', aboutMs };
  };
  const expired = (aboutMs: number): DueNotice => {
    return { notice: 'key.expired', type: 'key.expired', aboutMs };
  };
  const idle = (aboutMs: number): DueNotice => ({ notice: 'key.idle', type: 'key.idle', aboutMs });
  const longAgo = NOW - 90 * DAY_MS;

  test.each<[string, Partial<KeyTimes>, ...DueNotice[]]>([
    ['a key without an expiry', {}],
    ['a key that expires in 8 days', { expiresAtMs: NOW + 8 * DAY_MS }],
    ['a key that expires in 7 days and a millisecond', { expiresAtMs: NOW + 7 * DAY_MS + 1 }],
    [
      'a key that expires in 7 days',
      { expiresAtMs: NOW + 7 * DAY_MS },
      expiring(7, NOW + 7 * DAY_MS),
    ],
    [
      'a key that expires in 2 days',
      { expiresAtMs: NOW + 2 * DAY_MS },
      expiring(7, NOW + 2 * DAY_MS),
    ],
    [
      'a key that expires in 1 day and a millisecond',
      { expiresAtMs: NOW + DAY_MS + 1 },
      expiring(7, NOW + DAY_MS + 1),
    ],
    ['a key that expires in 1 day', { expiresAtMs: NOW + DAY_MS }, expiring(1, NOW + DAY_MS)],
    ['a key that expires in a moment', { expiresAtMs: NOW + 1 }, expiring(1, NOW + 1)],
    ['a key that expires now', { expiresAtMs: NOW }, expired(NOW)],
    ['a key that expired a day ago', { expiresAtMs: NOW - DAY_MS }, expired(NOW - DAY_MS)],
    ['a key of 90 days ago that was never used', { createdAtMs: longAgo }, idle(longAgo)],
    ['a key of almost 90 days ago that was never used', { createdAtMs: longAgo + 1 }],
    ['a key that was used almost 90 days ago', { createdAtMs: 0, lastUsedAtMs: longAgo + 1 }],
    ['a key that was used 90 days ago', { createdAtMs: 0, lastUsedAtMs: longAgo }, idle(longAgo)],
    [
      'an idle key that expires',
      { createdAtMs: 0, expiresAtMs: NOW + DAY_MS },
      expiring(1, NOW + DAY_MS),
      idle(0),
    ],
    ['an idle key that has expired', { createdAtMs: 0, expiresAtMs: NOW - 1 }, expired(NOW - 1)],
  ])('of %s', (_, more, ...notices) => {
    expect(dueNotices({ ...key, ...more }, NOW)).toEqual(notices);
  });
});
