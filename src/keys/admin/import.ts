/**
 * Import: many keys in one batch, all of them or none. Its statements read the keys from JSON arrays, so
 * that a thousand keys take a handful of statements.
 */

import { answerStatements } from './kept-answers.ts';
import { insertKeys, keyColumns, NEVER_MS, patternsOf, toJsonParts } from './rows.ts';
import type { ImportedKey, KeyImport } from './types.ts';

const sql = {
  importTokens: `
    INSERT INTO tokens (token_hash, key_id, created_at_ms, imported)
    SELECT value ->> 'token_hash', value ->> 'id', ?2, value ->> 'is_foreign' FROM json_each(?1)`,
  importOrigins: `
    INSERT INTO origins (pattern, expires_at_ms, key_id)
    SELECT origin.value, coalesce(row.value ->> 'expires_at_ms', ${NEVER_MS}), row.value ->> 'id'
      FROM json_each(?1) AS row, json_each(row.value ->> 'patterns') AS origin`,
  logImportedPatterns: `
    INSERT INTO changes (pattern, changed_at_ms)
    SELECT DISTINCT origin.value, ?2
      FROM json_each(?1) AS row, json_each(row.value ->> 'patterns') AS origin`,
  logImportedTokens: `
    INSERT INTO changes (token_hash, changed_at_ms)
    SELECT value ->> 'token_hash', ?2 FROM json_each(?1)`,
  dueImportedTokens: `
    INSERT INTO replica_writes (token_hash, due_seq, due_at_ms)
    SELECT value ->> 'token_hash', (SELECT max(seq) FROM changes), ?2 FROM json_each(?1)`,
  auditImport: `
    INSERT INTO audit (at_ms, actor, action, key_id, owner, after, request_id)
    SELECT ?2, ?3, 'import', value ->> 'id', value ->> 'owner', value ->> 'after', ?4
      FROM json_each(?1)`,
} as const;

/** Import into this D1. */
export function createKeyImport(db: D1Database): KeyImport {
  return {
    async insertImported(keys, note) {
      const { atMs, actor, requestId } = note;
      const forEachPart = (text: string, ...values: (string | number)[]) =>
        parts.map((part) => db.prepare(text).bind(part, ...values));
      const parts = toJsonParts(keys.map(toImportRow));
      await db
        .withSession('first-primary')
        .batch([
          ...forEachPart(insertKeys),
          ...forEachPart(sql.importTokens, atMs),
          ...forEachPart(sql.importOrigins),
          ...forEachPart(sql.logImportedPatterns, atMs),
          ...forEachPart(sql.logImportedTokens, atMs),
          ...forEachPart(sql.dueImportedTokens, atMs),
          ...forEachPart(sql.auditImport, atMs, actor, requestId),
          ...answerStatements(db, null, note),
        ]);
    },
  };
}

function toImportRow({ key, tokenHash, isForeign, after }: ImportedKey): string {
  return JSON.stringify({
    ...keyColumns(key),
    patterns: patternsOf(key),
    token_hash: tokenHash,
    is_foreign: Number(isForeign),
    after,
  });
}
