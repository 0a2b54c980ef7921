/** Events through the production bundle: a real receiver over HTTP, the real Queue, and D1. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runCli } from '../support/node/run-cli.ts';
import { type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

interface Received {
  readonly path: string;
  readonly body: string;
  readonly payload: { type: string; data: { keyId: string; number: number } };
}

let edge: Edge;
let receiver: Server;
let upstream: Upstream;
let received: Received[];
let refused: string[];
/** How the receiver answers the next deliveries, in order; then 204. */
let answers: ('fail' | 'redirect' | 'hang')[];

beforeAll(async () => {
  received = [];
  refused = [];
  answers = [];
  receiver = createServer(async (request, response) => {
    const path = request.url ?? '';
    const body = await text(request);
    const how = answers.shift();
    if (how === 'hang') return;
    if (how === 'fail') return void response.writeHead(500).end('x'.repeat(1024 * 1024));
    if (how === 'redirect') return void response.writeHead(307, { Location: '/elsewhere' }).end();
    try {
      // The library's own verifier says whether it is an event of ours.
      const payload = new Webhook(SECRET).verify(body, request.headers as Record<string, string>);
      received.push({ path, body, payload: payload as Received['payload'] });
    } catch (error) {
      refused.push(String(error));
    }
    response.writeHead(204).end();
  });
  await new Promise<void>((listening) => receiver.listen(0, '127.0.0.1', listening));
  const { port } = receiver.address() as AddressInfo;
  upstream = await startUpstream();
  edge = await serveEdge({
    upstreamUrl: upstream.url,
    isolates: 2,
    vars: {
      USAGE_FLUSH_SECONDS: '1',
      EVENTS_URL: `http://127.0.0.1:${port}/hook`,
      EVENTS_SECRET: SECRET,
      EVENTS_TO_LOOPBACK: 'true',
    },
  });
});
afterAll(async () => {
  await Promise.all([edge.dispose(), upstream.dispose()]);
  receiver.closeAllConnections();
  receiver.close();
});

const numbersOf = (keyId: string) =>
  received
    .filter(({ payload }) => payload.data.keyId === keyId)
    .map(({ payload }) => payload.data.number);

test('a receiver gets each event of a key once and in order, without a token', async () => {
  const key = await edge.createKey({ name: 'n' });
  for (const name of ['a', 'b', 'c', 'd']) await edge.manage('PATCH', `/keys/${key.id}`, { name });
  await edge.manage('DELETE', `/keys/${key.id}`);
  await vi.waitFor(() => expect(numbersOf(key.id)).toEqual([1, 2, 3, 4, 5, 6]), {
    timeout: 40_000,
  });
  expect(refused).toEqual([]);
  const everything = received.map(({ body }) => body).join('\n');
  expect(everything).not.toContain(key.token.slice(10));
});

test('a receiver learns that a key reaches 80 percent of its quota, and all of it', async () => {
  const quota = { requests: 5, period: 'month' };
  const key = await edge.createKey({ name: 'n', quota });
  const call = () =>
    fetch(`${edge.url}/api/x`, { headers: { Authorization: `Bearer ${key.token}` } });
  const reported = () =>
    received
      .filter(({ payload: { type, data } }) => data.keyId === key.id && type !== 'key.created')
      .map(({ payload }) => payload);
  for (let count = 0; count < 4; count++) expect((await call()).status).toBe(200);
  await vi.waitFor(() => expect(reported()).toHaveLength(1), { timeout: 30_000 });
  expect(reported()[0]).toMatchObject({ type: 'quota.warning', data: { quota, used: 4 } });
  expect((await call()).status).toBe(200);
  await vi.waitFor(() => expect(reported()).toHaveLength(2), { timeout: 30_000 });
  expect(reported()[1]).toMatchObject({ type: 'quota.exceeded', data: { quota, used: 5 } });
  expect(refused).toEqual([]);
});

test('a receiver that fails, redirects and hangs gets the event again, and only at its own path', {
  timeout: 120_000,
}, async () => {
  answers = ['fail', 'redirect', 'hang'];
  const key = await edge.createKey({ name: 'n' });
  await vi.waitFor(
    async () => {
      // Each change wakes the sender; the waits between attempts are shortened.
      const db = await edge.db();
      await db.prepare('UPDATE events SET due_at_ms = 0 WHERE due_at_ms IS NOT NULL').run();
      await edge.createKey({ name: 'another' });
      expect(numbersOf(key.id)).toEqual([1]);
    },
    { timeout: 100_000, interval: 2_000 },
  );
  expect(answers).toEqual([]);
  expect(received.every(({ path }) => path === '/hook')).toBe(true);
  expect(refused).toEqual([]);
});

describe('the command line', () => {
  const run = (args: readonly string[], token = edge.adminToken) =>
    runCli(args, { env: { EDGE_AUTHORIZER_URL: edge.url, EDGE_AUTHORIZER_TOKEN: token } });
  const unknown = `evt_${'0'.repeat(32)}`;

  test.each([
    ['another state', ['list', '--state', 'lost'], 2, 'waiting, delivered, failed'],
    ['too many at once', ['list', '--limit', '101'], 2, '100'],
    ['a key that is no id', ['list', '--key', 'x'], 5, 'keyId'],
    ['a cursor of another list', ['list', '--cursor', 'x'], 5, 'cursor'],
    ['no event', ['replay'], 2, "missing required argument 'id'"],
    ['an empty event', ['replay', ''], 2, "argument 'id' is empty"],
    ['an event that climbs', ['replay', '..'], 2, '".." is not an id'],
    ['an unknown event', ['replay', unknown], 4, 'Cannot find this event'],
  ] as const)('refuses %s', async (_, args, exitCode, message) => {
    const result = await run(['events', ...args]);
    expect(result).toMatchObject({ exitCode, stdout: '' });
    expect(result.stderr).toContain(message);
  });

  test.each([['list'], ['replay', unknown]])(
    'refuses a wrong token: events %s',
    async (...args) => {
      const result = await run(['events', ...args], 'not-the-admin-token-but-as-long-as-it');
      expect(result).toMatchObject({ exitCode: 3, stdout: '' });
    },
  );

  test('lists events by state and key, page after page, and sends one again', async () => {
    answers = [];
    const { id: keyId } = await edge.createKey({ name: 'listed' });
    await edge.manage('PATCH', `/keys/${keyId}`, { name: 'edited' });
    await vi.waitFor(() => expect(numbersOf(keyId)).toEqual([1, 2]), { timeout: 40_000 });
    await vi.waitFor(async () => expect(await statesOf(keyId)).toEqual(['delivered', 'delivered']));
    // As the sender leaves an event that it gave up.
    const db = await edge.db();
    await db
      .prepare(
        `UPDATE events SET state = 'failed', failure = 'status 500' WHERE key_id = ? AND number = 2`,
      )
      .bind(keyId)
      .run();

    const all = JSON.parse((await run(['events', 'list', '--key', keyId, '--json'])).stdout);
    expect(all.events).toMatchObject([
      { keyId, number: 2, type: 'key.edited', state: 'failed', failure: 'status 500' },
      { keyId, number: 1, type: 'key.created', state: 'delivered', failure: null },
    ]);
    const [{ id }, { id: firstId }] = all.events;

    const page = await run(['events', 'list', '--key', keyId, '--limit', '1']);
    expect(page.stdout).toContain(id);
    expect(page.stdout).not.toContain(firstId);
    const [, cursor = ''] = /--cursor (\S+)/.exec(page.stderr) ?? [];
    const next = await run(['events', 'list', '--key', keyId, '--limit', '1', '--cursor', cursor]);
    expect(next.stdout).toContain(firstId);
    expect(next).toMatchObject({ exitCode: 0, stderr: '' });

    const failed = await run(['events', 'list', '--state', 'failed', '--key', keyId]);
    expect(failed.stdout).toMatch(/ID +KEY +NO\. +TYPE +STATE +ATTEMPTS +FAILURE/);
    expect(failed.stdout).toMatch(
      new RegExp(`${id} +${keyId} +2 +key\\.edited +failed +1 +status 500`),
    );
    const waiting = await run(['events', 'list', '--state', 'waiting', '--key', keyId]);
    expect(waiting.stdout).toBe('No events\n');

    const replayed = await run(['events', 'replay', id]);
    expect(replayed).toEqual({ exitCode: 0, stdout: `${id} is sent again\n`, stderr: '' });
    await vi.waitFor(() => expect(numbersOf(keyId)).toEqual([1, 2, 2]), { timeout: 40_000 });
    await vi.waitFor(async () => expect(await statesOf(keyId)).toEqual(['delivered', 'delivered']));
    expect(refused).toEqual([]);
  });

  async function statesOf(keyId: string): Promise<readonly string[]> {
    const db = await edge.db();
    const { results } = await db
      .prepare('SELECT state FROM events WHERE key_id = ? ORDER BY number')
      .bind(keyId)
      .all<{ state: string }>();
    return results.map(({ state }) => state);
  }
});
