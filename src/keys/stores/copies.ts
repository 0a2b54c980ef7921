/**
 * The copies that KV is due, in D1: what they hold, and which of them were not confirmed. All SQL of
 * replication is in this file.
 */

import type { StoredKey } from '../../core/key/key.ts';
import { LOG_START, type LogPosition } from '../types.ts';
import { type KeyByTokenRow, keysOfTokens, toStoredKey } from './d1.ts';

/** A KV copy that was not confirmed yet. */
export interface DueReplicaWrite {
  readonly tokenHash: string;
  readonly dueSeq: number;
}

/** Keys by their tokens' hashes, as they were at a line of the log. `null`: it must not work. */
export interface KeyCopies {
  readonly at: LogPosition;
  readonly keys: ReadonlyMap<string, StoredKey | null>;
}

/** The copies that KV is due. All reject when D1 cannot be reached. */
export interface CopySource {
  /** Reads the copies that KV has to hold of these tokens, at one line of the log. */
  readCopies(tokenHashes: readonly string[]): Promise<KeyCopies>;
  /** KV copies that became due before a time and were not confirmed. */
  dueReplicaWrites(dueBeforeMs: number, limit: number): Promise<readonly DueReplicaWrite[]>;
  /** Notes that KV has taken copies of these tokens that were true at `seqAt`. */
  confirmReplicaWrites(tokenHashes: readonly string[], seqAt: number): Promise<void>;
}

const sql = {
  newestLine: `SELECT seq, mark FROM changes ORDER BY seq DESC LIMIT 1`,
  keysByTokens: `
    ${keysOfTokens}
     WHERE t.token_hash IN (SELECT value FROM json_each(?1)) AND k.revoked_at_ms IS NULL`,
  dueReplicaWrites: `
    SELECT token_hash, due_seq FROM replica_writes WHERE due_at_ms <= ?1
     ORDER BY token_hash LIMIT ?2`,
  confirmReplicaWrites: `
    DELETE FROM replica_writes
     WHERE token_hash IN (SELECT value FROM json_each(?1)) AND due_seq <= ?2`,
} as const;

/** Copies from this D1. Reads go to the primary: a copy has to say which log line it holds. */
export function createCopySource(db: D1Database): CopySource {
  const primary = () => db.withSession('first-primary');

  return {
    async readCopies(tokenHashes) {
      // One batch is one transaction: the keys are those of the line.
      const [newest, found] = await primary().batch([
        db.prepare(sql.newestLine),
        db.prepare(sql.keysByTokens).bind(JSON.stringify(tokenHashes)),
      ]);
      const keys = new Map<string, StoredKey | null>(tokenHashes.map((hash) => [hash, null]));
      for (const row of (found?.results ?? []) as KeyByTokenRow[]) {
        keys.set(row.token_hash, toStoredKey(row, row.token_expires_at_ms));
      }
      return { at: (newest?.results[0] as LogPosition | undefined) ?? LOG_START, keys };
    },

    async dueReplicaWrites(dueBeforeMs, limit) {
      const { results } = await primary()
        .prepare(sql.dueReplicaWrites)
        .bind(dueBeforeMs, limit)
        .all<{ token_hash: string; due_seq: number }>();
      return results.map((row) => ({ tokenHash: row.token_hash, dueSeq: row.due_seq }));
    },

    async confirmReplicaWrites(tokenHashes, seqAt) {
      const hashes = JSON.stringify(tokenHashes);
      await primary().prepare(sql.confirmReplicaWrites).bind(hashes, seqAt).run();
    },
  };
}
