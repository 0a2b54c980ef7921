/**
 * Decides whether memory may still answer when the lease is over: only while D1 is out of reach, and only
 * until the outage grace ends. The word of the log comes first here too: memory no longer holds what the
 * log has named.
 */

import { OUTAGE_GRACE_RESTRICTED_SECONDS } from '../limits.ts';
import type { Lease } from './lease.ts';
import type { RequestScope } from './request-scope.ts';

/** A value in memory, and whether it is only the last that was known. */
interface Remembered {
  readonly isStale: boolean;
}

/** Returns what memory may answer now; `undefined` if a look-up is needed. */
export function recallWithinGrace<Found extends Remembered>(
  lease: Lease,
  scope: RequestScope,
  found: Found,
  graceMs: number,
): Found | undefined {
  if (lease.isCurrent(scope)) return found;
  return lease.isDatabaseDown(scope) ? staleWithinGrace(lease, found, graceMs) : undefined;
}

/** Returns what memory may answer right after D1 failed; `undefined` if it may not. */
export function staleWithinGrace<Found extends Remembered>(
  lease: Lease,
  found: Found,
  graceMs: number,
): Found | undefined {
  const overMs = lease.overMs();
  if (overMs < 0) return found;
  return overMs < graceMs ? { ...found, isStale: true } : undefined;
}

/** The grace of what anybody can copy out of a page: restricted keys and client tokens. */
export function publicGraceMs(graceMs: number): number {
  return Math.min(graceMs, OUTAGE_GRACE_RESTRICTED_SECONDS * 1000);
}
