/**
 * Runs schedules in worlds of the model and says which promise the directory broke.
 */

import fc from 'fast-check';
import { rememberCrypto } from './immediate-crypto.ts';
import { run, type Schedule, schedules } from './schedule.ts';
import { type ModelToken, makeModelTokens } from './slots.ts';
import { type MakeDirectory, World } from './world.ts';

let tokens: readonly (readonly ModelToken[])[] = [];

/** Prepares what every world needs. To be called once, before the first of them. */
export async function prepareModel(): Promise<void> {
  rememberCrypto();
  tokens = await makeModelTokens();
}

/** Returns the sentence that says what did not hold in a schedule; `null` if everything did. */
export function replay(
  { seed, ...schedule }: Schedule,
  makeDirectory?: MakeDirectory,
): Promise<string | null> {
  const world = new World({
    seed,
    dataCentres: 2,
    isolatesInEach: 2,
    ...(makeDirectory ? { makeDirectory } : {}),
  });
  return run(world, tokens, schedule);
}

/** The property that no schedule breaks a promise. */
export function promises(makeDirectory?: MakeDirectory) {
  return fc.asyncProperty(schedules, async (schedule) => {
    const failure = await replay(schedule, makeDirectory);
    if (failure !== null) throw new Error(failure);
  });
}

/** Returns a seed that differs from run to run, and prints it, so that a failure can be repeated. */
export function freshSeed(): number {
  const seed = crypto.getRandomValues(new Int32Array(1))[0] ?? 0;
  console.log(`Random schedules with seed ${seed}`);
  return seed;
}
