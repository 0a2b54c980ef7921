/** D1, KV and the cache of one data centre for the simulation: they count, and take their time. */

import { createHash } from 'node:crypto';
import type { StoredKey } from '../../src/core/key.ts';
import { FEED_CACHE_SECONDS, FEED_WINDOW_LINES } from '../../src/core/limits.ts';
import {
  type ChangeLine,
  type DatabaseRequest,
  type FeedCache,
  type KeyDatabase,
  type KeyReplica,
  LOG_START,
  type SharedPoll,
  tokenSubject,
} from '../../src/keys/types.ts';
import type { Random } from '../../test/keys-model/random.ts';
import type { VirtualTime } from '../../test/keys-model/virtual-time.ts';

/** What was asked of the stores. */
export interface Load {
  databaseReads: number;
  databaseRowsRead: number;
  replicaReads: number;
  replicaWrites: number;
  cacheReads: number;
}

/**
 * `none`: it stores nothing, as on workers.dev. `always warm`: a neighbour polls all the time, so that
 * this isolate's reads of D1 are look-ups alone.
 */
export type CacheKind = 'shared' | 'none' | 'always warm';

/** How long each store takes, in milliseconds: at least, and at most. */
const tripMs = { database: [20, 250], replica: [5, 60], cache: [1, 10] } as const;
/** A line of no log. */
const outdated = { seq: -1, mark: 0 };
/** Rows that a read of the log reads beside its lines, and a key's: `test/keys/growth.test.ts`. */
const ROWS_BESIDE_LINES = 3;
const ROWS_OF_A_KEY = 2;

/** The stores as the isolates of one data centre see them. */
export class Stores {
  readonly load: Load = emptyLoad();
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #lines: ChangeLine[] = [];
  readonly #revoked = new Set<string>();
  readonly #hasFreshCopy: (tokenHash: string) => boolean;
  #shared: { poll: SharedPoll; untilMs: number } | null = null;

  constructor(
    time: VirtualTime,
    random: Random,
    hasFreshCopy: (tokenHash: string) => boolean = () => true,
  ) {
    this.#time = time;
    this.#random = random;
    this.#hasFreshCopy = hasFreshCopy;
  }

  /** A change that is not about any key that is asked for. */
  changeAnotherKey(): void {
    this.#addLine(`another key, ${this.#lines.length}`);
  }

  revoke(tokenHash: string): void {
    this.#revoked.add(tokenHash);
    this.#addLine(tokenHash);
  }

  /** Forgets what was counted. */
  countFromHere(): void {
    Object.assign(this.load, emptyLoad());
  }

  readonly database: KeyDatabase = {
    read: async ({ fromSeq, tokenHash }: DatabaseRequest) => {
      await this.#trip('database', 0.5);
      const feed = this.#feedFrom(fromSeq ?? 0);
      const key = tokenHash === undefined ? undefined : this.#keyOf(tokenHash);
      await this.#trip('database', 0.5);
      const rowsRead =
        ROWS_BESIDE_LINES + feed.lines.length + (tokenHash === undefined ? 1 : 1 + ROWS_OF_A_KEY);
      this.load.databaseReads++;
      this.load.databaseRowsRead += rowsRead;
      return { feed, rowsRead, ...(key === undefined ? {} : { key }) };
    },
  };

  readonly replica: KeyReplica = {
    getKey: async (tokenHash) => {
      this.load.replicaReads++;
      await this.#trip('replica', 1);
      // Management has written a copy of every key. An old one lies before the window of the log.
      const at = this.#hasFreshCopy(tokenHash) ? (this.#lines.at(-1) ?? LOG_START) : outdated;
      return { value: this.#keyOf(tokenHash), at };
    },
    putKey: async () => {
      this.load.replicaWrites++;
      await this.#trip('replica', 1);
    },
    getOrigin: async () => null,
    putOrigin: async () => {},
  };

  /** The data centre's cache, as this isolate sees it. */
  feedCache(kind: CacheKind): FeedCache {
    if (kind === 'none') return { get: async () => null, put: async () => {} };
    if (kind === 'always warm') {
      const feed = () => this.#feedFrom(0);
      return {
        get: async () => ({ feed: feed(), startedAtMs: this.#time.nowMs }),
        put: async () => {},
      };
    }
    return {
      get: async () => {
        this.load.cacheReads++;
        await this.#trip('cache', 1);
        return this.#shared && this.#time.nowMs < this.#shared.untilMs ? this.#shared.poll : null;
      },
      put: async (poll) => {
        await this.#trip('cache', 1);
        this.#shared = { poll, untilMs: this.#time.nowMs + FEED_CACHE_SECONDS * 1000 };
      },
    };
  }

  #keyOf(tokenHash: string): StoredKey | null {
    return this.#revoked.has(tokenHash) ? null : { ...backendKey, id: `key_${tokenHash}` };
  }

  #addLine(about: string): void {
    const seq = this.#lines.length + 1;
    const mark = Math.floor(this.#random() * 2 ** 48);
    this.#lines.push({ seq, mark, subject: tokenSubject(about) });
  }

  #feedFrom(fromSeq: number) {
    const wanted = Math.min(fromSeq, this.#lines.length);
    const lines = this.#lines.slice(Math.max(0, wanted - 1)).slice(-(FEED_WINDOW_LINES + 1));
    const isWhole = fromSeq === 0 && (lines[0]?.seq ?? 1) === 1;
    const after = isWhole ? LOG_START : (lines.shift() ?? LOG_START);
    const head = lines.at(-1) ?? after;
    return { after, head, lines, tagKeyHex: 'ab'.repeat(32), hasImportedTokens: true };
  }

  #trip(store: keyof typeof tripMs, part: number): Promise<void> {
    const [least, most] = tripMs[store];
    return this.#time.wait(part * (least + this.#random() * (most - least)));
  }
}

const backendKey: Omit<StoredKey, 'id'> = {
  owner: null,
  kind: 'backend',
  allowedOrigins: null,
  fullAccess: false,
  rules: null,
  enabled: true,
  expiresAtMs: null,
};

function emptyLoad(): Load {
  return {
    databaseReads: 0,
    databaseRowsRead: 0,
    replicaReads: 0,
    replicaWrites: 0,
    cacheReads: 0,
  };
}

/**
 * Makes Web Crypto hash at once. It works beside the event loop, and would be the one thing in the
 * simulation that the seed does not decide.
 */
export function hashAtOnce(): void {
  Object.assign(crypto.subtle, {
    digest: async (_algorithm: string, data: Uint8Array) =>
      Uint8Array.from(createHash('sha256').update(data).digest()).buffer,
  });
}
