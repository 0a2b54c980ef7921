/**
 * Keeps one isolate's change feed up to date, from D1's primary and from polls that the data centre's
 * isolates share (`shared-polls.ts`), and knows when D1 is out of reach.
 *
 * Everything that is under way is known by when it began, never by a flag: the request that began it
 * may die before it could clear one.
 */

import { isWithin } from '../../core/time.ts';
import { ASK_TWICE_TRIP_MS, DATABASE_BACKOFF_MS, DATABASE_TIMEOUT_MS } from '../limits.ts';
import type {
  DatabaseAnswer,
  DatabaseRequest,
  FeedCache,
  FeedSnapshot,
  KeyDatabase,
  LogPosition,
  WithTimeout,
} from '../types.ts';
import type { ChangeFeed, FeedProgress } from './change-feed.ts';
import type { LogFailure } from './failure-log.ts';
import type { RunInBackground } from './request-scope.ts';
import { SharedPolls } from './shared-polls.ts';

/** The parts of a reader of the log. */
export interface LogReaderOptions {
  readonly feed: ChangeFeed;
  readonly database: KeyDatabase;
  readonly feedCache: FeedCache;
  readonly now: () => number;
  readonly withTimeout: WithTimeout;
  readonly logFailure: LogFailure;
  /** Called when the values that were remembered under the log so far no longer count. */
  readonly onRestart: () => void;
  readonly refreshMs: number;
  readonly maxStalenessMs: number;
}

/** Behind every line: D1 answers with its newest one and no other. */
const NEWEST_LINE_ALONE = Number.MAX_SAFE_INTEGER;

/** Answers that wait for the log to be read up to them. */
const ANSWERS_WAITING = 1_000;

/** See the file's head. One isolate has one. None of its methods rejects. */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #shared: SharedPolls;
  /** Neither a slow answer nor the memory of a failure may outlast what the bound allows. */
  readonly #timeoutMs: number;
  readonly #downMs: number;
  #pollBeginMs = Number.NEGATIVE_INFINITY;
  #succeededBeginMs = Number.NEGATIVE_INFINITY;
  #failedBeginMs = Number.NEGATIVE_INFINITY;
  #pageBeginMs = Number.NEGATIVE_INFINITY;
  #tripMs = Number.POSITIVE_INFINITY;
  #waiting: { readonly at: LogPosition; readonly remember: () => void }[] = [];
  /** A restored D1 that is asked for the lines after a lost one returns only its newest line. */
  #isWindowShort = false;

  constructor(options: LogReaderOptions) {
    const { maxStalenessMs } = options;
    this.#options = options;
    this.#timeoutMs = Math.min(DATABASE_TIMEOUT_MS, maxStalenessMs);
    this.#downMs = Math.min(DATABASE_TIMEOUT_MS + DATABASE_BACKOFF_MS, maxStalenessMs);
    this.#shared = new SharedPolls({
      ...options,
      takeIn: (snapshot, startedAtMs) => this.#takeIn(snapshot, startedAtMs),
    });
  }

  /**
   * One round trip to D1's primary, which also reads the log; `null` if D1 is out of reach. The log is
   * left for the data centre's other isolates, if there is a request to leave work behind.
   */
  async read(
    asked: Pick<DatabaseRequest, 'tokenHash' | 'patterns'>,
    runInBackground: RunInBackground | null,
  ): Promise<DatabaseAnswer | null> {
    const { feed, database, now } = this.#options;
    const beganMs = now();
    this.#pollBeginMs = beganMs;
    const isWhole = !feed.isKnown || this.#isWindowShort;
    const isCatchingUp = !isWhole && isWithin(beganMs, this.#pageBeginMs, this.#timeoutMs);
    const fromSeq = isCatchingUp ? NEWEST_LINE_ALONE : feed.headSeq;
    const answer = await this.#ask(() =>
      database.read({ ...asked, fromSeq: isWhole ? null : fromSeq }),
    );
    if (answer === null) return null;
    this.#tripMs = now() - beganMs;
    if (this.#pollBeginMs === beganMs) this.#pollBeginMs = Number.NEGATIVE_INFINITY;
    if (feed.lacksLinesBefore(answer.feed)) {
      feed.noteAhead(answer.feed, now());
      // The answer is D1's, and true whatever the log holds. So no request waits for the pages.
      if (isCatchingUp) return answer;
      const caughtUp = this.#catchUp(answer.feed, beganMs);
      if (runInBackground) runInBackground(caughtUp);
      else await caughtUp;
      return answer;
    }
    const progress = this.#takeIn(answer.feed, beganMs);
    if (isWhole || progress === 'restarted') this.#isWindowShort = !isWhole;
    if (runInBackground) this.#shared.shareInBackground(runInBackground);
    return answer;
  }

  /**
   * Remembers an answer of D1 that is ahead of the known log, once the lines between have been read. It
   * is forgotten if they cannot be read.
   */
  rememberLater(at: LogPosition, remember: () => void): void {
    if (this.#waiting.length < ANSWERS_WAITING) this.#waiting.push({ at, remember });
  }

  /**
   * Takes in the data centre's shared poll, if there is one and it helps. A request that would wait for
   * D1 accepts an older one.
   */
  readShared(): Promise<void> {
    return this.#shared.read();
  }

  /** See `SharedPolls.hasNeighbours`. */
  hasNeighbours(): boolean {
    return this.#shared.hasNeighbours();
  }

  /** See `SharedPolls.isCacheUsable`. */
  isCacheUsable(): Promise<boolean> {
    return this.#shared.isCacheUsable();
  }

  /** See `SharedPolls.replaceInMs`. */
  replaceSharedInMs(): number {
    return this.#shared.replaceInMs(this.#tripMs);
  }

  /** Polls the log now, unless a read of it is under way. A neighbour's poll will do if `isLast` is not set. */
  async poll(runInBackground: RunInBackground, isLast = false): Promise<void> {
    const { now } = this.#options;
    if (isWithin(now(), this.#pollBeginMs, this.#timeoutMs)) return;
    this.#pollBeginMs = now();
    if (isLast) await this.read({}, runInBackground);
    else await this.#pollNow(runInBackground);
  }

  /** Polls the log behind a request, unless a read of it is under way. */
  pollInBackground(nowMs: number, runInBackground: RunInBackground): void {
    if (isWithin(nowMs, this.#pollBeginMs, this.#timeoutMs)) return;
    this.#pollBeginMs = nowMs;
    runInBackground(this.#pollNow(runInBackground));
  }

  /**
   * Returns whether a read of D1 that began within the last few seconds failed, and no later one
   * succeeded. It is then not worth waiting for another one. After these seconds it is unknown.
   */
  isDatabaseDown(nowMs: number): boolean {
    const isLastFailed = this.#failedBeginMs > this.#succeededBeginMs;
    return isLastFailed && isWithin(nowMs, this.#failedBeginMs, this.#downMs);
  }

  /**
   * Returns how long the last read that D1 answered took, in milliseconds; infinity before the first. An
   * overloaded D1 seems far away, and so is asked less.
   */
  databaseTripMs(): number {
    return this.#tripMs;
  }

  /**
   * Returns whether a request that waits for D1 alone asks it twice at once: if D1 is far away but well,
   * and no other read of this isolate is on its way.
   */
  isWorthAskingTwice(): boolean {
    const isAsked = isWithin(this.#options.now(), this.#pollBeginMs, this.#timeoutMs);
    if (isAsked || this.#failedBeginMs > this.#succeededBeginMs) return false;
    return this.#tripMs >= ASK_TWICE_TRIP_MS.least && this.#tripMs <= ASK_TWICE_TRIP_MS.most;
  }

  /** Asks D1, and notes whether it answered in time; `null` if it did not. */
  async #ask<Result>(question: () => Promise<Result>): Promise<Result | null> {
    const { feed, now, withTimeout, logFailure } = this.#options;
    const beganMs = now();
    try {
      const result = await withTimeout(question(), this.#timeoutMs);
      feed.noteTime(now());
      this.#succeededBeginMs = Math.max(this.#succeededBeginMs, beganMs);
      return result;
    } catch (error) {
      this.#failedBeginMs = Math.max(this.#failedBeginMs, beganMs);
      logFailure('database_failed', error);
      return null;
    }
  }

  /**
   * Reads the lines between the known ones and those of a read of D1, page by page, so that memory keeps
   * everything that they do not name. The lines that were read count even if this ends early: the next
   * read continues from there. If D1 no longer has the known line, a new window starts.
   */
  async #catchUp(newest: FeedSnapshot, startedAtMs: number): Promise<void> {
    const { feed, database, now } = this.#options;
    while (feed.lacksLinesBefore(newest)) {
      this.#pageBeginMs = now();
      const fromSeq = feed.headSeq;
      const lines = await this.#ask(() => database.readLines(fromSeq));
      if (lines === null) return;
      if (!feed.applyPage(lines, now())) break;
    }
    this.#pageBeginMs = Number.NEGATIVE_INFINITY;
    if (this.#takeIn(newest, startedAtMs) === 'restarted') this.#isWindowShort = true;
    // Answers that arrived while the pages were read are ahead of the log once more.
    if (this.#waiting.some(({ at }) => at.seq > feed.headSeq)) await this.read({}, null);
    const remembering = this.#waiting;
    this.#waiting = [];
    for (const { remember } of remembering) remember();
  }

  #takeIn(snapshot: FeedSnapshot, startedAtMs: number): FeedProgress {
    const { feed, now, onRestart } = this.#options;
    const progress = feed.apply(snapshot, startedAtMs, now());
    if (progress === 'restarted') onRestart();
    return progress;
  }

  async #pollNow(runInBackground: RunInBackground): Promise<void> {
    const { feed, now, refreshMs } = this.#options;
    await this.#shared.read();
    // A neighbour's poll does not show whether D1 can be reached from here.
    const isDue = feed.ageMs(now()) >= refreshMs || this.isDatabaseDown(now());
    if (isDue) await this.read({}, runInBackground);
  }
}
