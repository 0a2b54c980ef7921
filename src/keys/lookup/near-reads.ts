/**
 * Decides which instance of D1 is asked beside KV, and reads the near replica.
 *
 * Only quiet isolates ask one: in a busy one KV is warm, and at a million requests a second D1 could
 * not answer every cold look-up. So each look-up counts against the budget, also those beyond it. The
 * primary is asked if it is near, because its answer also renews the lease. A primary that slows down
 * under its load counts as far away.
 */

import {
  NEAR_PRIMARY_MS,
  NEAR_READ_EVERY_MS,
  NEAR_READS_IN_A_ROW,
  NEAR_READS_OFF_MS,
  PRIMARY_BESIDE_KV_MS,
  REPLICA_TIMEOUT_MS,
} from '../limits.ts';
import type { NearAnswer, NearReplica, NearRequest, WithTimeout } from '../types.ts';
import type { LogFailure } from './failure-log.ts';

/** The instance of D1 that a look-up asks beside KV. */
export type NearInstance = 'replica' | 'primary';

/** See the file's head. Never rejects. */
export interface NearReads {
  /** Counts a look-up. Returns whether it may ask an instance of D1 beside KV. */
  take(): boolean;
  /** Returns the instance to ask, given how long a read of the primary takes; `null` if none is near. */
  nearest(primaryTripMs: number): NearInstance | null;
  /** Returns what the replica answers; `null` if it fails or takes too long. */
  read(request: NearRequest): Promise<NearAnswer | null>;
}

/** The parts of near reads. */
export interface NearReadOptions {
  /** `null`: D1 has no read replicas here. */
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
      return isAllowed;
    },

    nearest(primaryTripMs) {
      if (primaryTripMs <= NEAR_PRIMARY_MS) return 'primary';
      if (near !== null && now() >= offUntilMs) return 'replica';
      return primaryTripMs <= PRIMARY_BESIDE_KV_MS ? 'primary' : null;
    },

    async read(request) {
      try {
        // `nearest` names no replica if `near` is null.
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
