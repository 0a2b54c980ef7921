/**
 * The look-up protocol under very many random schedules, with a fresh seed each time.
 */

import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { freshSeed, prepareModel, promises } from './promises.ts';
import { wrongVersions } from './wrong/versions.ts';

const SCHEDULES = 100_000;
const SCHEDULES_PER_TEST = 10_000;

beforeAll(prepareModel);

describe(`the directory keeps every promise in ${SCHEDULES} random schedules`, () => {
  test.for(Array.from({ length: SCHEDULES / SCHEDULES_PER_TEST }, (_, part) => part + 1))(
    'part %d',
    { timeout: 900_000 },
    async () => {
      await fc.assert(promises(), { numRuns: SCHEDULES_PER_TEST, seed: freshSeed() });
    },
  );
});

describe('a directory that', () => {
  test.for(Object.entries(wrongVersions))(
    '%s is caught by random schedules',
    { timeout: 300_000 },
    async ([, makeDirectory]) => {
      const caught = await fc.check(promises(makeDirectory), {
        numRuns: 20_000,
        endOnFailure: true,
        seed: freshSeed(),
      });
      expect(caught.failed).toBe(true);
    },
  );
});
