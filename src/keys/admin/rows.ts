/**
 * Rows of D1 and the records that management makes of them. One list says which columns a key is
 * written into: creating, editing and importing one all go by it. The columns are explained in
 * `schema.sql`.
 */

import { type KeyRow, toStoredKey } from '../stores/d1.ts';
import type { KeyOfToken, ManagedKey, ShownKey } from './types.ts';
import { type Sql, sql } from './windows.ts';

/** A key that never expires sorts after every other. */
export const NEVER_MS = Number.MAX_SAFE_INTEGER;
/** A token that ended so recently that an isolate with a slow clock may still accept it counts as live. */
export const CLOCK_MARGIN_MS = 60 * 1000;
/** A bound text may have 2,000,000 bytes. https://developers.cloudflare.com/d1/platform/limits/ */
const TEXT_MAX_BYTES = 1_000_000;

/** The key is still the one that the change was made from: its id is ?1 and its version ?2. */
export const isUnchanged = `
  EXISTS (SELECT 1 FROM keys WHERE id = ?1 AND version = ?2 AND revoked_at_ms IS NULL)`;

/** The columns of `keys` with everything that management shows of a key. */
export type ManagedKeyRow = KeyRow & {
  name: string;
  hint: string;
  created_at_ms: number;
  last_used_at_ms: number | null;
  suspended: number;
  updated_at_ms: number | null;
  revoked_at_ms: number | null;
  version: number;
};
/** The same with the ends of its retiring tokens, as a JSON array. */
export type ShownKeyRow = ManagedKeyRow & { retiring_ends_ms: string };
/** The same with one of its tokens. */
export type KeyOfTokenRow = ManagedKeyRow & {
  token_hash: string;
  token_expires_at_ms: number | null;
};

/** The columns that no edit writes; a change counts `version` up. */
const fixedColumns = [
  'id',
  'owner',
  'kind',
  'created_at_ms',
  'version',
  // Unless the edit changes the quota: see `updateKey`.
  'quota_renews_at_ms',
] as const;
/** The columns that an edit or a roll may change. */
export const changeableColumns = [
  'name',
  'allowed_origins',
  'full_access',
  'rules',
  'hint',
  'expires_at_ms',
  'enabled',
  'suspended',
  'updated_at_ms',
  'client_tokens',
  'client_tokens_valid_from_ms',
  'addresses',
  'meta',
  'tags',
  'limit_name',
  'limit_by',
  'quota_requests',
  'quota_period',
] as const;
/** The columns that a new key is written into. */
export const keyColumnNames = [...fixedColumns, ...changeableColumns] as const;

/** The columns of a key. */
export type KeyColumns = Readonly<Record<(typeof keyColumnNames)[number], string | number | null>>;

/** A key as it is written, column by column. */
export function keyColumns(key: ManagedKey): KeyColumns {
  return {
    id: key.id,
    owner: key.owner,
    kind: key.kind,
    created_at_ms: key.createdAtMs,
    version: key.version,
    name: key.name,
    allowed_origins: toJson(key.allowedOrigins),
    full_access: Number(key.fullAccess),
    rules: toJson(key.rules),
    hint: key.hint,
    expires_at_ms: key.expiresAtMs,
    enabled: Number(key.enabled),
    suspended: Number(key.suspended),
    updated_at_ms: key.updatedAtMs,
    client_tokens: toJson(key.clientTokens ?? null),
    client_tokens_valid_from_ms: key.clientTokensValidFromMs ?? null,
    addresses: toJson(key.addresses ?? null),
    meta: toJson(key.meta ?? null),
    tags: toJson(key.tags ?? null),
    limit_name: key.limit?.name ?? null,
    limit_by: key.limit?.by ?? null,
    quota_requests: key.quota?.requests ?? null,
    quota_period: key.quota?.period ?? null,
    quota_renews_at_ms: key.quotaRenewsAtMs ?? null,
  };
}

/** The patterns that a key has in the index of origins: its own, and those of its client tokens. */
export function patternsOf(key: ManagedKey): readonly string[] {
  const ofClientTokens = key.clientTokens?.allowedOrigins ?? [];
  return [...new Set([...(key.allowedOrigins ?? []), ...ofClientTokens])];
}

/** Writes new keys from a JSON array of their columns, which is ?1. */
export const insertKeys = `
    INSERT INTO keys (${keyColumnNames.join(', ')})
    SELECT ${keyColumnNames.map((name) => `value ->> '${name}'`).join(', ')} FROM json_each(?1)`;

/** A key of a row. */
export function toManagedKey(row: ManagedKeyRow): ManagedKey {
  return {
    ...toStoredKey(row, null),
    name: row.name,
    hint: row.hint,
    createdAtMs: row.created_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
    suspended: row.suspended === 1,
    updatedAtMs: row.updated_at_ms ?? row.created_at_ms,
    revokedAtMs: row.revoked_at_ms,
    version: row.version,
  };
}

/** A key of a row with its retiring tokens, the one that ends last first. */
export function toShownKey(row: ShownKeyRow): ShownKey {
  const ends: number[] = JSON.parse(row.retiring_ends_ms);
  return { ...toManagedKey(row), retiringEndsMs: ends.sort((left, right) => right - left) };
}

/** A key of a row with the token that was asked for. */
export function toKeyOfToken(row: KeyOfTokenRow): KeyOfToken {
  return {
    key: toManagedKey(row),
    isRevoked: row.revoked_at_ms !== null,
    tokenExpiresAtMs: row.token_expires_at_ms,
  };
}

/** The columns of a shown key of a table of keys, with its tokens whose grace is not over at a time. */
export function shownColumns(table: string, nowMs: number): Sql {
  return sql(
    `id, name, owner, kind, allowed_origins, full_access, rules, hint, created_at_ms, expires_at_ms,
     enabled, suspended, updated_at_ms, revoked_at_ms, last_used_at_ms, version, client_tokens,
     client_tokens_valid_from_ms, addresses, meta, tags, limit_name, limit_by, quota_requests,
     quota_period, quota_renews_at_ms,
     (SELECT json_group_array(t.expires_at_ms) FROM tokens AS t
       WHERE t.key_id = ${table}.id AND t.expires_at_ms > ? AND ${table}.revoked_at_ms IS NULL
     ) AS retiring_ends_ms`,
    nowMs,
  );
}

/** JSON arrays of rows, each small enough to be bound. A row alone always is. */
export class JsonParts {
  readonly #encoder = new TextEncoder();
  readonly #done: string[] = [];
  #rows: string[] = [];
  #bytes = 0;

  /** Adds a row, which is JSON. */
  add(row: string): void {
    const bytes = this.#encoder.encode(row).length + 1;
    if (this.#bytes + bytes > TEXT_MAX_BYTES) this.#close();
    this.#rows.push(row);
    this.#bytes += bytes;
  }

  /** Returns the arrays; none without rows. */
  end(): readonly string[] {
    this.#close();
    return this.#done;
  }

  #close(): void {
    if (this.#rows.length > 0) this.#done.push(`[${this.#rows.join(',')}]`);
    this.#rows = [];
    this.#bytes = 0;
  }
}

function toJson(value: object | null): string | null {
  return value && JSON.stringify(value);
}
