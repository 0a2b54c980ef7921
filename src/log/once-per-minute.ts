/**
 * Limits how often one isolate logs an event that any request may cause.
 */

import type { EventName, Log } from './events.ts';

const INTERVAL_MS = 60 * 1000;

/** Returns a log that passes on the first event of each name, and then one per minute. */
export function oncePerMinute(log: Log, now: () => number): Log {
  const loggedMs = new Map<EventName, number>();
  return (event) => {
    const nowMs = now();
    if (nowMs - (loggedMs.get(event.event) ?? Number.NEGATIVE_INFINITY) < INTERVAL_MS) return;
    loggedMs.set(event.event, nowMs);
    log(event);
  };
}
