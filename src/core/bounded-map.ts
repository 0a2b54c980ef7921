/**
 * A map with a bounded number of entries and a bounded estimated size, that keeps what is in use.
 *
 * Eviction is CLOCK, an approximation of least-recently-used that costs nothing on a hit but one
 * assignment: a hand goes round the entries, and one that was read since the hand last passed gets a
 * second round. So a flood of entries that are never read again passes through without driving out
 * those in use. The entries are also in a list, because finding the oldest in a `Map` takes time in
 * proportion to what was deleted before it.
 */

interface Slot<Value> {
  readonly name: string;
  readonly value: Value;
  readonly weight: number;
  /** Its index in the row. */
  place: number;
  isRecent: boolean;
}

/** See the file's head. `maxWeight` is in whatever unit `set` is given. */
export class BoundedMap<Value> {
  readonly #slots = new Map<string, Slot<Value>>();
  #row: Slot<Value>[] = [];
  #hand = 0;
  readonly #maxEntries: number;
  readonly #maxWeight: number;
  #weight = 0;

  constructor(maxEntries: number, maxWeight = Number.POSITIVE_INFINITY) {
    this.#maxEntries = maxEntries;
    this.#maxWeight = maxWeight;
  }

  get size(): number {
    return this.#row.length;
  }

  /** The sum of the entries' weights. */
  get weight(): number {
    return this.#weight;
  }

  get(name: string): Value | undefined {
    const slot = this.#slots.get(name);
    if (slot === undefined) return undefined;
    slot.isRecent = true;
    return slot.value;
  }

  /** Sets an entry, and evicts others until the bounds hold; itself where it is too heavy alone. */
  set(name: string, value: Value, weight = 1): void {
    this.delete(name);
    const slot = { name, value, weight, place: this.#row.length, isRecent: false };
    this.#slots.set(name, slot);
    this.#row.push(slot);
    this.#weight += weight;
    this.#evictFor(slot);
  }

  delete(name: string): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    this.#slots.delete(name);
    this.#weight -= slot.weight;
    // The last of the row moves into the gap. The row is not empty: it holds this slot.
    const last = this.#row.pop()!;
    if (last === slot) return;
    last.place = slot.place;
    this.#row[slot.place] = last;
  }

  /** Deletes every entry whose value fails a test. */
  keepOnly(isKept: (value: Value) => boolean): void {
    // From the end, because a deletion moves the last entry into the gap.
    for (let place = this.#row.length - 1; place >= 0; place--) {
      // The row is at least this long: only entries at or after this place were deleted.
      const slot = this.#row[place]!;
      if (!isKept(slot.value)) this.delete(slot.name);
    }
  }

  clear(): void {
    this.#slots.clear();
    this.#row = [];
    this.#hand = 0;
    this.#weight = 0;
  }

  /** Ends: each step either removes an entry or clears the mark that saved it. */
  #evictFor(newest: Slot<Value>): void {
    while (this.#row.length > this.#maxEntries || this.#weight > this.#maxWeight) {
      if (this.#hand >= this.#row.length) this.#hand = 0;
      // The hand is inside the row, which is not empty: an empty one is within every bound.
      const slot = this.#row[this.#hand]!;
      if (slot.isRecent) slot.isRecent = false;
      else if (slot !== newest || this.#row.length === 1) this.delete(slot.name);
      // Past what moved into the gap, too: that is the newest, and has not had its chance yet.
      this.#hand++;
    }
  }
}
