/** Prepares all that end-to-end tests share and that takes long, at the same time (a Vitest `globalSetup`). */

import { buildBundle, makeRunFolder } from './build-bundle.ts';
import { makeOriginalOfRun } from './storage.ts';
import { readOnce } from './wrangler-config.ts';

/** Returns what removes the files of the run. */
export default async function prepareRun(): Promise<() => Promise<void>> {
  const remove = await makeRunFolder();
  try {
    await Promise.all([buildBundle(), makeOriginalOfRun(), readOnce()]);
  } catch (error) {
    await remove();
    throw error;
  }
  return remove;
}
