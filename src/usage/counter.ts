/**
 * Counts requests in one isolate and hands the counts over every few seconds.
 *
 *     count -> tallies in memory -> every few seconds, closed batches -> the Queue -> `consumer.ts`
 *
 * The first request that counts something starts background work, which waits for the interval and then
 * hands over, so that counts are not held until a further request, which may never arrive. If that request
 * dies, one that arrives after twice the interval and a second hands over. No request waits for anything
 * here, and nothing here throws. If the isolate dies, counts that the Queue has not confirmed are lost:
 * the requests of one interval, while the Queue works.
 */

import type { RejectionCode } from '../core/decide/rejection.ts';
import { BACKGROUND_WORK_MS } from '../core/limits.ts';
import type { Log } from '../log/events.ts';
import { oncePerMinute } from '../log/once-per-minute.ts';
import { type ClosedBatch, EXTRA_COST, NO_KEY, outcomeByCode, writeBatches } from './batch.ts';
import { USAGE_EARLY_FLUSH_ROWS, USAGE_SEND_TIMEOUT_MS, USAGE_SENDING_MS } from './limits.ts';
import { UsageOutbox } from './outbox.ts';
import { UsageTallies } from './tallies.ts';

/** One request's time, and where it may leave work behind: `ctx.waitUntil`. */
export interface CountContext {
  /** When the request arrived; it counts on that day, in UTC. */
  readonly nowMs: number;
  readonly runInBackground: (work: Promise<unknown>) => void;
}

/** The parts of a counter. */
export interface UsageCounterOptions {
  /** Hands a batch over, for it to be merged. May reject, or never settle. */
  readonly deliver: (batch: ClosedBatch) => Promise<unknown>;
  /** How long counts are added up before they are handed over. */
  readonly flushMs: number;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<unknown>;
  /** Rejects after so many milliseconds, unless the work is done before. */
  readonly withTimeout: <Result>(work: Promise<Result>, timeoutMs: number) => Promise<Result>;
  /** Makes a UUID. */
  readonly newId: () => string;
  readonly log: Log;
}

/** The details that are counted about a request that is allowed. */
export interface CountedRequest {
  /** Counts towards the quota of the key, beyond the request itself. */
  readonly extraCost?: number;
  /** `true` if the caller sent a client token of the key. */
  readonly isClient?: boolean;
  /** As `endpointName` writes it. */
  readonly endpoint?: string | null;
}

/** A refusal to count; `keyId` is `null` without a known key. */
export interface CountedRefusal {
  readonly code: RejectionCode;
  readonly keyId: string | null;
  /** `true` if the caller sent a client token of the key. */
  readonly isClient?: boolean;
  readonly origin: string | null;
  /** As it was counted for the request, if the upstream failed. */
  readonly extraCost?: number;
}

const NOT_ARRANGED = Number.NEGATIVE_INFINITY;
/** How late a flush may be before the next request assumes that it has died. */
const FLUSH_LATE_MS = 1_000;
/** An early flush that fails is not tried again sooner. */
const EARLY_RETRY_MS = 1_000;

/** See the file's head. One isolate has one. */
export class UsageCounter {
  readonly #options: UsageCounterOptions;
  readonly #log: Log;
  readonly #tallies = new UsageTallies();
  readonly #outbox: UsageOutbox;
  /** When the next request has to arrange a flush again. A time and not a flag: a flush may die. */
  #dueMs = NOT_ARRANGED;
  #earlyDueMs = NOT_ARRANGED;
  /** The last arrangement closes the batch. Flushes that it overtook leave the work to it. */
  #arrangement = 0;

  constructor(options: UsageCounterOptions) {
    this.#options = options;
    this.#log = oncePerMinute(options.log, options.now);
    this.#outbox = new UsageOutbox({
      ...options,
      onFailure: (error) =>
        this.#log({
          event: 'usage_hand_over_failed',
          error: error instanceof Error ? error.message : String(error),
          waitingBatches: this.#outbox.batches,
        }),
    });
  }

  /**
   * Counts a request that is allowed, before it is sent to the upstream: if its client disconnects, its
   * code ends without notice. A hot key costs a look-up in a map and an increment. `keyId` is `null` on a
   * public route.
   */
  countAllowed(
    keyId: string | null,
    context: CountContext,
    { extraCost = 0, isClient = false, endpoint = null }: CountedRequest = {},
  ): void {
    this.#tallies.countAllowed(keyId ?? NO_KEY, isClient, context.nowMs, endpoint);
    if (extraCost > 0 && keyId !== null) {
      this.#tallies.countOther(keyId, EXTRA_COST, false, context.nowMs, extraCost);
    }
    this.#settle(context);
  }

  /**
   * Counts a refusal. A failure of the upstream follows after the request was allowed, and moves it from
   * there to its own outcome.
   */
  countRefused(refusal: CountedRefusal, context: CountContext): void {
    const { code, keyId, isClient = false, origin, extraCost = 0 } = refusal;
    const outcome = outcomeByCode[code];
    if (outcome.startsWith('upstream_error:')) {
      this.#tallies.uncountAllowed(keyId ?? NO_KEY, isClient, context.nowMs);
      if (extraCost > 0 && keyId !== null) {
        this.#tallies.countOther(keyId, EXTRA_COST, false, context.nowMs, -extraCost);
      }
    }
    this.#tallies.countOther(keyId ?? NO_KEY, outcome, isClient, context.nowMs);
    const isAboutOrigin = code === 'origin_not_allowed' || code === 'cors_not_enabled';
    if (isAboutOrigin && keyId !== null && origin !== null) {
      this.#tallies.noteRefusedOrigin(keyId, origin, code, context.nowMs);
    }
    this.#settle(context);
  }

  /** Counts a preflight that was granted. One that was not granted is a refusal without a key. */
  countPreflight(context: CountContext): void {
    this.#tallies.countOther(NO_KEY, 'preflight_granted', false, context.nowMs);
    this.#settle(context);
  }

  /** The contents of memory, for tests and for operators. */
  stats() {
    return {
      rows: this.#tallies.rows,
      waitingBatches: this.#outbox.batches,
      waitingBytes: this.#outbox.bytes,
    };
  }

  get #isFull(): boolean {
    return this.#tallies.rows >= USAGE_EARLY_FLUSH_ROWS;
  }

  /** Arranges a flush if none is on its way. */
  #settle(context: CountContext): void {
    const { nowMs } = context;
    if (nowMs >= this.#dueMs || (this.#isFull && nowMs >= this.#earlyDueMs)) {
      this.#arrangeFlush(context);
    }
  }

  #arrangeFlush(context: CountContext): void {
    const { flushMs, now } = this.#options;
    const delayMs = this.#isFull || this.#dueMs !== NOT_ARRANGED ? 0 : flushMs;
    this.#dueMs = now() + 2 * flushMs + FLUSH_LATE_MS;
    if (this.#isFull) this.#earlyDueMs = now() + EARLY_RETRY_MS;
    this.#arrangement += 1;
    context.runInBackground(this.#flush(delayMs, this.#arrangement));
  }

  async #flush(delayMs: number, ownArrangement: number): Promise<void> {
    const beganMs = this.#options.now();
    // Also without a delay: the response goes first, and the work of closing comes after it.
    await this.#options.wait(delayMs);
    if (this.#arrangement !== ownArrangement) return;
    // The last attempt has to end in time, too.
    const lastMs = beganMs + BACKGROUND_WORK_MS - USAGE_SEND_TIMEOUT_MS;
    const endMs = Math.min(this.#options.now() + USAGE_SENDING_MS, lastMs);
    const isClosed = this.#closeIfDue();
    await this.#outbox.send(endMs);
    if (isClosed || this.#outbox.isFailing || this.#arrangement !== ownArrangement) return;
    // The Queue is back. What was counted meanwhile does not wait for another request.
    this.#closeIfDue();
    await this.#outbox.send(endMs);
  }

  /** Returns whether it closed the batch. While the Queue fails, counts take less room than batches do. */
  #closeIfDue(): boolean {
    const isDue = this.#outbox.hasRoom && (this.#isFull || !this.#outbox.isFailing);
    if (isDue) this.#closeTallies();
    return isDue;
  }

  /** Turns the counts into batches, in one go: a request that dies loses none of them. */
  #closeTallies(): void {
    const { now, newId } = this.#options;
    const overflow = this.#tallies.overflow();
    if (overflow.unattributedRequests > 0 || overflow.droppedOrigins > 0) {
      this.#log({ event: 'usage_overflow', ...overflow });
    }
    this.#outbox.add(writeBatches(this.#tallies.toRows(), { nowMs: now(), newId }));
    this.#tallies.clear();
    this.#dueMs = NOT_ARRANGED;
    this.#earlyDueMs = NOT_ARRANGED;
  }
}
