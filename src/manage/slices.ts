/**
 * Long work in slices: between two of them the isolate answers other requests, so that a large import
 * does not hold up the gateway.
 */

import { SLICE_SIZE } from './limits.ts';

/** Work that pauses whenever a slice of it is done. */
export interface Slices {
  /** Counts work of this size, as `sizeOf` tells it, before it is done; pauses first if it is due. */
  spend(size: number): Promise<void>;
}

/** Slices of `SLICE_SIZE`. `pause` resolves once other events of the isolate had their turn. */
export function createSlices(pause: () => Promise<void>): Slices {
  let spent = 0;
  return {
    async spend(size) {
      if (spent > 0 && spent + size > SLICE_SIZE) {
        await pause();
        spent = 0;
      }
      spent += size;
    },
  };
}

/**
 * The size of a JSON value: about the number of characters of its JSON. Values may be nested to any
 * depth, which a recursive walk such as `JSON.stringify` does not survive.
 */
export function sizeOf(value: unknown): number {
  let size = 0;
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const one = waiting.pop();
    size += typeof one === 'string' ? one.length + 3 : 4;
    if (typeof one !== 'object' || one === null) continue;
    for (const [name, entry] of Object.entries(one)) {
      if (!Array.isArray(one)) size += name.length + 4;
      waiting.push(entry);
    }
  }
  return size;
}
