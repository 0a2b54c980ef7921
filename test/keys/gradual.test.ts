/**
 * A gradual deployment: two versions of the Worker side by side on one D1 and one KV, of which the
 * later one keeps its copies in another shape and has expanded D1. Neither may refuse a good key, nor
 * let a revoked one in, whichever version made, copied or revoked it. docs/design/migrations.md has
 * the rule.
 */

import { createExecutionContext, createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Env } from '../../src/config/env.ts';
import { consumeUsage, type UsageMessage } from '../../src/usage/consumer.ts';
import { createAuthorizer } from '../../src/worker.ts';
import type { CreatedKey, Deployment } from '../contract/deployment.ts';
import { applySql, deploy, EDGE_URL } from '../support/workers.ts';

const MAX_STALENESS_SECONDS = 1;
const ORIGIN = 'https://app.example';

/** Changes that a later version's schema may make in D1 while the earlier version runs. */
const expansion = `
  ALTER TABLE keys ADD COLUMN note TEXT;
  ALTER TABLE tokens ADD COLUMN used_from TEXT NOT NULL DEFAULT 'anywhere';
  ALTER TABLE changes ADD COLUMN reason TEXT;
  CREATE TABLE later_feature (key_id TEXT PRIMARY KEY) STRICT;
  CREATE INDEX keys_by_note ON keys (note);`;

type Version = 'earlier' | 'later';
const versions: readonly Version[] = ['earlier', 'later'];
const pairs = versions.flatMap((first) => versions.map((second) => ({ first, second })));

let storage: Deployment;
/** Versions have ids of their own, and so no polls in common. */
let deploymentId: string;
let isolates: Record<Version, Isolate>;
let warmer: CreatedKey;

beforeEach(async () => {
  storage = await deploy();
  deploymentId = crypto.randomUUID();
  await applySql(expansion);
  isolates = { earlier: newIsolate('earlier'), later: newIsolate('later') };
  warmer = await isolates.earlier.createKey({ name: 'knows the log' });
});
afterEach(() => storage.dispose());

describe.each(pairs)('a key made by the $first version', ({ first, second }) => {
  test(`is refused everywhere once the ${second} version revoked it`, async () => {
    const key = await isolates[first].createKey({ name: 'to be revoked' });
    // In the memory of every isolate, and in KV in the shape of the last version that wrote.
    for (const version of [...versions, first]) {
      expect(await isolates[version].statusOf(key)).toBe(200);
    }
    const copies = await copiesOf(key);
    expect((await isolates[second].manage('DELETE', `/keys/${key.id}`)).status).toBe(204);
    const revokedAtMs = Date.now();
    expect(await isolates[second].statusOf(key)).toBe(401);
    for (const version of versions) {
      await vi.waitUntil(async () => (await isolates[version].statusOf(key)) === 401, {
        timeout: 10_000,
        interval: 20,
      });
      expect(await coldAndWarm(version, (isolate) => isolate.statusOf(key))).toEqual([401, 401]);
    }
    // The bound, and what a loaded machine takes for a dozen requests.
    expect(Date.now() - revokedAtMs).toBeLessThan((MAX_STALENESS_SECONDS + 5) * 1000);

    // A data centre in which KV still has the copies from before, in either shape.
    for (const shape of versions) {
      for (const [name, value] of copies) await env.KEYS.put(name, inShape(shape, value));
      for (const version of versions) {
        expect(await coldAndWarm(version, (isolate) => isolate.statusOf(key))).toEqual([401, 401]);
        expect(await isolates[version].statusOf(key)).toBe(401);
      }
    }
  });

  test(`is let in by the ${second} version at once, whoever's copy KV has`, async () => {
    const access = { cors: { allowedOrigins: [ORIGIN] } };
    const key = await isolates[first].createKey({ name: 'in a page', access });
    const copies = await copiesOf(key);
    for (const shape of versions) {
      for (const [name, value] of copies) await env.KEYS.put(name, inShape(shape, value));
      expect(await coldAndWarm(second, (isolate) => isolate.statusOf(key, ORIGIN))).toEqual([
        200, 200,
      ]);
      expect(await coldAndWarm(second, (isolate) => isolate.preflight(ORIGIN))).toEqual([204, 204]);
      expect(
        await coldAndWarm(second, (isolate) => isolate.statusOf(key, 'https://other.example')),
      ).toEqual([403, 403]);
    }
    // Each takes the other's copy for none and puts its own there, again and again.
    for (let round = 0; round < 5; round++) {
      for (const version of versions) {
        expect(await coldAndWarm(version, (isolate) => isolate.statusOf(key, ORIGIN))).toEqual([
          200, 200,
        ]);
        expect(await isolates[version].statusOf(key, ORIGIN)).toBe(200);
      }
    }
  });

  test(`is changed and rolled by the ${second} version`, async () => {
    const key = await isolates[first].createKey({ name: 'to be rolled' });
    const renamed = await isolates[second].manage('PATCH', `/keys/${key.id}`, { name: 'renamed' });
    expect(renamed.status).toBe(200);
    const answer = await isolates[second].manage('POST', `/keys/${key.id}/roll`, {
      graceSeconds: 0,
    });
    expect(answer.status).toBe(200);
    const rolled = JSON.parse(answer.body) as CreatedKey;
    for (const version of versions) {
      expect(await coldAndWarm(version, (isolate) => isolate.statusOf(rolled))).toEqual([200, 200]);
      expect(await coldAndWarm(version, (isolate) => isolate.statusOf(key))).toEqual([401, 401]);
    }
  });
});

test('a tombstone in the other shape is no copy, and hides no key that works', async () => {
  const key = await isolates.earlier.createKey({ name: 'in use' });
  const copies = await copiesOf(key);
  for (const version of versions) {
    const other = version === 'earlier' ? 'later' : 'earlier';
    for (const [name, value] of copies) {
      const tombstone = JSON.stringify({ ...JSON.parse(inShape('earlier', value)), value: null });
      await env.KEYS.put(name, inShape(other, tombstone));
    }
    expect(await coldAndWarm(version, (isolate) => isolate.statusOf(key))).toEqual([200, 200]);
  }
});

test('the scheduled runs of both versions leave keys working and revoked ones refused', async () => {
  const key = await isolates.later.createKey({ name: 'in use' });
  const revoked = await isolates.earlier.createKey({ name: 'revoked' });
  await isolates.later.manage('DELETE', `/keys/${revoked.id}`);
  // As if no version had written the copies, so that the repair has to.
  await env.DB.batch([
    env.DB.prepare('DELETE FROM replica_writes'),
    env.DB.prepare(
      'INSERT INTO replica_writes (token_hash, due_seq, due_at_ms) SELECT token_hash, 1, 1 FROM tokens',
    ),
  ]);
  for (const version of versions) {
    await isolates[version].scheduled();
    for (const reader of versions) {
      expect(await coldAndWarm(reader, (isolate) => isolate.statusOf(key))).toEqual([200, 200]);
      expect(await coldAndWarm(reader, (isolate) => isolate.statusOf(revoked))).toEqual([401, 401]);
    }
  }
});

test('usage of a later version waits in the Queue for its consumer, beside that of this one', async () => {
  const { results: before } = await env.DB.prepare('SELECT * FROM usage_daily').all();
  expect(before).toEqual([]);
  const id = `${String(Date.now()).padStart(13, '0')}-${crypto.randomUUID()}`;
  const batch = {
    v: 1,
    id,
    counts: [['key_a', '2026-11-26', 'allowed', 2]],
    used: [],
    origins: [],
  };
  const settled: string[] = [];
  const message = (name: string, body: object): UsageMessage => ({
    id: name,
    body: JSON.stringify(body),
    attempts: 1,
    ack: () => settled.push(`${name} merged`),
    retry: () => settled.push(`${name} put back`),
  });
  await consumeUsage([message('later', { ...batch, v: 4 }), message('this', batch)], {
    writesEvents: false,
    db: env.DB,
    now: () => Date.now(),
    withTimeout: (work) => work,
    log: () => {},
  });
  expect(settled.toSorted()).toEqual(['later put back', 'this merged']);
  const { results } = await env.DB.prepare('SELECT requests FROM usage_daily').all();
  expect(results).toEqual([{ requests: 2 }]);
});

/**
 * Returns the answers of two isolates that do not know the key. One does not know the log either. The
 * other does, and believes KV as far as the log vouches for it.
 */
async function coldAndWarm(
  version: Version,
  ask: (isolate: Isolate) => Promise<number>,
): Promise<readonly number[]> {
  const warm = newIsolate(version);
  expect(await warm.statusOf(warmer)).toBe(200);
  // The warm one first: the cold one leaves a copy behind.
  const answerOfWarm = await ask(warm);
  return [await ask(newIsolate(version)), answerOfWarm];
}

/** One isolate of a version: its memory lives as long as it. */
interface Isolate {
  statusOf(key: CreatedKey, origin?: string): Promise<number>;
  preflight(origin: string): Promise<number>;
  manage(method: string, path: string, body?: object): Promise<Answered>;
  createKey(document: object): Promise<CreatedKey>;
  scheduled(): Promise<void>;
}
interface Answered {
  readonly status: number;
  readonly body: string;
}

function newIsolate(version: Version): Isolate {
  const worker = createAuthorizer();
  const bindings: Env = {
    ...env,
    KEYS: version === 'later' ? reshaped(env.KEYS) : env.KEYS,
    CF_VERSION_METADATA: { id: `${version} ${deploymentId}`, tag: '', timestamp: '' },
    USAGE_FLUSH_SECONDS: '0',
    USAGE: { send: async () => ({}) } as unknown as Queue<string>,
    FEED_REFRESH_SECONDS: '0',
    MAX_STALENESS_SECONDS: String(MAX_STALENESS_SECONDS),
  };
  async function send(path: string, init: RequestInit): Promise<Answered> {
    const request = new Request(EDGE_URL + path, init);
    const response = await worker.fetch(request as never, bindings, createExecutionContext());
    return { status: response.status, body: await response.text() };
  }
  const manage: Isolate['manage'] = (method, path, body) =>
    send(`/_edge/v1${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${env.ADMIN_TOKEN}`,
        'Content-Type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return {
    manage,
    async statusOf({ token }, origin) {
      const headers = new Headers({ Authorization: `Bearer ${token}` });
      if (origin !== undefined) headers.set('Origin', origin);
      return (await send('/api/stream/1', { headers })).status;
    },
    async preflight(origin) {
      const headers = { Origin: origin, 'Access-Control-Request-Method': 'GET' };
      return (await send('/api/stream/1', { method: 'OPTIONS', headers })).status;
    },
    async createKey(document) {
      const { status, body } = await manage('POST', '/keys', document);
      if (status !== 201) throw new Error(`Cannot create a key: answered ${status} ${body}`);
      return JSON.parse(body) as CreatedKey;
    },
    scheduled: () => worker.scheduled(createScheduledController(), bindings),
  };
}

/**
 * KV as a version sees it that keeps copies in another shape: what it writes has another number and
 * other members, and what others wrote is of a number that it does not know.
 */
function reshaped(kv: KVNamespace): KVNamespace {
  const get = async (name: string, options: KVNamespaceGetOptions<'json'>) => {
    const copy = await kv.get<Record<string, unknown>>(name, options);
    if (copy === null) return null;
    return copy['v'] === LATER_SHAPE ? asEarlier(copy) : { ...copy, v: 'not known' };
  };
  const put = (name: string, text: string, options: KVNamespacePutOptions) =>
    kv.put(name, inShape('later', text), options);
  return { get, put } as unknown as KVNamespace;
}

const LATER_SHAPE = 1_000;
const EARLIER_SHAPE = 3;

function asEarlier({ at, record }: Record<string, unknown>): object {
  const [seqAt, mark] = at as readonly number[];
  return { v: EARLIER_SHAPE, seqAt, mark, value: record };
}

/** A copy that either version wrote, as this one would have written it. */
function inShape(version: Version, text: string): string {
  const copy = JSON.parse(text) as Record<string, unknown>;
  const earlier = copy['v'] === LATER_SHAPE ? asEarlier(copy) : copy;
  if (version === 'earlier') return JSON.stringify(earlier);
  const { seqAt, mark, value } = earlier as Record<string, unknown>;
  return JSON.stringify({ v: LATER_SHAPE, at: [seqAt, mark], record: value });
}

/** The copies of a key in KV, which are written a moment after the key was made. */
function copiesOf(key: CreatedKey): Promise<readonly (readonly [name: string, value: string])[]> {
  return vi.waitUntil(
    async () => {
      const copies = Object.entries(await storage.copies());
      const ofKey = copies.filter(([, value]) => value.includes(key.id));
      return ofKey.length > 0 ? ofKey : null;
    },
    { timeout: 10_000, interval: 20 },
  );
}
