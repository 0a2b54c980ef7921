/** Writes down what was measured: a table for the terminal, and a page for the repository. */

import { GATEWAY_MAX_BYTES } from './bundle.ts';
import type { ColdTimes, StartUp } from './cold.ts';
import { type IdleTimes, idleLines } from './idle.ts';
import type { Comparison, Ratio } from './measure.ts';
import type { Row } from './rows.ts';

/** A row with what came of it. */
export type MeasuredRow = { row: Row; result: Comparison };

/** Rows under one heading. */
export type MeasuredGroup = { title: string; explanation: string; rows: MeasuredRow[] };

/** The measurements of start and size. */
export type ColdReport = {
  bundle: { raw: number; gzipped: number };
  /** The part that every request may run: without what is loaded on demand. */
  gateway: { raw: number; gzipped: number };
  startUp: StartUp;
  edge: ColdTimes;
  passthrough: ColdTimes;
};

/** The facts that the numbers depend on, one per line. */
export type Circumstances = Record<string, string>;

/** The bounds of the start: either of the two will do. */
const limits = { startUpMs: 15, startUpRatio: 4 };

const columns = [
  'row',
  'conn.',
  'throughput',
  'spread',
  'wanted',
  '',
  'p50',
  'CPU',
  'per second',
  'CPU µs',
  'p50 µs',
  'p99 µs',
];

/** One row as the terminal shows it, at once when it is there. */
export function toLine(measured: MeasuredRow): string {
  const cells = cellsOf(measured);
  const widths = [66, 5, 6, 13, 7, 2, 6, 6, 15, 13, 13, 13];
  return cells
    .map((cell, index) =>
      index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0),
    )
    .join(' ');
}

/** The heading of the rows on the terminal. */
export function headingLine(): string {
  return 'throughput, p50 and CPU are ratios to the baseline; pairs of numbers are baseline → contender';
}

/** The whole page. */
export function toPage(
  circumstances: Circumstances,
  groups: readonly MeasuredGroup[],
  { cold, idle }: { cold: ColdReport; idle: readonly IdleTimes[] },
): string {
  const lines = [
    '# Results of the bench',
    '',
    'Written by `npm run bench`. Only ratios mean something: both sides of a pair took turns on the same',
    'machine within seconds. **Throughput** is the ratio of the medians, with the smallest and largest',
    'ratio of a single round as its spread; **p50** is the ratio of median latencies (above 1 is slower);',
    '**CPU** is the ratio of processor time for a request, baseline to contender, which hardly depends on',
    'what else the machine is doing. Pairs of numbers are baseline → contender.',
    '',
    ...Object.entries(circumstances).map(([name, value]) => `- ${name}: ${value}`),
    '',
  ];
  for (const group of groups) {
    lines.push(`## ${group.title}`, '', group.explanation, '');
    lines.push(`| ${columns.join(' | ')} |`, `|---${'|--:'.repeat(columns.length - 1)}|`);
    for (const row of group.rows) lines.push(`| ${cellsOf(row).join(' | ')} |`);
    lines.push('');
  }
  lines.push('## Cold', '', ...coldLines(cold), '');
  lines.push('## After a pause', '', ...idleLines(idle), '');
  return lines.join('\n');
}

/** Sizes, start and first requests, one line each. */
export function coldLines({ bundle, gateway, startUp, edge, passthrough }: ColdReport): string[] {
  const { evaluationMs, ratio } = startUp;
  const isStartGood = evaluationMs <= limits.startUpMs || ratio <= limits.startUpRatio;
  return [
    `- bundle: ${inKibibytes(bundle.raw)}, gzipped ${inKibibytes(bundle.gzipped)}; of that the gateway's part ${inKibibytes(gateway.raw)}, gzipped ${inKibibytes(gateway.gzipped)}; wanted at most ${inKibibytes(GATEWAY_MAX_BYTES)} ${mark(gateway.gzipped <= GATEWAY_MAX_BYTES)}`,
    `- processor time of its evaluation at start: ${evaluationMs.toFixed(1)} ms; until workerd listens, ${ratio.toFixed(1)} times that of a Worker that only forwards; wanted at most ${limits.startUpMs} ms or ${limits.startUpRatio} times ${mark(isStartGood)}`,
    `- first request of an isolate, with the first look-up in D1: median ${edge.firstRequestMs.toFixed(1)} ms, worst ${edge.firstRequestWorstMs.toFixed(1)} ms (${edge.samples} isolates)`,
    `- the same of a Worker that only forwards: median ${passthrough.firstRequestMs.toFixed(1)} ms, worst ${passthrough.firstRequestWorstMs.toFixed(1)} ms (${passthrough.samples} isolates)`,
  ];
}

function inKibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

/** Returns whether a row reaches its goal. */
export function isReached({ row, result }: MeasuredRow): boolean {
  return row.wanted === null || result.throughput.value >= row.wanted.throughput;
}

function cellsOf(measured: MeasuredRow): string[] {
  const { row, result } = measured;
  const { baseline, contender } = result;
  const pair = (of: (summary: typeof baseline) => number) =>
    `${of(baseline).toFixed(0)} → ${of(contender).toFixed(0)}`;
  return [
    row.title,
    String(row.connections),
    result.throughput.value.toFixed(2),
    spread(result.throughput),
    row.wanted === null ? '' : `≥ ${row.wanted.throughput.toFixed(2)}`,
    row.wanted === null ? '' : mark(isReached(measured)),
    result.latency.value.toFixed(2),
    result.cpu.value.toFixed(2),
    pair((summary) => summary.perSecond),
    pair((summary) => summary.cpuMicroseconds),
    pair((summary) => summary.p50),
    pair((summary) => summary.p99),
  ];
}

function spread({ lowest, highest }: Ratio): string {
  return `${lowest.toFixed(2)} to ${highest.toFixed(2)}`;
}

function mark(isGood: boolean): string {
  return isGood ? '✓' : '✗';
}
