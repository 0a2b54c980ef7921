/** The days of the overview in the real D1: what a merge adds to them, and what bounds them. */

import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { DAY_MS } from '../../src/usage/batch.ts';
import { mergeUsage, trimUsage } from '../../src/usage/d1.ts';
import { readUsageDays, type UsageScope } from '../../src/usage/days.ts';
import { ENDPOINTS_PER_DAY, REFUSED_ORIGINS_PER_DAY } from '../../src/usage/limits.ts';
import { freshStorage } from '../support/workers.ts';
import { aBatch, NOON_MS } from './fixtures.ts';

const day = '2026-11-22';
const all: UsageScope = { kind: 'all' };
const ofKey = (keyId: string): UsageScope => ({ kind: 'key', keyId });
const ofOwner = (owner: string): UsageScope => ({ kind: 'owner', owner });
const merge = (...batches: ReturnType<typeof aBatch>[]) => mergeUsage(env.DB, batches, NOON_MS);
const read = (scope: UsageScope) => readUsageDays(env.DB, scope, '2026-01-01');

beforeEach(async () => {
  await freshStorage();
  await addKey('key_a', 'acct_1');
  await addKey('key_b', 'acct_1');
  await addKey('key_c', null);
});

describe('names that strangers choose', () => {
  it('are counted together beyond the most frequent, in one merge and in many', async () => {
    const origins = (from: number, count: number) =>
      Array.from({ length: 100 }, (_, i): [string, string, string, number, number] => {
        const origin = `https://made-up-${from + i}.example`;
        return ['key_a', origin, 'origin_not_allowed', NOON_MS, count];
      });
    await merge(
      aBatch({
        origins: [
          ...origins(0, 1),
          ['key_a', 'https://frequent.example', 'origin_not_allowed', NOON_MS, 9],
        ],
      }),
    );
    for (let turn = 1; turn <= 5; turn++) await merge(aBatch({ origins: origins(turn * 100, 2) }));
    for (const scope of [all, ofOwner('acct_1'), ofKey('key_a')]) {
      const [found] = await read(scope);
      const { other, 'https://frequent.example': frequent, ...rest } = found!.origins;
      expect(frequent).toBe(9);
      expect(Object.keys(rest)).toHaveLength(REFUSED_ORIGINS_PER_DAY - 1);
      expect(sum({ other: other!, ...rest })).toBe(100 + 5 * 200);
    }
  });

  it('are not kept if they are long', async () => {
    const origin = `https://${'a.'.repeat(124)}example`;
    await merge(aBatch({ origins: [['key_a', origin, 'origin_not_allowed', NOON_MS, 3]] }));
    expect((await read(all))[0]!.origins).toEqual({ other: 3 });
  });

  it('are no endpoints: those of a key are bounded, too', async () => {
    for (let turn = 0; turn < 3; turn++) {
      const endpoints = Array.from({ length: 100 }, (_, i): [string, string, string, number] => [
        'key_a',
        day,
        `GET /${turn}/${i}`,
        1,
      ]);
      await merge(aBatch({ endpoints: [...endpoints, ['key_a', day, 'POST /often', 5]] }));
    }
    for (const scope of [all, ofOwner('acct_1'), ofKey('key_a')]) {
      const { other, ...rest } = (await read(scope))[0]!.endpoints;
      expect(Object.keys(rest)).toHaveLength(ENDPOINTS_PER_DAY);
      expect(rest['POST /often']).toBe(15);
      expect(sum({ other: other!, ...rest })).toBe(315);
    }
  });
});

describe('a merge', () => {
  it('adds to the deployment, the owner and the key', async () => {
    await merge(
      aBatch({
        counts: [
          ['key_a', day, 'allowed', 3],
          ['key_b', day, 'allowed', 4],
          ['key_c', day, 'denied:origin_not_allowed', 2],
          ['none', day, 'denied:invalid_key', 7],
          ['unattributed', day, 'allowed', 1],
          ['key_a', day, 'extra_cost', 50],
        ],
        endpoints: [
          ['key_a', day, 'GET /v1/items/{id}', 3],
          ['key_b', day, 'GET /v1/items/{id}', 3],
          ['key_b', day, 'POST', 1],
        ],
        origins: [['key_c', 'https://c.example', 'cors_not_enabled', NOON_MS, 2]],
      }),
    );
    expect(await read(all)).toEqual([
      {
        day,
        counts: {
          '12 allowed': 8,
          '12 denied:origin_not_allowed': 2,
          '12 denied:invalid_key': 7,
        },
        endpoints: { 'GET /v1/items/{id}': 6, POST: 1 },
        origins: { 'https://c.example': 2 },
      },
    ]);
    expect(await read(ofOwner('acct_1'))).toEqual([
      {
        day,
        counts: { '12 allowed': 7 },
        endpoints: { 'GET /v1/items/{id}': 6, POST: 1 },
        origins: {},
      },
    ]);
    expect(await read(ofKey('key_c'))).toMatchObject([
      { counts: { '12 denied:origin_not_allowed': 2 }, origins: { 'https://c.example': 2 } },
    ]);
    expect(await read(ofKey('key_b'))).toMatchObject([{ counts: { '12 allowed': 4 } }]);
    expect(await read(ofOwner('acct_2'))).toEqual([]);
    expect(await read(ofKey('none'))).toEqual([]);
  });

  it('counts a batch once, whether it comes twice at once or later', async () => {
    const batch = aBatch({
      counts: [['key_a', day, 'allowed', 3]],
      endpoints: [['key_a', day, 'GET /v1/items', 3]],
    });
    await merge(batch, batch);
    await merge(batch);
    expect(await read(ofKey('key_a'))).toEqual([
      { day, counts: { '12 allowed': 3 }, endpoints: { 'GET /v1/items': 3 }, origins: {} },
    ]);
  });

  it('writes one row for each key, owner and the deployment, however many names there are', async () => {
    const batch = () =>
      aBatch({
        counts: [
          ['key_a', day, 'allowed', 3],
          ['key_a', day, 'denied:route_not_allowed', 3],
          ['key_b', day, 'allowed', 3],
          ['key_c', day, 'allowed', 3],
        ],
        endpoints: Array.from({ length: 40 }, (_, i) => ['key_a', day, `GET /${i}`, 1]),
      });
    await merge(batch());
    let written = 0;
    const db = {
      prepare: (text: string) => env.DB.prepare(text),
      async batch(statements: D1PreparedStatement[]) {
        const results = await env.DB.batch(statements);
        for (const { meta } of results) written += meta.rows_written;
        return results;
      },
    } as unknown as D1Database;
    await mergeUsage(db, [batch()], NOON_MS);
    // Four of usage_daily, two of usage_totals, the note of the batch, and these five.
    expect(written).toBe(4 + 2 + 1 + 5);
  });
});

test.each([
  ['in the hour in which the batch was closed', '2026-11-22T09:59:59.999Z', day, '09'],
  ['of the day before in its last hour', '2026-11-23T00:00:04.000Z', day, '23'],
  [
    'of a day that the clock of a batch has not reached in its first',
    '2026-11-21T23:59:59Z',
    day,
    '00',
  ],
])('requests count %s', async (_, closedAt, ofDay, hour) => {
  await merge(aBatch({ counts: [['key_a', ofDay, 'allowed', 1]] }, Date.parse(closedAt)));
  expect(await read(all)).toMatchObject([{ day: ofDay, counts: { [`${hour} allowed`]: 1 } }]);
});

test('days are dropped after the retention, a bounded number in a run', async () => {
  for (const [ago, count] of [
    [0, 1],
    [89, 1],
    [91, 1],
  ] as const) {
    const then = NOON_MS - ago * DAY_MS;
    const thatDay = new Date(then).toISOString().slice(0, 10);
    await merge(aBatch({ counts: [['key_a', thatDay, 'allowed', count]] }, then));
  }
  await trimUsage(env.DB, { nowMs: NOON_MS, retentionDays: 90 });
  expect((await readUsageDays(env.DB, all, '2026-01-01')).map((found) => found.day)).toEqual([
    '2026-08-25',
    day,
  ]);
});

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

async function addKey(id: string, owner: string | null): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO keys (id, name, owner, kind, hint, created_at_ms) VALUES (?1, 'A key', ?2, 'backend', '', 1)`,
  )
    .bind(id, owner)
    .run();
}
