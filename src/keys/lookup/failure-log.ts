/**
 * Reports the failures of stores once a minute for each kind, not once for each request.
 */

import type { Log } from '../../log/events.ts';
import { oncePerMinute } from '../../log/once-per-minute.ts';

/** A failure of a store that operators should know of. */
type StoreFailure = 'database_failed' | 'replica_failed' | 'replica_write_failed' | 'cache_failed';

/** Reports a failure, unless one of its kind was reported within the last minute. */
export type LogFailure = (event: StoreFailure, error: unknown) => void;

/** A log of failures for one isolate. */
export function createFailureLog(log: Log, now: () => number): LogFailure {
  const logged = oncePerMinute(log, now);
  return (event, error) =>
    logged({ event, error: error instanceof Error ? error.message : String(error) });
}
