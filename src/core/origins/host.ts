/**
 * Hosts and ports of origins, as a browser sends them and as people type them. Pure, no I/O.
 *
 * Hosts: https://url.spec.whatwg.org/#host-parsing
 */

import { hasValidPunycode } from './punycode.ts';

/**
 * A fault of a host name. `numeric`: its last label is a number, yet it is not IPv4. `punycode`: a
 * label starts with `xn--`, and what follows is not the Punycode of an international name.
 */
export type HostFault =
  | 'character'
  | 'empty_label'
  | 'label_too_long'
  | 'host_too_long'
  | 'numeric'
  | 'punycode';

/** A fault of the host of an app scheme. */
export type OpaqueHostFault = 'empty' | 'character' | 'host_too_long';

/** A fault of a port. */
export type PortFault = 'empty' | 'digits' | 'leading_zero' | 'range';

/** Longest label of a host, in characters. https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4 */
export const LABEL_MAX_LENGTH = 63;
/** Longest host in characters, not counting one trailing dot: the 255 bytes of RFC 1035 as text. */
export const HOST_MAX_LENGTH = 253;
/**
 * Longest host of an app scheme, in characters. The URL Standard has no bound; this one keeps a whole
 * origin within the 512 bytes of a KV key.
 */
export const OPAQUE_HOST_MAX_LENGTH = 400;
// Eight groups of four hex digits, seven colons, two brackets.
const IPV6_MAX_LENGTH = 8 * 4 + 7 + 2;

const labelsPattern = /^[a-z0-9._-]*$/;
// What the URL parser takes for a number, and therefore for the end of an IPv4 address:
// https://url.spec.whatwg.org/#ends-in-a-number-checker
const numericLabelPattern = /^(?:[0-9]+|0x[0-9a-f]*)$/;
const ipv6CharactersPattern = /^\[[0-9a-f:]+\]$/;
// Visible ASCII without the forbidden host code points, and without the star:
// https://url.spec.whatwg.org/#forbidden-host-code-point
const opaqueHostPattern = /^[!"$%&'()+,\-.0-9;=A-Z_`a-z{}~]+$/;
const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const ipv4Pattern = new RegExp(`^${octet}(?:\\.${octet}){3}$`);

/**
 * Finds the fault of a host name under http or https in lower case, which may end in one dot, or of a
 * canonical IPv4 address. Returns `null` for a host without a fault. An empty host is an `empty_label`,
 * an upper-case letter or a bracket a `character` fault. Never throws.
 *
 * Underscores and hyphens at the ends of labels are accepted, as browsers accept them.
 */
export function hostFault(host: string): HostFault | null {
  const name = nameOf(host);
  if (name.length > HOST_MAX_LENGTH) return 'host_too_long';
  if (!labelsPattern.test(name)) return 'character';
  const labels = name.split('.');
  if (labels.includes('')) return 'empty_label';
  if (labels.some((label) => label.length > LABEL_MAX_LENGTH)) return 'label_too_long';
  // `host` and not `name`: the parser drops the dot after an address, so no browser sends it.
  if (endsInNumber(name) && !ipv4Pattern.test(host)) return 'numeric';
  return hasValidPunycode(host) ? null : 'punycode';
}

/**
 * Finds the fault of a host under an app scheme. Returns `null` for a host without one. Never throws.
 *
 * The URL Standard leaves such a host as it is: case, empty labels, long labels and numbers have no
 * meaning there. Refused beyond the standard: an empty host, which names no app, and `*`, which reads as a wildcard.
 * https://url.spec.whatwg.org/#concept-opaque-host-parser
 */
export function opaqueHostFault(host: string): OpaqueHostFault | null {
  if (host === '') return 'empty';
  if (host.length > OPAQUE_HOST_MAX_LENGTH) return 'host_too_long';
  return opaqueHostPattern.test(host) ? null : 'character';
}

/**
 * Tells whether this is an IPv6 address in brackets, in the one form that the URL Standard serialises
 * it in. The platform's parser decides: nothing but the address can come out of these characters.
 * https://url.spec.whatwg.org/#concept-ipv6-serializer
 */
export function isCanonicalIpv6(host: string): boolean {
  if (host.length > IPV6_MAX_LENGTH || !ipv6CharactersPattern.test(host)) return false;
  return hostnameOf(host) === host;
}

/** Tells whether the last label of a host without trailing dot is a number, as in an IPv4 address. */
export function endsInNumber(host: string): boolean {
  return numericLabelPattern.test(host.slice(host.lastIndexOf('.') + 1));
}

/**
 * Finds the fault of a port, which is 1 to 65535 in decimal. Returns `null` for a port without one. The
 * caller checks for the scheme's default port. Never throws.
 */
export function portFault(port: string): PortFault | null {
  if (port === '') return 'empty';
  if (!/^[0-9]+$/.test(port)) return 'digits';
  if (port.length > 1 && port.startsWith('0')) return 'leading_zero';
  return port === '0' || port.length > 5 || Number(port) > 65_535 ? 'range' : null;
}

/** Returns the host as the URL parser serialises it, or `null` if the parser refuses it. */
export function hostnameOf(host: string): string | null {
  return URL.parse(`https://${host}/`)?.hostname ?? null;
}

/** Counts the labels of a host. The dot that may end it does not count as one. */
export function labelsOf(host: string): number {
  const name = nameOf(host);
  return name === '' ? 0 : name.split('.').length;
}

/** Returns the host without the dot that may end it. */
export function nameOf(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

/**
 * Tells whether a host is on the loopback interface: `localhost` and the names under it, 127.0.0.0/8 and
 * `[::1]`, in any case. https://www.rfc-editor.org/rfc/rfc6761#section-6.3
 */
export function isLoopbackHost(host: string): boolean {
  return /^(?:(?:.*\.)?localhost\.?|127(?:\.[0-9]+){3}|\[::1\])$/i.test(host);
}

/** Tells whether an origin, possibly not yet canonical, is on the loopback interface. */
export function isLoopback(origin: string): boolean {
  const [, host] = /^https?:\/\/(\[[^\]]*\]|[^/:]*)(?=[/:]|$)/i.exec(origin) ?? [];
  return host !== undefined && isLoopbackHost(host);
}
