/**
 * What a `Connection` header declares to be of one connection alone, and so not to be forwarded.
 * https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
 */

import { HEADER_NAMES_IN_MEMORY, HEADER_NAMES_IN_MEMORY_BYTES } from '../core/limits.ts';
import { BoundedMap } from '../keys/bounded-map.ts';

// Nearly all of them say "keep-alive" or "close".
const known = new BoundedMap<ReadonlySet<string>>(
  HEADER_NAMES_IN_MEMORY,
  HEADER_NAMES_IN_MEMORY_BYTES,
);

/** The names that a `Connection` header holds, in lower case; never those that frame the body. */
export function connectionOptions(connection: string): ReadonlySet<string> {
  const remembered = known.get(connection);
  if (remembered !== undefined) return remembered;
  const names = connection.split(',').map((name) => name.trim().toLowerCase());
  const options = new Set(names.filter((name) => name !== 'content-length' && name !== 'host'));
  known.set(connection, options, connection.length);
  return options;
}
