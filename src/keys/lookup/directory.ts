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

import { BoundedMap } from '../../core/bounded-map.ts';
import type { Registration } from '../../core/decide/preflight.ts';
import { compileKey, type Key, type StoredKey } from '../../core/key/key.ts';
import { hashToken } from '../../core/key/token.ts';
import {
  COPIES_IN_MEMORY,
  COPY_AGAIN_SECONDS,
  KEYS_IN_MEMORY,
  KEYS_IN_MEMORY_BYTES,
  MISS_SECONDS,
  MISSES_IN_MEMORY,
  MISSES_IN_MEMORY_BYTES,
  ORIGINS_IN_MEMORY,
  ORIGINS_IN_MEMORY_BYTES,
  OUTAGE_GRACE_RESTRICTED_SECONDS,
  REPLICA_TIMEOUT_MS,
} from '../../core/limits.ts';
import { patternsAdmitting, type WebOrigin } from '../../core/origins/web-origin.ts';
import type { RouteList } from '../../core/routes/route-table.ts';
import {
  type DatabaseAnswer,
  type DatabaseRequest,
  type FeedCache,
  type KeyDatabase,
  type KeyReplica,
  type Subject,
  tokenSubject,
  type Versioned,
} from '../types.ts';
import { ChangeFeed } from './change-feed.ts';
import { createLogReader, type WithTimeout } from './log-reader.ts';
import type { Lookup } from './request-scope.ts';
import { createTokenGate } from './token-gate.ts';
import { VouchedMap } from './vouched-map.ts';

/** What a look-up of a token comes to. */
export type KeyLookup =
  /** `isStale`: D1 is out of reach, and this is what was known last. */
  | { readonly outcome: 'found'; readonly key: Key; readonly isStale: boolean }
  /** `cause` is for the log; the caller is not told. */
  | { readonly outcome: 'unknown'; readonly cause: string }
  | { readonly outcome: 'unavailable' };

/** What a directory is made of. */
export interface DirectoryOptions {
  readonly database: KeyDatabase;
  readonly replica: KeyReplica;
  readonly feedCache: FeedCache;
  readonly now: () => number;
  readonly withTimeout: WithTimeout;
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
  recall(token: string, lookup: Lookup): KeyLookup | undefined;
  /**
   * Looks a token up. With an origin, one round trip to D1 answers for that too, for the refusal's
   * grant. Never rejects.
   */
  find(token: string, origin: WebOrigin | null, lookup: Lookup): Promise<KeyLookup>;
  /** Whether some live key lists an origin, from memory; `undefined` when it must be looked up. */
  recallOrigin(origin: WebOrigin, lookup: Lookup): Registration | undefined;
  /** Whether some live key lists an origin. Never rejects. */
  findOrigin(origin: WebOrigin, lookup: Lookup): Promise<Registration>;
  /** Reads the log now, after a change that this isolate made. Never rejects. */
  refresh(): Promise<void>;
  /** What memory holds, for tests and for operators. */
  stats(): DirectoryStats;
}

/** What a directory holds in memory. */
export interface DirectoryStats {
  readonly keys: number;
  readonly keyBytes: number;
  readonly origins: number;
  readonly originBytes: number;
  readonly misses: number;
  readonly feedLines: number;
}

type Found = KeyLookup & { outcome: 'found' };

/** One thing to be looked up, in steps that the protocol puts in order. */
interface Wanted<Stored, Answer> {
  readonly name: string;
  readonly subjects: readonly Subject[];
  readonly asked: Pick<DatabaseRequest, 'tokenHash' | 'patterns'>;
  readonly pick: (answer: DatabaseAnswer) => Stored | null;
  /** Whether memory holds a value that the log vouches for, however old the lease is. */
  readonly isRemembered: () => boolean;
  /** What memory may say at this time; `undefined` when it has to be looked up. */
  readonly recall: () => Answer | undefined;
  /** What memory may say when D1 has just failed to answer; `undefined` when it may not. */
  readonly recallStale: () => Answer | undefined;
  /** What the log alone can tell; `undefined` when it has to be looked up. */
  readonly refute: () => Promise<Answer | undefined>;
  readonly remember: (copy: Versioned<Stored>) => Answer;
  readonly fromReplica: () => Promise<Versioned<Stored> | null>;
  readonly toReplica: (copy: Versioned<Stored>) => Promise<void>;
  readonly unavailable: Answer;
}

const unavailable: KeyLookup = { outcome: 'unavailable' };
const noSuchKey: KeyLookup = { outcome: 'unknown', cause: 'no key has this token' };
const revokedKey: KeyLookup = { outcome: 'unknown', cause: 'revoked' };

/** A token that has no key any more, or never had one: why, and when that was found out. */
interface Miss {
  readonly answer: KeyLookup;
  readonly atMs: number;
}

/** A directory with an empty memory. One isolate has one. */
export function createKeyDirectory(options: DirectoryOptions): KeyDirectory {
  const { replica, now, withTimeout, refreshMs, maxStalenessMs } = options;
  const tell = createStorageLog(options.log, now);
  const feed = new ChangeFeed();
  const gate = createTokenGate(feed);
  // What does not exist is kept apart from what does, so that a flood of it evicts nothing in use.
  // Missing tokens go by their hash: they have no claim to an answer without the price of one.
  const keys = new VouchedMap<Found>(feed, KEYS_IN_MEMORY, KEYS_IN_MEMORY_BYTES);
  const missingKeys = new VouchedMap<Miss>(feed, MISSES_IN_MEMORY, MISSES_IN_MEMORY_BYTES);
  const origins = new VouchedMap<number>(feed, ORIGINS_IN_MEMORY, ORIGINS_IN_MEMORY_BYTES);
  const missingOrigins = new VouchedMap<number>(feed, MISSES_IN_MEMORY, MISSES_IN_MEMORY_BYTES);
  const copiesLeftMs = new BoundedMap<number>(COPIES_IN_MEMORY);
  const reader = createLogReader({
    ...options,
    feed,
    tell,
    onRestart: () => {
      for (const memory of [keys, missingKeys, origins, missingOrigins]) memory.clear();
    },
  });

  /** Whether what the log vouches for may be said at this time. Begins a poll where one is due. */
  function isCurrent(lookup: Lookup): boolean {
    const nowMs = now();
    const ageMs = feed.ageMs(nowMs);
    if (ageMs < refreshMs) return true;
    if (ageMs >= maxStalenessMs) return false;
    reader.pollInBackground(nowMs, lookup.runInBackground);
    return true;
  }

  /** Whether asking D1 would only be waiting. Then it is tried behind the request. */
  function isDatabaseDown(lookup: Lookup): boolean {
    const nowMs = now();
    if (!reader.isDatabaseDown(nowMs)) return false;
    reader.pollInBackground(nowMs, lookup.runInBackground);
    return true;
  }

  function isLeaseOver(): boolean {
    return feed.ageMs(now()) >= maxStalenessMs;
  }

  function recallKey(token: string, lookup: Lookup): KeyLookup | undefined {
    const found = keys.get(token);
    if (found === undefined) return undefined;
    if (isCurrent(lookup)) return found;
    return isDatabaseDown(lookup) ? recallStaleKey(token) : undefined;
  }

  /**
   * A key that goes on while D1 is out of reach, until the grace ends. The log's word comes first
   * here too: a key that it names is not in memory any more.
   */
  function recallStaleKey(token: string): KeyLookup | undefined {
    const found = keys.get(token);
    if (found === undefined) return undefined;
    const overMs = feed.ageMs(now()) - maxStalenessMs;
    if (overMs < 0) return found;
    const isInGrace = overMs < outageGraceMs(found.key, options.outageGraceMs);
    return isInGrace ? { ...found, isStale: true } : undefined;
  }

  function recallOrigin(origin: WebOrigin, lookup: Lookup): Registration | undefined {
    // There is no grace for origins: a preflight that nobody can decide is granted, for seconds.
    if (isLeaseOver() && isDatabaseDown(lookup)) return 'unsure';
    const registeredUntilMs = origins.get(origin.value);
    if (registeredUntilMs !== undefined && now() < registeredUntilMs) {
      return isCurrent(lookup) ? 'registered' : undefined;
    }
    if (!isRecent(missingOrigins.get(origin.value))) return undefined;
    return isCurrent(lookup) ? 'unregistered' : undefined;
  }

  /** Whether something was found missing so short a while ago that it is not asked for again. */
  function isRecent(missedMs: number | undefined): boolean {
    return missedMs !== undefined && now() - missedMs < MISS_SECONDS * 1000;
  }

  /** The protocol. `along` is read in the same round trip to D1, where there is one. */
  async function lookUp<Stored, Answer>(
    wanted: Wanted<Stored, Answer>,
    along: Wanted<number, Registration> | null,
    lookup: Lookup,
  ): Promise<Answer> {
    const [copy] = await Promise.all([
      wanted.isRemembered() ? undefined : readReplica(wanted.fromReplica),
      feed.ageMs(now()) < refreshMs ? null : reader.readShared(),
    ]);
    if (copy && feed.vouchesFor(copy.at, wanted.subjects)) wanted.remember(copy);
    const known = wanted.recall() ?? (await wanted.refute());
    if (known !== undefined) return known;
    if (isDatabaseDown(lookup)) return wanted.unavailable;

    const asked = { ...along?.asked, ...wanted.asked };
    const answer = await reader.read(asked, lookup.runInBackground);
    if (!answer) return wanted.recallStale() ?? wanted.unavailable;

    const at = answer.feed.head;
    if (along) along.remember({ value: along.pick(answer), at });
    const fresh = { value: wanted.pick(answer), at };
    // The log may know more than before, and vouch for the copy that it did not vouch for then.
    const isCopyBad = copy === null || (copy && !feed.vouchesFor(copy.at, wanted.subjects));
    if (fresh.value !== null && isCopyBad) lookup.whenAllowed(() => leaveCopy(wanted, fresh));
    return wanted.remember(fresh);
  }

  /** `undefined` when KV does not say: then nothing is put there either. */
  async function readReplica<Stored>(
    read: () => Promise<Versioned<Stored> | null>,
  ): Promise<Versioned<Stored> | null | undefined> {
    try {
      return await withTimeout(read(), REPLICA_TIMEOUT_MS);
    } catch (error) {
      tell('replica_failed', error);
      return undefined;
    }
  }

  /** Puts what D1's primary just said into KV, for others. Not again while KV spreads it. */
  async function leaveCopy<Stored, Answer>(
    { name, toReplica }: Wanted<Stored, Answer>,
    copy: Versioned<Stored>,
  ): Promise<void> {
    const leftMs = copiesLeftMs.get(name);
    if (leftMs !== undefined && now() - leftMs < COPY_AGAIN_SECONDS * 1000) return;
    copiesLeftMs.set(name, now());
    try {
      await toReplica(copy);
    } catch (error) {
      // Nothing is lost: a copy that is not there costs the next cold reader a read of D1.
      tell('replica_write_failed', error);
    }
  }

  function wantKey(
    token: string,
    tokenHash: string,
    lookup: Lookup,
  ): Wanted<StoredKey | 'revoked', KeyLookup> {
    const subjects: readonly Subject[] = [tokenSubject(tokenHash)];
    const recallMissing = () => {
      const miss = missingKeys.get(tokenHash);
      return isRecent(miss?.atMs) && isCurrent(lookup) ? miss?.answer : undefined;
    };
    return {
      name: tokenHash,
      subjects,
      asked: { tokenHash },
      pick: (answer) => answer.key ?? null,
      isRemembered: () => keys.get(token) !== undefined,
      recall: () => recallKey(token, lookup) ?? recallMissing(),
      recallStale: () => recallStaleKey(token),
      refute: () => refute(token, lookup),
      remember: ({ value, at }) => {
        if (value === null || value === 'revoked') {
          const answer = value === null ? noSuchKey : revokedKey;
          const weight = weightOf(tokenHash, subjects);
          missingKeys.set(tokenHash, { value: { answer, atMs: now() }, subjects, at, weight });
          return answer;
        }
        const key = compileKey(value, options.restrictedRoutes);
        const found: Found = { outcome: 'found', key, isStale: false };
        keys.set(token, { value: found, subjects, at, weight: weightOfKey(value, token) });
        return found;
      },
      // KV holds a tombstone for what was revoked, and nothing for what never was.
      fromReplica: async () => {
        const copy = await replica.getKey(tokenHash);
        return copy && { value: copy.value ?? 'revoked', at: copy.at };
      },
      toReplica: ({ value, at }) =>
        replica.putKey(tokenHash, { value: value === 'revoked' ? null : value, at }),
      unavailable,
    };
  }

  function wantOrigin(origin: WebOrigin, lookup: Lookup): Wanted<number, Registration> {
    const name = origin.value;
    const patterns = patternsAdmitting(origin);
    const subjects = patterns.map((pattern): Subject => `pattern:${pattern}`);
    return {
      name,
      subjects,
      asked: { patterns },
      pick: (answer) => answer.registeredUntilMs ?? null,
      isRemembered: () => (origins.get(name) ?? 0) > now(),
      recall: () => recallOrigin(origin, lookup),
      recallStale: () => undefined,
      refute: async () => undefined,
      remember: ({ value, at }) => {
        const weight = weightOf(name, subjects);
        if (value === null || value <= now()) {
          missingOrigins.set(name, { value: now(), subjects, at, weight });
          return 'unregistered';
        }
        origins.set(name, { value, subjects, at, weight });
        return 'registered';
      },
      fromReplica: () => replica.getOrigin(name),
      toReplica: (copy) => replica.putOrigin(name, copy),
      unavailable: 'unsure',
    };
  }

  async function refute(token: string, lookup: Lookup): Promise<KeyLookup | undefined> {
    const nowMs = now();
    const isLogCurrent = feed.ageMs(nowMs) < maxStalenessMs;
    const cause = await gate.refute(token, isLogCurrent);
    if (cause === null) return undefined;
    // Somebody has to read the log even where nothing but invented tokens comes in.
    if (feed.isKnown && !isLogCurrent) reader.pollInBackground(nowMs, lookup.runInBackground);
    return { outcome: 'unknown', cause };
  }

  return {
    recall: recallKey,
    recallOrigin,

    async find(token, origin, lookup) {
      const known = recallKey(token, lookup) ?? (await refute(token, lookup));
      if (known) return known;
      const wanted = wantKey(token, await hashToken(token), lookup);
      const along =
        origin !== null && recallOrigin(origin, lookup) === undefined
          ? wantOrigin(origin, lookup)
          : null;
      return wanted.recall() ?? lookUp(wanted, along, lookup);
    },

    async findOrigin(origin, lookup) {
      return recallOrigin(origin, lookup) ?? lookUp(wantOrigin(origin, lookup), null, lookup);
    },

    async refresh() {
      await reader.read({}, null);
    },

    stats: () => ({
      keys: keys.size,
      keyBytes: keys.weight,
      origins: origins.size,
      originBytes: origins.weight,
      misses: missingKeys.size + missingOrigins.size,
      feedLines: feed.size,
    }),
  };
}

/** Anybody can copy a restricted key out of a page, so it goes on for a shorter while. */
function outageGraceMs(key: Key, graceMs: number): number {
  if (key.access !== 'restricted') return graceMs;
  return Math.min(graceMs, OUTAGE_GRACE_RESTRICTED_SECONDS * 1000);
}

/** Tells of each kind of failure once a minute, not once a request. */
function createStorageLog(log: DirectoryOptions['log'], now: () => number) {
  const toldMs = new Map<StorageEvent['event'], number>();
  return (event: StorageEvent['event'], error: unknown): void => {
    const nowMs = now();
    if (nowMs - (toldMs.get(event) ?? Number.NEGATIVE_INFINITY) < 60 * 1000) return;
    toldMs.set(event, nowMs);
    log({ event, error: error instanceof Error ? error.message : String(error) });
  };
}

/** Bytes that something small takes in memory. Measured in workerd, as below: `bench/memory.ts`. */
function weightOf(name: string, subjects: readonly Subject[]): number {
  let bytes = 250 + name.length;
  for (const subject of subjects) bytes += 30 + subject.length;
  return bytes;
}

/** Bytes that a key takes in memory. */
function weightOfKey(stored: StoredKey, token: string): number {
  let bytes = 320 + token.length;
  if (stored.allowedOrigins) bytes += 120;
  for (const origin of stored.allowedOrigins ?? []) bytes += 40 + origin.length;
  // A table of routes has a node for each segment.
  for (const { resources } of stored.rules ?? []) {
    for (const resource of resources) bytes += 480 * (resource.split('/').length - 1);
  }
  return bytes;
}
