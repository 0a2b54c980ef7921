/**
 * How names of headers are compared, and which of them `Connection` declares to be of one connection
 * alone, and so not to be forwarded. https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
 */

import { BoundedMap } from '../core/bounded-map.ts';
import { HEADER_NAMES_IN_MEMORY, HEADER_NAMES_IN_MEMORY_BYTES } from './limits.ts';

/**
 * A name in lower case as it is compared. Every sign is read as `-`, since many an upstream makes one
 * variable of `X-Edge-Owner`, `X_Edge_Owner` and the like:
 * https://www.rfc-editor.org/rfc/rfc3875#section-4.1.18
 */
export function foldName(name: string): string {
  return name.replace(/[^a-z0-9-]/g, '-');
}

/** Never forwarded by the runtime, whoever names them, or no names at all. */
const droppedAnyway = [
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'close',
];
/** They frame the body, and are nobody's to declare away. */
const framing = ['content-length', 'host'];

/** Whether a `Connection` header names a header, whose name comes in lower case. */
type IsNominated = (name: string) => boolean;

// Nearly all of them say "keep-alive" or "close".
const known = new BoundedMap<IsNominated | null>(
  HEADER_NAMES_IN_MEMORY,
  HEADER_NAMES_IN_MEMORY_BYTES,
);

/** What a `Connection` header names; `null` where the runtime sees to all of it. */
export function nominatedBy(connection: string): IsNominated | null {
  const remembered = known.get(connection);
  if (remembered !== undefined) return remembered;
  const options = connection.split(',').map((option) => foldName(option.trim().toLowerCase()));
  const nominated = new Set(options);
  for (const name of ['', ...droppedAnyway, ...framing]) nominated.delete(name);
  const isNominated = nominated.size === 0 ? null : (name: string) => nominated.has(foldName(name));
  known.set(connection, isNominated, connection.length);
  return isNominated;
}
