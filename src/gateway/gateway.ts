/**
 * The parts of the gateway, and the facts that it reads from a request. Only types.
 */

import type { Config } from '../config/config.ts';
import type { KeyLimits } from '../core/decide/key-limits.ts';
import type { FailureLimit, Limit } from '../core/decide/rate-limit.ts';
import type { RejectionCode } from '../core/decide/rejection.ts';
import type { Key } from '../core/key/key.ts';
import type { WebOrigin } from '../core/origins/web-origin.ts';
import type { RequestTarget } from '../core/routes/request-target.ts';
import type { RouteCosts } from '../core/routes/route-costs.ts';
import type { RouteTable } from '../core/routes/route-table.ts';
import type { KeyDirectory } from '../keys/lookup/directory.ts';
import type { RequestScope } from '../keys/lookup/request-scope.ts';
import type { UsageCounter } from '../usage/counter.ts';
import type { AssertionSigner } from './assertion.ts';
import type { OpenConnections } from './open-connections.ts';
import type { RefusalHeaders } from './refusal-headers.ts';
import type { HeaderFilter } from './request-headers.ts';

/** The parts of the gateway. Each isolate has one. */
export interface Gateway {
  readonly config: Config;
  readonly directory: KeyDirectory;
  readonly usage: UsageCounter;
  readonly restrictedTable: RouteTable;
  /** The routes that need no key; `null`: every route needs one. */
  readonly publicTable: RouteTable | null;
  /** The cost of requests towards quotas; `null`: each counts as one. */
  readonly costs: RouteCosts | null;
  /** `null`: the upstream gets no assertion. */
  readonly assertions: AssertionSigner | null;
  /** The rate limits; `null`: what it counts is not limited. */
  readonly limits: KeyLimits & {
    /** Failed authentications, by client network. */
    readonly failures: FailureLimit | null;
    /** Requests with client tokens, by key and visitor. */
    readonly clients: Limit | null;
  };
  /** `true` if the management page is on the hosts that the gateway serves. */
  readonly sharesPageHost: boolean;
  /** `true` if `UPSTREAM_URL` has a path. */
  readonly hasBasePath: boolean;
  /** The value of `Access-Control-Expose-Headers`. */
  readonly exposed: string;
  readonly refusalHeaders: RefusalHeaders;
  /** Makes the headers of the upstream's request. */
  readonly filterHeaders: HeaderFilter;
  /** Connections that end with their key; `null`: they are passed through. */
  readonly openConnections: OpenConnections | null;
  readonly fetch: typeof fetch;
  /** `true` if a request of `fetch` continues until its signal aborts, as code of this Worker does. */
  readonly needsSignal: boolean;
  readonly now: () => number;
  readonly newRequestId: () => string;
  /** Logs and counts how a request ended; never throws. */
  readonly record: (record: RequestRecord) => void;
}

/** The facts that are read from a request once, before any decision. */
export interface Facts {
  readonly request: Request;
  /** The method of the request. Each reading of `request.method` is a call into the runtime. */
  readonly method: string;
  readonly requestId: string;
  readonly target: RequestTarget;
  /** `null` without one. */
  readonly origin: WebOrigin | null;
  readonly scope: RequestScope;
}

/** How a request ended. */
export interface RequestRecord {
  readonly facts: Facts;
  readonly code: RejectionCode | 'allowed';
  /** The precise reason, for the log alone. */
  readonly cause?: string | undefined;
  /** `null` when it is not known, or none was needed. */
  readonly key: Key | null;
  /** The row of a route table that allowed the request; `null` for none. */
  readonly route: string | null;
  readonly isStale?: boolean;
}
