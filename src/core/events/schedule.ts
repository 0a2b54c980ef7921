/**
 * When events become due: repeats of a delivery that failed, and times of keys that arrive. Pure, no clock.
 */

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** How long a delivery is repeated. */
export const RETRIED_MS = DAY_MS;

/** The waits between attempts; the last one repeats. */
const waitsMs = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  2 * MINUTE_MS,
  10 * MINUTE_MS,
  30 * MINUTE_MS,
  HOUR_MS,
  2 * HOUR_MS,
  4 * HOUR_MS,
];

/**
 * When to send an event again whose attempts have failed; `null`: it is given up. The last attempt is
 * 24 hours after the event became due.
 */
export function nextAttemptMs(event: {
  /** The failed attempts, from 1. */
  readonly attempts: number;
  readonly dueSinceMs: number;
  readonly nowMs: number;
}): number | null {
  const endMs = event.dueSinceMs + RETRIED_MS;
  if (event.nowMs >= endMs) return null;
  const waitMs = waitsMs[Math.min(event.attempts, waitsMs.length) - 1] ?? 0;
  return Math.min(event.nowMs + waitMs, endMs);
}

/** Times of a key, as far as notices depend on them. */
export interface KeyTimes {
  readonly id: string;
  readonly owner: string | null;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly lastUsedAtMs: number | null;
}

/** A time of a key that has arrived. `notice` names it, and `type` the event. */
export interface DueNotice {
  readonly notice: 'key.expiring 7' | 'key.expiring 1' | 'key.expired' | 'key.idle';
  readonly type: 'key.expiring' | 'key.expired' | 'key.idle';
  /** When the key expires, or since when it is idle. */
  readonly aboutMs: number;
}

/** How far ahead an expiry is announced, in days, the longest first. */
export const EXPIRY_NOTICE_DAYS = [7, 1] as const;
/** A key that was not used for this long is idle. */
const IDLE_MS = 90 * DAY_MS;

/** The notices of a key that are due. A key that has expired is not idle. */
export function dueNotices(key: KeyTimes, nowMs: number): readonly DueNotice[] {
  const { expiresAtMs } = key;
  if (expiresAtMs !== null && expiresAtMs <= nowMs) {
    return [{ notice: 'key.expired', type: 'key.expired', aboutMs: expiresAtMs }];
  }
  const notices: DueNotice[] = [];
  const leftMs = expiresAtMs === null ? Number.POSITIVE_INFINITY : expiresAtMs - nowMs;
  // The nearest one alone: a key that is made for an hour gets one notice.
  const days = EXPIRY_NOTICE_DAYS.findLast((ahead) => leftMs <= ahead * DAY_MS);
  if (expiresAtMs !== null && days !== undefined) {
    notices.push({ notice: `key.expiring ${days}`, type: 'key.expiring', aboutMs: expiresAtMs });
  }
  const usedAtMs = key.lastUsedAtMs ?? key.createdAtMs;
  if (nowMs - usedAtMs >= IDLE_MS) {
    notices.push({ notice: 'key.idle', type: 'key.idle', aboutMs: usedAtMs });
  }
  return notices;
}
