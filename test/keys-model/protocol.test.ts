/**
 * The look-up protocol under random schedules: nothing that may happen breaks its promises, and no
 * mistake in it goes unnoticed.
 */

import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { rememberCrypto } from './immediate-crypto.ts';
import { type ModelToken, makeModelTokens, run, schedules } from './schedule.ts';
import { type MakeDirectory, World } from './world.ts';
import { wrongVersions } from './wrong/versions.ts';

const SCHEDULES = 10_000;

let tokens: readonly (readonly ModelToken[])[];

beforeAll(async () => {
  rememberCrypto();
  tokens = await makeModelTokens();
});

describe('the directory', () => {
  // fast-check prints the seed, and the shortest schedule that it finds, when this fails.
  test(`keeps every promise in ${SCHEDULES} random schedules`, { timeout: 120_000 }, async () => {
    await fc.assert(promises(), { numRuns: SCHEDULES });
  });
});

describe('a directory that', () => {
  test.for(Object.entries(wrongVersions))(
    '%s is caught',
    { timeout: 60_000 },
    async ([, makeDirectory]) => {
      const caught = await fc.check(promises(makeDirectory), {
        numRuns: SCHEDULES,
        endOnFailure: true,
      });
      expect(caught.failed).toBe(true);
    },
  );
});

function promises(makeDirectory?: MakeDirectory) {
  return fc.asyncProperty(schedules, async ({ seed, ...schedule }) => {
    const world = new World({
      seed,
      dataCentres: 2,
      isolatesInEach: 2,
      ...(makeDirectory ? { makeDirectory } : {}),
    });
    expect(await run(world, tokens, schedule)).toBeNull();
  });
}
