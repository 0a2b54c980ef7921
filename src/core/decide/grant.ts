/**
 * CORS permissions as data: who gets a grant, and which headers say so.
 *
 * The gateway writes these headers onto its responses, and management explains them; neither knows
 * more about them than is here. Pure, no I/O.
 * Fetch, CORS protocol: https://fetch.spec.whatwg.org/#http-cors-protocol
 */

import type { WebOrigin } from '../origins/web-origin.ts';
import type { PreflightGrant, Registration } from './preflight.ts';
import { type GrantScope, type Rejection, rejectionKinds } from './rejection.ts';

/** The value of `Access-Control-Allow-Origin`, or `null` for none. */
export type Grant = string | null;

/** Headers by their names. */
export type HeaderSet = Readonly<Record<string, string>>;

/** The `Vary` of every response to a preflight, granted or not. */
export const PREFLIGHT_VARY =
  'Origin, Access-Control-Request-Method, Access-Control-Request-Headers';

const none: HeaderSet = {};

/**
 * The grant for an origin. An opaque origin is answered with `*`: every opaque origin serialises to
 * `null`, so echoing it would say no more, and some clients do not take it.
 */
export function grantTo(origin: WebOrigin | null): Grant {
  if (origin === null) return null;
  return origin.isOpaque ? '*' : origin.value;
}

/**
 * The grant on a refusal, by who may read refusals of its kind. Where that depends on the registration
 * of the origin, an origin that cannot be checked counts as registered.
 */
export function grantOnRefusal(
  scope: GrantScope,
  origin: WebOrigin | null,
  registration: Registration | null,
): Grant {
  if (scope === 'none') return null;
  if (scope === 'registered' && registration === 'unregistered') return null;
  return grantTo(origin);
}

/**
 * Who may read the refusal of a request. Without a key, no key has admitted the origin, so that those of
 * any live key may read it.
 */
export function refusalScope({ code }: Rejection, hasKey: boolean): GrantScope {
  const { grantScope } = rejectionKinds[code];
  return grantScope === 'key' && !hasKey ? 'registered' : grantScope;
}

/**
 * The `Access-Control-*` headers of the response to an actual request. `exposed` names the headers that
 * a page may read.
 */
export function grantHeaders(grant: Grant, exposed: string): HeaderSet {
  if (grant === null) return none;
  return {
    'Access-Control-Allow-Origin': grant,
    'Access-Control-Expose-Headers': exposed,
  };
}

/** All headers of a granted preflight. */
export function preflightHeaders(
  grant: Grant,
  { allowMethods, allowHeaders, maxAgeSeconds }: PreflightGrant,
): HeaderSet {
  return {
    ...(grant === null ? none : { 'Access-Control-Allow-Origin': grant }),
    'Access-Control-Allow-Methods': allowMethods,
    'Access-Control-Allow-Headers': allowHeaders,
    'Access-Control-Max-Age': String(maxAgeSeconds),
    Vary: PREFLIGHT_VARY,
  };
}
