/**
 * WebSockets through the production bundle on bare workerd, from a real client to a real server, and
 * what only looks like one: the runtime makes a GET of every request that asks for an upgrade.
 */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { request } from '../support/node/raw-http.ts';
import { type CreatedKey, type Edge, serveEdges } from '../support/node/serve-edge.ts';
import { echo } from '../support/node/upstream-answers.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

let upstream: Upstream;
/** Closes each WebSocket with a code and a reason. */
let closing: WebSocketServer;
let edge: Edge;
let edgeOfClosing: Edge;
let backend: CreatedKey;
let restricted: CreatedKey;

beforeAll(async () => {
  upstream = await startUpstream();
  closing = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  closing.on('connection', (socket) => socket.close(4002, 'enough'));
  // Some servers name the protocol that they speak to every client.
  closing.on('headers', (headers, { url }) => {
    if (url === '/named') headers.push('Sec-WebSocket-Protocol: chat');
  });
  await once(closing, 'listening');
  const { port } = closing.address() as AddressInfo;
  ({ edge, edgeOfClosing } = await serveEdges({
    edge: { upstreamUrl: upstream.url },
    edgeOfClosing: { upstreamUrl: `http://127.0.0.1:${port}` },
  }));
  backend = await edge.createKey({ name: 'backend' });
  const access = { cors: { allowedOrigins: ['https://app.example'] } };
  restricted = await edge.createKey({ name: 'restricted', access });
});
afterAll(() => {
  closing.close();
  return Promise.all([edge.dispose(), upstream.dispose()]);
});

beforeEach(() => {
  upstream.answer = echo;
  upstream.webSockets = 'echo';
  upstream.requests.length = 0;
  upstream.webSocketLog.length = 0;
});

describe('a WebSocket', () => {
  test('carries text and bytes both ways', async () => {
    const socket = await open('/live', backend);
    expect(await exchange(socket, 'text: café €')).toEqual({
      data: Buffer.from('text: café €'),
      isBinary: false,
    });
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    expect(await exchange(socket, bytes)).toEqual({ data: bytes, isBinary: true });
    const large = Buffer.alloc(512 * 1024, 'large');
    expect(await exchange(socket, large)).toEqual({ data: large, isBinary: true });
    socket.terminate();
    expect(upstream.lastRequest()).toMatchObject({ method: 'GET', target: '/live' });
  });

  test('shows the upstream who was let in, and not the token', async () => {
    const socket = await open('/live', backend);
    const received = upstream.lastRequest();
    expect(received.header('x-edge-key-id')).toBe(backend.id);
    expect(received.header('authorization')).toBeNull();
    expect(JSON.stringify(received.headers)).not.toContain(backend.token);
    socket.terminate();
  });

  test('closes with the code and reason of the client', async () => {
    const socket = await open('/live', backend);
    socket.close(4001, 'done here');
    const [code] = await once(socket, 'close');
    expect(code).toBe(4001);
    await expect
      .poll(() => upstream.webSocketLog, { timeout: 10_000 })
      .toContain('closed 4001 done here');
  });

  test('closes with the code and reason of the upstream', async () => {
    const key = await edgeOfClosing.createKey({ name: 'backend' });
    const headers = authorization(key);
    const socket = new WebSocket(`ws://${edgeOfClosing.host}/live`, { headers });
    const [code, reason] = await once(socket, 'close');
    expect({ code, reason: String(reason) }).toEqual({ code: 4002, reason: 'enough' });
  });

  test('ends at the upstream when the client goes away', async () => {
    const socket = await open('/live', backend);
    socket.terminate();
    await expect
      .poll(() => upstream.webSocketLog, { timeout: 10_000 })
      .toContainEqual(expect.stringMatching(/^closed 1006/));
  });

  test('speaks the subprotocol that the upstream chose', async () => {
    const socket = new WebSocket(`ws://${edge.host}/live`, ['first.example', 'second.example'], {
      headers: authorization(backend),
    });
    await once(socket, 'open');
    expect(socket.protocol).toBe('first.example');
    socket.terminate();
  });
});

describe('a WebSocket handshake', () => {
  test('that the upstream turns down shows its answer', async () => {
    upstream.webSockets = 'refuse';
    expect(await refusalOf('/live', { headers: authorization(backend) })).toEqual({
      status: 403,
      reason: null,
      body: 'refused',
    });
  });

  test.each([
    ['without a key', {}, 401, 'missing_credentials'],
    ['with a key that does not exist', { Authorization: 'Bearer no-such' }, 401, 'invalid_key'],
  ])('%s is refused', async (_kind, headers, status, reason) => {
    expect(await refusalOf('/live', { headers })).toMatchObject({ status, reason });
    expect(upstream.requests).toEqual([]);
  });

  test('with a restricted key is refused outside its routes', async () => {
    const refusal = await refusalOf('/live', { headers: authorization(restricted) });
    expect(refusal).toMatchObject({ status: 403, reason: 'route_not_allowed' });
    expect(upstream.requests).toEqual([]);
  });

  test('with a backend key is refused to a page', async () => {
    const headers = authorization(backend);
    const refusal = await refusalOf('/live', { headers, origin: 'https://app.example' });
    expect(refusal).toMatchObject({ status: 403, reason: 'cors_not_enabled' });
    expect(upstream.requests).toEqual([]);
  });
});

describe('a request for an upgrade that is no GET', () => {
  const spellings = ['websocket', 'WebSocket', 'WEBSOCKET'];
  const cases = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].flatMap((method) =>
    spellings.map((upgrade) => ({ method, upgrade })),
  );

  test.each(cases)('$method with "Upgrade: $upgrade" stays $method', async (asked) => {
    const { method, upgrade } = asked;
    const response = await request(edge.port, {
      method,
      target: '/api/stream',
      headers: [
        ['Authorization', `Bearer ${backend.token}`],
        ['Upgrade', upgrade],
        ['Connection', 'Upgrade'],
        ['Sec-WebSocket-Version', '13'],
        ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ],
      body: 'kept',
    });
    expect(response.status).toBe(200);
    expect(JSON.parse(response.body.toString())).toMatchObject({ method, body: 'kept' });
    expect(upstream.requests.map((received) => received.method)).toEqual([method]);
    expect(upstream.lastRequest().header('upgrade')).toBeNull();
  });

  test('lets a restricted key POST and not GET', async () => {
    const ask = (method: string) =>
      request(edge.port, {
        method,
        target: '/api/stream',
        headers: [
          ['Authorization', `Bearer ${restricted.token}`],
          ['Upgrade', 'websocket'],
        ],
        body: '{}',
      });
    expect((await ask('POST')).status).toBe(200);
    expect((await ask('GET')).status).toBe(403);
    expect(upstream.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
      'POST /api/stream',
    ]);
  });

  test.each(['h2c', 'websocket, h2c', 'TLS/1.0'])('and no WebSocket is dropped: %s', async (to) => {
    const headers: [string, string][] = [
      ['Authorization', `Bearer ${backend.token}`],
      ['Upgrade', to],
      ['Connection', 'Upgrade, HTTP2-Settings'],
      ['HTTP2-Settings', 'AAMAAABkAAQAoAAAAAIAAAAA'],
    ];
    const response = await request(edge.port, { target: '/api/any', headers });
    expect(response.status).toBe(200);
    expect(upstream.lastRequest().header('upgrade')).toBeNull();
    expect(upstream.lastRequest().header('http2-settings')).toBeNull();
  });
});

test('a page that offers the edge alone gets its name, whatever the upstream answers', async () => {
  const { token } = await edgeOfClosing.createKey({ name: 'backend' });
  const offer = ['edge-authorizer', `edge-authorizer.bearer.${token}`];
  const socket = new WebSocket(`ws://${edgeOfClosing.host}/named`, offer);
  await once(socket, 'open');
  expect(socket.protocol).toBe('edge-authorizer');
  socket.terminate();
});

describe('an upgrade to a WebSocket without a handshake', () => {
  const key: [string, string] = ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='];
  const version = (number: string): [string, string] => ['Sec-WebSocket-Version', number];

  // The upstream's end would stay open, and count as a connection of the key, when its client has long gone.
  test.each([
    ['no key', [version('13')]],
    ['no version', [key]],
    ['neither', []],
    ['another version', [key, version('8')]],
    ['two versions', [key, version('13'), version('8')]],
    ['a blank behind the version', [key, version('13 ')]],
  ])('opens none at the upstream: %s', async (_, handshake) => {
    const response = await request(edge.port, {
      target: '/live',
      headers: [
        ['Authorization', `Bearer ${backend.token}`],
        ['Upgrade', 'websocket'],
        ['Connection', 'Upgrade'],
        ...handshake,
      ],
    });
    expect(upstream.lastRequest()).toMatchObject({ method: 'GET', target: '/live' });
    expect(upstream.lastRequest().header('upgrade')).toBeNull();
    expect(response.status).toBe(200);
  });
});

async function open(path: string, key: CreatedKey): Promise<WebSocket> {
  const socket = new WebSocket(`ws://${edge.host}${path}`, { headers: authorization(key) });
  await once(socket, 'open');
  return socket;
}

async function exchange(socket: WebSocket, message: string | Buffer) {
  socket.send(message);
  const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
  return { data, isBinary };
}

/** Returns the answer that a client gets instead of a WebSocket. Fails if it gets one. */
async function refusalOf(path: string, options: ClientOptions) {
  const socket = new WebSocket(`ws://${edge.host}${path}`, options);
  const [, response] = await Promise.race([
    once(socket, 'unexpected-response'),
    once(socket, 'open').then(() => {
      throw new Error('Cannot show a refusal: the WebSocket was opened');
    }),
  ]);
  let body = '';
  for await (const piece of response.setEncoding('utf8')) body += piece;
  return {
    status: response.statusCode,
    reason: response.headers['x-edge-reason'] ?? null,
    body,
  };
}

function authorization(key: CreatedKey): Record<string, string> {
  return { Authorization: `Bearer ${key.token}` };
}
