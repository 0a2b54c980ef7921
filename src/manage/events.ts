/**
 * Events as the API shows them, and their replay. For operators: an event may be about any owner's key.
 */

import * as v from 'valibot';
import type { EventState, ListedEvent } from '../events/store.ts';
import { invalidFields } from './field-problems.ts';
import { PAGE_LIMIT_DEFAULT } from './limits.ts';
import { answer, type Call, type Operation, type OperationResult, refusal } from './operation.ts';
import { problem } from './problems.ts';
import { cursorSchema, keyIdSchema, limitSchema, readQuery } from './query.ts';
import { ruleMessage } from './read-document.ts';
import { shownTimeSchema } from './shown-time.ts';

const states = ['waiting', 'delivered', 'failed'] as const satisfies readonly EventState[];

const eventsQuerySchema = v.strictObject({
  state: v.optional(
    v.pipe(
      v.string(),
      v.check(
        (text) => (states as readonly string[]).includes(text),
        ruleMessage('it is not a state', `Use ${states.join(', ')}`),
      ),
      v.description('Only events in this state: waiting, delivered, or failed (given up).'),
    ),
  ),
  keyId: v.optional(v.pipe(keyIdSchema, v.description('Only the events of this key.'))),
  cursor: cursorSchema(/^[1-9]\d{0,14}$/),
  limit: limitSchema,
});

const eventSchema = v.object({
  id: v.pipe(
    v.string(),
    v.description('The webhook-id of its deliveries.'),
    v.examples(['evt_0123456789abcdef0123456789abcdef']),
  ),
  keyId: v.pipe(v.string(), v.description('The key that it is about.')),
  number: v.pipe(v.number(), v.integer(), v.description('Counts the events of the key, from 1.')),
  type: v.pipe(
    v.string(),
    v.description(
      'The kind of event, such as key.created or quota.exceeded. docs/events.md lists them.',
    ),
    v.examples(['key.created']),
  ),
  at: v.pipe(shownTimeSchema, v.description('When it happened.')),
  state: v.pipe(v.picklist(states), v.description('waiting, delivered, or failed (given up).')),
  attempts: v.pipe(v.number(), v.integer(), v.description('The deliveries that were tried.')),
  nextAttemptAt: v.pipe(
    v.nullable(shownTimeSchema),
    v.description('When it is sent next; null: it has ended, or waits for an earlier event.'),
  ),
  failure: v.pipe(v.nullable(v.string()), v.description('Why the last delivery failed.')),
  endedAt: v.pipe(v.nullable(shownTimeSchema), v.description('When it was delivered or given up.')),
  data: v.pipe(
    v.record(v.string(), v.unknown()),
    v.description('The data of the payload, without tokens.'),
  ),
});

const eventListSchema = v.object({
  events: v.pipe(v.array(eventSchema), v.description('The events, newest first.')),
  nextCursor: v.pipe(v.nullable(v.string()), v.description('null: there are no more.')),
});

/** An event, as the API answers it. */
export type EventDocument = v.InferOutput<typeof eventSchema>;
/** A page of events. */
export type EventListDocument = v.InferOutput<typeof eventListSchema>;

/** The endpoints about events. */
export const eventOperations: readonly Operation[] = [
  {
    method: 'GET',
    path: '/events',
    name: 'listEvents',
    summary: 'List events, newest first',
    description: 'What EVENTS_URL receives. Events are kept for 30 days after they have ended.',
    query: eventsQuerySchema,
    answer: {
      status: 200,
      description: 'A page of events.',
      schema: eventListSchema,
    },
    problems: ['invalid_fields'],
    handle: listEvents,
  },
  {
    method: 'POST',
    path: '/events/{id}/replay',
    name: 'replayEvent',
    summary: 'Send an event again',
    description:
      'The event has the same id and number. The later events of its key wait until it has ended.',
    answer: { status: 200, description: 'The event, which waits.', schema: eventSchema },
    problems: ['not_found'],
    handle: replayEvent,
  },
];

async function listEvents({ management, query }: Call): Promise<OperationResult> {
  const reading = readQuery(eventsQuerySchema, query);
  if (!reading.ok) return refusal(invalidFields(reading));
  const { state, keyId = null, cursor, limit = PAGE_LIMIT_DEFAULT } = reading.value;
  // One more than asked for tells whether there is a next page.
  const events = await management.events.list({
    // The schema has checked it.
    state: (state as EventState | undefined) ?? null,
    keyId,
    beforeId: cursor === undefined ? null : Number(cursor),
    limit: limit + 1,
  });
  const page = events.slice(0, limit);
  const last = page.at(-1);
  return answer(200, {
    events: page.map(toDocument),
    nextCursor: events.length > limit && last ? String(last.id) : null,
  });
}

async function replayEvent(call: Call): Promise<OperationResult> {
  const { management, id, runInBackground } = call;
  const isId = /^evt_[0-9a-f]{32}$/.test(id);
  const event = isId ? await management.events.replay(id, management.now()) : null;
  if (event === null) {
    return refusal(problem('not_found', 'Cannot find this event: it may have been dropped'));
  }
  runInBackground(management.wakeSender());
  return answer(200, toDocument(event));
}

function toDocument(event: ListedEvent): EventDocument {
  const toTime = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  return {
    id: event.eventId,
    keyId: event.keyId,
    number: event.number,
    type: event.type,
    at: new Date(event.atMs).toISOString(),
    state: event.state,
    attempts: event.attempts,
    nextAttemptAt: toTime(event.dueAtMs),
    failure: event.failure,
    endedAt: toTime(event.endedAtMs),
    // Only the edge writes these.
    data: JSON.parse(event.data),
  };
}
