/**
 * Events as the Worker runs them: from a wake of the Queue, and once a minute.
 */

import { createCollectEvents } from '../keys/admin/event-outbox.ts';
import type { Log } from '../log/events.ts';
import { writeNotices } from './notices.ts';
import { type EventReceiver, sendEvents } from './sender.ts';
import { createEventStore } from './store.ts';

/** The parts of a run. */
export interface EventRunOptions {
  readonly db: D1Database;
  readonly receiver: EventReceiver;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly now: () => number;
  readonly newId: () => string;
  readonly log: Log;
}

/** How long events are kept after they have ended. */
const KEPT_MS = 30 * 24 * 60 * 60 * 1000;

/** Sends what is due. Rejects if D1 cannot be reached. */
export async function runSender(options: EventRunOptions): Promise<void> {
  await sendEvents({ ...options, store: createEventStore(options.db) });
}

/** Collects what older versions changed, writes the notices that are due, sends, and drops old events. */
export async function runEvents(options: EventRunOptions): Promise<void> {
  const { db, now, newId } = options;
  await db
    .withSession('first-primary')
    .batch([...createCollectEvents(db)({ atMs: now(), requestId: newId() })]);
  await writeNotices(db, now());
  await runSender(options);
  await createEventStore(db).trim(now() - KEPT_MS);
}
