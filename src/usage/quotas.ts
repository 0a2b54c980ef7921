/**
 * Quotas in D1. The SQL of their events is in `quota-events.ts`.
 *
 * The use of a key in a period is the sum of its allowed requests and of their extra cost in `usage_daily`.
 * A key that has used up its quota gets the time of renewal in the transaction that merges the batch, with a
 * line of the change log for each of its live tokens. So isolates learn it like any other change.
 */

import type { Quota } from '../core/key/key.ts';
import { periodAt } from '../core/quota.ts';
import { EXTRA_COST } from './batch.ts';

/** A token that ended so recently that an isolate with a slow clock may still accept it counts as live. */
const CLOCK_MARGIN_MS = 60 * 1000;

/** The use of a key since a day. Rows of a key and a period are next to each other in the primary key. */
export const useOf = (keyId: string, firstDay: string) => `
  (SELECT coalesce(sum(requests), 0) FROM usage_daily
    WHERE key_id = ${keyId} AND day >= ${firstDay} AND outcome IN ('allowed', '${EXTRA_COST}'))`;

/** The ids of the keys in the batches in ?1. */
export const keysOfBatches = `
  SELECT row.value ->> 0
    FROM json_each(?1) AS batch, json_each(batch.value, '$.counts') AS row`;

/**
 * The keys of the batches in ?1 whose quota is used up, and when it renews. ?2 and ?3: the first day and the
 * end of the present day; ?4 and ?5: those of the present month.
 */
const usedUp = `
  WITH used_up AS (
    SELECT id, iif(quota_period = 'day', ?3, ?5) AS renews_at_ms
      FROM keys
     WHERE id IN (${keysOfBatches})
       AND quota_requests IS NOT NULL AND revoked_at_ms IS NULL
       AND coalesce(quota_renews_at_ms, 0) < iif(quota_period = 'day', ?3, ?5)
       AND ${useOf('keys.id', "iif(quota_period = 'day', ?2, ?4)")} >= quota_requests)`;

const liveTokens = `
  SELECT t.token_hash FROM used_up JOIN tokens AS t ON t.key_id = used_up.id
   WHERE t.expires_at_ms IS NULL OR t.expires_at_ms > ?6 - ${CLOCK_MARGIN_MS}`;

const sql = {
  logTokens: `${usedUp}
    INSERT INTO changes (token_hash, changed_at_ms) SELECT token_hash, ?6 FROM (${liveTokens})`,
  dueTokens: `${usedUp}
    INSERT INTO replica_writes (token_hash, due_seq, due_at_ms)
    SELECT token_hash, (SELECT max(seq) FROM changes), ?6 FROM (${liveTokens}) WHERE true
        ON CONFLICT (token_hash) DO UPDATE
       SET due_seq = excluded.due_seq, due_at_ms = excluded.due_at_ms`,
  // Last, because the statements before it ask which keys are not marked yet.
  markKeys: `${usedUp}
    UPDATE keys SET quota_renews_at_ms = used_up.renews_at_ms FROM used_up
     WHERE keys.id = used_up.id`,
  use: `SELECT ${useOf('?1', '?2')} AS used`,
} as const;

/** The first day and the end of the present day and month, as the statements of a merge bind them. */
export function periodsAt(nowMs: number): readonly (string | number)[] {
  const day = periodAt('day', nowMs);
  const month = periodAt('month', nowMs);
  return [day.firstDay, day.endMs, month.firstDay, month.endMs];
}

/** The statements that follow the counts of a merge, in its transaction. `batches` is a JSON array. */
export function quotaStatements(
  db: D1Database,
  batches: string,
  nowMs: number,
): readonly D1PreparedStatement[] {
  const periods = periodsAt(nowMs);
  return [
    db.prepare(sql.logTokens).bind(batches, ...periods, nowMs),
    db.prepare(sql.dueTokens).bind(batches, ...periods, nowMs),
    db.prepare(sql.markKeys).bind(batches, ...periods),
  ];
}

/** Returns how much of a quota a key has used in the present period, as far as it was merged. */
export async function readQuotaUse(
  db: D1Database,
  keyId: string,
  period: Quota['period'],
  nowMs: number,
): Promise<number> {
  const { firstDay } = periodAt(period, nowMs);
  const row = await db.prepare(sql.use).bind(keyId, firstDay).first<{ used: number }>();
  // Below zero for a moment, if failures of the upstream are merged before their requests.
  return Math.max(0, row?.used ?? 0);
}
