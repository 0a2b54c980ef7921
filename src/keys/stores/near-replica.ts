/**
 * Look-ups in a read replica of D1 near the Worker, for a fresh copy of a key without the way to the
 * primary. https://developers.cloudflare.com/d1/best-practices/read-replication/
 *
 * A replica may be behind by any amount, so nothing here may be read as the change log: an isolate
 * would take a replica that is behind for a D1 that was restored.
 */

import { FEED_WINDOW_LINES } from '../limits.ts';
import type { LogPosition, NearReplica } from '../types.ts';
import { recordStatements, toRecords } from './d1.ts';

const sql = {
  // Up to a bounded number of later lines. A replica with more of them counts as naming everything.
  position: `
    SELECT newest.seq, newest.mark,
           (SELECT mark FROM changes WHERE seq = ?1) AS mark_at_head,
           newest.seq > ?1 + ${FEED_WINDOW_LINES} OR EXISTS (
             SELECT 1 FROM changes
              WHERE seq > ?1 AND seq <= ?1 + ${FEED_WINDOW_LINES}
                AND (token_hash IN (SELECT value FROM json_each(?2))
                     OR token_hash = (SELECT token_hash FROM minting_tokens WHERE kid = ?4)
                     OR pattern IN (SELECT value FROM json_each(?3)))) AS is_named
      FROM (SELECT seq, mark FROM changes ORDER BY seq DESC LIMIT 1) AS newest`,
} as const;

interface PositionRow {
  seq: number;
  mark: number;
  mark_at_head: number | null;
  is_named: number;
}

/** The nearest instance of this D1. All statements of a read run on one instance, in one transaction. */
export function createNearReplica(db: D1Database): NearReplica {
  return {
    async read(request) {
      const { head, tokenHash, patterns, kid } = request;
      const tokens = JSON.stringify(tokenHash === undefined ? [] : [tokenHash]);
      const position = db
        .prepare(sql.position)
        .bind(head.seq, tokens, JSON.stringify(patterns ?? []), kid ?? null);
      const results = await db
        .withSession('first-unconstrained')
        .batch([position, ...recordStatements(db, request)]);
      const [at, ...records] = results;
      return {
        ...toRecords(request, records),
        at: positionOf(at?.results[0] as PositionRow | undefined, head),
        // Absent outside Cloudflare, where there is no replica either.
        isFromPrimary: at?.meta.served_by_primary !== false,
      };
    },
  };
}

function positionOf(row: PositionRow | undefined, head: LogPosition): LogPosition {
  if (row === undefined) return { seq: 0, mark: 0 };
  const isTrueAtHead = row.mark_at_head === head.mark && row.is_named === 0;
  return isTrueAtHead ? head : { seq: row.seq, mark: row.mark };
}
