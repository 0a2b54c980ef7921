/**
 * Events of changes, written in the batch of each change.
 *
 * An event is made of the line that the change leaves in the audit. Each batch collects the lines after a
 * bookmark, its own among them. So a change of an older version of the Worker is collected by the next
 * batch or by the scheduled run, and none is collected twice. The audit holds no token. The columns are
 * explained in `schema.sql`; `src/events` delivers the rows.
 */

import type { ChangeNote } from './types.ts';

/** Returns the statements that collect events; they come after the audit line of the change. */
export type CollectEvents = (
  note: Pick<ChangeNote, 'atMs' | 'requestId'>,
) => readonly D1PreparedStatement[];

/** Lines of the audit that one batch collects. An import has 1,000. */
export const LINES_PER_COLLECTION = 2_000;
/** Older lines are of a time without events, and are passed over. */
const COLLECTED_MS = 24 * 60 * 60 * 1000;
/** The newest lines that are searched for the first line of all. */
const FIRST_SEARCH_LINES = 2 * LINES_PER_COLLECTION;

/** The last collected line. The first batch of all begins with its own lines: ?1 is its request. */
const bookmark = `
  coalesce((SELECT audit_id FROM event_bookmarks WHERE name = 'audit'),
           (SELECT min(id) - 1 FROM audit
             WHERE id > (SELECT max(id) FROM audit) - ${FIRST_SEARCH_LINES} AND request_id = ?1),
           (SELECT max(id) FROM audit), 0)`;

const sql = {
  // A leak that revokes its key is two events, the reason first.
  collect: `
    WITH lines AS MATERIALIZED (
           SELECT * FROM audit WHERE id > ${bookmark} ORDER BY id LIMIT ${LINES_PER_COLLECTION}),
         named AS (
           SELECT lines.*, part,
                  CASE WHEN part = 1 OR action = 'leak' THEN 'key.leaked'
                       WHEN action IN ('create', 'import') THEN 'key.created'
                       WHEN action = 'edit' THEN 'key.edited'
                       WHEN action = 'roll' THEN 'key.rolled'
                       ELSE 'key.revoked' END AS type
             FROM lines JOIN (SELECT 1 AS part UNION ALL SELECT 2)
               ON part = 2 OR (action = 'revoke'
                               AND (leak_url IS NOT NULL OR actor = 'github secret scanning'))
            WHERE at_ms > ?2),
         placed AS (
           SELECT *, row_number() OVER (PARTITION BY key_id ORDER BY id, part) AS place FROM named)
    INSERT INTO events (event_id, key_id, owner, number, type, at_ms, data, audit_id, due_at_ms, due_since_ms)
    SELECT 'evt_' || lower(hex(randomblob(16))), key_id, owner,
           place + coalesce((SELECT last_number FROM event_numbers
                              WHERE event_numbers.key_id = placed.key_id), 0),
           type, at_ms,
           json_object('key', json(coalesce(after, before)), 'before', json(before),
                       'actor', actor, 'requestId', request_id, 'leakUrl', leak_url),
           id,
           CASE WHEN isFree THEN ?3 END, CASE WHEN isFree THEN ?3 END
      FROM (SELECT placed.*,
                   place = 1 AND NOT EXISTS (SELECT 1 FROM events
                                              WHERE events.key_id = placed.key_id
                                                AND state = 'waiting') AS isFree
              FROM placed) AS placed
     ORDER BY id, part`,
  countNumbers: `
    INSERT INTO event_numbers (key_id, last_number)
    SELECT key_id, max(number) FROM events WHERE audit_id > ${bookmark} GROUP BY key_id
        ON CONFLICT (key_id) DO UPDATE SET last_number = max(last_number, excluded.last_number)`,
  moveBookmark: `
    INSERT INTO event_bookmarks (name, audit_id)
    SELECT 'audit', last FROM (
      SELECT max(id) AS last FROM (
        SELECT id FROM audit WHERE id > ${bookmark} ORDER BY id LIMIT ${LINES_PER_COLLECTION}))
     WHERE last IS NOT NULL
        ON CONFLICT (name) DO UPDATE SET audit_id = excluded.audit_id`,
} as const;

/** Collects events into this D1. */
export function createCollectEvents(db: D1Database): CollectEvents {
  return ({ atMs, requestId }) => [
    db.prepare(sql.collect).bind(requestId, atMs - COLLECTED_MS, atMs),
    db.prepare(sql.countNumbers).bind(requestId),
    db.prepare(sql.moveBookmark).bind(requestId),
  ];
}

/** No events: they are not configured. */
export const collectNoEvents: CollectEvents = () => [];
