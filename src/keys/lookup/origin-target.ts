/**
 * Origins as the look-up protocol sees them: which of them memory knows to be registered by a live
 * key, and which not.
 */

import type { Registration } from '../../core/decide/preflight.ts';
import { patternsAdmitting, type WebOrigin } from '../../core/origins/web-origin.ts';
import {
  MISS_SECONDS,
  MISSES_IN_MEMORY,
  MISSES_IN_MEMORY_BYTES,
  ORIGINS_IN_MEMORY,
  ORIGINS_IN_MEMORY_BYTES,
} from '../limits.ts';
import type { KeyReplica, Subject } from '../types.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { Lease } from './lease.ts';
import { isWithin } from './log-reader.ts';
import { weightOf } from './memory-weight.ts';
import type { LookupTarget } from './protocol.ts';
import type { RequestScope } from './request-scope.ts';
import { VouchedMap } from './vouched-map.ts';

/** The parts of an isolate that origins are looked up with. */
export interface OriginTargetOptions {
  readonly feed: ChangeFeed;
  readonly lease: Lease;
  readonly replica: KeyReplica;
  readonly now: () => number;
}

/** An origin as a target of the protocol. Its value is when its registration ends. */
export type OriginTarget = LookupTarget<number, Registration>;

/** The origins that one isolate remembers. */
export type OriginTargets = ReturnType<typeof createOriginTargets>;

/** An empty memory of origins. */
export function createOriginTargets({ feed, lease, replica, now }: OriginTargetOptions) {
  // Misses are stored separately, as for keys.
  const registered = new VouchedMap<number>(feed, ORIGINS_IN_MEMORY, ORIGINS_IN_MEMORY_BYTES);
  const missing = new VouchedMap<number>(feed, MISSES_IN_MEMORY, MISSES_IN_MEMORY_BYTES);

  function recall(origin: WebOrigin, scope: RequestScope): Registration | undefined {
    // Origins have no grace: a preflight that cannot be decided is granted for a few seconds.
    if (lease.isOver() && lease.isDatabaseDown(scope)) return 'unsure';
    const registeredUntilMs = registered.get(origin.value);
    if (registeredUntilMs !== undefined && now() < registeredUntilMs) {
      return lease.isCurrent(scope) ? 'registered' : undefined;
    }
    const missedMs = missing.get(origin.value);
    if (missedMs === undefined || !isWithin(now(), missedMs, MISS_SECONDS * 1000)) return undefined;
    return lease.isCurrent(scope) ? 'unregistered' : undefined;
  }

  function target(origin: WebOrigin, scope: RequestScope): OriginTarget {
    const name = origin.value;
    const patterns = patternsAdmitting(origin);
    const subjects = patterns.map((pattern): Subject => `pattern:${pattern}`);
    return {
      name,
      subjectsOf: () => subjects,
      asked: { patterns },
      pick: (answer) => answer.registeredUntilMs ?? null,
      isRemembered: () => (registered.get(name) ?? 0) > now(),
      recall: () => recall(origin, scope),
      recallStale: () => undefined,
      refute: async () => undefined,
      remember: ({ value, at }) => {
        const weight = weightOf(name, subjects);
        if (value === null || value <= now()) {
          missing.set(name, { value: now(), subjects, at, weight });
          return 'unregistered';
        }
        registered.set(name, { value, subjects, at, weight });
        return 'registered';
      },
      fromReplica: () => replica.getOrigin(name),
      toReplica: (copy) => replica.putOrigin(name, copy),
      unavailable: 'unsure',
    };
  }

  return {
    recall,
    target,
    clear(): void {
      registered.clear();
      missing.clear();
    },
    stats: () => ({
      origins: registered.size,
      originBytes: registered.weight,
      misses: missing.size,
    }),
  };
}
