/**
 * Brings changed keys from D1 to KV, and repeats what failed.
 *
 * Who writes a copy, and when, does not matter for safety: a copy carries the line of the log at which
 * D1's primary was read, and readers check it. What never arrives costs cold readers a read of D1.
 */

import { REPLICA_REPAIRS_PER_RUN } from '../limits.ts';
import type { KeyReplica, WithTimeout } from '../types.ts';
import { type CopySource, createCopySource } from './copies.ts';
import { createKeyReplica } from './kv.ts';

/** Writes that are younger are left to the isolate that made the change. In milliseconds. */
const REPAIR_AFTER_MS = 10 * 1000;
/** How long KV may take for one copy. */
const WRITE_TIMEOUT_MS = 10 * 1000;
/** Copies in flight at once; a Worker may have six connections open. */
const CONCURRENCY = 6;

/** The source and the destination of copies. */
export interface ReplicationOptions {
  readonly copies: CopySource;
  readonly replica: KeyReplica;
  readonly now: () => number;
  readonly withTimeout: WithTimeout;
}

/** The parts of replication between these stores. */
export function createReplication(
  { DB, KEYS }: { readonly DB: D1Database; readonly KEYS: KVNamespace },
  { now, withTimeout }: Pick<ReplicationOptions, 'now' | 'withTimeout'>,
): ReplicationOptions {
  return { copies: createCopySource(DB), replica: createKeyReplica(KEYS), now, withTimeout };
}

/**
 * Copies what D1's primary says of a token to KV, a tombstone where it must not work, and notes that
 * it was done. Rejects when D1 or KV do; the copy then stays due.
 */
export async function replicateToken(
  options: ReplicationOptions,
  tokenHash: string,
): Promise<void> {
  const failures = await replicate(options, [tokenHash]);
  if (failures.length > 0) throw failures[0];
}

/**
 * Repeats copies that were not confirmed, a bounded number of them. Returns how many were due, and
 * how many failed again. Rejects when D1 does.
 */
export async function repairReplica(
  options: ReplicationOptions,
): Promise<{ readonly due: number; readonly failed: number }> {
  const due = await options.copies.dueReplicaWrites(
    options.now() - REPAIR_AFTER_MS,
    REPLICA_REPAIRS_PER_RUN,
  );
  if (due.length === 0) return { due: 0, failed: 0 };
  const failures = await replicate(
    options,
    due.map(({ tokenHash }) => tokenHash),
  );
  return { due: due.length, failed: failures.length };
}

/** One read of D1 for all of them, and one write to it for those that KV took. */
async function replicate(
  { copies, replica, withTimeout }: ReplicationOptions,
  tokenHashes: readonly string[],
): Promise<readonly unknown[]> {
  const { at, keys } = await copies.readCopies(tokenHashes);
  const failures: unknown[] = [];
  const taken: string[] = [];
  const waiting = keys.entries();
  async function writeOneAfterTheOther(): Promise<void> {
    for (const [tokenHash, value] of waiting) {
      try {
        await withTimeout(replica.putKey(tokenHash, { value, at }), WRITE_TIMEOUT_MS);
        taken.push(tokenHash);
      } catch (error) {
        failures.push(error);
      }
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, writeOneAfterTheOther));
  if (taken.length > 0) await copies.confirmReplicaWrites(taken, at.seq);
  return failures;
}
