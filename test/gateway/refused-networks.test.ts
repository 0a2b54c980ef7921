/**
 * A client network that the failure limiter has refused costs no store a call, for ten seconds. The
 * stores are the real ones, behind counters; the limiter is a double that says yes three times.
 */

import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Answer, CreatedKey, Deployment, HeaderLine } from '../contract/deployment.ts';
import { faulty, type Health } from '../keys/faulty.ts';
import { clientOf } from '../manage/client.ts';
import { deploy } from '../support/workers.ts';

const ORIGIN = 'https://app.example';
const LIMITED = '203.0.113.1';

let edge: Deployment;
let key: CreatedKey;
let asked: string[];
let allowedFailures: number;
const database: Health = { mode: 'well' };
const replica: Health = { mode: 'well' };

beforeEach(async () => {
  asked = [];
  allowedFailures = 3;
  const limiter = {
    async limit({ key: name }: { key: string }) {
      asked.push(name);
      return { success: asked.filter((other) => other === name).length <= allowedFailures };
    },
  };
  const bindings = {
    DB: faulty(env.DB, database),
    KEYS: faulty(env.KEYS, replica),
    FAILURE_LIMITER: limiter,
  };
  edge = await deploy({ vars: bindings as never });
  key = await edge.createKey({
    name: 'a page',
    access: { cors: { allowedOrigins: [ORIGIN, 'https://*.wild.example'], fullAccess: true } },
  });
  // From here on a token of any form is looked up: one may have been imported.
  const imported = { keys: [{ name: 'imported', token: 'an-imported-token-of-some-length' }] };
  expect(await clientOf(edge)('POST', '/keys/import', { body: imported })).toMatchObject({
    status: 201,
  });
});
afterEach(async () => {
  vi.useRealTimers();
  await edge.dispose();
});

function call(address: string, headers: readonly HeaderLine[], method = 'GET'): Promise<Answer> {
  return edge.call({ method, target: '/x', headers: [['CF-Connecting-IP', address], ...headers] });
}

const bearer = (token: string): HeaderLine => ['Authorization', `Bearer ${token}`];
const inventions: (() => readonly HeaderLine[])[] = [
  () => [bearer(crypto.randomUUID())],
  () => [bearer(crypto.randomUUID()), ['Origin', `https://${crypto.randomUUID()}.example`]],
  () => [bearer(crypto.randomUUID()), ['Origin', `https://${crypto.randomUUID()}.wild.example`]],
  () => [['Origin', `https://${crypto.randomUUID()}.example`]],
  () => [
    ['Authorization', 'Basic YTpi'],
    ['Origin', `https://${crypto.randomUUID()}.example`],
  ],
];

async function exhaust(address: string): Promise<void> {
  for (let count = 0; count <= allowedFailures; count++) {
    const answer = await call(address, [bearer(crypto.randomUUID())]);
    expect(answer.status).toBe(count < allowedFailures ? 401 : 429);
  }
}

/** The calls that stores get while `work` is done. */
async function storeCalls(work: () => Promise<void>): Promise<number> {
  const before = (database.calls ?? 0) + (replica.calls ?? 0);
  await work();
  return (database.calls ?? 0) + (replica.calls ?? 0) - before;
}

function passTime(ms: number): void {
  const nowMs = Date.now();
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(nowMs + ms);
}

describe('a client network that was refused', () => {
  test('is answered 429 without a call of any store, and without being counted', async () => {
    await exhaust(LIMITED);
    const countedBefore = asked.length;
    const calls = await storeCalls(async () => {
      for (let round = 0; round < 20; round++) {
        for (const invent of inventions) {
          const answer = await call(LIMITED, invent());
          expect(answer.status).toBe(429);
          expect(answer.headers).toMatchObject({
            'x-edge-reason': 'rate_limited',
            'retry-after': '60',
          });
          expect(answer.headers).not.toHaveProperty('www-authenticate');
        }
      }
    });
    expect(calls).toBe(0);
    expect(asked.length).toBe(countedBefore);
  });

  const ofHolders = [
    ['GET', '/_edge/v1/self'],
    ['DELETE', '/_edge/v1/self'],
    ['POST', '/_edge/v1/client-tokens'],
  ] as const;
  test.each(ofHolders)(
    'costs no store a call at %s %s either, where it is counted as well',
    async (method, target) => {
      const ask = () =>
        edge.call({
          method,
          target,
          headers: [['CF-Connecting-IP', LIMITED], bearer(crypto.randomUUID())],
        });
      for (let count = 0; count < allowedFailures; count++) expect((await ask()).status).toBe(401);
      // The same count: the gateway refuses the network as well.
      expect((await call(LIMITED, [bearer(crypto.randomUUID())])).status).toBe(429);
      const calls = await storeCalls(async () => {
        const answer = await ask();
        expect(answer.status).toBe(429);
        expect(answer.headers).toMatchObject({
          'x-edge-reason': 'rate_limited',
          'retry-after': '60',
        });
        expect(answer.headers).not.toHaveProperty('www-authenticate');
      });
      expect(calls).toBe(0);
    },
  );

  test('costs stores their calls before it is refused: control case', async () => {
    const calls = await storeCalls(async () => {
      await call(LIMITED, [bearer(crypto.randomUUID())]);
    });
    expect(calls).toBeGreaterThan(0);
  });

  test('is its /64 for IPv6, and no other network', async () => {
    await exhaust('2001:db8:1:2::1');
    expect((await call('2001:db8:1:2:ffff::9', [bearer('invented')])).status).toBe(429);
    expect((await call('2001:db8:1:3::1', [bearer('invented')])).status).toBe(401);
    expect((await call('203.0.113.2', [bearer('invented')])).status).toBe(401);
  });

  test('may use a key that the isolate knows, since others may share its address', async () => {
    expect((await call('203.0.113.2', [bearer(key.token)])).status).toBe(200);
    await exhaust(LIMITED);
    expect((await call(LIMITED, [bearer(key.token), ['Origin', ORIGIN]])).status).toBe(200);
  });

  test('has preflights granted for a short time, of which no store is asked', async () => {
    await exhaust(LIMITED);
    const preflight: HeaderLine = ['Access-Control-Request-Method', 'GET'];
    const calls = await storeCalls(async () => {
      for (const origin of [ORIGIN, 'https://a.wild.example', 'https://stranger.example']) {
        const answer = await call(LIMITED, [['Origin', origin], preflight], 'OPTIONS');
        expect(answer.status).toBe(204);
        expect(answer.headers['access-control-max-age']).toBe('5');
      }
    });
    expect(calls).toBe(0);
  });

  test('is looked up once more after ten seconds, and refused again', async () => {
    await exhaust(LIMITED);
    passTime(9_000);
    const countedBefore = asked.length;
    expect((await call(LIMITED, [bearer(key.token)])).status).toBe(429);
    expect(asked.length).toBe(countedBefore);
    passTime(1_500);
    expect((await call(LIMITED, [bearer(key.token)])).status).toBe(200);
    expect((await call(LIMITED, [bearer('invented')])).status).toBe(429);
    expect(asked.length).toBe(countedBefore + 1);
    const calls = await storeCalls(async () => {
      expect((await call(LIMITED, [bearer('invented-too')])).status).toBe(429);
    });
    expect(calls).toBe(0);
  });

  test('is not counted if the address is not reported', async () => {
    for (let count = 0; count < 6; count++) {
      const answer = await edge.call({ target: '/x', headers: [bearer('invented')] });
      expect(answer.status).toBe(401);
    }
    expect(asked).toEqual([]);
  });
});
