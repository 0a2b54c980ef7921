/** Events through the production bundle: a real receiver over HTTP, the real Queue, and D1. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Edge, serveEdge } from '../support/node/serve-edge.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

interface Received {
  readonly path: string;
  readonly body: string;
  readonly payload: { type: string; data: { keyId: string; number: number } };
}

let edge: Edge;
let receiver: Server;
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
  edge = await serveEdge({
    upstreamUrl: 'http://127.0.0.1:9',
    isolates: 2,
    vars: {
      EVENTS_URL: `http://127.0.0.1:${port}/hook`,
      EVENTS_SECRET: SECRET,
      EVENTS_TO_LOOPBACK: 'true',
    },
  });
});
afterAll(async () => {
  await edge.dispose();
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

test('a receiver that fails, redirects and hangs gets the event again, and only at its own path', {
  timeout: 120_000,
}, async () => {
  answers = ['fail', 'redirect', 'hang'];
  const key = await edge.createKey({ name: 'n' });
  await vi.waitFor(
    async () => {
      // Each change wakes the sender; the waits between attempts are shortened.
      await edge.db.prepare('UPDATE events SET due_at_ms = 0 WHERE due_at_ms IS NOT NULL').run();
      await edge.createKey({ name: 'another' });
      expect(numbersOf(key.id)).toEqual([1]);
    },
    { timeout: 100_000, interval: 2_000 },
  );
  expect(answers).toEqual([]);
  expect(received.every(({ path }) => path === '/hook')).toBe(true);
  expect(refused).toEqual([]);
});
