/**
 * Usage in D1: all SQL about usage is in this file, beside that of quotas and of the overview (`quotas.ts`,
 * `days.ts`).
 *
 * Batches are merged in one transaction with the note that they were, so each counts once however
 * often it comes. Rows go in as JSON, because a statement binds at most 100 values. The columns are
 * explained in `schema.sql`.
 */

import type { RejectionCode } from '../core/decide/rejection.ts';
import {
  batchIdFrom,
  type ClosedBatch,
  DAY_MS,
  dayOf,
  EXTRA_COST,
  type UsageOutcome,
} from './batch.ts';
import { dayStatement, trimDaysStatement } from './days.ts';
import {
  LAST_USE_STEP_MS,
  REFUSED_ORIGINS_PER_KEY,
  USAGE_BATCH_REMEMBERED_DAYS,
  USAGE_TRIMS_PER_RUN,
} from './limits.ts';
import { quotaEventStatements } from './quota-events.ts';
import { quotaStatements } from './quotas.ts';

/** Requests of one key on one day with one outcome. */
export interface DailyUsage {
  /** YYYY-MM-DD in UTC. */
  readonly day: string;
  readonly outcome: UsageOutcome;
  readonly requests: number;
  /** Those among them that came with a client token of the key. */
  readonly clientRequests: number;
}

/** An origin that a key refused. */
export interface RefusedOrigin {
  readonly origin: string;
  readonly code: RejectionCode;
  readonly lastAtMs: number;
  readonly count: number;
}

/** More outcomes than all versions of the Worker have. */
const TOTALS_MAX = 500;

/** The batches of ?1 that were not merged before, each opened once. */
const freshBatches = `
  WITH fresh AS MATERIALIZED (
    SELECT value AS batch FROM json_each(?1)
     WHERE NOT EXISTS (SELECT 1 FROM usage_batches WHERE batch_id = value ->> '$.id'))`;

const sql = {
  mergeCounts: `${freshBatches}
    INSERT INTO usage_daily (key_id, day, outcome, requests)
    SELECT row.value ->> 0, row.value ->> 1, row.value ->> 2, sum(row.value ->> 3)
      FROM fresh, json_each(fresh.batch, '$.counts') AS row
     WHERE true
     GROUP BY 1, 2, 3
    HAVING sum(row.value ->> 3) <> 0
        ON CONFLICT (key_id, day, outcome) DO UPDATE SET requests = requests + excluded.requests`,
  mergeClientCounts: `${freshBatches}
    INSERT INTO client_usage_daily (key_id, day, outcome, requests)
    SELECT row.value ->> 0, row.value ->> 1, row.value ->> 2, sum(row.value ->> 4)
      FROM fresh, json_each(fresh.batch, '$.counts') AS row
     WHERE row.value ->> 4 <> 0
     GROUP BY 1, 2, 3
        ON CONFLICT (key_id, day, outcome) DO UPDATE SET requests = requests + excluded.requests`,
  // Extra costs are no requests. On the right, "requests" is what it was before.
  mergeTotals: `${freshBatches}
    INSERT INTO usage_totals (outcome, requests, highest)
    SELECT row.value ->> 2, sum(row.value ->> 3), max(0, sum(row.value ->> 3))
      FROM fresh, json_each(fresh.batch, '$.counts') AS row
     WHERE row.value ->> 2 <> '${EXTRA_COST}'
     GROUP BY 1
    HAVING sum(row.value ->> 3) <> 0
        ON CONFLICT (outcome) DO UPDATE
       SET requests = requests + excluded.requests,
           highest = max(highest, requests + excluded.requests)`,
  // Once a minute for a key in constant use: with its index, it is two rows of the few that a merge writes.
  mergeLastUse: `${freshBatches},
    used AS (
      SELECT row.value ->> 0 AS key_id, max(row.value ->> 1) AS at_ms
        FROM fresh, json_each(fresh.batch, '$.used') AS row
       GROUP BY 1)
    UPDATE keys SET last_used_at_ms = used.at_ms
      FROM used
     WHERE keys.id = used.key_id
       AND (keys.last_used_at_ms IS NULL OR keys.last_used_at_ms < used.at_ms - ${LAST_USE_STEP_MS})`,
  // Beside max(), SQLite takes the other columns from the row that has the maximum.
  // https://www.sqlite.org/lang_select.html#bareagg
  mergeRefusedOrigins: `${freshBatches}
    INSERT INTO refused_origins (key_id, origin, code, last_at_ms, count)
    SELECT row.value ->> 0, row.value ->> 1, row.value ->> 2, max(row.value ->> 3),
           sum(row.value ->> 4)
      FROM fresh, json_each(fresh.batch, '$.origins') AS row
     WHERE true
     GROUP BY row.value ->> 0, row.value ->> 1
        ON CONFLICT (key_id, origin) DO UPDATE
       SET code = iif(excluded.last_at_ms >= last_at_ms, excluded.code, code),
           last_at_ms = max(last_at_ms, excluded.last_at_ms),
           count = count + excluded.count`,
  keepNewestRefusedOrigins: `${freshBatches}
    DELETE FROM refused_origins
     WHERE (key_id, origin) IN (
       SELECT key_id, origin
         FROM (SELECT key_id, origin,
                      row_number() OVER (PARTITION BY key_id
                                         ORDER BY last_at_ms DESC, origin) AS place
                 FROM refused_origins
                WHERE key_id IN (SELECT row.value ->> 0
                                   FROM fresh, json_each(fresh.batch, '$.origins') AS row))
        WHERE place > ?2)`,
  noteBatches: `
    INSERT OR IGNORE INTO usage_batches (batch_id, received_at_ms)
    SELECT value ->> '$.id', ?2 FROM json_each(?1)`,

  totals: `SELECT outcome, highest FROM usage_totals ORDER BY outcome LIMIT ${TOTALS_MAX}`,
  usageOfKey: `
    SELECT day, outcome, u.requests, max(ifnull(c.requests, 0), 0) AS clientRequests
      FROM usage_daily AS u LEFT JOIN client_usage_daily AS c USING (key_id, day, outcome)
     WHERE key_id = ?1 AND day >= ?2 AND u.requests > 0 AND outcome <> '${EXTRA_COST}'
     ORDER BY day, outcome`,
  usageOfKeys: `
    SELECT key_id, day, outcome, u.requests, max(ifnull(c.requests, 0), 0) AS clientRequests
      FROM json_each(?1) AS asked JOIN usage_daily AS u ON u.key_id = asked.value
      LEFT JOIN client_usage_daily AS c USING (key_id, day, outcome)
     WHERE day >= ?2 AND u.requests > 0 AND outcome <> '${EXTRA_COST}'
     ORDER BY key_id, day, outcome`,
  refusedOriginsOfKey: `
    SELECT origin, code, last_at_ms, count FROM refused_origins
     WHERE key_id = ?1 ORDER BY last_at_ms DESC, origin`,

  trimDays: `
    DELETE FROM usage_daily WHERE (key_id, day, outcome) IN (
      SELECT key_id, day, outcome FROM usage_daily WHERE day < ?1 LIMIT ?2)`,
  trimClientDays: `
    DELETE FROM client_usage_daily WHERE (key_id, day, outcome) IN (
      SELECT key_id, day, outcome FROM client_usage_daily WHERE day < ?1 LIMIT ?2)`,
  trimRefusedOrigins: `
    DELETE FROM refused_origins WHERE (key_id, origin) IN (
      SELECT key_id, origin FROM refused_origins WHERE last_at_ms < ?1 LIMIT ?2)`,
  trimBatches: `
    DELETE FROM usage_batches WHERE batch_id IN (
      SELECT batch_id FROM usage_batches WHERE batch_id < ?1 LIMIT ?2)`,
} as const;

/**
 * Merges batches, all of them or, when it rejects, none. Those that were merged before change
 * nothing. Returns how many were new, and how many events of quotas were written, if they are. Safe to repeat
 * when it is not known whether it worked.
 */
export async function mergeUsage(
  db: D1Database,
  batches: readonly ClosedBatch[],
  nowMs: number,
  { writesEvents = false }: { readonly writesEvents?: boolean } = {},
): Promise<{ readonly merged: number; readonly events: number }> {
  // Two of the same in one call would not see one another.
  const byId = new Map(batches.map((batch) => [batch.id, batch.text]));
  const json = `[${[...byId.values()].join(',')}]`;
  const events = writesEvents ? quotaEventStatements(db, json, nowMs) : [];
  const results = await db.batch([
    db.prepare(sql.mergeCounts).bind(json),
    db.prepare(sql.mergeClientCounts).bind(json),
    db.prepare(sql.mergeTotals).bind(json),
    db.prepare(sql.mergeLastUse).bind(json),
    db.prepare(sql.mergeRefusedOrigins).bind(json),
    db.prepare(sql.keepNewestRefusedOrigins).bind(json, REFUSED_ORIGINS_PER_KEY),
    dayStatement(db, json),
    ...quotaStatements(db, json, nowMs),
    ...events,
    // Last, because the statements before it ask which batches are new.
    db.prepare(sql.noteBatches).bind(json, nowMs),
  ]);
  // One statement follows them, so this is their second.
  const written = writesEvents ? results.at(-events.length)?.meta.changes : 0;
  return { merged: results.at(-1)?.meta.changes ?? 0, events: written ?? 0 };
}

/**
 * Requests by outcome, of all keys and days. No number ever falls. A number is ahead of the requests in
 * `usage_daily` if the upstream failed those that were counted as allowed, until as many follow.
 */
export async function readTotals(db: D1Database): Promise<ReadonlyMap<string, number>> {
  const { results } = await db
    .withSession('first-primary')
    .prepare(sql.totals)
    .all<{ outcome: string; highest: number }>();
  return new Map(results.map(({ outcome, highest }) => [outcome, highest]));
}

/** The usage of a key (or of `NO_KEY`, `UNATTRIBUTED`) from a day on, YYYY-MM-DD, oldest first. */
export async function readUsage(
  db: D1Database,
  keyId: string,
  sinceDay: string,
): Promise<readonly DailyUsage[]> {
  const { results } = await db.prepare(sql.usageOfKey).bind(keyId, sinceDay).all<DailyUsage>();
  return results;
}

/** The usage of several keys from a day on, by key, for lists. Keys without any are not in it. */
export async function readUsageOfKeys(
  db: D1Database,
  keyIds: readonly string[],
  sinceDay: string,
): Promise<ReadonlyMap<string, readonly DailyUsage[]>> {
  const { results } = await db
    .prepare(sql.usageOfKeys)
    .bind(JSON.stringify(keyIds), sinceDay)
    .all<DailyUsage & { key_id: string }>();
  const byKey = new Map<string, DailyUsage[]>();
  for (const { key_id, ...usage } of results) {
    const list = byKey.get(key_id);
    if (list) list.push(usage);
    else byKey.set(key_id, [usage]);
  }
  return byKey;
}

/** Returns the origins that a key rejected recently, newest first, at most `REFUSED_ORIGINS_PER_KEY`. */
export async function readRefusedOrigins(
  db: D1Database,
  keyId: string,
): Promise<readonly RefusedOrigin[]> {
  const { results } = await db
    .prepare(sql.refusedOriginsOfKey)
    .bind(keyId)
    .all<{ origin: string; code: RejectionCode; last_at_ms: number; count: number }>();
  return results.map(({ last_at_ms, ...row }) => ({ ...row, lastAtMs: last_at_ms }));
}

/**
 * Drops usage and refused origins older than `retentionDays`, and the notes of old batches: a bounded
 * number at once.
 */
export async function trimUsage(
  db: D1Database,
  options: { readonly nowMs: number; readonly retentionDays: number },
): Promise<void> {
  const { nowMs, retentionDays } = options;
  const keptFromMs = nowMs - retentionDays * DAY_MS;
  await db.batch([
    db.prepare(sql.trimDays).bind(dayOf(keptFromMs), USAGE_TRIMS_PER_RUN),
    db.prepare(sql.trimClientDays).bind(dayOf(keptFromMs), USAGE_TRIMS_PER_RUN),
    trimDaysStatement(db, options),
    db.prepare(sql.trimRefusedOrigins).bind(keptFromMs, USAGE_TRIMS_PER_RUN),
    db
      .prepare(sql.trimBatches)
      .bind(batchIdFrom(nowMs - USAGE_BATCH_REMEMBERED_DAYS * DAY_MS), USAGE_TRIMS_PER_RUN),
  ]);
}
