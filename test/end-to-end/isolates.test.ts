/**
 * Several isolates on the same D1 and KV, as in several data centres: what one of them changes, the
 * others obey within the bound that was promised, while their memory is kept warm all the time.
 */

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { request } from '../support/node/raw-http.ts';
import {
  type CreatedKey,
  type Edge,
  type EdgeOptions,
  serveEdges,
} from '../support/node/serve-edge.ts';
import { reply } from '../support/node/upstream-answers.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

const settings = [
  { name: 'short', kind: 'short bounds', refreshSeconds: 1, maxStalenessSeconds: 2 },
  {
    name: 'shared',
    kind: 'bounds long enough to share polls',
    refreshSeconds: 2,
    maxStalenessSeconds: 5,
  },
  { name: 'always', kind: 'a poll before every answer', refreshSeconds: 0, maxStalenessSeconds: 1 },
];

let upstream: Upstream;
/** A deployment for each of the settings, all in one process. */
let edges: Record<string, Edge>;
beforeAll(async () => {
  upstream = await startUpstream(reply({ body: 'let in' }));
  const deployments = settings.map(
    ({ name, refreshSeconds, maxStalenessSeconds }): [string, EdgeOptions] => [
      name,
      {
        upstreamUrl: upstream.url,
        isolates: 3,
        vars: {
          FEED_REFRESH_SECONDS: String(refreshSeconds),
          MAX_STALENESS_SECONDS: String(maxStalenessSeconds),
        },
      },
    ],
  );
  edges = await serveEdges(Object.fromEntries(deployments));
});
afterAll(async () => {
  for (const edge of Object.values(edges ?? {})) await edge.dispose();
  await upstream?.dispose();
});

describe.each(settings)('with $kind', ({ name, maxStalenessSeconds }) => {
  const boundMs = maxStalenessSeconds * 1000;
  let edge: Edge;
  beforeAll(() => {
    edge = edges[name]!;
  });

  test('a key made in one isolate works in all at once, in the first and in warm ones', async () => {
    const access = { cors: { allowedOrigins: ['https://app.example'] } };
    for (let round = 0; round < 3; round++) {
      const backend = await edge.createKey({ name: 'backend' });
      const restricted = await edge.createKey({ name: 'restricted', access });
      for (const port of edge.ports) {
        expect(await statusOf(port, backend)).toBe(200);
        expect(await statusOf(port, restricted, 'https://app.example')).toBe(200);
      }
    }
  });

  test('an origin that a new key lists has its preflights granted within the bound', async () => {
    const origin = 'https://new.example';
    const isGranted = async (port: number) => (await preflight(port, origin)) === 204;
    // So that every isolate remembers that no key lists it.
    for (const port of edge.ports) expect(await isGranted(port)).toBe(false);
    const watching = eachIsolate((port) => lastTimeUntil(port, isGranted));
    await edge.createKey({ name: 'new', access: { cors: { allowedOrigins: [origin] } } });
    const createdAtMs = Date.now();
    for (const lastRefusedMs of await watching) {
      expect(lastRefusedMs - createdAtMs).toBeLessThan(boundMs);
    }
  });

  test('a revoked key is refused there at once, and everywhere within the bound', async () => {
    const key = await edge.createKey({ name: 'to be revoked' });
    await eachIsolate(async (port) => expect(await statusOf(port, key)).toBe(200));
    // Asked for all the time, so that what is refused in the end was in warm memory.
    const watching = eachIsolate((port) => lastTimeUntil(port, () => isRefused(port, key)));
    await edge.manage('DELETE', `/keys/${key.id}`);
    const revokedAtMs = Date.now();
    expect(await statusOf(edge.port, key)).toBe(401);
    for (const lastLetInMs of await watching) {
      expect(lastLetInMs - revokedAtMs).toBeLessThan(boundMs);
    }
    await staysRefused(key);
  });

  test('a copy that KV keeps of a revoked key is not accepted beyond the bound', async () => {
    const key = await edge.createKey({ name: 'copied' });
    const { name, value } = await copyOf(key);
    await edge.manage('DELETE', `/keys/${key.id}`);
    const revokedAtMs = Date.now();
    const kv = await edge.kv();
    await until(async () => (await kv.get(name)) !== value);
    // What a data centre sees that KV has not told yet.
    await kv.put(name, value);
    for (const lastLetInMs of await eachIsolate((port) =>
      lastTimeUntil(port, () => isRefused(port, key)),
    )) {
      expect(lastLetInMs - revokedAtMs).toBeLessThan(boundMs);
    }
    await staysRefused(key);
  });

  function eachIsolate<Result>(use: (port: number) => Promise<Result>): Promise<Result[]> {
    return Promise.all(edge.ports.map(use));
  }

  /** Asks again and again, and returns when the last request that was not yet so was sent. */
  async function lastTimeUntil(
    port: number,
    isSo: (port: number) => Promise<boolean>,
  ): Promise<number> {
    let lastMs = Number.NEGATIVE_INFINITY;
    await until(async () => {
      const sentAtMs = Date.now();
      if (await isSo(port)) return true;
      lastMs = sentAtMs;
      return false;
    });
    return lastMs;
  }

  function until(isSo: () => Promise<boolean>): Promise<unknown> {
    // Much more than the bound, which is for the tests to check.
    return vi.waitUntil(isSo, { timeout: boundMs + 20_000, interval: 50 });
  }

  async function staysRefused(key: CreatedKey): Promise<void> {
    for (let round = 0; round < 5; round++) {
      await eachIsolate(async (port) => expect(await statusOf(port, key)).toBe(401));
    }
  }

  /** The copy of a key in KV, which is written a moment after the key was made. */
  async function copyOf(key: CreatedKey): Promise<{ name: string; value: string }> {
    return vi.waitUntil(
      async () => {
        const kv = await edge.kv();
        for (const { name } of (await kv.list()).keys) {
          const value = await kv.get(name);
          if (value?.includes(key.id)) return { name, value };
        }
        return null;
      },
      { timeout: 20_000, interval: 50 },
    );
  }
});

async function isRefused(port: number, key: CreatedKey): Promise<boolean> {
  const status = await statusOf(port, key);
  expect(status).toBeOneOf([200, 401]);
  return status === 401;
}

async function statusOf(port: number, key: CreatedKey, origin?: string): Promise<number> {
  const headers: [string, string][] = [['Authorization', `Bearer ${key.token}`]];
  if (origin !== undefined) headers.push(['Origin', origin]);
  return (await request(port, { target: '/api/stream/1', headers })).status;
}

async function preflight(port: number, origin: string): Promise<number> {
  const response = await request(port, {
    method: 'OPTIONS',
    target: '/api/stream',
    headers: [
      ['Origin', origin],
      ['Access-Control-Request-Method', 'POST'],
    ],
  });
  return response.status;
}
