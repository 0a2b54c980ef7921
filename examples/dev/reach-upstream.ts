/** Tries whether an API accepts connections, before the edge is in front of it. */

import { lookup } from 'node:dns';
import { connect, type LookupFunction } from 'node:net';

const TIMEOUT_MS = 2 * 1000;

/**
 * Returns the reason why no TCP connection to the host of a URL can be opened, such as `ECONNREFUSED`; `null` if
 * one can, or if the text is no URL. Never rejects, and closes the connection without having sent anything.
 */
export function connectionFault(
  url: string,
  timeoutMs = TIMEOUT_MS,
  resolveName: LookupFunction = lookup,
): Promise<string | null> {
  const parsed = URL.parse(url);
  if (parsed === null) return Promise.resolve(null);
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const socket = connect({
    // Without the brackets of an IPv6 address.
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: Number(parsed.port) || (parsed.protocol === 'https:' ? 443 : 80),
    lookup: resolveName,
  });
  const timer = setTimeout(() => resolve(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
  socket.once('connect', () => resolve(null));
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}
