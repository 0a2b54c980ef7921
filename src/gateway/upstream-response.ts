/**
 * Makes the headers of the upstream's response ours. They are read in one pass, because a question to
 * the runtime costs as much as a page of our own code; then goes what must not reach the caller.
 */

import type { Grant } from '../core/decide/grant.ts';
import { privateCacheControl } from './cache-control.ts';
import { setCorsHeaders } from './cors-headers.ts';

/** The caller of a response, as far as its headers depend on it. */
export interface ResponseContext {
  readonly grant: Grant;
  readonly requestId: string;
  /** Whether it answers one key: then it must not reach another from a cache that both pass through. */
  readonly isPrivate: boolean;
}

/** Changes the headers of a response in place. Whatever the upstream said of CORS is dropped. */
export function rewriteResponseHeaders(
  headers: Headers,
  { grant, requestId, isPrivate }: ResponseContext,
): void {
  const foreign: string[] = [];
  let vary: string | null = null;
  let cacheControl: string | null = null;
  headers.forEach((value, name) => {
    if (name.startsWith('access-control-') || name === 'x-edge-reason') foreign.push(name);
    else if (name === 'vary') vary = value;
    else if (name === 'cache-control') cacheControl = value;
  });
  for (const name of foreign) headers.delete(name);
  setCorsHeaders(headers, grant, vary);
  headers.set('X-Request-Id', requestId);
  if (!isPrivate) return;
  const becomes = privateCacheControl(cacheControl);
  if (becomes !== cacheControl) headers.set('Cache-Control', becomes);
}
