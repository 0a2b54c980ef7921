/** The rows that a list of events reads, as D1 counts and bills them. */

import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { createEventStore, type EventState } from '../../src/events/store.ts';
import { countRowsRead } from '../support/rows-read.ts';
import { applySchema } from '../support/workers.ts';

const EVENTS = 30_000;
const LIMIT = 50;
const counted = countRowsRead(env.DB);

beforeAll(async () => {
  await applySchema();
  // The oldest were given up, the next wait, and those since then were delivered.
  await env.DB.prepare(`
    WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ${EVENTS})
    INSERT INTO events (event_id, key_id, number, type, at_ms, data, state)
    SELECT 'evt_' || n, 'key_' || (n % 1000), n / 1000 + 1, '', n, '{}',
           iif(n <= 500, 'failed', iif(n <= 1000, 'waiting', 'delivered')) FROM number`).run();
}, 60_000);

test.each([
  ['failed', null, null],
  ['waiting', null, null],
  ['delivered', null, null],
  [null, null, null],
  ['failed', null, 400],
  ['waiting', null, 900],
  [null, null, 20_000],
] as const)(
  'a page of the state %j and the key %j before %j reads what it shows',
  async (...asked) => {
    await expectRows(asked, LIMIT);
  },
);

test.each([
  ['failed', 'key_7', null],
  [null, 'key_7', null],
  ['waiting', 'key_7', 900],
] as const)(
  'a page of the state %j and the key %j before %j reads the events of the key',
  async (...asked) => {
    await expectRows(asked, EVENTS / 1000);
  },
);

async function expectRows(
  [state, keyId, beforeId]: readonly [EventState | null, string | null, number | null],
  most: number,
): Promise<void> {
  counted.reset();
  const events = await createEventStore(counted.db).list({ state, keyId, beforeId, limit: LIMIT });
  expect(events.every((event) => state === null || event.state === state)).toBe(true);
  // A row is read in its index and in its table, and sorted once.
  expect(counted.rows()).toBeLessThanOrEqual(3 * most + 10);
}
