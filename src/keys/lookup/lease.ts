/**
 * Decides what an isolate may do by the age of its lease: answer from memory, answer and poll, or
 * read the log first.
 *
 * A poll that becomes due starts in the background of the request that found it due.
 */

import type { ChangeFeed } from './change-feed.ts';
import type { LogReader } from './log-reader.ts';
import type { RequestScope } from './request-scope.ts';

/** See the file's head. One isolate has one. */
export interface Lease {
  /** Returns whether memory may answer now. Starts a poll if one is due. */
  isCurrent(scope: RequestScope): boolean;
  /** Returns whether the log has to be read before memory may answer. */
  isOver(): boolean;
  /** Returns whether a poll is not due yet. */
  isFresh(): boolean;
  /** Returns for how long the lease has been over, in milliseconds; negative while it is not. */
  overMs(): number;
  /**
   * Returns whether a request would wait for D1 in vain. D1 is then tried in the background of the
   * request.
   */
  isDatabaseDown(scope: RequestScope): boolean;
  /** Polls the log in the background, unless a read of it is under way. */
  poll(scope: RequestScope): void;
}

/** The settings that decide how old a lease may get. */
export interface LeaseOptions {
  readonly feed: ChangeFeed;
  readonly reader: LogReader;
  readonly now: () => number;
  readonly refreshMs: number;
  readonly maxStalenessMs: number;
}

/** A lease for one isolate. */
export function createLease(options: LeaseOptions): Lease {
  const { feed, reader, now, refreshMs, maxStalenessMs } = options;

  function ageMs(): number {
    const nowMs = now();
    feed.noteTime(nowMs);
    return feed.ageMs(nowMs);
  }

  return {
    isCurrent(scope) {
      const age = ageMs();
      if (age < refreshMs) return true;
      if (age >= maxStalenessMs) return false;
      reader.pollInBackground(now(), scope.runInBackground);
      return true;
    },
    isOver: () => ageMs() >= maxStalenessMs,
    isFresh: () => ageMs() < refreshMs,
    overMs: () => ageMs() - maxStalenessMs,
    isDatabaseDown(scope) {
      const nowMs = now();
      if (!reader.isDatabaseDown(nowMs)) return false;
      reader.pollInBackground(nowMs, scope.runInBackground);
      return true;
    },
    poll: (scope) => reader.pollInBackground(now(), scope.runInBackground),
  };
}
