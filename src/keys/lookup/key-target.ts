/**
 * Keys as the look-up protocol sees them: the memory of tokens with their keys, and the answer that follows
 * from a copy of a key in KV or D1.
 */

import { compileKey, type Key, type StoredKey } from '../../core/key/key.ts';
import type { RestrictedRoutes } from '../../core/routes/rule-sets.ts';
import { isWithin } from '../../core/time.ts';
import {
  KEYS_IN_MEMORY,
  KEYS_IN_MEMORY_BYTES,
  MISS_SECONDS,
  MISSES_IN_MEMORY,
  MISSES_IN_MEMORY_BYTES,
} from '../limits.ts';
import { type KeyReplica, tokenSubject, type Versioned } from '../types.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { Lease } from './lease.ts';
import { weightOf, weightOfKey } from './memory-weight.ts';
import { publicGraceMs, recallWithinGrace, staleWithinGrace } from './outage-grace.ts';
import type { LookupTarget } from './protocol.ts';
import type { KeySource, RequestScope } from './request-scope.ts';
import { createTokenGate, type TokenGate } from './token-gate.ts';
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
  readonly restrictedRoutes: RestrictedRoutes;
  readonly outageGraceMs: number;
}

/** The keys that one isolate remembers. */
export class KeyTargets {
  readonly #options: KeyTargetOptions;
  readonly #gate: TokenGate;
  // Misses are stored separately from hits, so that a flood of unknown tokens cannot evict keys in
  // use. Misses are indexed by token hash: hashing them again on each request is acceptable.
  readonly #keys: VouchedMap<FoundKey>;
  readonly #missing: VouchedMap<Miss>;

  constructor(options: KeyTargetOptions) {
    const { feed } = options;
    this.#options = options;
    this.#gate = createTokenGate(feed);
    this.#keys = new VouchedMap(feed, KEYS_IN_MEMORY, KEYS_IN_MEMORY_BYTES);
    this.#missing = new VouchedMap(feed, MISSES_IN_MEMORY, MISSES_IN_MEMORY_BYTES);
  }

  /** Returns what memory may answer now; `undefined` if a look-up is needed. */
  recall(token: string, scope: RequestScope): KeyLookup | undefined {
    const found = this.#keys.get(token);
    return found && recallWithinGrace(this.#options.lease, scope, found, this.#graceMs(found));
  }

  /** Returns why no key can have a token, as far as the token and the log tell without a store. */
  async refute(token: string, scope: RequestScope): Promise<KeyLookup | undefined> {
    const { feed, lease } = this.#options;
    const isLogCurrent = !lease.isOver();
    const cause = await this.#gate.refute(token, isLogCurrent);
    if (cause === null) return undefined;
    // The log has to be read even if only invented tokens arrive.
    if (feed.isKnown && !isLogCurrent) lease.poll(scope);
    return { outcome: 'unknown', cause };
  }

  /** A token as a target of the protocol. */
  target(
    token: string,
    tokenHash: string,
    scope: RequestScope,
    onUnconfirmed?: OnUnconfirmed,
  ): LookupTarget<StoredKey | 'revoked', KeyLookup> {
    const { replica } = this.#options;
    let isAnnounced = onUnconfirmed === undefined;
    return {
      copyName: () => tokenHash,
      subjectsOf: () => [tokenSubject(tokenHash)],
      asked: { tokenHash },
      pick: (answer) => answer.key ?? null,
      isRemembered: () => this.#keys.get(token) !== undefined,
      recall: () => this.recall(token, scope) ?? this.#recallMissing(tokenHash, scope),
      recallStale: () => this.#recallStale(token),
      refute: () => this.refute(token, scope),
      remember: (copy) => this.#remember(token, tokenHash, copy),
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
        const found = isAnnounced ? undefined : this.#unconfirmed(token);
        if (found === undefined) return false;
        isAnnounced = true;
        onUnconfirmed?.(found);
        return true;
      },
    };
  }

  /** Forgets everything. */
  clear(): void {
    this.#keys.clear();
    this.#missing.clear();
  }

  /** The contents of memory. */
  stats() {
    const { size, weight } = this.#keys;
    return { keys: size, keyBytes: weight, misses: this.#missing.size };
  }

  #recallStale(token: string): FoundKey | undefined {
    const found = this.#keys.get(token);
    return found && staleWithinGrace(this.#options.lease, found, this.#graceMs(found));
  }

  /**
   * Returns a key whose lease alone is over, while it is younger than the outage grace. The known log
   * does not name it.
   */
  #unconfirmed(token: string): FoundKey | undefined {
    const { lease } = this.#options;
    const found = this.#keys.get(token);
    if (found === undefined || !lease.isOver()) return undefined;
    return lease.overMs() < this.#graceMs(found) ? found : undefined;
  }

  #recallMissing(tokenHash: string, scope: RequestScope): KeyLookup | undefined {
    const { lease, now } = this.#options;
    const miss = this.#missing.get(tokenHash);
    if (miss === undefined || !isWithin(now(), miss.atMs, MISS_SECONDS * 1000)) return undefined;
    return lease.isCurrent(scope) ? miss.answer : undefined;
  }

  #remember(
    token: string,
    tokenHash: string,
    { value, at }: Versioned<StoredKey | 'revoked'>,
  ): KeyLookup {
    const subjects = [tokenSubject(tokenHash)];
    if (value === null || value === 'revoked') {
      const answer = value === null ? noSuchKey : revokedKey;
      const weight = weightOf(tokenHash, subjects);
      const miss = { answer, atMs: this.#options.now() };
      this.#missing.set(tokenHash, { value: miss, subjects, at, weight });
      return answer;
    }
    const key = compileKey(value, this.#options.restrictedRoutes);
    const found: FoundKey = { outcome: 'found', key, isStale: false };
    this.#keys.set(token, { value: found, subjects, at, weight: weightOfKey(value, token) });
    return found;
  }

  #graceMs({ key }: FoundKey): number {
    const { outageGraceMs } = this.#options;
    return key.access === 'restricted' ? publicGraceMs(outageGraceMs) : outageGraceMs;
  }
}
