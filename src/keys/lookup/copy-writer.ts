/**
 * Writes what D1's primary has answered to KV, for other isolates.
 */

import { BoundedMap } from '../../core/bounded-map.ts';
import { COPIES_IN_MEMORY, COPY_AGAIN_SECONDS } from '../limits.ts';
import type { LogFailure } from './failure-log.ts';

/** Writes a copy, unless this isolate wrote one under the same name within the last minute. */
export type CopyWriter = (name: string, write: () => Promise<void>) => Promise<void>;

/** A writer for one isolate. Never rejects. */
export function createCopyWriter(now: () => number, logFailure: LogFailure): CopyWriter {
  const writtenMs = new BoundedMap<number>(COPIES_IN_MEMORY);
  return async (name, write) => {
    const lastMs = writtenMs.get(name);
    if (lastMs !== undefined && now() - lastMs < COPY_AGAIN_SECONDS * 1000) return;
    writtenMs.set(name, now());
    try {
      await write();
    } catch (error) {
      // Nothing is lost: a missing copy costs the next cold reader a read of D1.
      logFailure('replica_write_failed', error);
    }
  };
}
