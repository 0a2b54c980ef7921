/**
 * Counts how often one data centre reads the log, and how long a revoked key remains valid in it.
 *
 * Every isolate is asked for one key, which is revoked at a random moment, and then for the next one. A
 * key that was asked for last before its revocation counts as stopped at once.
 */

import { hashToken } from '../../src/core/key/token.ts';
import { createRandom } from '../../test/keys-model/random.ts';
import { VirtualTime } from '../../test/keys-model/virtual-time.ts';
import { anyOf, letHappen, request, startIsolate } from './isolates.ts';
import { type Load, Stores } from './stores.ts';

export interface PollOptions {
  readonly seed: number;
  /** Of the data centre. */
  readonly isolates: number;
  readonly requestsPerSecondAndIsolate: number;
  readonly changesPerSecond: number;
  readonly hasCache: boolean;
  /** How long an isolate lives on average. Then another one takes its place, which knows nothing. */
  readonly lifeSeconds: number;
  /** Look-ups of other keys in the data centre that KV answers. They may read the shared poll. */
  readonly replicaLookUpsPerSecond: number;
  /** Those that reach D1. They bring the log along, and so spare polls. */
  readonly databaseLookUpsPerSecond: number;
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
/** How long is counted, after as long in which everything gets as it will stay. */
const COUNTED_SECONDS = 150;
/** More requests than this poll no more often, and would only take time here. */
const ENOUGH_REQUESTS_PER_SECOND = 20;

/** Simulates one data centre, first for what it costs and then for the delays. */
export async function simulatePolls(options: PollOptions): Promise<PollResult> {
  const load = await simulateCost(options);
  return { seconds: COUNTED_SECONDS, load, delaysMs: await simulateRevocations(options) };
}

async function simulateCost(options: PollOptions): Promise<Load> {
  const random = createRandom(options.seed);
  const time = new VirtualTime();
  const oldHashes = new Set<string>();
  const stores = new Stores(time, random, (tokenHash) => !oldHashes.has(tokenHash));
  const start = () => startIsolate(time, stores, options.hasCache ? 'shared' : 'none');
  const isolates = Array.from({ length: options.isolates }, start);
  let lookUps = 0;
  const lookUp = async (isCopyOld: boolean) => {
    const token = `token-${lookUps++}`;
    if (isCopyOld) oldHashes.add(await hashToken(token));
    request(time, anyOf(random, isolates), token, () => {});
  };
  const processes = [
    {
      perSecond: requestsPerSecond(options),
      happen: () => request(time, anyOf(random, isolates), 'token', () => {}),
    },
    { perSecond: options.replicaLookUpsPerSecond, happen: () => lookUp(false) },
    { perSecond: options.databaseLookUpsPerSecond, happen: () => lookUp(true) },
    { perSecond: options.changesPerSecond, happen: () => stores.changeAnotherKey() },
    {
      perSecond: options.isolates / options.lifeSeconds,
      happen: () => {
        isolates[Math.floor(random() * isolates.length)] = start();
      },
    },
  ];
  await letHappen(time, random, time.nowMs + COUNTED_SECONDS * 1_000, processes);
  stores.countFromHere();
  await letHappen(time, random, time.nowMs + COUNTED_SECONDS * 1_000, processes);
  return stores.load;
}

/** Without look-ups of other keys, which only make delays shorter. */
async function simulateRevocations(options: PollOptions): Promise<number[]> {
  const random = createRandom(options.seed);
  const time = new VirtualTime();
  const stores = new Stores(time, random);
  const isolates = Array.from({ length: options.isolates }, (_, at) => ({
    at,
    directory: startIsolate(time, stores, options.hasCache ? 'shared' : 'none'),
  }));
  const delaysMs: number[] = [];
  for (let round = 0; round < REVOCATIONS; round++) {
    const token = `token-${round}`;
    const tokenHash = await hashToken(token);
    const lastAllowedMs = isolates.map(() => Number.NEGATIVE_INFINITY);
    const untilRevokedMs = 1_000 + random() * 3_000;
    const revokedMs = time.nowMs + untilRevokedMs;
    time.after(untilRevokedMs, () => stores.revoke(tokenHash));
    const ask = () => {
      const { at, directory } = anyOf(random, isolates);
      request(time, directory, token, (isAllowed) => {
        if (isAllowed) lastAllowedMs[at] = time.nowMs;
      });
    };
    await letHappen(time, random, time.nowMs + ROUND_MS, [
      { perSecond: requestsPerSecond(options), happen: ask },
      { perSecond: options.changesPerSecond, happen: () => stores.changeAnotherKey() },
    ]);
    delaysMs.push(...lastAllowedMs.map((ms) => Math.max(0, ms - revokedMs)));
  }
  return delaysMs;
}

function requestsPerSecond({ isolates, requestsPerSecondAndIsolate }: PollOptions): number {
  return isolates * Math.min(requestsPerSecondAndIsolate, ENOUGH_REQUESTS_PER_SECOND);
}
