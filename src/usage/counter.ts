/**
 * Counts requests in one isolate and hands the counts over every few seconds.
 *
 *     count -> tallies in memory -> every few seconds, closed batches -> the Queue -> `consumer.ts`
 *
 * The first request that counts something leaves background work behind, which waits out the
 * interval and hands over: so counts do not lie about until a next request that may never come.
 * Should that request die, one that comes after twice the interval and a second does it. No request
 * waits for anything here, and nothing here throws. What was counted and not taken by the Queue yet
 * is lost when the isolate dies: the requests of one interval, while the Queue works.
 */

import type { RejectionCode } from '../core/decide/rejection.ts';
import type { EventName, Log, LogEvent } from '../log/events.ts';
import { type ClosedBatch, NO_KEY, outcomeByCode, writeBatches } from './batch.ts';
import { USAGE_EARLY_FLUSH_ROWS, USAGE_SENDING_MS } from './limits.ts';
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

/** See the file's head. */
export interface UsageCounter {
  /**
   * Counts a request that is let through, before it is sent to the upstream: its client may go away,
   * which ends it here without another word. A hot key costs a look-up in a map and an increment.
   * `keyId` is `null` on a public route.
   */
  countAllowed(keyId: string | null, context: CountContext): void;
  /**
   * Counts a refusal; `keyId` is `null` without a known key. An upstream's failure comes after the
   * request was let through, and moves it from there to its own outcome.
   */
  countRefused(
    refusal: {
      readonly code: RejectionCode;
      readonly keyId: string | null;
      readonly origin: string | null;
    },
    context: CountContext,
  ): void;
  /** Counts a preflight that was granted. One that was not is a refusal without a key. */
  countPreflight(context: CountContext): void;
  /** The contents of memory, for tests and for operators. */
  stats(): {
    readonly rows: number;
    readonly waitingBatches: number;
    readonly waitingBytes: number;
  };
}

const NOT_ARRANGED = Number.NEGATIVE_INFINITY;
/** How late a flush may be before the next request takes it to have died. */
const FLUSH_LATE_MS = 1_000;
/** An early flush that fails is not tried again sooner. */
const EARLY_RETRY_MS = 1_000;
const LOG_EVERY_MS = 60_000;

/** A counter that has counted nothing. One isolate has one. */
export function createUsageCounter(options: UsageCounterOptions): UsageCounter {
  const { flushMs, now, wait } = options;
  const tallies = new UsageTallies();
  const loggedMs = new Map<EventName, number>();
  const outbox = new UsageOutbox({
    ...options,
    onFailure: (error) =>
      logOncePerMinute({
        event: 'usage_hand_over_failed',
        error: error instanceof Error ? error.message : String(error),
        waitingBatches: outbox.batches,
      }),
  });

  // "A flush is arranged" is a time, not a flag: when the next request has to arrange it again.
  let dueMs = NOT_ARRANGED;
  let earlyDueMs = NOT_ARRANGED;
  // The last arrangement closes the batch; work that was overtaken in the meantime leaves it to that.
  let arrangement = 0;

  function arrangeFlush(context: CountContext): void {
    const isEarly = tallies.rows >= USAGE_EARLY_FLUSH_ROWS;
    const delayMs = isEarly || dueMs !== NOT_ARRANGED ? 0 : flushMs;
    dueMs = now() + 2 * flushMs + FLUSH_LATE_MS;
    if (isEarly) earlyDueMs = now() + EARLY_RETRY_MS;
    arrangement += 1;
    context.runInBackground(flush(delayMs, arrangement));
  }

  async function flush(delayMs: number, ownArrangement: number): Promise<void> {
    // Also without a delay: the response goes first, and the work of closing comes after it.
    await wait(delayMs);
    if (arrangement !== ownArrangement) return;
    const endMs = now() + USAGE_SENDING_MS;
    const isClosed = closeIfDue();
    await outbox.send(endMs);
    if (isClosed || outbox.isFailing || arrangement !== ownArrangement) return;
    // The Queue is back. What was counted meanwhile does not wait for another request.
    closeIfDue();
    await outbox.send(endMs);
  }

  function closeIfDue(): boolean {
    // While the Queue fails, counts go on adding up, which takes less room than batches do.
    const isPressing = tallies.rows >= USAGE_EARLY_FLUSH_ROWS;
    const isDue = outbox.hasRoom && (isPressing || !outbox.isFailing);
    if (isDue) closeTallies();
    return isDue;
  }

  /** Turns what was counted into batches, in one go: a request that dies loses none of it. */
  function closeTallies(): void {
    const overflow = tallies.overflow();
    if (overflow.unattributedRequests > 0 || overflow.droppedOrigins > 0) {
      logOncePerMinute({ event: 'usage_overflow', ...overflow });
    }
    outbox.add(writeBatches(tallies.toRows(), { nowMs: now(), newId: options.newId }));
    tallies.clear();
    dueMs = NOT_ARRANGED;
    earlyDueMs = NOT_ARRANGED;
  }

  function settle(context: CountContext): void {
    const { nowMs } = context;
    if (nowMs >= dueMs || (tallies.rows >= USAGE_EARLY_FLUSH_ROWS && nowMs >= earlyDueMs)) {
      arrangeFlush(context);
    }
  }

  function logOncePerMinute(event: LogEvent): void {
    const nowMs = now();
    if (nowMs - (loggedMs.get(event.event) ?? NOT_ARRANGED) < LOG_EVERY_MS) return;
    loggedMs.set(event.event, nowMs);
    options.log(event);
  }

  return {
    countAllowed(keyId, context) {
      tallies.countAllowed(keyId ?? NO_KEY, context.nowMs);
      settle(context);
    },

    countRefused({ code, keyId, origin }, context) {
      const outcome = outcomeByCode[code];
      if (outcome.startsWith('upstream_error:')) {
        tallies.uncountAllowed(keyId ?? NO_KEY, context.nowMs);
      }
      tallies.countOther(keyId ?? NO_KEY, outcome, context.nowMs);
      const isAboutOrigin = code === 'origin_not_allowed' || code === 'cors_not_enabled';
      if (isAboutOrigin && keyId !== null && origin !== null) {
        tallies.noteRefusedOrigin(keyId, origin, code, context.nowMs);
      }
      settle(context);
    },

    countPreflight(context) {
      tallies.countOther(NO_KEY, 'preflight_granted', context.nowMs);
      settle(context);
    },

    stats: () => ({
      rows: tallies.rows,
      waitingBatches: outbox.batches,
      waitingBytes: outbox.bytes,
    }),
  };
}
