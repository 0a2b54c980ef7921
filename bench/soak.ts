/**
 * Mixed load for a long time, under a limit on memory: `npm run soak`, or `npm run soak -- --minutes 2`.
 * First against the production bundle under `workerd serve`, with the simulators of D1, KV, the Queue
 * and the Cache API in a process of their own, then the same load against a Worker that only forwards,
 * so that growth of memory can be assigned to us, to the simulators or to the runtime. `--only edge` or
 * `--only control` leaves one out.
 *
 * The limit: V8 may give each isolate as much heap as Cloudflare does, and the run fails, and ends,
 * when the process of the Worker holds more than `--limit-mib` of memory. It fails, too, when an answer
 * is not the expected one, when the usage that is counted is less than what arrived at the upstream or
 * more than what was sent, or when what our isolate or its process holds after a collection of garbage
 * continues to grow after the warm-up.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { bundleFolder } from '../test/support/node/build-bundle.ts';
import { freePort } from '../test/support/node/ports.ts';
import prepareRun from '../test/support/node/prepare-run.ts';
import { anonymousBytes, residentBytes } from '../test/support/node/process-memory.ts';
import { sink, stream } from '../test/support/node/upstream-answers.ts';
import { startUpstream } from '../test/support/node/upstream-server.ts';
import { bundleWorker, projectRoot } from './bundle.ts';
import { adminToken, prepareEdge } from './edge.ts';
import { readHeaps } from './heap.ts';
import { bundledModules, mainService, prepareWorker } from './prepare.ts';
import { listedOrigin } from './rows.ts';
import { type LoadResult, largeBytes, largeTarget, runLoad } from './soak-load.ts';
import { separateStores } from './stores.ts';
import { type Server, serveWorkerd, type WorkerdConfig } from './workerd.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    only: { type: 'string' },
    'limit-mib': { type: 'string', default: '384' },
  },
});
const durationMs = Number(values.minutes) * 60_000;
const limitBytes = Number(values['limit-mib']) * 2 ** 20;
/** https://developers.cloudflare.com/workers/platform/limits/#memory */
const ISOLATE_HEAP_MIB = 128;
/**
 * V8 lets the room for new objects grow to some 100 MiB where there is much garbage, so that it has to
 * collect less often. Kept small, it does not hide what grows for another reason.
 */
const NEW_SPACE_MIB = 1;
const WARM_UP_SHARE = 0.3;
const SAMPLE_MS = 1_000;
const HEAP_SAMPLE_SHARE = 0.05;
/** The growth of memory that is allowed from the first third to the last, and noise: pieces of bodies. */
const GROWTH_MAX = 1.1;
const HEAP_NOISE_BYTES = 2 ** 20;
const PROCESS_NOISE_BYTES = 4 * 2 ** 20;
/** The last counts are handed over by the isolate, then by the Queue, then merged. */
const COUNTED_WITHIN_MS = 60_000;
/** Connections that the load left behind are closed by then. */
const REST_MS = 20_000;

const busyStores = ['d1:db:entry', 'd1:db'];
const v8Flags = [
  `--max-old-space-size=${ISOLATE_HEAP_MIB}`,
  `--max-semi-space-size=${NEW_SPACE_MIB}`,
];
/** No cores of its own: the soak is not about speed. */
const anyCore = { command: 'env', arguments: [] };

type Sample = { atMs: number; bytes: number };

/** A process, where its isolates can be asked about their heaps, and which of them work all the time. */
type Watched = Server & { inspectorPort: number; busy: readonly string[] };

/** The time since the load began, and whether it is over. */
type Look = { atMs: () => number; isOver: () => boolean };

type ProcessMemory = {
  /** All that the process holds, every second, whatever garbage is in it. */
  resident: Sample[];
  /** Memory that is not of files, just after a collection of garbage in the busy isolates. */
  allocated: Sample[];
  /** The heap of the Worker, and of all isolates together, after the collection. */
  ours: Sample[];
  heaps: Sample[];
  /** The same some time after the load. NaN when the run did not get there. */
  atRestBytes: number;
};

type Outcome = {
  load: LoadResult;
  /** Requests that the upstream received. */
  arrived: number;
  worker: ProcessMemory;
  /** `null` without stores of their own. */
  stores: ProcessMemory | null;
  /** `null` where nothing is counted. */
  counted: number | null;
  isOverLimit: boolean;
};

const folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-soak-'));
const removeBundle = await prepareRun();
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
  const separate = isEdge ? await separateStores(config, mainService) : null;
  const stores = separate && (await serve(`${name}-stores`, separate.stores, busyStores));
  const worker = await serve(name, separate?.worker ?? config, [mainService]);
  arrivals = 0;
  const startedAtMs = Date.now();
  let isOverLimit = false;
  const look: Look = {
    atMs: () => Date.now() - startedAtMs,
    isOver: () => isOverLimit || Date.now() - startedAtMs > durationMs,
  };
  const { port } = new URL(worker.url);
  const [load, workerMemory, storesMemory] = await Promise.all([
    runLoad({
      port: Number(port),
      token: edge.keys.full,
      inventedToken: edge.keys.invented,
      origin: listedOrigin,
      isEdge,
      durationMs,
    }),
    watch(worker, look, async (bytes) => {
      if (bytes <= limitBytes) return;
      isOverLimit = true;
      await worker.dispose();
    }),
    stores && watch(stores, look),
  ]);
  const counted = isEdge && !isOverLimit ? await countedBy(worker.url, load, arrivals) : null;
  if (!isOverLimit) await sleep(REST_MS);
  for (const [server, memory] of [
    [worker, workerMemory],
    [stores, storesMemory],
  ] as const) {
    if (server === null || memory === null) continue;
    if (!isOverLimit) memory.atRestBytes = await anonymousBytes(server.pid);
    await server.dispose();
  }
  return {
    load,
    arrived: arrivals,
    worker: workerMemory,
    stores: storesMemory,
    counted,
    isOverLimit,
  };
}

async function serve(
  name: string,
  config: WorkerdConfig,
  busy: readonly string[],
): Promise<Watched> {
  const inspectorPort = await freePort();
  const server = await serveWorkerd(
    join(folder, `workerd-${name}`),
    { ...config, v8Flags },
    anyCore,
    [`--inspector-addr=127.0.0.1:${inspectorPort}`],
  );
  return { ...server, inspectorPort, busy };
}

/** Looks at a process until the load is over. `onResident` receives its size every second. */
async function watch(
  server: Watched,
  { atMs, isOver }: Look,
  onResident: (bytes: number) => Promise<void> = async () => undefined,
): Promise<ProcessMemory> {
  const memory: ProcessMemory = {
    resident: [],
    allocated: [],
    ours: [],
    heaps: [],
    atRestBytes: Number.NaN,
  };
  const watchProcess = async () => {
    while (!isOver()) {
      const bytes = await residentBytes(server.pid);
      memory.resident.push({ atMs: atMs(), bytes });
      await onResident(bytes);
      await sleep(SAMPLE_MS);
    }
  };
  const watchHeaps = async () => {
    while (!isOver()) {
      const heaps = await readHeaps(server.inspectorPort, server.busy);
      const bytes = [...heaps.values()].reduce((sum, size) => sum + size, 0);
      memory.ours.push({ atMs: atMs(), bytes: heaps.get(mainService) ?? 0 });
      memory.heaps.push({ atMs: atMs(), bytes });
      memory.allocated.push({ atMs: atMs(), bytes: await anonymousBytes(server.pid) });
      await sleep(durationMs * HEAP_SAMPLE_SHARE);
    }
  };
  await Promise.all([watchProcess(), watchHeaps()]);
  return memory;
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

function isGood({ load, arrived, worker, counted, isOverLimit }: Outcome): boolean {
  const isFlat =
    hasStopped(worker.ours, HEAP_NOISE_BYTES) && hasStopped(worker.allocated, PROCESS_NOISE_BYTES);
  // Whatever arrived was counted. A client that went away before its head was read was no request.
  const isCounted = counted === null || (counted <= load.allowed && counted >= arrived);
  return load.surprises.length === 0 && isFlat && isCounted && !isOverLimit;
}

/** Returns whether memory has stopped growing. True if it cannot be read. */
function hasStopped(samples: Sample[], noiseBytes: number): boolean {
  const { first, last } = thirdsOf(samples);
  return !(last > first * GROWTH_MAX + noiseBytes);
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
  rowOf('heap of the Worker, first -> last third', ({ worker }) => span(worker.ours));
  for (const process of ['worker', 'stores'] as const) {
    const ofProcess = (name: string, cell: (memory: ProcessMemory) => string) =>
      rowOf(`${process}: ${name}`, (outcome) => {
        const memory = outcome[process];
        return memory === null ? 'has none' : cell(memory);
      });
    ofProcess('heaps of all isolates', ({ heaps }) => span(heaps));
    ofProcess('allocated, garbage collected', ({ allocated }) => span(allocated));
    ofProcess('the same at rest', ({ atRestBytes }) => mebibytes(atRestBytes));
    ofProcess('resident', ({ resident }) => span(resident));
  }
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
  console.log(
    `${values.minutes} minutes each, limit ${values['limit-mib']} MiB for the process of the Worker,`,
  );
  console.log(`${ISOLATE_HEAP_MIB} MiB of heap for each isolate`);
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
