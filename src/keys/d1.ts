/**
 * Keys in D1: all SQL about keys, tokens, origins and the change log is in this file.
 *
 * Look-ups read the primary, in one batch that is one transaction: what they return was true at the
 * log's head that came with it. Every change is one batch too, with its lines in the log, so that
 * nothing is ever half-made. The columns are explained in `schema.sql`.
 */

import type { AccessRule, StoredKey } from '../core/key.ts';
import { FEED_WINDOW_LINES } from '../core/limits.ts';
import type { KeyKind } from '../core/token.ts';
import type {
  ChangeLine,
  DatabaseAnswer,
  DatabaseRequest,
  FeedSnapshot,
  KeyDatabase,
  Versioned,
} from './types.ts';

/** A key with everything that management shows of it. */
export interface ManagedKey extends Omit<StoredKey, 'expiresAtMs'> {
  readonly name: string;
  readonly hint: string;
  readonly createdAtMs: number;
  /** When the key stops; `null`: never. Not shortened by a roll's grace. */
  readonly expiresAtMs: number | null;
  readonly lastUsedAtMs: number | null;
  readonly version: number;
}

/** A place in the list of keys, newest first. */
export interface ListCursor {
  readonly createdAtMs: number;
  readonly id: string;
}

/** A KV copy that was not confirmed yet. */
export interface DueReplicaWrite {
  readonly tokenHash: string;
  readonly dueSeq: number;
}

/** The look-ups and changes that management makes. All reject when D1 cannot be reached. */
export interface KeyStore extends KeyDatabase {
  /** Adds a key with its first token. */
  insert(key: ManagedKey, tokenHash: string): Promise<void>;
  /** `null` when there is no such key, or it was revoked. */
  find(id: string): Promise<ManagedKey | null>;
  /** Up to `limit` live keys after the cursor, newest first. */
  list(options: {
    readonly owner: string | null;
    readonly cursor: ListCursor | null;
    readonly limit: number;
  }): Promise<readonly ManagedKey[]>;
  /** Revokes for good. The hashes of the tokens that it had; `null` when there was no such key. */
  revoke(id: string, nowMs: number): Promise<readonly string[] | null>;
  /** A token's key with the log's head, for its KV copy. `value` is `null` when it must not work. */
  readCopy(tokenHash: string, nowMs: number): Promise<Versioned<StoredKey>>;
  /** KV copies that became due before a time and were not confirmed. */
  dueReplicaWrites(dueBeforeMs: number, limit: number): Promise<readonly DueReplicaWrite[]>;
  /** Notes that KV has taken a copy that was true at `seqAt`. */
  confirmReplicaWrite(tokenHash: string, seqAt: number): Promise<void>;
  /** The HMAC key of the tokens' tags. */
  tagKeyHex(): Promise<string>;
}

/** A key that never expires sorts after every other. */
const NEVER_MS = Number.MAX_SAFE_INTEGER;

const sql = {
  feedState: `
    SELECT (SELECT coalesce(max(seq), 0) FROM changes) AS head,
           (SELECT value FROM settings WHERE name = 'token_tag_key') AS tag_key,
           EXISTS (SELECT 1 FROM tokens WHERE imported = 1) AS has_imported`,
  feedLines: `
    SELECT seq, token_hash, pattern FROM changes WHERE seq > ?1 ORDER BY seq DESC LIMIT ?2`,
  keyByToken: `
    SELECT k.id, k.owner, k.kind, k.allowed_origins, k.full_access, k.rules, k.enabled,
           k.expires_at_ms, t.expires_at_ms AS token_expires_at_ms
      FROM tokens AS t JOIN keys AS k ON k.id = t.key_id
     WHERE t.token_hash = ?1 AND k.revoked_at_ms IS NULL`,
  // One row a pattern at most: the primary key puts the longest-lived first.
  registeredUntil: `
    SELECT max((SELECT o.expires_at_ms FROM origins AS o WHERE o.pattern = asked.value
                 ORDER BY o.expires_at_ms DESC LIMIT 1)) AS until_ms
      FROM json_each(?1) AS asked`,

  insertKey: `
    INSERT INTO keys (id, name, owner, kind, allowed_origins, full_access, rules, hint,
                      created_at_ms, expires_at_ms, enabled, version)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)`,
  insertToken: `
    INSERT INTO tokens (token_hash, key_id, created_at_ms) VALUES (?1, ?2, ?3)`,
  insertOrigins: `
    INSERT INTO origins (pattern, expires_at_ms, key_id)
    SELECT value, ?2, ?3 FROM json_each(?1)`,
  logPatterns: `
    INSERT INTO changes (pattern, changed_at_ms) SELECT value, ?2 FROM json_each(?1)`,
  logOriginsOfKey: `
    INSERT INTO changes (pattern, changed_at_ms) SELECT pattern, ?2 FROM origins WHERE key_id = ?1`,
  logTokensOfKey: `
    INSERT INTO changes (token_hash, changed_at_ms)
    SELECT token_hash, ?2 FROM tokens WHERE key_id = ?1`,
  dueTokensOfKey: `
    INSERT INTO replica_writes (token_hash, due_seq, due_at_ms)
    SELECT token_hash, (SELECT max(seq) FROM changes), ?2 FROM tokens WHERE key_id = ?1
        ON CONFLICT (token_hash) DO UPDATE
       SET due_seq = excluded.due_seq, due_at_ms = excluded.due_at_ms`,
  deleteOriginsOfKey: `DELETE FROM origins WHERE key_id = ?1`,
  revokeKey: `
    UPDATE keys SET revoked_at_ms = ?2, version = version + 1
     WHERE id = ?1 AND revoked_at_ms IS NULL`,
  tokensOfKey: `SELECT token_hash FROM tokens WHERE key_id = ?1`,

  managedKey: `
    SELECT id, name, owner, kind, allowed_origins, full_access, rules, hint, created_at_ms,
           expires_at_ms, enabled, last_used_at_ms, version
      FROM keys`,
  dueReplicaWrites: `
    SELECT token_hash, due_seq FROM replica_writes WHERE due_at_ms <= ?1
     ORDER BY token_hash LIMIT ?2`,
  confirmReplicaWrite: `DELETE FROM replica_writes WHERE token_hash = ?1 AND due_seq <= ?2`,
} as const;

interface FeedStateRow {
  head: number;
  tag_key: string | null;
  has_imported: number;
}
interface FeedLineRow {
  seq: number;
  token_hash: string | null;
  pattern: string | null;
}
interface KeyRow {
  id: string;
  owner: string | null;
  kind: KeyKind;
  allowed_origins: string | null;
  full_access: number;
  rules: string | null;
  enabled: number;
  expires_at_ms: number | null;
}
type KeyByTokenRow = KeyRow & { token_expires_at_ms: number | null };
type ManagedKeyRow = KeyRow & {
  name: string;
  hint: string;
  created_at_ms: number;
  last_used_at_ms: number | null;
  version: number;
};

/**
 * Keys in this D1. Reads go to the primary: a replica may be behind by any amount, and a copy that
 * was read there could not say which log line it already holds.
 */
export function createKeyStore(db: D1Database): KeyStore {
  const primary = () => db.withSession('first-primary');

  return {
    async read(request) {
      const statements = [
        db.prepare(sql.feedState),
        db.prepare(sql.feedLines).bind(request.afterSeq ?? -1, FEED_WINDOW_LINES),
      ];
      if (request.tokenHash !== undefined) {
        statements.push(db.prepare(sql.keyByToken).bind(request.tokenHash));
      }
      if (request.patterns !== undefined) {
        statements.push(db.prepare(sql.registeredUntil).bind(JSON.stringify(request.patterns)));
      }
      return toAnswer(request, await primary().batch(statements));
    },

    async insert(key, tokenHash) {
      const patterns = JSON.stringify(key.allowedOrigins ?? []);
      await primary().batch([
        db
          .prepare(sql.insertKey)
          .bind(
            key.id,
            key.name,
            key.owner,
            key.kind,
            key.allowedOrigins && patterns,
            Number(key.fullAccess),
            key.rules && JSON.stringify(key.rules),
            key.hint,
            key.createdAtMs,
            key.expiresAtMs,
            Number(key.enabled),
            key.version,
          ),
        db.prepare(sql.insertToken).bind(tokenHash, key.id, key.createdAtMs),
        db.prepare(sql.insertOrigins).bind(patterns, key.expiresAtMs ?? NEVER_MS, key.id),
        db.prepare(sql.logPatterns).bind(patterns, key.createdAtMs),
        db.prepare(sql.logTokensOfKey).bind(key.id, key.createdAtMs),
        db.prepare(sql.dueTokensOfKey).bind(key.id, key.createdAtMs),
      ]);
    },

    async find(id) {
      const row = await primary()
        .prepare(`${sql.managedKey} WHERE id = ?1 AND revoked_at_ms IS NULL`)
        .bind(id)
        .first<ManagedKeyRow>();
      return row && toManagedKey(row);
    },

    async list({ owner, cursor, limit }) {
      const conditions = ['revoked_at_ms IS NULL'];
      const values: (string | number)[] = [];
      if (owner !== null) {
        values.push(owner);
        conditions.push(`owner = ?${values.length}`);
      }
      if (cursor !== null) {
        values.push(cursor.createdAtMs, cursor.id);
        conditions.push(`(created_at_ms, id) < (?${values.length - 1}, ?${values.length})`);
      }
      values.push(limit);
      const { results } = await primary()
        .prepare(
          `${sql.managedKey} WHERE ${conditions.join(' AND ')}
            ORDER BY created_at_ms DESC, id DESC LIMIT ?${values.length}`,
        )
        .bind(...values)
        .all<ManagedKeyRow>();
      return results.map(toManagedKey);
    },

    async revoke(id, nowMs) {
      const [tokens, , , , , revoked] = await primary().batch([
        db.prepare(sql.tokensOfKey).bind(id),
        db.prepare(sql.logOriginsOfKey).bind(id, nowMs),
        db.prepare(sql.deleteOriginsOfKey).bind(id),
        db.prepare(sql.logTokensOfKey).bind(id, nowMs),
        db.prepare(sql.dueTokensOfKey).bind(id, nowMs),
        db.prepare(sql.revokeKey).bind(id, nowMs),
      ]);
      if (revoked?.meta.changes !== 1) return null;
      const rows = (tokens?.results ?? []) as { token_hash: string }[];
      return rows.map((row) => row.token_hash);
    },

    async readCopy(tokenHash, nowMs) {
      const answer = await this.read({ afterSeq: Number.MAX_SAFE_INTEGER, tokenHash, nowMs });
      return { value: answer.key ?? null, seqAt: answer.feed.head };
    },

    async dueReplicaWrites(dueBeforeMs, limit) {
      const { results } = await primary()
        .prepare(sql.dueReplicaWrites)
        .bind(dueBeforeMs, limit)
        .all<{ token_hash: string; due_seq: number }>();
      return results.map((row) => ({ tokenHash: row.token_hash, dueSeq: row.due_seq }));
    },

    async confirmReplicaWrite(tokenHash, seqAt) {
      await primary().prepare(sql.confirmReplicaWrite).bind(tokenHash, seqAt).run();
    },

    async tagKeyHex() {
      const row = await primary().prepare(sql.feedState).first<FeedStateRow>();
      return tagKeyOf(row);
    },
  };
}

function toAnswer(request: DatabaseRequest, results: D1Result[]): DatabaseAnswer {
  const [state, lines, ...asked] = results;
  const answer: { -readonly [Name in keyof DatabaseAnswer]: DatabaseAnswer[Name] } = {
    feed: toFeed(
      request.afterSeq,
      state?.results[0] as FeedStateRow | undefined,
      (lines?.results ?? []) as FeedLineRow[],
    ),
    rowsRead: results.reduce((rows, result) => rows + result.meta.rows_read, 0),
  };
  if (request.tokenHash !== undefined) {
    const row = asked.shift()?.results[0] as KeyByTokenRow | undefined;
    answer.key = row ? toStoredKey(row, row.token_expires_at_ms) : null;
  }
  if (request.patterns !== undefined) {
    const row = asked.shift()?.results[0] as { until_ms: number | null } | undefined;
    answer.registeredUntilMs = row?.until_ms ?? null;
  }
  return answer;
}

function toFeed(
  afterSeq: number | null,
  state: FeedStateRow | undefined,
  newestFirst: readonly FeedLineRow[],
): FeedSnapshot {
  const lines = newestFirst.map(toChangeLine).reverse();
  const head = state?.head ?? 0;
  const oldest = lines[0]?.seq ?? head + 1;
  // More lines than were asked for, or lines that housekeeping has dropped: the snapshot then starts
  // later than it was asked to, and says so.
  const isGapless = afterSeq !== null && (oldest <= afterSeq + 1 || afterSeq >= head);
  return {
    afterSeq: isGapless ? afterSeq : oldest - 1,
    head,
    lines,
    tagKeyHex: tagKeyOf(state),
    hasImportedTokens: state?.has_imported === 1,
  };
}

function tagKeyOf(state: FeedStateRow | null | undefined): string {
  if (!state?.tag_key) {
    throw new Error('Cannot find the token tag key in D1: apply schema.sql to the database');
  }
  return state.tag_key;
}

function toChangeLine(row: FeedLineRow): ChangeLine {
  return {
    seq: row.seq,
    subject: row.token_hash === null ? `pattern:${row.pattern}` : `token:${row.token_hash}`,
  };
}

function toStoredKey(row: KeyRow, tokenExpiresAtMs: number | null): StoredKey {
  return {
    id: row.id,
    owner: row.owner,
    kind: row.kind,
    allowedOrigins: parseJson<string[]>(row.allowed_origins),
    fullAccess: row.full_access === 1,
    rules: parseJson<AccessRule[]>(row.rules),
    enabled: row.enabled === 1,
    expiresAtMs: earliest(row.expires_at_ms, tokenExpiresAtMs),
  };
}

function toManagedKey(row: ManagedKeyRow): ManagedKey {
  return {
    ...toStoredKey(row, null),
    name: row.name,
    hint: row.hint,
    createdAtMs: row.created_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
    version: row.version,
  };
}

/** Only what this file wrote is parsed, so its type is known. */
function parseJson<Value>(text: string | null): Value | null {
  return text === null ? null : (JSON.parse(text) as Value);
}

function earliest(left: number | null, right: number | null): number | null {
  if (left === null) return right;
  return right === null ? left : Math.min(left, right);
}
