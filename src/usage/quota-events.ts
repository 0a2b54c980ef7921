/**
 * Events of quotas in D1: `quota.warning` at 80 percent of a quota, and `quota.exceeded`. They are written in
 * the transaction that merges the usage which reached them, each once in a period.
 *
 * A row of `key_notices` holds the period that a key was last reported for. Within the transaction it is
 * negative from the statement that finds the report due to the one that follows its event. So the use of a key
 * is added up once for all of them. `src/events` delivers the events.
 */

import { QUOTA_WARNING_PERCENT, quotaNotices } from '../core/quota.ts';
import { keysOfBatches, periodsAt, useOf } from './quotas.ts';

const [warning, exceeded] = quotaNotices;
const renewsAt = "iif(quota_period = 'day', ?3, ?5)";
const firstDay = "iif(quota_period = 'day', ?2, ?4)";
const isDue = `
  key_id IN (${keysOfBatches}) AND notice IN ('${warning}', '${exceeded}') AND about_ms < 0`;

const sql = {
  // A key that was reported as exceeded has nothing more to report in the period.
  find: `
    WITH candidates AS MATERIALIZED (
           SELECT id, quota_requests, ${renewsAt} AS renews_at_ms, ${useOf('keys.id', firstDay)} AS used
             FROM keys
            WHERE id IN (${keysOfBatches})
              AND quota_requests IS NOT NULL AND revoked_at_ms IS NULL
              AND NOT EXISTS (SELECT 1 FROM key_notices
                               WHERE key_id = keys.id AND notice = '${exceeded}'
                                 AND about_ms = ${renewsAt})),
         notices (notice, percent) AS (
           VALUES ('${warning}', ${QUOTA_WARNING_PERCENT}), ('${exceeded}', 100))
    INSERT INTO key_notices (key_id, notice, about_ms)
    SELECT id, notice, -renews_at_ms FROM candidates JOIN notices
     WHERE used * 100 >= quota_requests * percent
        ON CONFLICT (key_id, notice) DO UPDATE SET about_ms = excluded.about_ms
     WHERE about_ms <> -excluded.about_ms`,
  // The warning first.
  write: `
    WITH due AS (
           SELECT n.key_id, n.notice AS type, -n.about_ms AS renews_at_ms, k.owner,
                  k.quota_requests, k.quota_period, ${useOf('k.id', firstDay)} AS used,
                  row_number() OVER (PARTITION BY n.key_id ORDER BY n.notice = '${exceeded}') AS turn
             FROM key_notices AS n JOIN keys AS k ON k.id = n.key_id
            WHERE ${isDue})
    INSERT INTO events (event_id, key_id, owner, number, type, at_ms, data, due_at_ms, due_since_ms)
    SELECT 'evt_' || lower(hex(randomblob(16))), key_id, owner,
           turn + coalesce((SELECT last_number FROM event_numbers
                             WHERE event_numbers.key_id = due.key_id), 0),
           type, ?6,
           json_object('quota', json_object('requests', quota_requests, 'period', quota_period),
                       'used', used,
                       'renewsAt', strftime('%Y-%m-%dT%H:%M:%fZ', renews_at_ms / 1000.0, 'unixepoch')),
           CASE WHEN isFree THEN ?6 END, CASE WHEN isFree THEN ?6 END
      FROM (SELECT due.*, turn = 1 AND NOT EXISTS (
                     SELECT 1 FROM events
                      WHERE events.key_id = due.key_id AND state = 'waiting') AS isFree
              FROM due) AS due
     ORDER BY key_id, turn`,
  count: `
    INSERT INTO event_numbers (key_id, last_number)
    SELECT key_id, count(*) FROM key_notices WHERE ${isDue} GROUP BY key_id
        ON CONFLICT (key_id) DO UPDATE SET last_number = last_number + excluded.last_number`,
  settle: `UPDATE key_notices SET about_ms = -about_ms WHERE ${isDue}`,
} as const;

/**
 * Returns the statements that follow the counts of a merge, in its transaction. `batches` is a JSON array. The
 * second one changes a row for each event.
 */
export function quotaEventStatements(
  db: D1Database,
  batches: string,
  nowMs: number,
): readonly D1PreparedStatement[] {
  const periods = periodsAt(nowMs);
  return [
    db.prepare(sql.find).bind(batches, ...periods),
    db.prepare(sql.write).bind(batches, ...periods, nowMs),
    db.prepare(sql.count).bind(batches),
    db.prepare(sql.settle).bind(batches),
  ];
}
