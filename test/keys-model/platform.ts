/**
 * Doubles of KV and of the Cache API that do the worst that the platform may do, and keep its limits.
 */

import {
  FEED_CACHE_LONG_SECONDS,
  FEED_CACHE_MARGIN_MS,
  FEED_CACHE_SECONDS,
} from '../../src/keys/limits.ts';
import type { FeedCache, SharedEntry, SharedPoll } from '../../src/keys/types.ts';
import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** How a store is doing, as seen from one data centre. */
export type Health = 'well' | 'slow' | 'failing' | 'hanging';

/** Waits as long as a call to a store in this state takes. Rejects where it fails. */
export async function endure(
  health: Health,
  time: VirtualTime,
  latencies: { readonly wellMs: number; readonly slowMs: number },
): Promise<void> {
  switch (health) {
    case 'well':
      return time.wait(latencies.wellMs);
    case 'slow':
      return time.wait(latencies.slowMs);
    case 'failing':
      await time.wait(latencies.wellMs);
      throw new Error('the store failed');
    case 'hanging':
      return new Promise(() => {});
  }
}

/** One KV namespace, as all data centres share it. */
export class KvDouble {
  readonly #writes = new Map<string, { readonly text: string; readonly atMs: number }[]>();
  readonly #time: VirtualTime;
  readonly #random: Random;
  reads = 0;
  writes = 0;

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  /** The namespace as a Worker sees it. */
  namespace(health: () => Health): KVNamespace {
    const latencies = () => ({
      wellMs: 1 + Math.floor(this.#random() * 80),
      slowMs: 300 + Math.floor(this.#random() * 2_000),
    });
    const namespace = {
      get: async (asked: string | readonly string[], options: { cacheTtl?: number }) => {
        if ((options.cacheTtl ?? 60) < 30) throw new Error('Invalid cache_ttl, at least 30 wanted');
        this.reads++;
        await endure(health(), this.#time, latencies());
        const read = (name: string) => {
          const text = this.#arrivedAt(name);
          return text === null ? null : JSON.parse(text);
        };
        // One call, in which each copy lags by its own.
        return typeof asked === 'string'
          ? read(asked)
          : new Map(asked.map((name) => [name, read(name)]));
      },
      put: async (name: string, text: string, options: { expirationTtl?: number }) => {
        if ((options.expirationTtl ?? 60) < 60) {
          throw new Error('Invalid expiration_ttl, at least 60 wanted');
        }
        this.writes++;
        await endure(health(), this.#time, latencies());
        const writes = this.#writes.get(name) ?? [];
        const { nowMs } = this.#time;
        const lastMs = writes.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY;
        if (nowMs - lastMs < 1000) throw new Error('KV PUT failed: 429 Too Many Requests');
        this.#writes.set(name, [...writes, { text, atMs: nowMs }]);
      },
    };
    return namespace as unknown as KVNamespace;
  }

  /**
   * Any write that was ever made may be what this reader sees, or none: lag of any length, in another
   * order than for other readers, back again to an earlier one, and never.
   */
  #arrivedAt(name: string): string | null {
    const writes = this.#writes.get(name) ?? [];
    const index =
      this.#random() < 0.6 ? writes.length : Math.floor(this.#random() * (writes.length + 1));
    return writes[index - 1]?.text ?? null;
  }
}

/** The cache of one data centre. */
export class CacheDouble {
  readonly #entries = new Map<
    SharedEntry,
    { readonly poll: SharedPoll; readonly untilMs: number }
  >();
  readonly #time: VirtualTime;
  readonly #random: Random;
  reads = 0;

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  feedCache(health: () => Health): FeedCache {
    const latencies = () => ({
      wellMs: 1 + Math.floor(this.#random() * 10),
      slowMs: 200 + Math.floor(this.#random() * 400),
    });
    return {
      get: async (name) => {
        this.reads++;
        await endure(health(), this.#time, latencies());
        const entry = this.#entries.get(name);
        return entry && this.#time.nowMs < entry.untilMs ? entry.poll : null;
      },
      put: async (poll) => {
        await endure(health(), this.#time, latencies());
        // A store may take long, and a cache that counts in seconds may keep an entry for longer.
        if (this.#random() < 0.1) await this.#time.wait(Math.floor(this.#random() * 4_000));
        const extraMs = this.#random() * (FEED_CACHE_MARGIN_MS - 1);
        const lives = { short: FEED_CACHE_SECONDS, long: FEED_CACHE_LONG_SECONDS } as const;
        for (const [name, seconds] of Object.entries(lives)) {
          const untilMs = this.#time.nowMs + seconds * 1000 + extraMs;
          this.#entries.set(name as SharedEntry, { poll, untilMs });
        }
      },
    };
  }

  lose(): void {
    this.#entries.clear();
  }
}
