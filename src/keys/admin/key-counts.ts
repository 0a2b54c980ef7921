/**
 * Counts of keys and of copies that KV is due, for metrics.
 *
 * Each part reads at most `COUNTED_MAX` rows of an index, however many keys there are. Totals that changes
 * keep up to date would be exact for more. They would also be wrong for good after an older version of the
 * Worker, which does not know them, changed a key.
 */

import type { KeyCountReads, KeyCounts } from './types.ts';

/** The most rows that one part of a count reads. */
export const COUNTED_MAX = 10_000;

// A key counts once: under the first of revoked, suspended, disabled, expired and live that applies.
const sql = {
  unrevoked: `
    SELECT count(*) AS scanned, coalesce(sum(suspended), 0) AS suspended,
           coalesce(sum(suspended = 0 AND enabled = 1
                        AND (expires_at_ms IS NULL OR expires_at_ms > ?1)), 0) AS live
      FROM (SELECT suspended, enabled, expires_at_ms FROM keys INDEXED BY keys_by_age
             WHERE revoked_at_ms IS NULL ORDER BY created_at_ms DESC, id DESC LIMIT ?2)`,
  disabled: `
    SELECT count(*) AS scanned, coalesce(sum(suspended = 0), 0) AS disabled
      FROM (SELECT suspended FROM keys INDEXED BY keys_disabled
             WHERE revoked_at_ms IS NULL AND enabled = 0 LIMIT ?1)`,
  expired: `
    SELECT count(*) AS scanned, coalesce(sum(suspended = 0 AND enabled = 1), 0) AS expired
      FROM (SELECT suspended, enabled FROM keys INDEXED BY keys_by_expiry
             WHERE revoked_at_ms IS NULL AND expires_at_ms <= ?1 LIMIT ?2)`,
  revoked: `
    SELECT count(*) AS scanned, count(*) AS revoked
      FROM (SELECT 1 FROM keys INDEXED BY keys_by_revocation
             WHERE revoked_at_ms IS NOT NULL LIMIT ?1)`,
  dueCopies: `SELECT count(*) AS due FROM (SELECT 1 FROM replica_writes LIMIT ?1)`,
  newestChange: `SELECT changed_at_ms AS at_ms FROM changes ORDER BY seq DESC LIMIT 1`,
} as const;

/** Counts in this D1. */
export function createKeyCounts(db: D1Database): KeyCountReads {
  return {
    async count(nowMs): Promise<KeyCounts> {
      const session = db.withSession('first-primary');
      const one = async (statement: string, ...values: readonly number[]) =>
        (await session
          .prepare(statement)
          .bind(...values)
          .first<Record<string, number>>()) ?? {};
      const [unrevoked, disabled, expired, revoked, copies, change] = await Promise.all([
        one(sql.unrevoked, nowMs, COUNTED_MAX),
        one(sql.disabled, COUNTED_MAX),
        one(sql.expired, nowMs, COUNTED_MAX),
        one(sql.revoked, COUNTED_MAX),
        one(sql.dueCopies, COUNTED_MAX),
        one(sql.newestChange),
      ]);
      const parts = [unrevoked, disabled, expired, revoked];
      return {
        byState: {
          live: unrevoked['live'] ?? 0,
          disabled: disabled['disabled'] ?? 0,
          suspended: unrevoked['suspended'] ?? 0,
          expired: expired['expired'] ?? 0,
          revoked: revoked['revoked'] ?? 0,
        },
        isExact: parts.every(({ scanned = 0 }) => scanned < COUNTED_MAX),
        dueCopies: copies['due'] ?? 0,
        newestChangeAtMs: change['at_ms'] ?? null,
      };
    },
  };
}
