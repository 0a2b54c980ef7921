/**
 * Upstreams that fail, behind the production bundle on bare workerd: whatever they do on the wire,
 * a page gets an answer that it can read, with the CORS grant of its key, and nothing of the failure
 * reaches the next request.
 */

import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { freePorts } from '../support/node/ports.ts';
import { chunk, type RawRequest, type RawResponse, request } from '../support/node/raw-http.ts';
import { type CreatedKey, type Edge, serveEdges } from '../support/node/serve-edge.ts';
import {
  after,
  afterEarlyHints,
  echo,
  garbage,
  halfBody,
  hang,
  reply,
  reset,
} from '../support/node/upstream-answers.ts';
import {
  type Answer,
  startRawUpstream,
  startUpstream,
  type Upstream,
} from '../support/node/upstream-server.ts';

const pageOrigin = 'https://app.example';
const upstreamTimeoutMs = 1000;

/** A `request` to the edge with a restricted key, from a page that the key lists. */
type Call = (rawRequest?: RawRequest) => Promise<RawResponse>;

/** Fails as each test says. */
let failing: Upstream;
/** Answers with these bytes, whatever it is asked. */
let raw: Awaited<ReturnType<typeof startRawUpstream>>;
let rawAnswer = '';
/** Sends half a head, and no more. */
let half: Awaited<ReturnType<typeof startRawUpstream>>;
/** Nothing listens there yet. */
let absentPort: number;
/** An edge before each of them, all in one process. */
let edges: Record<'failing' | 'raw' | 'half' | 'absent', Edge>;
beforeAll(async () => {
  failing = await startUpstream();
  raw = await startRawUpstream((socket: Socket) => void socket.end(rawAnswer, 'latin1'));
  half = await startRawUpstream((socket) => void socket.write('HTTP/1.1 200 OK\r\nX-A'));
  [absentPort = 0] = await freePorts(1);
  const before = (upstreamUrl: string) => ({
    upstreamUrl,
    vars: { UPSTREAM_TIMEOUT_MS: String(upstreamTimeoutMs) },
  });
  edges = await serveEdges({
    failing: before(failing.url),
    raw: before(raw.url),
    half: before(half.url),
    absent: before(`http://127.0.0.1:${absentPort}`),
  });
});
afterAll(() =>
  Promise.all([edges.failing.dispose(), failing.dispose(), raw.dispose(), half.dispose()]),
);

describe('an upstream that is not there', () => {
  let call: Call;
  beforeAll(async () => {
    call = await restrictedCall(edges.absent);
  });

  test('is answered for, and used as soon as it is there', async () => {
    expectRefusal(await call(), { status: 502, code: 'upstream_unreachable' });
    const server = createServer((_request, response) => response.end('here'));
    await new Promise<void>((ready) => server.listen(absentPort, '127.0.0.1', ready));
    const response = await call();
    expect(response.status).toBe(200);
    expect(response.body.toString()).toBe('here');
    server.closeAllConnections();
    server.close();
  });

  test('does not hide a mistake of the caller, which is refused first', async () => {
    const response = await request(edges.absent.port, { target: '/api/stream/1' });
    expect(response.status).toBe(401);
    expect(response.header('x-edge-reason')).toBe('missing_credentials');
  });
});

describe('an upstream that fails', () => {
  let upstream: Upstream;
  let call: Call;
  beforeAll(async () => {
    upstream = failing;
    call = await restrictedCall(edges.failing);
  });
  beforeEach(() => {
    upstream.requests.length = 0;
  });

  const hanging: [string, RawRequest][] = [
    ['GET', { target: '/api/stream/1' }],
    ['POST without a body', { method: 'POST', target: '/api/stream' }],
    ['POST with a body', { method: 'POST', target: '/api/stream', body: '{"name":"x"}' }],
    [
      'POST with a body in chunks',
      {
        method: 'POST',
        target: '/api/stream',
        headers: [['Transfer-Encoding', 'chunked']],
        body: Buffer.concat([chunk('{"name":"x"}'), chunk('')]),
      },
    ],
    ['POST with 256 KiB', { method: 'POST', target: '/api/stream', body: Buffer.alloc(2 ** 18) }],
    ['GET with a body', { target: '/api/stream/1', body: 'body' }],
  ];
  test.each(hanging)('by hanging is answered for in time, for a %s', async (_kind, rawRequest) => {
    upstream.answer = hang;
    const startedAtMs = performance.now();
    const response = await call(rawRequest);
    expectRefusal(response, { status: 504, code: 'upstream_timeout' });
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(upstreamTimeoutMs - 50);
    await expect.poll(() => upstream.lastRequest().isAborted, { timeout: 10_000 }).toBe(true);
    expect(upstream.requests).toHaveLength(1);
  });

  test('by being slow, but not too slow, is waited for', async () => {
    upstream.answer = after(upstreamTimeoutMs / 5, reply({ body: 'late' }));
    const response = await call();
    expect(response).toMatchObject({ status: 200, outcome: 'complete' });
    expect(response.body.toString()).toBe('late');
  });

  const failures: [string, Answer][] = [
    ['resetting the connection', reset],
    ['closing the connection', (_request, response) => void response.socket?.end()],
    ['answering garbage', garbage],
    ['answering 103 first', afterEarlyHints(echo)],
  ];
  test.each(failures)('by %s is answered for', async (_kind, answer) => {
    upstream.answer = answer;
    for (const rawRequest of [{}, { method: 'POST', target: '/api/stream', body: '{}' }]) {
      const response = await call(rawRequest);
      expectRefusal(response, { status: 502, code: 'upstream_unreachable' });
    }
  });

  test('does not fail the next request', async () => {
    for (const [, answer] of failures) {
      upstream.answer = answer;
      expect((await call()).status).toBe(502);
      upstream.answer = echo;
      expect((await call()).status).toBe(200);
    }
  });

  test('is not asked twice for what may have happened', async () => {
    upstream.answer = reset;
    await call({ method: 'POST', target: '/api/stream', body: '{}' });
    await call({ method: 'PATCH', target: '/api/stream/1', body: '{}' });
    expect(upstream.requests.map(({ method }) => method)).toEqual(['POST', 'PATCH']);
  });

  test('in the middle of a body is seen to have failed', async () => {
    upstream.answer = halfBody;
    const response = await call();
    expect(response.status).toBe(200);
    expect(response.header('content-length')).toBe('10');
    expect(response.body.toString()).toBe('01234');
    expect(response.outcome).toBeOneOf(['closed', 'reset']);
    upstream.answer = echo;
    expect((await call()).status).toBe(200);
  });

  test('is logged once, with its reason, under the id that the caller receives', async () => {
    upstream.answer = reset;
    const response = await call();
    const requestId = response.header('x-request-id') ?? '';
    const linesAboutIt = () => edges.failing.logs.filter((logged) => logged.includes(requestId));
    await expect.poll(linesAboutIt, { timeout: 10_000 }).toHaveLength(1);
    expect(JSON.parse(linesAboutIt()[0] ?? '')).toMatchObject({
      code: 'upstream_unreachable',
      requestId,
      cause: expect.stringMatching(/./),
    });
    // The caller learns no more than that it failed.
    expect(Object.keys(JSON.parse(response.body.toString())).sort()).toEqual([
      'code',
      'detail',
      'errors',
      'requestId',
      'status',
      'title',
      'type',
    ]);
  });
});

describe('an upstream that speaks no proper HTTP', () => {
  const answers: [string, string][] = [
    ['status 100', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['status 102', 'HTTP/1.1 102 Processing\r\n\r\n'],
    ['status 101 to a request for no upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['status 199', 'HTTP/1.1 199 Odd\r\nContent-Length: 2\r\n\r\nok'],
    ['status 600', 'HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nok'],
    ['status 999', 'HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok'],
    ['status 000', 'HTTP/1.1 000 Odd\r\nContent-Length: 2\r\n\r\nok'],
    ['a status that is no number', 'HTTP/1.1 abc Odd\r\nContent-Length: 2\r\n\r\nok'],
    ['no status line', '\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!'],
    ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok'],
    ['an unknown encoding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: odd\r\n\r\nok'],
    ['a header line without a colon', 'HTTP/1.1 200 OK\r\nNoColon\r\nContent-Length: 2\r\n\r\nok'],
    ['a NUL in a header', 'HTTP/1.1 200 OK\r\nX-A: \0\r\nContent-Length: 2\r\n\r\nok'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['256 KiB of headers', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(2 ** 18)}\r\n\r\n`],
  ];
  let call: Call;
  beforeAll(async () => {
    call = await restrictedCall(edges.raw);
  });

  test.each(answers)('but %s is answered for', async (_kind, bytes) => {
    rawAnswer = bytes;
    const response = await call();
    expectRefusal(response, { status: 502, code: 'upstream_unreachable' });
    expect(response.interim).toEqual([]);
  });

  test('by sending half a head is answered for in time', async () => {
    const callHalf = await restrictedCall(edges.half);
    expectRefusal(await callHalf(), { status: 504, code: 'upstream_timeout' });
  });
});

/** Makes a restricted key on the edge, and returns the calls with it. */
async function restrictedCall(edge: Edge): Promise<Call> {
  const access = { cors: { allowedOrigins: [pageOrigin] } };
  const key: CreatedKey = await edge.createKey({ name: 'restricted', access });
  return (rawRequest = {}) =>
    request(
      edge.port,
      {
        target: '/api/stream/1',
        ...rawRequest,
        headers: [
          ['Authorization', `Bearer ${key.token}`],
          ['Origin', pageOrigin],
          ...(rawRequest.headers ?? []),
        ],
      },
      { timeoutMs: 20_000 },
    );
}

/** Checks everything that a page sees of a refusal that its key has a right to read. */
function expectRefusal(response: RawResponse, { status, code }: { status: number; code: string }) {
  expect(response).toMatchObject({ status, outcome: 'complete' });
  const requestId = response.header('x-request-id');
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(response.header('content-type')).toBe('application/json');
  expect(response.header('cache-control')).toBe('no-store');
  expect(response.header('x-edge-reason')).toBe(code);
  expect(response.header('vary')).toBe('Origin');
  expect(response.header('access-control-allow-origin')).toBe(pageOrigin);
  expect(response.header('access-control-expose-headers')).toContain('X-Edge-Reason');
  expect(response.header('access-control-allow-credentials')).toBeNull();
  expect(response.header('www-authenticate')).toBeNull();
  const body = JSON.parse(response.body.toString());
  expect(body).toMatchObject({ status, code, requestId, errors: [body.detail] });
}
