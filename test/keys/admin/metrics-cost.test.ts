/** The rows that one answer of the metrics reads among 60,000 keys, as D1 counts and bills them. */

import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { createEventStore } from '../../../src/events/store.ts';
import { COUNTED_MAX, createKeyCounts } from '../../../src/keys/admin/key-counts.ts';
import { readTotals } from '../../../src/usage/d1.ts';
import { countRowsRead } from '../../support/rows-read.ts';
import { applySchema } from '../../support/workers.ts';

const KEYS = 60_000;
const NOW = Date.UTC(2030, 0, 1);
const counted = countRowsRead(env.DB);

beforeAll(async () => {
  await applySchema();
  const numbers = `
    WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ${KEYS})`;
  await env.DB.batch(
    [
      // 12,000 of each state.
      `INSERT INTO keys (id, name, kind, hint, created_at_ms, expires_at_ms, enabled, suspended,
                         revoked_at_ms)
       ${numbers}
       SELECT 'key_' || n, '', 'backend', '', n, iif(n % 5 = 1, n, NULL), n % 5 <> 2, n % 5 = 3,
              iif(n % 5 = 4, n, NULL) FROM number`,
      `INSERT INTO replica_writes ${numbers} SELECT 'token ' || n, n, n FROM number WHERE n <= 50000`,
      `INSERT INTO changes (pattern, changed_at_ms) ${numbers} SELECT '*', n FROM number
        WHERE n <= 50000`,
      `INSERT INTO events (event_id, key_id, number, type, at_ms, data, state)
       ${numbers} SELECT 'evt_' || n, 'key_' || n, 1, '', n, '{}', iif(n % 2, 'waiting', 'failed')
         FROM number WHERE n <= 50000`,
      `INSERT INTO usage_totals ${numbers} SELECT 'denied:' || n, n, n FROM number WHERE n <= 60`,
      `INSERT INTO usage_daily ${numbers} SELECT 'key_' || n, '2029-12-31', 'allowed', 1 FROM number`,
    ].map((statement) => env.DB.prepare(statement)),
  );
}, 120_000);

describe('the metrics among 60,000 keys', () => {
  test('read at most 10,000 rows for each count of keys and copies', async () => {
    counted.reset();
    const counts = await createKeyCounts(counted.db).count(NOW);
    expect(counts.isExact).toBe(false);
    expect(counts.byState).toMatchObject({ disabled: COUNTED_MAX, expired: COUNTED_MAX });
    expect(counts.byState).toMatchObject({ revoked: COUNTED_MAX, live: COUNTED_MAX / 4 });
    expect(counts).toMatchObject({ dueCopies: COUNTED_MAX, newestChangeAtMs: 50_000 });
    expect(counted.rows()).toBeGreaterThan(5 * COUNTED_MAX - 1);
    expect(counted.rows()).toBeLessThanOrEqual(5 * COUNTED_MAX + 10);
  });

  test('read at most 20,000 rows for the events', async () => {
    counted.reset();
    const undelivered = await createEventStore(counted.db).undelivered();
    expect(undelivered).toEqual({ waiting: COUNTED_MAX, failed: COUNTED_MAX });
    expect(counted.rows()).toBeLessThanOrEqual(2 * COUNTED_MAX + 10);
  });

  test('read the totals of requests, and not the usage of keys', async () => {
    counted.reset();
    expect((await readTotals(counted.db)).size).toBe(60);
    expect(counted.rows()).toBeLessThanOrEqual(61);
  });
});
