/**
 * Keys as the look-up protocol sees them: what memory holds of a token, and what a copy of a key from
 * KV or D1 comes to.
 */

import { compileKey, type Key, type StoredKey } from '../../core/key/key.ts';
import type { RouteList } from '../../core/routes/route-table.ts';
import {
  KEYS_IN_MEMORY,
  KEYS_IN_MEMORY_BYTES,
  MISS_SECONDS,
  MISSES_IN_MEMORY,
  MISSES_IN_MEMORY_BYTES,
  OUTAGE_GRACE_RESTRICTED_SECONDS,
} from '../limits.ts';
import { type KeyReplica, type Subject, tokenSubject } from '../types.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { Lease } from './lease.ts';
import { isWithin } from './log-reader.ts';
import { weightOf, weightOfKey } from './memory-weight.ts';
import type { LookupTarget } from './protocol.ts';
import type { KeySource, RequestScope } from './request-scope.ts';
import { createTokenGate } from './token-gate.ts';
import { VouchedMap } from './vouched-map.ts';

/** The result of looking a token up. */
export type KeyLookup =
  /** `isStale`: D1 is out of reach, and this is the last that was known. */
  | {
      readonly outcome: 'found';
      readonly key: Key;
      readonly isStale: boolean;
      /** Memory if absent. */
      readonly source?: KeySource;
    }
  /** `cause` is for the log; the caller does not learn it. */
  | {
      readonly outcome: 'unknown';
      readonly cause: string;
      /** The refusal, if it is not `invalid_key`. */
      readonly code?: 'client_token_expired';
      /** Memory if absent. */
      readonly source?: KeySource;
    }
  | { readonly outcome: 'unavailable' };

/** A token with its key. */
export type FoundKey = KeyLookup & { outcome: 'found' };

/** A token without a key, or whose key was revoked: why, and when that was found out. */
interface Miss {
  readonly answer: KeyLookup;
  readonly atMs: number;
}

const unavailable: KeyLookup = { outcome: 'unavailable' };
const noSuchKey: KeyLookup = { outcome: 'unknown', cause: 'no key has this token' };
const revokedKey: KeyLookup = { outcome: 'unknown', cause: 'revoked' };

/**
 * Takes a key that the log vouched for until the lease ended, while the log is read. It may have been
 * revoked since, so nothing that it allows may reach the caller before the look-up answers.
 */
export type OnUnconfirmed = (found: FoundKey) => void;

/** The parts of an isolate that keys are looked up with. */
export interface KeyTargetOptions {
  readonly feed: ChangeFeed;
  readonly lease: Lease;
  readonly replica: KeyReplica;
  readonly now: () => number;
  readonly restrictedRoutes: RouteList;
  readonly outageGraceMs: number;
}

/** The keys that one isolate remembers. */
export type KeyTargets = ReturnType<typeof createKeyTargets>;

/** An empty memory of keys. */
export function createKeyTargets(options: KeyTargetOptions) {
  const { feed, lease, replica, now, restrictedRoutes } = options;
  const gate = createTokenGate(feed);
  // Misses are stored separately from hits, so that a flood of unknown tokens cannot evict keys in
  // use. Misses are indexed by token hash: hashing them again on each request is acceptable.
  const keys = new VouchedMap<FoundKey>(feed, KEYS_IN_MEMORY, KEYS_IN_MEMORY_BYTES);
  const missing = new VouchedMap<Miss>(feed, MISSES_IN_MEMORY, MISSES_IN_MEMORY_BYTES);

  function recall(token: string, scope: RequestScope): KeyLookup | undefined {
    const found = keys.get(token);
    if (found === undefined) return undefined;
    if (lease.isCurrent(scope)) return found;
    return lease.isDatabaseDown(scope) ? recallStale(token) : undefined;
  }

  /**
   * Returns a known key while D1 is out of reach, until the grace ends. The log's word comes first
   * here too: a key that it names is not in memory any more.
   */
  function recallStale(token: string): KeyLookup | undefined {
    const found = keys.get(token);
    if (found === undefined) return undefined;
    const overMs = lease.overMs();
    if (overMs < 0) return found;
    const isInGrace = overMs < outageGraceMs(found.key, options.outageGraceMs);
    return isInGrace ? { ...found, isStale: true } : undefined;
  }

  /**
   * Returns a key whose lease alone is over, while it is younger than the outage grace. The known log
   * does not name it.
   */
  function unconfirmed(token: string): FoundKey | undefined {
    const found = keys.get(token);
    if (found === undefined || !lease.isOver()) return undefined;
    return lease.overMs() < outageGraceMs(found.key, options.outageGraceMs) ? found : undefined;
  }

  function recallMissing(tokenHash: string, scope: RequestScope): KeyLookup | undefined {
    const miss = missing.get(tokenHash);
    if (miss === undefined || !isWithin(now(), miss.atMs, MISS_SECONDS * 1000)) return undefined;
    return lease.isCurrent(scope) ? miss.answer : undefined;
  }

  async function refute(token: string, scope: RequestScope): Promise<KeyLookup | undefined> {
    const isLogCurrent = !lease.isOver();
    const cause = await gate.refute(token, isLogCurrent);
    if (cause === null) return undefined;
    // The log has to be read even if only invented tokens arrive.
    if (feed.isKnown && !isLogCurrent) lease.poll(scope);
    return { outcome: 'unknown', cause };
  }

  function target(
    token: string,
    tokenHash: string,
    scope: RequestScope,
    onUnconfirmed?: OnUnconfirmed,
  ): LookupTarget<StoredKey | 'revoked', KeyLookup> {
    let isAnnounced = onUnconfirmed === undefined;
    const subjects: readonly Subject[] = [tokenSubject(tokenHash)];
    return {
      copyName: () => tokenHash,
      subjectsOf: () => subjects,
      asked: { tokenHash },
      pick: (answer) => answer.key ?? null,
      isRemembered: () => keys.get(token) !== undefined,
      recall: () => recall(token, scope) ?? recallMissing(tokenHash, scope),
      recallStale: () => recallStale(token),
      refute: () => refute(token, scope),
      remember: ({ value, at }) => {
        if (value === null || value === 'revoked') {
          const answer = value === null ? noSuchKey : revokedKey;
          const weight = weightOf(tokenHash, subjects);
          missing.set(tokenHash, { value: { answer, atMs: now() }, subjects, at, weight });
          return answer;
        }
        const key = compileKey(value, restrictedRoutes);
        const found: FoundKey = { outcome: 'found', key, isStale: false };
        keys.set(token, { value: found, subjects, at, weight: weightOfKey(value, token) });
        return found;
      },
      // KV holds a tombstone for a revoked token, and nothing for one that never existed.
      fromReplica: async () => {
        const copy = await replica.getKey(tokenHash);
        return copy === null ? [] : [{ value: copy.value ?? 'revoked', at: copy.at }];
      },
      toReplica: ({ value, at }) =>
        replica.putKey(tokenHash, { value: value === 'revoked' ? null : value, at }),
      offerCopy: (_, write) => scope.writeIfAllowed(write),
      unavailable,
      isCopyUsefulEarly: onUnconfirmed !== undefined,
      onCopy: () => {
        const found = isAnnounced ? undefined : unconfirmed(token);
        if (found === undefined) return false;
        isAnnounced = true;
        onUnconfirmed?.(found);
        return true;
      },
    };
  }

  return {
    recall,
    refute,
    target,
    clear(): void {
      keys.clear();
      missing.clear();
    },
    stats: () => ({ keys: keys.size, keyBytes: keys.weight, misses: missing.size }),
  };
}

/** Anybody can copy a restricted key out of a page, so its grace is shorter. */
function outageGraceMs(key: Key, graceMs: number): number {
  if (key.access !== 'restricted') return graceMs;
  return Math.min(graceMs, OUTAGE_GRACE_RESTRICTED_SECONDS * 1000);
}
