/**
 * Recognises a CORS preflight, and decides its response.
 *
 * A preflight carries no key, so nothing is authorised here. A grant tells an honest browser that it
 * may send the actual request; the boundary is the key's own list on that request. Pure, no I/O.
 * Fetch, CORS-preflight fetch: https://fetch.spec.whatwg.org/#cors-preflight-fetch
 */

import { PREFLIGHT_MAX_HEADER_BYTES, PREFLIGHT_MAX_HEADER_NAMES } from '../limits.ts';
import { allowAdvice } from '../origins/allow-advice.ts';
import type { WebOrigin } from '../origins/web-origin.ts';
import { isForwardedMethod, ROUTE_METHODS } from '../routes/methods.ts';
import { type Rejection, reject } from './rejection.ts';

/** How long a browser may remember a preflight, in seconds. Chromium's own limit is 7200. */
export const PREFLIGHT_MAX_AGE_SECONDS = 2 * 60 * 60;
/** The same while it cannot be known which origins are registered. */
export const PREFLIGHT_UNSURE_MAX_AGE_SECONDS = 5;

const ALWAYS_ALLOWED_HEADERS = ['authorization', 'content-type'];
// A token, or nothing, between blanks, which are SP and HTAB only. Linear: no two parts overlap.
// https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
const elementPattern = /^[ \t]*([A-Za-z0-9!#$%&'*+\-.^_`|~]*)[ \t]*$/;
const encoder = new TextEncoder();

/** The registration of an origin: some live key lists it, no live key does, or the stores cannot say. */
export type Registration = 'registered' | 'unregistered' | 'unsure';

/** The parts of a grant that depend on the request. */
export interface PreflightGrant {
  readonly allowMethods: string;
  readonly allowHeaders: string;
  readonly maxAgeSeconds: number;
}

/** The grant's variable parts, or the refusal. */
export type PreflightDecision =
  | ({ readonly granted: true } & PreflightGrant)
  | { readonly granted: false; readonly rejection: Rejection };

/** Returns whether a request is a preflight. Any other OPTIONS is an ordinary request. */
export function isPreflight(request: {
  readonly method: string;
  readonly origin: unknown;
  readonly requestedMethod: string | null;
}): boolean {
  return (
    request.method === 'OPTIONS' && request.origin !== null && Boolean(request.requestedMethod)
  );
}

/**
 * Decides a preflight. Refuses only an origin that no live key lists (`origin_not_registered`).
 *
 * A method or header that is not supported is still granted the rest, so that the browser's console
 * names the culprit instead of "no Access-Control-Allow-Origin".
 */
export function decidePreflight(preflight: {
  readonly origin: WebOrigin;
  readonly registration: Registration;
  /** As in `Access-Control-Request-Method`. */
  readonly requestedMethod: string;
  readonly requestedHeaders: string | null;
}): PreflightDecision {
  const { origin, registration } = preflight;
  if (registration === 'unregistered') {
    return {
      granted: false,
      rejection: reject(
        'origin_not_registered',
        `Cannot answer the preflight from origin "${origin.value}": no API key lists this origin. ${allowAdvice(origin, 'the key that the page uses')}`,
      ),
    };
  }
  return {
    granted: true,
    allowMethods: allowedMethods(preflight.requestedMethod),
    allowHeaders: allowedHeaders(preflight.requestedHeaders ?? ''),
    maxAgeSeconds:
      registration === 'unsure' ? PREFLIGHT_UNSURE_MAX_AGE_SECONDS : PREFLIGHT_MAX_AGE_SECONDS,
  };
}

/**
 * Returns the value of `Access-Control-Allow-Methods`: every method that a rule can name, and the
 * requested one if a key with full access may send it, such as QUERY.
 */
export function allowedMethods(requested: string): string {
  const isExtra = !ROUTE_METHODS.includes(requested) && isForwardedMethod(requested);
  return (isExtra ? [...ROUTE_METHODS, requested] : ROUTE_METHODS).join(', ');
}

/**
 * The value of `Access-Control-Allow-Headers`: what every call needs and the requested names that are
 * valid, in one pass. A request for more names or bytes than any page needs gets the two alone.
 */
export function allowedHeaders(requested: string): string {
  const always = ALWAYS_ALLOWED_HEADERS.join(', ');
  if (requested === '' || isLongerThan(requested, PREFLIGHT_MAX_HEADER_BYTES)) return always;
  const allowed = new Set(ALWAYS_ALLOWED_HEADERS);
  let names = 0;
  for (const element of requested.split(',')) {
    const name = elementPattern.exec(element)?.[1];
    // Empty elements do not count: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1
    if (name === '') continue;
    names += 1;
    if (names > PREFLIGHT_MAX_HEADER_NAMES) return always;
    // Alone, "*" would be the wildcard, which does not cover Authorization and is never what a caller
    // needs.
    if (name !== undefined && name !== '*') allowed.add(name.toLowerCase());
  }
  return [...allowed].join(', ');
}

function isLongerThan(text: string, bytes: number): boolean {
  // A UTF-16 code unit takes at most three bytes.
  return text.length * 3 > bytes && encoder.encode(text).byteLength > bytes;
}
