/**
 * Plain http on this machine, as `npm run dev` serves it. Pure, no I/O.
 */

import { isLoopbackHost } from '../origins/host.ts';

/** Returns whether a URL is on this machine over plain http, with no network in between. */
export function isLocalHttp(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && isLoopbackHost(hostname);
}
