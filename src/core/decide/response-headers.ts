/**
 * The treatment of the upstream's response headers, by their names. Pure, no I/O.
 */

import { foldName } from './request-headers.ts';

/**
 * The treatment of a header of the upstream:
 * - `kept`: passed on;
 * - `ours`: removed, because only the edge may say it;
 * - `hop`: removed, because it is for the edge and its connection to the upstream;
 * - `expose`: read, and merged into ours;
 * - `targeted`: removed from a response to a key, because it overrules `Cache-Control: private` in the
 *   caches that it is addressed to: https://www.rfc-editor.org/rfc/rfc9213#section-2.2
 * - `vary`, `cache-control`, `target`: read, and rewritten.
 */
export type ResponseFate =
  | 'kept'
  | 'ours'
  | 'hop'
  | 'expose'
  | 'targeted'
  | 'vary'
  | 'cache-control'
  | 'target';

/** Returns the fate of a header by its name, in lower case. */
export function fateOfResponseHeader(name: string): ResponseFate {
  if (name === 'vary' || name === 'cache-control') return name;
  if (name === 'access-control-expose-headers') return 'expose';
  if (name === 'location' || name === 'content-location' || name === 'link') return 'target';
  const folded = foldName(name);
  if (folded.startsWith('access-control-') || ownNames.has(folded)) return 'ours';
  if (hopNames.has(folded)) return 'hop';
  return folded.endsWith('-cache-control') || targetedNames.has(folded) ? 'targeted' : 'kept';
}

const ownNames = new Set(['x-edge-reason', 'x-edge-dropped-headers']);
// A challenge of a proxy is for its next client alone, which is the edge:
// https://www.rfc-editor.org/rfc/rfc9110#section-11.7.1 The runtime drops the others of a connection.
const hopNames = new Set([
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
]);
// From before RFC 9213: Edge Architecture, Akamai, and nginx, which prefers its own to Cache-Control.
const targetedNames = new Set(['surrogate-control', 'edge-control', 'x-accel-expires']);
