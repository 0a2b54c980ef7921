/**
 * WebSockets and event streams through the production bundle on bare workerd: they end with the key that
 * opened them, and they are bounded.
 */

import { once } from 'node:events';
import { createGzip, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { request } from '../support/node/raw-http.ts';
import { type CreatedKey, type Edge, serveEdges } from '../support/node/serve-edge.ts';
import { reply } from '../support/node/upstream-answers.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

/** The bound with these settings is 3 + 5 seconds; the rest is for a machine that is busy. */
const vars = { MAX_STALENESS_SECONDS: '3', FEED_REFRESH_SECONDS: '2', OUTAGE_GRACE_SECONDS: '4' };
const soon = { timeout: 20_000, interval: 100 };
const pageOrigin = 'https://app.example';

const rules = [{ methods: ['get'], resources: ['/live', '/events'] }];
const cors = { allowedOrigins: [pageOrigin] };

/** An address that the key may be used from, and one that it may be narrowed to. */
const address = '203.0.113.7';
const addresses = ['203.0.113.0/24'];

let upstream: Upstream;
let edge: Edge;
let edges: Record<'edge' | 'lonely' | 'bounded' | 'native', Edge>;
beforeAll(async () => {
  upstream = await startUpstream();
  const serveWith = (more: Record<string, string> = {}) => ({
    upstreamUrl: upstream.url,
    vars: { ...vars, ...more },
  });
  edges = await serveEdges({
    edge: serveWith(),
    lonely: serveWith(),
    bounded: serveWith({ OPEN_CONNECTIONS_PER_KEY: '2', RELAYED_MIB_PER_MINUTE: '40' }),
    native: serveWith({ OPEN_CONNECTIONS: 'native', OPEN_CONNECTIONS_PER_KEY: '1' }),
  });
  edge = edges.edge;
});
afterAll(() => Promise.all([edge?.dispose(), upstream?.dispose()]));

/** A key that a page on `pageOrigin` may use for `/live` and `/events`. */
function newKey(of: Edge, more: Record<string, unknown> = {}): Promise<CreatedKey> {
  return of.createKey({ name: 'live', access: { cors, rules, ...more } });
}

async function open(of: Edge, key: CreatedKey) {
  const headers = { Authorization: `Bearer ${key.token}`, 'CF-Connecting-IP': address };
  const socket = new WebSocket(`ws://${of.host}/live`, { headers, origin: pageOrigin });
  const closed = once(socket, 'close').then(([code, reason]) => `${code} ${reason}`);
  await once(socket, 'open');
  return { socket, closed };
}

async function isAlive(socket: WebSocket): Promise<boolean> {
  if (socket.readyState !== WebSocket.OPEN) return false;
  socket.send('still there?');
  return (await Promise.race([once(socket, 'message'), once(socket, 'close')])).length > 0;
}

/** Opens an event stream, and collects what it receives. */
async function listen(of: Edge, key: CreatedKey, headers: Record<string, string> = {}) {
  const response = await fetch(`http://${of.host}/events`, {
    headers: {
      Authorization: `Bearer ${key.token}`,
      Origin: pageOrigin,
      'CF-Connecting-IP': address,
      ...headers,
    },
  });
  const heard = { text: '', hasEnded: false };
  void (async () => {
    const decoder = new TextDecoder();
    try {
      for await (const piece of response.body ?? []) heard.text += decoder.decode(piece);
    } finally {
      heard.hasEnded = true;
    }
  })().catch(() => undefined);
  return { response, heard };
}

/** Sends an event every 100 ms, until the connection is closed. */
function sendEvents(isCompressed = false): void {
  upstream.answer = (_, response) => {
    const coding = isCompressed ? { 'Content-Encoding': 'gzip' } : {};
    response.writeHead(200, { 'Content-Type': 'text/event-stream', ...coding });
    const gzip = isCompressed ? createGzip() : null;
    gzip?.pipe(response);
    let count = 0;
    const timer = setInterval(() => {
      const event = `data: ${count++}\n\n`;
      if (gzip === null) response.write(event);
      else gzip.write(event, () => gzip.flush());
    }, 100);
    response.once('close', () => clearInterval(timer));
  };
}

/** How a key ends or is narrowed, and the reason that its connections end with. */
const ends: readonly [string, (id: string) => Promise<{ status: number }>, string][] = [
  ['is revoked', (id) => edge.manage('DELETE', `/keys/${id}`), 'invalid_key'],
  ['is disabled', (id) => edit(id, { enabled: false }), 'invalid_key'],
  ['is suspended', (id) => edit(id, { suspended: true }), 'invalid_key'],
  ['expires', (id) => edit(id, { expiresAt: inTwoSeconds() }), 'invalid_key'],
  [
    'loses the route',
    (id) => edit(id, { access: { cors, rules: [{ methods: ['get'], resources: ['/other'] }] } }),
    'route_not_allowed',
  ],
  [
    'loses the origin',
    (id) => edit(id, { access: { cors: { allowedOrigins: ['https://other.example'] }, rules } }),
    'origin_not_allowed',
  ],
  [
    'loses the address',
    (id) => edit(id, { access: { cors, rules, addresses: ['198.51.100.0/24'] } }),
    'address_not_allowed',
  ],
];

function edit(id: string, change: Record<string, unknown>) {
  return edge.manage('PATCH', `/keys/${id}`, change);
}

function inTwoSeconds(): string {
  return new Date(Date.now() + 2_000).toISOString().replace(/\.\d+/, '');
}

/** The end of a key's WebSocket and event stream. */
interface Outcome {
  readonly closed: string;
  readonly tookMs: number;
  readonly hasStreamEnded: boolean;
}

/** Opens both with a key, changes the key, and waits until both have ended. */
async function endBoth(change: (id: string) => Promise<{ status: number }>): Promise<Outcome> {
  const key = await newKey(edge, { addresses });
  const [{ socket, closed }, { heard }] = await Promise.all([open(edge, key), listen(edge, key)]);
  expect(await isAlive(socket)).toBe(true);
  await expect.poll(() => heard.text, soon).toContain('data: 1\n');
  expect(await change(key.id)).toMatchObject({ status: expect.toBeOneOf([200, 204]) });
  const startedMs = Date.now();
  const reason = await within(closed);
  await expect.poll(() => heard.hasEnded, soon).toBe(true);
  return { closed: reason, tookMs: Date.now() - startedMs, hasStreamEnded: heard.hasEnded };
}

/** The value, or `still open` if it takes far longer than the bound. */
function within(closed: Promise<string>): Promise<string> {
  const late = new Promise<string>((resolve) => {
    setTimeout(() => resolve('still open'), soon.timeout).unref();
  });
  return Promise.race([closed, late]);
}

describe('when its key', () => {
  const outcomes = new Map<string, Promise<Outcome>>();
  let bystander: { socket: WebSocket };
  beforeAll(async () => {
    sendEvents();
    upstream.webSocketLog.length = 0;
    bystander = await open(edge, await newKey(edge, { addresses }));
    // All at once, because each takes as long as the bound.
    for (const [name, change] of ends) {
      const outcome = endBoth(change);
      outcome.catch(() => undefined);
      outcomes.set(name, outcome);
    }
  }, 60_000);
  afterAll(() => bystander?.socket.terminate());

  test.each(ends)(
    '%s, a WebSocket closes with 1008 and the reason, on both sides, and an event stream ends',
    async (name, _change, reason) => {
      const outcome = await outcomes.get(name);
      expect(outcome).toMatchObject({ closed: `1008 ${reason}`, hasStreamEnded: true });
      expect(outcome?.tookMs).toBeLessThan(20_000);
      await expect.poll(() => upstream.webSocketLog, soon).toContain(`closed 1008 ${reason}`);
    },
    60_000,
  );

  test('ends, the connections of other keys carry messages still: control case', async () => {
    await Promise.allSettled(outcomes.values());
    expect(await isAlive(bystander.socket)).toBe(true);
    const closed = upstream.webSocketLog.filter((line) => line.startsWith('closed'));
    expect(closed.sort()).toEqual(ends.map(([, , reason]) => `closed 1008 ${reason}`).sort());
  }, 60_000);
});

describe('an open connection', () => {
  test('stays as long as its key does, far beyond the bound', async () => {
    sendEvents();
    const key = await newKey(edge);
    const { socket } = await open(edge, key);
    const { heard } = await listen(edge, key);
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    expect(await isAlive(socket)).toBe(true);
    expect(heard.hasEnded).toBe(false);
    const before = heard.text.length;
    await expect.poll(() => heard.text.length, soon).toBeGreaterThan(before);
    socket.terminate();
  }, 60_000);

  test('brings compressed events one by one', async () => {
    sendEvents(true);
    const key = await newKey(edge);
    const { heard, response } = await listen(edge, key, { 'Accept-Encoding': 'gzip' });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    await expect.poll(() => heard.text, soon).toContain('data: 2\n\n');
    expect(heard.hasEnded).toBe(false);
  });

  test.each(['gzip', 'GZIP', 'gzip ', 'x-gzip', 'deflate'])(
    'is said to be in the coding that it arrives in: %s',
    async (coding) => {
      const events = 'data: 1\n\n'.repeat(9);
      const bytes = coding === 'deflate' ? deflateSync(events) : gzipSync(events);
      upstream.answer = reply({
        headers: [
          ['Content-Type', 'text/event-stream'],
          ['Content-Encoding', coding],
        ],
        body: bytes,
      });
      const { token } = await edge.createKey({ name: 'backend' });
      const headers: [string, string][] = [['Authorization', `Bearer ${token}`]];
      const response = await request(edge.port, { target: '/events', headers });
      const isEncoded = response.header('content-encoding') !== null;
      expect(response.body).toEqual(isEncoded ? bytes : Buffer.from(events));
    },
  );

  test('ends when the outage grace does, while D1 is out of reach', async () => {
    sendEvents();
    const { lonely } = edges;
    const key = await newKey(lonely);
    const [{ socket, closed }, { heard }] = await Promise.all([
      open(lonely, key),
      listen(lonely, key),
    ]);
    expect(await isAlive(socket)).toBe(true);
    const db = await lonely.db();
    await db.prepare('ALTER TABLE changes RENAME TO gone').run();
    const startedMs = Date.now();
    expect(await within(closed)).toBe('1008 unavailable');
    await expect.poll(() => heard.hasEnded, soon).toBe(true);
    // Within its grace it continues: the lease and the grace are 3 + 4 seconds.
    expect(Date.now() - startedMs).toBeGreaterThan(3_000);
  }, 60_000);
});

describe('the bounds', () => {
  let bounded: Edge;
  beforeAll(() => {
    bounded = edges.bounded;
  });

  test('close a WebSocket too many with 1013, and refuse an event stream with 429', async () => {
    sendEvents();
    const [key, other] = await Promise.all([newKey(bounded), newKey(bounded)]);
    const first = await open(bounded, key);
    await open(bounded, key);
    const third = await open(bounded, key);
    expect(await third.closed).toBe('1013 too many open connections with this API key');
    const { response } = await listen(bounded, key);
    expect([response.status, response.headers.get('x-edge-reason')]).toEqual([429, 'rate_limited']);
    expect(response.headers.get('retry-after')).toBe('60');
    // Another key has its own; and what was closed makes room.
    expect((await listen(bounded, other)).response.status).toBe(200);
    first.socket.close();
    await first.closed;
    await expect.poll(async () => isAlive((await open(bounded, key)).socket), soon).toBe(true);
  });

  test.each([
    ['that has ended', 'GET', 200, 'data: 1\n\n'],
    ['that only HEAD asks for', 'HEAD', 200, ''],
    ['that has not changed', 'GET', 304, ''],
    ['that has no content', 'GET', 204, ''],
  ])('do not count an event stream %s', async (_, method, status, body) => {
    upstream.answer = reply({ status, headers: [['Content-Type', 'text/event-stream']], body });
    const { token } = await bounded.createKey({ name: 'backend' });
    const headers = { Authorization: `Bearer ${token}` };
    const answers: (readonly [number, string])[] = [];
    for (let asked = 0; asked < 4; asked++) {
      const response = await fetch(`http://${bounded.host}/events`, { method, headers });
      answers.push([response.status, await response.text()]);
    }
    expect(answers).toEqual(Array(4).fill([status, body]));
  });

  test('close a WebSocket that carries too many bytes in a minute with 1013', async () => {
    const { socket, closed } = await open(bounded, await newKey(bounded));
    // Both ways together: an echo counts twice.
    for (let sent = 0; sent < 30; sent++) socket.send(Buffer.alloc(1024 * 1024));
    expect(await closed).toBe('1013 too many bytes in a minute');
  });

  test('close a WebSocket that carries too many bytes for a client that does not read', async () => {
    const { socket } = await open(bounded, await newKey(bounded));
    upstream.webSocketLog.length = 0;
    // What the client does not read waits in the isolate, and counts when it arrives there.
    socket.pause();
    for (let sent = 0; sent < 30; sent++) socket.send(Buffer.alloc(1024 * 1024));
    await expect
      .poll(() => upstream.webSocketLog, soon)
      .toContain('closed 1013 too many bytes in a minute');
    socket.terminate();
  }, 60_000);

  test('close a WebSocket with a message over 32 MiB with 1009', async () => {
    const { socket, closed } = await open(bounded, await newKey(bounded));
    socket.send(Buffer.alloc(32 * 1024 * 1024 + 1));
    expect(await closed).toMatch(/^1009/);
  });
});

test('OPEN_CONNECTIONS=native lets them go on after their key', async () => {
  sendEvents();
  const { native } = edges;
  const key = await newKey(native);
  const { socket } = await open(native, key);
  const { heard } = await listen(native, key);
  await native.manage('DELETE', `/keys/${key.id}`);
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  expect(await isAlive(socket)).toBe(true);
  expect(heard.hasEnded).toBe(false);
  socket.terminate();
}, 60_000);
