/** Limits of the runtime that the edge cannot lift. A runtime without one of them fails its test. */

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { request } from '../support/node/raw-http.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';

const ok = 'HTTP/1.1 200 OK\r\n';
const chunked = `${ok}Transfer-Encoding: chunked\r\n`;
/** The bytes that the upstream answers, by the target. */
const answers: Record<string, string> = {
  '/interim': `HTTP/1.1 103 Early Hints\r\n\r\n${ok}X-For: HEAD\r\nContent-Length: 0\r\n\r\n`,
  '/last': `${ok}X-For: GET\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  '/extension': `${chunked}\r\n2;a=b\r\nhi\r\n0\r\n\r\n`,
  '/trailers': `${chunked}Trailer: X-Checksum\r\n\r\n2\r\nhi\r\n0\r\nX-Checksum: 1\r\n\r\n`,
};
const upstream = createServer((socket) => {
  socket.setEncoding('latin1').on('data', (head: string) => {
    socket.write(answers[head.split(' ', 2)[1] ?? ''] ?? '');
  });
  socket.on('error', () => undefined);
});
let edge: Edge;
let key: CreatedKey;

beforeAll(async () => {
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  edge = await serveEdge({ upstreamUrl: `http://127.0.0.1:${port}` });
  key = await edge.createKey({ name: 'backend' });
});
afterAll(async () => {
  await edge?.dispose();
  upstream.close();
});

function ask(target: string, method = 'GET') {
  const headers: [string, string][] = [['Authorization', `Bearer ${key.token}`]];
  return request(edge.port, { method, target, headers });
}

test('a chunk with an extension ends the body, which looks complete', async () => {
  const answer = await ask('/extension');
  expect([answer.status, answer.body.toString(), answer.outcome]).toEqual([200, '', 'complete']);
});

test('a response with trailers is complete, and costs the next request on its connection a 502', async () => {
  const statuses: number[] = [];
  for (let asked = 0; asked < 3; asked++) {
    const answer = await ask('/trailers');
    statuses.push(answer.status);
    if (answer.status === 200) {
      expect([answer.body.toString(), answer.outcome]).toEqual(['hi', 'complete']);
      expect(answer.header('x-checksum')).toBeNull();
    }
  }
  expect(statuses).toEqual([200, 502, 200]);
});

test('what follows an interim response to HEAD can be the response to another request', async () => {
  const askTwice = async () => {
    expect((await ask('/interim', 'HEAD')).status).toBe(502);
    return (await ask('/last')).header('x-for');
  };
  // Now and then the runtime sees that the connection cannot be used again.
  await expect.poll(askTwice, { timeout: 20_000, interval: 10 }).toBe('HEAD');
});
