/**
 * The work of a Worker's other events than requests: the queue's batches and the scheduled run.
 */

import type { EventsConfig } from './config/config.ts';
import type { Env } from './config/env.ts';
import { type EventRunOptions, runEvents, runSender } from './events/run.ts';
import { WAKE_MESSAGE } from './events/wake.ts';
import type { Isolate } from './isolate.ts';
import { runHousekeeping } from './keys/stores/housekeeping.ts';
import { createReplication, repairReplica } from './keys/stores/replication.ts';
import { trimEndedSessions } from './manage/page/access/ended-sessions.ts';
import { trimPortalSessions } from './manage/portal/store.ts';
import { log, withTimeout } from './runtime.ts';
import { consumeUsage } from './usage/consumer.ts';
import { trimUsage } from './usage/d1.ts';

/** Takes a batch of the queue: merges usage, and sends events if a message asks for it, or usage led to some. */
export async function consumeQueue(
  batch: MessageBatch,
  { db, isolate }: { readonly db: D1Database; readonly isolate: () => Promise<Isolate> },
): Promise<void> {
  const wakes = batch.messages.filter(({ body }) => body === WAKE_MESSAGE);
  const usage = batch.messages.filter(({ body }) => body !== WAKE_MESSAGE);
  const writesEvents = await hasEvents(isolate);
  const options = { db, now: () => Date.now(), withTimeout, log, writesEvents };
  const { events } = await consumeUsage(usage, options);
  // One is enough for all, and the scheduled run follows if it fails.
  for (const message of wakes) message.ack();
  if (wakes.length + events > 0) await sendAfterWake(isolate);
}

/** Returns whether events are written. Usage is merged under a broken configuration as well. */
async function hasEvents(isolate: () => Promise<Isolate>): Promise<boolean> {
  try {
    return (await isolate()).config.events !== null;
  } catch {
    return false;
  }
}

/** Sends due events. Never rejects. */
async function sendAfterWake(isolate: () => Promise<Isolate>): Promise<void> {
  try {
    const { env, config } = await isolate();
    if (config.events === null) return;
    await runSender(eventRun(env, config.events));
  } catch (error) {
    log({ event: 'event_wake_failed', error: String(error) });
  }
}

function eventRun({ DB: db }: Env, receiver: EventsConfig): EventRunOptions {
  return {
    db,
    receiver,
    fetch: (url, init) => fetch(url, init),
    now: () => Date.now(),
    newId: () => crypto.randomUUID(),
    log,
  };
}

/**
 * Does the scheduled work. Runs side by side, so that a part that fails does not keep the others from their work.
 * Rejects if a part failed, after the others are done.
 */
export async function runScheduled({ env, config }: Isolate, nowMs: number): Promise<void> {
  const replication = createReplication(env, { now: () => Date.now(), withTimeout });
  const results = await Promise.allSettled([
    repairReplica(replication).then(({ due, failed }) => {
      if (due > 0) log({ event: 'replica_repaired', due, failed });
    }),
    trimUsage(env.DB, { nowMs, retentionDays: config.usageRetentionDays }),
    trimEndedSessions(env.DB, nowMs),
    trimPortalSessions(env.DB, nowMs),
    config.events === null ? null : runEvents(eventRun(env, config.events)),
    runHousekeeping(env.DB, {
      nowMs,
      retention: {
        keyDays: config.keyRetentionDays,
        changeDays: config.changeRetentionDays,
        auditDays: config.auditRetentionDays,
      },
    }),
  ]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
