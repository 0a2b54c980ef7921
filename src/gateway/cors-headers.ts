/**
 * The one writer of `Access-Control-*` and `Vary` on the gateway's responses.
 *
 * Fetch, CORS protocol: https://fetch.spec.whatwg.org/#http-cors-protocol
 * Never `Access-Control-Allow-Credentials`: keys travel in Authorization, so cookies have no part in
 * it, and the browser must not send them.
 */

import {
  type Grant,
  grantHeaders,
  PREFLIGHT_VARY,
  preflightHeaders,
} from '../core/decide/grant.ts';
import type { PreflightGrant } from '../core/decide/preflight.ts';

/**
 * Sets the grant, if there is one, on a response of the upstream that holds no CORS header any more.
 * `vary` is its `Vary`, which then always holds Origin, so that no cache hands one origin's response to
 * another. https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
 */
export function setCorsHeaders(
  headers: Headers,
  grant: Grant,
  exposed: string,
  vary: string | null,
): void {
  setGrant(headers, grant, exposed);
  if (vary === null || !variesByOrigin.test(vary)) headers.append('Vary', 'Origin');
}

/** Sets the same on a response that the edge made, which holds no CORS header yet. */
export function setOwnCorsHeaders(headers: Headers, grant: Grant, exposed: string): void {
  setGrant(headers, grant, exposed);
  headers.set('Vary', 'Origin');
}

const variesByOrigin = /(?:^|,)[ \t]*origin[ \t]*(?:,|$)/i;

function setGrant(headers: Headers, grant: Grant, exposed: string): void {
  const granted = grantHeaders(grant, exposed);
  for (const name in granted) headers.set(name, granted[name] as string);
}

/** The headers of every answer to a preflight, granted or not. */
export function preflightVary(headers: Headers): void {
  headers.set('Vary', PREFLIGHT_VARY);
}

/** A granted preflight: 204 with the grant. */
export function preflightResponse(grant: Grant, preflight: PreflightGrant): Response {
  const headers = preflightHeaders(grant, preflight);
  return new Response(null, { status: 204, headers });
}
