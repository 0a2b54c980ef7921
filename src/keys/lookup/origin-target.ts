/**
 * Origins as the look-up protocol sees them: which patterns memory knows to be registered by a live
 * key, and which origins not.
 *
 * Memory and KV hold patterns, not origins. A pattern such as `https://*.example.com` then answers for
 * every origin that it admits, and made-up origins cost neither a call nor a copy.
 */

import { BoundedMap } from '../../core/bounded-map.ts';
import type { Registration } from '../../core/decide/preflight.ts';
import { patternsAdmitting, type WebOrigin } from '../../core/origins/web-origin.ts';
import {
  MISS_SECONDS,
  MISSES_IN_MEMORY,
  MISSES_IN_MEMORY_BYTES,
  ORIGINS_IN_MEMORY,
  ORIGINS_IN_MEMORY_BYTES,
  REPLICA_PATTERNS_MAX,
  WAITING_COPIES_MAX,
} from '../limits.ts';
import type { KeyReplica, Registered, Subject } from '../types.ts';
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
  readonly outageGraceMs: number;
}

/** An origin as a target of the protocol. Its value is a pattern that admits it. */
export type OriginTarget = LookupTarget<Registered, Registration>;

/** The origins that one isolate remembers. */
export type OriginTargets = ReturnType<typeof createOriginTargets>;

/** An empty memory of origins. */
export function createOriginTargets(options: OriginTargetOptions) {
  const { feed, lease, replica, now, outageGraceMs } = options;
  // By pattern: when its registration ends. Misses are by origin, and stored separately, as for keys.
  const registered = new VouchedMap<number>(feed, ORIGINS_IN_MEMORY, ORIGINS_IN_MEMORY_BYTES);
  const missing = new VouchedMap<number>(feed, MISSES_IN_MEMORY, MISSES_IN_MEMORY_BYTES);
  // Copies that KV lacks, by pattern, until a request from such an origin is allowed.
  const waiting = new BoundedMap<() => Promise<void>>(WAITING_COPIES_MAX);

  function isLivePattern(pattern: string): boolean {
    return (registered.get(pattern) ?? 0) > now();
  }

  function recall(origin: WebOrigin, scope: RequestScope): Registration | undefined {
    // If D1 is out of reach, a preflight is granted for a few seconds, so it needs no grace.
    if (lease.isOver() && lease.isDatabaseDown(scope)) return 'unsure';
    // Most origins are listed as they are, or are asked about again.
    if (isLivePattern(origin.value)) return grantNow(scope);
    const missedMs = missing.get(origin.value);
    if (missedMs !== undefined && isWithin(now(), missedMs, MISS_SECONDS * 1000)) {
      return lease.isCurrent(scope) ? 'unregistered' : undefined;
    }
    return patternsAdmitting(origin).some(isLivePattern) ? grantNow(scope) : undefined;
  }

  /**
   * The grant of a preflight is no boundary: the request that follows is judged as ever. So it does not
   * wait for the log, which is read beside it, unless the lease has been over for long.
   */
  function grantNow(scope: RequestScope): Registration | undefined {
    if (lease.isCurrent(scope)) return 'registered';
    if (lease.overMs() >= outageGraceMs) return undefined;
    lease.poll(scope);
    return 'registered';
  }

  function target(origin: WebOrigin, scope: RequestScope): OriginTarget {
    const patterns = patternsAdmitting(origin);
    return {
      copyName: ({ value }) => `pattern:${value?.pattern}`,
      // An expired copy says nothing: another pattern may admit the origin.
      subjectsOf: ({ value }) =>
        value !== null && value.untilMs > now() ? [subjectOf(value.pattern)] : null,
      asked: { patterns },
      pick: (answer) => answer.registered ?? null,
      isRemembered: () => patterns.some(isLivePattern),
      recall: () => recall(origin, scope),
      recallStale: () => undefined,
      refute: async () => undefined,
      remember: ({ value, at }) => {
        if (value === null || value.untilMs <= now()) {
          const subjects = patterns.map(subjectOf);
          const weight = weightOf(origin.value, subjects);
          missing.set(origin.value, { value: now(), subjects, at, weight });
          return 'unregistered';
        }
        const { pattern, untilMs } = value;
        const subjects = [subjectOf(pattern)];
        registered.set(pattern, {
          value: untilMs,
          subjects,
          at,
          weight: weightOf(pattern, subjects),
        });
        return 'registered';
      },
      fromReplica: () => replica.getOrigins(replicatedPatterns(patterns)),
      toReplica: (copy) => replica.putOrigin(copy),
      // A preflight and a refusal write nothing: anybody can send them.
      offerCopy: ({ value }, write) => {
        if (value !== null && value.untilMs > now()) waiting.set(value.pattern, write);
      },
      unavailable: 'unsure',
      isCopyUsefulEarly: true,
    };
  }

  return {
    recall,
    target,
    /** Writes the copies that an earlier look-up of an origin found missing. For allowed requests only. */
    writeWaitingCopies(origin: WebOrigin, scope: RequestScope): void {
      if (waiting.size === 0) return;
      for (const pattern of patternsAdmitting(origin)) {
        const write = waiting.get(pattern);
        if (write === undefined) continue;
        waiting.delete(pattern);
        scope.runInBackground(write());
      }
    },
    clear(): void {
      registered.clear();
      missing.clear();
      waiting.clear();
    },
    stats: () => ({
      origins: registered.size,
      originBytes: registered.weight,
      misses: missing.size,
    }),
  };
}

function subjectOf(pattern: string): Subject {
  return `pattern:${pattern}`;
}

/** The patterns that KV is asked for: the origin itself, `*`, and the nearest wildcards. */
function replicatedPatterns(patterns: readonly string[]): readonly string[] {
  const last = patterns.at(-1) as string; // A list always ends in "*".
  return [...new Set([last, ...patterns.slice(0, REPLICA_PATTERNS_MAX - 1)])];
}
