/** Limits that keys select by name, with the runtime's own limiters behind the production bundle. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { mintClientToken } from '../../src/client-tokens/client-tokens.ts';
import { request } from '../support/node/raw-http.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';
import { timeLeftInMinute } from '../support/time-left.ts';

const origin = 'https://app.example';
const limiters = [
  { name: 'free', binding: 'LIMITER_FREE', limit: '2/60' },
  { name: 'pro', binding: 'LIMITER_PRO', limit: '4/60' },
];

let upstream: Upstream;
let edge: Edge;

beforeAll(async () => {
  upstream = await startUpstream();
  edge = await serveEdge({
    upstreamUrl: upstream.url,
    limitersPerMinute: { LIMITER_FREE: 2, LIMITER_PRO: 4, KEY_LIMITER: 3 },
    vars: { LIMITERS: JSON.stringify(limiters), KEY_LIMIT: '3/60' },
  });
});
afterAll(() => Promise.all([edge?.dispose(), upstream?.dispose()]));
beforeEach(timeLeftInMinute);

function send(token: string, address = '192.0.2.1', more: [string, string][] = []) {
  return request(edge.port, {
    target: '/api/task/t1',
    headers: [['Authorization', `Bearer ${token}`], ['CF-Connecting-IP', address], ...more],
  });
}

/** The statuses of requests from these addresses, one after the other. */
async function statusesOf(key: CreatedKey, addresses: readonly string[]): Promise<number[]> {
  const statuses: number[] = [];
  for (const address of addresses) statuses.push((await send(key.token, address)).status);
  return statuses;
}

const times = (count: number) => Array.from({ length: count }, () => '192.0.2.1');

describe('a named limit', () => {
  test('stops its key with the limit in the headers, and no other response has them', async () => {
    const access = { cors: { allowedOrigins: [origin] } };
    const key = await edge.createKey({ name: 'n', access, limit: 'free' });
    const page: [string, string][] = [['Origin', origin]];
    for (let count = 0; count < 2; count++) {
      const allowed = await send(key.token, '192.0.2.1', page);
      expect(allowed.status).toBe(200);
      for (const name of ['ratelimit', 'ratelimit-policy', 'retry-after']) {
        expect(allowed.header(name)).toBeNull();
      }
    }
    const refused = await send(key.token, '192.0.2.1', page);
    expect(refused.status).toBe(429);
    expect(refused.header('x-edge-reason')).toBe('rate_limited');
    expect(refused.header('retry-after')).toBe('60');
    expect(refused.header('ratelimit-policy')).toBe('"free";q=2;w=60');
    expect(refused.header('ratelimit')).toBe('"free";r=0;t=60');
    expect(refused.header('access-control-allow-origin')).toBe(origin);
    expect(refused.header('access-control-expose-headers')).toMatch(/RateLimit, RateLimit-Policy/);
  });

  test('takes the place of the limit of every key', async () => {
    const everyKey = await edge.createKey({ name: 'n' });
    expect(await statusesOf(everyKey, times(4))).toEqual([200, 200, 200, 429]);
    const pro = await edge.createKey({ name: 'n', limit: 'pro' });
    expect(await statusesOf(pro, times(5))).toEqual([200, 200, 200, 200, 429]);
  });

  test('counts the keys of an owner together, and others apart', async () => {
    const plan = { limit: 'free', limitBy: 'owner' };
    const keys = [];
    for (const owner of ['acct_1', 'acct_1', 'acct_2', null, null]) {
      keys.push(await edge.createKey({ name: 'n', owner, ...plan }));
    }
    const statuses = [];
    for (const key of keys) statuses.push((await statusesOf(key, times(2))).join(' '));
    expect(statuses).toEqual(['200 200', '429 429', '200 200', '200 200', '200 200']);
  });

  test('counts each network of clients, an IPv6 one as its /64', async () => {
    const key = await edge.createKey({ name: 'n', limit: 'free', limitBy: 'address' });
    const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.1', '192.0.2.1', '192.0.2.2'];
    expect(await statusesOf(key, addresses)).toEqual([200, 200, 200, 429, 200]);
    const sixes = ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::1'];
    expect(await statusesOf(key, sixes)).toEqual([200, 200, 429, 200]);
    // The counts of another key are its own.
    const other = await edge.createKey({ name: 'n', limit: 'free', limitBy: 'address' });
    expect(await statusesOf(other, ['192.0.2.1'])).toEqual([200]);
  });

  test('counts each visitor of client tokens', async () => {
    const clientTokens = { allowedOrigins: [origin] };
    const plan = { limit: 'free', limitBy: 'client' };
    const key = await edge.createKey({ name: 'n', access: { clientTokens }, ...plan });
    const page: [string, string][] = [['Origin', origin]];
    const statuses = [];
    for (const sub of ['a', 'a', 'a', 'b']) {
      const token = await mintClientToken(key.token, { sub });
      statuses.push((await send(token, '192.0.2.1', page)).status);
    }
    expect(statuses).toEqual([200, 200, 429, 200]);
  });
});
