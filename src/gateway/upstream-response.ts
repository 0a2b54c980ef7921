/**
 * Makes the headers of the upstream's response ours. They are read in one pass, because a question to
 * the runtime costs as much as a page of our own code; then goes what must not reach the caller.
 */

import type { Grant } from '../core/decide/grant.ts';
import { setsOwnCookie } from '../core/isolation/own-cookies.ts';
import { privateCacheControl } from './cache-control.ts';
import { setCorsHeaders } from './cors-headers.ts';
import { dropOwnCookies, hostWideHeaders, sandboxDocument } from './page-shield.ts';

/** The caller of a response, as far as its headers depend on it. */
export interface ResponseContext {
  readonly grant: Grant;
  readonly requestId: string;
  /** Whether it answers one key: then it must not reach another from a cache that both pass through. */
  readonly isPrivate: boolean;
  /** Whether the management page is on the host that the response comes from. */
  readonly isOnPageHost: boolean;
  /** Whether there may be a document in it: a WebSocket has none. */
  readonly isDocument: boolean;
}

/** Changes the headers of a response in place. Whatever the upstream said of CORS is dropped. */
export function rewriteResponseHeaders(headers: Headers, context: ResponseContext): void {
  const { grant, requestId, isPrivate, isOnPageHost, isDocument } = context;
  const foreign: string[] = [];
  let vary: string | null = null;
  let cacheControl: string | null = null;
  let contentType: string | null = null;
  let hasOwnCookie = false;
  headers.forEach((value, name) => {
    if (name.startsWith('access-control-') || name === 'x-edge-reason') foreign.push(name);
    else if (name === 'vary') vary = value;
    else if (name === 'cache-control') cacheControl = value;
    else if (name === 'content-type') contentType = value;
    else if (name === 'set-cookie') hasOwnCookie ||= setsOwnCookie(value);
    else if (isOnPageHost && hostWideHeaders.has(name)) foreign.push(name);
  });
  for (const name of foreign) headers.delete(name);
  if (hasOwnCookie) dropOwnCookies(headers);
  // Without it, a browser may take a response of any type for a script, a style sheet or a document.
  headers.set('X-Content-Type-Options', 'nosniff');
  if (isOnPageHost && isDocument) sandboxDocument(headers, contentType);
  setCorsHeaders(headers, grant, vary);
  headers.set('X-Request-Id', requestId);
  if (!isPrivate) return;
  const becomes = privateCacheControl(cacheControl);
  if (becomes !== cacheControl) headers.set('Cache-Control', becomes);
}
