/** The pace of bulk changes on a real D1, whose clock decides. */

import { env } from 'cloudflare:workers';
import { beforeEach, expect, test } from 'vitest';
import { createBulkPace } from '../../../src/keys/admin/bulk-pace.ts';
import { freshStorage } from '../../support/workers.ts';

const pace = createBulkPace(env.DB);
/** Reserves time for so many lines. */
const reserve = (patterns: number) =>
  pace.reserve({ keyId: 'key_none', patterns, nowMs: Date.now(), linesPerSecond: 100 });
const untilMs = async () =>
  Number(
    await env.DB.prepare(`SELECT value FROM settings WHERE name = 'bulk_lines_until_ms'`).first(
      'value',
    ),
  );

beforeEach(async () => {
  await freshStorage();
});

test('changes at the same time get one time after the other', async () => {
  const waits = await Promise.all(Array.from({ length: 4 }, () => reserve(800)));
  // Each takes eight seconds, less what passed in between.
  const inOrder = waits.map(Number).toSorted((left, right) => left - right);
  for (const [index, waitMs] of inOrder.entries()) {
    expect(waitMs).toBeLessThanOrEqual(index * 8_000);
    expect(waitMs).toBeGreaterThanOrEqual(Math.max(0, index * 8_000 - 7_000));
  }
});

test('no change waits for longer than half a minute, and what would reserves nothing', async () => {
  expect(await reserve(4_500)).toBe(0);
  const before = await untilMs();
  expect(await reserve(1)).toBeNull();
  expect(await untilMs()).toBe(before);
});

test('the tokens of the key count as lines, those that have ended do not', async () => {
  const nowMs = Date.now();
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO keys (id, name, kind, hint, created_at_ms) VALUES ('key_a', 'a', 'backend', 'h', 0)`,
    ),
    ...[null, nowMs + 60_000, nowMs - 120_000].map((endMs, index) =>
      env.DB.prepare(
        `INSERT INTO tokens (token_hash, key_id, created_at_ms, expires_at_ms) VALUES (?, 'key_a', 0, ?)`,
      ).bind(`hash-${index}`, endMs),
    ),
  ]);
  const startMs = Date.now();
  expect(await pace.reserve({ keyId: 'key_a', patterns: 3, nowMs, linesPerSecond: 1 })).toBe(0);
  const until = await untilMs();
  expect(until).toBeGreaterThanOrEqual(startMs + 5_000 - 5);
  expect(until).toBeLessThanOrEqual(Date.now() + 5_000);
});

test('a time that no wait explains is forgotten: a clock was wrong', async () => {
  await env.DB.prepare(`INSERT INTO settings (name, value) VALUES ('bulk_lines_until_ms', ?)`)
    .bind(String(Date.now() + 3_600_000))
    .run();
  expect(await reserve(10)).toBe(0);
  expect(await untilMs()).toBeLessThan(Date.now() + 60_000);
});
