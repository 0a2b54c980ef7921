/**
 * The form of every refusal, to the last header: written down here once more, and apart from
 * the sources, so that a change of either shows.
 */

import { expect } from 'vitest';
import type { Answer, HeaderMap } from './deployment.ts';

/** The codes of the gateway, with the columns of the table that hold for all their answers. */
export const refusalKinds = {
  missing_credentials: {
    status: 401,
    title: 'API key missing',
    challenge: 'Bearer',
    detail:
      'Cannot authorize the request: it has no Authorization header. Send "Authorization: Bearer <API key>"',
  },
  malformed_credentials: {
    status: 401,
    title: 'Authorization header not understood',
    challenge: 'Bearer error="invalid_request"',
    detail:
      'Cannot read the Authorization header: it must be exactly one "Bearer <API key>", without quotes, commas or further parameters',
  },
  invalid_key: {
    status: 401,
    title: 'API key not valid',
    challenge: 'Bearer error="invalid_token"',
    detail:
      'Cannot authorize the request: the API key is not valid. Check that you copied the whole key, and that it is not revoked, disabled or expired',
  },
  invalid_origin: {
    status: 403,
    title: 'Origin not understood',
    detail:
      'Cannot read the Origin header: it must be exactly one origin, such as "https://app.example"',
  },
  cors_not_enabled: { status: 403, title: 'API key not made for browsers' },
  origin_not_allowed: { status: 403, title: 'Origin not allowed for this API key' },
  address_not_allowed: { status: 403, title: 'Address not allowed for this API key' },
  quota_exceeded: { status: 429, title: 'Quota used up' },
  route_not_allowed: { status: 403, title: 'Endpoint not allowed for this API key' },
  origin_not_registered: { status: 403, title: 'Origin not registered' },
  upstream_unreachable: {
    status: 502,
    title: 'API not reachable',
    detail: 'Cannot answer the request: the API could not be reached',
  },
  upstream_timeout: {
    status: 504,
    title: 'API did not answer in time',
    detail: 'Cannot answer the request: the API did not respond in time',
  },
  unavailable: {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'Cannot look up the API key at the moment. Try again shortly',
    retryAfter: '5',
  },
  not_configured: { status: 503, title: 'Not configured yet' },
  internal_error: {
    status: 500,
    title: 'Internal error',
    detail: 'Cannot answer the request: the edge failed. Send the operator the request id',
  },
} as const satisfies Record<string, RefusalKind>;

interface RefusalKind {
  readonly status: number;
  readonly title: string;
  /** Absent: it depends on the request. */
  readonly detail?: string;
  readonly challenge?: string;
  readonly retryAfter?: string;
}

export type RefusalCode = keyof typeof refusalKinds;

/** The headers that a page may read beyond those that Fetch always allows. */
export const exposedHeaders =
  'Location, Link, ETag, Retry-After, X-Total-Count, WWW-Authenticate, X-Edge-Reason, X-Edge-Dropped-Headers, X-Request-Id, RateLimit, RateLimit-Policy, Upload-Offset, Upload-Length, Content-Range, Accept-Ranges';

const requestIdPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** How long to wait for what happens in the background. */
export const soon = { timeout: 10_000, interval: 25 } as const;

export interface ExpectedRefusal {
  readonly code: RefusalCode;
  /** The value of Access-Control-Allow-Origin; `null`: the page must not be able to read it. */
  readonly grant: string | null;
  /** If it depends on the request. */
  readonly detail?: string;
  readonly challenge?: string;
  readonly contentType?: string;
  readonly vary?: string;
}

/** The headers of a response that carries this grant; none for `null`. */
export function corsHeaders(grant: string | null): HeaderMap {
  if (grant === null) return {};
  return {
    'access-control-allow-origin': grant,
    'access-control-expose-headers': exposedHeaders,
  };
}

/** The headers of every forwarded response. `sandbox`: if it has no Content-Type. */
export const shieldHeaders: HeaderMap = {
  'x-content-type-options': 'nosniff',
};
export const sandboxHeaders: HeaderMap = {
  ...shieldHeaders,
  'content-security-policy':
    'sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads',
};

/** Checks a refusal as a whole: status, every header, every member of the body. */
export function expectRefusal(answer: Answer, expected: ExpectedRefusal): void {
  const kind: RefusalKind = refusalKinds[expected.code];
  const detail = expected.detail ?? kind.detail;
  const challenge = expected.challenge ?? kind.challenge;
  const requestId = answer.headers['x-request-id'] ?? 'none';
  expect(requestId).toMatch(requestIdPattern);
  expect({ ...answer, body: JSON.parse(answer.body) }).toEqual({
    status: kind.status,
    cookies: [],
    headers: {
      'content-type': expected.contentType ?? 'application/json',
      'cache-control': 'no-store',
      vary: expected.vary ?? 'Origin',
      'x-edge-reason': expected.code,
      'x-request-id': requestId,
      ...corsHeaders(expected.grant),
      ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
      ...(kind.retryAfter === undefined ? {} : { 'retry-after': kind.retryAfter }),
    },
    body: {
      type: `/_edge/errors#${expected.code}`,
      title: kind.title,
      status: kind.status,
      detail,
      code: expected.code,
      errors: [detail],
      requestId,
    },
  });
}

/** Checks that no CORS header is there at all. */
export function expectNoCors(answer: Answer): void {
  const names = Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'));
  expect(names).toEqual([]);
}

/** Checks that none of the texts holds one of the secrets, in whatever case. */
export function expectNoSecrets(texts: readonly string[], secrets: readonly string[]): void {
  const whole = texts.join('\n').toLowerCase();
  expect(secrets.filter((secret) => whole.includes(secret.toLowerCase()))).toEqual([]);
}
