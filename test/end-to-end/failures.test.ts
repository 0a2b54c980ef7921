/** Failures of ours on bare workerd, and refusals of requests whose bodies are still on their way. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeFailures } from '../contract/failures.ts';
import { chunk, request, sendRaw } from '../support/node/raw-http.ts';
import { type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';
import { inOneProcess } from './deployment.ts';

const prepare = inOneProcess();

describeFailures(prepare);

describe('a refusal of a request with a body', () => {
  const mebibyte = 1024 * 1024;
  let upstream: Upstream;
  let edge: Edge;
  beforeAll(async () => {
    upstream = await startUpstream();
    edge = await serveEdge({ upstreamUrl: upstream.url });
  });
  afterAll(async () => {
    await edge.dispose();
    await upstream.dispose();
  });

  const head = (framing: string) =>
    `POST /x HTTP/1.1\r\nHost: edge.test\r\nAuthorization: Bearer invalid\r\n${framing}\r\n\r\n`;

  // Without reading them away, most of these answers are lost to a connection reset.
  test.each([1, 3, 8])('can be read by a client that sends %i MiB', async (size) => {
    const body = Buffer.alloc(size * mebibyte);
    for (let round = 0; round < 10; round++) {
      const response = await request(edge.port, {
        method: 'POST',
        target: '/x',
        headers: [['Authorization', 'Bearer invalid']],
        body,
      });
      expect(response).toMatchObject({ status: 401, outcome: 'complete' });
    }
  });

  test('can be read by a client that sends chunks', async () => {
    const pieces = Array.from({ length: 32 }, () => chunk(Buffer.alloc(mebibyte / 8)));
    const response = await sendRaw(edge.port, [
      head('Transfer-Encoding: chunked'),
      ...pieces,
      chunk(''),
    ]);
    expect(response).toMatchObject({ status: 401, outcome: 'complete' });
  });

  test('does not wait for a body that is too large to be worth it', async () => {
    const response = await sendRaw(edge.port, [head('Content-Length: 1000000000'), 'a']);
    expect(response.status).toBe(401);
    expect(response.chunks[0]?.atMs).toBeLessThan(1_500);
  });

  test('does not wait for a client that waits for our word', async () => {
    const response = await sendRaw(edge.port, [head('Content-Length: 10\r\nExpect: 100-continue')]);
    expect(response.status).toBe(401);
    expect(response.chunks[0]?.atMs).toBeLessThan(1_500);
  });

  test('does not wait for a body that never comes', async () => {
    const response = await sendRaw(edge.port, [head('Content-Length: 10'), 'abc']);
    expect(response.status).toBe(401);
    expect(response.chunks[0]?.atMs).toBeLessThan(4_000);
  });

  test('lets nothing of the body through', () => {
    expect(upstream.requests).toEqual([]);
  });
});
