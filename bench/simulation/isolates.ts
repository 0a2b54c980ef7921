/** The real directory, as isolates of a simulated data centre. */

import { restrictedRoutes } from '../../src/core/routes/restricted-routes.ts';
import { compileRoutes } from '../../src/core/routes/route-table.ts';
import { createKeyDirectory, type KeyDirectory } from '../../src/keys/lookup/directory.ts';
import { RequestScope } from '../../src/keys/lookup/request-scope.ts';
import type { VirtualTime } from '../../test/keys-model/virtual-time.ts';
import type { CacheKind, Stores } from './stores.ts';

/** The settings by default. */
const settings = {
  refreshMs: 5_000,
  maxStalenessMs: 10_000,
  outageGraceMs: 300_000,
  keepWarmMs: 25_000,
};

/** An isolate that knows nothing yet. */
export function startIsolate(
  time: VirtualTime,
  stores: Stores,
  cache: CacheKind,
  place = 0,
): KeyDirectory {
  return createKeyDirectory({
    ...settings,
    database: stores.database,
    replica: stores.replica(place),
    feedCache: stores.feedCache(cache, place),
    near: stores.near,
    now: () => time.nowMs,
    wait: (ms) => time.wait(ms),
    random: stores.random,
    withTimeout: time.withTimeout,
    log: (event) => {
      throw new Error(`${JSON.stringify(event)} in a simulation without failures`);
    },
    restrictedRoutes,
    restrictedTable: compileRoutes(restrictedRoutes),
  });
}

/** A key by a popularity that falls with its rank: rank n is n times as rare as the first (Zipf). */
export function drawRank(random: () => number, keys: number): number {
  // By inversion of the continuous law.
  return Math.min(keys, Math.floor(Math.exp(random() * Math.log(keys + 1))));
}

/** The part of all requests that the key of a rank gets. */
export function shareOf(rank: number, keys: number): number {
  return Math.log((rank + 1) / rank) / Math.log(keys + 1);
}

/** Something that happens so often on average, and knows nothing of when it happened before. */
export interface Process {
  readonly perSecond: number;
  readonly happen: () => void | Promise<void>;
}

/** Lets things happen until a time, each when chance has it. */
export async function letHappen(
  time: VirtualTime,
  random: () => number,
  untilMs: number,
  processes: readonly Process[],
): Promise<void> {
  const perSecond = processes.reduce((sum, process) => sum + process.perSecond, 0);
  for (;;) {
    const nextMs = time.nowMs - (Math.log(1 - random()) * 1_000) / perSecond;
    if (nextMs >= untilMs) break;
    await time.advance(nextMs - time.nowMs);
    let drawn = random() * perSecond;
    const next = processes.find((process) => {
      drawn -= process.perSecond;
      return drawn < 0;
    });
    await next?.happen();
  }
  await time.advance(untilMs - time.nowMs);
}

/** One of these, each as likely as the others. The list must not be empty. */
export function anyOf<Item>(random: () => number, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

/** One request with a token. Says whether it was allowed, when that is known. */
export function request(
  time: VirtualTime,
  isolate: KeyDirectory,
  token: string,
  onAnswer: (isAllowed: boolean) => void,
): void {
  const scope = new RequestScope(time.nowMs, (work) => void work);
  const known = isolate.recall(token, scope);
  const answer = (found: NonNullable<typeof known>) => {
    const isAllowed = found.outcome === 'found';
    if (isAllowed) {
      scope.startDeferredWrites();
      isolate.keepWarm(scope);
    }
    onAnswer(isAllowed);
  };
  if (known) answer(known);
  else void isolate.find(token, null, scope).then(answer);
}
