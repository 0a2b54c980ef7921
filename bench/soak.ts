/**
 * Mixed load for a long time, under a limit on memory: `npm run soak`, or `npm run soak -- --minutes 2`.
 * First against the production bundle under `workerd serve`, on D1, KV and a Queue, then the same load
 * against a Worker that only forwards, so that growth of memory can be told to be ours or the
 * runtime's. `--only edge` or `--only control` leaves one out.
 *
 * The limit: V8 may give each isolate as much heap as Cloudflare does, and the run fails, and ends,
 * when the whole process holds more than `--limit-mib` of memory. It fails, too, when an answer is not
 * the expected one, when the usage that is counted is less than what arrived at the upstream or more
 * than what was sent, or when what our isolate holds after a collection of garbage goes on growing
 * after the warm-up.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import buildBundle, { bundleFolder } from '../test/support/node/build-bundle.ts';
import { residentBytes } from '../test/support/node/process-memory.ts';
import { sink, stream } from '../test/support/node/upstream-answers.ts';
import { startUpstream } from '../test/support/node/upstream-server.ts';
import { bundleWorker, projectRoot } from './bundle.ts';
import { adminToken, prepareEdge } from './edge.ts';
import { readHeaps } from './heap.ts';
import { bundledModules, prepareWorker } from './prepare.ts';
import { freePort } from './processes.ts';
import { listedOrigin } from './rows.ts';
import { type LoadResult, largeBytes, largeTarget, runLoad } from './soak-load.ts';
import { serveWorkerd, type WorkerdConfig } from './workerd.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    only: { type: 'string' },
    'limit-mib': { type: 'string', default: '768' },
  },
});
const durationMs = Number(values.minutes) * 60_000;
const limitBytes = Number(values['limit-mib']) * 2 ** 20;
/** https://developers.cloudflare.com/workers/platform/limits/#memory */
const ISOLATE_HEAP_MIB = 128;
const WARM_UP_SHARE = 0.3;
const SAMPLE_MS = 1_000;
const HEAP_SAMPLE_SHARE = 0.05;
/** What the heap may grow by from the first third to the last, and the noise on top. */
const HEAP_GROWTH_MAX = 1.1;
const HEAP_NOISE_BYTES = 2 ** 20;
/** The last counts are handed over by the isolate, then by the Queue, then merged. */
const COUNTED_WITHIN_MS = 60_000;

const mainService = 'core:user:worker';
/** No cores of its own: the soak is not about speed. */
const anyCore = { command: 'env', arguments: [] };

type Sample = { atMs: number; bytes: number };

type Outcome = {
  load: LoadResult;
  /** Requests that the upstream received. */
  arrived: number;
  resident: Sample[];
  ours: Sample[];
  others: Sample[];
  /** `null` where nothing is counted. */
  counted: number | null;
  isOverLimit: boolean;
};

const folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-soak-'));
const removeBundle = await buildBundle();
let arrivals = 0;
const upstream = await startUpstream((request, response) => {
  arrivals += 1;
  const answer = request.target === largeTarget ? stream(largeBytes) : sink;
  return answer(request, response);
});
// The upstream records what it is sent; it is not what is measured here.
const forgetting = setInterval(() => {
  upstream.requests.length = 0;
}, 1_000);

const edge = await prepareEdge({
  root: projectRoot,
  folder: join(folder, 'edge'),
  bundleFolder: bundleFolder(),
  upstreamUrl: upstream.url,
  vars: { USAGE_FLUSH_SECONDS: '2' },
  rotatingKeys: 0,
  registeredOrigins: 0,
});
const outcomes = new Map<string, Outcome>();
if (values.only !== 'control') outcomes.set('edge', await soak('edge', edge.config));
if (values.only !== 'edge') outcomes.set('control', await soak('control', await prepareControl()));

clearInterval(forgetting);
await upstream.dispose();
await removeBundle();
await rm(folder, { recursive: true, force: true });

report();
process.exitCode = [...outcomes.values()].every(isGood) ? 0 : 1;

/** The Worker that only forwards. It has no bindings, so nothing but the runtime is beside it. */
async function prepareControl(): Promise<WorkerdConfig> {
  const bundle = join(folder, 'control-bundle');
  const compatibilityDate = '2026-10-01';
  await bundleWorker(
    bundle,
    join(projectRoot, 'bench/contenders/passthrough.js'),
    compatibilityDate,
  );
  const { config } = await prepareWorker({
    folder: join(folder, 'control'),
    worker: {
      ...(await bundledModules(bundle)),
      compatibilityDate,
      bindings: { UPSTREAM_URL: upstream.url },
    },
    fill: async () => undefined,
  });
  return config;
}

async function soak(name: string, config: WorkerdConfig): Promise<Outcome> {
  const isEdge = name === 'edge';
  const inspectorPort = await freePort();
  const server = await serveWorkerd(
    join(folder, `workerd-${name}`),
    { ...config, v8Flags: [`--max-old-space-size=${ISOLATE_HEAP_MIB}`] },
    anyCore,
    [`--inspector-addr=127.0.0.1:${inspectorPort}`],
  );
  arrivals = 0;
  const startedAtMs = Date.now();
  const isOver = () => Date.now() - startedAtMs > durationMs;
  const resident: Sample[] = [];
  const ours: Sample[] = [];
  const others: Sample[] = [];
  let isOverLimit = false;

  const watchProcess = async () => {
    while (!isOver() && !isOverLimit) {
      const bytes = await residentBytes(server.pid);
      resident.push({ atMs: Date.now() - startedAtMs, bytes });
      if (bytes > limitBytes) {
        isOverLimit = true;
        await server.dispose();
      }
      await sleep(SAMPLE_MS);
    }
  };
  const watchHeaps = async () => {
    while (!isOver() && !isOverLimit) {
      const heaps = await readHeaps(inspectorPort, mainService);
      const atMs = Date.now() - startedAtMs;
      const bytes = heaps.get(mainService) ?? 0;
      const total = [...heaps.values()].reduce((sum, size) => sum + size, 0);
      ours.push({ atMs, bytes });
      others.push({ atMs, bytes: total - bytes });
      await sleep(durationMs * HEAP_SAMPLE_SHARE);
    }
  };
  const { port } = new URL(server.url);
  const [load] = await Promise.all([
    runLoad({
      port: Number(port),
      token: edge.keys.full,
      inventedToken: edge.keys.invented,
      origin: listedOrigin,
      isEdge,
      durationMs,
    }),
    watchProcess(),
    watchHeaps(),
  ]);
  const counted = isEdge && !isOverLimit ? await countedBy(server.url, load, arrivals) : null;
  await server.dispose();
  return { load, arrived: arrivals, resident, ours, others, counted, isOverLimit };
}

/** How many allowed requests the edge counted for the key, as soon as that is all of them. */
async function countedBy(url: string, { allowed }: LoadResult, arrived: number): Promise<number> {
  const api = async (path: string) => {
    const headers = { Authorization: `Bearer ${adminToken}` };
    const response = await fetch(`${url}/_edge/v1${path}`, { headers });
    if (!response.ok) throw new Error(`Cannot read ${path}: ${response.status}`);
    return response.json();
  };
  const { keys } = (await api('/keys?search=full')) as { keys: { id: string; name: string }[] };
  const id = keys.find((key) => key.name === 'full')?.id;
  const endsAtMs = Date.now() + COUNTED_WITHIN_MS;
  let before = -1;
  for (;;) {
    const { totals } = (await api(`/keys/${id}/usage?days=2`)) as {
      totals: Record<string, number>;
    };
    const counted = Object.entries(totals)
      .filter(([outcome]) => outcome === 'allowed' || outcome.startsWith('upstream_error'))
      .reduce((sum, [, requests]) => sum + requests, 0);
    // Complete once it is as many as there can be, or at least as there must be and settled.
    const isSettled = counted === before && counted >= arrived;
    if (counted >= allowed || isSettled || Date.now() > endsAtMs) return counted;
    before = counted;
    await sleep(10_000);
  }
}

function isGood({ load, arrived, ours, counted, isOverLimit }: Outcome): boolean {
  const heap = thirdsOf(ours);
  const isFlat = heap.last <= heap.first * HEAP_GROWTH_MAX + HEAP_NOISE_BYTES;
  // Whatever arrived was counted. A client that went away before its head was read was no request.
  const isCounted = counted === null || (counted <= load.allowed && counted >= arrived);
  return load.surprises.length === 0 && isFlat && isCounted && !isOverLimit;
}

function report(): void {
  const table = new Table({
    head: ['after the warm-up, MiB', ...outcomes.keys()],
    style: { head: [], border: [] },
  });
  const all = [...outcomes.values()];
  const rowOf = (name: string, cell: (outcome: Outcome) => string) =>
    table.push([name, ...all.map(cell)]);
  const span = (samples: Sample[]) => {
    const { first, last, most } = thirdsOf(samples);
    return `${mebibytes(first)} -> ${mebibytes(last)}, at most ${mebibytes(most)}`;
  };
  rowOf('the process, first -> last third', ({ resident }) => span(resident));
  rowOf('heap of the Worker, garbage collected', ({ ours }) => span(ours));
  rowOf('heaps of all other isolates', ({ others }) => span(others));
  rowOf('over the limit', ({ isOverLimit }) => (isOverLimit ? 'yes' : 'no'));
  rowOf('requests', ({ load }) =>
    String([...load.counts.values()].reduce((sum, count) => sum + count, 0)),
  );
  rowOf('unexpected answers', ({ load }) => String(load.surprises.length));
  rowOf('to be let through, given up early', ({ load }) => `${load.allowed}, ${load.goneAway}`);
  rowOf(
    'arrived at the upstream, counted',
    ({ arrived, counted }) => `${arrived}, ${counted ?? 'nothing is'}`,
  );
  rowOf('verdict', (outcome) => (isGood(outcome) ? 'good' : 'BAD'));
  console.log(`${values.minutes} minutes each, limit ${values['limit-mib']} MiB in all and`);
  console.log(`${ISOLATE_HEAP_MIB} MiB of heap for an isolate`);
  console.log(table.toString());
  for (const [name, { load }] of outcomes) {
    console.log(name, Object.fromEntries([...load.counts].sort()));
    if (load.surprises.length > 0) console.log(load.surprises.slice(0, 10));
  }
}

/** Medians of the first and the last third after the warm-up, and the most there was. */
function thirdsOf(samples: Sample[]) {
  const warm = samples
    .filter(({ atMs }) => atMs > durationMs * WARM_UP_SHARE)
    .map(({ bytes }) => bytes);
  const third = Math.ceil(warm.length / 3);
  return {
    first: median(warm.slice(0, third)),
    last: median(warm.slice(-third)),
    most: Math.max(0, ...warm),
  };
}

function median(numbers: number[]): number {
  return numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)] ?? 0;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
