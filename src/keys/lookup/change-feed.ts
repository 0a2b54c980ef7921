/**
 * What one isolate knows of the change log, and so whether a copy of something still counts.
 *
 * Holds a window of the log: its start, and every line after that up to the head. A copy taken at
 * some line counts only if the window holds that very line and no later one about its subject. The
 * lease says as of when the head is known: the start of the last read that saw this very head, by
 * this isolate's own clock. No I/O and no clock in here; times come as arguments.
 */

import { CLOCK_STEP_MS, FEED_MEMORY_LINES, FEED_WINDOW_LINES } from '../limits.ts';
import {
  type ChangeLine,
  type FeedSnapshot,
  LOG_START,
  type LogPosition,
  type Subject,
} from '../types.ts';

/**
 * What came of a read of the log: it goes on from what is known, or it does not. Then the window
 * begins anew, and nothing that was vouched for before counts.
 */
export type FeedProgress = 'continued' | 'restarted';

/** See the file's head. A new one vouches for nothing. */
export class ChangeFeed {
  #isKnown = false;
  #start: LogPosition = LOG_START;
  #head: LogPosition = LOG_START;
  /** The lines after `#start` up to `#head`. */
  #lines: ChangeLine[] = [];
  /** The newest line of each subject among them. */
  readonly #changedAt = new Map<Subject, number>();
  #leaseStartMs = Number.NEGATIVE_INFINITY;
  /** When the head was learnt. What was read after that cannot have an earlier head. */
  #headLearntMs = Number.NEGATIVE_INFINITY;
  #tagKeyHex: string | null = null;
  #hasImportedTokens = true;

  /** Whether there is a window at all. Not before the first read. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** The seq of the newest line that is known; 0 before the first one. */
  get headSeq(): number {
    return this.#head.seq;
  }

  /** The newest line that is known; the place before the first one if there is none. */
  get head(): LogPosition {
    return this.#head;
  }

  /** Lines that are kept in memory. */
  get size(): number {
    return this.#lines.length;
  }

  /** The HMAC key of our tokens' tags; `null` before the first read. */
  get tagKeyHex(): string | null {
    return this.#tagKeyHex;
  }

  /** Whether a token of another form than ours may exist. `true` before the first read. */
  get hasImportedTokens(): boolean {
    return this.#hasImportedTokens;
  }

  /**
   * The age of the lease: milliseconds since the last read of the log that saw the head started.
   * Infinity before the first, and when the clock was set back, because then nobody knows.
   */
  ageMs(nowMs: number): number {
    const ageMs = nowMs - this.#leaseStartMs;
    // Slightly below zero is a request that read the clock before the poll began.
    return ageMs < -CLOCK_STEP_MS ? Number.POSITIVE_INFINITY : ageMs;
  }

  /**
   * Whether something that was true at a line of the log is true at the head. This is the only test
   * of the worth of a copy from outside: from KV, and from D1 when its answer comes late.
   */
  vouchesFor(at: LogPosition, subjects: readonly Subject[]): boolean {
    return this.#holds(at) && !this.hasChangedSince(at.seq, subjects);
  }

  /**
   * Whether one of the subjects changed after a line that this feed vouched for before. `true` also
   * when the window does not reach back that far.
   */
  hasChangedSince(seq: number, subjects: readonly Subject[]): boolean {
    if (!this.#isKnown || seq < this.#start.seq) return true;
    for (const subject of subjects) {
      const changedAt = this.#changedAt.get(subject);
      if (changedAt !== undefined && changedAt > seq) return true;
    }
    return false;
  }

  /**
   * Takes in a read of the log that started at `startedAtMs`. Reads may come in any order, twice, or
   * not at all. One that leaves a gap after what is known, or that tells another history (because D1
   * was restored to an earlier time), starts the window anew: see `FeedProgress`.
   */
  apply(snapshot: FeedSnapshot, startedAtMs: number, nowMs: number): FeedProgress {
    if (nowMs < this.#leaseStartMs - CLOCK_STEP_MS) this.#forgetTimes();
    if (this.#continuesWith(snapshot, startedAtMs)) {
      this.#add(snapshot, startedAtMs, nowMs);
      return 'continued';
    }
    const isOvertaken = startedAtMs < this.#leaseStartMs;
    this.#restartAt(snapshot.after);
    // Two reads at once that tell two histories: nobody knows which is the later, so neither counts.
    if (!isOvertaken) this.#add(snapshot, startedAtMs, nowMs);
    return 'restarted';
  }

  /** What is known, at most a fresh isolate's window of it, to be shared with others. */
  snapshot(): FeedSnapshot | null {
    if (!this.#isKnown || this.#tagKeyHex === null) return null;
    const lines = this.#lines.slice(-FEED_WINDOW_LINES);
    return {
      after: this.#lines.at(-lines.length - 1) ?? this.#start,
      head: this.#head,
      lines,
      tagKeyHex: this.#tagKeyHex,
      hasImportedTokens: this.#hasImportedTokens,
    };
  }

  /** Whether a read and what is known are one history without a gap between them. */
  #continuesWith(snapshot: FeedSnapshot, startedAtMs: number): boolean {
    if (!this.#isKnown) return false;
    // One common line is enough, because a line has one past. The earlier of the heads has to be one.
    if (snapshot.head.seq >= this.#head.seq) {
      return holds(snapshot.after, snapshot.lines, this.#head);
    }
    // An earlier head is an older read that was overtaken; or, when nothing can have overtaken it, a
    // database that went back.
    return this.#holds(snapshot.head) && startedAtMs <= this.#headLearntMs;
  }

  #restartAt(start: LogPosition): void {
    this.#isKnown = false;
    this.#start = start;
    this.#head = start;
    this.#lines = [];
    this.#changedAt.clear();
    this.#forgetTimes();
  }

  /** Takes the older lines of a read that reaches back further. It holds the head, so all of ours. */
  #reachBackTo({ after, lines }: FeedSnapshot): void {
    this.#start = after;
    this.#lines = lines.filter(({ seq }) => seq <= this.#head.seq);
    for (const { subject, seq } of this.#lines) this.#changedAt.set(subject, seq);
  }

  #forgetTimes(): void {
    this.#leaseStartMs = Number.NEGATIVE_INFINITY;
    this.#headLearntMs = Number.NEGATIVE_INFINITY;
  }

  #add(snapshot: FeedSnapshot, startedAtMs: number, nowMs: number): void {
    this.#isKnown = true;
    // A lease is one of the head. Two reads at once, of which the one that began later saw less: it was
    // overtaken; or D1 was restored between them. So what saw another head than the one that is kept
    // says nothing of how new that is, and nobody's head gets a lease from after such a restore.
    if (snapshot.head.seq < this.#head.seq) return;
    if (snapshot.head.seq > this.#head.seq) this.#leaseStartMs = startedAtMs;
    else this.#leaseStartMs = Math.max(this.#leaseStartMs, startedAtMs);
    if (snapshot.after.seq < this.#start.seq) this.#reachBackTo(snapshot);
    for (const line of snapshot.lines) {
      if (line.seq <= this.#head.seq) continue;
      this.#lines.push(line);
      this.#changedAt.set(line.subject, line.seq);
    }
    if (snapshot.head.seq > this.#head.seq) this.#headLearntMs = nowMs;
    this.#head = snapshot.head;
    this.#tagKeyHex = snapshot.tagKeyHex;
    this.#hasImportedTokens = snapshot.hasImportedTokens;
    this.#forgetOldest();
  }

  #forgetOldest(): void {
    const surplus = this.#lines.length - FEED_MEMORY_LINES;
    if (surplus <= 0) return;
    // Half of the memory at once, so that trimming is rare.
    for (const line of this.#lines.splice(0, surplus + FEED_MEMORY_LINES / 2)) {
      this.#start = line;
      if (this.#changedAt.get(line.subject) === line.seq) this.#changedAt.delete(line.subject);
    }
  }

  #holds(at: LogPosition): boolean {
    return this.#isKnown && holds(this.#start, this.#lines, at);
  }
}

/** Whether a window holds this very line, and not only one with its seq. */
function holds(start: LogPosition, lines: readonly ChangeLine[], at: LogPosition): boolean {
  const line = at.seq === start.seq ? start : lineWithSeq(lines, at.seq);
  return line?.seq === at.seq && line.mark === at.mark;
}

/** A binary search: lines are in order, but seqs may have holes. */
function lineWithSeq(lines: readonly ChangeLine[], seq: number): ChangeLine | undefined {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    // `middle` is below `high`, which is at most the length.
    if (lines[middle]!.seq < seq) low = middle + 1;
    else high = middle;
  }
  return lines[low];
}
