/**
 * Client tokens as the look-up protocol sees them: what memory holds of their parents and of tokens that
 * were verified, and how a token that is not in memory is judged.
 *
 * A client token names its parent's token by a `kid`. The parent is found under it, and everything that
 * is remembered of parent and token is about the parent's token: the log vouches for it like for the
 * key itself. So whatever ends a key ends its client tokens within the same bound.
 */

import { BoundedMap } from '../../core/bounded-map.ts';
import { type ClientClaims, judgeTimes, readClaims } from '../../core/client-token/claims.ts';
import { type ClientTokenForm, readClientToken } from '../../core/client-token/client-token.ts';
import { type ClientParent, compileParent, rightsOf } from '../../core/client-token/rights.ts';
import { hasValidKidTag, importTagKey } from '../../core/key/token.ts';
import { compileRoutes, type RouteList } from '../../core/routes/route-table.ts';
import {
  CLIENT_TOKENS_IN_MEMORY,
  CLIENT_TOKENS_IN_MEMORY_BYTES,
  MISS_SECONDS,
  MISSES_IN_MEMORY,
  OUTAGE_GRACE_RESTRICTED_SECONDS,
  PARENTS_IN_MEMORY,
  PARENTS_IN_MEMORY_BYTES,
} from '../limits.ts';
import {
  type KeyReplica,
  type ParentRecord,
  type Subject,
  tokenSubject,
  type Versioned,
} from '../types.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { KeyLookup } from './key-target.ts';
import type { Lease } from './lease.ts';
import { weightOfClientToken, weightOfParent } from './memory-weight.ts';
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

/** The result of looking a parent up. */
export type ParentLookup =
  | { readonly outcome: 'parent'; readonly parent: Parent; readonly isStale: boolean }
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
  readonly restrictedRoutes: RouteList;
  readonly outageGraceMs: number;
}

/** The client tokens, and their parents, that one isolate remembers. */
export type ClientTargets = ReturnType<typeof createClientTargets>;

const unavailable: ParentLookup = { outcome: 'unavailable' };

/** An empty memory of client tokens. */
export function createClientTargets(options: ClientTargetOptions) {
  const { feed, lease, replica, now, restrictedRoutes } = options;
  const restrictedTable = compileRoutes(restrictedRoutes);
  // Tokens of visitors are many: apart from keys, so that they cannot evict any.
  const verified = new VouchedMap<KeyLookup & { outcome: 'found' }>(
    feed,
    CLIENT_TOKENS_IN_MEMORY,
    CLIENT_TOKENS_IN_MEMORY_BYTES,
  );
  const parents = new VouchedMap<Parent>(feed, PARENTS_IN_MEMORY, PARENTS_IN_MEMORY_BYTES);
  // A kid that nothing was found under is about no token, so the log cannot speak of it.
  const missedMs = new BoundedMap<number>(MISSES_IN_MEMORY);
  const verifyingKeys = new WeakMap<Parent, CryptoKey>();
  let tagKey: { readonly hex: string; readonly key: CryptoKey } | null = null;

  /** Anybody can copy a client token out of a page, so its grace is that of a restricted key. */
  function isInGrace(): boolean {
    const graceMs = Math.min(options.outageGraceMs, OUTAGE_GRACE_RESTRICTED_SECONDS * 1000);
    return lease.overMs() < graceMs;
  }

  function recall(token: string, scope: RequestScope): KeyLookup | undefined {
    const found = verified.get(token);
    if (found === undefined) return undefined;
    if (lease.isCurrent(scope)) return found;
    return lease.isDatabaseDown(scope) && isInGrace() ? { ...found, isStale: true } : undefined;
  }

  function answerFor(parent: Parent, isStale: boolean): ParentLookup {
    if (parent.compiled !== null) return { outcome: 'parent', parent, isStale };
    return unknown('client token: its key was revoked, or gives no client tokens');
  }

  function recallParent(kid: string, scope: RequestScope): ParentLookup | undefined {
    const parent = parents.get(kid);
    if (parent !== undefined) {
      if (lease.isCurrent(scope)) return answerFor(parent, false);
      return lease.isDatabaseDown(scope) ? recallStaleParent(kid) : undefined;
    }
    const missed = missedMs.get(kid);
    if (missed === undefined || now() - missed >= MISS_SECONDS * 1000) return undefined;
    return lease.isCurrent(scope) ? noSuchParent : undefined;
  }

  function recallStaleParent(kid: string): ParentLookup | undefined {
    const parent = parents.get(kid);
    return parent !== undefined && isInGrace() ? answerFor(parent, lease.overMs() >= 0) : undefined;
  }

  function remember(kid: string, { value, at }: Versioned<ParentRecord>): ParentLookup {
    if (value === null) {
      missedMs.set(kid, now());
      return noSuchParent;
    }
    const { key, publicKey } = value;
    const subjects = subjectsOf(value);
    const compiled = key && compileParent(key, restrictedRoutes, restrictedTable);
    const parent = { subjects, compiled, publicKey };
    parents.set(kid, { value: parent, subjects, at, weight: weightOfParent(key, kid) });
    return answerFor(parent, false);
  }

  /**
   * Reads a client token as far as that costs no storage call. Returns the reason, for the log, if it
   * cannot be one.
   */
  async function read(token: string, scope: RequestScope): Promise<ClientCandidate | KeyLookup> {
    const form = readClientToken(token);
    // Before any cryptography: a malformed token costs its own length.
    const claims = form && readClaims(form.payload);
    if (form === null || claims === null) return unknown('client token: malformed');
    const hex = feed.tagKeyHex;
    if (hex === null) return { token, form, claims };
    if (tagKey?.hex !== hex) tagKey = { hex, key: await importTagKey(hex) };
    if (await hasValidKidTag(form, tagKey.key)) return { token, form, claims };
    // The log has to be read even if only invented tokens arrive.
    if (lease.isOver()) lease.poll(scope);
    return unknown('client token: wrong tag');
  }

  function target(kid: string, scope: RequestScope): LookupTarget<ParentRecord, ParentLookup> {
    return {
      copyName: () => `kid:${kid}`,
      subjectsOf: ({ value }) => value && subjectsOf(value),
      asked: { kid },
      pick: (answer) => answer.parent ?? null,
      isRemembered: () => parents.get(kid) !== undefined,
      recall: () => recallParent(kid, scope),
      recallStale: () => recallStaleParent(kid),
      refute: async () => undefined,
      remember: (copy) => remember(kid, copy),
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
   * changed meanwhile, so that it has to be looked up again.
   */
  async function judge(
    { token, form, claims }: ClientCandidate,
    { parent, isStale }: ParentLookup & { outcome: 'parent' },
  ): Promise<KeyLookup | null> {
    const { compiled, subjects } = parent;
    if (compiled === null) return unknown('client token: the key gives none');
    const at = feed.head;
    const times = judgeTimes(claims, {
      maxTtlSeconds: compiled.access.maxTtlSeconds,
      validFromMs: compiled.key.clientTokensValidFromMs ?? null,
      nowMs: now(),
    });
    if (times === 'expired') return expired;
    if (times !== 'current') return unknown(times.cause);
    if (!(await isSigned(form, parent))) return unknown('client token: wrong signature');
    const rights = rightsOf(compiled, claims, restrictedRoutes);
    if (!rights.ok) return unknown(rights.cause);
    // Another request may have read the log while this one waited for the signature.
    if (feed.hasChangedSince(at.seq, subjects)) return null;
    const found = { outcome: 'found', key: rights.key, isStale } as const;
    const weight = weightOfClientToken(token, claims);
    if (!isStale) verified.set(token, { value: found, subjects, at, weight });
    return found;
  }

  /** https://www.rfc-editor.org/rfc/rfc8032#section-5.1.7 */
  async function isSigned({ signed, signature }: ClientTokenForm, parent: Parent) {
    const key = verifyingKeys.get(parent) ?? (await importPublicKey(parent.publicKey));
    verifyingKeys.set(parent, key);
    return crypto.subtle.verify('Ed25519', key, signature, encoder.encode(signed));
  }

  return {
    recall,
    read,
    recallParent,
    target,
    judge,
    clear(): void {
      verified.clear();
      parents.clear();
    },
    stats: () => ({ clientTokens: verified.size, clientTokenBytes: verified.weight }),
  };
}

const encoder = new TextEncoder();

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

/** https://www.rfc-editor.org/rfc/rfc8037#section-2 */
function importPublicKey(x: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('jwk', { kty: 'OKP', crv: 'Ed25519', x }, 'Ed25519', false, [
    'verify',
  ]);
}
