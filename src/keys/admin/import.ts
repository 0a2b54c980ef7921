/**
 * Import: many keys in one batch, all of them or none. Its statements read the keys from JSON arrays, so
 * that a thousand keys take a handful of statements. Each statement gets the members that it needs, since
 * everything that is sent to D1 has to be written as JSON once more.
 *
 * Import makes no copies in KV: the first reader of a key leaves one.
 */

import type { CollectEvents } from './event-outbox.ts';
import { answerStatements } from './kept-answers.ts';
import { batchWithinLimits, ownerLimitStatements } from './owner-limits.ts';
import { insertKeys, keyColumns, NEVER_MS, patternsOf, toJsonParts } from './rows.ts';
import type { KeyImport } from './types.ts';

const sql = {
  tokens: `
    INSERT INTO tokens (token_hash, key_id, created_at_ms, imported)
    SELECT value ->> 'tokenHash', value ->> 'id', ?2, value ->> 'isForeign' FROM json_each(?1)`,
  origins: `
    INSERT INTO origins (pattern, expires_at_ms, key_id)
    SELECT origin.value, row.value ->> 'expiresAtMs', row.value ->> 'id'
      FROM json_each(?1) AS row, json_each(row.value -> 'patterns') AS origin`,
  logPatterns: `
    INSERT INTO changes (pattern, changed_at_ms) SELECT value, ?2 FROM json_each(?1)`,
  logTokens: `
    INSERT INTO changes (token_hash, changed_at_ms)
    SELECT value ->> 'tokenHash', ?2 FROM json_each(?1)`,
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
      const origins = keys.map(({ key }) => ({
        id: key.id,
        expiresAtMs: key.expiresAtMs ?? NEVER_MS,
        patterns: patternsOf(key),
      }));
      const patterns = new Set(origins.flatMap(({ patterns: own }) => own));
      const lines = keys.map(({ key: { id, owner }, after }) => ({ id, owner, after }));
      /** A statement for each part of these rows. */
      const forEachPart = async (
        text: string,
        rows: readonly unknown[],
        ...values: (string | number)[]
      ): Promise<readonly D1PreparedStatement[]> => {
        const texts: string[] = [];
        let written = STEP_CHARACTERS;
        for (const row of rows) {
          if (written >= STEP_CHARACTERS) {
            await pause();
            written = 0;
          }
          const json = JSON.stringify(row);
          written += json.length;
          texts.push(json);
        }
        const parts = toJsonParts(texts);
        return parts.map((part) => db.prepare(text).bind(part, ...values));
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
        ...(await forEachPart(sql.origins, origins)),
        ...(await forEachPart(sql.logPatterns, [...patterns], atMs)),
        ...(await forEachPart(sql.logTokens, tokens, atMs)),
        ...(await forEachPart(sql.audit, lines, atMs, actor, requestId)),
        ...collectEvents(note),
        ...answerStatements(db, null, note),
      ];
      await pause();
      await batchWithinLimits(db.withSession('first-primary'), statements);
    },
  };
}
