/**
 * Import: many keys in one batch, all of them or none. Its statements read the keys from JSON arrays, so
 * that a thousand keys take a handful of statements. What a statement can read from rows that one before it
 * has written is not sent again: everything that is sent is written as JSON once more, in one piece, while
 * the isolate answers nothing else.
 *
 * Import makes no copies in KV: the first reader of a key leaves one.
 */

import type { CollectEvents } from './event-outbox.ts';
import { answerStatements } from './kept-answers.ts';
import { batchWithinLimits, ownerLimitStatements } from './owner-limits.ts';
import { insertKeys, JsonParts, keyColumns, NEVER_MS, patternsOf } from './rows.ts';
import type { KeyImport } from './types.ts';

// ?1: the ids of the keys. The order of the joins has to be that of the words.
const patternsOfKeys = ['k.allowed_origins', "k.client_tokens -> 'allowedOrigins'"]
  .map(
    (list) => `
    SELECT pattern.value AS pattern, coalesce(k.expires_at_ms, ${NEVER_MS}) AS expires_at_ms, k.id
      FROM json_each(?1) AS row CROSS JOIN keys AS k ON k.id = row.value
           CROSS JOIN json_each(${list}) AS pattern`,
  )
  .join(' UNION ');

const sql = {
  tokens: `
    INSERT INTO tokens (token_hash, key_id, created_at_ms, imported)
    SELECT value ->> 'tokenHash', value ->> 'id', ?2, value ->> 'isForeign' FROM json_each(?1)`,
  origins: `
    INSERT INTO origins (pattern, expires_at_ms, key_id) ${patternsOfKeys}`,
  logPatterns: `
    INSERT INTO changes (pattern, changed_at_ms)
    SELECT DISTINCT pattern, ?2 FROM (${patternsOfKeys})`,
  logTokens: `
    INSERT INTO changes (token_hash, changed_at_ms)
    SELECT t.token_hash, ?2 FROM json_each(?1) AS row CROSS JOIN tokens AS t ON t.key_id = row.value`,
  audit: `
    INSERT INTO audit (at_ms, actor, action, key_id, owner, after, request_id)
    SELECT ?2, ?3, 'import', value ->> 'id', value ->> 'owner', value ->> 'after', ?4
      FROM json_each(?1)`,
} as const;

/** How much is written as JSON between two pauses: a few milliseconds' work. */
const STEP_CHARACTERS = 256 * 1024;

/** Import into this D1. */
export function createKeyImport(db: D1Database, collectEvents: CollectEvents): KeyImport {
  return {
    async insertImported(keys, note, pause = async () => undefined) {
      const { atMs, actor, requestId } = note;
      const tokens = keys.map(({ key, tokenHash, isForeign }) => ({
        tokenHash,
        id: key.id,
        isForeign: Number(isForeign),
      }));
      const ids = keys.map(({ key }) => key.id);
      const patterns = new Set(keys.flatMap(({ key }) => patternsOf(key)));
      const lines = keys.map(({ key: { id, owner }, after }) => ({ id, owner, after }));
      /** A statement for each part of these rows. */
      const forEachPart = async (
        text: string,
        rows: readonly unknown[],
        ...values: (string | number)[]
      ): Promise<readonly D1PreparedStatement[]> => {
        const parts = new JsonParts();
        let written = STEP_CHARACTERS;
        for (const row of rows) {
          if (written >= STEP_CHARACTERS) {
            await pause();
            written = 0;
          }
          const json = JSON.stringify(row);
          written += json.length;
          parts.add(json);
        }
        return parts.end().map((part) => db.prepare(text).bind(part, ...values));
      };
      const columns = keys.map(({ key }) => keyColumns(key));
      const added = keys.filter(({ key }) => key.expiresAtMs === null || key.expiresAtMs > atMs);
      const statements = [
        ...ownerLimitStatements(db, null, note, {
          lines: patterns.size + tokens.length,
          adds: added.length,
        }),
        ...(await forEachPart(insertKeys, columns)),
        ...(await forEachPart(sql.tokens, tokens, atMs)),
        // A handful of kilobytes, as an import has a thousand keys at most.
        db.prepare(sql.origins).bind(JSON.stringify(ids)),
        db.prepare(sql.logPatterns).bind(JSON.stringify(ids), atMs),
        db.prepare(sql.logTokens).bind(JSON.stringify(ids), atMs),
        ...(await forEachPart(sql.audit, lines, atMs, actor, requestId)),
        ...collectEvents(note),
        ...answerStatements(db, null, note),
      ];
      await pause();
      await batchWithinLimits(db.withSession('first-primary'), statements);
    },
  };
}
