/**
 * The host that alone serves the management page and API, if `MANAGE_HOST` names one.
 *
 * A browser keeps the page apart from the API by their hosts, so no spelling of a host may lead to the
 * wrong one. Pure, no I/O. Host parsing: https://url.spec.whatwg.org/#host-parsing
 */

import { BoundedMap } from '../bounded-map.ts';
import { HOSTS_IN_MEMORY, HOSTS_IN_MEMORY_BYTES } from '../limits.ts';

/**
 * The use of a host:
 * - `shared`: `MANAGE_HOST` is not set, so each host serves the page and the API;
 * - `manage`: serves the page and the management API, and forwards nothing;
 * - `gateway`: forwards, and serves no page and no management API;
 * - `unreadable`: serves neither, because it cannot be distinguished from the other two.
 */
export type HostRole = 'shared' | 'manage' | 'gateway' | 'unreadable';

const hostPattern = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s/\\?#@:%*[\]]+)(?::\d{1,5})?$/;

/**
 * Returns a host with its optional port as it is compared: lower case, Punycode, IP addresses in their
 * one form, without a trailing dot and without the default port of http or https. `null` if it is no
 * host.
 */
export function canonicalHost(host: string): string | null {
  const url = hostPattern.test(host) ? URL.parse(`https://${host}`) : null;
  if (url === null) return null;
  const hostname = url.hostname.replace(/\.$/, '');
  if (hostname.split('.').includes('') || url.port === '0') return null;
  // Port 443 is gone already. A host is the same one on http.
  return url.port === '' || url.port === '80' ? hostname : `${hostname}:${url.port}`;
}

/** Returns the function that tells the role of a host. `manageHost` is `MANAGE_HOST`, or `null`. */
export function createHostRoles(manageHost: string | null): (authority: string) => HostRole {
  if (manageHost === null) return () => 'shared';
  const wanted = canonicalHost(manageHost);
  const known = new BoundedMap<HostRole>(HOSTS_IN_MEMORY, HOSTS_IN_MEMORY_BYTES);
  return (authority) => {
    const remembered = known.get(authority);
    if (remembered !== undefined) return remembered;
    const host = canonicalHost(authority);
    const role = host === null ? 'unreadable' : host === wanted ? 'manage' : 'gateway';
    known.set(authority, role, authority.length);
    return role;
  };
}
