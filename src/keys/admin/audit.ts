/**
 * The audit: who changed what, when. A line is written in the batch of its change.
 */

import { CLOCK_MARGIN_MS, isUnchanged } from './rows.ts';
import type {
  AuditAction,
  AuditFilter,
  AuditLine,
  AuditLog,
  ChangeNote,
  ManagedKey,
} from './types.ts';
import { all, joined, readWindow, type Sql, sql } from './windows.ts';

/** Lines that one page reads at most, to find what the filters leave and to find where it ended. */
const WINDOW_LINES = 2_400;

const insert = `
    INSERT INTO audit (at_ms, actor, action, key_id, owner, before, after, request_id, leak_url)
    SELECT ?3, ?4, ?5, ?1, ?6, ?7, ?8, ?9, ?10 WHERE ${isUnchanged}`;

/** After the last line that is older than a time: one row of an index. */
const afterOlder = `
  id > coalesce((SELECT id FROM audit INDEXED BY audit_by_time
                  WHERE at_ms < ? ORDER BY at_ms DESC, id DESC LIMIT 1), 0)`;
/** Before the first line that is not older than a time. */
const beforeYounger = `
  id < coalesce((SELECT id FROM audit INDEXED BY audit_by_time
                  WHERE at_ms >= ? ORDER BY at_ms, id LIMIT 1), ${Number.MAX_SAFE_INTEGER})`;

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
    async list({ filter, beforeId, limit }) {
      const { bounds, filters } = conditionsOf(filter);
      const { rows, last } = await readWindow<AuditRow, number>(db.withSession('first-primary'), {
        source: joined(
          [
            sql(`SELECT * FROM audit ${indexOf(filter)} WHERE`),
            all([...bounds, ...(beforeId === null ? [] : [sql('id < ?', beforeId)])]),
            sql('ORDER BY id DESC'),
          ],
          ' ',
        ),
        filters,
        columns: sql('id, at_ms, actor, action, key_id, before, after, request_id, leak_url'),
        place: 'id',
        placeOf: ({ id }) => id,
        limit,
        window: WINDOW_LINES,
      });
      return { lines: rows.map(toAuditLine), next: last };
    },
  };
}

function indexOf({ keyId, owner }: AuditFilter): string {
  if (keyId !== null) return 'INDEXED BY audit_by_key';
  return owner === null ? 'NOT INDEXED' : 'INDEXED BY audit_by_owner';
}

/** The part of a filter that bounds what is read of an index, and the part that leaves out lines of it. */
function conditionsOf({ owner, keyId, actor, action, sinceMs, untilMs }: AuditFilter): {
  readonly bounds: readonly Sql[];
  readonly filters: readonly Sql[];
} {
  const bounds: Sql[] = [];
  const filters: Sql[] = [];
  if (keyId !== null) bounds.push(sql('key_id = ?', keyId));
  if (owner !== null) (keyId === null ? bounds : filters).push(sql('owner = ?', owner));
  if (actor !== null) filters.push(sql('actor = ?', actor));
  if (action !== null) filters.push(sql('action = ?', action));
  // Clocks differ, so that a line may be a little younger than its successor.
  if (sinceMs !== null) {
    bounds.push(sql(afterOlder, sinceMs - CLOCK_MARGIN_MS));
    filters.push(sql('at_ms >= ?', sinceMs));
  }
  if (untilMs !== null) {
    bounds.push(sql(beforeYounger, untilMs + CLOCK_MARGIN_MS));
    filters.push(sql('at_ms < ?', untilMs));
  }
  return { bounds, filters };
}

/** The line of a change, provided that the key still has the version that the change was made from. */
export function auditStatement(
  db: D1Database,
  action: AuditAction,
  { id, version, owner }: Pick<ManagedKey, 'id' | 'version' | 'owner'>,
  note: ChangeNote,
): D1PreparedStatement {
  return db
    .prepare(insert)
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
