/**
 * Events in D1: all SQL of their delivery is in this file. `keys/admin/event-outbox.ts` writes them.
 *
 * Of each key, only the first waiting event has a time at which it is due, so the next one waits until it
 * has ended, and a look for due events reads those alone. The columns are explained in `schema.sql`.
 */

/** A state of an event. */
export type EventState = 'waiting' | 'delivered' | 'failed';

/** An event as it is sent. */
export interface DueEvent {
  readonly id: number;
  readonly eventId: string;
  readonly keyId: string;
  readonly number: number;
  readonly type: string;
  readonly atMs: number;
  /** JSON. */
  readonly data: string;
  readonly attempts: number;
  readonly dueSinceMs: number;
}

/** An event as it is shown. */
export interface ListedEvent extends Omit<DueEvent, 'dueSinceMs'> {
  readonly owner: string | null;
  readonly state: EventState;
  readonly dueAtMs: number | null;
  readonly failure: string | null;
  readonly endedAtMs: number | null;
}

/** The events in one D1. Everything asks the primary, and rejects if it cannot be reached. */
export interface EventStore {
  /** Takes the lease, or extends it. Returns whether this holder has it until then. */
  lease(holder: string, nowMs: number, untilMs: number): Promise<boolean>;
  release(holder: string): Promise<void>;
  /** Up to `limit` due events, the longest due first: at most one of each key. */
  due(nowMs: number, limit: number): Promise<readonly DueEvent[]>;
  /** Ends an event that is due, and makes the next one of its key due. Only for the holder of the lease. */
  end(
    event: DueEvent,
    outcome: { readonly state: 'delivered' | 'failed'; readonly failure: string | null },
    lease: { readonly holder: string; readonly nowMs: number },
  ): Promise<void>;
  /** Notes a failed attempt, and when the next one is due. Only for the holder of the lease. */
  postpone(
    event: DueEvent,
    next: { readonly failure: string; readonly dueAtMs: number },
    lease: { readonly holder: string; readonly nowMs: number },
  ): Promise<void>;
  /** Up to `limit` events before an id, newest first. */
  list(options: {
    readonly state: EventState | null;
    readonly keyId: string | null;
    readonly beforeId: number | null;
    readonly limit: number;
  }): Promise<readonly ListedEvent[]>;
  /** Sends an event again that has ended. Returns it as it is then; `null` if there is no such event. */
  replay(eventId: string, nowMs: number): Promise<ListedEvent | null>;
  /** How many events wait, and how many were given up; of each at most `COUNTED_MAX` are counted. */
  undelivered(): Promise<{ readonly waiting: number; readonly failed: number }>;
  /** Drops events that ended before a time, a bounded number. */
  trim(beforeMs: number): Promise<void>;
}

const TRIMS_PER_RUN = 1_000;
const COUNTED_MAX = 10_000;

const columns = `
  id, event_id AS eventId, key_id AS keyId, owner, number, type, at_ms AS atMs, data, state, attempts,
  due_at_ms AS dueAtMs, due_since_ms AS dueSinceMs, failure, ended_at_ms AS endedAtMs`;

const hasLease = `
  EXISTS (SELECT 1 FROM event_leases WHERE name = 'sender' AND holder = ?2 AND until_ms > ?3)`;

const sql = {
  lease: `
    INSERT INTO event_leases (name, holder, until_ms) VALUES ('sender', ?1, ?3)
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
     WHERE holder = excluded.holder OR until_ms <= ?2
    RETURNING holder`,
  release: `DELETE FROM event_leases WHERE name = 'sender' AND holder = ?1`,
  due: `
    SELECT ${columns} FROM events
     WHERE due_at_ms IS NOT NULL AND due_at_ms <= ?1 ORDER BY due_at_ms, id LIMIT ?2`,
  end: `
    UPDATE events
       SET state = ?4, failure = ?5, attempts = attempts + 1, ended_at_ms = ?3,
           due_at_ms = NULL, due_since_ms = NULL
     WHERE id = ?1 AND state = 'waiting' AND due_at_ms IS NOT NULL AND ${hasLease}`,
  // Only if none of the key is due: the event that was meant may not have ended.
  advance: `
    UPDATE events SET due_at_ms = ?2, due_since_ms = ?2
     WHERE key_id = ?1 AND state = 'waiting'
       AND number = (SELECT min(number) FROM events WHERE key_id = ?1 AND state = 'waiting')
       AND NOT EXISTS (SELECT 1 FROM events
                        WHERE key_id = ?1 AND state = 'waiting' AND due_at_ms IS NOT NULL)`,
  postpone: `
    UPDATE events SET attempts = attempts + 1, failure = ?4, due_at_ms = ?5
     WHERE id = ?1 AND state = 'waiting' AND due_at_ms IS NOT NULL AND ${hasLease}`,
  suspendOthers: `
    UPDATE events SET due_at_ms = NULL, due_since_ms = NULL
     WHERE state = 'waiting' AND due_at_ms IS NOT NULL
       AND (key_id, 1) IN (SELECT key_id, state <> 'waiting' FROM events WHERE event_id = ?1)
       AND number > (SELECT number FROM events WHERE event_id = ?1)`,
  replay: `
    UPDATE events SET state = 'waiting', attempts = 0, failure = NULL, ended_at_ms = NULL
     WHERE event_id = ?1 AND state <> 'waiting'`,
  undelivered: `
    SELECT (SELECT count(*) FROM (SELECT 1 FROM events INDEXED BY events_waiting
                                   WHERE state = 'waiting' LIMIT ?1)) AS waiting,
           (SELECT count(*) FROM (SELECT 1 FROM events INDEXED BY events_failed
                                   WHERE state = 'failed' LIMIT ?1)) AS failed`,
  one: `SELECT ${columns} FROM events WHERE event_id = ?1`,
  trim: `
    DELETE FROM events WHERE id IN (
      SELECT id FROM events WHERE ended_at_ms < ?1 ORDER BY ended_at_ms LIMIT ${TRIMS_PER_RUN})`,
} as const;

/** The events in this D1. */
export function createEventStore(db: D1Database): EventStore {
  const primary = () => db.withSession('first-primary');

  return {
    async lease(holder, nowMs, untilMs) {
      const row = await primary().prepare(sql.lease).bind(holder, nowMs, untilMs).first();
      return row !== null;
    },
    async release(holder) {
      await primary().prepare(sql.release).bind(holder).run();
    },
    async due(nowMs, limit) {
      const { results } = await primary().prepare(sql.due).bind(nowMs, limit).all<DueEvent>();
      return results;
    },
    async end(event, { state, failure }, { holder, nowMs }) {
      await primary().batch([
        db.prepare(sql.end).bind(event.id, holder, nowMs, state, failure),
        db.prepare(sql.advance).bind(event.keyId, nowMs),
      ]);
    },
    async postpone(event, { failure, dueAtMs }, { holder, nowMs }) {
      await primary().prepare(sql.postpone).bind(event.id, holder, nowMs, failure, dueAtMs).run();
    },
    async list({ state, keyId, beforeId, limit }) {
      const conditions = [
        // A literal, which a parameter is not: only so does D1 use the index of the state.
        ...(state === null ? [] : [`state = '${state}'`]),
        ...(keyId === null ? [] : (['key_id = ?'] as const)),
        ...(beforeId === null ? [] : (['id < ?'] as const)),
      ];
      const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
      const values = [keyId, beforeId].filter((value) => value !== null);
      const { results } = await primary()
        .prepare(`SELECT ${columns} FROM events ${where} ORDER BY id DESC LIMIT ?`)
        .bind(...values, limit)
        .all<ListedEvent>();
      return results;
    },
    async replay(eventId, nowMs) {
      const found = await primary().prepare(sql.one).bind(eventId).first<ListedEvent>();
      if (found === null) return null;
      const results = await primary().batch<ListedEvent>([
        db.prepare(sql.suspendOthers).bind(eventId),
        db.prepare(sql.replay).bind(eventId),
        db.prepare(sql.advance).bind(found.keyId, nowMs),
        db.prepare(sql.one).bind(eventId),
      ]);
      return results.at(-1)?.results[0] ?? null;
    },
    async undelivered() {
      const row = await primary()
        .prepare(sql.undelivered)
        .bind(COUNTED_MAX)
        .first<{ waiting: number; failed: number }>();
      return { waiting: row?.waiting ?? 0, failed: row?.failed ?? 0 };
    },
    async trim(beforeMs) {
      await primary().prepare(sql.trim).bind(beforeMs).run();
    },
  };
}
