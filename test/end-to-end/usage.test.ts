/**
 * Usage through the production bundle: several isolates, the real Queue and its consumer, and D1,
 * with nothing told when to do its work.
 */

import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { byPath, echo, hang, reset } from '../support/node/upstream-answers.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

const origin = 'https://app.example';
const elsewhere = 'https://elsewhere.example';
const CALLS = inject('isNightly') ? 1_200 : 400;

let upstream: Upstream;
let edge: Edge;
beforeAll(async () => {
  upstream = await startUpstream(byPath({ echo, hang, reset }));
  edge = await serveEdge({
    upstreamUrl: upstream.url,
    isolates: 4,
    vars: { UPSTREAM_TIMEOUT_MS: '3000' },
  });
});
afterAll(() => Promise.all([edge.dispose(), upstream.dispose()]));

test('every request over four isolates is counted once', { timeout: 180_000 }, async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const keys = await Promise.all(
    Array.from({ length: 5 }, (_, i) =>
      edge.createKey({
        name: `key ${i}`,
        access: { cors: { allowedOrigins: [origin], fullAccess: true } },
      }),
    ),
  );
  const startedMs = Date.now();
  const expected = new Map<string, number>();
  const calls = Array.from({ length: CALLS }, (_, i) => {
    const key = keys[i % keys.length] as CreatedKey;
    const port = edge.ports[(i * 7) % edge.ports.length] as number;
    const kind = i % 20;
    const [headers, of, outcome, status]: [Record<string, string>, string, string, number] =
      kind === 1
        ? [{ ...bearer(key), Origin: elsewhere }, key.id, 'denied:origin_not_allowed', 403]
        : kind === 2
          ? [{ Authorization: 'Bearer unknown' }, 'none', 'denied:invalid_key', 401]
          : [{ ...bearer(key), Origin: origin }, key.id, 'allowed', 200];
    const name = `${of} ${outcome}`;
    expected.set(name, (expected.get(name) ?? 0) + 1);
    return { port, headers, status };
  });
  await inParallel(32, calls, async ({ port, headers, status }) => {
    expect(await send({ port, path: '/echo', headers, agent })).toBe(status);
  });
  agent.destroy();

  // No further request comes: what was counted does not wait for one.
  const ids = [...keys.map(({ id }) => id), 'none'];
  await expect
    .poll(() => counted(ids), { timeout: 30_000, interval: 500 })
    .toEqual(Object.fromEntries(expected));
  // Nothing is on its way any more that would count again.
  await new Promise((resolve) => setTimeout(resolve, 11_000));
  expect(await counted(ids)).toEqual(Object.fromEntries(expected));

  for (const { id } of keys) {
    const { json } = await edge.manage('GET', `/keys/${id}`);
    const lastUsedMs = Date.parse((json as { lastUsedAt: string }).lastUsedAt);
    expect(lastUsedMs).toBeGreaterThanOrEqual(startedMs);
    expect(lastUsedMs).toBeLessThanOrEqual(Date.now());
  }
  const db = await edge.db();
  const { results } = await db
    .prepare('SELECT origin, code, sum(count) AS count FROM refused_origins GROUP BY 1, 2')
    .all();
  expect(results).toEqual([{ origin: elsewhere, code: 'origin_not_allowed', count: CALLS / 20 }]);
  const logs = edge.logs.join('\n');
  for (const { token } of keys) expect(logs).not.toContain(token);
});

test('requests without an answer are counted for what became of them', async () => {
  const key = await edge.createKey({ name: 'unlucky' });
  const headers = bearer(key);
  expect(await send({ port: edge.port, path: '/hang', headers })).toBe(504);
  expect(await send({ port: edge.port, path: '/reset', headers })).toBe(502);

  // A client that goes away ends its request in the Worker without another word.
  const before = upstream.requests.length;
  const socket = connect(edge.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(
    `GET /hang HTTP/1.1\r\nHost: edge.test\r\nAuthorization: Bearer ${key.token}\r\n\r\n`,
  );
  await expect.poll(() => upstream.requests.length).toBe(before + 1);
  socket.resetAndDestroy();

  await expect
    .poll(() => counted([key.id]), { timeout: 30_000, interval: 500 })
    .toEqual({
      [`${key.id} allowed`]: 1,
      [`${key.id} upstream_error:upstream_timeout`]: 1,
      [`${key.id} upstream_error:upstream_unreachable`]: 1,
    });
});

/** Returns the counts of D1, by "key outcome", over all days. */
async function counted(keyIds: readonly string[]): Promise<Record<string, number>> {
  const db = await edge.db();
  const { results } = await db
    .prepare(
      `SELECT key_id || ' ' || outcome AS name, sum(requests) AS requests FROM usage_daily
        WHERE key_id IN (SELECT value FROM json_each(?)) GROUP BY 1 HAVING sum(requests) <> 0`,
    )
    .bind(JSON.stringify(keyIds))
    .all<{ name: string; requests: number }>();
  return Object.fromEntries(results.map(({ name, requests }) => [name, requests]));
}

async function send(call: {
  readonly port: number;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly agent?: Agent;
}): Promise<number> {
  const { port, path, headers, agent } = call;
  const outgoing = httpRequest({
    host: '127.0.0.1',
    port,
    path,
    headers,
    ...(agent === undefined ? {} : { agent }),
  });
  outgoing.end();
  const [incoming] = await once(outgoing, 'response');
  incoming.resume();
  await once(incoming, 'end');
  return incoming.statusCode;
}

async function inParallel<Item>(
  workers: number,
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (const item of left) await work(item);
    }),
  );
}

function bearer(key: CreatedKey): Record<string, string> {
  return { Authorization: `Bearer ${key.token}` };
}
