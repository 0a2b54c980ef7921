/**
 * Long work in slices: between two of them the isolate answers other requests, so that a large import
 * does not hold up the gateway.
 */

import type { Steps } from '../core/steps.ts';
import { SLICE_SIZE } from './limits.ts';

/** Work that pauses whenever a slice of it is done. */
export interface Slices {
  /** Counts work of this size, in characters of JSON, before it is done; pauses first if a slice is full. */
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

/** Takes the steps of some work, with pauses between slices of them. */
export async function inSlices<Value>(steps: Steps<Value>, slices: Slices): Promise<Value> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await slices.spend(step.value);
  }
}
