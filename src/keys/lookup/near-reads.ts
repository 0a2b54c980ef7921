/**
 * Reads of a near read replica of D1, within a budget.
 *
 * Only quiet isolates ask one: in a busy one KV is warm, and at a million requests a second D1 could
 * not answer every cold look-up. So each look-up counts against the budget, also those beyond it.
 */

import {
  NEAR_READ_EVERY_MS,
  NEAR_READS_IN_A_ROW,
  NEAR_READS_OFF_MS,
  REPLICA_TIMEOUT_MS,
} from '../limits.ts';
import type { NearAnswer, NearReplica, NearRequest } from '../types.ts';
import type { LogFailure } from './failure-log.ts';
import type { WithTimeout } from './log-reader.ts';

/** Reads of a near replica. Never rejects. */
export interface NearReads {
  /** Counts a look-up. Returns whether it may ask the replica. */
  take(): boolean;
  /** Returns what the replica answers; `null` if it fails or takes too long. */
  read(request: NearRequest): Promise<NearAnswer | null>;
}

/** What near reads are made of. */
export interface NearReadOptions {
  /** `null`: there is none. */
  readonly near: NearReplica | null;
  readonly now: () => number;
  readonly withTimeout: WithTimeout;
  readonly logFailure: LogFailure;
}

/** Near reads of one isolate. */
export function createNearReads({
  near,
  now,
  withTimeout,
  logFailure,
}: NearReadOptions): NearReads {
  let used = 0;
  let usedMs = now();
  let offUntilMs = Number.NEGATIVE_INFINITY;

  return {
    take() {
      const nowMs = now();
      used = Math.max(0, used - Math.max(0, nowMs - usedMs) / NEAR_READ_EVERY_MS);
      usedMs = nowMs;
      const isAllowed = used + 1 <= NEAR_READS_IN_A_ROW;
      // The debt of a busy isolate is bounded, so that it may ask again soon after it has become quiet.
      used = Math.min(used + 1, 2 * NEAR_READS_IN_A_ROW);
      return near !== null && isAllowed && nowMs >= offUntilMs;
    },

    async read(request) {
      try {
        // `take` allows no read without a replica.
        const answer = await withTimeout(near!.read(request), REPLICA_TIMEOUT_MS);
        // Replication is off, so this costs the primary a read and is no faster.
        if (answer.isFromPrimary) offUntilMs = now() + NEAR_READS_OFF_MS;
        return answer;
      } catch (error) {
        logFailure('replica_failed', error);
        return null;
      }
    },
  };
}
