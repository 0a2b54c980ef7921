/**
 * Changes to keys.
 *
 * A change is one batch, which D1 runs as one transaction: the row, its tokens, the index of
 * origins, the lines of the change log, the copies that KV is due, the line of the audit. Every
 * statement checks the version that the change was made from, and the row itself is written
 * last, so that a change that came too late has no effect at all. The columns are explained in
 * `schema.sql`.
 */

import { isReportedAgain, quotaNotices } from '../../core/quota.ts';
import { auditStatement } from './audit.ts';
import type { CollectEvents } from './event-outbox.ts';
import { answerStatements } from './kept-answers.ts';
import { batchWithinLimits, ownerLimitStatements } from './owner-limits.ts';
import {
  CLOCK_MARGIN_MS,
  changeableColumns,
  insertKeys,
  isUnchanged,
  keyColumns,
  NEVER_MS,
  patternsOf,
} from './rows.ts';
import type {
  AuditAction,
  Changed,
  ChangeNote,
  KeyChanges,
  ManagedKey,
  NewToken,
} from './types.ts';

const sql = {
  insertToken: `
    INSERT INTO tokens (token_hash, key_id, created_at_ms)
    SELECT ?3, ?1, ?4 WHERE ${isUnchanged}`,
  insertMinting: `
    INSERT INTO minting_tokens (kid, token_hash, public_key)
    SELECT ?4, ?3, ?5 WHERE ${isUnchanged}`,
  liveTokens: `
    SELECT token_hash FROM tokens
     WHERE key_id = ?1 AND (expires_at_ms IS NULL OR expires_at_ms > ?2)`,
  logTokens: `
    INSERT INTO changes (token_hash, changed_at_ms)
    SELECT token_hash, ?3 FROM tokens
     WHERE key_id = ?1 AND (expires_at_ms IS NULL OR expires_at_ms > ?4) AND ${isUnchanged}`,
  dueTokens: `
    INSERT INTO replica_writes (token_hash, due_seq, due_at_ms)
    SELECT token_hash, (SELECT max(seq) FROM changes), ?3 FROM tokens
     WHERE key_id = ?1 AND (expires_at_ms IS NULL OR expires_at_ms > ?4) AND ${isUnchanged}
        ON CONFLICT (token_hash) DO UPDATE
       SET due_seq = excluded.due_seq, due_at_ms = excluded.due_at_ms`,
  // A token whose grace from an earlier roll ends sooner keeps that end.
  endOlderTokens: `
    UPDATE tokens SET expires_at_ms = ?4, imported = iif(?4 <= ?5, 0, imported)
     WHERE key_id = ?1 AND token_hash <> ?3
       AND (expires_at_ms IS NULL OR expires_at_ms > ?4) AND ${isUnchanged}`,
  // Whether foreign tokens are looked up at all depends on those that are still imported.
  forgetImported: `
    UPDATE tokens SET imported = 0 WHERE key_id = ?1 AND imported = 1 AND ${isUnchanged}`,
  logPatterns: `
    INSERT INTO changes (pattern, changed_at_ms)
    SELECT value, ?4 FROM json_each(?3) WHERE ${isUnchanged}`,
  deleteOrigins: `
    DELETE FROM origins
     WHERE key_id = ?1 AND pattern IN (SELECT value FROM json_each(?3)) AND ${isUnchanged}`,
  insertOrigins: `
    INSERT INTO origins (pattern, expires_at_ms, key_id)
    SELECT value, ?4, ?1 FROM json_each(?3) WHERE ${isUnchanged}`,
  updateKey: `
    UPDATE keys SET ${changeableColumns.map((name) => `${name} = ?3 ->> '${name}'`).join(', ')},
                    -- Usage may have used the quota up since the edit read the key.
                    quota_renews_at_ms = iif(
                      quota_requests IS ?3 ->> 'quota_requests'
                        AND quota_period IS ?3 ->> 'quota_period',
                      quota_renews_at_ms, ?3 ->> 'quota_renews_at_ms'),
                    version = version + 1
     WHERE id = ?1 AND version = ?2 AND revoked_at_ms IS NULL`,
  forgetQuotaNotices: `
    DELETE FROM key_notices
     WHERE key_id = ?1 AND notice IN (SELECT value FROM json_each(?3)) AND ${isUnchanged}`,
  revokeKey: `
    UPDATE keys SET revoked_at_ms = ?3, updated_at_ms = ?3, version = version + 1
     WHERE id = ?1 AND version = ?2 AND revoked_at_ms IS NULL`,
} as const;

/** Changes to the keys in this D1. */
export function createKeyChanges(db: D1Database, collectEvents: CollectEvents): KeyChanges {
  const makeChange = (options: Omit<KeyChange, 'collect'>) =>
    change(db, { ...options, collect: collectEvents(options.note) });
  return {
    async insert(key, token, note) {
      const touched = touchedPatterns(null, key);
      const adds = Number(!isOver(key, note.atMs));
      await batchWithinLimits(db.withSession('first-primary'), [
        ...ownerLimitStatements(db, null, note, { lines: touched.length + 1, adds }),
        db.prepare(insertKeys).bind(JSON.stringify([keyColumns(key)])),
        ...newTokenStatements(db, key, token, note.atMs),
        ...originStatements(db, key, { touched, after: key, atMs: note.atMs }),
        ...tokenStatements(db, key, note.atMs),
        ...noteStatements(db, 'create', key, note),
        ...collectEvents(note),
      ]);
    },

    update: (before, after, note) =>
      makeChange({
        action: 'edit',
        before,
        after,
        note,
        last: [...reportAgain(db, before, after), updateStatement(db, before, after)],
      }),

    roll(before, after, token, note) {
      const { id, version } = before;
      return makeChange({
        action: 'roll',
        before,
        after,
        note,
        first: newTokenStatements(db, before, token, note.atMs),
        last: [
          // After the log, whose lines are about the tokens that were alive.
          db
            .prepare(sql.endOlderTokens)
            .bind(id, version, token.tokenHash, token.olderExpireAtMs, note.atMs),
          updateStatement(db, before, after),
        ],
      });
    },

    revoke: (before, note) =>
      makeChange({
        action: 'revoke',
        before,
        after: null,
        // It counts, and is never refused: a key can be revoked once.
        note: note.quota
          ? { ...note, quota: { ...note.quota, changesPerMinute: Number.MAX_SAFE_INTEGER } }
          : note,
        last: [
          db.prepare(sql.forgetImported).bind(before.id, before.version),
          db.prepare(sql.revokeKey).bind(before.id, before.version, note.atMs),
        ],
      }),
  };
}

/** One change to a key. */
interface KeyChange {
  readonly action: AuditAction;
  readonly before: ManagedKey;
  /** `null`: the key is gone. */
  readonly after: ManagedKey | null;
  readonly note: ChangeNote;
  readonly first?: readonly D1PreparedStatement[];
  /** After the line of the audit. */
  readonly collect: readonly D1PreparedStatement[];
  readonly last: readonly D1PreparedStatement[];
}

/**
 * Makes one change from the version of `before`: first what it does to tokens, last what it does to
 * the row, and in between all that follows from it.
 */
async function change(db: D1Database, options: KeyChange): Promise<Changed> {
  const { before, after, note } = options;
  const { atMs } = note;
  const touched = touchedPatterns(before, after);
  const adds = Number(after !== null && isOver(before, atMs) && !isOver(after, atMs));
  const statements = [
    ...ownerLimitStatements(db, before, note, { lines: touched.length, adds }),
    ...(options.first ?? []),
    ...originStatements(db, before, { touched, after, atMs }),
    ...tokenStatements(db, before, atMs),
  ];
  const liveTokens = statements.length;
  const results = await batchWithinLimits<{ token_hash: string }>(db.withSession('first-primary'), [
    ...statements,
    db.prepare(sql.liveTokens).bind(before.id, atMs - CLOCK_MARGIN_MS),
    ...noteStatements(db, options.action, before, note),
    ...options.collect,
    ...options.last,
  ]);
  if (results.at(-1)?.meta.changes !== 1) return null;
  return (results[liveTokens]?.results ?? []).map((row) => row.token_hash);
}

/** A key at the version that a change is made from. */
type KeyVersion = Pick<ManagedKey, 'id' | 'version'>;

/** Brings the rows of the patterns that a change touches in the index of origins to its new state. */
function originStatements(
  db: D1Database,
  { id, version }: KeyVersion,
  options: {
    readonly touched: readonly string[];
    readonly after: ManagedKey | null;
    readonly atMs: number;
  },
): readonly D1PreparedStatement[] {
  const { touched, after, atMs } = options;
  if (touched.length === 0) return [];
  const willBe = indexedPatterns(after);
  const patterns = JSON.stringify(touched);
  const inserted = JSON.stringify(touched.filter((pattern) => willBe.has(pattern)));
  return [
    db.prepare(sql.logPatterns).bind(id, version, patterns, atMs),
    db.prepare(sql.deleteOrigins).bind(id, version, patterns),
    db.prepare(sql.insertOrigins).bind(id, version, inserted, after?.expiresAtMs ?? NEVER_MS),
  ];
}

/** Tells isolates and KV that the key's tokens have another meaning now. */
function tokenStatements(
  db: D1Database,
  { id, version }: KeyVersion,
  atMs: number,
): readonly D1PreparedStatement[] {
  const liveAfterMs = atMs - CLOCK_MARGIN_MS;
  return [
    db.prepare(sql.logTokens).bind(id, version, atMs, liveAfterMs),
    db.prepare(sql.dueTokens).bind(id, version, atMs, liveAfterMs),
  ];
}

/** Adds a token, with its name if its holder may mint. */
function newTokenStatements(
  db: D1Database,
  { id, version }: KeyVersion,
  { tokenHash, minting }: NewToken,
  atMs: number,
): readonly D1PreparedStatement[] {
  const token = db.prepare(sql.insertToken).bind(id, version, tokenHash, atMs);
  if (!minting) return [token];
  const { kid, publicKey } = minting;
  return [token, db.prepare(sql.insertMinting).bind(id, version, tokenHash, kid, publicKey)];
}

function noteStatements(
  db: D1Database,
  action: AuditAction,
  key: KeyVersion & Pick<ManagedKey, 'owner'>,
  note: ChangeNote,
): readonly D1PreparedStatement[] {
  return [auditStatement(db, action, key, note), ...answerStatements(db, key, note)];
}

/** A raised or removed quota is reported by events once more in the same period. */
function reportAgain(
  db: D1Database,
  before: ManagedKey,
  after: ManagedKey,
): readonly D1PreparedStatement[] {
  if (!isReportedAgain(before.quota ?? null, after.quota ?? null)) return [];
  const { id, version } = before;
  return [db.prepare(sql.forgetQuotaNotices).bind(id, version, JSON.stringify(quotaNotices))];
}

function updateStatement(
  db: D1Database,
  before: ManagedKey,
  after: ManagedKey,
): D1PreparedStatement {
  return db
    .prepare(sql.updateKey)
    .bind(before.id, before.version, JSON.stringify(keyColumns(after)));
}

/** The entries of a key in the index of origins: its patterns, each with its expiry. */
function indexedPatterns(key: ManagedKey | null): ReadonlyMap<string, number> {
  if (!key?.enabled || key.suspended) return new Map();
  const expiresAtMs = key.expiresAtMs ?? NEVER_MS;
  return new Map(patternsOf(key).map((pattern) => [pattern, expiresAtMs]));
}

/** The patterns whose rows in the index differ between two states of a key. */
function touchedPatterns(before: ManagedKey | null, after: ManagedKey | null): readonly string[] {
  const was = indexedPatterns(before);
  const willBe = indexedPatterns(after);
  const all = new Set([...was.keys(), ...willBe.keys()]);
  return [...all].filter((pattern) => was.get(pattern) !== willBe.get(pattern));
}

function isOver({ expiresAtMs }: ManagedKey, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}
