/**
 * Client tokens as the look-up protocol sees them: the memory of their parents and of verified tokens, and
 * the judgement of a token that is not in memory.
 *
 * A client token names its parent's token by a `kid`. The parent is found under it, and everything that
 * is remembered of parent and token is about the parent's token: the log vouches for it like for the
 * key itself. So whatever ends a key ends its client tokens within the same bound.
 */

import { BoundedMap } from '../../core/bounded-map.ts';
import { type ClientClaims, judgeTimes, readClaims } from '../../core/client-token/claims.ts';
import { type ClientTokenForm, readClientToken } from '../../core/client-token/client-token.ts';
import { type ClientParent, compileParent, rightsOf } from '../../core/client-token/rights.ts';
import { importVerifyingKey, isSignedBy } from '../../core/client-token/verification.ts';
import { hasValidKidTag, importTagKey } from '../../core/key/token.ts';
import type { RouteTable } from '../../core/routes/route-table.ts';
import type { RestrictedRoutes } from '../../core/routes/rule-sets.ts';
import {
  CLIENT_TOKENS_IN_MEMORY,
  CLIENT_TOKENS_IN_MEMORY_BYTES,
  MISS_SECONDS,
  MISSES_IN_MEMORY,
  PARENTS_IN_MEMORY,
  PARENTS_IN_MEMORY_BYTES,
} from '../limits.ts';
import {
  type KeyReplica,
  type LogPosition,
  type ParentRecord,
  type Subject,
  tokenSubject,
  type Versioned,
} from '../types.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { FoundKey, KeyLookup } from './key-target.ts';
import type { Lease } from './lease.ts';
import { weightOfClientToken, weightOfParent } from './memory-weight.ts';
import { publicGraceMs, recallWithinGrace, staleWithinGrace } from './outage-grace.ts';
import type { LookupTarget } from './protocol.ts';
import type { RequestScope } from './request-scope.ts';
import { VouchedMap } from './vouched-map.ts';

/** A parent in memory. */
interface Parent {
  readonly subjects: readonly Subject[];
  /** `null`: the key was revoked, or gives no client tokens. */
  readonly compiled: ClientParent | null;
  readonly publicKey: string;
}

/** A parent that gives client tokens, and the line of the log at which it was like this. */
interface FoundParent {
  readonly parent: Parent;
  readonly isStale: boolean;
  readonly at: LogPosition;
}

/** The result of looking a parent up. */
export type ParentLookup =
  | ({ readonly outcome: 'parent' } & FoundParent)
  | Exclude<KeyLookup, { outcome: 'found' }>;

/** A client token that can be one: its form and its claims are right, and its `kid` was made here. */
export interface ClientCandidate {
  readonly token: string;
  readonly form: ClientTokenForm;
  readonly claims: ClientClaims;
}

/** The parts of an isolate that client tokens are looked up with. */
export interface ClientTargetOptions {
  readonly feed: ChangeFeed;
  readonly lease: Lease;
  readonly replica: KeyReplica;
  readonly now: () => number;
  readonly restrictedRoutes: RestrictedRoutes;
  /** The same, compiled. */
  readonly restrictedTable: RouteTable;
  readonly outageGraceMs: number;
}

const unavailable: ParentLookup = { outcome: 'unavailable' };

/** The client tokens, and their parents, that one isolate remembers. */
export class ClientTargets {
  readonly #options: ClientTargetOptions;
  /** Anybody can copy a client token out of a page. */
  readonly #graceMs: number;
  // Tokens of visitors are many: apart from keys, so that they cannot evict any.
  readonly #verified: VouchedMap<FoundKey>;
  readonly #parents: VouchedMap<Parent>;
  // A kid under which no token was found is about no token, so the log cannot speak of it.
  readonly #missedMs = new BoundedMap<number>(MISSES_IN_MEMORY);
  readonly #verifyingKeys = new WeakMap<Parent, CryptoKey>();
  #tagKey: { readonly hex: string; readonly key: CryptoKey } | null = null;

  constructor(options: ClientTargetOptions) {
    const { feed } = options;
    this.#options = options;
    this.#graceMs = publicGraceMs(options.outageGraceMs);
    this.#verified = new VouchedMap(feed, CLIENT_TOKENS_IN_MEMORY, CLIENT_TOKENS_IN_MEMORY_BYTES);
    this.#parents = new VouchedMap(feed, PARENTS_IN_MEMORY, PARENTS_IN_MEMORY_BYTES);
  }

  /** Returns what memory may answer for a token now; `undefined` if it has to be judged. */
  recall(token: string, scope: RequestScope): KeyLookup | undefined {
    const found = this.#verified.get(token);
    return found && recallWithinGrace(this.#options.lease, scope, found, this.#graceMs);
  }

  /** Returns what memory may answer for a parent now; `undefined` if a look-up is needed. */
  recallParent(kid: string, scope: RequestScope): ParentLookup | undefined {
    const { lease, now } = this.#options;
    const parent = this.#parents.get(kid);
    if (parent !== undefined) {
      // Like a token without a key: after the lease, memory does not refuse. D1 may have been restored.
      if (parent.compiled === null) return lease.isCurrent(scope) ? givesNone : undefined;
      const found = recallWithinGrace(lease, scope, this.#known(parent), this.#graceMs);
      return found && answerFor(found);
    }
    const missed = this.#missedMs.get(kid);
    if (missed === undefined || now() - missed >= MISS_SECONDS * 1000) return undefined;
    return lease.isCurrent(scope) ? noSuchParent : undefined;
  }

  /**
   * Reads a client token as far as its characters alone go. Returns the reason, for the log, if it cannot
   * be one. Before any cryptography: a malformed token costs its own length.
   */
  read(token: string): ClientCandidate | KeyLookup {
    const form = readClientToken(token);
    const claims = form && readClaims(form.payload);
    if (form === null || claims === null) return unknown('client token: malformed');
    return { token, form, claims };
  }

  /**
   * Refuses a token whose `kid` was not made here, by the tag in it. `undefined` if it may have been, and
   * while the key of the tags is not known: it arrives with the log.
   */
  async refute(
    { form }: ClientCandidate,
    scope: RequestScope,
  ): Promise<(KeyLookup & { outcome: 'unknown' }) | undefined> {
    const { feed, lease } = this.#options;
    const hex = feed.tagKeyHex;
    if (hex === null) return undefined;
    if (this.#tagKey?.hex !== hex) this.#tagKey = { hex, key: await importTagKey(hex) };
    if (await hasValidKidTag(form, this.#tagKey.key)) return undefined;
    // The log has to be read even if only invented tokens arrive.
    if (lease.isOver()) lease.poll(scope);
    return unknown('client token: wrong tag');
  }

  /** A parent as a target of the protocol. */
  target(
    candidate: ClientCandidate,
    scope: RequestScope,
  ): LookupTarget<ParentRecord, ParentLookup> {
    const { replica } = this.#options;
    const { kid } = candidate.form;
    return {
      copyName: () => `kid:${kid}`,
      subjectsOf: ({ value }) => value && subjectsOf(value),
      asked: { kid },
      pick: (answer) => answer.parent ?? null,
      isRemembered: () => this.#parents.get(kid)?.compiled != null,
      recall: () => this.recallParent(kid, scope),
      recallStale: () => this.#recallStaleParent(kid),
      refute: () => this.refute(candidate, scope),
      remember: (copy) => this.#remember(kid, copy),
      fromReplica: async () => {
        const copy = await replica.getParent(kid);
        return copy === null ? [] : [copy];
      },
      toReplica: (copy) => replica.putParent(kid, copy),
      offerCopy: (_, write) => scope.writeIfAllowed(write),
      unavailable,
      isCopyUsefulEarly: false,
    };
  }

  /**
   * Judges a token by its parent: times, then signature, then rights. Returns `null` if the parent
   * changed meanwhile, so that it has to be looked up again, unless it is confirmed: D1's own answer to
   * this look-up.
   */
  async judge(
    { token, form, claims }: ClientCandidate,
    { parent, isStale, at }: ParentLookup & { outcome: 'parent' },
    isConfirmed: boolean,
  ): Promise<KeyLookup | null> {
    const { feed, now, restrictedRoutes } = this.#options;
    const { compiled, subjects } = parent;
    if (compiled === null) return unknown('client token: the key gives none');
    const times = judgeTimes(claims, {
      maxTtlSeconds: compiled.access.maxTtlSeconds,
      validFromMs: compiled.key.clientTokensValidFromMs ?? null,
      nowMs: now(),
    });
    if (times === 'expired') return expired;
    if (times !== 'current') return unknown(times.cause);
    if (!(await isSignedBy(await this.#verifyingKeyOf(parent), form)))
      return unknown('client token: wrong signature');
    const rights = rightsOf(compiled, claims, restrictedRoutes);
    if (!rights.ok) return unknown(rights.cause);
    // Another request may have read the log since the parent was found.
    if (!isConfirmed && feed.contradicts(at, subjects)) return null;
    const found = { outcome: 'found', key: rights.key, isStale } as const;
    const weight = weightOfClientToken(token, claims);
    if (!isStale) this.#verified.set(token, { value: found, subjects, at, weight });
    return found;
  }

  /** Forgets everything that the log has vouched for. */
  clear(): void {
    this.#verified.clear();
    this.#parents.clear();
  }

  /** The contents of memory. */
  stats() {
    const { size, weight } = this.#verified;
    return { clientTokens: size, clientTokenBytes: weight };
  }

  /** A parent in memory: the log vouches for it up to the head. */
  #known(parent: Parent): FoundParent {
    return { parent, isStale: false, at: this.#options.feed.head };
  }

  #recallStaleParent(kid: string): ParentLookup | undefined {
    const parent = this.#parents.get(kid);
    if (parent === undefined || parent.compiled === null) return undefined;
    const found = staleWithinGrace(this.#options.lease, this.#known(parent), this.#graceMs);
    return found && answerFor(found);
  }

  #remember(kid: string, { value, at }: Versioned<ParentRecord>): ParentLookup {
    const { now, restrictedRoutes, restrictedTable } = this.#options;
    if (value === null) {
      this.#missedMs.set(kid, now());
      return noSuchParent;
    }
    const { key, publicKey } = value;
    const subjects = subjectsOf(value);
    const compiled = key && compileParent(key, restrictedRoutes, restrictedTable);
    const parent = { subjects, compiled, publicKey };
    this.#parents.set(kid, { value: parent, subjects, at, weight: weightOfParent(key, kid) });
    return answerFor({ parent, isStale: false, at });
  }

  async #verifyingKeyOf(parent: Parent): Promise<CryptoKey> {
    const key = this.#verifyingKeys.get(parent) ?? (await importVerifyingKey(parent.publicKey));
    this.#verifyingKeys.set(parent, key);
    return key;
  }
}

function answerFor(found: FoundParent): ParentLookup {
  if (found.parent.compiled !== null) return { outcome: 'parent', ...found };
  return givesNone;
}

const givesNone = unknown('client token: its key was revoked, or gives no client tokens');
const noSuchParent = unknown('client token: no token has this kid');
const expired: KeyLookup = {
  outcome: 'unknown',
  cause: 'client token: expired',
  code: 'client_token_expired',
};

function unknown(cause: string): KeyLookup & { outcome: 'unknown' } {
  return { outcome: 'unknown', cause };
}

function subjectsOf({ tokenHash }: ParentRecord): readonly Subject[] {
  return [tokenSubject(tokenHash)];
}
