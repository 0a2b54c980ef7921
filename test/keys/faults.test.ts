/**
 * Answers to callers while D1, KV, the Cache API and the Queue fail, hang or are slow, in turn and
 * together: the whole Worker over the real bindings. docs/design/failures.md has the outcomes as a table.
 */

import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Env } from '../../src/config/env.ts';
import { importTagKey, makeToken } from '../../src/core/key/token.ts';
import { createKeyReplica } from '../../src/keys/stores/kv.ts';
import { createAuthorizer } from '../../src/worker.ts';
import { EDGE_URL, freshStorage } from '../support/workers.ts';
import { faulty, type Health, SLOW_MS } from './faulty.ts';

/** Bounds by which the test tells at once from a wait. Machines that run tests are slow. */
const D1_TIMEOUT_MS = 1_500;
const OTHER_TIMEOUT_MS = 250;

const soon = { timeout: 5_000, interval: 10 };

/** The real one. Tests put a double in its place. */
const openCache = caches.open.bind(caches);

type Store = 'database' | 'replica' | 'cache' | 'queue';
type Mode = Exclude<Health['mode'], 'well'>;
const stores: readonly Store[] = ['database', 'replica', 'cache', 'queue'];
const modes: readonly Mode[] = ['failing', 'hanging', 'slow'];

/** A request, by what the isolate and its data centre know of it. */
type Request_ =
  | 'hot key'
  | 'known key, lease over'
  | 'key in KV, warm data centre'
  | 'key in KV, cold data centre'
  | 'unknown token'
  | 'preflight, listed origin'
  | 'preflight, unlisted origin';

/** The status of an answer, and its distinguishing mark. */
type Outcome = '200' | '200 stale' | '401' | '503' | '204 for 7200 s' | '204 for 5 s' | '403';

/** The most that the machine adds to a wait. */
const MACHINE_MS = 1_200;

/** With everything in order. */
const wellOutcomes: Readonly<Record<Request_, Outcome>> = {
  'hot key': '200',
  'known key, lease over': '200',
  'key in KV, warm data centre': '200',
  'key in KV, cold data centre': '200',
  'unknown token': '401',
  'preflight, listed origin': '204 for 7200 s',
  'preflight, unlisted origin': '403',
};

/** With D1 out of reach. Everything else changes no outcome while D1 answers. */
const outageOutcomes: Readonly<Record<Request_, Outcome>> = {
  ...wellOutcomes,
  'known key, lease over': '200 stale',
  'key in KV, cold data centre': '503',
  'unknown token': '503',
  'preflight, listed origin': '204 for 5 s',
  'preflight, unlisted origin': '204 for 5 s',
};

/** With D1 and everything else out of reach. */
const togetherOutcomes: Readonly<Record<Request_, Outcome>> = {
  ...outageOutcomes,
  'key in KV, warm data centre': '503',
};

const requests = Object.keys(wellOutcomes) as Request_[];

interface Fault {
  readonly what: string;
  readonly stores: readonly Store[];
  readonly mode: Mode;
}

const faults: readonly Fault[] = [
  ...stores.flatMap((store) => modes.map((mode) => ({ what: store, stores: [store], mode }))),
  ...modes.map((mode) => ({ what: 'all of them', stores, mode })),
];

describe('with stores out of order', () => {
  describe.each(requests)('%s', (request) => {
    const sent = new Map<Fault, Sent>();
    beforeAll(async () => {
      for (const [fault, result] of await sendUnderEachFault(request)) sent.set(fault, result);
    }, 60_000);

    test.for(faults)('$what $mode', (fault) => {
      const { outcome, tookMs } = sent.get(fault)!;
      expect(outcome).toBe(outcomeOf({ ...fault, request }));
      const [leastMs, mostMs] = waitOf({ ...fault, request });
      expect(tookMs).toBeGreaterThanOrEqual(leastMs);
      expect(tookMs).toBeLessThan(mostMs + MACHINE_MS);
    });
  });

  test('a known key waits for a D1 that hangs once, not at every request', async () => {
    const edge = await prepare('known key, lease over');
    edge.health.database.mode = 'hanging';
    await edge.send();
    for (let number = 0; number < 20; number++) {
      const { outcome, tookMs } = await edge.send();
      expect(outcome).toBe('200 stale');
      expect(tookMs).toBeLessThan(1_000);
    }
  });

  test('a caller with an unknown token is asked to try again, and never refused as invalid', async () => {
    const edge = await prepare('unknown token');
    edge.health.database.mode = 'failing';
    for (let number = 0; number < 5; number++) {
      const { outcome, headers } = await edge.send();
      expect(outcome).toBe('503');
      expect(headers.get('Retry-After')).toBe('5');
      expect(headers.has('WWW-Authenticate')).toBe(false);
    }
  });

  test('the log says so once a minute, not once a request', async () => {
    const edge = await prepare('known key, lease over');
    for (const store of ['database', 'replica', 'cache'] as const) {
      edge.health[store].mode = 'failing';
    }
    for (let number = 0; number < 10; number++) {
      await edge.send();
      edge.passMs(6_000);
      await edge.send({ token: `${edge.token}-of-another-form` });
    }
    const told = edge.events();
    for (const event of ['database_failed', 'replica_failed', 'cache_failed']) {
      // A minute passes: each store is reported when it begins, and at most once more when it ends.
      const times = told.filter((name) => name === event).length;
      expect(times).toBeGreaterThanOrEqual(1);
      expect(times).toBeLessThanOrEqual(2);
    }
  });

  test('everything is as before when they are in order again, without a restart', async () => {
    const edge = await prepare('known key, lease over');
    for (const store of stores) edge.health[store].mode = 'failing';
    edge.passMs(400_000);
    expect((await edge.send()).outcome).toBe('503');
    for (const store of stores) edge.health[store].mode = 'well';
    edge.passMs(6_000);
    expect((await edge.send()).outcome).toBe('200');
    edge.health.database.mode = 'hanging';
    expect((await edge.send()).outcome).toBe('200');
  });

  test('a key that was revoked is refused at once when D1 is in order again', async () => {
    const edge = await prepare('known key, lease over');
    edge.health.database.mode = 'failing';
    expect((await edge.send()).outcome).toBe('200 stale');
    edge.health.database.mode = 'well';
    await env.DB.batch([
      env.DB.prepare('UPDATE keys SET revoked_at_ms = 1'),
      env.DB.prepare(
        'INSERT INTO changes (token_hash, changed_at_ms) SELECT token_hash, 1 FROM tokens',
      ),
    ]);
    edge.passMs(10_000);
    expect((await edge.send()).outcome).toBe('401');
  });
});

afterEach(() => {
  vi.restoreAllMocks();
});

function outcomeOf({ stores: faulted, mode, request }: Fault & { request: Request_ }): Outcome {
  if (mode === 'slow' || !faulted.includes('database')) return wellOutcomes[request];
  return faulted.length > 1 ? togetherOutcomes[request] : outageOutcomes[request];
}

/** How long the answer takes, at least and at most, beside what the machine adds. */
function waitOf(given: Fault & { request: Request_ }): readonly [number, number] {
  const { stores: faulted, mode, request } = given;
  const isHit = (store: Store) => faulted.includes(store);
  if (request === 'hot key' || mode === 'failing') return [0, 0];
  const isWarm = request === 'key in KV, warm data centre';
  // D1 is asked beside the others, after a few milliseconds; with a lease, KV has a head start.
  const awaitsKv = isWarm && isHit('replica') && !isHit('cache');
  const needsDatabase = !isWarm || isHit('replica') || isHit('cache');
  const databaseMs = mode === 'slow' ? SLOW_MS : D1_TIMEOUT_MS;
  const waitMs =
    (awaitsKv ? OTHER_TIMEOUT_MS : 0) + (isHit('database') && needsDatabase ? databaseMs : 0);
  return [Math.max(0, waitMs - 30), waitMs];
}

/** The result of a request: a status with its mark, or the error that the Worker threw. */
interface Sent {
  readonly outcome: Outcome | `threw ${string}`;
  readonly tookMs: number;
}

/**
 * Sends a request under each fault, to an isolate and a data centre of its own. Those that wait do so at
 * the same time. The others come one after another, so that none waits for the work of another.
 */
async function sendUnderEachFault(request: Request_): Promise<ReadonlyMap<Fault, Sent>> {
  const sent = new Map<Fault, Sent>();
  const world = await openWorld();
  const sendTo = async (isolate: Isolate, fault: Fault) => {
    for (const store of fault.stores) isolate.health[store].mode = fault.mode;
    const failed = (error: unknown): Sent => ({ outcome: `threw ${String(error)}`, tookMs: 0 });
    sent.set(fault, await isolate.send().catch(failed));
  };
  const waits = (fault: Fault) => waitOf({ ...fault, request })[1] > 0;
  for (const fault of faults.filter((one) => !waits(one))) {
    const isolate = await world.isolateFor(request);
    world.arriveAt(request);
    await sendTo(isolate, fault);
  }
  const waiting: [Isolate, Fault][] = [];
  for (const fault of faults.filter(waits)) waiting.push([await world.isolateFor(request), fault]);
  world.arriveAt(request);
  await Promise.all(waiting.map(([isolate, fault]) => sendTo(isolate, fault)));

  // Once more if a time is off. On a busy machine, one request is delayed, or its lease ends while the others are
  // prepared. A fault of the edge shows each time.
  for (const fault of faults) {
    const { tookMs } = sent.get(fault)!;
    const [leastMs, mostMs] = waitOf({ ...fault, request });
    if (tookMs >= leastMs && tookMs < mostMs + MACHINE_MS) continue;
    const isolate = await world.isolateFor(request);
    world.arriveAt(request);
    await sendTo(isolate, fault);
  }
  return sent;
}

/** An edge that is about to get this request. */
async function prepare(request: Request_) {
  const world = await openWorld();
  const isolate = await world.isolateFor(request);
  world.arriveAt(request);
  world.lines.length = 0;
  return {
    ...isolate,
    token: world.token,
    passMs: world.passMs,
    events: () => world.lines.map((line) => String((JSON.parse(line) as { event: unknown }).event)),
  };
}

type World = Awaited<ReturnType<typeof openWorld>>;
type Isolate = Awaited<ReturnType<World['isolateFor']>>;

/** D1 and KV with one key, and a clock, for isolates of as many data centres. */
async function openWorld() {
  await freshStorage();
  vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response('from the upstream'));
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(String(line)));
  const realNow = Date.now;
  let aheadMs = 0;
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + aheadMs);
  const cachesOf = new Map<string, Cache>();
  const cacheOf = (url: string) => cachesOf.get(new URL(url).pathname.split('/')[2] ?? '')!;
  vi.spyOn(caches, 'open').mockImplementation(
    async () =>
      ({
        match: (url: string) => cacheOf(url).match(url),
        put: (url: string, entry: Response) => cacheOf(url).put(url, entry),
      }) as unknown as Cache,
  );

  const created = await createAuthorizer().fetch(
    new Request(`${EDGE_URL}/_edge/v1/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${env.ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        name: 'a key',
        access: { cors: { allowedOrigins: ['https://listed.example'] } },
      }),
    }) as never,
    (await dataCentre()).bindings,
    createExecutionContext(),
  );
  const { token } = await created.json<{ token: string }>();
  await vi.waitFor(async () => {
    const { keys } = await env.KEYS.list({ prefix: 'key:' });
    expect(keys).toHaveLength(1);
  }, soon);
  const unknownToken = await inventToken();

  return {
    token,
    lines,
    isolateFor,
    passMs(durationMs: number) {
      aheadMs += durationMs;
    },
    /** Lets the time pass between what an isolate knows and the request. */
    arriveAt(request: Request_) {
      if (request === 'known key, lease over') aheadMs += 20_000;
    },
  };

  /** The bindings of a data centre, whose cache is empty, each behind its health. */
  async function dataCentre() {
    const id = crypto.randomUUID();
    const health: Record<Store, Health> = {
      database: { mode: 'well' },
      replica: { mode: 'well' },
      cache: { mode: 'well' },
      queue: { mode: 'well' },
    };
    const cache = faulty(await openCache(id), health.cache);
    cachesOf.set(id, cache);
    const bindings = {
      ...env,
      DB: faulty(env.DB, health.database),
      KEYS: faulty(env.KEYS, health.replica),
      USAGE: faulty({ send: async () => ({}) } as unknown as Queue<string>, health.queue),
      USAGE_FLUSH_SECONDS: '0',
      CF_VERSION_METADATA: { id, tag: '', timestamp: '' },
    } satisfies Env;
    return { health, cache, bindings };
  }

  /** An isolate that knows what this request presumes. */
  async function isolateFor(request: Request_) {
    const { health, cache, bindings } = await dataCentre();
    let worker = createAuthorizer();
    const call = (path: string, init: RequestInit) =>
      worker.fetch(new Request(EDGE_URL + path, init) as never, bindings, createExecutionContext());
    const asked = request === 'unknown token' ? unknownToken : token;
    await getReady();

    const send = async (options: { token?: string } = {}) => {
      const startedMs = realNow();
      const response = await callFor(request, options.token ?? asked);
      const tookMs = realNow() - startedMs;
      await response.text();
      const { status, headers } = response;
      const age = headers.get('Access-Control-Max-Age');
      const id = headers.get('X-Request-Id') ?? 'no request id';
      const isStale = lines.some((line) => line.includes(id) && line.includes('"isStale":true'));
      const mark = age === null ? (isStale ? ' stale' : '') : ` for ${age} s`;
      return { outcome: `${status}${mark}` as Outcome, headers, tookMs };
    };
    return { health, send };

    function callFor(kind: Request_, bearer: string) {
      if (!kind.startsWith('preflight')) {
        return call('/api/stream', {
          method: 'POST',
          headers: { authorization: `Bearer ${bearer}` },
        });
      }
      const origin = `https://${kind.split(' ')[1] ?? ''}.example`;
      const headers = { origin, 'access-control-request-method': 'POST' };
      return call('/api/stream', { method: 'OPTIONS', headers });
    }

    /** Sends the requests that come first, while every store works. */
    async function getReady(): Promise<void> {
      if (request === 'hot key' || request === 'known key, lease over') {
        await callFor(request, token);
      } else if (request === 'key in KV, warm data centre') {
        // A neighbour has read the log, and left it in the cache.
        await expectCopy();
        await callFor(request, token);
        const shared = `https://feed.edge-authorizer.internal/v2/${bindings.CF_VERSION_METADATA.id}/short`;
        await vi.waitFor(async () => expect(await cache.match(shared)).toBeDefined(), soon);
        worker = createAuthorizer();
      }
    }
  }
}

/** Expects a copy in KV that every reader of the log can find. */
async function expectCopy(): Promise<void> {
  const replica = createKeyReplica(env.KEYS);
  const { keys } = await env.KEYS.list({ prefix: 'key:' });
  expect(await replica.getKey(keys[0]?.name.slice('key:'.length) ?? '')).not.toBeNull();
}

/** A token with a right tag that no key has. */
async function inventToken(): Promise<string> {
  const row = await env.DB.prepare(
    "SELECT value FROM settings WHERE name = 'token_tag_key'",
  ).first<{ value: string }>();
  return makeToken({
    prefix: 'ea',
    kind: 'cors',
    tagKey: await importTagKey(row?.value ?? ''),
    fillRandom: (bytes) => crypto.getRandomValues(bytes),
  });
}
