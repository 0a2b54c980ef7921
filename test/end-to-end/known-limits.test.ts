/** Limits of the runtime that the edge cannot lift. A runtime without one of them fails its test. */

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { request } from '../support/node/raw-http.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';

const response =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n\r\n' +
  '2\r\nhi\r\n0\r\nX-Checksum: 1\r\n\r\n';
const upstream = createServer((socket) => {
  socket.on('data', () => socket.write(response));
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

test('a response with trailers is complete, and costs the next request on its connection a 502', async () => {
  const statuses: number[] = [];
  for (let asked = 0; asked < 3; asked++) {
    const headers: [string, string][] = [['Authorization', `Bearer ${key.token}`]];
    const answer = await request(edge.port, { target: '/x', headers });
    statuses.push(answer.status);
    if (answer.status === 200) {
      expect([answer.body.toString(), answer.outcome]).toEqual(['hi', 'complete']);
      expect(answer.header('x-checksum')).toBeNull();
    }
  }
  expect(statuses).toEqual([200, 502, 200]);
});
