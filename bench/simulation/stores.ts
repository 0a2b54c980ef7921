/** D1, KV and the caches of data centres for the simulation: they count, and take their time. */

import type { StoredKey } from '../../src/core/key/key.ts';
import {
  FEED_CACHE_LONG_SECONDS,
  FEED_CACHE_SECONDS,
  FEED_PAGE_LINES,
  FEED_WINDOW_LINES,
} from '../../src/keys/limits.ts';
import {
  type ChangeLine,
  type DatabaseRequest,
  type FeedCache,
  type KeyDatabase,
  type KeyReplica,
  type LogPosition,
  type NearReplica,
  type SharedEntry,
  type SharedPoll,
  tokenSubject,
} from '../../src/keys/types.ts';
import { createRandom, type Random } from '../../test/keys-model/random.ts';
import type { VirtualTime } from '../../test/keys-model/virtual-time.ts';

/** The calls that the stores received. */
export interface Load {
  databaseReads: number;
  databaseRowsRead: number;
  /** Reads of D1's read replicas, which are not among the ones above. */
  nearReads: number;
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
const tripMs = { database: [20, 250], near: [5, 30], replica: [5, 60], cache: [1, 10] } as const;
/** How long each entry of the shared poll lives. */
const lives: Readonly<Record<SharedEntry, number>> = {
  short: FEED_CACHE_SECONDS,
  long: FEED_CACHE_LONG_SECONDS,
};
/** A line of no log. */
const outdated = { seq: -1, mark: 0 };
/** How long a data centre's cache of KV answers with what it has: `cacheTtl` in `src/keys/stores/kv.ts`. */
export const REPLICA_CACHE_SECONDS = 60;
/** Rows that a read of the log reads beside its lines, and a key's: `test/keys/growth.test.ts`. */
const ROWS_BESIDE_LINES = 3;
const ROWS_OF_A_KEY = 2;

/** The stores as isolates see them, of one data centre or of several. */
export class Stores {
  readonly load: Load = emptyLoad();
  readonly #time: VirtualTime;
  readonly random: Random;
  readonly #lines: ChangeLine[] = [];
  readonly #revoked = new Set<string>();
  readonly #hasFreshCopy: ((tokenHash: string) => boolean) | null;
  /** The copies in KV, by token. They may be out of date. */
  readonly #copies = new Map<string, LogPosition>();
  /** By data centre. */
  readonly #shared = new Map<number, { poll: SharedPoll; putMs: number }>();
  readonly #cachedCopies = new Map<string, { at: LogPosition | null; untilMs: number }>();

  /** With `hasFreshCopy`, KV has a copy of every token, which is too old where that says so. */
  constructor(
    time: VirtualTime,
    random: Random,
    hasFreshCopy: ((tokenHash: string) => boolean) | null = () => true,
  ) {
    this.#time = time;
    this.random = random;
    this.#hasFreshCopy = hasFreshCopy;
    // The log is older than the simulation, so that a fresh isolate loads a whole window.
    for (let line = 0; line <= FEED_WINDOW_LINES; line++) this.changeAnotherKey();
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
    readLines: async (fromSeq) => {
      await this.#trip('database', 1);
      const lines = this.#lines.slice(fromSeq - 1, fromSeq + FEED_PAGE_LINES);
      this.load.databaseReads++;
      this.load.databaseRowsRead += lines.length;
      return lines;
    },
  };

  /** A read replica that is never behind, and so costs D1 as much as it can. */
  readonly near: NearReplica = {
    read: async ({ head, tokenHash }) => {
      this.load.nearReads++;
      await this.#trip('near', 1);
      const key = tokenHash === undefined ? undefined : this.#keyOf(tokenHash);
      return { at: head, isFromPrimary: false, ...(key === undefined ? {} : { key }) };
    },
  };

  /** KV, as the isolates of a data centre see it. */
  replica(place = 0): KeyReplica {
    return {
      getKey: async (tokenHash) => {
        this.load.replicaReads++;
        await this.#trip('replica', 1);
        const at = this.#copyAt(tokenHash, place);
        return at && { value: this.#keyOf(tokenHash), at };
      },
      putKey: async (tokenHash, { at }) => {
        this.load.replicaWrites++;
        await this.#trip('replica', 1);
        if (at.seq > (this.#copies.get(tokenHash)?.seq ?? -1)) this.#copies.set(tokenHash, at);
      },
      getParent: async () => null,
      putParent: async () => {},
      getOrigins: async () => [],
      putOrigin: async () => {},
    };
  }

  /** The cache of a data centre. */
  feedCache(kind: CacheKind, place = 0): FeedCache {
    if (kind === 'none') return { get: async () => null, put: async () => {} };
    if (kind === 'always warm') {
      const feed = () => this.#feedFrom(0);
      return {
        get: async () => ({ feed: feed(), startedAtMs: this.#time.nowMs }),
        put: async () => {},
      };
    }
    return {
      get: async (name) => {
        this.load.cacheReads++;
        await this.#trip('cache', 1);
        const shared = this.#shared.get(place);
        const lifeMs = lives[name] * 1000;
        return shared && this.#time.nowMs < shared.putMs + lifeMs ? shared.poll : null;
      },
      put: async (poll) => {
        await this.#trip('cache', 1);
        this.#shared.set(place, { poll, putMs: this.#time.nowMs });
      },
    };
  }

  /** The copy that KV returns at a data centre, whose cache may have an older one. */
  #copyAt(tokenHash: string, place: number): LogPosition | null {
    // Management has written a copy of every key. An old one lies before the window of the log.
    if (this.#hasFreshCopy) return this.#hasFreshCopy(tokenHash) ? this.#recentLine : outdated;
    const name = `${place}:${tokenHash}`;
    const cached = this.#cachedCopies.get(name);
    if (cached && this.#time.nowMs < cached.untilMs) return cached.at;
    const at = this.#copies.get(tokenHash) ?? null;
    const untilMs = this.#time.nowMs + REPLICA_CACHE_SECONDS * 1_000;
    this.#cachedCopies.set(name, { at, untilMs });
    return at;
  }

  /** A line that the window of every isolate holds: not too old, and not newer than what it read. */
  get #recentLine(): LogPosition {
    // The log is longer than a window.
    return this.#lines[this.#lines.length - FEED_WINDOW_LINES / 2]!;
  }

  #keyOf(tokenHash: string): StoredKey | null {
    return this.#revoked.has(tokenHash) ? null : { ...backendKey, id: `key_${tokenHash}` };
  }

  #addLine(about: string): void {
    const seq = this.#lines.length + 1;
    const mark = Math.floor(this.random() * 2 ** 48);
    this.#lines.push({ seq, mark, subject: tokenSubject(about) });
  }

  #feedFrom(fromSeq: number) {
    // As the SQL does: from the wanted line on, or the newest lines. The log is longer than a window.
    const from = Math.max(fromSeq, this.#lines.length - FEED_WINDOW_LINES);
    const after = this.#lines[from - 1]!;
    const lines = this.#lines.slice(from);
    const head = lines.at(-1) ?? after;
    return { after, head, lines, tagKeyHex: 'ab'.repeat(32), hasImportedTokens: true };
  }

  #trip(store: keyof typeof tripMs, part: number): Promise<void> {
    const [least, most] = tripMs[store];
    return this.#time.wait(part * (least + this.random() * (most - least)));
  }
}

/** A backend key for a token. */
export function storedKey(tokenHash: string): StoredKey {
  return { ...backendKey, id: `key_${tokenHash}` };
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
    nearReads: 0,
    replicaReads: 0,
    replicaWrites: 0,
    cacheReads: 0,
  };
}

/**
 * Makes Web Crypto hash at once. It works beside the event loop, and would be the one thing in the
 * simulation that the seed does not decide. What it makes is no SHA-256, only as different for
 * different tokens.
 */
export function hashAtOnce(): void {
  Object.assign(crypto.subtle, {
    digest: async (_algorithm: string, data: Uint8Array) => {
      const halves = [31, 16_777_619].map((factor) =>
        createRandom(data.reduce((sum, byte) => Math.imul(sum ^ byte, factor), 0x811c9dc5)),
      );
      return Uint8Array.from({ length: 32 }, (_, at) => halves[at % 2]!() * 256).buffer;
    },
  });
}
