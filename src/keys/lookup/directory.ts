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

import type { Registration } from '../../core/decide/preflight.ts';
import { hashToken } from '../../core/key/token.ts';
import type { WebOrigin } from '../../core/origins/web-origin.ts';
import type { RouteList } from '../../core/routes/route-table.ts';
import type { FeedCache, KeyDatabase, KeyReplica } from '../types.ts';
import { ChangeFeed } from './change-feed.ts';
import { createFailureLog, type StorageEvent } from './failure-log.ts';
import { createKeyTargets, type KeyLookup } from './key-target.ts';
import { createLease } from './lease.ts';
import { createLogReader, type WithTimeout } from './log-reader.ts';
import { createOriginTargets } from './origin-target.ts';
import { createProtocol } from './protocol.ts';
import type { RequestScope } from './request-scope.ts';

/** The stores, the clock and the settings of a directory. */
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

/** See the file's head. */
export interface KeyDirectory {
  /**
   * Returns what memory knows of a token, at no cost; `undefined` if a look-up is needed. This is the
   * whole price of a hot key.
   */
  recall(token: string, scope: RequestScope): KeyLookup | undefined;
  /**
   * Looks a token up. With an origin, the same round trip to D1 looks that up too, for the refusal's
   * grant. Never rejects.
   */
  find(token: string, origin: WebOrigin | null, scope: RequestScope): Promise<KeyLookup>;
  /**
   * Returns whether a live key lists an origin, from memory; `undefined` if a look-up is needed.
   */
  recallOrigin(origin: WebOrigin, scope: RequestScope): Registration | undefined;
  /** Looks up whether a live key lists an origin. Never rejects. */
  findOrigin(origin: WebOrigin, scope: RequestScope): Promise<Registration>;
  /** Reads the log now, after a change that this isolate made. Never rejects. */
  refresh(): Promise<void>;
  /** Returns what memory holds, for tests and for operators. */
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

/** A directory with an empty memory. One isolate has one. */
export function createKeyDirectory(options: DirectoryOptions): KeyDirectory {
  const logFailure = createFailureLog(options.log, options.now);
  const feed = new ChangeFeed();
  const reader = createLogReader({
    ...options,
    feed,
    logFailure,
    onRestart: () => {
      keys.clear();
      origins.clear();
    },
  });
  const lease = createLease({ ...options, feed, reader });
  const keys = createKeyTargets({ ...options, feed, lease });
  const origins = createOriginTargets({ ...options, feed, lease });
  const lookUp = createProtocol({ ...options, feed, reader, lease, logFailure });

  return {
    recall: keys.recall,
    recallOrigin: origins.recall,

    async find(token, origin, scope) {
      const known = keys.recall(token, scope) ?? (await keys.refute(token, scope));
      if (known) return known;
      const target = keys.target(token, await hashToken(token), scope);
      const isOriginKnown = origin === null || origins.recall(origin, scope) !== undefined;
      const alongside = isOriginKnown ? null : origins.target(origin, scope);
      return target.recall() ?? lookUp(target, alongside, scope);
    },

    async findOrigin(origin, scope) {
      return origins.recall(origin, scope) ?? lookUp(origins.target(origin, scope), null, scope);
    },

    async refresh() {
      await reader.read({}, null);
    },

    stats() {
      const { misses: missingKeys, ...ofKeys } = keys.stats();
      const { misses: missingOrigins, ...ofOrigins } = origins.stats();
      return {
        ...ofKeys,
        ...ofOrigins,
        misses: missingKeys + missingOrigins,
        feedLines: feed.size,
      };
    },
  };
}
