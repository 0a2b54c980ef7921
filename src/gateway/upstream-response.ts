/**
 * Makes the headers of the upstream's response ours. They are read in one pass, because a question to
 * the runtime costs as much as a page of our own code; then goes what must not reach the caller.
 */

import { privateCacheControl } from '../core/cache-control.ts';
import type { Grant } from '../core/grant.ts';
import { connectionOptions } from './connection-options.ts';
import { setCorsHeaders } from './cors-headers.ts';

/** What a response becomes, and for whom. */
export interface Ownership {
  readonly grant: Grant;
  readonly requestId: string;
  /** Whether it answers one key: then it must not reach another from a cache that both pass through. */
  readonly isPrivate: boolean;
}

/**
 * Changes the headers of a response in place. Whatever the upstream said of CORS is dropped, and so is
 * what it declares to be for its own connection.
 */
export function makeOurs(headers: Headers, { grant, requestId, isPrivate }: Ownership): void {
  const dropped: string[] = [];
  let vary: string | null = null;
  let cacheControl: string | null = null;
  let connection: string | null = null;
  headers.forEach((value, name) => {
    if (name.startsWith('access-control-') || name === 'x-edge-reason') dropped.push(name);
    else if (name === 'vary') vary = value;
    else if (name === 'cache-control') cacheControl = value;
    else if (name === 'connection') connection = value;
  });
  for (const name of dropped) headers.delete(name);
  // The other headers of a connection are dropped by the runtime.
  if (connection !== null) for (const name of connectionOptions(connection)) headers.delete(name);
  setCorsHeaders(headers, grant, vary);
  headers.set('X-Request-Id', requestId);
  if (!isPrivate) return;
  const becomes = privateCacheControl(cacheControl);
  if (becomes !== cacheControl) headers.set('Cache-Control', becomes);
}
