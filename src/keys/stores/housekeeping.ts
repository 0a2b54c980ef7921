/**
 * House-keeping: what the scheduled run drops from D1 of keys, the change log, the audit and kept
 * answers. A bounded number of rows a run, found by an index, so that a run with nothing to do reads
 * a handful. The columns are explained in `schema.sql`.
 *
 * Nothing that goes changes what a caller gets. A token without a row is refused as a revoked or an
 * expired one is, so no line of the log tells of it, and copies in KV may outlive the row.
 */

import { FEED_MEMORY_LINES, KEY_TRIMS_PER_RUN, TRIMS_PER_RUN } from '../limits.ts';

/** How long what has ended is kept, in days. */
export interface Retention {
  /** Keys after they were revoked or expired, and tokens after a roll ended them. */
  readonly keyDays: number;
  readonly changeDays: number;
  readonly auditDays: number;
}

const MINUTE_MS = 60 * 1000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Keys that ended before ?1, at most ?2 of each kind. A disabled key has not ended. */
const endedKeys = `
  SELECT id FROM (SELECT id FROM keys WHERE revoked_at_ms < ?1
                   ORDER BY revoked_at_ms, id LIMIT ?2)
   UNION ALL
  SELECT id FROM (SELECT id FROM keys WHERE revoked_at_ms IS NULL AND expires_at_ms < ?1
                   ORDER BY expires_at_ms, id LIMIT ?2)`;

const sql = {
  dropOriginsOfEndedKeys: `DELETE FROM origins WHERE key_id IN (${endedKeys})`,
  dropTokensOfEndedKeys: `DELETE FROM tokens WHERE key_id IN (${endedKeys})`,
  dropNoticesOfEndedKeys: `DELETE FROM key_notices WHERE key_id IN (${endedKeys})`,
  dropNumbersOfEndedKeys: `DELETE FROM event_numbers WHERE key_id IN (${endedKeys})`,
  dropEndedKeys: `DELETE FROM keys WHERE id IN (${endedKeys})`,
  dropEndedTokens: `
    DELETE FROM tokens WHERE token_hash IN (
      SELECT token_hash FROM tokens WHERE expires_at_ms < ?1 ORDER BY expires_at_ms LIMIT ?2)`,

  // Always a beginning of the log, up to the first line that stays. A poll from a line that is still
  // there misses no later line, and a poll from a removed line notices that. Clocks differ, so an old line
  // may follow a young one, and then waits for it. The first line alone decides if there is anything to
  // do: in LIMIT, because in WHERE every line would be asked.
  dropOldChanges: `
    WITH oldest AS MATERIALIZED (
      SELECT seq, changed_at_ms FROM changes
       WHERE seq <= (SELECT max(seq) FROM changes) - ?3
       ORDER BY seq
       LIMIT iif((SELECT changed_at_ms FROM changes ORDER BY seq LIMIT 1) < ?1, ?2, 0))
    DELETE FROM changes
     WHERE seq <= (SELECT max(seq) FROM oldest)
       AND seq < coalesce((SELECT min(seq) FROM oldest WHERE changed_at_ms >= ?1), ?4)`,
  dropOldAudit: `
    DELETE FROM audit WHERE id IN (
      SELECT id FROM (
        SELECT id, at_ms FROM audit ORDER BY id
         LIMIT iif((SELECT at_ms FROM audit ORDER BY id LIMIT 1) < ?1, ?2, 0))
       WHERE at_ms < ?1)`,
  forgetImported: `
    UPDATE tokens SET imported = 0 WHERE token_hash IN (
      SELECT token_hash FROM tokens
       WHERE imported = 1 AND expires_at_ms < ?1 ORDER BY expires_at_ms LIMIT ?2)`,
  dropOwnerChanges: `
    DELETE FROM owner_changes WHERE (owner, at_ms, request_id) IN (
      SELECT owner, at_ms, request_id FROM owner_changes WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)`,
  dropExpiredAnswers: `
    DELETE FROM idempotency WHERE (caller, key_hash) IN (
      SELECT caller, key_hash FROM idempotency WHERE expires_at_ms <= ?1 LIMIT ?2)`,
} as const;

/**
 * Drops what ended longer ago than it is kept: up to `KEY_TRIMS_PER_RUN` revoked and as many expired
 * keys with their tokens and origins, and up to `TRIMS_PER_RUN` rows of everything else. Returns how
 * many rows it read and dropped, as D1 counts them. Each part is a transaction of its own; rejects,
 * after all were tried, when one of them did.
 */
export async function runHousekeeping(
  db: D1Database,
  { nowMs, retention }: { readonly nowMs: number; readonly retention: Retention },
): Promise<{ readonly rowsRead: number; readonly rowsDropped: number }> {
  const keysBeforeMs = nowMs - retention.keyDays * DAY_MS;
  const parts = [
    // The key last: the others find theirs by it, and refer to it.
    [
      sql.dropOriginsOfEndedKeys,
      sql.dropTokensOfEndedKeys,
      sql.dropNoticesOfEndedKeys,
      sql.dropNumbersOfEndedKeys,
      sql.dropEndedKeys,
    ].map((statement) => db.prepare(statement).bind(keysBeforeMs, KEY_TRIMS_PER_RUN)),
    [db.prepare(sql.dropEndedTokens).bind(keysBeforeMs, TRIMS_PER_RUN)],
    [
      db
        .prepare(sql.dropOldChanges)
        .bind(
          nowMs - retention.changeDays * DAY_MS,
          TRIMS_PER_RUN,
          FEED_MEMORY_LINES,
          Number.MAX_SAFE_INTEGER,
        ),
    ],
    [db.prepare(sql.dropOldAudit).bind(nowMs - retention.auditDays * DAY_MS, TRIMS_PER_RUN)],
    [db.prepare(sql.dropExpiredAnswers).bind(nowMs, TRIMS_PER_RUN)],
    // A minute later than they end, for clocks that differ.
    [db.prepare(sql.forgetImported).bind(nowMs - MINUTE_MS, TRIMS_PER_RUN)],
    [db.prepare(sql.dropOwnerChanges).bind(nowMs - 2 * MINUTE_MS, TRIMS_PER_RUN)],
  ];
  const outcomes = await Promise.allSettled(parts.map((statements) => db.batch(statements)));
  let rowsRead = 0;
  let rowsDropped = 0;
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') throw outcome.reason;
    for (const { meta } of outcome.value) {
      rowsRead += meta.rows_read;
      rowsDropped += meta.changes;
    }
  }
  return { rowsRead, rowsDropped };
}
