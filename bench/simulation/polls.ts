/**
 * How often one data centre reads the log, and how long a revoked key goes on in it.
 *
 * Every isolate is asked for one key, which is revoked at a moment that nobody chose, and then for the
 * next one. A key that was asked for last before its revocation counts as stopped at once.
 */

import { hashToken } from '../../src/core/token.ts';
import { createRandom } from '../../test/keys-model/random.ts';
import { VirtualTime } from '../../test/keys-model/virtual-time.ts';
import { request, startIsolate } from './isolates.ts';
import { type Load, Stores } from './stores.ts';

export interface PollOptions {
  readonly seed: number;
  readonly isolates: number;
  readonly requestsPerSecondAndIsolate: number;
  readonly changesPerSecond: number;
  readonly hasCache: boolean;
}

export interface PollResult {
  readonly seconds: number;
  readonly load: Load;
  /** By isolate and revocation: from its commit to the last request that was allowed. */
  readonly delaysMs: readonly number[];
}

const REVOCATIONS = 40;
/** From one revocation to the next: longer than the bound. */
const ROUND_MS = 15_000;
/** More requests than this poll no more often, and would only take time here. */
const ENOUGH_REQUESTS_PER_SECOND = 20;

/** Simulates one data centre for ten minutes, first for what it costs and then for the delays. */
export async function simulatePolls(options: PollOptions): Promise<PollResult> {
  const cost = await simulateRounds(options, false);
  const { delaysMs } = await simulateRounds(options, true);
  return { seconds: (REVOCATIONS * ROUND_MS) / 1_000, load: cost.load, delaysMs };
}

/** With `revokes`, the key of each round is revoked in it; without, one key lasts for all of them. */
async function simulateRounds(
  options: PollOptions,
  revokes: boolean,
): Promise<Pick<PollResult, 'load' | 'delaysMs'>> {
  const random = createRandom(options.seed);
  const time = new VirtualTime();
  const stores = new Stores(time, random);
  const isolates = Array.from({ length: options.isolates }, () =>
    startIsolate(time, stores, options.hasCache ? 'shared' : 'none'),
  );
  const perSecond =
    options.isolates * Math.min(options.requestsPerSecondAndIsolate, ENOUGH_REQUESTS_PER_SECOND);
  const delaysMs: number[] = [];

  // The first round is for getting warm.
  for (let round = 0; round <= REVOCATIONS; round++) {
    if (round === 1) stores.countFromHere();
    const token = revokes ? `token-${round}` : 'token';
    const lastAllowedMs = isolates.map(() => Number.NEGATIVE_INFINITY);
    const endMs = time.nowMs + ROUND_MS;
    const untilRevokedMs = 1_000 + random() * 3_000;
    const revokedMs = time.nowMs + untilRevokedMs;
    const tokenHash = await hashToken(token);
    if (revokes) time.after(untilRevokedMs, () => stores.revoke(tokenHash));
    while (time.nowMs < endMs) {
      const gapMs = exponential(random, 1_000 / perSecond);
      if (random() < (options.changesPerSecond * gapMs) / 1_000) stores.changeAnotherKey();
      await time.advance(gapMs);
      const at = Math.floor(random() * isolates.length);
      // `at` is below the length.
      request(time, isolates[at]!, token, (isAllowed) => {
        if (isAllowed) lastAllowedMs[at] = time.nowMs;
      });
    }
    if (round > 0) delaysMs.push(...lastAllowedMs.map((ms) => Math.max(0, ms - revokedMs)));
  }
  return { load: stores.load, delaysMs };
}

/** A gap between events that know nothing of one another. */
export function exponential(random: () => number, meanMs: number): number {
  return -Math.log(1 - random()) * meanMs;
}
