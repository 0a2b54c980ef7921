/**
 * Reports the failures of stores once a minute for each kind, not once for each request.
 */

/** A failure of a store that operators should know of. */
export interface StorageEvent {
  readonly event: 'database_failed' | 'replica_failed' | 'replica_write_failed' | 'cache_failed';
  readonly error: string;
}

/** Reports a failure, unless one of its kind was reported within the last minute. */
export type LogFailure = (event: StorageEvent['event'], error: unknown) => void;

const REPORT_EVERY_MS = 60 * 1000;

/** A log of failures for one isolate. */
export function createFailureLog(
  log: (event: StorageEvent) => void,
  now: () => number,
): LogFailure {
  const reportedMs = new Map<StorageEvent['event'], number>();
  return (event, error) => {
    const nowMs = now();
    if (nowMs - (reportedMs.get(event) ?? Number.NEGATIVE_INFINITY) < REPORT_EVERY_MS) return;
    reportedMs.set(event, nowMs);
    log({ event, error: error instanceof Error ? error.message : String(error) });
  };
}
