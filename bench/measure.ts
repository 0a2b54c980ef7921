/**
 * Compares servers in pairs that take turns, because what a machine can do changes from minute to
 * minute: only the ratio within a pair means something, never a number of today against one of then.
 */

import { type LoadRequest, type LoadResult, load } from './load.ts';
import type { Server } from './workerd.ts';

/** One side of a pair. */
export type Side = { name: string; server: Server; request: LoadRequest };

/** One run of one side. */
type Run = LoadResult & { cpuMicroseconds: number };

/** The result of one side: the medians of its runs. */
export type Summary = {
  perSecond: number;
  p50: number;
  p99: number;
  /** Processor time of the server for one request. */
  cpuMicroseconds: number;
};

/** A ratio of medians, with the smallest and largest that a single round gave. */
export type Ratio = { value: number; lowest: number; highest: number };

export type Comparison = {
  baseline: Summary;
  contender: Summary;
  /** Contender to baseline: above 1 is faster. */
  throughput: Ratio;
  /** Contender to baseline: above 1 is slower. */
  latency: Ratio;
  /** Baseline to contender, of processor time for one request: above 1 is cheaper. */
  cpu: Ratio;
};

export type Load = { connections: number; seconds: number; rounds: number; folder: string };

/** Measures two sides in turns, the first one alternating. Warms both up before. */
export async function compare(
  baseline: Side,
  contender: Side,
  options: Load & { warmUpSeconds: number },
): Promise<Comparison> {
  const runs: { baseline: Run[]; contender: Run[] } = { baseline: [], contender: [] };
  if (options.warmUpSeconds > 0) {
    const warmUp = { ...options, seconds: options.warmUpSeconds };
    await run(baseline, warmUp);
    await run(contender, warmUp);
  }
  for (let round = 0; round < options.rounds; round++) {
    const order = ['baseline', 'contender'] as const;
    for (const side of round % 2 === 0 ? order : order.toReversed()) {
      runs[side].push(await run(side === 'baseline' ? baseline : contender, options));
    }
  }
  const ratio = (of: (run: Run) => number, turned = false): Ratio => {
    const ratios = runs.baseline.map((base, round) => {
      const quotient = of(runs.contender[round] as Run) / of(base);
      return turned ? 1 / quotient : quotient;
    });
    const value = median(runs.contender.map(of)) / median(runs.baseline.map(of));
    return {
      value: turned ? 1 / value : value,
      lowest: Math.min(...ratios),
      highest: Math.max(...ratios),
    };
  };
  return {
    baseline: summaryOf(runs.baseline),
    contender: summaryOf(runs.contender),
    throughput: ratio((run) => run.perSecond),
    latency: ratio((run) => run.p50),
    cpu: ratio((run) => run.cpuMicroseconds, true),
  };
}

/** The middle value; the mean of the two in the middle where there are two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? (upper + (sorted[middle - 1] ?? Number.NaN)) / 2 : upper;
}

async function run(side: Side, options: Load): Promise<Run> {
  const before = await side.server.cpuSeconds();
  const result = await load({ ...options, url: side.server.url, request: side.request });
  const used = (await side.server.cpuSeconds()) - before;
  return { ...result, cpuMicroseconds: (used * 1e6) / result.requests };
}

function summaryOf(runs: readonly Run[]): Summary {
  return {
    perSecond: median(runs.map((run) => run.perSecond)),
    p50: median(runs.map((run) => run.p50)),
    p99: median(runs.map((run) => run.p99)),
    cpuMicroseconds: median(runs.map((run) => run.cpuMicroseconds)),
  };
}
