/**
 * Events that are sent to `EVENTS_URL`: first those that were not delivered, with the reason.
 */

import type { Child } from 'hono/jsx';
import type { EventListDocument } from '../../events.ts';
import type { View } from '../access/guards.tsx';
import type { Visitor } from '../access/visitor.ts';
import type { ApiProblem } from '../api-client.ts';
import { Layout } from '../parts/layout.tsx';
import { pageResponse } from '../parts/respond.ts';
import { EventTable } from './event-table.tsx';
import { type EventsQuery, eventChoices, eventsUrl, readEventsQuery } from './events-query.ts';

const EVENTS_PER_LIST = 25;

/** One list of the page: a state of the API, and the words for it. */
interface EventList {
  readonly title: string;
  /** `null`: every state. */
  readonly state: 'failed' | 'waiting' | 'delivered' | null;
  readonly none: string;
}

const lists = {
  failed: { title: 'Given up', state: 'failed', none: 'No event was given up.' },
  waiting: { title: 'Waiting', state: 'waiting', none: 'No event waits for its delivery.' },
  delivered: { title: 'Delivered', state: 'delivered', none: 'No event was delivered.' },
  all: { title: 'All events', state: null, none: 'There are no events.' },
} as const satisfies Readonly<Record<string, EventList>>;

/** A list with its events. */
interface FilledList {
  readonly list: EventList & { readonly choice: keyof typeof lists };
  readonly found: EventListDocument;
}

/** Shows the events that the address asks for. */
export const showEvents: View = async ({ visitor, api }, context) => {
  const { management } = context.env;
  if (!management.sendsEvents) return pageResponse(<EventsOff visitor={visitor} />);
  const parameters = new URL(context.req.url).searchParams;
  const query = readEventsQuery(parameters);
  const { choice, keyId, cursor } = query;
  const choices = choice === 'undelivered' ? (['failed', 'waiting'] as const) : [choice];
  const filled: FilledList[] = [];
  for (const name of choices) {
    const list = lists[name];
    const answer = await api<EventListDocument>({
      path: '/events',
      query: { state: list.state, keyId, cursor, limit: String(EVENTS_PER_LIST) },
    });
    if (!answer.ok) {
      const { problem } = answer;
      return pageResponse(<RefusedPage visitor={visitor} query={query} problem={problem} />, 422);
    }
    filled.push({ list: { ...list, choice: name }, found: answer.document });
  }
  const keyIds = new Set(filled.flatMap(({ found }) => found.events.map((event) => event.keyId)));
  const livingKeys = await management.store.keys.livingAmong([...keyIds]);
  const nowMs = management.now();
  return pageResponse(
    <Frame visitor={visitor} query={query}>
      {parameters.has('replayed') && (
        <p class="notice good" role="status">
          The event waits to be sent again. It is delivered within a minute if the receiver accepts
          it.
        </p>
      )}
      {filled.map(({ list, found }) => (
        <section class="stack" aria-labelledby={`${list.choice}-heading`}>
          <h2 id={`${list.choice}-heading`}>{list.title}</h2>
          {found.events.length === 0 ? (
            <p class="panel padded quiet">{list.none}</p>
          ) : (
            <div class="panel">
              <EventTable
                visitor={visitor}
                title={list.title}
                events={found.events}
                query={query}
                livingKeys={livingKeys}
                nowMs={nowMs}
              />
            </div>
          )}
          {found.nextCursor !== null && (
            <nav class="pager" aria-label={`Pages of ${list.title.toLowerCase()}`}>
              <span />
              <a
                class="button"
                href={eventsUrl({ choice: list.choice, keyId, cursor: found.nextCursor })}
                rel="next"
              >
                Older events
              </a>
            </nav>
          )}
        </section>
      ))}
    </Frame>,
  );
};

/** The frame of the page, with its filter. */
function Frame(props: {
  readonly visitor: Visitor;
  readonly query: EventsQuery;
  readonly children: Child;
}) {
  const { query } = props;
  return (
    <Layout title="Events" section="events" visitor={props.visitor}>
      <div class="head">
        <div>
          <h1>Events</h1>
          <p>
            What the edge reports about keys. An event is sent again for 24 hours, then given up.
            The later events of its key wait until then.
          </p>
        </div>
      </div>
      <search>
        <form class="toolbar" method="get" action="/_edge/events" data-filters>
          <label class="unseen" for="event-key">
            Id of the key
          </label>
          <input
            id="event-key"
            type="search"
            name="keyId"
            value={query.keyId ?? ''}
            placeholder="Id of a key, such as key_0A1b2C…"
            maxlength={100}
          />
          <select name="state" aria-label="State">
            {eventChoices.map(([value, label]) => (
              <option value={value} selected={value === query.choice}>
                {label}
              </option>
            ))}
          </select>
          <button type="submit">Show</button>
          {query.keyId !== null && (
            <a class="button" href={eventsUrl({ choice: query.choice })}>
              Show all keys
            </a>
          )}
        </form>
      </search>
      {props.children}
    </Layout>
  );
}

function RefusedPage(props: {
  readonly visitor: Visitor;
  readonly query: EventsQuery;
  readonly problem: ApiProblem;
}) {
  const [first] = props.problem.problems ?? [];
  return (
    <Frame visitor={props.visitor} query={props.query}>
      <p class="notice bad" role="alert">
        {first === undefined ? props.problem.detail : `${first.reason}. ${first.fix}`}.
      </p>
    </Frame>
  );
}

/** The page of a deployment that sends no events. */
function EventsOff({ visitor }: { visitor: Visitor }) {
  return (
    <Layout title="Events" section="events" visitor={visitor}>
      <div class="head">
        <div>
          <h1>Events</h1>
          <p>
            <HowToSendEvents />
          </p>
        </div>
      </div>
    </Layout>
  );
}

/** The way to switch events on, in one sentence. */
export function HowToSendEvents() {
  return (
    <>
      To have changes of keys reported to a URL of yours, set <code>EVENTS_URL</code> and{' '}
      <code>EVENTS_SECRET</code>.
    </>
  );
}
