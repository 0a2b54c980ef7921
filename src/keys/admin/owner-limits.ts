/**
 * The limits of an owner who signs in: a number of changes per minute, and a number of live keys.
 *
 * Both are counted in D1, in the batch of the change itself, so that requests that arrive together cannot
 * pass together. A change beyond a limit violates a constraint of `owner_changes`, which undoes the batch.
 * The operator's changes are not counted.
 */

import { isUnchanged } from './rows.ts';
import type { ChangeNote, ManagedKey, OwnerLimits } from './types.ts';

/** Lines of the change log that count as one more change: each makes every isolate work. */
const LINES_PER_CHANGE = 10;
const WINDOW_MS = 60 * 1000;

const sql = {
  dropOld: `DELETE FROM owner_changes WHERE owner = ?1 AND at_ms <= ?2`,
  // ?6: lines of the log but those of tokens that the key has; ?8: keys that come alive.
  count: `
    INSERT INTO owner_changes (owner, at_ms, request_id, changes, changes_in_minute, changes_allowed,
                               live_keys, live_keys_allowed)
    SELECT ?3, ?4, ?5, own.changes,
           own.changes + (SELECT coalesce(sum(c.changes), 0) FROM owner_changes AS c
                           WHERE c.owner = ?3 AND c.at_ms > ?4 - ${WINDOW_MS}),
           ?7,
           iif(?8 = 0, 0, ?8 + (SELECT count(*) FROM (
             SELECT 1 FROM keys
              WHERE owner = ?3 AND revoked_at_ms IS NULL
                AND (expires_at_ms IS NULL OR expires_at_ms > ?4) LIMIT ?9))),
           ?9
      FROM (SELECT 1 + (CAST(?6 AS INTEGER) + (SELECT count(*) FROM tokens
                               WHERE key_id = ?1 AND (expires_at_ms IS NULL OR expires_at_ms > ?4))
                       ) / ${LINES_PER_CHANGE} AS changes) AS own
     WHERE ?1 IS NULL OR ${isUnchanged}
        ON CONFLICT (owner, at_ms, request_id) DO UPDATE
       SET changes = changes + excluded.changes,
           changes_in_minute = excluded.changes_in_minute,
           live_keys = excluded.live_keys`,
  recent: `
    SELECT at_ms, changes FROM owner_changes WHERE owner = ?1 AND at_ms > ?2 ORDER BY at_ms`,
} as const;

/** A change that its owner's limits do not allow. Nothing of it was written. */
export class OwnerLimitError extends Error {
  override readonly name = 'OwnerLimitError';
  readonly limit: 'changes' | 'keys';
  constructor(limit: 'changes' | 'keys') {
    super(`Cannot make the change: the owner has no ${limit} left`);
    this.limit = limit;
  }
}

/** The limits of owners in this D1. */
export function createOwnerLimits(db: D1Database): OwnerLimits {
  return {
    async retryAfterMs(owner, changesPerMinute, nowMs) {
      const { results } = await db
        .withSession('first-primary')
        .prepare(sql.recent)
        .bind(owner, nowMs - WINDOW_MS)
        .all<{ at_ms: number; changes: number }>();
      let left = results.reduce((sum, { changes }) => sum + changes, 0);
      // A single change fits again once the oldest of the others have left the minute.
      for (const { at_ms, changes } of results) {
        left -= changes;
        if (left < changesPerMinute) return Math.max(0, at_ms + WINDOW_MS - nowMs);
      }
      return 0;
    },
  };
}

/**
 * Counts a change against the limits of its owner. Has to precede the statements that change the key.
 * `key`: the key that is changed; `null`: new ones are added. `lines`: how many lines of the log it writes,
 * except for tokens that the key has already. `adds`: how many keys come alive by it.
 */
export function ownerLimitStatements(
  db: D1Database,
  key: Pick<ManagedKey, 'id' | 'version'> | null,
  { quota, atMs, requestId }: Pick<ChangeNote, 'quota' | 'atMs' | 'requestId'>,
  { lines, adds }: { readonly lines: number; readonly adds: number },
): readonly D1PreparedStatement[] {
  if (!quota) return [];
  const { owner, changesPerMinute, liveKeys } = quota;
  return [
    db.prepare(sql.dropOld).bind(owner, atMs - WINDOW_MS),
    db
      .prepare(sql.count)
      .bind(
        key?.id ?? null,
        key?.version ?? null,
        owner,
        atMs,
        requestId,
        lines,
        changesPerMinute,
        adds,
        liveKeys,
      ),
  ];
}

/** Runs a batch. Rejects with an `OwnerLimitError` where the owner's limits undo it. */
export async function batchWithinLimits<Row>(
  session: D1DatabaseSession,
  statements: D1PreparedStatement[],
): Promise<D1Result<Row>[]> {
  try {
    return await session.batch<Row>(statements);
  } catch (error) {
    const text = String(error);
    if (text.includes('owner_changes_a_minute')) throw new OwnerLimitError('changes');
    if (text.includes('owner_live_keys')) throw new OwnerLimitError('keys');
    throw error;
  }
}
