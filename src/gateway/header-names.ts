/**
 * The headers that `Connection` declares to belong to one connection, and that are not forwarded.
 * https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
 */

import { BoundedMap } from '../core/bounded-map.ts';
import { foldName } from '../core/decide/request-headers.ts';
import { HEADER_NAMES_IN_MEMORY, HEADER_NAMES_IN_MEMORY_BYTES } from './limits.ts';

/** The runtime never forwards these, even if `Connection` does not list them. `close` is no header name. */
const droppedAnyway = [
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'close',
];
/** These frame the message, so `Connection` cannot remove them. */
const framing = ['content-length', 'host'];

/** Returns whether a `Connection` header names this header. The name is in lower case. */
type IsNominated = (name: string) => boolean;

// Nearly all of them say "keep-alive" or "close".
const known = new BoundedMap<IsNominated | null>(
  HEADER_NAMES_IN_MEMORY,
  HEADER_NAMES_IN_MEMORY_BYTES,
);

/** Removes the headers that `Connection` names. It may name anything. */
export function dropNominated(headers: Headers, connection: string): void {
  const isNominated = nominatedBy(connection);
  if (isNominated === null) return;
  for (const name of [...headers.keys()]) if (isNominated(name)) headers.delete(name);
}

/** Returns what a `Connection` header names; `null` if the runtime removes all of it. */
function nominatedBy(connection: string): IsNominated | null {
  const remembered = known.get(connection);
  if (remembered !== undefined) return remembered;
  const options = connection.split(',').map((option) => foldName(option.trim().toLowerCase()));
  const nominated = new Set(options);
  for (const name of ['', ...droppedAnyway, ...framing]) nominated.delete(name);
  const isNominated = nominated.size === 0 ? null : (name: string) => nominated.has(foldName(name));
  known.set(connection, isNominated, connection.length);
  return isNominated;
}
