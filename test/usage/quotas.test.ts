/** Quotas from the request to the refusal and back, with the real D1: refusals first. */

import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { periodAt } from '../../src/core/quota.ts';
import { dayOf, EXTRA_COST } from '../../src/usage/batch.ts';
import { mergeUsage } from '../../src/usage/d1.ts';
import { readQuotaUse } from '../../src/usage/quotas.ts';
import type { CreatedKey, Deployment, HeaderLine } from '../contract/deployment.ts';
import { clientOf } from '../manage/client.ts';
import { deploy } from '../support/workers.ts';

const ORIGIN = 'https://app.example';
const soon = { timeout: 10_000, interval: 20 };
const routes = [
  { methods: ['GET'], path: '/api/cheap' },
  { methods: ['POST'], path: '/api/dear', cost: 10 },
];

let edge: Deployment;
/**
 * Without the Queue, an isolate merges its usage into D1 itself, at once. It reads the log behind each
 * request, so that it learns at the next one that a quota is used up.
 */
const open = async (vars: object = {}) => {
  const settings = { FEED_REFRESH_SECONDS: '0', RESTRICTED_ROUTES: JSON.stringify({ routes }) };
  edge = await deploy({ vars: { USAGE: undefined, ...settings, ...vars } as never });
};
beforeEach(() => open());
afterEach(() => edge.dispose());

const operator = (method: string, path: string, body?: object) =>
  clientOf(edge)(method, path, body && { body });
const call = (key: CreatedKey, method = 'GET', target = '/api/cheap', more: HeaderLine[] = []) =>
  edge.call({ method, target, headers: [['Authorization', `Bearer ${key.token}`], ...more] });
const aKey = (requests: number, more: object = {}) =>
  edge.createKey({ name: 'n', quota: { requests, period: 'day' }, ...more });

/** Sends requests until one is refused. Returns the refusal. */
async function useUp(key: CreatedKey, more: HeaderLine[] = []) {
  let refused = await call(key, 'GET', '/api/cheap', more);
  await vi.waitUntil(async () => {
    refused = await call(key, 'GET', '/api/cheap', more);
    return refused.status !== 200;
  }, soon);
  return refused;
}

describe('a key that has used up its quota', () => {
  test('is refused until it renews, so that its page can read when', async () => {
    const key = await aKey(3, { access: { cors: { allowedOrigins: [ORIGIN] } } });
    const refused = await useUp(key, [['Origin', ORIGIN]]);
    expect([refused.status, refused.headers['x-edge-reason']]).toEqual([429, 'quota_exceeded']);
    expect(refused.headers['access-control-allow-origin']).toBe(ORIGIN);
    expect(refused.headers['access-control-expose-headers']).toContain('Retry-After');
    // Those are the headers of rate limits.
    expect(Object.keys(refused.headers).filter((name) => name.startsWith('ratelimit'))).toEqual([]);
    const { endMs } = periodAt('day', Date.now());
    const renewsAt = new Date(endMs).toISOString();
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'quota_exceeded', renewsAt });
    const seconds = Number(refused.headers['retry-after']);
    expect(Math.abs(seconds - (endMs - Date.now()) / 1000)).toBeLessThan(60);
    // A route that it may never call is no matter of waiting.
    const elsewhere = await call(key, 'GET', '/elsewhere');
    expect(elsewhere.headers['x-edge-reason']).toBe('route_not_allowed');
    const { body } = await operator('GET', `/keys/${key.id}`);
    expect(body.quotaUse).toMatchObject({ left: 0, renewsAt });
    const explained = await operator('POST', '/explain', {
      method: 'GET',
      path: '/api/cheap',
      origin: ORIGIN,
      keyId: key.id,
    });
    expect(explained.body).toMatchObject({ code: 'quota_exceeded', decidedBy: 'quota' });
  });

  test('works again when the time of renewal has come, by itself', async () => {
    const key = await aKey(1_000);
    const renewsAtMs = Date.now() + 1_500;
    await edge.query('UPDATE keys SET quota_renews_at_ms = ?1', renewsAtMs);
    await edge.forgetCopies();
    expect((await call(key)).status).toBe(429);
    await vi.waitUntil(async () => (await call(key)).status === 200, soon);
    expect(Date.now()).toBeGreaterThanOrEqual(renewsAtMs);
    const [row] = await edge.query('SELECT quota_renews_at_ms FROM keys');
    expect(row).toEqual({ quota_renews_at_ms: renewsAtMs });
  });

  test('works again as soon as its quota is raised or removed, and stops if it is lowered', async () => {
    const key = await aKey(2);
    await useUp(key);
    const edit = async (quota: object | null) =>
      (await operator('PATCH', `/keys/${key.id}`, { quota })).status;
    expect(await edit({ requests: 1_000 })).toBe(200);
    expect((await call(key)).status).toBe(200);
    expect(await edit({ requests: 1 })).toBe(200);
    expect((await call(key)).status).toBe(429);
    // Whatever else is edited or rolled, it stays used up.
    await operator('PATCH', `/keys/${key.id}`, { name: 'renamed' });
    const rolled = await operator('POST', `/keys/${key.id}/roll`);
    expect((await call(rolled.body)).status).toBe(429);
    expect(await edit(null)).toBe(200);
    expect((await call(rolled.body)).status).toBe(200);
  });

  test('shares it with its client tokens and its older tokens', async () => {
    const key = await aKey(2);
    const rolled = await operator('POST', `/keys/${key.id}/roll`, { graceSeconds: 60 });
    await useUp(rolled.body);
    expect((await call(key)).status).toBe(429);
  });
});

describe('what counts', () => {
  test('a costly route as its cost, for every key, and towards quotas alone', async () => {
    const restricted = await aKey(1_000, { access: { cors: { allowedOrigins: [ORIGIN] } } });
    const backend = await aKey(1_000);
    for (const key of [restricted, backend]) {
      expect((await call(key, 'POST', '/api/dear')).status).toBe(200);
      expect((await call(key)).status).toBe(200);
      await vi.waitUntil(async () => {
        const { quotaUse } = (await operator('GET', `/keys/${key.id}`)).body;
        return quotaUse.used === 11 && quotaUse.left === 989;
      }, soon);
      const { usage, totals } = (await operator('GET', `/keys/${key.id}/usage`)).body;
      expect(totals).toEqual({ allowed: 2 });
      expect(usage).toHaveLength(1);
    }
  });

  test('nothing that the edge refused, or that the API did not answer', async () => {
    const key = await aKey(1_000, { access: { cors: { allowedOrigins: [ORIGIN] } } });
    edge.behaviour = { kind: 'unreachable' };
    expect((await call(key, 'POST', '/api/dear')).status).toBe(502);
    expect((await call(key, 'GET', '/elsewhere')).status).toBe(403);
    edge.behaviour = { kind: 'reply' };
    expect((await call(key)).status).toBe(200);
    const used = async () => (await operator('GET', `/keys/${key.id}`)).body.quotaUse.used;
    await vi.waitUntil(async () => (await used()) === 1, soon);
    const outcomes = await edge.query(
      'SELECT outcome, requests FROM usage_daily WHERE key_id = ?1 AND requests <> 0',
      key.id,
    );
    expect(outcomes).toContainEqual({ outcome: 'denied:route_not_allowed', requests: 1 });
  });
});

describe('a failing Queue or D1', () => {
  test('refuses no request', async () => {
    const send = async () => Promise.reject(new Error('the Queue is down'));
    await open({ USAGE: { send } });
    const key = await aKey(1);
    expect((await call(key)).status).toBe(200);
    await env.DB.exec('DROP TABLE usage_daily');
    for (let count = 0; count < 20; count++) expect((await call(key)).status).toBe(200);
  });
});

describe('mergeUsage()', () => {
  const nowMs = Date.parse('2026-11-28T12:00:00Z');
  const batch = (keyId: string, rows: readonly (readonly [string, string, number])[]) => {
    const id = `${nowMs}-${crypto.randomUUID()}`;
    const counts = rows.map(([day, outcome, requests]) => [keyId, day, outcome, requests]);
    return { id, text: JSON.stringify({ v: 1, id, counts, used: [], origins: [] }) };
  };
  const stateOf = async (key: CreatedKey) => {
    const [row] = await edge.query(
      'SELECT quota_renews_at_ms, version FROM keys WHERE id = ?1',
      key.id,
    );
    const [lines] = await edge.query('SELECT count(*) AS count FROM changes');
    return {
      renewsAtMs: row?.['quota_renews_at_ms'],
      version: row?.['version'],
      lines: lines?.['count'],
    };
  };

  test('marks a key once its period is used up, with one line for each live token, once', async () => {
    const key = await aKey(100);
    await operator('POST', `/keys/${key.id}/roll`, { graceSeconds: 60 });
    const before = await stateOf(key);
    const today = dayOf(nowMs);
    await mergeUsage(env.DB, [batch(key.id, [[today, 'allowed', 99]])], nowMs);
    expect(await stateOf(key)).toEqual(before);
    // Refusals and another day count for nothing.
    const others = batch(key.id, [
      [today, 'denied:quota_exceeded', 500],
      ['2026-11-27', 'allowed', 500],
    ]);
    await mergeUsage(env.DB, [others], nowMs);
    expect(await stateOf(key)).toEqual(before);
    const last = batch(key.id, [[today, EXTRA_COST, 1]]);
    await mergeUsage(env.DB, [last], nowMs);
    const marked = { ...before, renewsAtMs: Date.parse('2026-11-29T00:00:00Z') };
    expect(await stateOf(key)).toEqual({ ...marked, lines: Number(before.lines) + 2 });
    const due = await edge.query('SELECT token_hash FROM replica_writes');
    expect(due.length).toBeGreaterThanOrEqual(2);
    await mergeUsage(env.DB, [last, batch(key.id, [[today, 'allowed', 5]])], nowMs);
    expect(await stateOf(key)).toEqual({ ...marked, lines: Number(before.lines) + 2 });
    // The next day is another period.
    const tomorrowMs = nowMs + 24 * 60 * 60 * 1000;
    await mergeUsage(env.DB, [batch(key.id, [[dayOf(tomorrowMs), 'allowed', 100]])], tomorrowMs);
    expect((await stateOf(key)).renewsAtMs).toBe(Date.parse('2026-11-30T00:00:00Z'));
  });

  test('adds up a month of UTC, and reads it back', async () => {
    const quota = { requests: 100, period: 'month' };
    const key = await edge.createKey({ name: 'n', quota });
    const rows = [
      ['2026-10-31', 'allowed', 1_000],
      ['2026-11-01', 'allowed', 60],
      ['2026-11-28', 'allowed', 39],
    ] as const;
    await mergeUsage(env.DB, [batch(key.id, rows)], nowMs);
    expect((await stateOf(key)).renewsAtMs).toBeNull();
    expect(await readQuotaUse(env.DB, key.id, 'month', nowMs)).toBe(99);
    expect(await readQuotaUse(env.DB, key.id, 'day', nowMs)).toBe(39);
    await mergeUsage(env.DB, [batch(key.id, [['2026-11-02', 'allowed', 1]])], nowMs);
    expect((await stateOf(key)).renewsAtMs).toBe(Date.parse('2026-12-01T00:00:00Z'));
  });

  test('leaves keys without a quota, revoked ones, and unknown ids alone', async () => {
    const free = await edge.createKey({ name: 'n' });
    const revoked = await aKey(1);
    await operator('DELETE', `/keys/${revoked.id}`);
    const before = [await stateOf(free), await stateOf(revoked)];
    const today = dayOf(nowMs);
    for (const id of [free.id, revoked.id, 'none', 'unattributed']) {
      await mergeUsage(env.DB, [batch(id, [[today, 'allowed', 1_000]])], nowMs);
    }
    expect([await stateOf(free), await stateOf(revoked)]).toEqual(before);
  });
});
