/**
 * The URL that events are sent to: https, and no address literal that leads into a private network.
 *
 * The URL parser brings every spelling of an address into one form: `0x7f.1`, `2130706433` and `127.1` are
 * all `127.0.0.1`. Names are not resolved here; Workers cannot reach private networks by name.
 * Pure, no I/O. Registries: https://www.rfc-editor.org/rfc/rfc6890
 */

/** The reason why a URL cannot receive events, and the remedy; `null`: it can. */
export interface ReceiverFault {
  readonly reason: string;
  readonly fix: string;
}

const FIX = 'Set the https URL of your receiver, for example "https://hooks.example.com/edge"';

/** Checks a URL. With `allowsLoopback`, as on a developer's machine, http and https may lead to itself. */
export function receiverFault(text: string, allowsLoopback: boolean): ReceiverFault | null {
  // The parser also accepts blanks and missing slashes, which are typing mistakes here.
  const url = /^https?:\/\/[^\s\\/][^\s\\]*$/i.test(text) ? URL.parse(text) : null;
  if (url === null) return { reason: 'it is not an absolute https URL', fix: FIX };
  const host = url.hostname.replace(/\.+$/, '');
  const isLocal = isLoopback(host);
  if (url.username !== '' || url.password !== '') {
    return { reason: 'it holds credentials', fix: 'Verify the signature of each event instead' };
  }
  if (url.hash !== '')
    return { reason: 'it holds a fragment', fix: 'Remove everything from the #' };
  if (isLocal && allowsLoopback) return null;
  if (url.protocol !== 'https:') return { reason: 'it is not an https URL', fix: FIX };
  return isLocal || !isPublicHost(host)
    ? { reason: 'it leads to a private, local or reserved address', fix: FIX }
    : null;
}

function isLoopback(host: string): boolean {
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    /^127\.\d+\.\d+\.\d+$/.test(host) ||
    host === '[::1]'
  );
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
