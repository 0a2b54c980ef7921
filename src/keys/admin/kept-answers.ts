/**
 * Answers to requests that carried an Idempotency-Key, kept in the batch of the change, so that a
 * repeated request finds either the answer or an unchanged database.
 */

import { isUnchanged } from './rows.ts';
import type { ChangeNote, KeptAnswer, KeptAnswers, ManagedKey } from './types.ts';

const EXPIRED_ANSWERS_PER_CHANGE = 100;

const sql = {
  dropExpired: `
    DELETE FROM idempotency
     WHERE expires_at_ms <= ?3 AND (caller, key_hash) IN (
             VALUES (?1, ?2) UNION ALL
             SELECT * FROM (SELECT caller, key_hash FROM idempotency
                             WHERE expires_at_ms <= ?3 LIMIT ${EXPIRED_ANSWERS_PER_CHANGE}))`,
  // Without a key to ask for, the answer is to an import, which adds everything or nothing.
  keep: `
    INSERT INTO idempotency (caller, key_hash, request_hash, answer, sealed_token, expires_at_ms)
    SELECT ?3, ?4, ?5, ?6, ?7, ?8 WHERE ?1 IS NULL OR ${isUnchanged}`,
  kept: `
    SELECT caller, key_hash, request_hash, answer, sealed_token, expires_at_ms FROM idempotency
     WHERE caller = ?1 AND key_hash = ?2 AND expires_at_ms > ?3`,
} as const;

interface AnswerRow {
  caller: string;
  key_hash: string;
  request_hash: string;
  answer: string;
  sealed_token: string | null;
  expires_at_ms: number;
}

/** The kept answers in this D1. */
export function createKeptAnswers(db: D1Database): KeptAnswers {
  return {
    async find(caller, keyHash, nowMs) {
      const row = await db
        .withSession('first-primary')
        .prepare(sql.kept)
        .bind(caller, keyHash, nowMs)
        .first<AnswerRow>();
      return row && toKeptAnswer(row);
    },
  };
}

/** Keeps the answer of a change, if the request wants one kept. `null`: of a change to no single key. */
export function answerStatements(
  db: D1Database,
  key: Pick<ManagedKey, 'id' | 'version'> | null,
  { answer, atMs }: Pick<ChangeNote, 'answer' | 'atMs'>,
): readonly D1PreparedStatement[] {
  if (answer === null) return [];
  const { caller, keyHash, requestHash, sealedToken, expiresAtMs } = answer;
  return [
    db.prepare(sql.dropExpired).bind(caller, keyHash, atMs),
    db
      .prepare(sql.keep)
      .bind(
        key?.id ?? null,
        key?.version ?? null,
        caller,
        keyHash,
        requestHash,
        answer.answer,
        sealedToken,
        expiresAtMs,
      ),
  ];
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
