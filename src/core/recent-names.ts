/**
 * Names that are remembered for a fixed time, in bounded memory: the addresses that a rate limiter has
 * refused, so that it need not be asked about them again.
 *
 * Pure, no clock: callers pass the time. A flood of names evicts others and so makes an isolate forget,
 * which costs what it costs without this memory.
 */

import { BoundedMap } from './bounded-map.ts';

/** See the file's head. */
export interface RecentNames {
  /** Remembers a name from `nowMs` on. */
  add(name: string, nowMs: number): void;
  /** Returns whether a name is remembered still. */
  has(name: string, nowMs: number): boolean;
}

/** An empty memory. */
export function createRecentNames(maxNames: number, forMs: number): RecentNames {
  const addedAtMs = new BoundedMap<number>(maxNames);
  return {
    add(name, nowMs) {
      addedAtMs.set(name, nowMs);
    },
    has(name, nowMs) {
      // The most frequent question, and nearly always the answer.
      if (addedAtMs.size === 0) return false;
      const addedAt = addedAtMs.get(name);
      if (addedAt === undefined) return false;
      // Added in the future: the clock was set back, so it says nothing about this name.
      const isRecent = nowMs >= addedAt && nowMs - addedAt < forMs;
      if (!isRecent) addedAtMs.delete(name);
      return isRecent;
    },
  };
}
