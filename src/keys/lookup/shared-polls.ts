/**
 * Polls of the change log that the isolates of a data centre share through the Cache API: reads those of
 * the neighbours, and leaves this isolate's own.
 *
 * A shared poll is older than one's own, and its age is counted into the bound on staleness.
 */

import { isWithin } from '../../core/time.ts';
import {
  FEED_CACHE_LONG_SECONDS,
  FEED_CACHE_MARGIN_MS,
  FEED_CACHE_READS_IN_VAIN,
  FEED_CACHE_SECONDS,
  FEED_CACHE_SLOWEST_POLL_MS,
  FEED_CACHE_TIMEOUT_MS,
} from '../limits.ts';
import type { FeedCache, FeedSnapshot, SharedEntry, SharedPoll, WithTimeout } from '../types.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { LogFailure } from './failure-log.ts';
import type { RunInBackground } from './request-scope.ts';

/** The parts of shared polls. */
export interface SharedPollsOptions {
  readonly feed: ChangeFeed;
  readonly feedCache: FeedCache;
  readonly now: () => number;
  readonly withTimeout: WithTimeout;
  readonly logFailure: LogFailure;
  readonly refreshMs: number;
  readonly maxStalenessMs: number;
  /** Takes a read of the log into the feed. */
  readonly takeIn: (snapshot: FeedSnapshot, startedAtMs: number) => unknown;
}

/**
 * The greatest age of a shared poll when it is read: the time that it took, its time in the cache, and a
 * margin for caches that count in whole seconds.
 */
export const SHARED_POLL_AGE_MS =
  FEED_CACHE_SLOWEST_POLL_MS + FEED_CACHE_SECONDS * 1000 + FEED_CACHE_MARGIN_MS;

/** The same for the entry that lives longer. */
export const LONG_SHARED_POLL_AGE_MS =
  FEED_CACHE_SLOWEST_POLL_MS + FEED_CACHE_LONG_SECONDS * 1000 + FEED_CACHE_MARGIN_MS;

/** For a poll that takes longer than the one before, and for the write to the cache. */
const REPLACE_MARGIN_MS = 250;

/** See the file's head. One isolate has one. */
export class SharedPolls {
  readonly #options: SharedPollsOptions;
  /** A shared poll has to spare an isolate its own one. */
  readonly #isOn: boolean;
  #sharedMs = Number.NEGATIVE_INFINITY;
  /** The start of the poll that this isolate shared last; `null` once it has found a neighbour's. */
  #ownStartMs: number | null = null;
  #readsInVain = 0;
  /** `null` before it is known. */
  #hasCache: boolean | null = null;

  constructor(options: SharedPollsOptions) {
    this.#options = options;
    this.#isOn = options.refreshMs > SHARED_POLL_AGE_MS;
  }

  /** Takes in the shared poll, if there is one and it helps. Never rejects. */
  async read(): Promise<void> {
    if (!this.#isOn) return;
    const { withTimeout, logFailure } = this.#options;
    try {
      await withTimeout(this.#readEntries(), FEED_CACHE_TIMEOUT_MS);
    } catch (error) {
      logFailure('cache_failed', error);
    }
  }

  /**
   * Returns whether a shared poll is likely to be found: `false` if the last requests that needed one
   * found none. They ask D1 at once then, beside the cache.
   */
  hasNeighbours(): boolean {
    return this.#isOn && this.#readsInVain < FEED_CACHE_READS_IN_VAIN;
  }

  /**
   * Returns whether the Cache API stores anything, which it does not on workers.dev. It is asked for the
   * entry that this isolate has just put there. Never rejects.
   */
  async isCacheUsable(): Promise<boolean> {
    if (!this.#isOn) return false;
    const { now, withTimeout, logFailure } = this.#options;
    const hasJustShared = isWithin(now(), this.#sharedMs, (FEED_CACHE_LONG_SECONDS - 1) * 1000);
    if (this.#hasCache === null && hasJustShared) {
      try {
        const deadlineMs = now() + FEED_CACHE_TIMEOUT_MS;
        const read = this.#readEntry('long', LONG_SHARED_POLL_AGE_MS, deadlineMs);
        await withTimeout(read, FEED_CACHE_TIMEOUT_MS);
        this.#hasCache ??= false;
      } catch (error) {
        logFailure('cache_failed', error);
        return false;
      }
    }
    return this.#hasCache !== false;
  }

  /**
   * Shares the log with the data centre's other isolates, as often as an entry of the cache expires.
   *
   * The age of what is shared is the lease's, not that of the read that has just ended: if another
   * read overtook that one, the snapshot is as old as the lease says.
   */
  shareInBackground(runInBackground: RunInBackground): void {
    const { feed, now } = this.#options;
    const nowMs = now();
    const ageMs = feed.ageMs(nowMs);
    if (!this.#isOn || ageMs > FEED_CACHE_SLOWEST_POLL_MS) return;
    if (isWithin(nowMs, this.#sharedMs, FEED_CACHE_SECONDS * 1000)) return;
    const snapshot = feed.snapshot();
    if (!snapshot) return;
    this.#sharedMs = nowMs;
    this.#ownStartMs = nowMs - ageMs;
    runInBackground(this.#share({ feed: snapshot, startedAtMs: nowMs - ageMs }));
  }

  /**
   * Returns in how many milliseconds a poll that takes `tripMs` has to start, so that it replaces this
   * isolate's entry before that expires. Infinity if the entry is a neighbour's, or if there seem to be
   * no neighbours.
   */
  replaceInMs(tripMs: number): number {
    if (this.#ownStartMs === null || !this.hasNeighbours()) return Number.POSITIVE_INFINITY;
    const expiresMs = this.#sharedMs + FEED_CACHE_LONG_SECONDS * 1000;
    const takesMs = Math.min(tripMs, FEED_CACHE_SLOWEST_POLL_MS) + REPLACE_MARGIN_MS;
    return expiresMs - takesMs - this.#options.now();
  }

  async #share(poll: SharedPoll): Promise<void> {
    const { feedCache, withTimeout, logFailure } = this.#options;
    try {
      await withTimeout(feedCache.put(poll), FEED_CACHE_TIMEOUT_MS);
    } catch (error) {
      logFailure('cache_failed', error);
    }
  }

  async #readEntries(): Promise<void> {
    const { feed, now, maxStalenessMs } = this.#options;
    const deadlineMs = now() + FEED_CACHE_TIMEOUT_MS;
    const reading = [this.#readEntry('short', SHARED_POLL_AGE_MS, deadlineMs)];
    // The other one is for those that would have to wait for D1. They read both at once.
    const isOver = feed.ageMs(now()) >= maxStalenessMs;
    const isYoungEnough = LONG_SHARED_POLL_AGE_MS < maxStalenessMs;
    if (isOver && isYoungEnough) {
      reading.push(this.#readEntry('long', LONG_SHARED_POLL_AGE_MS, deadlineMs));
    }
    const found = await Promise.all(reading);
    if (found.includes(true)) this.#readsInVain = 0;
    else if (isOver) this.#readsInVain += 1;
  }

  /** Takes in an entry. Returns whether the cache had it. */
  async #readEntry(name: SharedEntry, ageMs: number, deadlineMs: number): Promise<boolean> {
    const { feed, feedCache, now, takeIn } = this.#options;
    const readMs = now();
    const poll = await feedCache.get(name);
    const nowMs = now();
    feed.noteTime(nowMs);
    // Too late: the cache has been given up.
    if (!poll || nowMs >= deadlineMs) return false;
    this.#hasCache = true;
    if (poll.startedAtMs !== this.#ownStartMs) this.#ownStartMs = null;
    // The cache bounds an entry's age, unless it took long to store it. The writer's clock can only
    // take trust away: it is never used to call a poll younger than the cache allows.
    if (readMs - poll.startedAtMs > ageMs - FEED_CACHE_MARGIN_MS) return false;
    // An entry holds no more than a window. Older lines that are missing are only in D1.
    if (!feed.lacksLinesBefore(poll.feed)) takeIn(poll.feed, readMs - ageMs);
    return true;
  }
}
