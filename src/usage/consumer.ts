/**
 * Takes batches of usage from the Queue and merges them into D1.
 *
 * The Queue delivers at least once and in any order; merging makes that exactly once, because a
 * batch is noted in the transaction that merges it. A batch so old that its note may be gone is not
 * merged any more. Each message is acknowledged or put back by itself.
 */

import type { Log } from '../log/events.ts';
import { batchIdFrom, type ClosedBatch, DAY_MS } from './batch.ts';
import { mergeUsage } from './d1.ts';
import {
  USAGE_BATCH_ACCEPTED_DAYS,
  USAGE_MERGE_MAX_BYTES,
  USAGE_MERGE_TIMEOUT_MS,
} from './limits.ts';
import { readBatch } from './read-batch.ts';

/** The part of a Queue's message that is used. */
export type UsageMessage = Pick<Message<unknown>, 'id' | 'body' | 'attempts' | 'ack' | 'retry'>;

/** The parts of a consumer. */
export interface ConsumerOptions {
  readonly db: D1Database;
  readonly now: () => number;
  /** Rejects after so many milliseconds, unless the work is done before. */
  readonly withTimeout: <Result>(work: Promise<Result>, timeoutMs: number) => Promise<Result>;
  readonly log: Log;
  /** Tells whether events of quotas are written with the usage that reaches them. */
  readonly writesEvents: boolean;
}

interface Delivery {
  readonly message: UsageMessage;
  readonly batch: ClosedBatch;
}

const RETRY_MIN_SECONDS = 10;
const RETRY_MAX_SECONDS = 15 * 60;

/**
 * Merges messages. Each is then acknowledged, or put back for later. Never rejects. Returns how many events
 * were written.
 */
export async function consumeUsage(
  messages: readonly UsageMessage[],
  options: ConsumerOptions,
): Promise<{ readonly events: number }> {
  const { db, now, writesEvents } = options;
  let events = 0;
  for (const deliveries of inTransactions(readAll(messages, options))) {
    try {
      const batches = deliveries.map(({ batch }) => batch);
      const merged = await options.withTimeout(
        mergeUsage(db, batches, now(), { writesEvents }),
        USAGE_MERGE_TIMEOUT_MS,
      );
      events += merged.events;
      for (const { message } of deliveries) message.ack();
    } catch (error) {
      options.log({
        event: 'usage_merge_failed',
        error: error instanceof Error ? error.message : String(error),
        batches: deliveries.length,
      });
      for (const { message } of deliveries) message.retry(retryLater(message));
    }
  }
  return { events };
}

/** The messages that hold a batch to be merged. All others are settled here. */
function readAll(messages: readonly UsageMessage[], { now, log }: ConsumerOptions): Delivery[] {
  const firstAccepted = batchIdFrom(now() - USAGE_BATCH_ACCEPTED_DAYS * DAY_MS);
  const deliveries: Delivery[] = [];
  for (const message of messages) {
    const reading = readBatch(message.body);
    if (reading.outcome === 'later_version') {
      // While a new version is rolled out, consumers of the old one receive messages of its isolates.
      message.retry(retryLater(message));
    } else if (reading.outcome === 'malformed') {
      log({ event: 'usage_malformed', messageId: message.id, reason: reading.reason });
      message.ack();
    } else if (reading.batch.id < firstAccepted) {
      log({ event: 'usage_expired', batchId: reading.batch.id });
      message.ack();
    } else {
      deliveries.push({ message, batch: reading.batch });
    }
  }
  return deliveries;
}

/** Groups of batches, each small enough for one transaction. */
function* inTransactions(deliveries: readonly Delivery[]): Generator<Delivery[]> {
  let group: Delivery[] = [];
  let bytes = 0;
  for (const delivery of deliveries) {
    const { length } = delivery.batch.text;
    if (group.length > 0 && bytes + length > USAGE_MERGE_MAX_BYTES) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(delivery);
    bytes += length;
  }
  if (group.length > 0) yield group;
}

function retryLater({ attempts }: UsageMessage): QueueRetryOptions {
  return { delaySeconds: Math.min(RETRY_MIN_SECONDS * 2 ** (attempts - 1), RETRY_MAX_SECONDS) };
}
