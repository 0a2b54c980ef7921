/**
 * What one isolate knows of the change log, and so whether a copy of something still counts.
 *
 * Holds a window of the log: every line after `windowStart` up to `head`. A copy taken at `seqAt`
 * counts only if the window reaches back to it and holds no later line about its subject. The lease
 * says as of when that is known: the start of the last read of the log that succeeded, by this
 * isolate's own clock. No I/O and no clock in here; times come as arguments.
 */

import { FEED_MEMORY_LINES } from '../core/limits.ts';
import type { ChangeLine, FeedSnapshot, Subject } from './types.ts';

/** See the file's head. A new one vouches for nothing. */
export class ChangeFeed {
  /** The log is known without a gap after this seq. Infinity: not at all. */
  #windowStart = Number.POSITIVE_INFINITY;
  #head: number | null = null;
  #leaseStartMs = Number.NEGATIVE_INFINITY;
  /** The newest line of each subject in the window. */
  readonly #changedAt = new Map<Subject, number>();
  /** The same lines in order, so that the oldest can be dropped. */
  #lines: ChangeLine[] = [];
  #tagKeyHex: string | null = null;
  #hasImportedTokens = true;

  /** The newest seq that is known; `null` before the first read. Polls go on after it. */
  get head(): number | null {
    return this.#head;
  }

  get windowStart(): number {
    return this.#windowStart;
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

  /** Milliseconds since the last successful read of the log started; Infinity before the first. */
  ageMs(nowMs: number): number {
    return nowMs - this.#leaseStartMs;
  }

  /**
   * Whether something that was true at `seqAt` is true at `head`: the window reaches back to it and
   * none of its subjects changed since. This is the only test of a copy's worth, for memory, KV and
   * answers that come late alike.
   */
  vouchesFor(seqAt: number, subjects: readonly Subject[]): boolean {
    if (!(seqAt >= this.#windowStart)) return false;
    for (const subject of subjects) {
      const changedAt = this.#changedAt.get(subject);
      if (changedAt !== undefined && changedAt > seqAt) return false;
    }
    return true;
  }

  /**
   * Takes in a read of the log that started at `startedAtMs`. Reads may arrive in any order, twice,
   * or not at all. One that leaves a gap after what is known starts the window anew, so that copies
   * older than it no longer count.
   */
  apply(snapshot: FeedSnapshot, startedAtMs: number): void {
    if (this.#head === null || snapshot.afterSeq > this.#head) {
      this.#changedAt.clear();
      this.#lines = [];
      this.#windowStart = snapshot.afterSeq;
      this.#head = snapshot.afterSeq;
    }
    for (const line of snapshot.lines) {
      if (line.seq <= this.#head) continue;
      this.#lines.push(line);
      this.#changedAt.set(line.subject, line.seq);
    }
    this.#leaseStartMs = Math.max(this.#leaseStartMs, startedAtMs);
    if (snapshot.head >= this.#head) {
      this.#head = snapshot.head;
      this.#tagKeyHex = snapshot.tagKeyHex;
      this.#hasImportedTokens = snapshot.hasImportedTokens;
    }
    this.#forgetOldest();
  }

  #forgetOldest(): void {
    const surplus = this.#lines.length - FEED_MEMORY_LINES;
    if (surplus <= 0) return;
    // Half of the memory at once, so that trimming is rare.
    for (const { seq, subject } of this.#lines.splice(0, surplus + FEED_MEMORY_LINES / 2)) {
      this.#windowStart = seq;
      if (this.#changedAt.get(subject) === seq) this.#changedAt.delete(subject);
    }
  }
}
