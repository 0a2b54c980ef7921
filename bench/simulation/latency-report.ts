/** The rows of the simulation of waiting times, as a table or as JSON, with their targets. */

import { type LatencyCase, type LatencyResult, simulateLatency, type Waits } from './latency.ts';
import type { Distances } from './near-stores.ts';

/** The parameters of the simulation, apart from the rows that have targets. */
export interface LatencyOptions extends Omit<Distances, 'rttMs'> {
  readonly seed: number;
  readonly rtts: readonly number[];
  readonly isolates: readonly number[];
  readonly changes: readonly number[];
  readonly requests: number;
}

/** At most so many milliseconds. */
export type AtMost = Partial<Pick<Waits, 'p50' | 'p90' | 'p95' | 'p99'>>;

/** A row, its result, where it has one its target, and the sentences that say what it misses. */
export interface LatencyRow extends LatencyCase, LatencyResult {
  readonly what: string;
  readonly seed: number;
  readonly atMost?: AtMost;
  readonly missed: readonly string[];
}

/** How far the ways vary if the command line says nothing. */
export const defaultDistances: Omit<Distances, 'rttMs'> = {
  jitter: 0.14,
  upstreamJitter: 0,
  upstreamWorkMs: [2, 10],
};

/** By how much our waits may exceed those of a read of D1's primary for every request. */
const PRIMARY_TOLERANCE_MS = 5;
/** The same for the median of speculative reads and a near replica. */
const REPLICA_TOLERANCE_MS = 20;
/** The changes a second at which the targets hold. */
const TARGET_CHANGES = 0.1;

type Given = Omit<LatencyCase, 'changesPerSecond' | keyof Distances> & { readonly rttMs: number };
type Target = Given & { readonly what: string; readonly atMost: AtMost };

const far = { rttMs: 250, isolates: 1, asks: 'key' } as const;
const near = { ...far, rttMs: 5 } as const;
const perMinute = (times: number) => ({ requestsPerSecond: times / 60 });
const atMost = (p50: number, p95: number, p99: number): AtMost => ({ p50, p95, p99 });
const ahead = { ...far, what: 'speculative', asks: 'speculative read' } as const;
const asked = { ...far, what: 'preflight', asks: 'preflight' } as const;

const targets: readonly Target[] = [
  { what: 'default', ...far, ...perMinute(1), keys: 10, atMost: atMost(215, 310, 340) },
  { what: 'default', ...far, ...perMinute(3), keys: 10, atMost: atMost(0, 285, 320) },
  { what: 'default', ...far, ...perMinute(1), keys: 1_000, atMost: atMost(225, 310, 340) },
  { what: 'default', ...far, ...perMinute(3), keys: 1_000, atMost: atMost(50, 290, 320) },
  { ...ahead, ...perMinute(1), keys: 10, atMost: atMost(0, 60, 85) },
  { ...ahead, ...perMinute(3), keys: 10, atMost: atMost(0, 0, 60) },
  { ...ahead, ...perMinute(1), keys: 1_000, atMost: atMost(52, 85, 100) },
  { ...ahead, ...perMinute(3), keys: 1_000, atMost: atMost(0, 75, 90) },
  // The traffic of 30 data centres meets in one.
  { what: 'placed', ...near, ...perMinute(30), keys: 10, atMost: atMost(0, 0, 10) },
  { what: 'placed', ...near, ...perMinute(90), keys: 10, atMost: atMost(0, 0, 10) },
  { what: 'placed', ...near, ...perMinute(30), keys: 1_000, atMost: atMost(0, 16, 22) },
  { what: 'placed', ...near, ...perMinute(90), keys: 1_000, atMost: atMost(0, 18, 22) },
  { ...asked, ...perMinute(1), keys: 10, atMost: atMost(0, 50, 70) },
  { ...asked, ...perMinute(1), keys: 1_000, atMost: atMost(0, 50, 70) },
  {
    ...far,
    what: 'eight isolates',
    isolates: 8,
    requestsPerSecond: 1 / 8,
    keys: 10,
    atMost: { p50: 3, p90: 25, p95: 70, p99: 260 },
  },
];

/** From one request a minute on. */
const TRAFFIC = [1 / 60, 1 / 20, 1 / 8, 1] as const;

/** Simulates the rows with targets, and one for each combination of the options. */
export async function* latencyRows(options: LatencyOptions): AsyncGenerator<LatencyRow> {
  const { seed, requests, jitter, upstreamJitter, upstreamWorkMs } = options;
  const run = async (row: Given & { what: string; atMost?: AtMost }, changesPerSecond: number) => {
    const given = { ...row, jitter, upstreamJitter, upstreamWorkMs, changesPerSecond };
    const result = await simulateLatency(given, { seed, requests });
    return { ...given, seed, ...result, missed: missedBy(given, result) };
  };
  for (const changes of options.changes) {
    for (const target of targets) yield await run(target, changes);
    for (const rttMs of options.rtts) {
      for (const isolates of options.isolates) {
        for (const requestsPerSecond of TRAFFIC) {
          const row = { ...far, what: 'default', rttMs, isolates, requestsPerSecond, keys: 1_000 };
          yield await run(row, changes);
        }
      }
    }
  }
}

/** Says what a row misses of its target, and of the comparison with the alternatives. */
function missedBy(
  given: LatencyCase & { readonly atMost?: AtMost },
  { ours, alternatives }: LatencyResult,
): string[] {
  const missed: string[] = [];
  const hold = (name: keyof AtMost, limitMs: number, of: string) => {
    if (ours[name] > limitMs) missed.push(`${name} ${ours[name]} ms, ${of} ${limitMs}`);
  };
  if (given.atMost !== undefined && given.changesPerSecond === TARGET_CHANGES) {
    for (const [name, limitMs] of Object.entries(given.atMost)) {
      hold(name as keyof AtMost, limitMs, 'wanted');
    }
  }
  for (const name of ['p50', 'p95', 'p99'] as const) {
    if (given.asks === 'key') {
      hold(name, alternatives['D1 every time'][name] + PRIMARY_TOLERANCE_MS, 'D1 every time');
    }
    if (given.asks !== 'speculative read') continue;
    hold(name, alternatives['KV read-through'][name] - 1, 'faster than KV is at most');
    hold(
      name,
      alternatives['memory 60 s, then KV'][name] - 1,
      'faster than memory + KV is at most',
    );
  }
  if (given.asks === 'speculative read') {
    const limitMs = alternatives['near replica every time'].p50 + REPLICA_TOLERANCE_MS;
    hold('p50', limitMs, 'a near replica and 20 ms are');
  }
  return missed;
}

/** The sentences that say which assumptions the figures rest on. */
export function assumptions(distances: Omit<Distances, 'rttMs'>): string {
  const { jitter, upstreamJitter, upstreamWorkMs } = distances;
  const varies = (part: number) =>
    part === 0 ? 'does not vary' : `varies by ${Math.round(100 * part)} %`;
  return `Assumed, in ms: D1's primary at its round trip, which ${varies(jitter)} (one sigma) in each read, plus 2 to 10; KV 8.5 if hot in the data
centre, 60 to 230 if cold; the Cache API 3; a read replica of D1 5 to 30, and at 5 ms the primary itself. D1 has no tail.
The upstream is next to D1: its way ${varies(upstreamJitter)}, and it works for ${upstreamWorkMs.join(' to ')} ms. Keys are asked for by Zipf's law.
Times are milliseconds that a request waits for its key.`;
}

/** One line of the table. */
export function toTableRow(row: LatencyRow): string {
  const { ours, atMost: target } = row;
  const cells = [
    row.what,
    `${row.rttMs} ms`,
    row.isolates,
    row.keys,
    `1/${Number((1 / row.requestsPerSecond).toPrecision(2))} s`,
    row.changesPerSecond,
    `${Math.round(100 * ours.waitingPart)} %`,
    waits(ours),
    target === undefined ? '' : Object.values(target).join(' / '),
    row.missed.length === 0 ? 'yes' : `no: ${row.missed.join('; ')}`,
    ...Object.values(row.alternatives).map(waits),
  ];
  return `| ${cells.join(' | ')} |`;
}

function waits({ p50, p90, p95, p99 }: Waits): string {
  return [p50, p90, p95, p99].join(' / ');
}
