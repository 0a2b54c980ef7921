/**
 * The stores as one data centre sees them, for the simulation of waiting times: each takes as long as it
 * does at some distance from D1's primary.
 */

import {
  FEED_CACHE_LONG_SECONDS,
  FEED_CACHE_SECONDS,
  FEED_WINDOW_LINES,
} from '../../src/keys/limits.ts';
import {
  type ChangeLine,
  type DatabaseAnswer,
  type FeedCache,
  type KeyDatabase,
  type KeyReplica,
  type NearReplica,
  type SharedEntry,
  type SharedPoll,
  tokenSubject,
} from '../../src/keys/types.ts';
import type { Random } from '../../test/keys-model/random.ts';
import type { VirtualTime } from '../../test/keys-model/virtual-time.ts';
import { REPLICA_CACHE_SECONDS, storedKey } from './stores.ts';

/** How far the stores are. The defaults assume nothing that is not said here. */
export interface Distances {
  /** The way to D1's primary and back. */
  readonly rttMs: number;
  /** By how much that way varies: one standard deviation, as a part of it. */
  readonly jitter: number;
  /** The same for the way to the upstream, which is next to D1. */
  readonly upstreamJitter: number;
  /** The upstream's own work, at least and at most. */
  readonly upstreamWorkMs: readonly [number, number];
}

/** A primary that is no farther is the nearest instance of D1. */
const NEAREST_RTT_MS = 10;

/** See the file's head. What is asked of D1's primary, of replicas and of KV is counted. */
export class NearStores {
  readonly counts = { primary: 0, replica: 0, kv: 0 };
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #distances: Distances;
  readonly #lines: ChangeLine[] = [];
  readonly #shared = new Map<SharedEntry, { poll: SharedPoll; untilMs: number }>();
  readonly #hotUntilMs = new Map<string, number>();

  constructor(time: VirtualTime, random: Random, distances: Distances) {
    this.#time = time;
    this.#random = random;
    this.#distances = distances;
    for (let line = 0; line <= FEED_WINDOW_LINES; line++) this.change();
  }

  /** Changes a key that no request uses. */
  change(): void {
    const seq = this.#lines.length + 1;
    const mark = Math.floor(this.#random() * 2 ** 48);
    this.#lines.push({ seq, mark, subject: tokenSubject(`another key, ${seq}`) });
  }

  /** A round trip to D1's primary: the way, and 2 to 10 ms. */
  primaryMs(): number {
    return this.#wayMs(this.#distances.jitter) + this.#between(2, 10);
  }

  /** A round trip to the nearest instance of D1, which is the primary if that is as near. */
  replicaMs(): number {
    return this.#isPrimaryNearest ? this.primaryMs() : this.#between(5, 30);
  }

  /** A request to an API next to D1. */
  upstreamMs(): number {
    const { upstreamJitter, upstreamWorkMs } = this.#distances;
    return this.#wayMs(upstreamJitter) + this.#between(...upstreamWorkMs);
  }

  /** The way to D1 and back, if it varies by so much. It takes at least half of what it takes on average. */
  #wayMs(jitter: number): number {
    const { rttMs } = this.#distances;
    if (jitter === 0) return rttMs;
    // By Box and Muller.
    const sigmas =
      Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
    return rttMs * Math.max(0.5, 1 + jitter * sigmas);
  }

  get #isPrimaryNearest(): boolean {
    return this.#distances.rttMs <= NEAREST_RTT_MS;
  }

  /** A read of KV: fast for a while after another read of the same in the data centre. */
  kvMs(name: string): number {
    const isHot = (this.#hotUntilMs.get(name) ?? 0) > this.#time.nowMs;
    if (!isHot) this.#hotUntilMs.set(name, this.#time.nowMs + REPLICA_CACHE_SECONDS * 1000);
    return isHot ? 8.5 : this.#between(60, 230);
  }

  readonly database: KeyDatabase = {
    read: async ({ fromSeq, ...asked }) => {
      this.counts.primary++;
      const tripMs = this.primaryMs();
      await this.#time.wait(tripMs / 2);
      const feed = this.#feedFrom(fromSeq ?? 0);
      await this.#time.wait(tripMs / 2);
      return { ...recordsOf(asked), feed, rowsRead: 0 };
    },
    readLines: async (fromSeq) => {
      await this.#time.wait(this.primaryMs());
      return this.#lines.slice(fromSeq - 1);
    },
  };

  readonly near: NearReplica = {
    read: async ({ head, ...asked }) => {
      this.counts.replica++;
      await this.#time.wait(this.replicaMs());
      // Replicas are behind by far less than the time between two changes of one key.
      return { ...recordsOf(asked), at: head, isFromPrimary: this.#isPrimaryNearest };
    },
  };

  readonly replica: KeyReplica = {
    getKey: async (tokenHash) => {
      await this.#readKv(tokenHash);
      return { value: storedKey(tokenHash), at: this.#recentLine() };
    },
    putKey: async () => {},
    getParent: async () => null,
    putParent: async () => {},
    getOrigins: async (patterns) => {
      await this.#readKv(patterns.join());
      const [pattern = '*'] = patterns.filter((name) => name !== '*');
      return [{ value: { pattern, untilMs: Number.MAX_SAFE_INTEGER }, at: this.#recentLine() }];
    },
    putOrigin: async () => {},
  };

  readonly feedCache: FeedCache = {
    get: async (name) => {
      await this.#time.wait(3);
      const entry = this.#shared.get(name);
      return entry && this.#time.nowMs < entry.untilMs ? entry.poll : null;
    },
    put: async (poll) => {
      await this.#time.wait(3);
      const lives = { short: FEED_CACHE_SECONDS, long: FEED_CACHE_LONG_SECONDS } as const;
      for (const name of ['short', 'long'] as const) {
        this.#shared.set(name, { poll, untilMs: this.#time.nowMs + lives[name] * 1000 });
      }
    },
  };

  async #readKv(name: string): Promise<void> {
    this.counts.kv++;
    await this.#time.wait(this.kvMs(name));
  }

  #recentLine() {
    // The log is longer than a window.
    const { seq, mark } = this.#lines[this.#lines.length - FEED_WINDOW_LINES / 2]!;
    return { seq, mark };
  }

  #feedFrom(fromSeq: number) {
    const from = Math.max(fromSeq, this.#lines.length - FEED_WINDOW_LINES);
    const after = this.#lines[from - 1]!;
    const lines = this.#lines.slice(from);
    const head = lines.at(-1) ?? after;
    return { after, head, lines, tagKeyHex: 'ab'.repeat(32), hasImportedTokens: true };
  }

  #between(least: number, most: number): number {
    return least + this.#random() * (most - least);
  }
}

function recordsOf(asked: {
  readonly tokenHash?: string | undefined;
  readonly patterns?: readonly string[] | undefined;
}): Omit<DatabaseAnswer, 'feed' | 'rowsRead'> {
  const { tokenHash, patterns } = asked;
  return {
    ...(tokenHash === undefined ? {} : { key: storedKey(tokenHash) }),
    ...(patterns === undefined
      ? {}
      : { registered: { pattern: patterns[0] ?? '*', untilMs: Number.MAX_SAFE_INTEGER } }),
  };
}
