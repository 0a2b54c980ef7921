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

/**
 * Sets the grant, where there is one, on a response of the upstream that says nothing of CORS any more.
 * `Vary`, which says `vary` until now, always holds Origin from then on, so that no cache hands one
 * origin's answer to another. https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
 */
export function setCorsHeaders(headers: Headers, grant: Grant, vary: string | null): void {
  setGrant(headers, grant);
  if (vary === null || !variesByOrigin.test(vary)) headers.append('Vary', 'Origin');
}

/** The same for a response that the edge made, which says nothing of CORS yet. */
export function setOwnCorsHeaders(headers: Headers, grant: Grant): void {
  setGrant(headers, grant);
  headers.set('Vary', 'Origin');
}

const variesByOrigin = /(?:^|,)[ \t]*origin[ \t]*(?:,|$)/i;

function setGrant(headers: Headers, grant: Grant): void {
  const granted = grantHeaders(grant);
  for (const name in granted) headers.set(name, granted[name] as string);
}

/** The headers of every answer to a preflight, granted or not. */
export function preflightVary(headers: Headers): void {
  headers.set('Vary', PREFLIGHT_VARY);
}

/** A granted preflight: 204 with the grant. */
export function preflightResponse(
  grant: Grant,
  allowHeaders: string,
  maxAgeSeconds: number,
): Response {
  const headers = preflightHeaders(grant, allowHeaders, maxAgeSeconds);
  return new Response(null, { status: 204, headers });
}
