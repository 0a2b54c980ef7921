/**
 * Portal links and sessions in D1. A link becomes a session once: one statement takes it, so that of two
 * requests at the same time one wins. The columns are explained in `schema.sql`.
 */

import { TRIMS_PER_RUN } from '../../keys/limits.ts';

/** A link that was made. */
export interface NewPortalLink {
  readonly linkHash: string;
  readonly owner: string;
  readonly returnUrl: string;
  readonly createdBy: string;
  readonly expiresAtMs: number;
  readonly sessionSeconds: number;
}

/** A link, or the session that it became. */
export interface PortalRow {
  readonly linkHash: string;
  readonly owner: string;
  readonly returnUrl: string;
  readonly linkExpiresAtMs: number;
  /** `null`: the link was not used. */
  readonly sessionHash: string | null;
  /** `null`: the link was not used. */
  readonly sessionExpiresAtMs: number | null;
}

/** Keeps links and sessions. Rejects when D1 cannot be reached. */
export interface PortalStore {
  add(link: NewPortalLink): Promise<void>;
  /** The first link with one of these hashes; `null`: none has. */
  findLink(linkHashes: readonly string[]): Promise<PortalRow | null>;
  /** Makes a link a session. Returns whether it was neither used nor expired. */
  open(linkHash: string, sessionHash: string): Promise<boolean>;
  /** The sessions with these hashes, the one that lasts longest first. */
  findSessions(sessionHashes: readonly string[]): Promise<readonly PortalRow[]>;
  end(sessionHash: string): Promise<void>;
}

/** How long a row is kept after its end, so that its page still leads back. */
const KEPT_MS = 24 * 60 * 60 * 1000;

const columns = `link_hash AS linkHash, owner, return_url AS returnUrl,
  link_expires_at_ms AS linkExpiresAtMs, session_hash AS sessionHash,
  session_expires_at_ms AS sessionExpiresAtMs`;

const sql = {
  add: `
    INSERT INTO portal_sessions (link_hash, owner, return_url, created_by, session_seconds,
      link_expires_at_ms, forget_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
  findLink: `
    SELECT ${columns} FROM portal_sessions
     WHERE link_hash IN (SELECT value FROM json_each(?1)) LIMIT 1`,
  open: `
    UPDATE portal_sessions
       SET session_hash = ?2,
           session_expires_at_ms = ?3 + session_seconds * 1000,
           forget_at_ms = ?3 + session_seconds * 1000 + ?4
     WHERE link_hash = ?1 AND session_hash IS NULL AND link_expires_at_ms > ?3`,
  findSessions: `
    SELECT ${columns} FROM portal_sessions
     WHERE session_hash IN (SELECT value FROM json_each(?1))
     ORDER BY session_expires_at_ms DESC`,
  end: `
    UPDATE portal_sessions SET session_expires_at_ms = min(session_expires_at_ms, ?2)
     WHERE session_hash = ?1`,
  forget: `
    DELETE FROM portal_sessions WHERE link_hash IN (
      SELECT link_hash FROM portal_sessions WHERE forget_at_ms < ?1 ORDER BY forget_at_ms LIMIT ?2)`,
} as const;

/** The links and sessions in this D1. */
export function createPortalStore(db: D1Database, now: () => number): PortalStore {
  // A replica may lag behind.
  const primary = () => db.withSession('first-primary');
  return {
    async add(link) {
      const { linkHash, owner, returnUrl, createdBy, sessionSeconds, expiresAtMs } = link;
      await primary()
        .prepare(sql.add)
        .bind(
          linkHash,
          owner,
          returnUrl,
          createdBy,
          sessionSeconds,
          expiresAtMs,
          expiresAtMs + KEPT_MS,
        )
        .run();
    },
    findLink: (hashes) =>
      primary().prepare(sql.findLink).bind(JSON.stringify(hashes)).first<PortalRow>(),
    async open(linkHash, sessionHash) {
      const { meta } = await primary()
        .prepare(sql.open)
        .bind(linkHash, sessionHash, now(), KEPT_MS)
        .run();
      return meta.changes > 0;
    },
    async findSessions(hashes) {
      const found = primary().prepare(sql.findSessions).bind(JSON.stringify(hashes));
      return (await found.all<PortalRow>()).results;
    },
    async end(sessionHash) {
      await primary().prepare(sql.end).bind(sessionHash, now()).run();
    },
  };
}

/** Forgets links and sessions that ended a day ago, a bounded number at once. */
export async function trimPortalSessions(db: D1Database, nowMs: number): Promise<void> {
  await db.prepare(sql.forget).bind(nowMs, TRIMS_PER_RUN).run();
}
