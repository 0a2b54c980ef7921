/**
 * Finds keys, and whether origins are registered: memory, then KV, then D1's primary.
 *
 * One protocol serves both (`protocol.ts`). A copy from anywhere counts only if the change log vouches
 * for it (`change-feed.ts`), and the isolate's view of the log is at most `maxStalenessMs` old. So a
 * key that is allowed at time t was not revoked before t minus that, whatever KV, caches or late
 * writes do.
 *
 *     lease younger than refreshMs       answer from memory
 *     lease younger than maxStalenessMs  answer from memory, and poll the log in the background
 *     older, or nothing in memory        KV and the shared poll, at once; then D1, log and key in one batch
 *     D1 out of reach                    what the log vouched for last, until the outage grace ends
 *
 * Promises are never shared between requests, because the runtime forbids it: two concurrent cold
 * look-ups read twice, and the first to finish serves all later ones.
 */

import { isClientToken } from '../../core/client-token/client-token.ts';
import type { Registration } from '../../core/decide/preflight.ts';
import { hashToken } from '../../core/key/token.ts';
import type { WebOrigin } from '../../core/origins/web-origin.ts';
import type { RouteTable } from '../../core/routes/route-table.ts';
import type { RestrictedRoutes } from '../../core/routes/rule-sets.ts';
import type { Log } from '../../log/events.ts';
import { REFUSAL_LOOKUPS } from '../limits.ts';
import type { FeedCache, KeyDatabase, KeyReplica, NearReplica, WithTimeout } from '../types.ts';
import { ChangeFeed } from './change-feed.ts';
import { ClientTargets } from './client-target.ts';
import { createCopyWriter } from './copy-writer.ts';
import { createFailureLog } from './failure-log.ts';
import { createKeepWarm, type KeepWarm } from './keep-warm.ts';
import { type KeyLookup, KeyTargets, type OnUnconfirmed } from './key-target.ts';
import { createLease, type Lease } from './lease.ts';
import { LogReader } from './log-reader.ts';
import { createNearReads } from './near-reads.ts';
import { type OriginTarget, OriginTargets } from './origin-target.ts';
import type { LookUp } from './protocol.ts';
import { createRefusalBudget } from './refusal-budget.ts';
import type { KeySource, RequestScope } from './request-scope.ts';
import { createProtocol } from './search.ts';

/** The stores, the clock and the settings of a directory. */
export interface DirectoryOptions {
  readonly database: KeyDatabase;
  readonly replica: KeyReplica;
  readonly feedCache: FeedCache;
  /** `null`: D1 has no read replicas here. */
  readonly near: NearReplica | null;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<unknown>;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly withTimeout: WithTimeout;
  readonly log: Log;
  readonly restrictedRoutes: RestrictedRoutes;
  /** The same, compiled. */
  readonly restrictedTable: RouteTable;
  readonly refreshMs: number;
  readonly maxStalenessMs: number;
  readonly outageGraceMs: number;
  /** How long an isolate keeps polling after an allowed request. 0: not at all. */
  readonly keepWarmMs: number;
}

/** See the file's head. */
export interface KeyDirectory {
  /**
   * Returns what memory knows of a token, at no cost; `undefined` if a look-up is needed. This is the
   * whole price of a hot key.
   */
  recall(token: string, scope: RequestScope): KeyLookup | undefined;
  /**
   * Looks a token up. With an origin, the same round trip to D1 looks that up too, for the refusal's
   * grant. If the key is known and only the lease is over, `onUnconfirmed` gets it at once, and the
   * look-up then answers with that very key or with another outcome. Never rejects.
   */
  find(
    token: string,
    origin: WebOrigin | null,
    scope: RequestScope,
    onUnconfirmed?: OnUnconfirmed,
  ): Promise<KeyLookup>;
  /** Keeps the log young for a while, in the background of an allowed request that was answered. */
  keepWarm(scope: RequestScope): void;
  /**
   * Returns whether a live key lists an origin, from memory; `undefined` if a look-up is needed.
   */
  recallOrigin(origin: WebOrigin, scope: RequestScope): Registration | undefined;
  /**
   * Looks up whether a live key lists an origin. Never rejects. A look-up that only makes a refusal
   * readable has a budget. Beyond it the answer is `unsure`, as while D1 is out of reach.
   */
  findOrigin(
    origin: WebOrigin,
    scope: RequestScope,
    purpose: 'preflight' | 'refusal',
  ): Promise<Registration>;
  /** Writes what earlier look-ups of an origin found missing in KV. For allowed requests only. */
  writeWaitingCopies(origin: WebOrigin, scope: RequestScope): void;
  /** Reads the log now, after a change that this isolate made. Never rejects. */
  refresh(): Promise<void>;
  /** Returns whether the lease is younger than the bound on staleness. */
  isLeaseCurrent(): boolean;
  /** Returns what memory holds, for tests and for operators. */
  stats(): DirectoryStats;
}

/** The size of a directory's memory. */
export interface DirectoryStats {
  readonly keys: number;
  readonly keyBytes: number;
  readonly clientTokens: number;
  readonly clientTokenBytes: number;
  readonly origins: number;
  readonly originBytes: number;
  readonly misses: number;
  readonly feedLines: number;
}

/** The parts of a directory. */
interface Parts {
  readonly keys: KeyTargets;
  readonly clients: ClientTargets;
  readonly origins: OriginTargets;
  readonly feed: ChangeFeed;
  readonly reader: LogReader;
  readonly lease: Lease;
  readonly lookUp: LookUp;
  readonly takeRefusalLookup: () => boolean;
  readonly keepWarm: KeepWarm;
}

/** A directory with an empty memory. One isolate has one. */
export function createKeyDirectory(options: DirectoryOptions): KeyDirectory {
  const parts = buildParts(options);
  const { keys, clients, origins, reader, lease, lookUp, keepWarm } = parts;
  return {
    // One comparison distinguishes the two kinds of token, so neither pays for the other.
    recall: (token, scope) =>
      isClientToken(token) ? clients.recall(token, scope) : keys.recall(token, scope),
    recallOrigin: (origin, scope) => origins.recall(origin, scope),
    find: (token, origin, scope, onUnconfirmed) =>
      isClientToken(token)
        ? findClient(parts, token, origin, scope)
        : findKey(parts, { token, origin, scope, onUnconfirmed }),
    async findOrigin(origin, scope, purpose) {
      const known = origins.recall(origin, scope);
      if (known !== undefined) return known;
      if (purpose === 'refusal' && !parts.takeRefusalLookup()) return 'unsure';
      return (await lookUp(origins.target(origin, scope), null, scope)).answer;
    },
    writeWaitingCopies: (origin, scope) => origins.writeWaitingCopies(origin, scope),
    keepWarm: (scope) => keepWarm.start(scope.runInBackground),
    async refresh() {
      await reader.read({}, null);
    },
    isLeaseCurrent: () => !lease.isOver(),
    stats: () => statsOf(parts),
  };
}

function buildParts(options: DirectoryOptions): Parts {
  const logFailure = createFailureLog(options.log, options.now);
  const feed = new ChangeFeed();
  const reader = new LogReader({
    ...options,
    feed,
    logFailure,
    onRestart: () => {
      keys.clear();
      clients.clear();
      origins.clear();
    },
  });
  const lease = createLease({ ...options, feed, reader });
  const keys = new KeyTargets({ ...options, feed, lease });
  const clients = new ClientTargets({ ...options, feed, lease });
  const origins = new OriginTargets({ ...options, feed, lease });
  const lookUp = createProtocol({
    ...options,
    feed,
    reader,
    lease,
    logFailure,
    nearReads: createNearReads({ ...options, logFailure }),
    copies: createCopyWriter(options.now, logFailure),
  });
  return {
    keys,
    clients,
    origins,
    feed,
    reader,
    lease,
    lookUp,
    takeRefusalLookup: createRefusalBudget(options.now, REFUSAL_LOOKUPS),
    keepWarm: createKeepWarm({ ...options, feed, reader }),
  };
}

/** Looks the token of a key up: memory and the log first, and then the protocol. */
async function findKey(
  { keys, origins, lookUp }: Parts,
  asked: {
    readonly token: string;
    readonly origin: WebOrigin | null;
    readonly scope: RequestScope;
    readonly onUnconfirmed: OnUnconfirmed | undefined;
  },
): Promise<KeyLookup> {
  const { token, origin, scope, onUnconfirmed } = asked;
  const known = keys.recall(token, scope) ?? (await keys.refute(token, scope));
  if (known) return known;
  const target = keys.target(token, await hashToken(token), scope, onUnconfirmed);
  const missing = target.recall();
  if (missing) return missing;
  const { answer, source } = await lookUp(target, alongsideFor(origins, origin, scope), scope);
  return withSource(answer, source);
}

/** The parent from memory, from a copy, and from D1: only the first two can be contradicted. */
const CLIENT_ATTEMPTS = 3;

/** Says where an answer came from, if there is one. */
function withSource(answer: KeyLookup, source: KeySource): KeyLookup {
  return answer.outcome === 'unavailable' ? answer : { ...answer, source };
}

/** Looks a client token up: its parent first, by the protocol, and then the token by its parent. */
async function findClient(
  { clients, origins, lookUp }: Parts,
  token: string,
  origin: WebOrigin | null,
  scope: RequestScope,
): Promise<KeyLookup> {
  const known = clients.recall(token, scope);
  if (known !== undefined) return known;
  const candidate = clients.read(token);
  if ('outcome' in candidate) return candidate;
  const refuted = await clients.refute(candidate, scope);
  if (refuted !== undefined) return refuted;
  const { kid } = candidate.form;
  // Again if the parent changed while the signature was verified. D1's answer to this very look-up counts
  // all the same: it is from after the request's arrival.
  for (let attempt = 0; attempt < CLIENT_ATTEMPTS; attempt++) {
    const inMemory = clients.recallParent(kid, scope);
    const { answer: parent, source } = inMemory
      ? { answer: inMemory, source: 'memory' as const }
      : await lookUp(clients.target(candidate, scope), alongsideFor(origins, origin, scope), scope);
    if (parent.outcome !== 'parent') return withSource(parent, source);
    const judged = await clients.judge(candidate, parent, source === 'd1');
    if (judged !== null) return withSource(judged, source);
  }
  return { outcome: 'unavailable' };
}

/** The origin as a second thing to read in the same round trip; `null` if memory knows it. */
function alongsideFor(
  origins: OriginTargets,
  origin: WebOrigin | null,
  scope: RequestScope,
): OriginTarget | null {
  const isKnown = origin === null || origins.recall(origin, scope) !== undefined;
  return isKnown ? null : origins.target(origin, scope);
}

function statsOf({ keys, clients, origins, feed }: Parts): DirectoryStats {
  const { misses: missingKeys, ...ofKeys } = keys.stats();
  const { misses: missingOrigins, ...ofOrigins } = origins.stats();
  const misses = missingKeys + missingOrigins;
  return { ...ofKeys, ...clients.stats(), ...ofOrigins, misses, feedLines: feed.size };
}
