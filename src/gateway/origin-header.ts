/**
 * Reads the `Origin` header, and remembers what it said: few sites send most of the requests.
 */

import { BoundedMap } from '../core/bounded-map.ts';
import { parseOriginHeader, type WebOrigin } from '../core/origins/web-origin.ts';
import {
  ORIGIN_HEADER_MAX_REMEMBERED,
  ORIGIN_HEADERS_IN_MEMORY,
  ORIGIN_HEADERS_IN_MEMORY_BYTES,
} from './limits.ts';

// By the header as received: V8 keeps a whole text in memory as long as any part of it is in use.
const known = new BoundedMap<WebOrigin>(ORIGIN_HEADERS_IN_MEMORY, ORIGIN_HEADERS_IN_MEMORY_BYTES);

/** The origin of a request; `null` without one, and if the header is empty. */
export function readOrigin({ headers }: Request): WebOrigin | 'malformed' | null {
  const header = headers.get('origin');
  if (header === null) return null;
  const remembered = known.get(header);
  if (remembered !== undefined) return remembered;

  const origin = parseOriginHeader(header);
  if (origin === null || origin === 'malformed') return origin;
  if (header.length <= ORIGIN_HEADER_MAX_REMEMBERED) known.set(header, origin, header.length);
  return origin;
}
