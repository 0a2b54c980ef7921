/**
 * Quotas: how much a key may be used in a day or a month of UTC. Pure, no I/O, no clock.
 */

import type { Quota } from './key/key.ts';

/** The period that a time is in. */
export interface QuotaPeriod {
  /** Its first day, as YYYY-MM-DD. */
  readonly firstDay: string;
  /** When the next one begins. */
  readonly endMs: number;
}

/** Returns the period of a quota that a time is in. */
export function periodAt(period: Quota['period'], timeMs: number): QuotaPeriod {
  const time = new Date(timeMs);
  const [year, month] = [time.getUTCFullYear(), time.getUTCMonth()];
  const day = period === 'day' ? time.getUTCDate() : 1;
  const endMs = period === 'day' ? Date.UTC(year, month, day + 1) : Date.UTC(year, month + 1, 1);
  return { firstDay: new Date(Date.UTC(year, month, day)).toISOString().slice(0, 10), endMs };
}

/** The reports about the use of a quota, in the order in which a key reaches them. */
export const quotaNotices = ['quota.warning', 'quota.exceeded'] as const;

/** The part of a quota at which its use is reported as a warning, in percent. */
export const QUOTA_WARNING_PERCENT = 80;

/**
 * Returns whether a key with a changed quota is reported once more in the same period: the key has more to
 * use than before. A lowered quota was reported, or is with the next use.
 */
export function isReportedAgain(before: Quota | null, after: Quota | null): boolean {
  if (before === null) return false;
  return after === null || after.requests > before.requests || after.period !== before.period;
}
