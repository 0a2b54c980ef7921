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
