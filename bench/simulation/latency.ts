/**
 * How long requests wait for their key, beyond zero, in one data centre with the real directory; and how
 * long they would wait with the alternatives.
 */

import { parseOrigin } from '../../src/core/origins/web-origin.ts';
import { restrictedRoutes } from '../../src/core/routes/restricted-routes.ts';
import { compileRoutes } from '../../src/core/routes/route-table.ts';
import { createKeyDirectory, type KeyDirectory } from '../../src/keys/lookup/directory.ts';
import { RequestScope } from '../../src/keys/lookup/request-scope.ts';
import { createRandom } from '../../test/keys-model/random.ts';
import { VirtualTime } from '../../test/keys-model/virtual-time.ts';
import { anyOf, drawRank, letHappen } from './isolates.ts';
import { type Distances, NearStores } from './near-stores.ts';

/** One data centre, and what is asked of it. */
export interface LatencyCase extends Distances {
  readonly isolates: number;
  readonly keys: number;
  /** Of the data centre. */
  readonly requestsPerSecond: number;
  readonly changesPerSecond: number;
  readonly asks: 'key' | 'speculative read' | 'preflight';
}

/** Waiting times in milliseconds, and the part of the requests that wait at all. */
export interface Waits {
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly waitingPart: number;
}

/** Our waits, and those of the alternatives, under the same requests. */
export interface LatencyResult {
  readonly ours: Waits;
  readonly alternatives: Readonly<Record<AlternativeName, Waits>>;
}

/** The methods of others, and for how long a revoked key works with each. */
export const alternatives = {
  'KV read-through': 'no bound',
  'memory 60 s, then KV': 'no bound',
  'stale-while-revalidate (10 s, 10 min)': '10 min',
  'D1 every time': '0 s',
  'near replica every time': 'no bound',
  'in the API itself': '0 s',
} as const;
export type AlternativeName = keyof typeof alternatives;

/** Simulates so many requests. The seed decides all of it. */
export async function simulateLatency(
  given: LatencyCase,
  { seed, requests }: { readonly seed: number; readonly requests: number },
): Promise<LatencyResult> {
  const random = createRandom(seed);
  const time = new VirtualTime();
  const stores = new NearStores(time, random, given);
  const isolates = Array.from({ length: given.isolates }, () => ({
    directory: startDirectory(time, stores, random),
    knownMs: new Map<string, number>(),
  }));
  const ours: number[] = [];
  const others = Object.fromEntries(
    Object.keys(alternatives).map((name) => [name, [] as number[]]),
  ) as Record<AlternativeName, number[]>;
  // Apart from ours, so that neither warms the other's KV.
  const other = new NearStores(time, createRandom(seed + 1), given);
  const throughMemory = new NearStores(time, createRandom(seed + 2), given);

  const ask = () => {
    const isolate = anyOf(random, isolates);
    const name = `${drawRank(random, given.keys)}`;
    void askOurs(time, stores, isolate.directory, given.asks, name).then((ms) => ours.push(ms));
    const ageMs = time.nowMs - (isolate.knownMs.get(name) ?? Number.NEGATIVE_INFINITY);
    const freshMs = time.nowMs - (isolate.knownMs.get(`fresh ${name}`) ?? Number.NEGATIVE_INFINITY);
    others['KV read-through'].push(other.kvMs(name));
    others['memory 60 s, then KV'].push(freshMs < 60_000 ? 0 : throughMemory.kvMs(name));
    if (freshMs >= 60_000) isolate.knownMs.set(`fresh ${name}`, time.nowMs);
    others['stale-while-revalidate (10 s, 10 min)'].push(ageMs < 600_000 ? 0 : other.primaryMs());
    isolate.knownMs.set(name, time.nowMs);
    others['D1 every time'].push(other.primaryMs());
    others['near replica every time'].push(other.replicaMs());
    // A request travels there anyway; a preflight would not have had to.
    others['in the API itself'].push(given.asks === 'preflight' ? other.primaryMs() : 0);
  };
  const seconds = requests / given.requestsPerSecond;
  await letHappen(time, random, time.nowMs + seconds * 1000, [
    { perSecond: given.requestsPerSecond, happen: ask },
    { perSecond: given.changesPerSecond, happen: () => stores.change() },
  ]);
  await time.advance(60_000);
  return {
    ours: waitsOf(ours),
    alternatives: Object.fromEntries(
      Object.entries(others).map(([name, waits]) => [name, waitsOf(waits)]),
    ) as Record<AlternativeName, Waits>,
  };
}

function startDirectory(time: VirtualTime, stores: NearStores, random: () => number): KeyDirectory {
  return createKeyDirectory({
    database: stores.database,
    replica: stores.replica,
    near: stores.near,
    feedCache: stores.feedCache,
    now: () => time.nowMs,
    wait: (ms) => time.wait(ms),
    random,
    withTimeout: time.withTimeout,
    log: () => {},
    restrictedRoutes,
    restrictedTable: compileRoutes(restrictedRoutes),
    refreshMs: 5_000,
    maxStalenessMs: 10_000,
    outageGraceMs: 300_000,
    keepWarmMs: 25_000,
  });
}

/** One request. Returns by how much its key delayed it. */
async function askOurs(
  time: VirtualTime,
  stores: NearStores,
  directory: KeyDirectory,
  asks: LatencyCase['asks'],
  name: string,
): Promise<number> {
  const beganMs = time.nowMs;
  const scope = new RequestScope(beganMs, (work) => void work);
  if (asks === 'preflight') {
    const origin = parseOrigin(`https://app-${name}.example`)!;
    if (directory.recallOrigin(origin, scope) === undefined) {
      await directory.findOrigin(origin, scope, 'preflight');
    }
    const waitedMs = time.nowMs - beganMs;
    // The request that a browser sends after its preflight.
    await askOurs(time, stores, directory, 'key', name);
    return waitedMs;
  }
  const token = `token-${name}`;
  const upstreamMs = stores.upstreamMs();
  let forwardedMs: number | null = null;
  const onUnconfirmed = () => {
    forwardedMs ??= time.nowMs;
  };
  if (directory.recall(token, scope) === undefined) {
    const isAhead = asks === 'speculative read';
    await directory.find(token, null, scope, isAhead ? onUnconfirmed : undefined);
  }
  const foundMs = time.nowMs;
  const answeredMs = Math.max(foundMs, (forwardedMs ?? foundMs) + upstreamMs);
  time.after(answeredMs - foundMs, () => directory.keepWarm(scope));
  return answeredMs - upstreamMs - beganMs;
}

function waitsOf(waits: readonly number[]): Waits {
  const sorted = [...waits].sort((left, right) => left - right);
  const at = (part: number) => Math.round(sorted[Math.floor(part * (sorted.length - 1))] ?? 0);
  return {
    p50: at(0.5),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
    waitingPart: sorted.filter((ms) => ms >= 1).length / Math.max(1, sorted.length),
  };
}
