/**
 * Makes the headers of the upstream's response ours. They are read in one pass, because a question to
 * the runtime costs as much as a page of our own code; then goes what must not reach the caller.
 */

import { privateCacheControl } from '../core/cache-control.ts';
import type { Grant } from '../core/grant.ts';
import { setCorsHeaders } from './cors-headers.ts';
import { isNominatedBy } from './header-names.ts';

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
  const said = new Map<string, string>();
  headers.forEach((value, name) => {
    said.set(name, value);
  });
  // The other headers of a connection are dropped by the runtime.
  const connection = said.get('connection');
  const isNominated = connection === undefined ? null : isNominatedBy(connection);
  for (const name of said.keys()) {
    const isSaidForUs = name.startsWith('access-control-') || name === 'x-edge-reason';
    if (!isSaidForUs && !isNominated?.(name)) continue;
    headers.delete(name);
    said.delete(name);
  }
  setCorsHeaders(headers, grant, said.get('vary') ?? null);
  headers.set('X-Request-Id', requestId);
  if (!isPrivate) return;
  const cacheControl = said.get('cache-control') ?? null;
  const becomes = privateCacheControl(cacheControl);
  if (becomes !== cacheControl) headers.set('Cache-Control', becomes);
}
