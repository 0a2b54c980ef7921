/** Merging, reading and trimming usage in the real D1. */

import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { DAY_MS, type UsageRow, writeBatches } from '../../src/usage/batch.ts';
import {
  mergeUsage,
  readRefusedOrigins,
  readTotals,
  readUsage,
  readUsageOfKeys,
  trimUsage,
} from '../../src/usage/d1.ts';
import {
  LAST_USE_STEP_MS,
  USAGE_BATCH_MAX_BYTES,
  USAGE_MERGE_MAX_BYTES,
} from '../../src/usage/limits.ts';
import { applySchema, freshStorage } from '../support/workers.ts';
import { aBatch, countedInD1, NOON_MS } from './fixtures.ts';

const day = '2026-11-22';
const merge = (...batches: ReturnType<typeof aBatch>[]) => mergeUsage(env.DB, batches, NOON_MS);

beforeEach(async () => {
  await freshStorage();
});

describe('a merge that fails', () => {
  it('changes nothing at all, and counts once when it is repeated', async () => {
    const batch = aBatch({
      counts: [['key_a', day, 'allowed', 3]],
      origins: [['key_a', 'https://a.example', 'origin_not_allowed', NOON_MS, 1]],
    });
    await env.DB.prepare('DROP TABLE refused_origins').run();
    await expect(merge(batch)).rejects.toThrow();
    expect(await countedInD1()).toEqual({});
    expect(await readTotals(env.DB)).toEqual(new Map());
    expect(await env.DB.prepare('SELECT * FROM usage_batches').all()).toMatchObject({
      results: [],
    });

    await applySchema();
    expect(await merge(batch)).toEqual({ merged: 1, events: 0 });
    expect(await merge(batch)).toEqual({ merged: 0, events: 0 });
    expect(await countedInD1()).toEqual({ [`key_a ${day} allowed`]: 3 });
    expect(await readTotals(env.DB)).toEqual(new Map([['allowed', 3]]));
  });
});

describe('batches', () => {
  it('count once when they come twice, at once or later, alone or among others', async () => {
    const first = aBatch({ counts: [['key_a', day, 'allowed', 3]] });
    const second = aBatch({ counts: [['key_a', day, 'allowed', 10]] });
    expect(await merge(first, first)).toEqual({ merged: 1, events: 0 });
    expect(await merge(first)).toEqual({ merged: 0, events: 0 });
    expect(await merge(second, first)).toEqual({ merged: 1, events: 0 });
    expect(await merge(first, second, first)).toEqual({ merged: 0, events: 0 });
    expect(await countedInD1()).toEqual({ [`key_a ${day} allowed`]: 13 });
  });

  it('add up the requests of client tokens beside those of their key', async () => {
    await merge(
      aBatch({
        counts: [
          ['key_a', day, 'allowed', 3, 2],
          ['key_a', day, 'denied:route_not_allowed', 1],
        ],
      }),
      aBatch({ counts: [['key_a', day, 'allowed', 4]] }),
    );
    await merge(aBatch({ counts: [['key_a', day, 'allowed', 1, 1]] }));
    const expected = [
      { day, outcome: 'allowed', requests: 8, clientRequests: 3 },
      { day, outcome: 'denied:route_not_allowed', requests: 1, clientRequests: 0 },
    ];
    expect(await readUsage(env.DB, 'key_a', day)).toEqual(expected);
    const [[, ofKey] = []] = await readUsageOfKeys(env.DB, ['key_a'], day);
    expect(ofKey).toEqual(expected);
  });

  it('count once when they are merged several times at the same time', async () => {
    const batches = Array.from({ length: 10 }, () =>
      aBatch({ counts: [['key_a', day, 'allowed', 1]] }),
    );
    await Promise.all(Array.from({ length: 5 }, () => merge(...batches)));
    expect(await countedInD1()).toEqual({ [`key_a ${day} allowed`]: 10 });
  });

  it('come to the same in any order, also those that take requests back', async () => {
    const batches = [
      aBatch({ counts: [['key_a', day, 'allowed', 1]], used: [['key_a', NOON_MS + 5]] }),
      aBatch({
        counts: [
          ['key_a', day, 'allowed', -1],
          ['key_a', day, 'upstream_error:upstream_timeout', 1],
        ],
        used: [['key_a', NOON_MS + 1]],
      }),
      aBatch({ counts: [['key_a', '2026-11-21', 'allowed', 2]], used: [['key_a', NOON_MS]] }),
    ];
    for (const order of [
      [0, 1, 2],
      [1, 0, 2],
      [2, 1, 0],
    ]) {
      await freshStorage();
      await addKey('key_a');
      for (const index of order) await merge(batches[index]!);
      expect(await readUsage(env.DB, 'key_a', '2026-01-01')).toEqual([
        { day: '2026-11-21', outcome: 'allowed', requests: 2, clientRequests: 0 },
        { day, outcome: 'upstream_error:upstream_timeout', requests: 1, clientRequests: 0 },
      ]);
      // Later uses within a minute of the one that was merged first are left out.
      expect(await lastUseOf('key_a')).toBeGreaterThanOrEqual(NOON_MS);
      expect(await lastUseOf('key_a')).toBeLessThanOrEqual(NOON_MS + 5);
    }
  });

  it('of the largest size are merged ten at a time', async () => {
    const rows = function* (): Generator<UsageRow> {
      for (let i = 0; ; i++) {
        yield [
          'counts',
          [`key_${String(i).padStart(22, '0')}`, day, 'denied:origin_not_allowed', i + 1],
        ];
        yield [
          'origins',
          [`key_${i % 50}`, `https://${'a'.repeat(60)}${i}.example`, 'origin_not_allowed', i, 1],
        ];
      }
    };
    const some = function* (count: number) {
      let left = count;
      for (const row of rows()) {
        if (left-- === 0) return;
        yield row;
      }
    };
    const batches = writeBatches(some(13_000), {
      nowMs: NOON_MS,
      newId: () => crypto.randomUUID(),
    });
    const group = batches.slice(0, 10);
    for (const { text } of group) {
      expect(text.length).toBeGreaterThan(USAGE_BATCH_MAX_BYTES * 0.99);
      expect(text.length).toBeLessThanOrEqual(USAGE_BATCH_MAX_BYTES);
      expect(new TextEncoder().encode(text)).toHaveLength(text.length);
    }
    const bytes = group.reduce((sum, { text }) => sum + text.length, 0);
    expect(bytes).toBeGreaterThan(USAGE_MERGE_MAX_BYTES * 0.99);
    expect(await merge(...group)).toEqual({ merged: 10, events: 0 });
    expect(Object.keys(await countedInD1()).length).toBeGreaterThan(3_000);
    expect(await readRefusedOrigins(env.DB, 'key_7')).toHaveLength(20);
  });
});

describe('last use', () => {
  it('is never moved back, and of keys alone', async () => {
    await addKey('key_a');
    await addKey('key_b');
    expect(await lastUseOf('key_a')).toBeNull();
    await merge(aBatch({ counts: [['key_a', day, 'denied:invalid_key', 1]] }));
    expect(await lastUseOf('key_a')).toBeNull();
    await merge(
      aBatch({ used: [['key_a', NOON_MS]] }),
      aBatch({
        used: [
          ['key_a', NOON_MS + 2],
          ['key_gone', NOON_MS],
        ],
      }),
    );
    await merge(aBatch({ used: [['key_a', NOON_MS + 1]] }));
    expect(await lastUseOf('key_a')).toBe(NOON_MS + 2);
    expect(await lastUseOf('key_b')).toBeNull();
  });

  it('is written once a minute, however often the key is used', async () => {
    await addKey('key_a');
    for (const [usedAtMs, written] of [
      [NOON_MS, NOON_MS],
      [NOON_MS + 5_000, NOON_MS],
      [NOON_MS + LAST_USE_STEP_MS, NOON_MS],
      [NOON_MS + LAST_USE_STEP_MS + 1, NOON_MS + LAST_USE_STEP_MS + 1],
      [NOON_MS + LAST_USE_STEP_MS + 2, NOON_MS + LAST_USE_STEP_MS + 1],
    ] as const) {
      await merge(aBatch({ used: [['key_a', usedAtMs]] }));
      expect(await lastUseOf('key_a')).toBe(written);
    }
  });
});

describe('refused origins', () => {
  const refused = (origin: string, atMs: number, count = 1, code = 'origin_not_allowed') =>
    ['key_a', `https://${origin}.example`, code, atMs, count] as [
      string,
      string,
      string,
      number,
      number,
    ];

  it('are the 20 newest of each key, and keys do not push out one another', async () => {
    await merge(aBatch({ origins: [['key_b', 'https://b.example', 'cors_not_enabled', 1, 4]] }));
    await merge(
      aBatch({ origins: Array.from({ length: 15 }, (_, i) => refused(`early-${i}`, 100 + i)) }),
      aBatch({ origins: Array.from({ length: 15 }, (_, i) => refused(`late-${i}`, 200 + i)) }),
    );
    // Older than all there are: comes too late to be kept.
    await merge(aBatch({ origins: [refused('oldest', 50)] }));
    const kept = await readRefusedOrigins(env.DB, 'key_a');
    expect(kept.map(({ origin }) => origin)).toEqual([
      ...Array.from({ length: 15 }, (_, i) => `https://late-${14 - i}.example`),
      ...Array.from({ length: 5 }, (_, i) => `https://early-${14 - i}.example`),
    ]);
    expect(await readRefusedOrigins(env.DB, 'key_b')).toEqual([
      { origin: 'https://b.example', code: 'cors_not_enabled', lastAtMs: 1, count: 4 },
    ]);
    expect(await readRefusedOrigins(env.DB, 'key_c')).toEqual([]);
  });

  it('add up, and keep the newest time and code in any order', async () => {
    const older = aBatch({ origins: [refused('a', 100, 2, 'cors_not_enabled')] });
    const newer = aBatch({ origins: [refused('a', 200, 3, 'origin_not_allowed')] });
    for (const order of [
      [[older], [newer]],
      [[newer], [older]],
      [[older, newer]],
      [[newer, older]],
    ]) {
      await env.DB.batch([
        env.DB.prepare('DELETE FROM refused_origins'),
        env.DB.prepare('DELETE FROM usage_batches'),
      ]);
      for (const batches of order) await merge(...batches);
      expect(await readRefusedOrigins(env.DB, 'key_a')).toEqual([
        { origin: 'https://a.example', code: 'origin_not_allowed', lastAtMs: 200, count: 5 },
      ]);
    }
  });
});

describe('reading', () => {
  it('answers for the asked keys and days alone, oldest first', async () => {
    await merge(
      aBatch({
        counts: [
          ['key_a', '2026-11-22', 'denied:invalid_key', 1],
          ['key_a', '2026-11-22', 'allowed', 4],
          ['key_a', '2026-11-20', 'allowed', 2],
          ['key_a', '2026-11-19', 'allowed', 8],
          ['key_b', '2026-11-21', 'allowed', 16],
          ['key_c', '2026-11-21', 'allowed', 32],
          // Taken back before the batch that counted it: not to be seen.
          ['key_a', '2026-11-21', 'allowed', -1],
        ],
      }),
    );
    const ofKeyA = [
      { day: '2026-11-20', outcome: 'allowed', requests: 2, clientRequests: 0 },
      { day: '2026-11-22', outcome: 'allowed', requests: 4, clientRequests: 0 },
      { day: '2026-11-22', outcome: 'denied:invalid_key', requests: 1, clientRequests: 0 },
    ];
    expect(await readUsage(env.DB, 'key_a', '2026-11-20')).toEqual(ofKeyA);
    expect(await readUsage(env.DB, 'key_a', '2026-11-23')).toEqual([]);
    expect(await readUsage(env.DB, 'key_x', '2026-11-20')).toEqual([]);

    // More keys than a statement can bind.
    const asked = ['key_a', 'key_b', ...Array.from({ length: 200 }, (_, i) => `key_${i}`)];
    expect([...(await readUsageOfKeys(env.DB, asked, '2026-11-20'))]).toEqual([
      ['key_a', ofKeyA],
      ['key_b', [{ day: '2026-11-21', outcome: 'allowed', requests: 16, clientRequests: 0 }]],
    ]);
    expect((await readUsageOfKeys(env.DB, [], '2026-11-20')).size).toBe(0);
  });
});

describe('trimming', () => {
  it('drops days past the retention and batches past their memory, and nothing else', async () => {
    const counts = ['2025-10-17', '2025-10-18', '2025-10-19', day].map(
      (on) => ['key_a', on, 'allowed', 1] as [string, string, string, number],
    );
    const old = aBatch({ counts }, NOON_MS - 7 * DAY_MS - 1);
    const young = aBatch({}, NOON_MS - 7 * DAY_MS);
    await merge(old, young);
    await trimUsage(env.DB, { nowMs: NOON_MS, retentionDays: 400 });
    expect(Object.keys(await countedInD1())).toEqual([
      'key_a 2025-10-18 allowed',
      'key_a 2025-10-19 allowed',
      `key_a ${day} allowed`,
    ]);
    const { results } = await env.DB.prepare('SELECT batch_id FROM usage_batches').all();
    expect(results).toEqual([{ batch_id: young.id }]);
  });

  it('removes a bounded number at a time, and ends', async () => {
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
       INSERT INTO usage_daily SELECT 'key_' || i, '2020-01-01', 'allowed', 1 FROM n`,
    ).run();
    const left: number[] = [];
    for (let run = 0; run < 3; run++) {
      await trimUsage(env.DB, { nowMs: NOON_MS, retentionDays: 1 });
      left.push(Object.keys(await countedInD1()).length);
    }
    expect(left).toEqual([7_000, 2_000, 0]);
  });
});

test('no statement walks through a whole table', async () => {
  const explained: string[] = [];
  const explaining = {
    prepare: (statement: string) => ({
      bind: (...values: unknown[]) => {
        const all = async () => {
          const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${statement}`)
            .bind(...values)
            .all<{ detail: string }>();
          explained.push(...results.map(({ detail }) => detail));
          return { results: [] };
        };
        return { all };
      },
    }),
    batch: async (statements: readonly { all: () => Promise<object> }[]) => {
      for (const statement of statements) await statement.all();
      return [];
    },
  } as unknown as D1Database;

  await mergeUsage(explaining, [aBatch()], NOON_MS);
  await readUsage(explaining, 'key_a', day);
  await readUsageOfKeys(explaining, ['key_a'], day);
  await readRefusedOrigins(explaining, 'key_a');
  await trimUsage(explaining, { nowMs: NOON_MS, retentionDays: 1 });
  const ofOurs = explained.filter((detail) => /usage_|refused_origins|keys/.test(detail));
  expect(ofOurs.length).toBeGreaterThan(10);
  expect(ofOurs.filter((detail) => !detail.startsWith('SEARCH '))).toEqual([]);
});

async function addKey(id: string): Promise<void> {
  await env.DB.prepare(
    "INSERT INTO keys (id, name, kind, hint, created_at_ms) VALUES (?, 'a key', 'backend', 'ea', 1)",
  )
    .bind(id)
    .run();
}

async function lastUseOf(keyId: string): Promise<number | null> {
  const row = await env.DB.prepare('SELECT last_used_at_ms FROM keys WHERE id = ?')
    .bind(keyId)
    .first<{ last_used_at_ms: number | null }>();
  return row?.last_used_at_ms ?? null;
}
