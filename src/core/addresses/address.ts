/**
 * Addresses of clients: reads one, in whatever spelling it arrives, into the one form that is compared.
 *
 * An IPv4-mapped IPv6 address is the IPv4 address that it maps, because a server that listens on both
 * families reports one client in either form. A zone id names an interface of one machine, so it is left
 * out. Pure, no I/O.
 *
 * IPv6 text: https://www.rfc-editor.org/rfc/rfc5952, zone ids: https://www.rfc-editor.org/rfc/rfc4007#section-11
 */

import ipaddr from 'ipaddr.js';
import { BoundedMap } from '../bounded-map.ts';
import { ADDRESSES_IN_MEMORY, ADDRESSES_IN_MEMORY_BYTES } from '../limits.ts';

/** An address that was read. */
export interface Address {
  /** In canonical form: `203.0.113.7` or `2001:db8::1`. */
  readonly text: string;
  /** Its bits, 32 in each number: one for IPv4, four for IPv6. */
  readonly words: readonly number[];
}

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
  const parsed = parse(text);
  const address = parsed && toAddress(parsed);
  known.set(text, address, 200 + 2 * text.length);
  return address;
}

/** An address as the library has it. */
export type ParsedAddress = ipaddr.IPv4 | ipaddr.IPv6;

/** Reads an address, with its zone and as the family that it is written in. */
export function parseWritten(text: string): ParsedAddress | null {
  // The library also reads `127.1`, `0x7f.0.0.1` and `0177.0.0.1`, which programs read differently.
  if (text.includes(':')) return ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : null;
  return ipaddr.IPv4.isValidFourPartDecimal(text) ? ipaddr.IPv4.parse(text) : null;
}

/** The bits of an address, 32 in each number. */
export function wordsOf(address: ParsedAddress): readonly number[] {
  const bytes = address.toByteArray();
  const words: number[] = [];
  for (let at = 0; at < bytes.length; at += 4) {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(at, at + 4);
    words.push(((a << 24) | (b << 16) | (c << 8) | d) >>> 0);
  }
  return words;
}

function parse(text: string): ParsedAddress | null {
  const zone = text.indexOf('%');
  const written = parseWritten(zone === -1 ? text : text.slice(0, zone));
  // IPv4 has no zones.
  if (!(written instanceof ipaddr.IPv6)) return zone === -1 ? written : null;
  return written.isIPv4MappedAddress() ? written.toIPv4Address() : written;
}

function toAddress(parsed: ParsedAddress): Address {
  return { text: parsed.toString(), words: wordsOf(parsed) };
}
