/**
 * The events that the address of the page asks for, and that address. Pure.
 */

/** The choices of the filter, with the words for them. The first is the default. */
export const eventChoices = [
  ['undelivered', 'Not delivered'],
  ['failed', 'Given up'],
  ['waiting', 'Waiting'],
  ['delivered', 'Delivered'],
  ['all', 'All events'],
] as const;

/** One of these choices. `undelivered`: given up or waiting, each in a list of its own. */
export type EventChoice = (typeof eventChoices)[number][0];

/** The question that the page asks. */
export interface EventsQuery {
  readonly choice: EventChoice;
  /** `null`: the events of every key. */
  readonly keyId: string | null;
  /** `null`: the newest ones. */
  readonly cursor: string | null;
}

/** Reads the parameters of an address, or the fields of a form. */
export function readEventsQuery(parameters: URLSearchParams): EventsQuery {
  const state = parameters.get('state');
  const [choice] = eventChoices.find(([name]) => name === state) ?? eventChoices[0];
  return {
    choice,
    keyId: parameters.get('keyId')?.trim() || null,
    cursor: parameters.get('cursor') || null,
  };
}

/** The address of the page that asks this. */
export function eventsUrl(
  { choice, keyId, cursor }: Partial<EventsQuery>,
  more: Readonly<Record<string, string>> = {},
): string {
  const parameters = new URLSearchParams({
    ...(choice === undefined || choice === 'undelivered' ? {} : { state: choice }),
    ...(keyId == null ? {} : { keyId }),
    ...(cursor == null ? {} : { cursor }),
    ...more,
  });
  return parameters.size === 0 ? '/_edge/events' : `/_edge/events?${parameters}`;
}
