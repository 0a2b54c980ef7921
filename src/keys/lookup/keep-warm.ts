/**
 * Keeps an isolate's lease young after an allowed request, so that the next request does not wait.
 *
 * One loop runs per isolate, in the background of the request that started it. The next allowed
 * request takes the loop over: it starts one of its own, and the older one ends when it wakes up. So
 * no promise is shared between requests, and a loop whose request died is replaced.
 */

import { BACKGROUND_WORK_MS } from '../../core/limits.ts';
import { isWithin } from '../../core/time.ts';
import { DATABASE_TIMEOUT_MS, FEED_CACHE_TIMEOUT_MS } from '../limits.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { LogReader } from './log-reader.ts';
import type { RunInBackground } from './request-scope.ts';

/** See the file's head. */
export interface KeepWarm {
  /** Starts the loop, or takes it over. To be called with the response of an allowed request. */
  start(runInBackground: RunInBackground): void;
}

/** The parts of a loop. */
export interface KeepWarmOptions {
  readonly feed: ChangeFeed;
  readonly reader: LogReader;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<unknown>;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly refreshMs: number;
  readonly maxStalenessMs: number;
  /** How long after the response it continues. 0: not at all. */
  readonly keepWarmMs: number;
}

/** A busy isolate changes the loop's owner this often, not with each request. */
const TAKE_OVER_MS = 1_000;
/** The ages past the refresh between which isolates poll: spread, so that they share their polls. */
const EARLIEST_MS = 500;
const SPREAD_MS = 2_000;
/** How long before the lease's end a poll has to start. */
const BEFORE_END_MS = 1_500;
/** A younger lease needs no last poll. */
const LAST_POLL_AGE_MS = 2_000;
/** How long the last poll may take, with sharing it. */
const LAST_POLL_MS = DATABASE_TIMEOUT_MS + FEED_CACHE_TIMEOUT_MS;
/** The shortest pause between two polls, for a D1 that fails. */
const PAUSE_MS = 1_000;

/** A loop for one isolate, which does not run yet. */
export function createKeepWarm(options: KeepWarmOptions): KeepWarm {
  const { feed, reader, now, wait, random, refreshMs } = options;
  const keepWarmMs = Math.min(options.keepWarmMs, BACKGROUND_WORK_MS - LAST_POLL_MS);
  const latestMs = options.maxStalenessMs - BEFORE_END_MS;
  let generation = 0;
  let startedMs = Number.NEGATIVE_INFINITY;

  async function keepPolling(own: number, untilMs: number, runInBackground: RunInBackground) {
    for (;;) {
      const dueMs = Math.max(PAUSE_MS, (await pollAgeMs()) - feed.ageMs(now()));
      const leftMs = untilMs - now();
      // A poll that took long was the last one.
      if (leftMs < 0) return;
      await wait(Math.max(0, Math.min(dueMs, leftMs)));
      if (generation !== own) return;
      if (dueMs >= leftMs) {
        // The last poll is as late as it may be, so that its lease lasts.
        if (feed.ageMs(now()) >= LAST_POLL_AGE_MS) await reader.poll(runInBackground, true);
        return;
      }
      // A request may have polled in the meantime.
      if (feed.ageMs(now()) >= refreshMs) await reader.poll(runInBackground);
    }
  }

  /**
   * Without a cache to share, an isolate polls as late as it may. With one, it replaces the entry that it
   * left there before that expires: a neighbour whose lease is over would find none, and wait for D1.
   */
  async function pollAgeMs(): Promise<number> {
    if (!(await reader.isCacheUsable())) return latestMs;
    const replaceAgeMs = Math.max(refreshMs, feed.ageMs(now()) + reader.replaceSharedInMs());
    const spreadAgeMs = refreshMs + EARLIEST_MS + random() * SPREAD_MS;
    return Math.min(replaceAgeMs, spreadAgeMs, latestMs);
  }

  return {
    start(runInBackground) {
      const nowMs = now();
      if (keepWarmMs === 0 || latestMs < PAUSE_MS) return;
      if (isWithin(nowMs, startedMs, TAKE_OVER_MS)) return;
      startedMs = nowMs;
      generation += 1;
      runInBackground(keepPolling(generation, nowMs + keepWarmMs, runInBackground));
    },
  };
}
