/**
 * What finding keys costs at a given size, and how long a revoked key goes on:
 *
 *     npm run simulate
 *     npm run simulate -- --data-centres 300 --isolates 10000 --requests 1000000 --keys 1000000
 *
 * One data centre and one isolate of it are simulated with the real directory, under a clock and by a
 * seed; data centres know nothing of one another, so the whole is a multiple of them.
 */

import { parseArgs } from 'node:util';
import { FEED_WINDOW_LINES } from '../src/core/limits.ts';
import { simulateLookUps } from './simulation/look-ups.ts';
import { simulatePolls } from './simulation/polls.ts';
import { DATABASE_READS_PER_SECOND, dollarsPerMillion, PRICES_AS_OF } from './simulation/prices.ts';
import { hashAtOnce, type Load } from './simulation/stores.ts';

/** How large a deployment is. */
interface Size {
  readonly dataCentres: number;
  readonly isolates: number;
  readonly requestsPerSecond: number;
  readonly keys: number;
  /** Lines of the change log in a second. */
  readonly changesPerSecond: number;
  readonly hasCache: boolean;
}

const sizes: readonly Size[] = [
  aSize({ dataCentres: 1, isolates: 1, requestsPerSecond: 0.1, keys: 10 }),
  aSize({ dataCentres: 1, isolates: 2, requestsPerSecond: 10, keys: 100 }),
  aSize({ dataCentres: 20, isolates: 100, requestsPerSecond: 1_000, keys: 10_000 }),
  aSize({ dataCentres: 100, isolates: 1_000, requestsPerSecond: 50_000, keys: 100_000 }),
  aSize({ dataCentres: 300, isolates: 10_000, requestsPerSecond: 1_000_000, keys: 1_000_000 }),
  aSize({
    dataCentres: 300,
    isolates: 10_000,
    requestsPerSecond: 1_000_000,
    keys: 1_000_000,
    hasCache: false,
  }),
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
  },
});
const seed = Number(flags.seed);
const lifeSeconds = Number(flags['life-minutes']) * 60;

hashAtOnce();
console.log(`Seed ${seed}; isolates live for ${lifeSeconds / 60} minutes. Prices of ${PRICES_AS_OF}, beyond what
the Workers Paid plan includes; a million requests cost $${dollarsPerMillion.requests.toFixed(2)} themselves.
"delay": from the commit of a revocation to the last request that an isolate allowed.
`);
const columns = [
  ...['data centres', 'isolates', 'requests/s', 'keys', 'cache'],
  ...['D1 reads/s', 'D1 rows/s', 'KV reads/s', 'KV writes/s', 'Cache reads/s', '$ per million'],
  ...['delay: median', '99 %', 'longest'],
];
console.log(`| ${columns.join(' | ')} |\n|${columns.map(() => '---:|').join('')}`);
const notes: string[] = [];
for (const size of sizesWanted()) await simulate(size);
for (const note of notes) console.log(`\n${note}`);

async function simulate(size: Size): Promise<void> {
  const { dataCentres, isolates, requestsPerSecond, keys, changesPerSecond, hasCache } = size;
  const isolatesInEach = Math.max(1, Math.round(isolates / dataCentres));
  const polls = await simulatePolls({
    seed,
    isolates: isolatesInEach,
    requestsPerSecondAndIsolate: requestsPerSecond / isolates,
    changesPerSecond,
    hasCache,
  });
  const lookUps = await simulateLookUps({
    seed,
    keys,
    isolates,
    requestsPerSecondAndIsolate: requestsPerSecond / isolates,
    changesPerSecond,
    lifeSeconds,
  });
  const polling = perSecond(polls.load, polls.seconds, dataCentres);
  const lookingUp = perSecond(lookUps, lifeSeconds, isolates);
  // A fresh isolate takes the log from a neighbour's poll, or from D1 where nothing is shared.
  const logsPerSecond = hasCache ? 0 : isolates / lifeSeconds;
  const rate: Load = {
    databaseReads: polling.databaseReads + lookingUp.databaseReads + logsPerSecond,
    databaseRowsRead:
      polling.databaseRowsRead + lookingUp.databaseRowsRead + logsPerSecond * FEED_WINDOW_LINES,
    replicaReads: lookingUp.replicaReads,
    replicaWrites: lookingUp.replicaWrites,
    cacheReads: polling.cacheReads,
  };
  const dollars =
    (rate.databaseRowsRead * dollarsPerMillion.databaseRowsRead +
      rate.replicaReads * dollarsPerMillion.replicaReads +
      rate.replicaWrites * dollarsPerMillion.replicaWrites) /
    requestsPerSecond;
  const delays = [...polls.delaysMs].sort((left, right) => left - right);
  const at = (part: number) =>
    `${((delays[Math.floor(part * (delays.length - 1))] ?? 0) / 1_000).toFixed(1)} s`;
  const figures = [
    ...[dataCentres, isolates, requestsPerSecond, keys].map(short),
    hasCache ? 'yes' : 'no',
    ...[rate.databaseReads, rate.databaseRowsRead, rate.replicaReads].map(short),
    ...[rate.replicaWrites, rate.cacheReads].map(short),
    dollars.toFixed(3),
    ...[at(0.5), at(0.99), at(1)],
  ];
  console.log(`| ${figures.join(' | ')} |`);
  if (rate.databaseReads > DATABASE_READS_PER_SECOND) notes.push(noteOnDatabase(size, rate));
}

function noteOnDatabase(size: Size, rate: Load): string {
  const cure = size.hasCache
    ? 'Let look-ups of keys read from D1 read replicas that are as new as the log (a session with its bookmark), and leave the polls to the primary; or shard keys over databases by the prefix of their hash, each with a log of its own'
    : 'Serve from a domain of your own: on workers.dev the Cache API stores nothing, so every isolate polls by itself. Or shard keys over databases by the prefix of their hash, each with a log of its own';
  return `${short(size.isolates)} isolates${size.hasCache ? '' : ' without a cache'}: ${short(rate.databaseReads)} reads a second are more than the ${short(DATABASE_READS_PER_SECOND)} that one D1 does at 1 ms each. ${cure}.`;
}

function perSecond(load: Load, seconds: number, times: number): Load {
  const scaled = Object.entries(load).map(([name, count]) => [name, (count * times) / seconds]);
  return Object.fromEntries(scaled) as Load;
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
