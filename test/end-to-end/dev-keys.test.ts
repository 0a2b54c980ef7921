/** The keys of `npm run dev`, from one start to the next. */

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureDevKeys } from '../../examples/dev/keys.ts';

const pages = { page: ['http://localhost:*'], tokensPage: ['http://localhost:*'] };

let folder: string;
let edge: Server;
let edgeUrl: string;
let forwarded: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-dev-'));
  forwarded = [];
  edge = edgeBeforeAnApiThatRefuses();
  await once(edge.listen(0, '127.0.0.1'), 'listening');
  edgeUrl = `http://127.0.0.1:${(edge.address() as AddressInfo).port}`;
});
afterEach(async () => {
  edge.close();
  await rm(folder, { recursive: true, force: true });
});

/** Answers about keys as the edge does by itself; all else reaches an API that knows no caller. */
function edgeBeforeAnApiThatRefuses(): Server {
  const made = new Map<string, object>();
  return createServer(async (request, response) => {
    const url = request.url ?? '';
    const answer = (status: number, body: object) =>
      response.writeHead(status).end(JSON.stringify(body));
    if (url === '/_edge/v1/self') return answer(200, {});
    if (url === '/_edge/v1/keys') {
      const wanted = JSON.parse(Buffer.concat(await request.toArray()).toString());
      const key = { ...wanted, id: `key_${made.size}`, token: `token_${made.size}`, enabled: true };
      made.set(key.id, key);
      return answer(201, key);
    }
    const key = made.get(url.replace('/_edge/v1/keys/', ''));
    if (key !== undefined) return answer(200, key);
    forwarded.push(url);
    return answer(401, {});
  });
}

test('are kept, in front of an API that answers 401, and call nothing of it', async () => {
  const start = () =>
    ensureDevKeys(join(folder, 'keys.json'), { edgeUrl, adminToken: 'admin' }, pages);
  const first = await start();
  expect(await start()).toEqual(first);
  expect(forwarded).toEqual([]);
});
