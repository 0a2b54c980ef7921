/**
 * The memory of an isolate, which keeps each entry for as long as the change log vouches for it.
 *
 * The log is asked again only when it has grown since it was last asked about an entry, so a hit
 * costs one look-up and one comparison. Bounded like `BoundedMap`, which it is made of.
 */

import { BoundedMap } from '../../core/bounded-map.ts';
import type { LogPosition, Subject } from '../types.ts';
import type { ChangeFeed } from './change-feed.ts';

interface Entry<Value> {
  readonly value: Value;
  readonly subjects: readonly Subject[];
  /** The log's head when it last vouched for this entry. */
  vouchedSeq: number;
}

/** Something to remember: its value, what it is about, and the line at which it was true. */
export interface Memory<Value> {
  readonly value: Value;
  readonly subjects: readonly Subject[];
  readonly at: LogPosition;
  /** In the unit of the map's bound; 1 by default. */
  readonly weight?: number;
}

/** See the file's head. To be cleared when the feed restarts: see `ChangeFeed.apply`. */
export class VouchedMap<Value> {
  readonly #entries: BoundedMap<Entry<Value>>;
  readonly #feed: ChangeFeed;

  constructor(feed: ChangeFeed, maxEntries: number, maxWeight?: number) {
    this.#feed = feed;
    this.#entries = new BoundedMap(maxEntries, maxWeight);
    feed.beforeForgetting((untilSeq) => this.#settle(untilSeq));
  }

  get size(): number {
    return this.#entries.size;
  }

  get weight(): number {
    return this.#entries.weight;
  }

  /** `undefined` for what is not remembered, and for what the log does not vouch for any more. */
  get(name: string): Value | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    if (this.#isVouchedFor(entry)) return entry.value;
    this.#entries.delete(name);
    return undefined;
  }

  /** Remembers something, unless the log does not vouch for it. */
  set(name: string, { value, subjects, at, weight }: Memory<Value>): void {
    if (!this.#feed.vouchesFor(at, subjects)) return;
    this.#entries.set(ownCopy(name), { value, subjects, vouchedSeq: this.#feed.headSeq }, weight);
  }

  delete(name: string): void {
    this.#entries.delete(name);
  }

  clear(): void {
    this.#entries.clear();
  }

  /**
   * Asks the log about every entry that relies on lines which the log is about to forget. So an entry
   * is dropped only if a line names it, however much else has changed.
   */
  #settle(untilSeq: number): void {
    this.#entries.keepOnly((entry) => entry.vouchedSeq >= untilSeq || this.#isVouchedFor(entry));
  }

  #isVouchedFor(entry: Entry<Value>): boolean {
    const { headSeq, hasGap } = this.#feed;
    if (entry.vouchedSeq === headSeq && !hasGap) return true;
    if (this.#feed.hasChangedSince(entry.vouchedSeq, entry.subjects)) return false;
    entry.vouchedSeq = headSeq;
    return true;
  }
}

/**
 * The same text in memory of its own. V8 keeps a part of a string as a reference to the whole, so a
 * token that came in a header of 100 kB would hold all of it in memory.
 */
function ownCopy(text: string): string {
  return ` ${text}`.slice(1);
}
