/** The rows of the simulation of waiting times, as a table or as JSON. */

import { type LatencyCase, type LatencyResult, simulateLatency } from './latency.ts';

/** The simulations to run, beside the rows that have targets. */
export interface LatencyOptions {
  readonly seed: number;
  readonly rtts: readonly number[];
  readonly isolates: readonly number[];
  readonly changes: readonly number[];
  readonly requests: number;
}

/** A row, its result and, where it has one, its target (p50, p95 and p99 at most). */
export interface LatencyRow extends LatencyCase, LatencyResult {
  readonly what: string;
  readonly atMost?: readonly [number, number, number];
}

const far = { rttMs: 250, isolates: 1, asks: 'key' } as const;
const slow = { ...far, requestsPerSecond: 1 / 60 };
const faster = { ...far, requestsPerSecond: 1 / 20 };
const targets: readonly (Omit<LatencyCase, 'changesPerSecond'> &
  Pick<LatencyRow, 'what' | 'atMost'>)[] = [
  { what: 'default', ...slow, keys: 10, atMost: [215, 310, 340] },
  { what: 'default', ...faster, keys: 10, atMost: [0, 285, 320] },
  { what: 'default', ...slow, keys: 1_000, atMost: [225, 310, 340] },
  { what: 'default', ...faster, keys: 1_000, atMost: [50, 290, 320] },
  { what: 'speculative', ...slow, asks: 'speculative read', keys: 10, atMost: [0, 60, 85] },
  { what: 'speculative', ...faster, asks: 'speculative read', keys: 10, atMost: [0, 0, 60] },
  { what: 'speculative', ...slow, asks: 'speculative read', keys: 1_000, atMost: [52, 85, 100] },
  { what: 'speculative', ...faster, asks: 'speculative read', keys: 1_000, atMost: [0, 75, 90] },
  { what: 'placed', ...slow, rttMs: 5, requestsPerSecond: 30 / 60, keys: 10, atMost: [0, 0, 10] },
  { what: 'placed', ...slow, rttMs: 5, requestsPerSecond: 30 / 20, keys: 10, atMost: [0, 0, 10] },
  {
    what: 'placed',
    ...slow,
    rttMs: 5,
    requestsPerSecond: 30 / 60,
    keys: 1_000,
    atMost: [0, 16, 22],
  },
  {
    what: 'placed',
    ...slow,
    rttMs: 5,
    requestsPerSecond: 30 / 20,
    keys: 1_000,
    atMost: [0, 18, 22],
  },
  { what: 'preflight', ...slow, asks: 'preflight', keys: 10, atMost: [0, 50, 70] },
  { what: 'preflight', ...slow, asks: 'preflight', keys: 1_000, atMost: [0, 50, 70] },
  {
    what: 'eight isolates',
    ...far,
    isolates: 8,
    requestsPerSecond: 1 / 8,
    keys: 10,
    atMost: [3, 70, 260],
  },
];

/** Simulates the rows with targets, and one for each combination of the options. */
export async function* latencyRows(options: LatencyOptions): AsyncGenerator<LatencyRow> {
  const { seed, requests } = options;
  for (const changesPerSecond of options.changes) {
    for (const target of targets) {
      const given = { ...target, changesPerSecond };
      yield { ...given, ...(await simulateLatency(given, { seed, requests })) };
    }
    for (const rttMs of options.rtts) {
      for (const isolates of options.isolates) {
        for (const requestsPerSecond of [1 / 60, 1 / 20, 1 / 8, 1]) {
          const given = {
            ...far,
            rttMs,
            isolates,
            requestsPerSecond,
            keys: 1_000,
            changesPerSecond,
          };
          yield {
            what: 'default',
            ...given,
            ...(await simulateLatency(given, { seed, requests })),
          };
        }
      }
    }
  }
}

/** One line of the table. */
export function toTableRow(row: LatencyRow): string {
  const { ours, atMost } = row;
  const cells = [
    ...[
      row.what,
      `${row.rttMs} ms`,
      row.isolates,
      row.keys,
      `1/${Math.round(1 / row.requestsPerSecond)} s`,
    ],
    ...[row.changesPerSecond, `${Math.round(100 * ours.waitingPart)} %`],
    `${ours.p50} / ${ours.p95} / ${ours.p99}`,
    atMost === undefined ? '' : atMost.join(' / '),
    ...Object.values(row.alternatives).map(({ p50, p95, p99 }) => `${p50} / ${p95} / ${p99}`),
  ];
  return `| ${cells.join(' | ')} |`;
}
