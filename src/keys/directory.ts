/**
 * Finds keys, and whether origins are registered: memory, then KV, then D1's primary.
 *
 * One protocol serves both. A copy from anywhere counts only if the change log vouches for it
 * (`change-feed.ts`), and what the log is known to hold is at most `maxStalenessMs` old. So whoever
 * is let in at time t was not revoked before t minus that, whatever KV, caches or late writes do.
 *
 *     lease younger than refreshMs       answer from memory
 *     lease younger than maxStalenessMs  answer from memory, and poll the log in the background
 *     older, or nothing in memory        KV and the shared poll, at once; then D1, log and key in one batch
 *     D1 out of reach                    what the log vouched for last, until the outage grace ends
 *
 * Promises are never shared between requests, because the runtime forbids it: two concurrent cold
 * look-ups read twice, and the first to finish serves all that follow.
 */

import { compileKey, type Key, type StoredKey } from '../core/key.ts';
import {
  DATABASE_BACKOFF_MS,
  DATABASE_TIMEOUT_MS,
  FEED_CACHE_SECONDS,
  FEED_CACHE_SLOWEST_POLL_MS,
  FEED_CACHE_TIMEOUT_MS,
  KEYS_IN_MEMORY,
  KEYS_IN_MEMORY_BYTES,
  MISS_SECONDS,
  MISSES_IN_MEMORY,
  ORIGINS_IN_MEMORY,
  OUTAGE_GRACE_RESTRICTED_SECONDS,
  REPLICA_TIMEOUT_MS,
} from '../core/limits.ts';
import type { Registration } from '../core/preflight.ts';
import type { RouteList } from '../core/route-table.ts';
import { hashToken, hasValidTag, importTagKey, readTokenForm } from '../core/token.ts';
import { patternsAdmitting, type WebOrigin } from '../core/web-origin.ts';
import { BoundedMap } from './bounded-map.ts';
import { ChangeFeed } from './change-feed.ts';
import type {
  DatabaseAnswer,
  FeedCache,
  KeyDatabase,
  KeyReplica,
  Subject,
  Versioned,
} from './types.ts';

/** What a look-up of a token comes to. */
export type KeyLookup =
  | { readonly outcome: 'found'; readonly key: Key; readonly isStale: boolean }
  /** `cause` is for the log; the caller is not told. */
  | { readonly outcome: 'unknown'; readonly cause: string }
  | { readonly outcome: 'unavailable' };

/** Work that goes on after the response, of one request: `ctx.waitUntil`. */
export type RunInBackground = (work: Promise<unknown>) => void;

/** One request's view of the directory: its time, and where it may leave work behind. */
export interface LookupContext {
  readonly nowMs: number;
  readonly runInBackground: RunInBackground;
}

export interface DirectoryOptions {
  readonly database: KeyDatabase;
  readonly replica: KeyReplica;
  readonly feedCache: FeedCache;
  readonly now: () => number;
  /** Rejects after so many milliseconds, unless the work is done before. */
  readonly withTimeout: <Result>(work: Promise<Result>, timeoutMs: number) => Promise<Result>;
  readonly log: (event: StorageEvent) => void;
  readonly restrictedRoutes: RouteList;
  readonly refreshMs: number;
  readonly maxStalenessMs: number;
  readonly outageGraceMs: number;
}

/** Something that operators should know of a store; told once a minute each. */
export interface StorageEvent {
  readonly event: 'database_failed' | 'replica_failed' | 'replica_write_failed' | 'cache_failed';
  readonly error: string;
}

/** See the file's head. */
export interface KeyDirectory {
  /**
   * What memory knows of a token, at no cost; `undefined` when it must be looked up. This is the
   * whole price of a hot key.
   */
  recall(token: string, context: LookupContext): KeyLookup | undefined;
  /**
   * Looks a token up. With an origin, one round trip to D1 answers for that too, for the refusal's
   * grant. Never rejects.
   */
  find(token: string, origin: WebOrigin | null, context: LookupContext): Promise<KeyLookup>;
  /** Whether some live key lists an origin, from memory; `undefined` when it must be looked up. */
  recallOrigin(origin: WebOrigin, context: LookupContext): Registration | undefined;
  /** Whether some live key lists an origin. Never rejects. */
  findOrigin(origin: WebOrigin, context: LookupContext): Promise<Registration>;
  /** Reads the log now, after a change that this isolate made. Never rejects. */
  refresh(): Promise<void>;
  /** What memory holds, for tests and for operators. */
  stats(): DirectoryStats;
}

export interface DirectoryStats {
  readonly keys: number;
  readonly keyBytes: number;
  readonly origins: number;
  readonly misses: number;
  readonly feedLines: number;
}

/** Something that memory holds, with the seq up to which the log was seen to vouch for it. */
interface Remembered<Value> {
  readonly value: Value;
  readonly subjects: readonly Subject[];
  readonly rememberedAtMs: number;
  vouchedSeq: number;
}

/** One kind of thing that can be looked up by this protocol. */
interface Shelf<Stored, Value> {
  readonly known: BoundedMap<Remembered<Value>>;
  readonly missing: BoundedMap<Remembered<null>>;
  readonly open: (stored: Stored) => Value;
  readonly weightOf: (stored: Stored, name: string) => number;
  readonly isCurrent: (value: Value, nowMs: number) => boolean;
  readonly outageGraceMs: (value: Value) => number;
}

/** What is asked of a shelf, and how its copies are named further away. */
interface Wanted<Stored> {
  readonly name: string;
  readonly subjects: readonly Subject[];
  readonly database: { readonly tokenHash?: string; readonly patterns?: readonly string[] };
  readonly pick: (answer: DatabaseAnswer) => Stored | null | undefined;
  readonly fromReplica: () => Promise<Versioned<Stored> | null>;
  readonly toReplica: (copy: Versioned<Stored>) => Promise<void>;
}

type Answer<Value> =
  | { readonly outcome: 'found'; readonly value: Value; readonly isStale: boolean }
  | { readonly outcome: 'missing' }
  | { readonly outcome: 'unavailable' };

/** How old a shared poll can be when it is read: its own duration, and its time in the cache. */
const SHARED_POLL_AGE_MS = FEED_CACHE_SECONDS * 1000 + FEED_CACHE_SLOWEST_POLL_MS;

/** A directory with an empty memory. One isolate has one. */
export function createKeyDirectory(options: DirectoryOptions): KeyDirectory {
  const { database, replica, feedCache, now, withTimeout } = options;
  const feed = new ChangeFeed();
  const sharesPolls = options.maxStalenessMs > SHARED_POLL_AGE_MS + 1000;
  let tagKey: { readonly hex: string; readonly key: CryptoKey } | null = null;
  // "A poll is under way" is a time, not a flag: its request may die before it can clear one.
  let pollStartedMs = Number.NEGATIVE_INFINITY;
  let databaseFailedMs = Number.NEGATIVE_INFINITY;
  const toldMs = new Map<StorageEvent['event'], number>();

  const keys: Shelf<StoredKey, Key> = {
    known: new BoundedMap(KEYS_IN_MEMORY, KEYS_IN_MEMORY_BYTES),
    missing: new BoundedMap(MISSES_IN_MEMORY),
    open: (stored) => compileKey(stored, options.restrictedRoutes),
    weightOf: weightOfKey,
    isCurrent: () => true,
    outageGraceMs: (key) =>
      key.access === 'restricted'
        ? Math.min(options.outageGraceMs, OUTAGE_GRACE_RESTRICTED_SECONDS * 1000)
        : options.outageGraceMs,
  };
  const origins: Shelf<number, number> = {
    known: new BoundedMap(ORIGINS_IN_MEMORY),
    missing: new BoundedMap(MISSES_IN_MEMORY),
    open: (registeredUntilMs) => registeredUntilMs,
    weightOf: () => 1,
    isCurrent: (registeredUntilMs, nowMs) => nowMs < registeredUntilMs,
    outageGraceMs: () => options.outageGraceMs,
  };

  /** What memory holds and the log still vouches for, whatever the lease's age. */
  function remembered<Value>(
    shelf: BoundedMap<Remembered<Value>>,
    name: string,
  ): Remembered<Value> | undefined {
    const entry = shelf.get(name);
    if (entry === undefined) return undefined;
    const head = feed.head ?? 0;
    if (entry.vouchedSeq === head) return entry;
    if (!feed.vouchesFor(entry.vouchedSeq, entry.subjects)) {
      shelf.delete(name);
      return undefined;
    }
    entry.vouchedSeq = Math.max(entry.vouchedSeq, head);
    return entry;
  }

  function recallFrom<Stored, Value>(
    shelf: Shelf<Stored, Value>,
    name: string,
    { nowMs, runInBackground }: LookupContext,
  ): Answer<Value> | undefined {
    const ageMs = feed.ageMs(nowMs);
    if (ageMs >= options.maxStalenessMs) return undefined;
    const entry = remembered(shelf.known, name);
    if (entry !== undefined && shelf.isCurrent(entry.value, nowMs)) {
      if (ageMs >= options.refreshMs) pollInBackground(nowMs, runInBackground);
      return { outcome: 'found', value: entry.value, isStale: false };
    }
    const miss = remembered(shelf.missing, name);
    if (miss !== undefined && nowMs - miss.rememberedAtMs < MISS_SECONDS * 1000) {
      return { outcome: 'missing' };
    }
    return undefined;
  }

  function remember<Stored, Value>(
    shelf: Shelf<Stored, Value>,
    wanted: Pick<Wanted<Stored>, 'name' | 'subjects'>,
    copy: Versioned<Stored>,
  ): Value | null {
    const entry = {
      subjects: wanted.subjects,
      rememberedAtMs: now(),
      vouchedSeq: copy.seqAt,
    };
    if (copy.value === null) {
      shelf.known.delete(wanted.name);
      shelf.missing.set(wanted.name, { ...entry, value: null });
      return null;
    }
    const value = shelf.open(copy.value);
    shelf.missing.delete(wanted.name);
    shelf.known.set(wanted.name, { ...entry, value }, shelf.weightOf(copy.value, wanted.name));
    return value;
  }

  /** The protocol. `along` is read in the same round trip to D1, where there is one. */
  async function lookUp<Stored, Value>(
    shelf: Shelf<Stored, Value>,
    wanted: Wanted<Stored>,
    context: LookupContext,
    along: Wanted<number> | null,
  ): Promise<Answer<Value>> {
    const isRemembered = remembered(shelf.known, wanted.name) !== undefined;
    const [copy] = await Promise.all([
      isRemembered ? null : readReplica(wanted.fromReplica),
      feed.ageMs(context.nowMs) < options.refreshMs ? null : readSharedPoll(),
    ]);
    const vouchedCopy = copy && feed.vouchesFor(copy.seqAt, wanted.subjects) ? copy : null;
    const isFresh = feed.ageMs(now()) < options.maxStalenessMs;
    if (isFresh) {
      if (vouchedCopy) remember(shelf, wanted, vouchedCopy);
      const answer = recallFrom(shelf, wanted.name, { ...context, nowMs: now() });
      if (answer) return answer;
    }

    if (now() - databaseFailedMs >= DATABASE_BACKOFF_MS) {
      const answer = await readDatabase({
        tokenHash: wanted.database.tokenHash,
        patterns: wanted.database.patterns ?? along?.database.patterns,
      });
      if (answer) return settle(shelf, wanted, context, along, answer, vouchedCopy !== null);
    } else {
      pollInBackground(now(), context.runInBackground);
    }
    return answerInOutage(shelf, wanted, vouchedCopy);
  }

  /** Remembers what D1 answered, and leaves copies for others. */
  function settle<Stored, Value>(
    shelf: Shelf<Stored, Value>,
    wanted: Wanted<Stored>,
    context: LookupContext,
    along: Wanted<number> | null,
    answer: DatabaseAnswer,
    replicaIsGood: boolean,
  ): Answer<Value> {
    const seqAt = answer.feed.head;
    if (along) remember(origins, along, { value: along.pick(answer) ?? null, seqAt });
    const stored = wanted.pick(answer) ?? null;
    const value = remember(shelf, wanted, { value: stored, seqAt });
    if (value === null || !shelf.isCurrent(value, now())) return { outcome: 'missing' };
    if (!replicaIsGood) {
      context.runInBackground(writeReplica(() => wanted.toReplica({ value: stored, seqAt })));
    }
    return { outcome: 'found', value, isStale: false };
  }

  /**
   * What may still be said while D1 is out of reach: what the log vouched for when it was last read,
   * for as long as the grace lasts. The log's word comes first here too: a key that it names is not
   * in `remembered` any more.
   */
  function answerInOutage<Stored, Value>(
    shelf: Shelf<Stored, Value>,
    wanted: Wanted<Stored>,
    vouchedCopy: Versioned<Stored> | null,
  ): Answer<Value> {
    if (vouchedCopy) remember(shelf, wanted, vouchedCopy);
    const entry = remembered(shelf.known, wanted.name);
    if (entry === undefined) return { outcome: 'unavailable' };
    const ageMs = feed.ageMs(now());
    if (ageMs >= options.maxStalenessMs + shelf.outageGraceMs(entry.value)) {
      return { outcome: 'unavailable' };
    }
    return { outcome: 'found', value: entry.value, isStale: true };
  }

  /** One round trip to D1's primary, which also reads the log; `null` when D1 is out of reach. */
  async function readDatabase(
    asked: Pick<Parameters<KeyDatabase['read']>[0], 'tokenHash' | 'patterns'>,
  ): Promise<DatabaseAnswer | null> {
    const startedMs = now();
    try {
      const request = { ...asked, afterSeq: feed.head, nowMs: startedMs };
      const answer = await withTimeout(database.read(request), DATABASE_TIMEOUT_MS);
      feed.apply(answer.feed, startedMs);
      databaseFailedMs = Number.NEGATIVE_INFINITY;
      return answer;
    } catch (error) {
      databaseFailedMs = now();
      tell('database_failed', error);
      return null;
    }
  }

  async function readReplica<Stored>(
    read: () => Promise<Versioned<Stored> | null>,
  ): Promise<Versioned<Stored> | null> {
    try {
      return await withTimeout(read(), REPLICA_TIMEOUT_MS);
    } catch (error) {
      tell('replica_failed', error);
      return null;
    }
  }

  async function writeReplica(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      // Nothing is lost: a copy that is not there costs the next cold reader a read of D1.
      tell('replica_write_failed', error);
    }
  }

  async function readSharedPoll(): Promise<boolean> {
    if (!sharesPolls) return false;
    const readMs = now();
    try {
      const entry = await withTimeout(feedCache.get(), FEED_CACHE_TIMEOUT_MS);
      if (!entry) return false;
      // The writer's clock can only take trust away: an entry that it calls older than the cache
      // may keep one was written late.
      if (readMs - entry.startedAtMs > SHARED_POLL_AGE_MS) return false;
      feed.apply(entry.feed, readMs - SHARED_POLL_AGE_MS);
      return true;
    } catch (error) {
      tell('cache_failed', error);
      return false;
    }
  }

  async function poll(): Promise<void> {
    if (await readSharedPoll()) return;
    const startedMs = now();
    const answer = await readDatabase({});
    if (!answer || !sharesPolls || now() - startedMs > FEED_CACHE_SLOWEST_POLL_MS) return;
    try {
      await withTimeout(feedCache.put(answer.feed, startedMs), FEED_CACHE_TIMEOUT_MS);
    } catch (error) {
      tell('cache_failed', error);
    }
  }

  function pollInBackground(nowMs: number, runInBackground: RunInBackground): void {
    if (nowMs - pollStartedMs < DATABASE_TIMEOUT_MS) return;
    pollStartedMs = nowMs;
    runInBackground(poll());
  }

  function tell(event: StorageEvent['event'], error: unknown): void {
    const nowMs = now();
    if (nowMs - (toldMs.get(event) ?? Number.NEGATIVE_INFINITY) < 60_000) return;
    toldMs.set(event, nowMs);
    options.log({ event, error: error instanceof Error ? error.message : String(error) });
  }

  /**
   * Why a token cannot exist, from its form alone; `null` when it has to be looked up. So a flood of
   * invented tokens never reaches KV or D1.
   */
  async function impossible(token: string): Promise<string | null> {
    const form = readTokenForm(token);
    if (form.form === 'oversized') return 'too long';
    if (form.form === 'mistyped') return 'wrong checksum';
    const hex = feed.tagKeyHex;
    if (hex === null) return null;
    if (form.form === 'foreign') return feed.hasImportedTokens ? null : 'not of our form';
    if (tagKey?.hex !== hex) tagKey = { hex, key: await importTagKey(hex) };
    return (await hasValidTag(form, tagKey.key)) ? null : 'wrong tag';
  }

  async function wantKey(token: string): Promise<Wanted<StoredKey>> {
    const tokenHash = await hashToken(token);
    return {
      name: token,
      subjects: [`token:${tokenHash}`],
      database: { tokenHash },
      pick: (answer) => answer.key,
      fromReplica: () => replica.getKey(tokenHash),
      toReplica: (copy) => replica.putKey(tokenHash, copy),
    };
  }

  function wantOrigin(origin: WebOrigin): Wanted<number> {
    const patterns = patternsAdmitting(origin);
    return {
      name: origin.value,
      subjects: patterns.map((pattern): Subject => `pattern:${pattern}`),
      database: { patterns },
      pick: (answer) => answer.registeredUntilMs,
      fromReplica: () => replica.getOrigin(origin.value),
      toReplica: (copy) => replica.putOrigin(origin.value, copy),
    };
  }

  return {
    recall(token, context) {
      const answer = recallFrom(keys, token, context);
      return answer && toKeyLookup(answer);
    },

    async find(token, origin, context) {
      const known = recallFrom(keys, token, context);
      if (known) return toKeyLookup(known);
      const cause = await impossible(token);
      if (cause !== null) return { outcome: 'unknown', cause };
      const wanted = await wantKey(token);
      const along =
        origin !== null && recallFrom(origins, origin.value, context) === undefined
          ? wantOrigin(origin)
          : null;
      return toKeyLookup(await lookUp(keys, wanted, context, along));
    },

    recallOrigin(origin, context) {
      const answer = recallFrom(origins, origin.value, context);
      return answer && toRegistration(answer);
    },

    async findOrigin(origin, context) {
      const known = recallFrom(origins, origin.value, context);
      if (known) return toRegistration(known);
      return toRegistration(await lookUp(origins, wantOrigin(origin), context, null));
    },

    async refresh() {
      await readDatabase({});
    },

    stats: () => ({
      keys: keys.known.size,
      keyBytes: keys.known.weight,
      origins: origins.known.size,
      misses: keys.missing.size + origins.missing.size,
      feedLines: feed.size,
    }),
  };
}

function toKeyLookup(answer: Answer<Key>): KeyLookup {
  switch (answer.outcome) {
    case 'found':
      return { outcome: 'found', key: answer.value, isStale: answer.isStale };
    case 'missing':
      return { outcome: 'unknown', cause: 'no live key has this token' };
    case 'unavailable':
      return answer;
  }
}

function toRegistration(answer: Answer<number>): Registration {
  switch (answer.outcome) {
    case 'found':
      return 'registered';
    case 'missing':
      return 'unregistered';
    case 'unavailable':
      return 'unsure';
  }
}

/** An estimate of what a remembered key takes, in bytes. Measured in `bench/`. */
function weightOfKey(stored: StoredKey, token: string): number {
  let bytes = 500 + token.length;
  for (const origin of stored.allowedOrigins ?? []) bytes += 60 + origin.length;
  if (stored.rules) bytes += 10 * JSON.stringify(stored.rules).length;
  return bytes;
}
