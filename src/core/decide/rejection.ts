/**
 * Why a request is refused: every reason, its status, and who may read the refusal.
 *
 * Pure data, no I/O, no clock. The table is the one in docs/errors.md; adding a code without answering
 * for all its columns does not compile.
 */

import { type RateLimitPolicy, rateLimitHeaders } from './rate-limit.ts';

/**
 * Which origins get a CORS grant on the refusal, so that a page can read it:
 * - `none`: no page;
 * - `registered`: an origin that some live key lists. Others learn nothing, not even that we refuse;
 * - `key`: the origin that this key has already admitted; where no key is known, as `registered`;
 * - `any`: every well-formed origin, for failures of ours that hold nothing worth hiding.
 */
export type GrantScope = 'none' | 'registered' | 'key' | 'any';

interface RejectionKind {
  readonly status: number;
  readonly title: string;
  readonly grantScope: GrantScope;
  /**
   * The `WWW-Authenticate` value of a 401.
   * https://www.rfc-editor.org/rfc/rfc6750#section-3
   */
  readonly challenge?: string;
}

/** The stable codes, with what each of them answers. */
export const rejectionKinds = {
  missing_credentials: {
    status: 401,
    title: 'API key missing',
    grantScope: 'registered',
    // "If the request lacks any authentication information, the resource server SHOULD NOT include
    // an error code": https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    challenge: 'Bearer',
  },
  malformed_credentials: {
    status: 401,
    title: 'Authorization header not understood',
    grantScope: 'registered',
    challenge: 'Bearer error="invalid_request"',
  },
  invalid_key: {
    status: 401,
    title: 'API key not valid',
    grantScope: 'registered',
    challenge: 'Bearer error="invalid_token"',
  },
  subprotocol_required: { status: 400, title: 'Subprotocol required', grantScope: 'none' },
  // A code of its own, so that a page knows to fetch another token.
  client_token_expired: {
    status: 401,
    title: 'Client token expired',
    grantScope: 'registered',
    challenge: 'Bearer error="invalid_token"',
  },
  invalid_origin: { status: 403, title: 'Origin not understood', grantScope: 'none' },
  cors_not_enabled: {
    status: 403,
    title: 'API key not made for browsers',
    grantScope: 'registered',
  },
  origin_not_allowed: {
    status: 403,
    title: 'Origin not allowed for this API key',
    grantScope: 'registered',
  },
  // There is no Origin to grant anything to.
  origin_required: { status: 403, title: 'Origin required', grantScope: 'none' },
  address_not_allowed: {
    status: 403,
    title: 'Address not allowed for this API key',
    grantScope: 'key',
  },
  route_not_allowed: {
    status: 403,
    title: 'Endpoint not allowed for this API key',
    grantScope: 'key',
  },
  origin_not_registered: { status: 403, title: 'Origin not registered', grantScope: 'none' },
  // Both are for the browser itself and not for pages, so no page may read them.
  https_required: { status: 403, title: 'HTTPS required', grantScope: 'none' },
  service_worker_not_allowed: {
    status: 403,
    title: 'Service worker not allowed on this host',
    grantScope: 'none',
  },
  quota_exceeded: { status: 429, title: 'Quota used up', grantScope: 'key' },
  rate_limited: { status: 429, title: 'Too many requests', grantScope: 'key' },
  upstream_unreachable: { status: 502, title: 'API not reachable', grantScope: 'key' },
  upstream_timeout: { status: 504, title: 'API did not answer in time', grantScope: 'key' },
  unavailable: { status: 503, title: 'Temporarily unavailable', grantScope: 'any' },
  not_configured: { status: 503, title: 'Not configured yet', grantScope: 'any' },
  internal_error: { status: 500, title: 'Internal error', grantScope: 'any' },
} as const satisfies Record<string, RejectionKind>;

/** A stable code, as callers see it in `code` and `X-Edge-Reason`. */
export type RejectionCode = keyof typeof rejectionKinds;

/** A rejection as a value: the part that the caller receives, and the part for the log alone. */
export interface Rejection {
  readonly code: RejectionCode;
  /** One helpful sentence for the caller. Never holds a token. */
  readonly detail: string;
  /** The precise reason for the log, where the caller must not learn it. */
  readonly cause?: string;
  /** Overrides the code's own challenge. */
  readonly challenge?: string;
  /** Seconds for `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** Further members of the body. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  /** The limit that was reached. */
  readonly limit?: RateLimitPolicy;
}

/** Builds a rejection. A shorthand that keeps call sites on one line. */
export function reject(
  code: RejectionCode,
  detail: string,
  more: Omit<Rejection, 'code' | 'detail'> = {},
): Rejection {
  return { code, detail, ...more };
}

/** Returns whether a rejection has headers that others of its kind lack. */
export function hasOwnHeaders({ challenge, limit, retryAfterSeconds }: Rejection): boolean {
  return challenge !== undefined || limit !== undefined || retryAfterSeconds !== undefined;
}

/** The headers that only a refusal has: its challenge, and when to try again. */
export function rejectionHeaders(rejection: Rejection): Readonly<Record<string, string>> {
  const kind: RejectionKind = rejectionKinds[rejection.code];
  const challenge = rejection.challenge ?? kind.challenge;
  const { retryAfterSeconds, limit } = rejection;
  return {
    ...(limit === undefined ? {} : rateLimitHeaders(limit)),
    ...(challenge === undefined ? {} : { 'WWW-Authenticate': challenge }),
    ...(retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) }),
  };
}
