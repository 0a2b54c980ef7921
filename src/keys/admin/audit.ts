/**
 * The audit: who changed what, when. A line is written in the batch of its change.
 */

import { conditions, isUnchanged } from './rows.ts';
import type { AuditAction, AuditLine, AuditLog, ChangeNote, ManagedKey } from './types.ts';

const sql = {
  insert: `
    INSERT INTO audit (at_ms, actor, action, key_id, owner, before, after, request_id, leak_url)
    SELECT ?3, ?4, ?5, ?1, ?6, ?7, ?8, ?9, ?10 WHERE ${isUnchanged}`,
  lines: `
    SELECT id, at_ms, actor, action, key_id, before, after, request_id, leak_url FROM audit`,
} as const;

interface AuditRow {
  id: number;
  at_ms: number;
  actor: string;
  action: AuditAction;
  key_id: string;
  before: string | null;
  after: string | null;
  request_id: string;
  leak_url: string | null;
}

/** The audit in this D1. */
export function createAuditLog(db: D1Database): AuditLog {
  return {
    async list({ owner, keyId, beforeId, limit }) {
      const { where, values } = conditions([
        ['owner = ?', owner],
        ['key_id = ?', keyId],
        ['id < ?', beforeId],
      ]);
      const { results } = await db
        .withSession('first-primary')
        .prepare(`${sql.lines} ${where} ORDER BY id DESC LIMIT ?`)
        .bind(...values, limit)
        .all<AuditRow>();
      return results.map(toAuditLine);
    },
  };
}

/** The line of a change, provided that the key still has the version that the change was made from. */
export function auditStatement(
  db: D1Database,
  action: AuditAction,
  { id, version, owner }: Pick<ManagedKey, 'id' | 'version' | 'owner'>,
  note: ChangeNote,
): D1PreparedStatement {
  return db
    .prepare(sql.insert)
    .bind(
      id,
      version,
      note.atMs,
      note.actor,
      action,
      owner,
      note.before,
      note.after,
      note.requestId,
      note.leakUrl ?? null,
    );
}

function toAuditLine(row: AuditRow): AuditLine {
  return {
    id: row.id,
    atMs: row.at_ms,
    actor: row.actor,
    action: row.action,
    keyId: row.key_id,
    before: row.before,
    after: row.after,
    requestId: row.request_id,
    leakUrl: row.leak_url,
  };
}
