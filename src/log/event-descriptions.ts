/**
 * The meaning of every event in the log. docs/observability.md shows this table (`npm run docs`). An event
 * or a field without a description does not compile.
 */

import type { EventName, LogEvents } from './events.ts';

/** The meaning of an event. */
export interface EventDescription<Fields> {
  /** When it is logged, in Markdown. Events that share a description share a row. */
  readonly when: string;
  /** The meaning of each field; empty if its name says it. */
  readonly fields: { readonly [Field in keyof Fields]: string };
  /** Set if operators should be alerted: the condition, or empty for every line. */
  readonly alert?: string;
}

const requestFields = {
  code: 'the code of the rejection, as in `X-Edge-Reason`; or `allowed`',
  cause:
    'the reason, which callers do not receive: why a key is invalid (no key has the token, `revoked`, `expired`, `disabled`, `wrong checksum`, …), the error of the fetch to the upstream, or the code that a `rate_limited` client had received before',
  requestId: 'the caller and the API receive it as `X-Request-Id`',
  method: '',
  route:
    'the row of the table that allowed the request, for example `/api/stream/{stream}`; absent without one. Never the path',
  keyId: 'if a key was found',
  owner: 'the owner of the key',
  origin: 'if it is well-formed',
  country: 'two letters, on Cloudflare',
  durationMs:
    "from the start of our code to the response headers. Cloudflare's clock stands still while code runs, so this is the time spent waiting",
  keySource: 'the store that had the key: [below](#the-time-that-a-request-takes)',
  keyDurationMs: 'how long the request waited for the key',
  isStale: 'the key was known from before, and D1 could not be asked',
  isProbableLeak: 'a backend key was used from a page, so it is in the source of that page',
  isClientToken: 'the caller sent a client token of the key',
  clientTokenId: 'the `jti` of that client token',
};

const changed = {
  when: 'a change was committed',
  fields: { requestId: '', actor: '', keyId: '' },
};

const storeFailed = {
  when: 'D1, KV or the Cache API did not answer. Logged at most once a minute in each isolate',
  fields: { error: '' },
};

const signIn = {
  when: 'a person was rejected by the sign-in form of the page, or tried too often',
  fields: { requestId: '', address: '' },
};

/** The table, in the order of the documentation. */
export const eventDescriptions: {
  readonly [Name in EventName]: EventDescription<LogEvents[Name]>;
} = {
  refused: { when: 'the gateway rejected a request', fields: requestFields },
  allowed: { when: 'the gateway forwarded a request', fields: requestFields },
  failed: {
    when: 'a request ended in a 500: a fault of the edge',
    fields: { requestId: '', error: 'with its stack' },
    alert: '',
  },
  configuration_broken: {
    when: 'a request ended in a 503 because of the configuration',
    fields: {
      requestId: '',
      error: '',
      problems: '`name`, `value` (`null` for a secret), `reason`, `fix`',
    },
    alert: '',
  },
  database_failed: { ...storeFailed, alert: '' },
  replica_failed: storeFailed,
  cache_failed: storeFailed,
  replica_write_failed: {
    when: 'a copy was not written to KV; the scheduled run repeats it',
    fields: { error: '' },
    alert: 'more often than `replica_repaired`',
  },
  replica_repaired: { when: 'the scheduled run repeated copies', fields: { due: '', failed: '' } },
  limiter_failed: {
    when: 'a rate limiter did not answer, so the request was not limited',
    fields: { error: '' },
  },
  usage_hand_over_failed: {
    when: 'usage did not reach the Queue; the isolate keeps it and sends it again',
    fields: { error: '', waitingBatches: '' },
  },
  usage_queue_refused: {
    when: 'the Queue refused usage, for example because its free operations are used up; it went to D1 directly',
    fields: { error: '' },
  },
  usage_overflow: {
    when: 'too many keys or origins at once: some usage is kept as totals only',
    fields: { unattributedRequests: '', droppedOrigins: '' },
  },
  usage_merge_failed: {
    when: 'the consumer could not write to D1; the Queue delivers the messages again',
    fields: { error: '', batches: '' },
    alert: 'for longer than minutes',
  },
  usage_malformed: {
    when: 'a message holds no usage',
    fields: { messageId: '', reason: '' },
  },
  usage_expired: {
    when: 'a message is too old to be merged safely',
    fields: { batchId: '' },
  },
  event_not_delivered: {
    when: 'the receiver of EVENTS_URL did not accept an event; it is sent again for 24 hours',
    fields: {
      eventId: '',
      keyId: '',
      type: '',
      attempts: '',
      failure: 'a status or the kind of error, and nothing of the response',
      isGivenUp: '',
    },
    alert: 'if `isGivenUp` is true',
  },
  event_wake_failed: {
    when: 'the sender of events could not be woken or could not work; the scheduled run follows',
    fields: { error: '' },
  },
  key_created: changed,
  key_edited: changed,
  key_rolled: changed,
  key_revoked: changed,
  keys_imported: {
    when: 'an import was committed',
    fields: { requestId: '', actor: '', count: '' },
  },
  client_token_minted: {
    when: 'the API minted a client token',
    fields: { requestId: '', keyId: '' },
  },
  management_refused: {
    when: 'a request to the management API has no valid credentials',
    fields: { requestId: '', code: '', cause: '' },
  },
  signed_in: {
    when: 'an operator signed in to the page',
    fields: { ...signIn.fields, actor: '' },
  },
  sign_in_refused: signIn,
  sign_in_limited: signIn,
  portal_link_created: {
    when: 'an operator made a link that opens the page for an owner',
    fields: { requestId: '', actor: '', owner: '' },
  },
  portal_link_opened: {
    when: 'a customer opened the page with such a link',
    fields: { requestId: '', owner: '' },
  },
  portal_link_refused: {
    when: 'such a link opened nothing',
    fields: { requestId: '', address: '', cause: '`used`, `expired` or `unknown`' },
  },
  signed_out: { when: 'a person signed out of the page', fields: { requestId: '' } },
  page_forgery_refused: {
    when: 'a form was sent that the page did not show in this session',
    fields: { requestId: '', path: '', site: 'the value of `Sec-Fetch-Site`' },
  },
  page_failed: { when: 'the page ended in a 500', fields: { requestId: '', error: '' } },
  leak_reported: {
    when: '[a token was found in public](secret-scanning.md#what-is-kept-and-where-to-look)',
    fields: {
      requestId: '',
      keyId: '',
      owner: '',
      kind: '',
      fate: '',
      hasTokenEnded: '',
      url: '',
      source: '',
    },
  },
  leak_unknown: {
    when: 'a report names tokens that no key has',
    fields: { requestId: '', count: '' },
  },
};
