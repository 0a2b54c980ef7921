/**
 * Addresses of clients: reads one, in whatever spelling it arrives, into the one form that is compared.
 *
 * An IPv4-mapped IPv6 address is the IPv4 address that it maps, because a server that listens on both
 * families reports one client in either form. A zone id names an interface of one machine, so it is left
 * out. IPv6 is read and written by the URL parser of the platform. Pure, no I/O.
 *
 * IPv6 text: https://www.rfc-editor.org/rfc/rfc5952, zone ids: https://www.rfc-editor.org/rfc/rfc4007#section-11
 * The parser: https://url.spec.whatwg.org/#concept-ipv6-parser
 */

import { BoundedMap } from '../bounded-map.ts';
import { ADDRESSES_IN_MEMORY, ADDRESSES_IN_MEMORY_BYTES } from '../limits.ts';

/** An address that was read. */
export interface Address {
  /** In canonical form: `203.0.113.7` or `2001:db8::1`. */
  readonly text: string;
  readonly words: Words;
}

/** The bits of an address, 32 in each number: one for IPv4, four for IPv6. */
export type Words = readonly number[];

/** The length of the longest IPv6 address with a zone id. Longer texts are no addresses. */
export const ADDRESS_MAX_LENGTH = 80;

// Reading costs more than the rest of a hot request's decision, and most clients send many requests.
const known = new BoundedMap<Address | null>(ADDRESSES_IN_MEMORY, ADDRESSES_IN_MEMORY_BYTES);

/**
 * Reads an address. Returns `null` if the text is not exactly one: a list, a name, a block, or IPv4 in
 * another spelling than four decimal numbers without leading zeros. Never throws.
 */
export function parseAddress(text: string): Address | null {
  const remembered = known.get(text);
  if (remembered !== undefined) return remembered;
  if (text.length > ADDRESS_MAX_LENGTH) return null;
  const address = parse(text);
  known.set(text, address, 200 + 2 * text.length);
  return address;
}

function parse(text: string): Address | null {
  const zone = text.indexOf('%');
  const written = parseWritten(zone === -1 ? text : text.slice(0, zone));
  // IPv4 has no zones.
  if (written === null || (zone !== -1 && written.length === 1)) return null;
  const words = mappedIpv4(written) ?? written;
  return { text: addressText(words), words };
}

/** Reads an address without a zone, as the family that it is written in. */
export function parseWritten(text: string): Words | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** Returns the IPv4 address that an IPv6 address maps; `null` for every other address. */
export function mappedIpv4([first, second, third, last]: Words): Words | null {
  return first === 0 && second === 0 && third === 0xffff && last !== undefined ? [last] : null;
}

/** The canonical text of an address. */
export function addressText(words: Words): string {
  const [ipv4 = 0, ...more] = words;
  if (more.length === 0) return [24, 16, 8, 0].map((shift) => (ipv4 >>> shift) & 0xff).join('.');
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  return canonicalIpv6(groups.map((group) => group.toString(16)).join(':')) ?? '';
}

/** Four decimal numbers. Programs read `127.1`, `0x7f.0.0.1` and `0177.0.0.1` differently. */
function parseIpv4(text: string): Words | null {
  const numbers = text.split('.');
  if (numbers.length !== 4) return null;
  if (!numbers.every((number) => /^(?:0|[1-9]\d{0,2})$/.test(number) && Number(number) < 256)) {
    return null;
  }
  return [numbers.reduce((word, number) => word * 256 + Number(number), 0)];
}

function parseIpv6(text: string): Words | null {
  const canonical = canonicalIpv6(text);
  if (canonical === null) return null;
  // Two colons stand for as many groups of zeros as are missing.
  const [before = [], after = []] = canonical
    .split('::')
    .map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  const groups = [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
  return [0, 2, 4, 6].map((at) => (groups[at] ?? 0) * 0x1_0000 + (groups[at + 1] ?? 0));
}

/** Returns an IPv6 address as the URL parser writes it; `null` for any other text. */
function canonicalIpv6(text: string): string | null {
  // The parser drops tabs and ends of lines, and would read other signs as the end of the host.
  if (!/^[0-9a-f:.]+$/i.test(text)) return null;
  return URL.parse(`http://[${text}]`)?.hostname.slice(1, -1) ?? null;
}
