/**
 * The mixed load of the soak: what clients do, well and badly, each kind in a loop of its own until
 * the time is over. It says what it expects of the edge; a Worker that only forwards answers all 200.
 */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from '../test/support/node/raw-http.ts';

/** A server under load, and how its answers are judged. */
export type LoadOptions = {
  port: number;
  /** Of a key with full access that lists `origin`. */
  token: string;
  /** A token of the edge's form that it did not make. */
  inventedToken: string;
  origin: string;
  /** `true` if the server decides; `false` if it forwards everything. */
  isEdge: boolean;
  durationMs: number;
};

/** The requests that were sent, and the unexpected responses. */
export type LoadResult = {
  counts: Map<string, number>;
  surprises: string[];
  /** How many requests the edge should have let through, and how many of them went away early. */
  allowed: number;
  goneAway: number;
};

/** Downloads of this target are large. */
export const largeTarget = '/api/large';
export const largeBytes = 2 ** 20;

/** Runs all kinds at once. Never rejects: what fails is a surprise. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { port, token, origin, isEdge } = options;
  const endsAtMs = Date.now() + options.durationMs;
  const counts = new Map<string, number>();
  const surprises: string[] = [];
  const bearer = (value: string): [string, string] => ['Authorization', `Bearer ${value}`];
  const authorization = bearer(token);
  const preflightFrom = (asking: string): [string, string][] => [
    ['Origin', asking],
    ['Access-Control-Request-Method', 'GET'],
  ];
  const mistyped = token.slice(0, -1) + (token.endsWith('0') ? '1' : '0');

  async function send(
    method: string,
    headers: [string, string][],
    { body, target = '/api/x' }: { body?: Buffer; target?: string } = {},
  ): Promise<number> {
    const raw = { method, target, headers, ...(body ? { body } : {}) };
    const response = await request(port, raw, { timeoutMs: 60_000 });
    if (response.outcome !== 'complete') throw new Error(`the answer was ${response.outcome}`);
    return response.status;
  }

  /** Writes a body in small pieces over a second. */
  async function writeSlowly(): Promise<number> {
    const socket = createConnection(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(head('POST', '/api/x', 10));
    for (let piece = 0; piece < 10; piece++) {
      await sleep(100);
      socket.write('x');
    }
    const [answer] = await once(socket, 'data');
    socket.destroy();
    return Number(String(answer).slice(9, 12));
  }

  /** Reads a large answer in pieces, with pauses in which the server has to wait. */
  async function readSlowly(): Promise<number> {
    const socket = createConnection(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(head('GET', largeTarget, 0));
    let receivedBytes = 0;
    let status = 0;
    for await (const piece of socket as AsyncIterable<Buffer>) {
      if (status === 0) status = Number(piece.toString('latin1', 9, 12));
      receivedBytes += piece.byteLength;
      if (receivedBytes > largeBytes) break;
      await sleep(30);
    }
    socket.destroy();
    if (receivedBytes <= largeBytes)
      throw new Error(`the answer ended after ${receivedBytes} bytes`);
    return status;
  }

  /** Goes away in the middle of the body. Nothing is expected but that the server lives on. */
  async function goAway(): Promise<void> {
    const socket = createConnection(port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`${head('POST', '/api/x', 100_000)}half`);
    await sleep(20);
    socket.resetAndDestroy();
  }

  function head(method: string, target: string, lengthBytes: number): string {
    const lines = ['Host: edge.test', authorization.join(': '), `Content-Length: ${lengthBytes}`];
    return `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  }

  const kinds: [name: string, status: number, run: () => Promise<number>][] = [
    ['allowed GET', 200, () => send('GET', [authorization, ['Origin', origin]])],
    ['allowed POST of 1 MiB', 200, () => send('POST', [authorization], { body: oneMebibyte })],
    ['allowed GET of 1 MiB', 200, () => send('GET', [authorization], { target: largeTarget })],
    ['slow upload', 200, writeSlowly],
    ['slow download', 200, readSlowly],
    ['no key', 401, () => send('GET', [['Origin', origin]])],
    ['mistyped token', 401, () => send('GET', [bearer(mistyped)])],
    ['invented token', 401, () => send('GET', [bearer(options.inventedToken)])],
    ['another unknown token each', 401, () => send('GET', [bearer(randomUUID())])],
    [
      'foreign origin',
      403,
      () => send('GET', [authorization, ['Origin', `https://${randomUUID()}.example`]]),
    ],
    ['preflight', 204, () => send('OPTIONS', preflightFrom(origin))],
    [
      'unregistered preflight',
      403,
      () => send('OPTIONS', preflightFrom(`https://${randomUUID()}.example`)),
    ],
    ['our own namespace', 404, () => send('GET', [authorization], { target: '/%5fedge/v1/keys' })],
  ];

  const count = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
  const loops = kinds.map(async ([name, edgeStatus, run]) => {
    const expected = isEdge ? edgeStatus : 200;
    while (Date.now() < endsAtMs) {
      const status = await run().catch((error: unknown) => String(error));
      count(name);
      if (status !== expected) surprises.push(`${name}: ${status}, expected ${expected}`);
    }
  });
  const goingAway = (async () => {
    while (Date.now() < endsAtMs) {
      await goAway().catch((error: unknown) => surprises.push(`gone away: ${error}`));
      count('gone away');
    }
  })();
  await Promise.all([...loops, goingAway]);

  const goneAway = counts.get('gone away') ?? 0;
  const allowed = kinds
    .filter(([, status]) => status === 200)
    .reduce((sum, [name]) => sum + (counts.get(name) ?? 0), goneAway);
  return { counts, surprises, allowed, goneAway };
}

const oneMebibyte = Buffer.alloc(2 ** 20);
