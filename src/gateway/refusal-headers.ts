/**
 * The headers that every refusal of a kind has. Each set is made once and then copied, because a copy takes
 * one call into the runtime, and each header that is set takes another one.
 */

import { BoundedMap } from '../core/bounded-map.ts';
import type { Grant } from '../core/decide/grant.ts';
import { type RejectionCode, rejectionHeaders } from '../core/decide/rejection.ts';
import { setOwnCorsHeaders } from './cors-headers.ts';
import { REFUSAL_HEADERS_IN_MEMORY } from './limits.ts';

/** Returns the headers of refusals of this kind with this grant. They are not to be changed. */
export type RefusalHeaders = (code: RejectionCode, grant: Grant) => Headers;

/** Returns a memory of these headers. `exposed` is the value of `Access-Control-Expose-Headers`. */
export function createRefusalHeaders(exposed: string): RefusalHeaders {
  const known = new BoundedMap<Headers>(REFUSAL_HEADERS_IN_MEMORY);
  return (code, grant) => {
    const name = `${code} ${grant}`;
    const remembered = known.get(name);
    if (remembered !== undefined) return remembered;
    const headers = makeRefusalHeaders(code, grant, exposed);
    known.set(name, headers);
    return headers;
  };
}

/** Makes these headers, without a memory. */
export function makeRefusalHeaders(code: RejectionCode, grant: Grant, exposed: string): Headers {
  const headers = new Headers({
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    'X-Edge-Reason': code,
    ...rejectionHeaders({ code, detail: '' }),
  });
  setOwnCorsHeaders(headers, grant, exposed);
  return headers;
}
