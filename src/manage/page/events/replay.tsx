/**
 * Sending an event again that was given up, or that the receiver has lost.
 */

import type { Action } from '../access/guards.tsx';
import { textOf } from '../parts/form-data.ts';
import { NoticePage } from '../parts/notice-page.tsx';
import { pageResponse } from '../parts/respond.ts';
import { eventsUrl, readEventsQuery } from './events-query.ts';

/** Sends the event again, and leads back to the list that was shown. */
export const replayEvent: Action = async ({ visitor, api }, form, context) => {
  const fields = ['state', 'keyId'].map((name) => [name, textOf(form, name)]);
  const query = readEventsQuery(new URLSearchParams(fields));
  const id = encodeURIComponent(context.req.param('id') ?? '');
  const replayed = await api<unknown>({ method: 'POST', path: `/events/${id}/replay` });
  if (replayed.ok) return context.redirect(eventsUrl(query, { replayed: '' }), 303);
  const { title, detail, status } = replayed.problem;
  const back = { href: eventsUrl(query), label: 'Go to the events' };
  return pageResponse(
    <NoticePage title={title} visitor={visitor} back={back}>
      {detail}.
    </NoticePage>,
    status,
  );
};
