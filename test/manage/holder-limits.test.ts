/** Rate limits of holders: requests to the edge's own endpoints count as those to the upstream do. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mintClientToken } from '../../src/client-tokens/client-tokens.ts';
import type { Deployment, HeaderLine } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';

const ORIGIN = 'https://app.example';
const access = { clientTokens: { allowedOrigins: [ORIGIN] } };

let edge: Deployment;
/** The names that each limiter counted, in order. */
let counted: { pro: string[]; every: string[] };
let isFull: boolean;

beforeEach(async () => {
  counted = { pro: [], every: [] };
  isFull = false;
  const limiter = (names: string[]) => ({
    limit: async ({ key }: { key: string }) => {
      names.push(key);
      return { success: !isFull };
    },
  });
  edge = await deploy({
    vars: {
      LIMITERS: JSON.stringify([{ name: 'pro', binding: 'LIMITER_PRO', limit: '5/10' }]),
      LIMITER_PRO: limiter(counted.pro),
      KEY_LIMITER: limiter(counted.every),
      KEY_LIMIT: '1000/60',
    } as never,
  });
});
afterEach(() => edge.dispose());

function call(token: string, [method, path]: readonly [string, string], more: HeaderLine[] = []) {
  const headers: HeaderLine[] = [['Authorization', `Bearer ${token}`], ...more];
  return edge.call({
    method,
    target: path,
    headers: [['CF-Connecting-IP', '203.0.113.9'], ...headers],
  });
}

const endpoints = [
  ['GET', '/_edge/v1/self'],
  ['POST', '/_edge/v1/client-tokens'],
  ['GET', '/api/x'],
] as const;

describe.each(endpoints)('%s %s', (...endpoint) => {
  test('is refused by the named limit of its key, with that limit in the headers', async () => {
    const key = await edge.createKey({ name: 'n', access, limit: 'pro' });
    isFull = true;
    const { status, headers } = await call(key.token, endpoint);
    expect(status).toBe(429);
    expect(headers['retry-after']).toBe('10');
    expect(headers['ratelimit-policy']).toBe('"pro";q=5;w=10');
    expect(headers['ratelimit']).toBe('"pro";r=0;t=10');
    expect(counted).toEqual({ pro: [key.id], every: [] });
  });

  test.each([
    ['key', (id: string) => id],
    ['owner', () => 'owner acct_1'],
    ['address', (id: string) => `${id} address 203.0.113.9`],
    ['client', (id: string) => `${id} address 203.0.113.9`],
  ] as const)('counts by %s, as its key says, and not for KEY_LIMITER', async (limitBy, name) => {
    const plan = { owner: 'acct_1', limit: 'pro', limitBy };
    const key = await edge.createKey({ name: 'n', access, ...plan });
    expect((await call(key.token, endpoint)).status).toBeLessThan(300);
    expect(counted).toEqual({ pro: [name(key.id)], every: [] });
  });

  test('counts for KEY_LIMITER if its key selects no limit', async () => {
    const key = await edge.createKey({ name: 'n', access });
    const { status, headers } = await call(key.token, endpoint);
    expect(status).toBeLessThan(300);
    expect(Object.keys(headers).filter((name) => name.startsWith('ratelimit'))).toEqual([]);
    expect(counted).toEqual({ pro: [], every: [key.id] });
  });
});

test("a visitor's own request counts for the visitor", async () => {
  const plan = { limit: 'pro', limitBy: 'client' };
  const key = await edge.createKey({ name: 'n', access, ...plan });
  const token = await mintClientToken(key.token, { sub: 'visitor-1' });
  const { status } = await call(token, ['GET', '/_edge/v1/self'], [['Origin', ORIGIN]]);
  expect(status).toBe(200);
  expect(counted).toEqual({ pro: [`${key.id} sub visitor-1`], every: [] });
});
