/**
 * Estimates the load of a deployment of any size on D1, KV and the Cache API, from one data centre's polls
 * and the lives of a few of its isolates. Data centres know nothing of one another, so the whole is a
 * multiple.
 */

import { simulateLookUps } from './look-ups.ts';
import { simulatePolls } from './polls.ts';
import type { Load } from './stores.ts';

/** How large a deployment is. */
export interface Deployment {
  readonly dataCentres: number;
  readonly isolates: number;
  readonly requestsPerSecond: number;
  readonly keys: number;
  /** Lines of the change log in a second. */
  readonly changesPerSecond: number;
  /** `true` if the Cache API stores anything. It does not on workers.dev. */
  readonly hasCache: boolean;
  /** How long an isolate lives on average. */
  readonly lifeSeconds: number;
}

/** The calls of all isolates per second, and how long a revoked key remains valid. */
export interface Estimate {
  readonly perSecond: Load;
  /** From the commit of a revocation to the last request that an isolate allowed, in order. */
  readonly delaysMs: readonly number[];
}

/** See the file's head. What management reads and writes is not part of it. */
export async function estimate(
  deployment: Deployment,
  { seed, lives }: { readonly seed: number; readonly lives: number },
): Promise<Estimate> {
  const { dataCentres, isolates, lifeSeconds } = deployment;
  const isolatesInEach = Math.max(1, Math.round(isolates / dataCentres));
  const requestsPerSecondAndIsolate = deployment.requestsPerSecond / isolates;
  const shared = { ...deployment, seed, requestsPerSecondAndIsolate };
  const lookUps = await simulateLookUps({ ...shared, lives });
  const lookingUp = scaled(lookUps, isolates / (lives * lifeSeconds));
  const polls = await simulatePolls({
    ...shared,
    isolates: isolatesInEach,
    replicaLookUpsPerSecond:
      Math.max(0, lookingUp.replicaReads - lookingUp.databaseReads) / dataCentres,
    databaseLookUpsPerSecond: lookingUp.databaseReads / dataCentres,
  });
  const polling = scaled(polls.load, isolates / isolatesInEach / polls.seconds);
  return {
    perSecond: {
      // Look-ups that reach D1 were already counted with the polls.
      databaseReads: polling.databaseReads,
      databaseRowsRead: polling.databaseRowsRead,
      nearReads: lookingUp.nearReads,
      cacheReads: polling.cacheReads,
      replicaReads: lookingUp.replicaReads,
      replicaWrites: lookingUp.replicaWrites,
    },
    delaysMs: [...polls.delaysMs].sort((left, right) => left - right),
  };
}

/** The same load, so many times. */
export function scaled(load: Load, factor: number): Load {
  const entries = Object.entries(load).map(([name, count]) => [name, count * factor]);
  return Object.fromEntries(entries) as Load;
}
