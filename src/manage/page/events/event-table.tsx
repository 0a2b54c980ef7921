/**
 * The rows of the page of events: what happened, to which key, and what became of the delivery.
 */

import type { EventDocument } from '../../events.ts';
import type { Visitor } from '../access/visitor.ts';
import { FormToken } from '../parts/layout.tsx';
import { countOf, Time } from '../parts/words.tsx';
import { type EventsQuery, eventsUrl } from './events-query.ts';

/** The types in words, as the audit has them. */
const types: Readonly<Record<string, string>> = {
  'key.created': 'Created',
  'key.edited': 'Edited',
  'key.rolled': 'Rolled',
  'key.revoked': 'Deleted',
  'key.leaked': 'Found in public',
  'key.expiring': 'Expires soon',
  'key.expired': 'Expired',
  'key.idle': 'Not used',
  'quota.warning': 'Quota nearly used up',
  'quota.exceeded': 'Quota used up',
};

interface EventTableProps {
  readonly visitor: Visitor;
  readonly title: string;
  readonly events: readonly EventDocument[];
  readonly query: EventsQuery;
  /** The keys among them that still have a page. */
  readonly livingKeys: ReadonlySet<string>;
  readonly nowMs: number;
}

/** The events, newest first. */
export function EventTable(props: EventTableProps) {
  const mayReplay = props.visitor.may('replayEvent');
  return (
    <table class="listing">
      <caption class="unseen">{props.title}, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Event</th>
          <th scope="col">Key</th>
          <th scope="col">Delivery</th>
          <th scope="col">When</th>
          {mayReplay && (
            <th scope="col">
              <span class="unseen">Send again</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {props.events.map((event) => (
          <tr>
            <th scope="row">
              <strong>{types[event.type] ?? event.type}</strong>
              <span class="help line">
                <code>{event.type}</code>, number {event.number}
              </span>
            </th>
            <td data-label="Key">
              <KeyOf event={event} {...props} />
            </td>
            <td data-label="Delivery">
              <Delivery event={event} nowMs={props.nowMs} />
            </td>
            <td data-label="When">
              <Time value={event.at} nowMs={props.nowMs} />
            </td>
            {mayReplay && (
              <td class="row-action">
                {event.state !== 'waiting' && <ReplayForm event={event} {...props} />}
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The key: its page, or its events if it has no page any longer. */
function KeyOf(props: EventTableProps & { readonly event: EventDocument }) {
  const { event, query, livingKeys } = props;
  const { keyId } = event;
  const name = nameOf(event);
  if (livingKeys.has(keyId)) return <a href={`/_edge/keys/${keyId}`}>{name}</a>;
  return (
    <span>
      {query.keyId === null ? <a href={eventsUrl({ choice: 'all', keyId })}>{name}</a> : name}{' '}
      <span class="quiet">(deleted)</span>
    </span>
  );
}

/** The name of the key as the event tells it, or its id. */
function nameOf({ keyId, data }: EventDocument): string {
  for (const key of [data['key'], data['before']]) {
    if (typeof key === 'object' && key !== null && 'name' in key) return String(key.name);
  }
  return keyId;
}

function Delivery({ event, nowMs }: { readonly event: EventDocument; readonly nowMs: number }) {
  const { state, attempts, failure, nextAttemptAt, endedAt } = event;
  return (
    <div>
      {state === 'failed' && <span class="badge failed">Given up</span>}
      {state === 'waiting' && <span class="badge">Waiting</span>}
      {state === 'delivered' && <span class="badge live">Delivered</span>}
      <span class="help line">
        {failure !== null && `${capitalize(failure)}. `}
        {attempts > 0 && `${countOf(attempts, 'attempt')}. `}
        {state === 'waiting' && <NextAttempt at={nextAttemptAt} nowMs={nowMs} />}
        {endedAt !== null && (
          <>
            Ended <Time value={endedAt} nowMs={nowMs} />.
          </>
        )}
      </span>
    </div>
  );
}

/** When the event is sent next. The sender may be a minute late. */
function NextAttempt({ at, nowMs }: { readonly at: string | null; readonly nowMs: number }) {
  if (at === null) return <>An earlier event of the key comes first.</>;
  if (Date.parse(at) <= nowMs) return <>It is sent with the next run.</>;
  return (
    <>
      Sent again <Time value={at} nowMs={nowMs} />.
    </>
  );
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function ReplayForm(props: EventTableProps & { readonly event: EventDocument }) {
  const { event, query } = props;
  return (
    <form method="post" action={`/_edge/events/${event.id}/replay`}>
      <FormToken visitor={props.visitor} />
      <input type="hidden" name="state" value={query.choice} />
      <input type="hidden" name="keyId" value={query.keyId ?? ''} />
      <button type="submit" class="plain nowrap">
        Send again
        <span class="unseen">
          : {event.type}, number {event.number}, {nameOf(event)}
        </span>
      </button>
    </form>
  );
}
