/**
 * Keys as management sees them: every change to them, the list, the audit and the answers that are
 * kept for repeated requests. All SQL for that is in this file; look-ups are in `d1.ts`.
 *
 * A change is one batch, which D1 runs as one transaction: the row, its tokens, the index of
 * origins, the lines of the change log, the copies that KV is due, the line of the audit. Every
 * statement of it asks for the version that the change was made from, and the row itself is written
 * last, so that a change that came too late has no effect at all. The columns are explained in
 * `schema.sql`.
 */

import type { StoredKey } from '../../core/key/key.ts';
import { type KeyRow, toStoredKey } from '../stores/d1.ts';

/** A key with everything that management shows of it. */
export interface ManagedKey extends StoredKey {
  readonly name: string;
  readonly hint: string;
  readonly createdAtMs: number;
  /** When the key stops; `null`: never. Not shortened by a roll's grace. */
  readonly expiresAtMs: number | null;
  readonly lastUsedAtMs: number | null;
  /** Counts the changes, from 1. */
  readonly version: number;
}

/** A key with what is left of the tokens that it had before it was rolled. */
export interface ShownKey extends ManagedKey {
  /** When those tokens end whose grace is not over, the last one first. */
  readonly retiringEndsMs: readonly number[];
}

/** A place in the list of keys, newest first. */
export interface ListCursor {
  readonly createdAtMs: number;
  readonly id: string;
}

/** What was done to a key. */
export type AuditAction = 'create' | 'import' | 'edit' | 'roll' | 'revoke' | 'leak';

/** What is noted of a change beside the change. */
export interface ChangeNote {
  readonly atMs: number;
  readonly actor: string;
  readonly requestId: string;
  /** The key as JSON without secrets; `null` where there is none. */
  readonly before: string | null;
  readonly after: string | null;
  /** Kept for the same request coming again; `null` when it carried no Idempotency-Key. */
  readonly answer: KeptAnswer | null;
  /** Where a token of the key was found in public; absent when that is not why it changes. */
  readonly leakUrl?: string | null;
}

/** An answer that is kept for a repeated request. The columns of `idempotency` explain the members. */
export interface KeptAnswer {
  readonly caller: string;
  readonly keyHash: string;
  readonly requestHash: string;
  readonly answer: string;
  readonly sealedToken: string | null;
  readonly expiresAtMs: number;
}

/** A line of the audit. */
export interface AuditLine {
  readonly id: number;
  readonly atMs: number;
  readonly actor: string;
  readonly action: AuditAction;
  readonly keyId: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly requestId: string;
  /** Where a token of the key was found in public; `null`: nowhere, or nobody knows where. */
  readonly leakUrl: string | null;
}

/** A token of a key that was found in public, and where, if that is known. */
export interface Leak {
  readonly keyId: string;
  readonly owner: string | null;
  readonly url: string | null;
  /** The key as JSON for the audit. */
  readonly key: string;
}

/** A key with the token that was asked for, alive or not. */
export interface KeyOfToken {
  readonly key: ManagedKey;
  readonly isRevoked: boolean;
  /** When a roll ends this token; `null`: not by itself. */
  readonly tokenExpiresAtMs: number | null;
}

/** A key to import, with the hash of the token that it has elsewhere. */
export interface ImportedKey {
  readonly key: ManagedKey;
  readonly tokenHash: string;
  /** Whether the token is of another form than ours, so that such tokens have to be looked up. */
  readonly isForeign: boolean;
  /** The key as JSON for the audit. */
  readonly after: string;
}

/** Everything here reads and writes D1's primary, and rejects when it cannot be reached. */
export interface ManagedKeys {
  /**
   * `null` when there is no such key, or it was revoked. Of the tokens from before a roll, those that
   * end after `nowMs` are told; all of them, unless it is given.
   */
  find(id: string, nowMs?: number): Promise<ShownKey | null>;
  /** `null` when no key, not even a dead one, has this token. */
  findByToken(tokenHash: string): Promise<KeyOfToken | null>;
  /** The same for many tokens in one read, by their hashes. Those that no key has are left out. */
  findByTokens(tokenHashes: readonly string[]): Promise<ReadonlyMap<string, KeyOfToken>>;
  /** Up to `limit` unrevoked keys after the cursor, newest first. */
  list(options: {
    /** `null`: everybody's. */
    readonly owner: string | null;
    /** Text in the name, whatever the case of its ASCII letters; `null`: any name. */
    readonly search: string | null;
    readonly cursor: ListCursor | null;
    readonly limit: number;
    readonly nowMs: number;
  }): Promise<readonly ShownKey[]>;
  /** Which of these keys are there, whoever owns them: not revoked. */
  livingAmong(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** How many tokens of a key work, or will when it is enabled. */
  countTokens(id: string, nowMs: number): Promise<number>;

  /** Adds a key with its first token. Rejects, and adds nothing, when the answer is kept already. */
  insert(key: ManagedKey, tokenHash: string, note: ChangeNote): Promise<void>;
  /** Adds all of the keys or none. Rejects when a token is known already. */
  insertImported(
    keys: readonly ImportedKey[],
    note: Omit<ChangeNote, 'before' | 'after'>,
  ): Promise<void>;
  /**
   * Each of these makes one change from the version of `before`. They return the hashes of the tokens
   * that it concerns; `null` when the key has another version by now, or is gone: then nothing changed.
   */
  update(before: ManagedKey, after: ManagedKey, note: ChangeNote): Promise<Changed>;
  roll(
    before: ManagedKey,
    after: ManagedKey,
    tokens: { readonly tokenHash: string; readonly olderExpireAtMs: number },
    note: ChangeNote,
  ): Promise<Changed>;
  revoke(before: ManagedKey, note: ChangeNote): Promise<Changed>;
  /**
   * Notes in the audit that tokens were found in public, and changes nothing else. A place is noted
   * once for each key, and no further places for a key that has `LEAKS_PER_KEY`. Returns what was new.
   */
  noteLeaks(
    leaks: readonly Leak[],
    note: Pick<ChangeNote, 'atMs' | 'actor' | 'requestId'>,
  ): Promise<readonly Pick<Leak, 'keyId' | 'url'>[]>;

  /** Up to `limit` lines before a line, newest first. */
  listAudit(options: {
    /** `null`: everybody's. */
    readonly owner: string | null;
    readonly keyId: string | null;
    readonly beforeId: number | null;
    readonly limit: number;
  }): Promise<readonly AuditLine[]>;
  /** `null` when nothing is kept under this name, or not any more. */
  findAnswer(caller: string, keyHash: string, nowMs: number): Promise<KeptAnswer | null>;
  /** The HMAC key of the tokens' tags. */
  tagKeyHex(): Promise<string>;
}

/** See `ManagedKeys.update`. */
export type Changed = readonly string[] | null;

/** A key that never expires sorts after every other. */
const NEVER_MS = Number.MAX_SAFE_INTEGER;
/** A token that ended so lately that an isolate with a slow clock may still take it counts as live. */
const CLOCK_MARGIN_MS = 60 * 1000;
/** A bound text may have 2,000,000 bytes. https://developers.cloudflare.com/d1/platform/limits/ */
const TEXT_MAX_BYTES = 1_000_000;
const EXPIRED_ANSWERS_PER_CHANGE = 100;
/**
 * Places that are noted for one key. Who holds a token can publish it as often as they like, and the
 * first places say all that its owner has to know.
 */
export const LEAKS_PER_KEY = 20;

/** Whether the key is still what the change was made from. */
const isUnchanged = `
  EXISTS (SELECT 1 FROM keys WHERE id = ?1 AND version = ?2 AND revoked_at_ms IS NULL)`;

const sql = {
  shownKey: `
    SELECT id, name, owner, kind, allowed_origins, full_access, rules, hint, created_at_ms,
           expires_at_ms, enabled, last_used_at_ms, version,
           (SELECT json_group_array(t.expires_at_ms) FROM tokens AS t
             WHERE t.key_id = keys.id AND t.expires_at_ms > ?1) AS retiring_ends_ms
      FROM keys`,
  keyOfToken: `
    SELECT t.token_hash, k.id, k.name, k.owner, k.kind, k.allowed_origins, k.full_access, k.rules,
           k.hint, k.created_at_ms, k.expires_at_ms, k.enabled, k.last_used_at_ms, k.version,
           k.revoked_at_ms, t.expires_at_ms AS token_expires_at_ms
      FROM tokens AS t JOIN keys AS k ON k.id = t.key_id`,
  livingKeys: `
    SELECT id FROM keys
     WHERE revoked_at_ms IS NULL AND id IN (SELECT value FROM json_each(?1))`,
  countTokens: `
    SELECT count(*) AS count FROM tokens
     WHERE key_id = ?1 AND (expires_at_ms IS NULL OR expires_at_ms > ?2)`,
  tagKey: `SELECT value FROM settings WHERE name = 'token_tag_key'`,

  insertKey: `
    INSERT INTO keys (id, name, owner, kind, allowed_origins, full_access, rules, hint,
                      created_at_ms, expires_at_ms, enabled, version)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)`,
  insertToken: `
    INSERT INTO tokens (token_hash, key_id, created_at_ms)
    SELECT ?3, ?1, ?4 WHERE ${isUnchanged}`,
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
    UPDATE tokens SET expires_at_ms = ?4
     WHERE key_id = ?1 AND token_hash <> ?3
       AND (expires_at_ms IS NULL OR expires_at_ms > ?4) AND ${isUnchanged}`,
  logPatterns: `
    INSERT INTO changes (pattern, changed_at_ms)
    SELECT value, ?4 FROM json_each(?3) WHERE ${isUnchanged}`,
  deleteOrigins: `DELETE FROM origins WHERE key_id = ?1 AND ${isUnchanged}`,
  insertOrigins: `
    INSERT INTO origins (pattern, expires_at_ms, key_id)
    SELECT value, ?4, ?1 FROM json_each(?3) WHERE ${isUnchanged}`,
  audit: `
    INSERT INTO audit (at_ms, actor, action, key_id, owner, before, after, request_id, leak_url)
    SELECT ?3, ?4, ?5, ?1, ?6, ?7, ?8, ?9, ?10 WHERE ${isUnchanged}`,
  // The key is the same before and after. A statement does not see its own lines: what it is given
  // names a place once.
  noteLeaks: `
    INSERT INTO audit (at_ms, actor, action, key_id, owner, before, after, request_id, leak_url)
    SELECT ?2, ?3, 'leak', leak.value ->> 'keyId', leak.value ->> 'owner', leak.value ->> 'key',
           leak.value ->> 'key', ?4, leak.value ->> 'url'
      FROM json_each(?1) AS leak
     WHERE NOT EXISTS (SELECT 1 FROM audit
                        WHERE action = 'leak' AND key_id = leak.value ->> 'keyId'
                          AND leak_url IS leak.value ->> 'url')
       AND (SELECT count(*) FROM audit
             WHERE action = 'leak' AND key_id = leak.value ->> 'keyId') < ${LEAKS_PER_KEY}
    RETURNING key_id, leak_url`,
  updateKey: `
    UPDATE keys SET name = ?3, allowed_origins = ?4, full_access = ?5, rules = ?6, hint = ?7,
                    expires_at_ms = ?8, enabled = ?9, version = version + 1
     WHERE id = ?1 AND version = ?2 AND revoked_at_ms IS NULL`,
  revokeKey: `
    UPDATE keys SET revoked_at_ms = ?3, version = version + 1
     WHERE id = ?1 AND version = ?2 AND revoked_at_ms IS NULL`,

  importKeys: `
    INSERT INTO keys (id, name, owner, kind, allowed_origins, full_access, rules, hint,
                      created_at_ms, expires_at_ms)
    SELECT value ->> 'id', value ->> 'name', value ->> 'owner', value ->> 'kind',
           value ->> 'origins', value ->> 'fullAccess', value ->> 'rules', value ->> 'hint',
           value ->> 'createdAtMs', value ->> 'expiresAtMs'
      FROM json_each(?1)`,
  importTokens: `
    INSERT INTO tokens (token_hash, key_id, created_at_ms, imported)
    SELECT value ->> 'tokenHash', value ->> 'id', ?2, value ->> 'isForeign' FROM json_each(?1)`,
  importOrigins: `
    INSERT INTO origins (pattern, expires_at_ms, key_id)
    SELECT origin.value, coalesce(row.value ->> 'expiresAtMs', ${NEVER_MS}), row.value ->> 'id'
      FROM json_each(?1) AS row, json_each(row.value ->> 'origins') AS origin`,
  logImportedPatterns: `
    INSERT INTO changes (pattern, changed_at_ms)
    SELECT DISTINCT origin.value, ?2
      FROM json_each(?1) AS row, json_each(row.value ->> 'origins') AS origin`,
  logImportedTokens: `
    INSERT INTO changes (token_hash, changed_at_ms)
    SELECT value ->> 'tokenHash', ?2 FROM json_each(?1)`,
  dueImportedTokens: `
    INSERT INTO replica_writes (token_hash, due_seq, due_at_ms)
    SELECT value ->> 'tokenHash', (SELECT max(seq) FROM changes), ?2 FROM json_each(?1)`,
  auditImport: `
    INSERT INTO audit (at_ms, actor, action, key_id, owner, after, request_id)
    SELECT ?2, ?3, 'import', value ->> 'id', value ->> 'owner', value ->> 'after', ?4
      FROM json_each(?1)`,

  dropExpiredAnswers: `
    DELETE FROM idempotency
     WHERE expires_at_ms <= ?3 AND (caller, key_hash) IN (
             VALUES (?1, ?2) UNION ALL
             SELECT * FROM (SELECT caller, key_hash FROM idempotency
                             WHERE expires_at_ms <= ?3 LIMIT ${EXPIRED_ANSWERS_PER_CHANGE}))`,
  // Without a key to ask for, the answer is to an import, which adds everything or nothing.
  keepAnswer: `
    INSERT INTO idempotency (caller, key_hash, request_hash, answer, sealed_token, expires_at_ms)
    SELECT ?3, ?4, ?5, ?6, ?7, ?8 WHERE ?1 IS NULL OR ${isUnchanged}`,
  keptAnswer: `
    SELECT caller, key_hash, request_hash, answer, sealed_token, expires_at_ms FROM idempotency
     WHERE caller = ?1 AND key_hash = ?2 AND expires_at_ms > ?3`,
  auditLines: `
    SELECT id, at_ms, actor, action, key_id, before, after, request_id, leak_url FROM audit`,
} as const;

type ManagedKeyRow = KeyRow & {
  name: string;
  hint: string;
  created_at_ms: number;
  last_used_at_ms: number | null;
  version: number;
};
type ShownKeyRow = ManagedKeyRow & { retiring_ends_ms: string };
type KeyOfTokenRow = ManagedKeyRow & {
  token_hash: string;
  revoked_at_ms: number | null;
  token_expires_at_ms: number | null;
};
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
interface AnswerRow {
  caller: string;
  key_hash: string;
  request_hash: string;
  answer: string;
  sealed_token: string | null;
  expires_at_ms: number;
}

/** The keys of this D1. */
export function createManagedKeys(db: D1Database): ManagedKeys {
  const primary = () => db.withSession('first-primary');

  /**
   * Makes one change from the version of `before`: first what it does to tokens, last what it does to
   * the row, and in between all that follows from it.
   */
  async function change(options: {
    readonly action: AuditAction;
    readonly before: ManagedKey;
    /** `null`: the key is gone. */
    readonly after: ManagedKey | null;
    readonly note: ChangeNote;
    readonly first?: readonly D1PreparedStatement[];
    readonly last: readonly D1PreparedStatement[];
  }): Promise<Changed> {
    const { before, note } = options;
    const statements = [
      ...(options.first ?? []),
      ...originStatements(before, before, options.after, note.atMs),
      ...tokenStatements(before, note.atMs),
    ];
    const liveTokens = statements.length;
    const results = await primary().batch<{ token_hash: string }>([
      ...statements,
      db.prepare(sql.liveTokens).bind(before.id, note.atMs - CLOCK_MARGIN_MS),
      ...noteStatements(options.action, before, note),
      ...options.last,
    ]);
    if (results.at(-1)?.meta.changes !== 1) return null;
    return (results[liveTokens]?.results ?? []).map((row) => row.token_hash);
  }

  /** Brings the index of origins from what it holds of one state of a key to another. */
  function originStatements(
    { id, version }: Pick<ManagedKey, 'id' | 'version'>,
    before: ManagedKey | null,
    after: ManagedKey | null,
    atMs: number,
  ): readonly D1PreparedStatement[] {
    const was = indexedPatterns(before);
    const willBe = indexedPatterns(after);
    const touched = [...was.keys(), ...willBe.keys()].filter(
      (pattern) => was.get(pattern) !== willBe.get(pattern),
    );
    if (touched.length === 0) return [];
    return [
      db.prepare(sql.logPatterns).bind(id, version, JSON.stringify([...new Set(touched)]), atMs),
      db.prepare(sql.deleteOrigins).bind(id, version),
      db
        .prepare(sql.insertOrigins)
        .bind(id, version, JSON.stringify([...willBe.keys()]), after?.expiresAtMs ?? NEVER_MS),
    ];
  }

  /** Tells isolates and KV that the key's tokens mean something else now. */
  function tokenStatements(
    { id, version }: Pick<ManagedKey, 'id' | 'version'>,
    atMs: number,
  ): readonly D1PreparedStatement[] {
    const liveAfterMs = atMs - CLOCK_MARGIN_MS;
    return [
      db.prepare(sql.logTokens).bind(id, version, atMs, liveAfterMs),
      db.prepare(sql.dueTokens).bind(id, version, atMs, liveAfterMs),
    ];
  }

  function noteStatements(
    action: AuditAction,
    { id, version, owner }: Pick<ManagedKey, 'id' | 'version' | 'owner'>,
    note: ChangeNote,
  ): readonly D1PreparedStatement[] {
    return [
      db
        .prepare(sql.audit)
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
        ),
      ...answerStatements(id, version, note),
    ];
  }

  function answerStatements(
    id: string | null,
    version: number | null,
    { answer, atMs }: Pick<ChangeNote, 'answer' | 'atMs'>,
  ): readonly D1PreparedStatement[] {
    if (answer === null) return [];
    const { caller, keyHash, requestHash, sealedToken, expiresAtMs } = answer;
    return [
      db.prepare(sql.dropExpiredAnswers).bind(caller, keyHash, atMs),
      db
        .prepare(sql.keepAnswer)
        .bind(id, version, caller, keyHash, requestHash, answer.answer, sealedToken, expiresAtMs),
    ];
  }

  function updateStatement(before: ManagedKey, after: ManagedKey): D1PreparedStatement {
    return db
      .prepare(sql.updateKey)
      .bind(
        before.id,
        before.version,
        after.name,
        toJson(after.allowedOrigins),
        Number(after.fullAccess),
        toJson(after.rules),
        after.hint,
        after.expiresAtMs,
        Number(after.enabled),
      );
  }

  return {
    async find(id, nowMs = 0) {
      const row = await primary()
        .prepare(`${sql.shownKey} WHERE id = ?2 AND revoked_at_ms IS NULL`)
        .bind(nowMs, id)
        .first<ShownKeyRow>();
      return row && toShownKey(row);
    },

    async findByToken(tokenHash) {
      const row = await primary()
        .prepare(`${sql.keyOfToken} WHERE t.token_hash = ?1`)
        .bind(tokenHash)
        .first<KeyOfTokenRow>();
      return row && toKeyOfToken(row);
    },

    async findByTokens(tokenHashes) {
      const { results } = await primary()
        .prepare(`${sql.keyOfToken} WHERE t.token_hash IN (SELECT value FROM json_each(?1))`)
        .bind(JSON.stringify(tokenHashes))
        .all<KeyOfTokenRow>();
      return new Map(results.map((row) => [row.token_hash, toKeyOfToken(row)]));
    },

    async list({ owner, search, cursor, limit, nowMs }) {
      const { where, values } = conditions([
        ['revoked_at_ms IS NULL'],
        ['owner = ?', owner],
        // Not LIKE: D1 takes patterns of 50 bytes at most, and text is to be found as it is typed.
        ['instr(lower(name), lower(?)) > 0', search],
        ['(created_at_ms, id) < (?, ?)', cursor?.createdAtMs ?? null, cursor?.id ?? null],
      ]);
      const { results } = await primary()
        .prepare(`${sql.shownKey} ${where} ORDER BY created_at_ms DESC, id DESC LIMIT ?`)
        .bind(nowMs, ...values, limit)
        .all<ShownKeyRow>();
      return results.map(toShownKey);
    },

    async livingAmong(ids) {
      const { results } = await primary()
        .prepare(sql.livingKeys)
        .bind(JSON.stringify(ids))
        .all<{ id: string }>();
      return new Set(results.map((row) => row.id));
    },

    async countTokens(id, nowMs) {
      const row = await primary()
        .prepare(sql.countTokens)
        .bind(id, nowMs)
        .first<{ count: number }>();
      return row?.count ?? 0;
    },

    async insert(key, tokenHash, note) {
      const { id, version } = key;
      await primary().batch([
        db
          .prepare(sql.insertKey)
          .bind(
            id,
            key.name,
            key.owner,
            key.kind,
            toJson(key.allowedOrigins),
            Number(key.fullAccess),
            toJson(key.rules),
            key.hint,
            key.createdAtMs,
            key.expiresAtMs,
            Number(key.enabled),
            version,
          ),
        db.prepare(sql.insertToken).bind(id, version, tokenHash, note.atMs),
        ...originStatements(key, null, key, note.atMs),
        ...tokenStatements(key, note.atMs),
        ...noteStatements('create', key, note),
      ]);
    },

    async insertImported(keys, note) {
      const { atMs, actor, requestId } = note;
      const forEachPart = (text: string, ...values: (string | number)[]) =>
        parts.map((part) => db.prepare(text).bind(part, ...values));
      const parts = toJsonParts(keys.map(toImportRow));
      await primary().batch([
        ...forEachPart(sql.importKeys),
        ...forEachPart(sql.importTokens, atMs),
        ...forEachPart(sql.importOrigins),
        ...forEachPart(sql.logImportedPatterns, atMs),
        ...forEachPart(sql.logImportedTokens, atMs),
        ...forEachPart(sql.dueImportedTokens, atMs),
        ...forEachPart(sql.auditImport, atMs, actor, requestId),
        ...answerStatements(null, null, note),
      ]);
    },

    update: (before, after, note) =>
      change({ action: 'edit', before, after, note, last: [updateStatement(before, after)] }),

    roll(before, after, { tokenHash, olderExpireAtMs }, note) {
      const { id, version } = before;
      return change({
        action: 'roll',
        before,
        after,
        note,
        first: [db.prepare(sql.insertToken).bind(id, version, tokenHash, note.atMs)],
        last: [
          // After the log, whose lines are about the tokens that were alive.
          db.prepare(sql.endOlderTokens).bind(id, version, tokenHash, olderExpireAtMs),
          updateStatement(before, after),
        ],
      });
    },

    revoke: (before, note) =>
      change({
        action: 'revoke',
        before,
        after: null,
        note,
        last: [db.prepare(sql.revokeKey).bind(before.id, before.version, note.atMs)],
      }),

    async noteLeaks(leaks, { atMs, actor, requestId }) {
      const places = new Map(leaks.map((leak) => [JSON.stringify([leak.keyId, leak.url]), leak]));
      const parts = toJsonParts([...places.values()].map((leak) => JSON.stringify(leak)));
      if (parts.length === 0) return [];
      const results = await primary().batch<{ key_id: string; leak_url: string | null }>(
        parts.map((part) => db.prepare(sql.noteLeaks).bind(part, atMs, actor, requestId)),
      );
      return results
        .flatMap((result) => result.results)
        .map((row) => ({ keyId: row.key_id, url: row.leak_url }));
    },

    async listAudit({ owner, keyId, beforeId, limit }) {
      const { where, values } = conditions([
        ['owner = ?', owner],
        ['key_id = ?', keyId],
        ['id < ?', beforeId],
      ]);
      const { results } = await primary()
        .prepare(`${sql.auditLines} ${where} ORDER BY id DESC LIMIT ?`)
        .bind(...values, limit)
        .all<AuditRow>();
      return results.map(toAuditLine);
    },

    async findAnswer(caller, keyHash, nowMs) {
      const row = await primary()
        .prepare(sql.keptAnswer)
        .bind(caller, keyHash, nowMs)
        .first<AnswerRow>();
      return row && toKeptAnswer(row);
    },

    async tagKeyHex() {
      const row = await primary().prepare(sql.tagKey).first<{ value: string }>();
      if (row === null) {
        throw new Error('Cannot find the token tag key in D1: apply schema.sql to the database');
      }
      return row.value;
    },
  };
}

/** What the index holds of a key: its patterns, with the time that stands beside them. */
function indexedPatterns(key: ManagedKey | null): ReadonlyMap<string, number> {
  if (!key?.enabled) return new Map();
  const expiresAtMs = key.expiresAtMs ?? NEVER_MS;
  return new Map((key.allowedOrigins ?? []).map((pattern) => [pattern, expiresAtMs]));
}

/** The conditions whose values are there, as a WHERE clause and what it binds. */
function conditions(
  all: readonly (readonly [condition: string, ...values: (string | number | null)[]])[],
): { readonly where: string; readonly values: (string | number | null)[] } {
  const met = all.filter(([, ...values]) => !values.includes(null));
  return {
    where: met.length === 0 ? '' : `WHERE ${met.map(([condition]) => condition).join(' AND ')}`,
    values: met.flatMap(([, ...values]) => values),
  };
}

function toImportRow({ key, tokenHash, isForeign, after }: ImportedKey): string {
  return JSON.stringify({
    id: key.id,
    name: key.name,
    owner: key.owner,
    kind: key.kind,
    origins: toJson(key.allowedOrigins),
    fullAccess: Number(key.fullAccess),
    rules: toJson(key.rules),
    hint: key.hint,
    createdAtMs: key.createdAtMs,
    expiresAtMs: key.expiresAtMs,
    tokenHash,
    isForeign: Number(isForeign),
    after,
  });
}

/** JSON arrays of these rows, each small enough to be bound. A row alone always is. */
function toJsonParts(rows: readonly string[]): readonly string[] {
  const encoder = new TextEncoder();
  const parts: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    const rowBytes = encoder.encode(row).length + 1;
    if (bytes + rowBytes > TEXT_MAX_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(row);
    bytes += rowBytes;
  }
  return parts.map((part) => `[${part.join(',')}]`);
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

function toShownKey(row: ShownKeyRow): ShownKey {
  const ends: number[] = JSON.parse(row.retiring_ends_ms);
  return { ...toManagedKey(row), retiringEndsMs: ends.sort((left, right) => right - left) };
}

function toKeyOfToken(row: KeyOfTokenRow): KeyOfToken {
  return {
    key: toManagedKey(row),
    isRevoked: row.revoked_at_ms !== null,
    tokenExpiresAtMs: row.token_expires_at_ms,
  };
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

function toKeptAnswer(row: AnswerRow): KeptAnswer {
  return {
    caller: row.caller,
    keyHash: row.key_hash,
    requestHash: row.request_hash,
    answer: row.answer,
    sealedToken: row.sealed_token,
    expiresAtMs: row.expires_at_ms,
  };
}

function toJson(value: readonly unknown[] | null): string | null {
  return value && JSON.stringify(value);
}
