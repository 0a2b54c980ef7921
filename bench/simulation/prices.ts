/**
 * The prices of Cloudflare's Workers Paid plan beyond what it includes, in US dollars.
 *
 * D1: https://developers.cloudflare.com/d1/platform/pricing/
 * KV: https://developers.cloudflare.com/kv/platform/pricing/
 * Workers: https://developers.cloudflare.com/workers/platform/pricing/
 * The Cache API costs nothing.
 */

/** When these prices and limits were looked up. */
export const PRICES_AS_OF = 'November 2026';

/** For a million of each. */
export const dollarsPerMillion = {
  databaseRowsRead: 0.001,
  replicaReads: 0.5,
  replicaWrites: 5,
  requests: 0.3,
} as const;

/**
 * The queries of one D1 database per second, at 1 ms each: it is single-threaded.
 * https://developers.cloudflare.com/d1/platform/limits/
 */
export const DATABASE_READS_PER_SECOND = 1_000;

/** Writes of one KV key that KV takes in a second: https://developers.cloudflare.com/kv/platform/limits/ */
export const REPLICA_WRITES_PER_SECOND_AND_KEY = 1;
