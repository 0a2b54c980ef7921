/** Finds out, without a request, whether Cloudflare can reach the API behind the edge. */

import { type Reach, reachOf } from '../../src/core/addresses/reach.ts';
import type { Screen } from './wrangler.ts';

/**
 * Throws if `UPSTREAM_URL` is an address of this machine. Prints a warning if it is one of a private network:
 * a Worker in library mode may reach that through a binding.
 */
export function checkUpstreamReach(
  { UPSTREAM_URL: written }: Record<string, unknown>,
  screen: Screen,
): void {
  const url = typeof written === 'string' ? URL.parse(written) : null;
  const reach: Reach = url === null ? 'public' : reachOf(url.hostname);
  const quoted = JSON.stringify(written);
  if (reach === 'loopback') {
    throw new Error(
      `Cannot deploy: UPSTREAM_URL ${quoted} is an address of this machine, which Cloudflare cannot reach. ` +
        'Set the public address of your API',
    );
  }
  if (reach === 'private') {
    screen.print(
      `Warning: UPSTREAM_URL ${quoted} is an address of a private network, which Cloudflare reaches through a binding alone. ` +
        'Set the public address of your API, unless your Worker has such a binding',
    );
  }
}
