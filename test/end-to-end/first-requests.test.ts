/**
 * The first requests of an isolate, all at once: the first request that needs management loads it, and
 * the runtime ends a request that waits for work of another one.
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { request } from '../support/node/raw-http.ts';
import { type Edge, serveEdge } from '../support/node/serve-edge.ts';

const ISOLATES = 3;
const ROUNDS = 6;

let edge: Edge;
beforeAll(async () => {
  edge = await serveEdge({
    upstreamUrl: 'http://127.0.0.1:9',
    isolates: ISOLATES,
    vars: {
      MANAGE_JWT_ISSUER: 'https://issuer.example',
      MANAGE_JWT_AUDIENCE: 'edge',
      MANAGE_JWT_JWKS_URL: 'https://issuer.example/jwks.json',
    },
  });
});
afterAll(() => edge.dispose());

test('many first requests for management at once are all answered', async () => {
  const authorization = `Bearer ${edge.adminToken}`;
  const asked = [
    ['/_edge/v1/keys', 200, authorization],
    ['/_edge/v1/openapi.json', 200, null],
    ['/_edge/v1/keys', 401, null],
    ['/_edge/errors', 200, null],
    ['/_edge/', 303, null],
    ['/_edge/nothing', 404, null],
    ['/_edge/health', 200, null],
  ] as const;
  for (const port of edge.ports) {
    const requests = Array.from({ length: ROUNDS }, () => asked).flat();
    const statuses = await Promise.all(
      requests.map(async ([path, , credentials]) => {
        // A raw request: Node's fetch says of itself that no person opens a page with it.
        const response = await request(port, {
          target: path,
          headers: credentials === null ? [] : [['Authorization', credentials]],
        });
        return `${path} ${response.status}`;
      }),
    );
    expect(statuses).toEqual(requests.map(([path, status]) => `${path} ${status}`));
  }
});
