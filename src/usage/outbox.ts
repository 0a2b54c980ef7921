/**
 * Closed batches of usage that wait for the Queue.
 *
 * A batch stays until the Queue has confirmed it, and is sent again unchanged. An attempt that failed or
 * hung may have arrived after all. That does not matter, because a batch that arrives twice counts once. Promises are never shared between requests; "this batch is being sent" is
 * a time and not a flag, because the request that sends it may die.
 */

import type { ClosedBatch } from './batch.ts';
import {
  USAGE_RETRY_MAX_MS,
  USAGE_RETRY_MIN_MS,
  USAGE_SEND_TIMEOUT_MS,
  USAGE_SENDS_PER_REQUEST,
  USAGE_WAITING_BYTES,
} from './limits.ts';

/** The parts of an outbox. */
export interface OutboxOptions {
  /** Hands a batch over. May reject, or never settle. */
  readonly deliver: (batch: ClosedBatch) => Promise<unknown>;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<unknown>;
  /** Rejects after so many milliseconds, unless the work is done before. */
  readonly withTimeout: <Result>(work: Promise<Result>, timeoutMs: number) => Promise<Result>;
  readonly onFailure: (error: unknown) => void;
}

interface WaitingBatch extends ClosedBatch {
  /** The time until which another request is assumed to be sending it. */
  busyUntilMs: number;
}

/** See the file's head. One isolate has one. */
export class UsageOutbox {
  readonly #options: OutboxOptions;
  /** In the order in which they are sent: what failed goes to the end. */
  readonly #waiting = new Set<WaitingBatch>();
  #bytes = 0;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #retryDelayMs = USAGE_RETRY_MIN_MS;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get batches(): number {
    return this.#waiting.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** `true` if more batches may be added. One addition may exceed the bound. */
  get hasRoom(): boolean {
    return this.#bytes < USAGE_WAITING_BYTES;
  }

  /** `true` if the last attempt failed. */
  get isFailing(): boolean {
    return this.#retryAtMs !== Number.NEGATIVE_INFINITY;
  }

  add(batches: readonly ClosedBatch[]): void {
    for (const { id, text } of batches) {
      this.#waiting.add({ id, text, busyUntilMs: Number.NEGATIVE_INFINITY });
      this.#bytes += text.length;
    }
  }

  /**
   * Sends what waits, one batch after the other, and gives a Queue that fails some time. Ends when
   * nothing is left for it to do, at `endMs`, or when it was enough for the work of one request: a
   * later request continues with the rest. Never rejects.
   */
  async send(endMs: number): Promise<void> {
    const { now, wait } = this.#options;
    for (let steps = 0; steps < USAGE_SENDS_PER_REQUEST && now() < endMs; steps++) {
      const batch = this.#next();
      if (batch === undefined || this.#retryAtMs >= endMs) return;
      const retryInMs = this.#retryAtMs - now();
      // Meanwhile another request may have sent it, or failed: checked again afterwards.
      if (retryInMs > 0) await wait(retryInMs);
      else await this.#sendOne(batch);
    }
  }

  #next(): WaitingBatch | undefined {
    const nowMs = this.#options.now();
    for (const batch of this.#waiting) {
      if (nowMs >= batch.busyUntilMs) return batch;
    }
    return undefined;
  }

  async #sendOne(batch: WaitingBatch): Promise<void> {
    const { deliver, now, withTimeout, onFailure } = this.#options;
    batch.busyUntilMs = now() + 2 * USAGE_SEND_TIMEOUT_MS;
    try {
      await withTimeout(deliver(batch), USAGE_SEND_TIMEOUT_MS);
      if (this.#waiting.delete(batch)) this.#bytes -= batch.text.length;
      this.#retryAtMs = Number.NEGATIVE_INFINITY;
      this.#retryDelayMs = USAGE_RETRY_MIN_MS;
    } catch (error) {
      // To the end, so that a batch which never arrives delays no other.
      if (this.#waiting.delete(batch)) this.#waiting.add(batch);
      batch.busyUntilMs = Number.NEGATIVE_INFINITY;
      this.#retryAtMs = now() + this.#retryDelayMs;
      this.#retryDelayMs = Math.min(2 * this.#retryDelayMs, USAGE_RETRY_MAX_MS);
      onFailure(error);
    }
  }
}
