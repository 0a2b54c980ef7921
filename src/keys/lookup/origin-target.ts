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
import { isWithin } from '../../core/time.ts';
import {
  MISS_SECONDS,
  MISSES_IN_MEMORY,
  MISSES_IN_MEMORY_BYTES,
  ORIGINS_IN_MEMORY,
  ORIGINS_IN_MEMORY_BYTES,
  REPLICA_PATTERNS_MAX,
  WAITING_COPIES_MAX,
} from '../limits.ts';
import type { KeyReplica, Registered, Subject, Versioned } from '../types.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { Lease } from './lease.ts';
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
export class OriginTargets {
  readonly #options: OriginTargetOptions;
  // By pattern: when its registration ends. Misses are by origin, and stored separately, as for keys.
  readonly #registered: VouchedMap<number>;
  readonly #missing: VouchedMap<number>;
  // Copies that KV lacks, by pattern, until a request from such an origin is allowed.
  readonly #waiting = new BoundedMap<() => Promise<void>>(WAITING_COPIES_MAX);

  constructor(options: OriginTargetOptions) {
    this.#options = options;
    const { feed } = options;
    this.#registered = new VouchedMap(feed, ORIGINS_IN_MEMORY, ORIGINS_IN_MEMORY_BYTES);
    this.#missing = new VouchedMap(feed, MISSES_IN_MEMORY, MISSES_IN_MEMORY_BYTES);
  }

  /** Returns what memory may answer now; `undefined` if a look-up is needed. */
  recall(origin: WebOrigin, scope: RequestScope): Registration | undefined {
    const { lease, now } = this.#options;
    // If D1 is out of reach, a preflight is granted for a few seconds, so it needs no grace.
    if (lease.isOver() && lease.isDatabaseDown(scope)) return 'unsure';
    // Most origins are listed as they are, or are asked about again.
    if (this.#isLivePattern(origin.value)) return this.#grantNow(scope);
    const missedMs = this.#missing.get(origin.value);
    if (missedMs !== undefined && isWithin(now(), missedMs, MISS_SECONDS * 1000)) {
      return lease.isCurrent(scope) ? 'unregistered' : undefined;
    }
    const isAdmitted = patternsAdmitting(origin).some((pattern) => this.#isLivePattern(pattern));
    return isAdmitted ? this.#grantNow(scope) : undefined;
  }

  /** An origin as a target of the protocol. */
  target(origin: WebOrigin, scope: RequestScope): OriginTarget {
    const { replica } = this.#options;
    const patterns = patternsAdmitting(origin);
    return {
      copyName: ({ value }) => `pattern:${value?.pattern}`,
      // An expired copy says nothing: another pattern may admit the origin.
      subjectsOf: ({ value }) => (this.#isLive(value) ? [subjectOf(value.pattern)] : null),
      asked: { patterns },
      pick: (answer) => answer.registered ?? null,
      isRemembered: () => patterns.some((pattern) => this.#isLivePattern(pattern)),
      recall: () => this.recall(origin, scope),
      recallStale: () => undefined,
      refute: async () => undefined,
      remember: (copy) => this.#remember(origin, patterns, copy),
      fromReplica: () => replica.getOrigins(replicatedPatterns(patterns)),
      toReplica: (copy) => replica.putOrigin(copy),
      // A preflight and a refusal write nothing: anybody can send them.
      offerCopy: ({ value }, write) => {
        if (this.#isLive(value)) this.#waiting.set(value.pattern, write);
      },
      unavailable: 'unsure',
      isCopyUsefulEarly: true,
    };
  }

  /** Writes the copies that an earlier look-up of an origin found missing. For allowed requests only. */
  writeWaitingCopies(origin: WebOrigin, scope: RequestScope): void {
    if (this.#waiting.size === 0) return;
    for (const pattern of patternsAdmitting(origin)) {
      const write = this.#waiting.get(pattern);
      if (write === undefined) continue;
      this.#waiting.delete(pattern);
      scope.runInBackground(write());
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#registered.clear();
    this.#missing.clear();
    this.#waiting.clear();
  }

  /** The contents of memory. */
  stats() {
    const { size, weight } = this.#registered;
    return { origins: size, originBytes: weight, misses: this.#missing.size };
  }

  #isLivePattern(pattern: string): boolean {
    return (this.#registered.get(pattern) ?? 0) > this.#options.now();
  }

  #isLive(value: Registered | null): value is Registered {
    return value !== null && value.untilMs > this.#options.now();
  }

  /**
   * The grant of a preflight is no boundary: the request that follows is judged as ever. So it does not
   * wait for the log, which is read beside it, unless the lease has been over for long.
   */
  #grantNow(scope: RequestScope): Registration | undefined {
    const { lease, outageGraceMs } = this.#options;
    if (lease.isCurrent(scope)) return 'registered';
    if (lease.overMs() >= outageGraceMs) return undefined;
    lease.poll(scope);
    return 'registered';
  }

  #remember(
    origin: WebOrigin,
    patterns: readonly string[],
    { value, at }: Versioned<Registered>,
  ): Registration {
    if (!this.#isLive(value)) {
      const subjects = patterns.map(subjectOf);
      const weight = weightOf(origin.value, subjects);
      this.#missing.set(origin.value, { value: this.#options.now(), subjects, at, weight });
      return 'unregistered';
    }
    const { pattern, untilMs } = value;
    const subjects = [subjectOf(pattern)];
    const weight = weightOf(pattern, subjects);
    this.#registered.set(pattern, { value: untilMs, subjects, at, weight });
    return 'registered';
  }
}

function subjectOf(pattern: string): Subject {
  return `pattern:${pattern}`;
}

/** The patterns that KV is asked for: the origin itself, `*`, and the nearest wildcards. */
function replicatedPatterns(patterns: readonly string[]): readonly string[] {
  const last = patterns.at(-1) as string; // A list always ends in "*".
  return [...new Set([last, ...patterns.slice(0, REPLICA_PATTERNS_MAX - 1)])];
}
