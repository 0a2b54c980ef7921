/** Events of quotas: written with the usage that reaches them, once in a period, for keys with a quota alone. */

import { env } from 'cloudflare:workers';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sendEvents } from '../../src/events/sender.ts';
import { createEventStore } from '../../src/events/store.ts';
import { dayOf, EXTRA_COST } from '../../src/usage/batch.ts';
import { mergeUsage } from '../../src/usage/d1.ts';
import type { CreatedKey, Deployment } from '../contract/deployment.ts';
import { clientOf } from '../manage/client.ts';
import { deploy } from '../support/workers.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const URL = 'https://hooks.example.com/edge';
const DAY_MS = 24 * 60 * 60 * 1000;

let edge: Deployment;
let nowMs: number;
beforeEach(async () => {
  edge = await deploy({ vars: { EVENTS_URL: URL, EVENTS_SECRET: SECRET } });
  nowMs = Date.now();
});
afterEach(() => edge.dispose());

const aKey = (requests = 100, period = 'day', more: object = {}) =>
  edge.createKey({ name: 'n', owner: 'acct_1', quota: { requests, period }, ...more });
const edit = async (key: CreatedKey, body: object) => {
  const { status } = await clientOf(edge)('PATCH', `/keys/${key.id}`, { body });
  expect(status).toBe(200);
};

type Count = readonly [key: string, requests: number, outcome?: string, day?: string];

/** Merges so many requests of keys, as the consumer does. */
function merge(counts: readonly Count[], options: object = { writesEvents: true }) {
  const id = `${nowMs}-${crypto.randomUUID()}`;
  const rows = counts.map(([key, requests, outcome = 'allowed', day = dayOf(nowMs)]) => [
    key,
    day,
    outcome,
    requests,
  ]);
  const text = JSON.stringify({ v: 1, id, counts: rows, used: [], origins: [] });
  return mergeUsage(env.DB, [{ id, text }], nowMs, options);
}

const eventsOf = async ({ id }: CreatedKey) =>
  (await edge.query('SELECT * FROM events WHERE key_id = ?1 ORDER BY number', id)).filter(
    ({ type }) => String(type).startsWith('quota.'),
  );
const typesOf = async (key: CreatedKey) => (await eventsOf(key)).map(({ type }) => type);

describe('no event of a quota is written', () => {
  test('below 80 percent, without a quota, after a revocation, and for what does not count', async () => {
    const [key, free, revoked] = [await aKey(), await edge.createKey({ name: 'n' }), await aKey()];
    await clientOf(edge)('DELETE', `/keys/${revoked.id}`);
    const { events } = await merge([
      [key.id, 79],
      [key.id, 500, 'denied:quota_exceeded'],
      [key.id, 500, 'allowed', dayOf(nowMs - DAY_MS)],
      [free.id, 1_000],
      [revoked.id, 1_000],
      ['none', 1_000],
    ]);
    expect(events).toBe(0);
    for (const one of [key, free, revoked]) expect(await typesOf(one)).toEqual([]);
    expect(await edge.query('SELECT * FROM key_notices')).toEqual([]);
  });

  test('without a receiver', async () => {
    const key = await aKey();
    expect((await merge([[key.id, 100]], {})).events).toBe(0);
    expect(await edge.query("SELECT * FROM events WHERE type LIKE 'quota.%'")).toEqual([]);
    expect(await edge.query('SELECT * FROM key_notices')).toEqual([]);
    // A receiver that is set later learns how it is now.
    expect((await merge([[key.id, 1]])).events).toBe(2);
  });
});

describe('the events of a quota', () => {
  test('are a warning at 80 percent and one at the quota, each once in a period', async () => {
    const key = await aKey();
    expect((await merge([[key.id, 79]])).events).toBe(0);
    expect((await merge([[key.id, 1, EXTRA_COST]])).events).toBe(1);
    for (const requests of [1, 5, 13]) expect((await merge([[key.id, requests]])).events).toBe(0);
    expect((await merge([[key.id, 1]])).events).toBe(1);
    expect((await merge([[key.id, 50]])).events).toBe(0);
    expect(await typesOf(key)).toEqual(['quota.warning', 'quota.exceeded']);
    nowMs += DAY_MS;
    expect((await merge([[key.id, 90]])).events).toBe(1);
    expect((await merge([[key.id, 90]])).events).toBe(1);
    expect(await typesOf(key)).toEqual([
      'quota.warning',
      'quota.exceeded',
      'quota.warning',
      'quota.exceeded',
    ]);
    const notices = await edge.query('SELECT about_ms FROM key_notices WHERE about_ms <= 0');
    expect(notices).toEqual([]);
  });

  test('are both written if one batch reaches both, for each key of it', async () => {
    const keys = [await aKey(100), await aKey(1), await aKey(200, 'month'), await aKey(1_000)];
    const { events } = await merge(keys.map(({ id }) => [id, 170] as const));
    expect(events).toBe(5);
    const both = ['quota.warning', 'quota.exceeded'];
    expect(await Promise.all(keys.map(typesOf))).toEqual([both, both, ['quota.warning'], []]);
    // They follow the other events of the key.
    const numbers = await edge.query(
      'SELECT key_id, max(number) AS last FROM events GROUP BY key_id',
    );
    const counted = await edge.query('SELECT key_id, last_number AS last FROM event_numbers');
    const sorted = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).sort();
    expect(sorted(counted)).toEqual(sorted(numbers));
  });

  test('are not written again for a batch that comes twice, or while others are merged', async () => {
    const key = await aKey();
    const id = `${nowMs}-${crypto.randomUUID()}`;
    const counts = [[key.id, dayOf(nowMs), 'allowed', 100]];
    const batch = { id, text: JSON.stringify({ v: 1, id, counts, used: [], origins: [] }) };
    const again = () => mergeUsage(env.DB, [batch], nowMs, { writesEvents: true });
    expect(await Promise.all([again(), again(), merge([[key.id, 1]])])).toMatchObject([
      { merged: 1 },
      { merged: 0 },
      { merged: 1 },
    ]);
    expect(await typesOf(key)).toEqual(['quota.warning', 'quota.exceeded']);
  });

  test.each([
    ['raised', { requests: 120 }, ['quota.warning'], ['quota.exceeded']],
    ['raised by far', { requests: 1_000 }, [], []],
    ['by another period', { period: 'month' }, ['quota.warning', 'quota.exceeded'], []],
    ['lowered', { requests: 50 }, [], []],
    ['left as it is', { requests: 100 }, [], []],
  ])('of a quota that is %s', async (_, quota, next, later) => {
    const key = await aKey();
    await merge([[key.id, 100]]);
    await edit(key, { quota });
    await merge([[key.id, 1]]);
    const reported = ['quota.warning', 'quota.exceeded', ...next];
    expect(await typesOf(key)).toEqual(reported);
    await merge([[key.id, 19]]);
    expect(await typesOf(key)).toEqual([...reported, ...later]);
  });

  test('of a quota that is removed and given again are written again', async () => {
    const key = await aKey();
    await merge([[key.id, 80]]);
    await edit(key, { quota: null });
    await merge([[key.id, 1]]);
    await edit(key, { quota: { requests: 100, period: 'day' } });
    await merge([[key.id, 1]]);
    expect(await typesOf(key)).toEqual(['quota.warning', 'quota.warning']);
  });

  test('of a lowered quota are those that it has not had', async () => {
    const key = await aKey();
    await merge([[key.id, 85]]);
    await edit(key, { quota: { requests: 50 } });
    await merge([[key.id, 1]]);
    expect(await typesOf(key)).toEqual(['quota.warning', 'quota.exceeded']);
  });

  test('are signed for the verifier of the library, with the use and the time of renewal', async () => {
    const key = await aKey(10, 'month');
    await merge([[key.id, 11]]);
    const sent: { headers: Record<string, string>; body: string }[] = [];
    const send = () =>
      sendEvents({
        store: createEventStore(env.DB),
        receiver: { url: URL, secrets: [SECRET] },
        fetch: async (_url, init) => {
          sent.push({
            headers: init.headers as Record<string, string>,
            body: String(init.body),
          });
          return new Response();
        },
        now: () => nowMs + 60_000,
        newId: () => crypto.randomUUID(),
        log: () => {},
      });
    await send();
    const payloads = sent.map(({ headers, body }) => new Webhook(SECRET).verify(body, headers));
    const date = new Date(nowMs);
    const renewsAt = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1));
    const data = {
      keyId: key.id,
      quota: { requests: 10, period: 'month' },
      used: 11,
      renewsAt: renewsAt.toISOString(),
    };
    const timestamp = new Date(nowMs).toISOString();
    expect(payloads).toEqual([
      expect.objectContaining({ type: 'key.created' }),
      { type: 'quota.warning', timestamp, data: { ...data, number: 2 } },
      { type: 'quota.exceeded', timestamp, data: { ...data, number: 3 } },
    ]);
    expect(JSON.stringify(payloads)).not.toContain(key.token.slice(10));
  });

  test('cost a bounded number of rows, however many events and keys there are', async () => {
    const keys = [await aKey(1_000_000), await aKey(1)];
    await env.DB.batch([
      env.DB.prepare(
        `INSERT INTO events (event_id, key_id, number, type, at_ms, data, state)
         SELECT 'evt_x' || value, ?1, value, 'key.edited', 0, '{}', 'delivered' FROM (
           WITH RECURSIVE n(value) AS (SELECT 1000 UNION ALL SELECT value + 1 FROM n WHERE value < 4000)
           SELECT value FROM n)`,
      ).bind(keys[1]?.id),
      env.DB.prepare(
        `INSERT INTO key_notices (key_id, notice, about_ms)
         SELECT 'key_' || value, 'quota.warning', 1 FROM (
           WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 3000)
           SELECT value FROM n)`,
      ),
    ]);
    const rowsRead = await rowsOf(() => merge(keys.map(({ id }) => [id, 10] as const)));
    expect(rowsRead).toBeLessThan(300);
  });
});

/** The rows that the statements of a transaction read, as D1 reports them. */
async function rowsOf(work: () => Promise<unknown>): Promise<number> {
  const original = env.DB.batch.bind(env.DB);
  let rows = 0;
  env.DB.batch = async <T>(statements: D1PreparedStatement[]) => {
    const results = await original<T>(statements);
    rows += results.reduce((sum, { meta }) => sum + meta.rows_read, 0);
    return results;
  };
  try {
    await work();
  } finally {
    env.DB.batch = original;
  }
  return rows;
}
