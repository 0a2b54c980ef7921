/**
 * The summary of days of usage for a period: requests over time, sums, and the most frequent endpoints and
 * refused origins. Pure: no I/O, no clock.
 */

import { DAY_MS, dayOf, OTHER_NAMES } from './batch.ts';
import type { UsageDay } from './days.ts';

/** The periods of an overview. The first is shown by hour, the others by day. */
export const usagePeriods = ['24h', '7d', '30d', '90d'] as const;

/** One of these periods. */
export type UsagePeriod = (typeof usagePeriods)[number];

const periodDays = { '7d': 7, '30d': 30, '90d': 90 } as const;
const PERIOD_HOURS = 24;
const HOUR_MS = DAY_MS / 24;

/** The time that a period covers: so many hours or days of UTC, with the present one. */
export interface UsageSpan {
  readonly unit: 'hour' | 'day';
  readonly startMs: number;
  /** The number of hours or days. */
  readonly length: number;
  /** The length of one of them. */
  readonly stepMs: number;
}

/** Requests of an hour or a day with one outcome. */
export interface UsagePoint {
  readonly startMs: number;
  readonly outcome: string;
  readonly requests: number;
}

/** How often a name occurs: the most frequent ones, and all others together. */
export interface Ranking {
  readonly names: readonly (readonly [name: string, requests: number])[];
  readonly others: number;
}

/** A summary of days. */
export interface UsageSummary {
  /** The earliest first; without those that have no requests. */
  readonly points: readonly UsagePoint[];
  readonly totals: Readonly<Record<string, number>>;
  /** Counted by day: those of a period of hours are of each day that it touches. */
  readonly endpoints: Ranking;
  readonly origins: Ranking;
}

/** The time that a period covers at a time. */
export function spanOf(period: UsagePeriod, nowMs: number): UsageSpan {
  const [unit, stepMs, length] =
    period === '24h'
      ? (['hour', HOUR_MS, PERIOD_HOURS] as const)
      : (['day', DAY_MS, periodDays[period]] as const);
  const startMs = nowMs - (nowMs % stepMs) - (length - 1) * stepMs;
  return { unit, startMs, length, stepMs };
}

/** Sums up the days that a period touches. */
export function summarize(
  days: readonly UsageDay[],
  { unit, startMs, length, stepMs }: UsageSpan,
  namesMax: number,
): UsageSummary {
  const requestsAt = new Map<number, Map<string, number>>();
  const endMs = startMs + length * stepMs;
  for (const { day, counts } of days) {
    const dayMs = Date.parse(day);
    for (const [name, requests] of Object.entries(counts)) {
      const [hour, outcome = ''] = name.split(' ');
      const atMs = unit === 'day' ? dayMs : dayMs + Number(hour) * HOUR_MS;
      if (atMs < startMs || atMs >= endMs) continue;
      const outcomes = requestsAt.get(atMs) ?? new Map<string, number>();
      requestsAt.set(atMs, outcomes);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + requests);
    }
  }
  // A failure of the upstream may be counted in a later hour than its request was.
  const points = [...requestsAt]
    .toSorted(([left], [right]) => left - right)
    .flatMap(([atMs, outcomes]) =>
      [...outcomes]
        .filter(([, requests]) => requests > 0)
        .toSorted(([left], [right]) => (left < right ? -1 : 1))
        .map(([outcome, requests]) => ({ startMs: atMs, outcome, requests })),
    );
  const totals: Record<string, number> = {};
  for (const { outcome, requests } of points) totals[outcome] = (totals[outcome] ?? 0) + requests;
  const touched = days.filter(({ day }) => day >= dayOf(startMs));
  return {
    points,
    totals,
    endpoints: rank(
      touched.map(({ endpoints }) => endpoints),
      namesMax,
    ),
    origins: rank(
      touched.map(({ origins }) => origins),
      namesMax,
    ),
  };
}

function rank(days: readonly Readonly<Record<string, number>>[], most: number): Ranking {
  const sums = new Map<string, number>();
  for (const day of days) {
    for (const [name, requests] of Object.entries(day)) {
      sums.set(name, (sums.get(name) ?? 0) + requests);
    }
  }
  const unnamed = sums.get(OTHER_NAMES) ?? 0;
  sums.delete(OTHER_NAMES);
  const sorted = [...sums].toSorted(
    ([left, most], [right, next]) => next - most || (left < right ? -1 : 1),
  );
  const rest = sorted.slice(most).reduce((sum, [, requests]) => sum + requests, unnamed);
  return { names: sorted.slice(0, most), others: rest };
}
