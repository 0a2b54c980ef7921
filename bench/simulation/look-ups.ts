/**
 * The look-ups of one isolate in its life, beside the polls: keys that it meets for the first time, by a
 * popularity that falls with the rank (Zipf).
 *
 * KV holds a copy of every key. It counts while the log has grown by less than an isolate's window
 * since the copy was made; the first isolate that finds it too old reads D1 and leaves a new one. So
 * how often a copy is too old depends on how often isolates anywhere meet the key, and on how long the
 * other data centres' caches of KV keep the one that they have.
 */

import { hashToken } from '../../src/core/key/token.ts';
import { FEED_MEMORY_LINES, FEED_WINDOW_LINES } from '../../src/keys/limits.ts';
import { createRandom } from '../../test/keys-model/random.ts';
import { VirtualTime } from '../../test/keys-model/virtual-time.ts';
import { drawRank, letHappen, request, shareOf, startIsolate } from './isolates.ts';
import { type Load, REPLICA_CACHE_SECONDS, Stores } from './stores.ts';

export interface LookUpOptions {
  readonly seed: number;
  readonly keys: number;
  readonly dataCentres: number;
  /** Of all of them, all over the world. */
  readonly isolates: number;
  readonly requestsPerSecondAndIsolate: number;
  readonly changesPerSecond: number;
  readonly lifeSeconds: number;
  /** How many lives to add up. */
  readonly lives: number;
}

/** Simulates lives of isolates. They end by chance, after `lifeSeconds` on average. */
export async function simulateLookUps(options: LookUpOptions): Promise<Load> {
  const { keys, requestsPerSecondAndIsolate, lifeSeconds, lives } = options;
  const random = createRandom(options.seed);
  const time = new VirtualTime();
  const rankByHash = new Map<string, number>();
  let bornMs = time.nowMs;
  const stores = new Stores(time, random, (tokenHash) => {
    const ageSeconds = (time.nowMs - bornMs) / 1_000;
    return random() >= chanceOfOldCopy(rankByHash.get(tokenHash) ?? keys, ageSeconds, options);
  });
  for (let life = 0; life < lives; life++) {
    const isolate = startIsolate(time, stores, 'always warm');
    bornMs = time.nowMs;
    // One of each part of the distribution, so that few lives are like many.
    const endMs = bornMs - Math.log(1 - (life + 0.5) / lives) * lifeSeconds * 1_000;
    const requests = {
      perSecond: requestsPerSecondAndIsolate,
      happen: async () => {
        const rank = drawRank(random, keys);
        const token = `token-${rank}`;
        rankByHash.set(await hashToken(token), rank);
        request(time, isolate, token, () => {});
      },
    };
    await letHappen(time, random, endMs, [requests]);
  }
  return stores.load;
}

/**
 * A copy is made, counts for as long as the window lasts, and is made again when the next isolate
 * meets the key. Of all that meet it from one time to the next, that one finds it too old; and so do
 * those that meet it where KV's cache has the old one, until that has forgotten it.
 */
function chanceOfOldCopy(rank: number, ageSeconds: number, options: LookUpOptions): number {
  const { keys, dataCentres, isolates, changesPerSecond, lifeSeconds } = options;
  const requestsPerSecond = options.requestsPerSecondAndIsolate * shareOf(rank, keys);
  // An isolate that ends by chance at this rate meets the key, or does not, before that.
  const meets = requestsPerSecond / (requestsPerSecond + 1 / lifeSeconds);
  const meetingsPerSecond = (isolates / lifeSeconds) * meets;
  const windowSeconds = windowLines(ageSeconds * changesPerSecond) / changesPerSecond;
  const inOneCache = (meetingsPerSecond / dataCentres) * REPLICA_CACHE_SECONDS;
  const isCached = inOneCache / (1 + inOneCache);
  const again = (dataCentres - 1) * isCached * (inOneCache / 2) + inOneCache * (1 - isCached / 2);
  return Math.min(1, (1 + again) / (1 + meetingsPerSecond * windowSeconds));
}

/** The window of an isolate that has read so many lines: it grows, and then loses its older half. */
function windowLines(linesRead: number): number {
  const grown = FEED_WINDOW_LINES + linesRead;
  return grown < FEED_MEMORY_LINES ? grown : 0.75 * FEED_MEMORY_LINES;
}
