/**
 * Refusals that depend on the transport and the browser, before any rule about keys is asked.
 */

import { type Rejection, reject } from '../core/decide/rejection.ts';
import { readSubprotocols } from '../core/decide/subprotocols.ts';
import type { RequestTarget } from '../core/routes/request-target.ts';
import type { Facts, Gateway } from './gateway.ts';

/**
 * Returns whether Cloudflare reports that the client used plain http. Elsewhere (workerd on one's own
 * machine, tunnels) there is no such report, and a URL says little: false.
 * https://developers.cloudflare.com/fundamentals/reference/http-headers/#cf-visitor
 */
export function isPlainHttp({ scheme }: RequestTarget, { headers }: Request): boolean {
  if (scheme === 'https') return false;
  return /"scheme"\s*:\s*"http"/i.test(headers.get('cf-visitor') ?? '');
}

/**
 * Returns whether a window of a browser navigates to this address. A browser that does not say so, as
 * over plain http in a local network, counts as a program.
 * https://www.w3.org/TR/fetch-metadata/#sec-fetch-mode-header
 */
export function isNavigation({ method, headers }: Request): boolean {
  return (
    (method === 'GET' || method === 'HEAD') &&
    headers.get('sec-fetch-mode') === 'navigate' &&
    (headers.get('sec-fetch-dest') ?? 'document') === 'document'
  );
}

/** The rejection of a request that carried a credential in clear text. */
export function httpsRequired(): Rejection {
  return reject(
    'https_required',
    'Cannot accept credentials over plain http: anybody on the network path can read them. Use https, and replace the token that you sent',
  );
}

/** The rejection of a service worker on the page's host. */
export function serviceWorkerNotAllowed(): Rejection {
  return reject(
    'service_worker_not_allowed',
    'Cannot serve a service worker: the management page is on this host, and the worker could answer for it. The operator can move the page to a host of its own with MANAGE_HOST',
  );
}

/** Returns whether a request carries a token, in `Authorization` or among its subprotocols. */
function carriesToken({ headers }: Request): boolean {
  if (headers.has('authorization')) return true;
  const offered = readSubprotocols(headers.get('sec-websocket-protocol'));
  return offered !== null && offered.tokens.length > 0;
}

/** Returns the rejection of a request by its transport; `null` if there is nothing against it. */
export function rejectTransport(
  { config, sharesPageHost }: Gateway,
  { request, target }: Pick<Facts, 'request' | 'target'>,
): Rejection | null {
  if (!config.allowHttp && isPlainHttp(target, request) && carriesToken(request)) {
    return httpsRequired();
  }
  // A service worker of the API would answer for the management page, which is on this host too.
  // https://w3c.github.io/ServiceWorker/#service-worker-script-request
  if (sharesPageHost && request.headers.has('service-worker')) return serviceWorkerNotAllowed();
  return null;
}
