/**
 * Keeps one isolate's change feed up to date, from D1's primary and from polls that the data centre's
 * isolates share, and knows when D1 is out of reach.
 *
 * Everything that is under way is known by when it began, never by a flag: the request that began it
 * may die before it could clear one.
 */

import {
  DATABASE_BACKOFF_MS,
  DATABASE_TIMEOUT_MS,
  FEED_CACHE_LONG_SECONDS,
  FEED_CACHE_MARGIN_MS,
  FEED_CACHE_READS_IN_VAIN,
  FEED_CACHE_SECONDS,
  FEED_CACHE_SLOWEST_POLL_MS,
  FEED_CACHE_TIMEOUT_MS,
} from '../limits.ts';
import type {
  DatabaseAnswer,
  DatabaseRequest,
  FeedCache,
  FeedSnapshot,
  KeyDatabase,
  LogPosition,
  SharedEntry,
  SharedPoll,
} from '../types.ts';
import type { ChangeFeed, FeedProgress } from './change-feed.ts';
import type { LogFailure } from './failure-log.ts';
import type { RunInBackground } from './request-scope.ts';

/** Rejects after so many milliseconds, unless the work is done before. */
export type WithTimeout = <Result>(work: Promise<Result>, timeoutMs: number) => Promise<Result>;

/** What a reader of the log is made of. */
export interface LogReaderOptions {
  readonly feed: ChangeFeed;
  readonly database: KeyDatabase;
  readonly feedCache: FeedCache;
  readonly now: () => number;
  readonly withTimeout: WithTimeout;
  readonly logFailure: LogFailure;
  /** What was remembered under the log so far counts no more. */
  readonly onRestart: () => void;
  readonly refreshMs: number;
  readonly maxStalenessMs: number;
}

/** See the file's head. */
export interface LogReader {
  /**
   * One round trip to D1's primary, which also reads the log; `null` when D1 is out of reach. The
   * log is left for the data centre's other isolates, when there is a request to leave work behind.
   */
  read(
    asked: Pick<DatabaseRequest, 'tokenHash' | 'patterns'>,
    runInBackground: RunInBackground | null,
  ): Promise<DatabaseAnswer | null>;
  /**
   * Remembers an answer of D1 that is ahead of the known log, once the lines between have been read. It
   * is forgotten if they cannot be read.
   */
  rememberLater(at: LogPosition, remember: () => void): void;
  /**
   * Takes in the data centre's shared poll, if there is one and it helps. A request that would wait for
   * D1 accepts an older one.
   */
  readShared(): Promise<void>;
  /**
   * Returns whether a shared poll is likely to be found: `false` if the last requests that needed one
   * found none. They ask D1 at once then, beside the cache.
   */
  hasNeighbours(): boolean;
  /** Polls the log now, unless a read of it is under way. A neighbour's poll will do if `isLast` is not set. */
  poll(runInBackground: RunInBackground, isLast?: boolean): Promise<void>;
  /**
   * Returns whether the Cache API stores anything, which it does not on workers.dev. It is asked for
   * what this isolate has just put there.
   */
  isCacheUsable(): Promise<boolean>;
  /** Polls the log behind a request, unless a read of it is under way. */
  pollInBackground(nowMs: number, runInBackground: RunInBackground): void;
  /**
   * Whether a read of D1 that began within the last few seconds failed, and none since succeeded. It
   * is not worth waiting for another one then. After these seconds nobody knows.
   */
  isDatabaseDown(nowMs: number): boolean;
  /**
   * Returns how long the last read that D1 answered took, in milliseconds; infinity before the first. An
   * overloaded D1 seems far away, and so is asked less.
   */
  databaseTripMs(): number;
}

/**
 * How old a shared poll can be when it is read: what it took, its time in the cache, and a margin for
 * caches that count in whole seconds.
 */
export const SHARED_POLL_AGE_MS =
  FEED_CACHE_SLOWEST_POLL_MS + FEED_CACHE_SECONDS * 1000 + FEED_CACHE_MARGIN_MS;

/** The same for the entry that lives longer. */
export const LONG_SHARED_POLL_AGE_MS =
  FEED_CACHE_SLOWEST_POLL_MS + FEED_CACHE_LONG_SECONDS * 1000 + FEED_CACHE_MARGIN_MS;

/** Behind every line: D1 answers with its newest one and no other. */
const NEWEST_LINE_ALONE = Number.MAX_SAFE_INTEGER;

/** Answers that wait for the log to be read up to them. */
const ANSWERS_WAITING = 1_000;

/** A reader for one isolate. Nothing of it ever rejects. */
export function createLogReader(options: LogReaderOptions): LogReader {
  const { feed, database, feedCache, now, withTimeout, logFailure } = options;
  // A shared poll has to spare an isolate its own one.
  const sharesPolls = options.refreshMs > SHARED_POLL_AGE_MS;
  // Neither a slow answer nor the memory of a failure may outlast what the bound allows.
  const timeoutMs = Math.min(DATABASE_TIMEOUT_MS, options.maxStalenessMs);
  const downMs = Math.min(DATABASE_TIMEOUT_MS + DATABASE_BACKOFF_MS, options.maxStalenessMs);
  let pollBeginMs = Number.NEGATIVE_INFINITY;
  let sharedMs = Number.NEGATIVE_INFINITY;
  let succeededBeginMs = Number.NEGATIVE_INFINITY;
  let failedBeginMs = Number.NEGATIVE_INFINITY;
  let pageBeginMs = Number.NEGATIVE_INFINITY;
  let readsInVain = 0;
  let tripMs = Number.POSITIVE_INFINITY;
  /** `null` before it is known. */
  let hasCache: boolean | null = null;
  let waiting: { readonly at: LogPosition; readonly remember: () => void }[] = [];
  // Asked for what comes after a line that is gone, a restored D1 tells its newest line and no more.
  let isWindowShort = false;

  async function read(
    asked: Pick<DatabaseRequest, 'tokenHash' | 'patterns'>,
    runInBackground: RunInBackground | null,
  ): Promise<DatabaseAnswer | null> {
    const beganMs = now();
    pollBeginMs = beganMs;
    const isWhole = !feed.isKnown || isWindowShort;
    const isCatchingUp = !isWhole && isWithin(beganMs, pageBeginMs, timeoutMs);
    const fromSeq = isCatchingUp ? NEWEST_LINE_ALONE : feed.headSeq;
    const answer = await ask(() => database.read({ ...asked, fromSeq: isWhole ? null : fromSeq }));
    if (answer === null) return null;
    tripMs = now() - beganMs;
    if (pollBeginMs === beganMs) pollBeginMs = Number.NEGATIVE_INFINITY;
    if (feed.lacksLinesBefore(answer.feed)) {
      feed.noteAhead(answer.feed, now());
      // The answer is D1's, and true whatever the log holds. So no request waits for the pages.
      if (isCatchingUp) return answer;
      const caughtUp = catchUp(answer.feed, beganMs);
      if (runInBackground) runInBackground(caughtUp);
      else await caughtUp;
      return answer;
    }
    const progress = takeIn(answer.feed, beganMs);
    if (isWhole || progress === 'restarted') isWindowShort = !isWhole;
    if (runInBackground) shareInBackground(runInBackground);
    return answer;
  }

  /** Asks D1, and notes whether it answered in time; `null` if it did not. */
  async function ask<Result>(question: () => Promise<Result>): Promise<Result | null> {
    const beganMs = now();
    try {
      const result = await withTimeout(question(), timeoutMs);
      feed.noteTime(now());
      succeededBeginMs = Math.max(succeededBeginMs, beganMs);
      return result;
    } catch (error) {
      failedBeginMs = Math.max(failedBeginMs, beganMs);
      logFailure('database_failed', error);
      return null;
    }
  }

  /**
   * Reads the lines between what is known and what a read of D1 told, page by page, so that memory
   * keeps everything that they do not name. What was read counts even if this ends early: the next
   * read continues from there. If D1 no longer has the known line, the window starts anew.
   */
  async function catchUp(newest: FeedSnapshot, startedAtMs: number): Promise<void> {
    while (feed.lacksLinesBefore(newest)) {
      pageBeginMs = now();
      const fromSeq = feed.headSeq;
      const lines = await ask(() => database.readLines(fromSeq));
      if (lines === null) return;
      if (!feed.applyPage(lines)) break;
    }
    pageBeginMs = Number.NEGATIVE_INFINITY;
    if (takeIn(newest, startedAtMs) === 'restarted') isWindowShort = true;
    // Answers that came while the pages were read are ahead of the log once more.
    if (waiting.some(({ at }) => at.seq > feed.headSeq)) await read({}, null);
    const remembering = waiting;
    waiting = [];
    for (const { remember } of remembering) remember();
  }

  function isDatabaseDown(nowMs: number): boolean {
    return failedBeginMs > succeededBeginMs && isWithin(nowMs, failedBeginMs, downMs);
  }

  function takeIn(snapshot: FeedSnapshot, startedAtMs: number): FeedProgress {
    const progress = feed.apply(snapshot, startedAtMs, now());
    if (progress === 'restarted') options.onRestart();
    return progress;
  }

  async function readShared(): Promise<void> {
    if (!sharesPolls) return;
    try {
      await withTimeout(readEntries(), FEED_CACHE_TIMEOUT_MS);
    } catch (error) {
      logFailure('cache_failed', error);
    }
  }

  async function readEntries(): Promise<void> {
    const deadlineMs = now() + FEED_CACHE_TIMEOUT_MS;
    const reading = [readEntry('short', SHARED_POLL_AGE_MS, deadlineMs)];
    // The other one is for those that would have to wait for D1. They read both at once.
    const isOver = feed.ageMs(now()) >= options.maxStalenessMs;
    const isYoungEnough = LONG_SHARED_POLL_AGE_MS < options.maxStalenessMs;
    if (isOver && isYoungEnough) {
      reading.push(readEntry('long', LONG_SHARED_POLL_AGE_MS, deadlineMs));
    }
    const found = await Promise.all(reading);
    if (found.includes(true)) readsInVain = 0;
    else if (isOver) readsInVain += 1;
  }

  /** Takes in an entry. Returns whether there was one. */
  async function readEntry(name: SharedEntry, ageMs: number, deadlineMs: number): Promise<boolean> {
    const readMs = now();
    const poll = await feedCache.get(name);
    const nowMs = now();
    feed.noteTime(nowMs);
    // Too late: the cache has been given up.
    if (!poll || nowMs >= deadlineMs) return false;
    hasCache = true;
    // The cache bounds an entry's age, unless it took long to store it. The writer's clock can only
    // take trust away: it is never used to call a poll younger than the cache allows.
    if (readMs - poll.startedAtMs > ageMs - FEED_CACHE_MARGIN_MS) return false;
    // An entry holds no more than a window. What is missing before it is only in D1.
    if (!feed.lacksLinesBefore(poll.feed)) takeIn(poll.feed, readMs - ageMs);
    return true;
  }

  /**
   * Shares the log with the data centre's other isolates, as often as an entry of the cache expires.
   *
   * The age of what is shared is the lease's, not that of the read that has just ended: if another
   * read overtook that one, the snapshot is as old as the lease says.
   */
  function shareInBackground(runInBackground: RunInBackground): void {
    const nowMs = now();
    const ageMs = feed.ageMs(nowMs);
    if (!sharesPolls || ageMs > FEED_CACHE_SLOWEST_POLL_MS) return;
    if (isWithin(nowMs, sharedMs, FEED_CACHE_SECONDS * 1000)) return;
    const snapshot = feed.snapshot();
    if (!snapshot) return;
    sharedMs = nowMs;
    runInBackground(share({ feed: snapshot, startedAtMs: nowMs - ageMs }));
  }

  async function share(poll: SharedPoll): Promise<void> {
    try {
      await withTimeout(feedCache.put(poll), FEED_CACHE_TIMEOUT_MS);
    } catch (error) {
      logFailure('cache_failed', error);
    }
  }

  async function isCacheUsable(): Promise<boolean> {
    if (!sharesPolls) return false;
    if (hasCache === null && isWithin(now(), sharedMs, (FEED_CACHE_LONG_SECONDS - 1) * 1000)) {
      try {
        const read = readEntry('long', LONG_SHARED_POLL_AGE_MS, now() + FEED_CACHE_TIMEOUT_MS);
        await withTimeout(read, FEED_CACHE_TIMEOUT_MS);
        hasCache ??= false;
      } catch (error) {
        logFailure('cache_failed', error);
        return false;
      }
    }
    return hasCache !== false;
  }

  async function poll(runInBackground: RunInBackground, isLast = false): Promise<void> {
    if (isWithin(now(), pollBeginMs, timeoutMs)) return;
    pollBeginMs = now();
    if (isLast) await read({}, runInBackground);
    else await pollNow(runInBackground);
  }

  async function pollNow(runInBackground: RunInBackground): Promise<void> {
    await readShared();
    // A neighbour's poll tells nothing about whether D1 can be reached from here.
    const isDue = feed.ageMs(now()) >= options.refreshMs || isDatabaseDown(now());
    if (isDue) await read({}, runInBackground);
  }

  return {
    read,
    readShared,
    hasNeighbours: () => sharesPolls && readsInVain < FEED_CACHE_READS_IN_VAIN,
    poll,
    isCacheUsable,

    rememberLater(at, remember) {
      if (waiting.length < ANSWERS_WAITING) waiting.push({ at, remember });
    },

    pollInBackground(nowMs, runInBackground) {
      if (isWithin(nowMs, pollBeginMs, timeoutMs)) return;
      pollBeginMs = nowMs;
      runInBackground(pollNow(runInBackground));
    },

    isDatabaseDown,
    databaseTripMs: () => tripMs,
  };
}

/** Returns whether something began less than `spanMs` ago; `false` if the clock was set back since. */
export function isWithin(nowMs: number, beganMs: number, spanMs: number): boolean {
  const agoMs = nowMs - beganMs;
  return agoMs >= 0 && agoMs < spanMs;
}
