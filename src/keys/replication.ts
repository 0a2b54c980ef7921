/**
 * Brings changed keys from D1 to KV, and repeats what failed.
 *
 * Who writes a copy, and when, does not matter for safety: a copy carries the seq at which D1's
 * primary was read, and readers check it. What never arrives costs cold readers a read of D1.
 */

import { REPLICA_REPAIRS_PER_RUN } from '../core/limits.ts';
import type { KeyStore } from './d1.ts';
import type { KeyReplica } from './types.ts';

/** Writes that are younger are left to the isolate that made the change. In milliseconds. */
const REPAIR_AFTER_MS = 10 * 1000;
/** Copies in flight at once; a Worker may have six connections open. */
const CONCURRENCY = 6;

/** What replication is made of. */
export interface ReplicationOptions {
  readonly store: KeyStore;
  readonly replica: KeyReplica;
  readonly now: () => number;
}

/**
 * Copies what D1's primary says of a token to KV, a tombstone where it must not work, and notes that
 * it was done. Rejects when D1 or KV do; the copy then stays due.
 */
export async function replicateToken(
  { store, replica }: ReplicationOptions,
  tokenHash: string,
): Promise<void> {
  const copy = await store.readCopy(tokenHash);
  await replica.putKey(tokenHash, copy);
  await store.confirmReplicaWrite(tokenHash, copy.at.seq);
}

/** Repeats copies that were not confirmed. Returns how many were due, and how many failed again. */
export async function repairReplica(
  options: ReplicationOptions,
): Promise<{ readonly due: number; readonly failed: number }> {
  const due = await options.store.dueReplicaWrites(
    options.now() - REPAIR_AFTER_MS,
    REPLICA_REPAIRS_PER_RUN,
  );
  let failed = 0;
  for (let start = 0; start < due.length; start += CONCURRENCY) {
    const results = await Promise.allSettled(
      due
        .slice(start, start + CONCURRENCY)
        .map(({ tokenHash }) => replicateToken(options, tokenHash)),
    );
    failed += results.filter(({ status }) => status === 'rejected').length;
  }
  return { due: due.length, failed };
}
