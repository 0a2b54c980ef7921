/**
 * Sends events: Standard Webhooks over https, at least once, in the order of each key.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 *
 * The Queue and the scheduled run only wake the sender; what is due is in D1. One sender works at a time, by
 * a lease that it renews before each round. A round sends the first due event of some keys side by side,
 * within less time than the lease lasts, and results count only for the holder of the lease.
 */

import { Webhook } from 'standardwebhooks';
import { nextAttemptMs } from '../core/events/schedule.ts';
import type { Log } from '../log/events.ts';
import type { DueEvent, EventStore } from './store.ts';

/** The receiver. */
export interface EventReceiver {
  readonly url: string;
  /** Each `whsec_` and base64. Every attempt is signed with all of them, in their order. */
  readonly secrets: readonly string[];
}

/** The parts of a sender. */
export interface SenderOptions {
  readonly store: EventStore;
  readonly receiver: EventReceiver;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly now: () => number;
  readonly newId: () => string;
  readonly log: Log;
}

/** How long the receiver may take to answer. */
export const ANSWER_TIMEOUT_MS = 10 * 1000;
/** Longer than a round, so that no two senders are in one. */
const LEASE_MS = 60 * 1000;
/** A Worker may have six connections open. */
const EVENTS_PER_ROUND = 6;
/** The rounds of one wake: D1 and the receiver are called in each. */
const ROUNDS_PER_WAKE = 40;
/** After this, the next wake continues. */
const WAKE_MS = 20 * 1000;

/** Sends what is due, within bounds. Returns how many were delivered. Rejects if D1 cannot be reached. */
export async function sendEvents(options: SenderOptions): Promise<{ readonly delivered: number }> {
  const { store, now, newId } = options;
  const holder = newId();
  const startedMs = now();
  let delivered = 0;
  for (let round = 0; round < ROUNDS_PER_WAKE && now() - startedMs < WAKE_MS; round++) {
    if (!(await store.lease(holder, now(), now() + LEASE_MS))) return { delivered };
    const due = await store.due(now(), EVENTS_PER_ROUND);
    if (due.length === 0) break;
    const outcomes = await Promise.all(due.map((event) => deliver(event, holder, options)));
    delivered += outcomes.filter(Boolean).length;
  }
  await store.release(holder);
  return { delivered };
}

/** Sends one event and notes the outcome. Returns whether the receiver accepted it. */
async function deliver(event: DueEvent, holder: string, options: SenderOptions): Promise<boolean> {
  const { store, now, log } = options;
  const failure = await attempt(event, options);
  const lease = { holder, nowMs: now() };
  if (failure === null) {
    await store.end(event, { state: 'delivered', failure }, lease);
    return true;
  }
  const attempts = event.attempts + 1;
  const dueAtMs = nextAttemptMs({ attempts, dueSinceMs: event.dueSinceMs, nowMs: lease.nowMs });
  const { eventId, keyId, type } = event;
  log({
    event: 'event_not_delivered',
    eventId,
    keyId,
    type,
    attempts,
    failure,
    isGivenUp: dueAtMs === null,
  });
  if (dueAtMs === null) await store.end(event, { state: 'failed', failure }, lease);
  else await store.postpone(event, { failure, dueAtMs }, lease);
  return false;
}

/** Sends one event. Returns why it was not accepted, in words without anything of the answer; or `null`. */
async function attempt(
  event: DueEvent,
  { receiver, fetch, now }: SenderOptions,
): Promise<string | null> {
  const body = payloadOf(event);
  const sentAt = new Date(now());
  try {
    // The standard separates several signatures by a space. A receiver needs the secret of one of them.
    const signatures = receiver.secrets.map((secret) =>
      new Webhook(secret).sign(event.eventId, sentAt, body),
    );
    const response = await fetch(receiver.url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'User-Agent': 'edge-authorizer',
        'Webhook-Id': event.eventId,
        'Webhook-Timestamp': String(Math.floor(sentAt.getTime() / 1000)),
        'Webhook-Signature': signatures.join(' '),
      },
      body,
      // Followed, a redirect would carry the event to wherever it points.
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    // The status says it all: nothing of the body is read.
    await response.body?.cancel();
    if (response.ok) return null;
    const isRedirect = response.status >= 300 && response.status < 400;
    return isRedirect
      ? `the receiver redirects (${response.status}), which is not followed`
      : `the receiver answered ${response.status}`;
  } catch (error) {
    const hasTimedOut = error instanceof Error && /timeout|abort/i.test(error.name);
    return hasTimedOut
      ? `the receiver did not answer within ${ANSWER_TIMEOUT_MS / 1000} s`
      : 'the receiver cannot be reached';
  }
}

/** The payload of an event, always the same text: its signature covers the bytes. */
function payloadOf({ type, atMs, keyId, number, data }: DueEvent): string {
  const timestamp = new Date(atMs).toISOString();
  return JSON.stringify({ type, timestamp, data: { keyId, number, ...JSON.parse(data) } });
}
