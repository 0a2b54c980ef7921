/**
 * The one writer of `Access-Control-*` and `Vary` on the gateway's responses.
 *
 * Fetch, CORS protocol: https://fetch.spec.whatwg.org/#http-cors-protocol
 * Never `Access-Control-Allow-Credentials`: keys travel in Authorization, so cookies have no part in
 * it, and the browser must not send them.
 */

import { type Grant, grantHeaders, PREFLIGHT_VARY, preflightHeaders } from '../core/grant.ts';

/**
 * Makes the CORS headers of a response ours: whatever the upstream said is dropped, the grant is set
 * where there is one, and `Vary` always holds Origin, so that no cache hands one origin's answer to
 * another. https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
 */
export function setCorsHeaders(headers: Headers, grant: Grant): void {
  const foreign: string[] = [];
  let isVarySaid = false;
  // One call into the runtime for all names, where an iterator makes one for each.
  headers.forEach((_, name) => {
    if (name.startsWith('access-control-')) foreign.push(name);
    else if (name === 'vary') isVarySaid = true;
  });
  for (const name of foreign) headers.delete(name);
  setGrant(headers, grant);
  if (!isVarySaid || !variesByOrigin.test(headers.get('Vary') ?? '')) {
    headers.append('Vary', 'Origin');
  }
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
