/**
 * The pace of bulk changes: all calls together, in every isolate, write a bounded number of lines of the
 * change log in a second, so that isolates keep their window of it.
 *
 * A row of `settings` holds the time until which lines are spoken for. One statement moves it and returns
 * the wait, so that changes get times one after the other in the order of D1. D1's clock alone decides.
 */

import { CLOCK_MARGIN_MS } from './rows.ts';
import type { BulkPace } from './types.ts';

/** The longest wait that is handed out. Later callers have to come back. */
const WAIT_MAX_MS = 30 * 1000;
/** A time further ahead than waits and a change's own lines explain is one of a clock that moved back. */
const AHEAD_MAX_MS = 2 * WAIT_MAX_MS;

// ?1: key, ?2: lines beyond its tokens, ?3: tokens that end later are alive, ?4: milliseconds for a line.
const reserve = `
  INSERT INTO settings (name, value)
  SELECT 'bulk_lines_until_ms', CAST(start_ms + ms AS TEXT)
    FROM (SELECT now_ms, ms,
                 iif(until_ms BETWEEN now_ms AND now_ms + ${AHEAD_MAX_MS}, until_ms, now_ms) AS start_ms
            FROM (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now_ms,
                         (SELECT CAST(value AS INTEGER) FROM settings
                           WHERE name = 'bulk_lines_until_ms') AS until_ms,
                         ?4 * (?2 + (SELECT count(*) FROM tokens
                                      WHERE key_id = ?1
                                        AND (expires_at_ms IS NULL OR expires_at_ms > ?3))) AS ms))
   WHERE start_ms - now_ms <= ${WAIT_MAX_MS}
      ON CONFLICT (name) DO UPDATE SET value = excluded.value
  RETURNING CAST(value AS INTEGER) - CAST(unixepoch('subsec') * 1000 AS INTEGER)
            - ?4 * (?2 + (SELECT count(*) FROM tokens
                           WHERE key_id = ?1
                             AND (expires_at_ms IS NULL OR expires_at_ms > ?3))) AS wait_ms`;

/** The pace of bulk changes in this D1. */
export function createBulkPace(db: D1Database): BulkPace {
  return {
    async reserve({ keyId, patterns, nowMs, linesPerSecond }) {
      const row = await db
        .withSession('first-primary')
        .prepare(reserve)
        .bind(keyId, patterns, nowMs - CLOCK_MARGIN_MS, 1000 / linesPerSecond)
        .first<{ wait_ms: number }>();
      return row && Math.max(0, row.wait_ms);
    },
  };
}
