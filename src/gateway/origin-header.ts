/**
 * Reads the `Origin` header, and remembers what it said: few sites send most of the requests.
 */

import { BoundedMap } from '../core/bounded-map.ts';
import { parseOrigin, type WebOrigin } from '../core/origins/web-origin.ts';
import {
  ORIGIN_HEADER_MAX_REMEMBERED,
  ORIGIN_HEADERS_IN_MEMORY,
  ORIGIN_HEADERS_IN_MEMORY_BYTES,
} from './limits.ts';

// By the header as received: V8 keeps a whole text in memory as long as any part of it is in use.
const known = new BoundedMap<WebOrigin>(ORIGIN_HEADERS_IN_MEMORY, ORIGIN_HEADERS_IN_MEMORY_BYTES);

/** The origin of a request; `null` without one, and where the header is empty. */
export function readOrigin({ headers }: Request): WebOrigin | 'malformed' | null {
  const header = headers.get('origin');
  if (header === null) return null;
  const remembered = known.get(header);
  if (remembered !== undefined) return remembered;

  const value = withoutBlanks(header);
  if (value === '') return null;
  const origin = parseOrigin(value);
  if (origin === null) return 'malformed';
  if (header.length <= ORIGIN_HEADER_MAX_REMEMBERED) known.set(header, origin, header.length);
  return origin;
}

/**
 * A value without the blanks that the runtime leaves behind it. Counted from the end: a pattern for
 * them would try every run of blanks.
 */
function withoutBlanks(value: string): string {
  let length = value.length;
  while (value[length - 1] === ' ' || value[length - 1] === '\t') length--;
  return value.slice(0, length);
}
