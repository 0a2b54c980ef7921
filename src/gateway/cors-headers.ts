/**
 * The one writer of `Access-Control-*` and `Vary` on the gateway's responses.
 *
 * Fetch, CORS protocol: https://fetch.spec.whatwg.org/#http-cors-protocol
 * Never `Access-Control-Allow-Credentials`: keys travel in Authorization, so cookies have no part in
 * it, and the browser must not send them.
 */

import { PREFLIGHT_METHODS } from '../core/preflight.ts';
import type { WebOrigin } from '../core/web-origin.ts';

/** The value of `Access-Control-Allow-Origin`, or `null` for none. */
export type Grant = string | null;

/** Response headers that a page may read beyond the few that Fetch always allows. */
const EXPOSED_HEADERS = [
  'Location',
  'Link',
  'ETag',
  'Retry-After',
  'X-Total-Count',
  'WWW-Authenticate',
  'X-Edge-Reason',
  'X-Request-Id',
  'RateLimit',
  'RateLimit-Policy',
  'Upload-Offset',
  'Upload-Length',
  'Content-Range',
  'Accept-Ranges',
].join(', ');

/**
 * The grant for an origin. An opaque origin is answered with `*`: every opaque origin serialises to
 * `null`, so echoing it would say no more, and some clients do not take it.
 */
export function grantTo(origin: WebOrigin | null): Grant {
  if (origin === null) return null;
  return origin.isOpaque ? '*' : origin.value;
}

/**
 * Makes the CORS headers of a response ours: whatever the upstream said is dropped, the grant is set
 * where there is one, and `Vary` always holds Origin, so that no cache hands one origin's answer to
 * another. https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
 */
export function setCorsHeaders(headers: Headers, grant: Grant): void {
  for (const name of [...headers.keys()]) {
    if (name.startsWith('access-control-')) headers.delete(name);
  }
  if (grant !== null) {
    headers.set('Access-Control-Allow-Origin', grant);
    headers.set('Access-Control-Expose-Headers', EXPOSED_HEADERS);
  }
  const vary = headers.get('Vary');
  if (vary === null || !/(?:^|,)[ \t]*origin[ \t]*(?:,|$)/i.test(vary)) {
    headers.append('Vary', 'Origin');
  }
}

/** The headers of every answer to a preflight, granted or not. */
export function preflightVary(headers: Headers): void {
  headers.set('Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers');
}

/** A granted preflight: 204 with the grant. */
export function preflightResponse(
  grant: Grant,
  allowHeaders: string,
  maxAgeSeconds: number,
): Response {
  const headers = new Headers({
    'Access-Control-Allow-Methods': PREFLIGHT_METHODS,
    'Access-Control-Allow-Headers': allowHeaders,
    'Access-Control-Max-Age': String(maxAgeSeconds),
  });
  if (grant !== null) headers.set('Access-Control-Allow-Origin', grant);
  preflightVary(headers);
  return new Response(null, { status: 204, headers });
}
