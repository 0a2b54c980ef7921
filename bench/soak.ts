/**
 * Mixed load for a long time against the production bundle on a real workerd: `npm run soak`, or
 * `npm run soak -- --minutes 1`. Good and bad keys, preflights, large bodies, clients that go away
 * half-way and clients that are slow. Ends with an error when an answer is not the expected one, when
 * an allowed request is not counted exactly once, or when memory goes on growing after the warm-up.
 */

import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import buildBundle from '../test/support/node/build-bundle.ts';
import { childProcesses, residentBytes } from '../test/support/node/process-memory.ts';
import { request } from '../test/support/node/raw-http.ts';
import { serveEdge } from '../test/support/node/serve-edge.ts';
import { sink } from '../test/support/node/upstream-answers.ts';
import { startUpstream } from '../test/support/node/upstream-server.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const durationMs = Number(values.minutes) * 60_000;
const WARM_UP_SHARE = 0.3;
const SAMPLE_MS = 2_000;
const GROWTH_MAX = 1.2;
const origin = 'https://app.example';

const removeBundle = await buildBundle();
const upstream = await startUpstream(sink);
const edge = await serveEdge({ upstreamUrl: upstream.url, vars: { USAGE_FLUSH_SECONDS: '2' } });
const [edgeProcess = 0] = await childProcesses('workerd');
const access = { cors: { allowedOrigins: [origin], fullAccess: true } };
const { id, token } = await edge.createKey({ name: 'soak', access });

const counts = new Map<string, number>();
const surprises: string[] = [];
const startedAtMs = Date.now();
const isOver = () => Date.now() - startedAtMs > durationMs;

const authorization: [string, string] = ['Authorization', `Bearer ${token}`];
const kinds: Record<string, () => Promise<number>> = {
  'allowed GET 200': () => send('GET', [authorization, ['Origin', origin]]),
  'allowed POST of 1 MiB 200': () => send('POST', [authorization], Buffer.alloc(2 ** 20)),
  'no key 401': () => send('GET', [['Origin', origin]]),
  'wrong checksum 401': () =>
    send('GET', [
      ['Authorization', `Bearer ${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`],
    ]),
  'foreign origin 403': () => send('GET', [authorization, ['Origin', 'https://other.example']]),
  'preflight 204': () =>
    send('OPTIONS', [
      ['Origin', origin],
      ['Access-Control-Request-Method', 'GET'],
    ]),
  'unregistered preflight 403': () =>
    send('OPTIONS', [
      ['Origin', `https://${Math.random().toString(36).slice(2)}.example`],
      ['Access-Control-Request-Method', 'GET'],
    ]),
  'our own namespace 404': () => send('GET', [authorization], undefined, '/%5fedge/v1/keys'),
  'slow client 200': sendSlowly,
};

async function send(
  method: string,
  headers: [string, string][],
  body?: Buffer,
  target = '/api/x',
): Promise<number> {
  const response = await request(
    edge.port,
    { method, target, headers, ...(body ? { body } : {}) },
    { timeoutMs: 60_000 },
  );
  return response.status;
}

/** A body that comes in small pieces over a second. */
async function sendSlowly(): Promise<number> {
  const socket = createConnection(edge.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(
    `POST /api/x HTTP/1.1\r\nHost: edge.test\r\n${authorization.join(': ')}\r\nContent-Length: 10\r\n\r\n`,
  );
  for (let piece = 0; piece < 10; piece++) {
    await sleep(100);
    socket.write('x');
  }
  const [answer] = await once(socket, 'data');
  socket.destroy();
  return Number(String(answer).slice(9, 12));
}

/** A client that goes away in the middle of its body. Nothing is expected of it but that it ends. */
async function goAway(): Promise<void> {
  const socket = createConnection(edge.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(
    `POST /api/x HTTP/1.1\r\nHost: edge.test\r\n${authorization.join(': ')}\r\nContent-Length: 100000\r\n\r\nhalf`,
  );
  await sleep(20);
  socket.resetAndDestroy();
}

async function loop(name: string, kind: () => Promise<number>): Promise<void> {
  while (!isOver()) {
    const status = await kind().catch((error: unknown) => String(error));
    counts.set(name, (counts.get(name) ?? 0) + 1);
    if (!name.endsWith(` ${status}`)) surprises.push(`${name}: ${status}`);
  }
}

async function loopGoingAway(): Promise<void> {
  while (!isOver()) {
    await goAway();
    counts.set('gone away', (counts.get('gone away') ?? 0) + 1);
    // The upstream records what it is sent; it is not what is measured here.
    upstream.requests.length = 0;
  }
}

const samples: { atMs: number; bytes: number }[] = [];
async function watch(): Promise<void> {
  while (!isOver()) {
    samples.push({ atMs: Date.now() - startedAtMs, bytes: await residentBytes(edgeProcess) });
    await sleep(SAMPLE_MS);
  }
}

await Promise.all([
  watch(),
  loopGoingAway(),
  ...Object.entries(kinds).map(([name, kind]) => loop(name, kind)),
]);

// Let the last counts be handed over and merged.
await sleep(15_000);
const allowedSent = [
  'allowed GET 200',
  'allowed POST of 1 MiB 200',
  'slow client 200',
  'gone away',
].map((name) => counts.get(name) ?? 0);
const { results } = await edge.db
  .prepare(
    'SELECT outcome, sum(requests) AS requests FROM usage_daily WHERE key_id = ?1 GROUP BY outcome',
  )
  .bind(id)
  .all<{ outcome: string; requests: number }>();
const counted = results
  .filter(({ outcome }) => outcome === 'allowed' || outcome.startsWith('upstream_error'))
  .reduce((sum, { requests }) => sum + requests, 0);
const expected = allowedSent.reduce((sum, count) => sum + count, 0);

const warm = samples
  .filter(({ atMs }) => atMs > durationMs * WARM_UP_SHARE)
  .map(({ bytes }) => bytes);
const third = Math.ceil(warm.length / 3);
const early = median(warm.slice(0, third));
const late = median(warm.slice(-third));

console.table(Object.fromEntries([...counts].sort()));
console.log(
  `Requests: ${[...counts.values()].reduce((sum, count) => sum + count, 0)} in ${values.minutes} minutes`,
);
console.log(
  `Memory after warm-up: ${mebibytes(early)} at first, ${mebibytes(late)} at last, ${mebibytes(Math.max(...warm))} at most`,
);
console.log(`Allowed requests: ${expected} sent, ${counted} counted`);
console.log(`Unexpected answers: ${surprises.length}`, surprises.slice(0, 10));

await edge.dispose();
await upstream.dispose();
await removeBundle();
// A client that went away before its head was read was never a request.
const gone = counts.get('gone away') ?? 0;
const isCounted = counted <= expected && counted >= expected - gone;
process.exitCode = surprises.length === 0 && late <= early * GROWTH_MAX && isCounted ? 0 : 1;

function median(numbers: number[]): number {
  return numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)] ?? 0;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
