/**
 * Compares the estimates of `npm run simulate` with a count: small deployments in which every isolate, KV
 * and its caches are simulated as a whole, with the real directory.
 *
 * A count is random itself: some thirty isolates end in it, each of which costs a window of the log. In an
 * estimate it is about four, so several are averaged. The shared poll is read by each of the look-ups with
 * which a fresh isolate begins, which the estimate spreads over time; the Cache API costs nothing, and has
 * no limit that would be near.
 */

import { beforeAll, describe, expect, test } from 'vitest';
import { countDirectly } from '../../bench/simulation/direct.ts';
import {
  type Deployment,
  type Estimate,
  estimate,
  scaled,
} from '../../bench/simulation/estimate.ts';
import { hashAtOnce, type Load } from '../../bench/simulation/stores.ts';

const COUNTED_SECONDS = 300;
const ESTIMATES = 8;
/** By how much an estimate may be off, as a factor. */
const tolerance: Readonly<Record<keyof Load, number>> = {
  databaseReads: 1.35,
  databaseRowsRead: 1.35,
  nearReads: 2,
  replicaReads: 1.35,
  replicaWrites: 1.35,
  cacheReads: 5,
};

const busy: Deployment = {
  dataCentres: 4,
  isolates: 20,
  requestsPerSecond: 200,
  keys: 2_000,
  changesPerSecond: 10,
  hasCache: true,
  lifeSeconds: 200,
};

beforeAll(hashAtOnce);

describe('the simulation estimates what is counted', () => {
  test.for([
    { what: 'in data centres whose isolates share polls', deployment: busy },
    { what: 'without a cache', deployment: { ...busy, hasCache: false } },
    {
      what: 'with an isolate in each data centre, and most copies too old',
      deployment: { ...busy, dataCentres: 20, keys: 20_000, changesPerSecond: 20 },
    },
  ])('$what', { timeout: 300_000 }, async ({ deployment }) => {
    const counting = { seed: 1, warmSeconds: COUNTED_SECONDS, seconds: COUNTED_SECONDS };
    const counted = scaled(await countDirectly(deployment, counting), 1 / COUNTED_SECONDS);
    const estimates: Estimate[] = [];
    for (let seed = 2; seed < 2 + ESTIMATES; seed++) {
      estimates.push(await estimate(deployment, { seed, lives: 20 }));
    }
    for (const name of Object.keys(tolerance) as (keyof Load)[]) {
      const estimated = estimates.reduce((sum, each) => sum + each.perSecond[name], 0) / ESTIMATES;
      const figures = `${name}: estimated ${estimated}, counted ${counted[name]}`;
      expect(estimated, figures).toBeLessThanOrEqual(counted[name] * tolerance[name]);
      expect(estimated, figures).toBeGreaterThanOrEqual(counted[name] / tolerance[name]);
    }
    // No revocation takes longer than the bound.
    for (const { delaysMs } of estimates) {
      expect(delaysMs.at(-1)).toBeGreaterThan(0);
      expect(delaysMs.at(-1)).toBeLessThan(10_000);
    }
  });
});
