/**
 * The knowledge that one isolate has of the change log, which decides whether a copy still counts.
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
 * The result of a read of the log: it continues the known lines, or it does not. Then a new window starts,
 * and no earlier value is vouched for.
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
  /** The changes beyond a gap after the head; `null` while there is no gap. */
  #ahead: { subjects: Set<Subject>; headSeq: number; learntMs: number } | null = null;
  /** The latest reading of the clock so far. */
  #latestMs = Number.NEGATIVE_INFINITY;
  #tagKeyHex: string | null = null;
  #hasImportedTokens = true;
  readonly #beforeForgetting: ((untilSeq: number) => void)[] = [];

  /** `true` if there is a window: not before the first read. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** The seq of the newest line that is known; 0 before the first one. */
  get headSeq(): number {
    return this.#head.seq;
  }

  /** The newest known line; the place before the first one if no line is known. */
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

  /** `true` if a token of another form than ours may exist, and before the first read. */
  get hasImportedTokens(): boolean {
    return this.#hasImportedTokens;
  }

  /**
   * The age of the lease: milliseconds since the last read of the log that saw the head started.
   * Infinity before the first, and after the clock was set back, because the age is unknown then.
   */
  ageMs(nowMs: number): number {
    const ageMs = nowMs - this.#leaseStartMs;
    // Slightly below zero is a request that read the clock before the poll began.
    return ageMs < -CLOCK_STEP_MS ? Number.POSITIVE_INFINITY : ageMs;
  }

  /**
   * Takes a reading of the clock, which must be fresh: read right after I/O or at a request's start.
   *
   * A reading more than a second behind the latest one ends the lease: the clock was set back, so the age
   * of the lease is unknown. Smaller steps add up to a second to the bound at most.
   */
  noteTime(nowMs: number): void {
    if (nowMs >= this.#latestMs) {
      this.#latestMs = nowMs;
    } else if (nowMs < this.#latestMs - CLOCK_STEP_MS) {
      this.#latestMs = nowMs;
      this.#forgetTimes();
    }
  }

  /** Calls something before lines up to a seq are forgotten, while the log still knows them. */
  beforeForgetting(settle: (untilSeq: number) => void): void {
    this.#beforeForgetting.push(settle);
  }

  /**
   * Returns whether a value that was current at a line of the log is still current at the head. This
   * is the only check that decides whether a copy from KV, or a late answer from D1, may be used.
   */
  vouchesFor(at: LogPosition, subjects: readonly Subject[]): boolean {
    return this.#holds(at) && !this.hasChangedSince(at.seq, subjects);
  }

  /**
   * Returns whether one of the subjects changed after a line that this feed vouched for before. Also `true`
   * if the window does not reach back that far.
   */
  hasChangedSince(seq: number, subjects: readonly Subject[]): boolean {
    if (!this.#isKnown || seq < this.#start.seq) return true;
    for (const subject of subjects) {
      if (this.#ahead?.subjects.has(subject)) return true;
      const changedAt = this.#changedAt.get(subject);
      if (changedAt !== undefined && changedAt > seq) return true;
    }
    return false;
  }

  /**
   * Returns whether something that was true at a line of the log is known to be true no more: a known
   * line after it names one of the subjects, or the window does not hold the line. What was read beyond
   * the window's head is contradicted only by what is known beyond it.
   */
  contradicts(at: LogPosition, subjects: readonly Subject[]): boolean {
    if (at.seq <= this.#head.seq && !this.#holds(at)) return true;
    const ahead = this.#ahead;
    return subjects.some((subject) => {
      if ((this.#changedAt.get(subject) ?? 0) > at.seq) return true;
      return ahead !== null && ahead.headSeq > at.seq && ahead.subjects.has(subject);
    });
  }

  /**
   * Takes in a read of the log that started at `startedAtMs`. Reads may come in any order, twice, or
   * not at all. One that leaves a gap after the known lines, or that shows another history (because D1 was
   * restored to an earlier time), starts a new window: see `FeedProgress`.
   */
  apply(snapshot: FeedSnapshot, startedAtMs: number, nowMs: number): FeedProgress {
    this.noteTime(nowMs);
    if (nowMs < this.#leaseStartMs - CLOCK_STEP_MS) this.#forgetTimes();
    if (this.#continuesWith(snapshot, startedAtMs)) {
      const { headSeq, learntMs } = this.#ahead ?? { headSeq: 0, learntMs: nowMs };
      if (snapshot.head.seq >= headSeq || startedAtMs > learntMs) this.#ahead = null;
      this.#add(snapshot, startedAtMs, nowMs);
      return 'continued';
    }
    const isOvertaken = startedAtMs <= this.#leaseStartMs;
    this.#restartAt(snapshot.after);
    // Two reads at once that show two histories: it is unknown which is later, so neither counts.
    if (!isOvertaken) this.#add(snapshot, startedAtMs, nowMs);
    return 'restarted';
  }

  /** `true` if lines beyond a gap are known, so that a value vouched for at the head may have changed. */
  get hasGap(): boolean {
    return this.#ahead !== null;
  }

  /**
   * Takes note of what a read told that lies beyond a gap. Nothing that it names counts from here on;
   * what the lines in the gap name, `applyPage` tells.
   */
  noteAhead({ lines, after, head }: FeedSnapshot, nowMs: number): void {
    const subjects = this.#ahead?.subjects ?? new Set();
    for (const { subject } of lines) subjects.add(subject);
    const headSeq = Math.max(after.seq, head.seq, this.#ahead?.headSeq ?? 0);
    this.#ahead = { subjects, headSeq, learntMs: nowMs };
  }

  /** Returns whether lines are missing between what is known and what a read of the log tells. */
  lacksLinesBefore(snapshot: FeedSnapshot): boolean {
    return this.#isKnown && snapshot.after.seq > this.#head.seq;
  }

  /**
   * Takes in lines that come after what is known, without any gap, from a line that is known on. The
   * head moves on and the lease stays: all that was committed before the lease's start was known, and
   * still is. Returns `false` if the log does not hold the known line any more; then nothing changes.
   */
  applyPage(lines: readonly ChangeLine[], nowMs: number): boolean {
    // The line before the first one is in no log.
    const isFromStart = this.#head.seq === LOG_START.seq && lines[0]?.seq === 1;
    const first = isFromStart ? LOG_START : lines[0];
    const rest = isFromStart ? lines : lines.slice(1);
    if (first === undefined || !this.#holds(first)) return false;
    const last = rest.at(-1);
    if (last === undefined || last.seq <= this.#head.seq) return true;
    if (!holds(first, rest, this.#head)) return false;
    this.#append(rest);
    this.#head = last;
    // A page may reach beyond the read that it is read for, which began before.
    this.#headLearntMs = nowMs;
    this.#forgetOldest();
    return true;
  }

  /** The known lines, at most a fresh isolate's window of them, to be shared with others. */
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

  /** Returns whether a read and the known lines are one history without a gap between them. */
  #continuesWith(snapshot: FeedSnapshot, startedAtMs: number): boolean {
    if (!this.#isKnown) return false;
    // One common line is enough, because a line has one past. The earlier of the heads has to be one.
    if (snapshot.head.seq >= this.#head.seq) {
      return holds(snapshot.after, snapshot.lines, this.#head);
    }
    // Before the window nothing can be compared. A read that began before that of the lease is older.
    if (snapshot.head.seq < this.#start.seq) return startedAtMs < this.#leaseStartMs;
    // An earlier head is an older read that was overtaken; or, when nothing can have overtaken it, a
    // database that went back.
    return this.#holds(snapshot.head) && startedAtMs <= this.#headLearntMs;
  }

  #restartAt(start: LogPosition): void {
    this.#isKnown = false;
    this.#ahead = null;
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
    // says nothing of how new that is, and no head gets a lease from after such a restore.
    if (snapshot.head.seq < this.#head.seq) return;
    if (snapshot.head.seq > this.#head.seq) this.#leaseStartMs = startedAtMs;
    else this.#leaseStartMs = Math.max(this.#leaseStartMs, startedAtMs);
    if (snapshot.after.seq < this.#start.seq) this.#reachBackTo(snapshot);
    this.#append(snapshot.lines);
    if (snapshot.head.seq > this.#head.seq) this.#headLearntMs = nowMs;
    this.#head = snapshot.head;
    this.#tagKeyHex = snapshot.tagKeyHex;
    this.#hasImportedTokens = snapshot.hasImportedTokens;
    this.#forgetOldest();
  }

  #append(lines: readonly ChangeLine[]): void {
    for (const line of lines) {
      if (line.seq <= this.#head.seq) continue;
      this.#lines.push(line);
      this.#changedAt.set(line.subject, line.seq);
    }
  }

  #forgetOldest(): void {
    const surplus = this.#lines.length - FEED_MEMORY_LINES;
    if (surplus <= 0) return;
    // Half of the memory at once, so that trimming is rare.
    const count = surplus + FEED_MEMORY_LINES / 2;
    // There are more lines than that.
    const untilSeq = this.#lines[count - 1]!.seq;
    for (const settle of this.#beforeForgetting) settle(untilSeq);
    for (const line of this.#lines.splice(0, count)) {
      this.#start = line;
      if (this.#changedAt.get(line.subject) === line.seq) this.#changedAt.delete(line.subject);
    }
  }

  #holds(at: LogPosition): boolean {
    return this.#isKnown && holds(this.#start, this.#lines, at);
  }
}

/** Returns whether a window holds this very line, and not only one with its seq. */
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
