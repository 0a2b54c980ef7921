/** Lends one Chromium to all test files of a run (a Vitest `globalSetup`). */

import type { TestProject } from 'vitest/node';
import { keepChromium } from './keeper.ts';

/** Starts the keeper, not the browser: a run without browser tests pays nothing. */
export default async function lendChromium(project: TestProject): Promise<() => Promise<void>> {
  const keeper = await keepChromium((sentence) => console.error(`\n${sentence}\n`));
  project.provide('chromium', keeper.url);
  return () => keeper.close();
}
