/**
 * The reach of a host, which is an address or a name. Names are not resolved here.
 *
 * The URL parser brings every spelling of an address into one form: `0x7f.1`, `2130706433` and `127.1` are
 * all `127.0.0.1`. Pure, no I/O. Registries: https://www.rfc-editor.org/rfc/rfc6890
 */

import { isLoopbackHost } from '../origins/host.ts';

/** From this machine alone, from a private or reserved network, or from everywhere. */
export type Reach = 'loopback' | 'private' | 'public';

/** Returns from where the `hostname` of a parsed URL can be reached. */
export function reachOf(hostname: string): Reach {
  const host = hostname.replace(/\.+$/, '');
  if (isLoopbackHost(host)) return 'loopback';
  return isPublicHost(host) ? 'public' : 'private';
}

/** Blocks of IPv4 that are no public unicast addresses, as a network and the length of its prefix. */
const reservedBlocks: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];

function isPublicHost(host: string): boolean {
  if (host.startsWith('[')) return isPublicIpv6(host.slice(1, -1));
  const address = /^\d+\.\d+\.\d+\.\d+$/.test(host) ? toNumber(host) : null;
  // Names without a dot, and those of local networks, are found by no public resolver.
  if (address === null) return host.includes('.') && !localName.test(host);
  return !reservedBlocks.some(([network, length]) => {
    const size = 2 ** (32 - length);
    return Math.floor(address / size) === Math.floor(toNumber(network) / size);
  });
}

/** Names of local networks. https://www.rfc-editor.org/rfc/rfc6762, https://www.rfc-editor.org/rfc/rfc8375 */
const localName = /\.(?:local|internal|lan|intranet|home\.arpa)$/;

function toNumber(address: string): number {
  return address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
}

/** Global unicast is 2000::/3. In it, 2001::/23, 2001:db8::/32, 2002::/16 and 3fff::/20 are for other uses. */
function isPublicIpv6(address: string): boolean {
  const [first = '', second = ''] = address.split(':');
  const high = Number.parseInt(first || '0', 16);
  const low = Number.parseInt(second || '0', 16);
  if (high < 0x2000 || high > 0x3fff) return false;
  if (high === 0x2001) return low >= 0x0200 && low !== 0x0db8;
  if (high === 0x3fff) return low >= 0x1000;
  return high !== 0x2002;
}
