/** The limit per visitor of client tokens, with the runtime's own limiter behind the production bundle. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ClientTokenOptions, mintClientToken } from '../../src/client-tokens/client-tokens.ts';
import { request } from '../support/node/raw-http.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';
import { timeLeftInMinute } from '../support/time-left.ts';

const origin = 'https://app.example';

let upstream: Upstream;
let edge: Edge;
let parent: CreatedKey;

beforeAll(async () => {
  upstream = await startUpstream();
  edge = await serveEdge({
    upstreamUrl: upstream.url,
    limitersPerMinute: { CLIENT_LIMITER: 2 },
    vars: { CLIENT_LIMIT: '2/60' },
  });
  parent = await edge.createKey({
    name: 'backend',
    access: { clientTokens: { allowedOrigins: [origin] } },
  });
});
afterAll(() => Promise.all([edge?.dispose(), upstream?.dispose()]));
beforeEach(timeLeftInMinute);

async function use(claims: ClientTokenOptions, address: string) {
  const token = await mintClientToken(parent.token, claims);
  return request(edge.port, {
    target: '/api/task/t1',
    headers: [
      ['Authorization', `Bearer ${token}`],
      ['Origin', origin],
      ['CF-Connecting-IP', address],
    ],
  });
}

describe('a limit per visitor', () => {
  test('stops one visitor, whatever token and address they use, and no other visitor', async () => {
    const statuses: number[] = [];
    for (const [index, address] of ['192.0.2.1', '192.0.2.2', '192.0.2.3'].entries()) {
      statuses.push((await use({ sub: 'visitor-1', jti: `t${index}` }, address)).status);
    }
    expect(statuses).toEqual([200, 200, 429]);
    const refused = await use({ sub: 'visitor-1' }, '192.0.2.4');
    expect(refused.header('x-edge-reason')).toBe('rate_limited');
    expect(refused.header('ratelimit-policy')).toBe('"client";q=2;w=60');
    expect(refused.header('retry-after')).toBe('60');
    expect(refused.header('access-control-allow-origin')).toBe(origin);
    expect((await use({ sub: 'visitor-2' }, '192.0.2.1')).status).toBe(200);
  });

  test('goes by the address if the token names no visitor', async () => {
    const statuses: number[] = [];
    for (let count = 0; count < 3; count++) statuses.push((await use({}, '198.51.100.1')).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await use({}, '198.51.100.2')).status).toBe(200);
  });
});
