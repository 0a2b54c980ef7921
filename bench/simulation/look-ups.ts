/**
 * What one isolate looks up in its life, beside the polls: keys that it meets for the first time, by a
 * popularity that falls with the rank (Zipf).
 *
 * KV holds a copy of every key. It counts for a fresh isolate while the log has grown by less than the
 * window since the copy was made; after that the first isolate to meet the key reads D1 and leaves a
 * new copy. So how often a copy is too old depends on how often isolates anywhere meet the key.
 */

import { FEED_WINDOW_LINES } from '../../src/core/limits.ts';
import { hashToken } from '../../src/core/token.ts';
import { createRandom } from '../../test/keys-model/random.ts';
import { VirtualTime } from '../../test/keys-model/virtual-time.ts';
import { request, startIsolate } from './isolates.ts';
import { exponential } from './polls.ts';
import { type Load, Stores } from './stores.ts';

export interface LookUpOptions {
  readonly seed: number;
  readonly keys: number;
  /** Of all of them, all over the world. */
  readonly isolates: number;
  readonly requestsPerSecondAndIsolate: number;
  readonly changesPerSecond: number;
  readonly lifeSeconds: number;
}

/** Simulates the life of an isolate. */
export async function simulateLookUps(options: LookUpOptions): Promise<Load> {
  const { keys, requestsPerSecondAndIsolate, lifeSeconds } = options;
  const random = createRandom(options.seed);
  const time = new VirtualTime();
  const rankByHash = new Map<string, number>();
  const stores = new Stores(time, random, (tokenHash) => {
    return random() >= chanceOfOldCopy(rankByHash.get(tokenHash) ?? keys, options);
  });
  const isolate = startIsolate(time, stores, 'always warm');
  const endMs = time.nowMs + lifeSeconds * 1_000;
  while (time.nowMs < endMs) {
    await time.advance(exponential(random, 1_000 / requestsPerSecondAndIsolate));
    // By inversion of the continuous law: rank n is n times as rare as the first.
    const rank = Math.min(keys, Math.floor(Math.exp(random() * Math.log(keys + 1))));
    const token = `token-${rank}`;
    rankByHash.set(await hashToken(token), rank);
    request(time, isolate, token, () => {});
  }
  return stores.load;
}

/**
 * A copy is made, counts for as long as the window lasts, and is made again when the next isolate
 * meets the key: of all the isolates that meet it from one time to the next, one finds it too old.
 */
function chanceOfOldCopy(rank: number, options: LookUpOptions): number {
  const { keys, isolates, requestsPerSecondAndIsolate, changesPerSecond, lifeSeconds } = options;
  const share = Math.log((rank + 1) / rank) / Math.log(keys + 1);
  const meets = 1 - Math.exp(-requestsPerSecondAndIsolate * lifeSeconds * share);
  const meetingsPerSecond = (isolates / lifeSeconds) * meets;
  const windowSeconds = FEED_WINDOW_LINES / changesPerSecond;
  return 1 / (1 + meetingsPerSecond * windowSeconds);
}
