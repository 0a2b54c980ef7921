/**
 * Sessions that their holder has signed out of, kept in D1 until their cookies have expired.
 *
 * A session's cookie is proof of itself. Only a sign-out is not visible in it.
 */

import { TRIMS_PER_RUN } from '../../../keys/limits.ts';

/** Remembers which sessions are over. Rejects when D1 cannot be reached. */
export interface EndedSessions {
  /** Ends a session whose cookies expire at this time at the latest. */
  end(sessionId: string, untilMs: number): Promise<void>;
  isEnded(sessionId: string): Promise<boolean>;
}

const sql = {
  end: `INSERT OR IGNORE INTO ended_sessions (id, until_ms) VALUES (?1, ?2)`,
  // An expired cookie is refused anyway, so rows do not pile up here.
  forget: `
    DELETE FROM ended_sessions WHERE id IN (
      SELECT id FROM ended_sessions WHERE until_ms < ?1 LIMIT ?2)`,
  find: `SELECT 1 FROM ended_sessions WHERE id = ?1`,
} as const;

/** The ended sessions in this D1. Ids are kept as they are: without a signature they open nothing. */
export function createEndedSessions(db: D1Database, now: () => number): EndedSessions {
  // A replica may lag behind.
  const primary = () => db.withSession('first-primary');
  return {
    async end(sessionId, untilMs) {
      await primary().batch([
        db.prepare(sql.forget).bind(now(), TRIMS_PER_RUN),
        db.prepare(sql.end).bind(sessionId, untilMs),
      ]);
    },
    async isEnded(sessionId) {
      return (await primary().prepare(sql.find).bind(sessionId).first()) !== null;
    },
  };
}

/** Forgets sessions whose cookies have expired, a bounded number at once, as each end of one does. */
export async function trimEndedSessions(db: D1Database, nowMs: number): Promise<void> {
  await db.prepare(sql.forget).bind(nowMs, TRIMS_PER_RUN).run();
}
