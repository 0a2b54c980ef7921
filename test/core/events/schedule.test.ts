import { describe, expect, test } from 'vitest';
import {
  dueNotices,
  IDLE_MS,
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
  test.each([
    ['a key without an expiry', {}, []],
    ['a key that expires in 8 days', { expiresAtMs: NOW + 8 * DAY_MS }, []],
    ['a key that expires in 7 days and a millisecond', { expiresAtMs: NOW + 7 * DAY_MS + 1 }, []],
    ['a key that expires in 7 days', { expiresAtMs: NOW + 7 * DAY_MS }, ['key.expiring 7']],
    ['a key that expires in 2 days', { expiresAtMs: NOW + 2 * DAY_MS }, ['key.expiring 7']],
    ['a key that expires in 1 day', { expiresAtMs: NOW + DAY_MS }, ['key.expiring 1']],
    ['a key that expires in a moment', { expiresAtMs: NOW + 1 }, ['key.expiring 1']],
    ['a key that expires now', { expiresAtMs: NOW }, ['key.expired']],
    ['a key of long ago that was never used', { createdAtMs: NOW - IDLE_MS }, ['key.idle']],
    ['a key that was used 89 days ago', { createdAtMs: 0, lastUsedAtMs: NOW - IDLE_MS + 1 }, []],
    [
      'a key that was used 90 days ago',
      { createdAtMs: 0, lastUsedAtMs: NOW - IDLE_MS },
      ['key.idle'],
    ],
    [
      'an idle key that expires',
      { createdAtMs: 0, expiresAtMs: NOW + DAY_MS },
      ['key.expiring 1', 'key.idle'],
    ],
    ['an idle key that has expired', { createdAtMs: 0, expiresAtMs: NOW - 1 }, ['key.expired']],
  ])('of %s', (_, more, notices) => {
    expect(dueNotices({ ...key, ...more }, NOW).map(({ notice }) => notice)).toEqual(notices);
  });
});
