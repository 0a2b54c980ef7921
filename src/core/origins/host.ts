/**
 * Hosts and ports of origins, as a browser sends them and as people type them. Pure, no I/O.
 *
 * Hosts: https://url.spec.whatwg.org/#host-parsing
 */

/** A fault of a host name. `numeric`: its last label is a number, yet it is not IPv4. */
export type HostFault =
  | 'character'
  | 'empty_label'
  | 'label_too_long'
  | 'host_too_long'
  | 'numeric';

/** A fault of a port. */
export type PortFault = 'empty' | 'digits' | 'leading_zero' | 'range';

/** Longest label of a host, in characters. https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4 */
export const LABEL_MAX_LENGTH = 63;
/** Longest host in characters, not counting one trailing dot: the 255 bytes of RFC 1035 as text. */
export const HOST_MAX_LENGTH = 253;

const labelsPattern = /^[a-z0-9._-]*$/;
// What the URL parser takes for a number, and therefore for the end of an IPv4 address:
// https://url.spec.whatwg.org/#ends-in-a-number-checker
const numericLabelPattern = /^(?:[0-9]+|0x[0-9a-f]*)$/;
const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const ipv4Pattern = new RegExp(`^${octet}(?:\\.${octet}){3}$`);

/**
 * Finds what is wrong with a host name in lower case, which may end in one dot, or with a canonical
 * IPv4 address. Returns `null` when it is in order. An empty host is an `empty_label`, an upper-case
 * letter or a bracket a `character` fault. Never throws.
 *
 * Underscores and hyphens at the ends of labels are fine, as they are for browsers. So is any label
 * that starts with `xn--`: the URL parser does not look into those of an ASCII host either.
 * https://url.spec.whatwg.org/#concept-domain-to-ascii
 */
export function hostFault(host: string): HostFault | null {
  const name = host.endsWith('.') ? host.slice(0, -1) : host;
  if (name.length > HOST_MAX_LENGTH) return 'host_too_long';
  if (!labelsPattern.test(name)) return 'character';
  const labels = name.split('.');
  if (labels.includes('')) return 'empty_label';
  if (labels.some((label) => label.length > LABEL_MAX_LENGTH)) return 'label_too_long';
  // `host` and not `name`: the parser drops the dot after an address, so no browser sends it.
  return endsInNumber(name) && !ipv4Pattern.test(host) ? 'numeric' : null;
}

/** Tells whether the last label of a host without trailing dot is a number, as in an IPv4 address. */
export function endsInNumber(host: string): boolean {
  return numericLabelPattern.test(host.slice(host.lastIndexOf('.') + 1));
}

/**
 * Finds what is wrong with a port, which is 1 to 65535 in decimal. Returns `null` when it is in
 * order; that it may be its scheme's default is for the caller to see. Never throws.
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

/** Returns the host without the dot that may end it. */
export function nameOf(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

/** Tells whether an origin, possibly not yet canonical, is on the loopback interface. */
export function isLoopback(origin: string): boolean {
  return /^https?:\/\/(?:(?:[^/:]*\.)?localhost\.?|127(?:\.[0-9]+){3}|\[::1\])(?=[/:]|$)/i.test(
    origin,
  );
}
