/**
 * Every event that the Worker logs, with its fields. `event-descriptions.ts` says what each means.
 *
 * No field holds a token, an Authorization header, a request body, or a header of the client that was not
 * parsed. Types alone.
 */

/** The fields of each event. */
export interface LogEvents {
  readonly refused: RequestFields;
  readonly allowed: RequestFields;

  readonly failed: { readonly requestId: string; readonly error: string };
  readonly configuration_broken: {
    readonly requestId: string;
    readonly error: string;
    readonly problems: readonly unknown[];
  };

  readonly database_failed: Failure;
  readonly replica_failed: Failure;
  readonly cache_failed: Failure;
  readonly limiter_failed: Failure;
  readonly replica_write_failed: Failure;
  readonly replica_repaired: { readonly due: number; readonly failed: number };

  readonly usage_hand_over_failed: Failure & { readonly waitingBatches: number };
  readonly usage_queue_refused: Failure;
  readonly usage_overflow: {
    readonly unattributedRequests: number;
    readonly droppedOrigins: number;
  };
  readonly usage_merge_failed: Failure & { readonly batches: number };
  readonly usage_malformed: { readonly messageId: string; readonly reason: string };
  readonly usage_expired: { readonly batchId: string };

  readonly event_not_delivered: {
    readonly eventId: string;
    readonly keyId: string;
    readonly type: string;
    readonly attempts: number;
    readonly failure: string;
    readonly isGivenUp: boolean;
  };
  readonly event_wake_failed: Failure;

  readonly key_created: ChangeFields;
  readonly key_edited: ChangeFields;
  readonly key_rolled: ChangeFields;
  readonly key_revoked: ChangeFields;
  readonly keys_imported: Omit<ChangeFields, 'keyId'> & { readonly count: number };
  readonly client_token_minted: Omit<ChangeFields, 'actor'>;
  readonly management_refused: {
    readonly requestId: string;
    readonly code: string;
    readonly cause: string | undefined;
  };

  readonly signed_in: SignInFields & { readonly actor: string };
  readonly sign_in_refused: SignInFields;
  readonly sign_in_limited: SignInFields;
  readonly portal_link_created: {
    readonly requestId: string;
    readonly actor: string;
    readonly owner: string;
  };
  readonly portal_link_opened: { readonly requestId: string; readonly owner: string };
  readonly portal_link_refused: SignInFields & { readonly cause: string };
  readonly signed_out: { readonly requestId: string };
  readonly page_forgery_refused: {
    readonly requestId: string;
    readonly path: string;
    readonly site: string | undefined;
  };
  readonly page_failed: { readonly requestId: string; readonly error: string };

  readonly leak_reported: {
    readonly requestId: string;
    readonly keyId: string;
    readonly owner: string | null;
    readonly kind: string;
    readonly fate: string;
    readonly hasTokenEnded: true | undefined;
    readonly url: string | undefined;
    readonly source: string;
  };
  readonly leak_unknown: { readonly requestId: string; readonly count: number };
}

/** The name of an event. */
export type EventName = keyof LogEvents;

/** One event, as it is logged. Members that are `undefined` are not in the line. */
export type LogEvent = { [Name in EventName]: EventOf<Name> }[EventName];

/** One of these events. */
export type EventOf<Name extends EventName> = Name extends EventName
  ? { readonly event: Name } & LogEvents[Name]
  : never;

/** Logs an event. Never throws. */
export type Log = (event: LogEvent) => void;

interface RequestFields {
  readonly code: string;
  readonly cause: string | undefined;
  readonly requestId: string;
  readonly method: string;
  readonly route: string | undefined;
  readonly keyId: string | undefined;
  readonly owner: string | null | undefined;
  readonly origin: string | undefined;
  readonly country: string | undefined;
  readonly durationMs: number;
  readonly keySource: string | undefined;
  readonly keyDurationMs: number | undefined;
  readonly isStale: true | undefined;
  readonly isProbableLeak: true | undefined;
  readonly isClientToken: true | undefined;
  readonly clientTokenId: string | undefined;
}

interface Failure {
  readonly error: string;
}

interface ChangeFields {
  readonly requestId: string;
  readonly actor: string;
  readonly keyId: string;
}

interface SignInFields {
  readonly requestId: string;
  readonly address: string;
}
