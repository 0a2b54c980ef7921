/**
 * A small deployment counted as a whole: every data centre, every isolate with the real directory, one
 * KV with a copy of a key for each that was put there. It is what `estimate.ts` is checked against, in
 * `test/keys-model/simulation.nightly.test.ts`; larger ones would take too long.
 */

import { createRandom } from '../../test/keys-model/random.ts';
import { VirtualTime } from '../../test/keys-model/virtual-time.ts';
import type { Deployment } from './estimate.ts';
import { anyOf, drawRank, letHappen, request, startIsolate } from './isolates.ts';
import { type Load, Stores } from './stores.ts';

/** Counts for a while, after another while in which everything gets as it will stay. */
export async function countDirectly(
  deployment: Deployment,
  options: { readonly seed: number; readonly warmSeconds: number; readonly seconds: number },
): Promise<Load> {
  const { dataCentres, isolates, keys, changesPerSecond } = deployment;
  const random = createRandom(options.seed);
  const time = new VirtualTime();
  const stores = new Stores(time, random, null);
  const start = (at: number) =>
    startIsolate(time, stores, deployment.hasCache ? 'shared' : 'none', at % dataCentres);
  const running = Array.from({ length: isolates }, (_, at) => start(at));
  const processes = [
    {
      perSecond: deployment.requestsPerSecond,
      happen: () =>
        request(time, anyOf(random, running), `token-${drawRank(random, keys)}`, () => {}),
    },
    { perSecond: changesPerSecond, happen: () => stores.changeAnotherKey() },
    {
      perSecond: isolates / deployment.lifeSeconds,
      happen: () => {
        const at = Math.floor(random() * isolates);
        running[at] = start(at);
      },
    },
  ];
  await letHappen(time, random, time.nowMs + options.warmSeconds * 1_000, processes);
  stores.countFromHere();
  await letHappen(time, random, time.nowMs + options.seconds * 1_000, processes);
  return stores.load;
}
