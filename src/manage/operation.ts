/**
 * The type of an endpoint of the management API: its place, its documents, and its handler.
 *
 * The router and the OpenAPI document are made from the same list of these, so that neither knows an
 * endpoint that the other does not.
 */

import type { LeakConfig } from '../config/config.ts';
import type { KeyLimits } from '../core/decide/key-limits.ts';
import type { FailureLimit } from '../core/decide/rate-limit.ts';
import type { AdditionalHeaders } from '../core/decide/request-headers.ts';
import type { Quota } from '../core/key/key.ts';
import type { AccessBounds } from '../core/key/key-access.ts';
import type { PlanBounds } from '../core/key/key-plan.ts';
import type { OperatorToken } from '../core/operators/operator-tokens.ts';
import type { RouteTable } from '../core/routes/route-table.ts';
import type { RestrictedRoutes } from '../core/routes/rule-sets.ts';
import type { EventStore } from '../events/store.ts';
import type { AdminStore, OwnerQuota } from '../keys/admin/types.ts';
import type { KeyDirectory } from '../keys/lookup/directory.ts';
import type { KeyDatabase } from '../keys/types.ts';
import type { Log } from '../log/events.ts';
import type { Problem } from '../problem.ts';
import type { DailyUsage, RefusedOrigin } from '../usage/d1.ts';
import type { UsageDay, UsageScope } from '../usage/days.ts';
import type { Manager } from './authenticate.ts';
import type { GuessLimit } from './guess-limit.ts';
import type { People } from './people.ts';
import type { Portal } from './portal/portal.ts';
import type { ProblemCode } from './problems.ts';
import type { Schema } from './read-document.ts';

/** The parts of management. */
export interface Management {
  readonly store: AdminStore;
  /** For what the gateway would find; look-ups are explained, not made. */
  readonly database: KeyDatabase;
  /** Finds the keys of holders as the gateway does. */
  readonly directory: Pick<KeyDirectory, 'recall' | 'find' | 'recallOrigin' | 'findOrigin'>;
  readonly usage: UsageReader;
  /** `null`: the operator has no token. Without named ones and people either, management answers 404. */
  readonly adminToken: string | null;
  /** The named operators; may be empty. */
  readonly adminTokens: readonly OperatorToken[];
  /** `null`: people do not sign in. */
  readonly people: People | null;
  /** Counts wrong admin tokens. */
  readonly guesses: GuessLimit;
  /** The quotas of an owner who signs in. The operator is not bound. */
  readonly ownerLimits: Omit<OwnerQuota, 'owner'>;
  /** The bounds of a key that such an owner writes. */
  readonly ownerBounds: AccessBounds;
  /** The parts of the deployment that plans of keys refer to. */
  readonly plans: PlanBounds;
  readonly peopleMayImport: boolean;
  /** `null`: there is no portal for customers. */
  readonly portal: Portal | null;
  /** `null`: reports of leaked tokens are answered 404. */
  readonly leaks: LeakConfig | null;
  readonly tokenPrefix: string;
  /** The deployment's restricted routes, as a list and ready to be asked. */
  readonly restrictedRoutes: RestrictedRoutes;
  readonly restrictedTable: RouteTable;
  /** Routes that need no key; `null`: no route does without. */
  readonly publicTable: RouteTable | null;
  /** The value of `Access-Control-Expose-Headers`. */
  readonly exposed: string;
  readonly additionalHeaders: AdditionalHeaders;
  readonly forwardToken: boolean;
  /** `true`: EVENTS_URL is set. */
  readonly sendsEvents: boolean;
  /** The events that are sent to EVENTS_URL. */
  readonly events: Pick<EventStore, 'list' | 'replay' | 'undelivered'>;
  /** Has what is due sent soon. Never rejects. */
  readonly wakeSender: () => Promise<void>;
  /** Count requests of holders, as the gateway counts those to the upstream. */
  readonly keyLimits: KeyLimits;
  /** Counts wrong API keys by client network; `null`: they are not limited. */
  readonly failures: FailureLimit | null;
  readonly now: () => number;
  /** Resolves once other events of the isolate had their turn. */
  readonly pause: () => Promise<void>;
  readonly wait: (ms: number) => Promise<void>;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly log: Log;
  /**
   * Called after every commit, with the tokens that changed, so that this isolate and KV follow at
   * once. Never rejects: the change stands, whatever happens here.
   */
  readonly onChange: (
    tokenHashes: readonly string[],
    runInBackground: RequestParts['runInBackground'],
  ) => Promise<void>;
}

/** Reads the counts. Rejects when D1 cannot be reached. */
export interface UsageReader {
  /** From a day on, YYYY-MM-DD, oldest first. */
  usageOf(keyId: string, sinceDay: string): Promise<readonly DailyUsage[]>;
  /** The days of a scope from one on, YYYY-MM-DD, oldest first. */
  daysOf(scope: UsageScope, sinceDay: string): Promise<readonly UsageDay[]>;
  /** Requests by outcome. No number ever falls. */
  totals(): Promise<ReadonlyMap<string, number>>;
  /** Newest first. */
  refusedOriginsOf(keyId: string): Promise<readonly RefusedOrigin[]>;
  /** The use of a quota in the present period, as far as it was merged. */
  quotaUseOf(keyId: string, period: Quota['period']): Promise<number>;
}

/** The parts of one request that the Worker adds to it. */
export interface RequestParts {
  readonly requestId: string;
  /** Continues work after the response, as `waitUntil` does. */
  readonly runInBackground: (work: Promise<unknown>) => void;
  /** The visitor in whose name the page asks. Absent: the request itself shows who asks. */
  readonly visitor?: Manager;
}

/** Who asks for something to be done, and what with. */
export interface Context extends RequestParts {
  readonly management: Management;
  readonly caller: Manager;
}

/** One request to an endpoint. */
export interface Call extends Context {
  readonly request: Request;
  /** The id in the path; empty where the path has none. */
  readonly id: string;
  readonly query: URLSearchParams;
}

/** A document that is answered. */
export type AnswerDocument = Readonly<Record<string, unknown>>;

/** A good answer. `body` is `null` for none. */
export interface Answer<Body = AnswerDocument | readonly AnswerDocument[] | null> {
  readonly ok: true;
  readonly status: 200 | 201 | 204 | 304;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
}

/** The result of an endpoint: an answer, or the problem. A handler throws only if a part of ours fails. */
export type OperationResult = Answer | Refusal;

/** A refusal as a value. */
export interface Refusal {
  readonly ok: false;
  readonly problem: Problem;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An endpoint. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/_edge/v1`, with `{id}` for the id of a key. */
  readonly path: string;
  /** The operationId of the OpenAPI document. */
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  /** The callers: managers of keys by default; GitHub, which signs its reports; holders of an API key. */
  readonly door?: 'github' | 'holder';
  /** `true`: pages call it, so their preflights are answered. The endpoint sets the CORS headers. */
  readonly isForPages?: boolean;
  /** An object schema of strings. */
  readonly query?: Schema;
  readonly body?: {
    readonly schema: Schema;
    readonly example: unknown;
    readonly maxBytes: number;
    /** Default: `application/json`. */
    readonly mediaTypes?: readonly string[];
    /** The body may be absent. */
    readonly isOptional?: boolean;
  };
  /** The request may carry an Idempotency-Key. */
  readonly isIdempotent?: boolean;
  /** The request may carry If-None-Match, and is then answered 304. */
  readonly isCacheable?: boolean;
  /** The request may carry If-Match and If-None-Match. */
  readonly isConditional?: boolean;
  readonly answer: {
    readonly status: Answer['status'];
    readonly description: string;
    readonly schema?: Schema;
    readonly headers?: readonly ('ETag' | 'Location')[];
  };
  /** Problems beside those that follow from the members above. */
  readonly problems: readonly ProblemCode[];
  readonly handle: (call: Call) => Promise<OperationResult>;
}

/** An answer with a document. */
export function answer<Body extends Answer['body']>(
  status: Answer['status'],
  body: Body,
  headers: Answer['headers'] = {},
): Answer<Body> {
  return { ok: true, status, headers, body };
}

/** A refusal. */
export function refusal(problem: Problem, headers: Answer['headers'] = {}): Refusal {
  return { ok: false, problem, headers };
}
