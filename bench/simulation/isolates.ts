/** The real directory, as isolates of a simulated data centre. */

import { restrictedRoutes } from '../../src/core/restricted-routes.ts';
import { createKeyDirectory, type KeyDirectory } from '../../src/keys/directory.ts';
import { Lookup } from '../../src/keys/lookup.ts';
import type { VirtualTime } from '../../test/keys-model/virtual-time.ts';
import type { CacheKind, Stores } from './stores.ts';

/** The settings by default. */
const settings = { refreshMs: 5_000, maxStalenessMs: 10_000, outageGraceMs: 300_000 };

/** An isolate that knows nothing yet. */
export function startIsolate(time: VirtualTime, stores: Stores, cache: CacheKind): KeyDirectory {
  return createKeyDirectory({
    ...settings,
    database: stores.database,
    replica: stores.replica,
    feedCache: stores.feedCache(cache),
    now: () => time.nowMs,
    withTimeout: time.withTimeout,
    log: ({ event, error }) => {
      throw new Error(`${event} in a simulation without failures: ${error}`);
    },
    restrictedRoutes,
  });
}

/** One request with a token. Says whether it was allowed, when that is known. */
export function request(
  time: VirtualTime,
  isolate: KeyDirectory,
  token: string,
  onAnswer: (isAllowed: boolean) => void,
): void {
  const lookup = new Lookup(time.nowMs, (work) => void work);
  const known = isolate.recall(token, lookup);
  const answer = (found: NonNullable<typeof known>) => {
    const isAllowed = found.outcome === 'found';
    if (isAllowed) lookup.allow();
    onAnswer(isAllowed);
  };
  if (known) answer(known);
  else void isolate.find(token, null, lookup).then(answer);
}
