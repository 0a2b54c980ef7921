/**
 * A map with a bounded number of entries and a bounded estimated size, that keeps what is in use.
 *
 * Eviction is CLOCK, an approximation of least-recently-used that costs nothing on a hit but one
 * assignment: an entry that was read since the hand last passed gets a second round.
 */

interface Slot<Value> {
  readonly value: Value;
  readonly weight: number;
  isRecent: boolean;
}

/** See the file's head. `maxWeight` is in whatever unit `set` is given. */
export class BoundedMap<Value> {
  readonly #slots = new Map<string, Slot<Value>>();
  readonly #maxEntries: number;
  readonly #maxWeight: number;
  #weight = 0;

  constructor(maxEntries: number, maxWeight = Number.POSITIVE_INFINITY) {
    this.#maxEntries = maxEntries;
    this.#maxWeight = maxWeight;
  }

  get size(): number {
    return this.#slots.size;
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

  /** Sets an entry, and evicts others until the bounds hold again. */
  set(name: string, value: Value, weight = 1): void {
    this.delete(name);
    this.#slots.set(name, { value, weight, isRecent: false });
    this.#weight += weight;
    this.#evict();
  }

  delete(name: string): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    this.#slots.delete(name);
    this.#weight -= slot.weight;
  }

  clear(): void {
    this.#slots.clear();
    this.#weight = 0;
  }

  /** Ends: each round either removes an entry or clears the mark that saved it. */
  #evict(): void {
    while (this.#slots.size > this.#maxEntries || this.#weight > this.#maxWeight) {
      const [name, slot] = this.#slots.entries().next().value as [string, Slot<Value>];
      this.#slots.delete(name);
      if (slot.isRecent) {
        slot.isRecent = false;
        this.#slots.set(name, slot);
      } else {
        this.#weight -= slot.weight;
      }
    }
  }
}
