/**
 * Reads keys as management sees them, from D1's primary: one of them, or those of tokens.
 * Pages of the list are in `key-list.ts`, look-ups for the gateway in `stores/d1.ts`.
 */

import {
  type KeyOfTokenRow,
  type ShownKeyRow,
  shownColumns,
  toKeyOfToken,
  toShownKey,
} from './rows.ts';
import type { KeyReads } from './types.ts';
import { prepare, sql } from './windows.ts';

/** A token with its key, alive or not. */
export const keyOfToken = `
  SELECT t.token_hash, k.id, k.name, k.owner, k.kind, k.allowed_origins, k.full_access, k.rules,
         k.hint, k.created_at_ms, k.expires_at_ms, k.enabled, k.suspended, k.updated_at_ms,
         k.last_used_at_ms, k.version,
         k.client_tokens, k.client_tokens_valid_from_ms, k.addresses, k.meta, k.tags, k.limit_name,
         k.limit_by, k.quota_requests, k.quota_period, k.quota_renews_at_ms, k.revoked_at_ms,
         t.expires_at_ms AS token_expires_at_ms
    FROM tokens AS t JOIN keys AS k ON k.id = t.key_id`;

const statements = {
  livingKeys: `
    SELECT id FROM keys
     WHERE revoked_at_ms IS NULL AND id IN (SELECT value FROM json_each(?1))`,
  countTokens: `
    SELECT count(*) AS count FROM tokens
     WHERE key_id = ?1 AND (expires_at_ms IS NULL OR expires_at_ms > ?2)`,
  tagKey: `SELECT value FROM settings WHERE name = 'token_tag_key'`,
} as const;

/** Reads of the keys in this D1. */
export function createKeyReads(db: D1Database): KeyReads {
  const primary = () => db.withSession('first-primary');

  return {
    async find(id, nowMs = 0) {
      const row = await prepare(primary(), [
        sql('SELECT'),
        shownColumns('keys', nowMs),
        sql('FROM keys WHERE id = ?', id),
      ]).first<ShownKeyRow>();
      return row && toShownKey(row);
    },

    async findByToken(tokenHash) {
      const row = await primary()
        .prepare(`${keyOfToken} WHERE t.token_hash = ?1`)
        .bind(tokenHash)
        .first<KeyOfTokenRow>();
      return row && toKeyOfToken(row);
    },

    async findByTokens(tokenHashes) {
      const { results } = await primary()
        .prepare(`${keyOfToken} WHERE t.token_hash IN (SELECT value FROM json_each(?1))`)
        .bind(JSON.stringify(tokenHashes))
        .all<KeyOfTokenRow>();
      return new Map(results.map((row) => [row.token_hash, toKeyOfToken(row)]));
    },

    async livingAmong(ids) {
      const { results } = await primary()
        .prepare(statements.livingKeys)
        .bind(JSON.stringify(ids))
        .all<{ id: string }>();
      return new Set(results.map((row) => row.id));
    },

    async countTokens(id, nowMs) {
      const row = await primary()
        .prepare(statements.countTokens)
        .bind(id, nowMs)
        .first<{ count: number }>();
      return row?.count ?? 0;
    },

    async tagKeyHex() {
      const row = await primary().prepare(statements.tagKey).first<{ value: string }>();
      if (row === null) {
        throw new Error('Cannot find the token tag key in D1: apply schema.sql to the database');
      }
      return row.value;
    },
  };
}
