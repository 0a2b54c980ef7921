/**
 * Simulates the cost of finding keys at a given size, and how long a revoked key remains valid:
 *
 *     npm run simulate
 *     npm run simulate -- --latency          how long requests wait, with the alternatives
 *     npm run simulate -- --check            the same; fails if a target or a comparison is missed
 *     npm run simulate -- --json --rtt 250 --isolates 8 --seeds 1,2,3,4,5
 *     npm run simulate -- --data-centres 300 --isolates 10000 --requests 1000000 --keys 1000000
 *
 * How the figures come about is in `simulation/estimate.ts`; `test/keys-model/simulation.nightly.test.ts` holds
 * them against a count of small deployments in which nothing is estimated.
 */

import { parseArgs } from 'node:util';
import { type Deployment, estimate } from './simulation/estimate.ts';
import { alternatives } from './simulation/latency.ts';
import {
  assumptions,
  defaultDistances,
  type LatencyRow,
  latencyRows,
  toTableRow,
} from './simulation/latency-report.ts';
import {
  DATABASE_READS_PER_SECOND,
  dollarsPerMillion,
  PRICES_AS_OF,
  REPLICA_WRITES_PER_SECOND_AND_KEY,
} from './simulation/prices.ts';
import { hashAtOnce, type Load } from './simulation/stores.ts';

type Size = Omit<Deployment, 'lifeSeconds'>;

const largest = {
  dataCentres: 300,
  isolates: 10_000,
  requestsPerSecond: 1_000_000,
  keys: 1_000_000,
} as const;

const sizes: readonly Size[] = [
  aSize({ dataCentres: 1, isolates: 1, requestsPerSecond: 0.1, keys: 10 }),
  aSize({ dataCentres: 1, isolates: 2, requestsPerSecond: 10, keys: 100 }),
  aSize({ dataCentres: 20, isolates: 100, requestsPerSecond: 1_000, keys: 10_000 }),
  aSize({ dataCentres: 100, isolates: 1_000, requestsPerSecond: 50_000, keys: 100_000 }),
  aSize(largest),
  aSize({ ...largest, changesPerSecond: 1 }),
  aSize({ ...largest, changesPerSecond: 10 }),
  aSize({ ...largest, hasCache: false }),
];

const { values: flags } = parseArgs({
  options: {
    'data-centres': { type: 'string' },
    isolates: { type: 'string' },
    requests: { type: 'string' },
    keys: { type: 'string' },
    changes: { type: 'string' },
    'no-cache': { type: 'boolean' },
    'life-minutes': { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean' },
    latency: { type: 'boolean' },
    check: { type: 'boolean' },
    seeds: { type: 'string' },
    jitter: { type: 'string', default: String(defaultDistances.jitter) },
    'upstream-jitter': { type: 'string', default: String(defaultDistances.upstreamJitter) },
    'upstream-work': { type: 'string', default: defaultDistances.upstreamWorkMs.join('-') },
    rtt: { type: 'string' },
    samples: { type: 'string', default: '4000' },
  },
});
/** Requests of isolates' lives that are simulated for one line of the table, about. */
const REQUESTS_SIMULATED = 400_000;
/** Rows that are read for a copy of one key: `test/keys/growth.test.ts`. */
const ROWS_OF_A_COPY = 3;
const seed = Number(flags.seed);
const lifeSeconds = Number(flags['life-minutes']) * 60;

hashAtOnce();
if (flags.latency || flags.json || flags.check || flags.rtt) {
  const missed = await reportLatency();
  process.exit(flags.check && missed > 0 ? 1 : 0);
}
console.log(`Seed ${seed}; isolates live for ${lifeSeconds / 60} minutes on average. Prices of ${PRICES_AS_OF}, beyond what
the Workers Paid plan includes; a million requests cost $${dollarsPerMillion.requests.toFixed(2)} themselves.
"delay": from the commit of a revocation to the last request that an isolate allowed.
`);
const columns = [
  ...['data centres', 'isolates', 'requests/s', 'keys', 'changes/s', 'cache'],
  ...[
    'D1 reads/s',
    'of replicas',
    'D1 rows/s',
    'KV reads/s',
    'KV writes/s',
    'Cache reads/s',
    '$ per million',
  ],
  ...['delay: median', '99 %', 'longest'],
];
console.log(`| ${columns.join(' | ')} |\n|${columns.map(() => '---:|').join('')}`);
const notes: string[] = [];
for (const size of sizesWanted()) await simulate(size);
for (const note of notes) console.log(`\n${note}`);

/** Reports how long requests wait for their key. Returns how many rows miss something. */
async function reportLatency(): Promise<number> {
  const numbers = (text: string | undefined, all: readonly number[]) =>
    text === undefined ? all : text.split(',').map(Number);
  const [workLeastMs = 0, workMostMs = 0] = flags['upstream-work'].split('-').map(Number);
  const distances = {
    jitter: Number(flags.jitter),
    upstreamJitter: Number(flags['upstream-jitter']),
    upstreamWorkMs: [workLeastMs, workMostMs],
  } as const;
  const options = {
    ...distances,
    rtts: numbers(flags.rtt, [5, 80, 250]),
    isolates: numbers(flags.isolates, [1, 2, 8]),
    changes: numbers(flags.changes, [0, 0.1, 1]),
    requests: Number(flags.samples),
  };
  const rows: LatencyRow[] = [];
  for (const eachSeed of numbers(flags.seeds, [seed])) {
    if (!flags.json) printHead(eachSeed, assumptions(distances));
    for await (const row of latencyRows({ ...options, seed: eachSeed })) {
      rows.push(row);
      if (!flags.json) console.log(toTableRow(row));
    }
  }
  const missing = rows.filter(({ missed }) => missed.length > 0);
  if (flags.json) {
    const { requests } = options;
    const bounds = { ours: '10 s', ...alternatives };
    console.log(JSON.stringify({ requests, assumptions: distances, bounds, rows }, null, 2));
  } else {
    console.log(`\n${rows.length - missing.length} of ${rows.length} rows hold.`);
  }
  return missing.length;
}

function printHead(ofSeed: number, assumed: string): void {
  const names = Object.entries(alternatives).map(([name, bound]) => `${name} (revoked: ${bound})`);
  const heads = ['what', 'to D1', 'isolates', 'keys', 'requests', 'changes/s', 'wait'];
  const ours = 'ours p50 / p90 / p95 / p99 ms (revoked: 10 s)';
  const columns = [...heads, ours, 'at most', 'holds', ...names];
  console.log(`Seed ${ofSeed}, ${flags.samples} requests each.\n${assumed}\n`);
  console.log(`| ${columns.join(' | ')} |\n|${columns.map(() => '---:|').join('')}`);
}

async function simulate(size: Size): Promise<void> {
  const { dataCentres, isolates, requestsPerSecond, keys, changesPerSecond, hasCache } = size;
  // Enough lives for steady figures; of busy isolates a few are.
  const requestsInLife = (requestsPerSecond / isolates) * lifeSeconds;
  const lives = Math.max(3, Math.min(20, Math.round(REQUESTS_SIMULATED / requestsInLife)));
  const { perSecond, delaysMs } = await estimate({ ...size, lifeSeconds }, { seed, lives });
  // Management reads what it copies, and writes it to KV, once for each change.
  const rate: Load = {
    ...perSecond,
    databaseReads: perSecond.databaseReads + changesPerSecond,
    databaseRowsRead: perSecond.databaseRowsRead + changesPerSecond * ROWS_OF_A_COPY,
    replicaWrites: perSecond.replicaWrites + changesPerSecond,
  };
  const dollars =
    (rate.databaseRowsRead * dollarsPerMillion.databaseRowsRead +
      rate.replicaReads * dollarsPerMillion.replicaReads +
      rate.replicaWrites * dollarsPerMillion.replicaWrites) /
    requestsPerSecond;
  const at = (part: number) =>
    `${((delaysMs[Math.floor(part * (delaysMs.length - 1))] ?? 0) / 1_000).toFixed(1)} s`;
  const figures = [
    ...[dataCentres, isolates, requestsPerSecond, keys, changesPerSecond].map(short),
    hasCache ? 'yes' : 'no',
    ...[rate.databaseReads, rate.nearReads, rate.databaseRowsRead, rate.replicaReads].map(short),
    ...[rate.replicaWrites, rate.cacheReads].map(short),
    dollars.toFixed(3),
    ...[at(0.5), at(0.99), at(1)],
  ];
  console.log(`| ${figures.join(' | ')} |`);
  if (rate.databaseReads > DATABASE_READS_PER_SECOND) notes.push(noteOnDatabase(size, rate));
  if (rate.replicaWrites / keys > REPLICA_WRITES_PER_SECOND_AND_KEY) {
    notes.push(
      `${short(isolates)} isolates put more copies into KV than the ${REPLICA_WRITES_PER_SECOND_AND_KEY} write a second that KV takes for a key. The others are refused, which costs a read of D1 each.`,
    );
  }
}

function noteOnDatabase(size: Size, rate: Load): string {
  const most = short(DATABASE_READS_PER_SECOND);
  const cure = size.hasCache
    ? 'Change keys less often, or in fewer keys at a time: a copy in KV counts for 2,000 lines of the log. Otherwise shard keys over databases by the prefix of their hash, each with a log of its own; or let look-ups of keys read from D1 read replicas that have reached the line that the isolate knows, and leave the polls to the primary'
    : 'Serve from a domain of your own: on workers.dev the Cache API stores nothing, so every isolate polls by itself';
  return `${short(size.isolates)} isolates, ${short(size.changesPerSecond)} changes/s${size.hasCache ? '' : ', no cache'}: ${short(rate.databaseReads)} reads a second are more than the ${most} that one D1 does at 1 ms each. ${cure}.`;
}

function sizesWanted(): readonly Size[] {
  const wanted = [flags['data-centres'], flags.isolates, flags.requests, flags.keys];
  if (wanted.every((flag) => flag === undefined)) return sizes;
  return [
    aSize({
      dataCentres: Number(flags['data-centres'] ?? 1),
      isolates: Number(flags.isolates ?? flags['data-centres'] ?? 1),
      requestsPerSecond: Number(flags.requests ?? 10),
      keys: Number(flags.keys ?? 100),
      changesPerSecond: Number(flags.changes ?? 0.1),
      hasCache: !flags['no-cache'],
    }),
  ];
}

function aSize(size: Partial<Size> & Omit<Size, 'changesPerSecond' | 'hasCache'>): Size {
  return { changesPerSecond: 0.1, hasCache: true, ...size };
}

function short(figure: number): string {
  if (figure >= 100) return Math.round(figure).toLocaleString('en');
  return String(Number(figure.toPrecision(2)));
}
