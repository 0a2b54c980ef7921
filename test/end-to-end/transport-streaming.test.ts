/**
 * Bodies through the production bundle on bare workerd, between a real client and a real upstream:
 * they are passed on while they come, in both directions, unchanged, and are never gathered in memory.
 * Some tests wait for one end before the other continues. A Worker that gathered bodies would hang
 * there.
 */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request as nodeRequest } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { childProcesses, watchMemory } from '../support/node/process-memory.ts';
import { type Bytes, chunk, request, sendRaw } from '../support/node/raw-http.ts';
import { type CreatedKey, type Edge, serveEdge, serveModule } from '../support/node/serve-edge.ts';
import {
  deterministicBytes,
  echo,
  gzipped,
  hang,
  reply,
  sha256,
  sha256OfDeterministicBytes,
  sink,
  stream,
} from '../support/node/upstream-answers.ts';
import { type Answer, startUpstream, type Upstream } from '../support/node/upstream-server.ts';

const mebibyte = 1024 * 1024;
const isNightly = inject('isNightly');
/** Larger than all that the edge's process may hold. */
const largeBytes = (isNightly ? 100 : 16) * mebibyte;
/** The growth that buffers along the way may cause. A body that is gathered causes at least twice this. */
const flatGrowthBytes = (isNightly ? 24 : 4) * mebibyte;
/** More than the sockets on both sides of the edge hold, so that an end that does not read is noticed. */
const heldBackBytes = (isNightly ? 100 : 64) * mebibyte;
const transferTimeoutMs = 50_000;
/** Much less than what the slow uploads below take. */
const upstreamTimeoutMs = 1000;

let upstream: Upstream;
let edge: Edge;
let key: CreatedKey;
let authorization: [name: string, value: string];
let edgeProcess: number;

beforeAll(async () => {
  upstream = await startUpstream();
  const others = await childProcesses('workerd');
  edge = await serveEdge({
    upstreamUrl: upstream.url,
    vars: { UPSTREAM_TIMEOUT_MS: String(upstreamTimeoutMs) },
  });
  edgeProcess = await newProcess(others);
  key = await edge.createKey({ name: 'backend' });
  authorization = ['Authorization', `Bearer ${key.token}`];
  // Whatever the first transfers take once and for all is no growth.
  upstream.answer = stream(8 * mebibyte);
  await download(edge.port);
  upstream.answer = sink;
  await upload(edge.port, 8 * mebibyte);
});
afterAll(() => Promise.all([edge.dispose(), upstream.dispose()]));

beforeEach(() => {
  upstream.answer = echo;
  upstream.requests.length = 0;
});

describe('a large body', () => {
  test('comes down unchanged while memory stays flat', async () => {
    upstream.answer = stream(largeBytes);
    const memory = await watchMemory(edgeProcess);
    const response = await download(edge.port);
    expect(await memory.stop()).toBeLessThan(flatGrowthBytes);
    expect(response).toMatchObject({ status: 200, outcome: 'complete' });
    expect(response.header('content-length')).toBe(String(largeBytes));
    expect(sha256(response.body)).toBe(sha256OfDeterministicBytes(largeBytes));
  });

  test('goes up unchanged while memory stays flat', async () => {
    upstream.answer = sink;
    const memory = await watchMemory(edgeProcess);
    const response = await upload(edge.port, largeBytes);
    expect(await memory.stop()).toBeLessThan(flatGrowthBytes);
    expect(upstream.lastRequest().header('content-length')).toBe(String(largeBytes));
    expect(upstream.lastRequest().header('transfer-encoding')).toBeNull();
    expect(JSON.parse(response.body.toString())).toEqual({
      lengthBytes: largeBytes,
      sha256: sha256OfDeterministicBytes(largeBytes),
    });
  });

  test('goes up in chunks, unchanged while memory stays flat', async () => {
    upstream.answer = sink;
    const memory = await watchMemory(edgeProcess);
    const response = await sendRaw(edge.port, inChunks(largeBytes), {
      timeoutMs: transferTimeoutMs,
    });
    expect(await memory.stop()).toBeLessThan(flatGrowthBytes);
    expect(upstream.lastRequest().header('transfer-encoding')).toBe('chunked');
    expect(JSON.parse(response.body.toString())).toEqual({
      lengthBytes: largeBytes,
      sha256: sha256OfDeterministicBytes(largeBytes),
    });
  });

  test('holds the upstream back while the client does not read', async () => {
    const progress = { bytes: 0, isHeldBack: false };
    upstream.answer = writeAtTheReadersPace(progress);
    const memory = await watchMemory(edgeProcess);
    const outgoing = nodeRequest(edge.url, { headers: Object.fromEntries([authorization]) }).end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    await expect.poll(() => progress.isHeldBack, { timeout: 20_000 }).toBe(true);
    expect(progress.bytes).toBeLessThan(heldBackBytes);
    expect(await sha256Of(incoming)).toBe(sha256OfDeterministicBytes(heldBackBytes));
    expect(await memory.stop()).toBeLessThan(flatGrowthBytes);
  });

  test('holds the client back while the upstream does not read', async () => {
    const mayRead = Promise.withResolvers<void>();
    upstream.answer = async (upstreamRequest, response) => {
      await mayRead.promise;
      await sink(upstreamRequest, response);
    };
    const memory = await watchMemory(edgeProcess);
    const outgoing = nodeRequest(edge.url, {
      method: 'POST',
      headers: { ...Object.fromEntries([authorization]), 'Content-Length': heldBackBytes },
    });
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    let sentBytes = 0;
    for (const piece of deterministicBytes(heldBackBytes)) {
      sentBytes += piece.byteLength;
      if (outgoing.write(piece)) continue;
      // Drained at once as long as anybody takes the bytes; held back, only the upstream helps.
      const isDrained = await Promise.race([
        once(outgoing, 'drain').then(() => true),
        wait(500, false),
      ]);
      if (isDrained) continue;
      expect(sentBytes).toBeLessThan(heldBackBytes);
      mayRead.resolve();
      await once(outgoing, 'drain');
    }
    outgoing.end();
    const [incoming] = await answered;
    expect(JSON.parse(await textOf(incoming))).toEqual({
      lengthBytes: heldBackBytes,
      sha256: sha256OfDeterministicBytes(heldBackBytes),
    });
    expect(await memory.stop()).toBeLessThan(flatGrowthBytes);
  });

  test('would be noticed in memory if it were gathered: control case', async () => {
    const others = await childProcesses('workerd');
    const gathering = await serveModule(
      `export default {
        async fetch(request, env) {
          const body = await request.arrayBuffer();
          const response = await fetch(env.UPSTREAM_URL, { method: 'POST', body });
          return new Response(await response.arrayBuffer(), response);
        },
      }`,
      { bindings: { UPSTREAM_URL: upstream.url } },
    );
    upstream.answer = sink;
    const memory = await watchMemory(await newProcess(others));
    const response = await upload(gathering.port, largeBytes);
    expect(await memory.stop()).toBeGreaterThan(2 * flatGrowthBytes);
    expect(JSON.parse(response.body.toString())).toMatchObject({ lengthBytes: largeBytes });
    await gathering.dispose();
  });
});

describe('a body on its way', () => {
  test('reaches the upstream before its end was sent', async () => {
    const received = { bytes: 0 };
    upstream.answer = countingSink(received);
    const firstPieceArrived = expect.poll(() => received.bytes, { timeout: 10_000 }).toBe(5);
    async function* pieces() {
      yield head('POST /slow', ['Content-Length: 10']);
      yield 'first';
      await firstPieceArrived;
      yield '-last';
    }
    const [response] = await Promise.all([sendRaw(edge.port, pieces()), firstPieceArrived]);
    expect(JSON.parse(response.body.toString())).toEqual({
      lengthBytes: 10,
      sha256: sha256(Buffer.from('first-last')),
    });
  });

  test('reaches the upstream chunk by chunk', async () => {
    const received = { bytes: 0 };
    upstream.answer = countingSink(received);
    async function* pieces() {
      yield head('POST /chunks', ['Transfer-Encoding: chunked']);
      for (let count = 1; count <= 5; count++) {
        yield chunk('piece');
        await expect.poll(() => received.bytes, { timeout: 10_000 }).toBe(5 * count);
      }
      yield chunk('');
    }
    const response = await sendRaw(edge.port, pieces(), { timeoutMs: 30_000 });
    expect(JSON.parse(response.body.toString()).lengthBytes).toBe(25);
  });

  test('goes both ways at once', async () => {
    upstream.answer = (_request, response) => {
      response.writeHead(200);
      response.flushHeaders();
      response.req.pipe(response);
    };
    let received = '';
    async function* pieces() {
      yield head('POST /echo', ['Transfer-Encoding: chunked']);
      for (const piece of ['one', 'two', 'three']) {
        yield chunk(piece);
        await expect.poll(() => received, { timeout: 10_000 }).toContain(piece);
      }
      yield chunk('');
    }
    const response = await sendRaw(edge.port, pieces(), {
      timeoutMs: 30_000,
      onChunk: ({ bytes }) => {
        received += bytes.toString('latin1');
      },
    });
    expect(response).toMatchObject({ status: 200, outcome: 'complete' });
    expect(response.body.toString()).toBe('onetwothree');
  });

  test.each([
    ['a Content-Length', 'Content-Length: 1000', 'half of it'],
    ['chunks', 'Transfer-Encoding: chunked', chunk('half of it')],
  ])('may be answered before its end, with %s', async (_framing, line, half) => {
    // With a length: the end of a chunked answer is sent by workerd only when all was read.
    upstream.answer = reply({ status: 413, headers: [['Content-Length', '6']], body: 'enough' });
    const answered = Promise.withResolvers<void>();
    async function* pieces() {
      yield head('POST /early', [line]);
      yield half;
      await answered.promise;
    }
    const response = await sendRaw(edge.port, pieces(), { onChunk: () => answered.resolve() });
    expect(response).toMatchObject({ status: 413, outcome: 'complete' });
    expect(response.body.toString()).toBe('enough');
  });

  test('brings the first server-sent event before the last is sent', async () => {
    const firstSeen = Promise.withResolvers<void>();
    upstream.answer = async (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('data: first\n\n');
      await firstSeen.promise;
      response.end('data: last\n\n');
    };
    let received = '';
    const response = await request(
      edge.port,
      { target: '/events', headers: [authorization, ['Accept', 'text/event-stream']] },
      {
        onChunk: ({ bytes }) => {
          received += bytes.toString('latin1');
          if (received.includes('data: first\n\n')) firstSeen.resolve();
        },
      },
    );
    expect(response).toMatchObject({ status: 200, outcome: 'complete' });
    expect(response.header('content-type')).toBe('text/event-stream');
    expect(response.body.toString()).toBe('data: first\n\ndata: last\n\n');
  });

  test('brings the headers before the first byte of the body exists', async () => {
    const headersSeen = Promise.withResolvers<void>();
    upstream.answer = async (_request, response) => {
      response.writeHead(200, { 'X-Early': 'yes' });
      response.flushHeaders();
      await headersSeen.promise;
      response.end('body');
    };
    const response = await request(
      edge.port,
      { target: '/early', headers: [authorization] },
      { onChunk: () => headersSeen.resolve() },
    );
    expect(response.header('x-early')).toBe('yes');
    expect(response.body.toString()).toBe('body');
  });

  test('may pause for longer than the upstream timeout once the headers are there', async () => {
    upstream.answer = async (_request, response) => {
      response.write('before');
      await wait(2 * upstreamTimeoutMs);
      response.end(' and after');
    };
    const response = await request(edge.port, { target: '/pause', headers: [authorization] });
    expect(response).toMatchObject({ status: 200, outcome: 'complete' });
    expect(response.body.toString()).toBe('before and after');
  });
});

describe('an upload that takes longer than the upstream timeout', () => {
  beforeEach(() => {
    upstream.answer = sink;
  });

  test('succeeds with a Content-Length', async () => {
    const body = 'ten bytes!'.repeat(5);
    const response = await sendRaw(
      edge.port,
      slowly([
        head('POST /slow', [`Content-Length: ${body.length}`]),
        ...(body.match(/.{10}/g) ?? []),
      ]),
      { timeoutMs: 30_000 },
    );
    expect(response.status).toBe(200);
    expect(JSON.parse(response.body.toString()).sha256).toBe(sha256(Buffer.from(body)));
  });

  test('succeeds in chunks', async () => {
    const chunks = Array.from({ length: 5 }, () => chunk('ten bytes!'));
    const response = await sendRaw(
      edge.port,
      slowly([head('POST /slow', ['Transfer-Encoding: chunked']), ...chunks, chunk('')]),
      { timeoutMs: 30_000 },
    );
    expect(response.status).toBe(200);
    expect(JSON.parse(response.body.toString()).lengthBytes).toBe(50);
  });
});

describe('a client that goes away', () => {
  test('ends the upstream request that it was waiting for', async () => {
    upstream.answer = hang;
    const socket = connect(edge.port, '127.0.0.1');
    socket.write(head('GET /wait', []));
    await expect.poll(() => upstream.requests.length, { timeout: 10_000 }).toBe(1);
    socket.resetAndDestroy();
    await expect.poll(() => upstream.lastRequest().isAborted, { timeout: 10_000 }).toBe(true);
  });

  test('and only said that it sends no more lets the upstream go when its time is up', async () => {
    upstream.answer = hang;
    const socket = connect(edge.port, '127.0.0.1');
    socket.end(head('GET /wait', []));
    await expect.poll(() => upstream.requests.length, { timeout: 10_000 }).toBe(1);
    await expect.poll(() => upstream.lastRequest().isAborted, { timeout: 10_000 }).toBe(true);
    socket.destroy();
  });

  test('ends the download that it was reading', async () => {
    const progress = { bytes: 0, isHeldBack: false };
    upstream.answer = writeAtTheReadersPace(progress);
    const { outcome } = await request(
      edge.port,
      { target: '/download', headers: [authorization] },
      { until: 'deterministic' },
    );
    expect(outcome).toBe('until');
    await expect.poll(() => upstream.lastRequest().isAborted, { timeout: 10_000 }).toBe(true);
    expect(progress.bytes).toBeLessThan(heldBackBytes);
  });

  // What is half and looks whole is stored by an upstream as if it were whole.
  const framings = [
    { framing: 'a Content-Length', line: 'Content-Length: 1000', half: 'half of it' },
    { framing: 'chunks', line: 'Transfer-Encoding: chunked', half: chunk('half of it') },
    { framing: 'half a chunk', line: 'Transfer-Encoding: chunked', half: '3e8\r\nhalf of it' },
  ];
  const endings = ['resets', 'closes'] as const;
  const moments = ['before it is answered', 'after its answer began'] as const;
  const halves = framings.flatMap((framing) =>
    endings.flatMap((ending) => moments.map((moment) => ({ ...framing, ending, moment }))),
  );

  test.each(halves)(
    'never lets half an upload with $framing look complete when it $ending $moment',
    async ({ line, half, ending, moment }) => {
      const body = { text: '', isComplete: false, isBroken: false };
      upstream.answer = (_request, response) => {
        if (moment === 'after its answer began') response.write('begun');
        response.req.setEncoding('latin1');
        response.req.on('data', (text: string) => {
          body.text += text;
        });
        response.req.on('end', () => {
          body.isComplete = true;
        });
        response.req.on('close', () => {
          body.isBroken = !body.isComplete;
        });
      };
      let answer = '';
      const socket = connect(edge.port, '127.0.0.1');
      socket.on('data', (bytes) => {
        answer += bytes.toString('latin1');
      });
      socket.write(head('POST /half', [line]));
      socket.write(half);
      await expect.poll(() => body.text, { timeout: 10_000 }).toBe('half of it');
      if (moment === 'after its answer began') {
        await expect.poll(() => answer, { timeout: 10_000 }).toContain('begun');
      }
      if (ending === 'resets') socket.resetAndDestroy();
      else socket.end();
      await expect.poll(() => body, { timeout: 10_000 }).toMatchObject({ isBroken: true });
      expect(body).toEqual({ text: 'half of it', isComplete: false, isBroken: true });
      socket.destroy();
    },
  );
});

describe('a compressed body', () => {
  const text = 'compressed once and left alone '.repeat(100);

  test.each([
    ['nothing', []],
    ['gzip', [['Accept-Encoding', 'gzip']]],
    ['br', [['Accept-Encoding', 'br']]],
    ['identity', [['Accept-Encoding', 'identity']]],
  ] as [string, [string, string][]][])(
    'comes down with its bytes unchanged to a client that accepts %s',
    async (_accepted, headers) => {
      upstream.answer = gzipped(text);
      const response = await request(edge.port, {
        target: '/gzip',
        headers: [authorization, ...headers],
      });
      expect(response.header('content-encoding')).toBe('gzip');
      expect(response.body).toEqual(gzipSync(text));
      expect(gunzipSync(response.body).toString()).toBe(text);
      expect(upstream.lastRequest().header('accept-encoding')).toBe(headers[0]?.[1] ?? null);
    },
  );

  test('goes up with its bytes unchanged', async () => {
    upstream.answer = sink;
    const body = gzipSync(text);
    const response = await request(edge.port, {
      method: 'POST',
      target: '/gzip',
      headers: [authorization, ['Content-Encoding', 'gzip']],
      body,
    });
    expect(upstream.lastRequest().header('content-encoding')).toBe('gzip');
    expect(JSON.parse(response.body.toString())).toEqual({
      lengthBytes: body.byteLength,
      sha256: sha256(body),
    });
  });
});

/** The workerd that was started since, of which there is one. */
async function newProcess(before: number[]): Promise<number> {
  const started = (await childProcesses('workerd')).filter((id) => !before.includes(id));
  expect(started).toHaveLength(1);
  return started[0] ?? 0;
}

function head(requestLine: string, headers: string[]): string {
  const lines = [
    `${requestLine} HTTP/1.1`,
    'Host: edge.test',
    authorization.join(': '),
    ...headers,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function download(port: number) {
  return request(
    port,
    { target: '/download', headers: [authorization] },
    { timeoutMs: transferTimeoutMs },
  );
}

function upload(port: number, lengthBytes: number) {
  function* pieces(): Generator<Bytes> {
    yield head('POST /upload', [`Content-Length: ${lengthBytes}`]);
    yield* deterministicBytes(lengthBytes);
  }
  return sendRaw(port, pieces(), { timeoutMs: transferTimeoutMs });
}

function* inChunks(lengthBytes: number): Generator<Bytes> {
  yield head('POST /upload', ['Transfer-Encoding: chunked']);
  for (const piece of deterministicBytes(lengthBytes)) yield chunk(piece);
  yield chunk('');
}

/** The pieces with pauses between them that add up to more than the upstream timeout. */
async function* slowly(pieces: Bytes[]): AsyncGenerator<Bytes> {
  for (const piece of pieces) {
    yield piece;
    await wait(upstreamTimeoutMs / 2);
  }
}

/** Reads a body, counts what came so far, and answers like `sink`. */
function countingSink(received: { bytes: number }): Answer {
  return async (_request, response) => {
    const hash = createHash('sha256');
    try {
      for await (const piece of response.req as AsyncIterable<Buffer>) {
        received.bytes += piece.byteLength;
        hash.update(piece);
      }
    } catch {
      // The client went away, which is recorded.
      return;
    }
    response.end(JSON.stringify({ lengthBytes: received.bytes, sha256: hash.digest('hex') }));
  };
}

/** Sends the large body only as fast as it is read, and reports when the reader stops. */
function writeAtTheReadersPace(progress: { bytes: number; isHeldBack: boolean }): Answer {
  return async (_request, response) => {
    response.writeHead(200, { 'Content-Length': heldBackBytes });
    const closed = once(response, 'close');
    for (const piece of deterministicBytes(heldBackBytes)) {
      if (response.destroyed) return;
      progress.bytes += piece.byteLength;
      if (response.write(piece)) continue;
      const free = Promise.race([once(response, 'drain'), closed]);
      // A wrong "held back" on a slow machine does no harm: the reader starts a little early.
      progress.isHeldBack ||= await Promise.race([free.then(() => false), wait(500, true)]);
      await free;
    }
    response.end();
  };
}

async function sha256Of(incoming: IncomingMessage): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of incoming as AsyncIterable<Buffer>) hash.update(piece);
  return hash.digest('hex');
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of incoming.setEncoding('utf8') as AsyncIterable<string>) text += piece;
  return text;
}
