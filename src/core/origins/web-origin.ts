/**
 * Web origins: reading what a browser sends in `Origin`, and finding which stored patterns admit it.
 *
 * Runs on every cross-origin request, so it is pure, and its work is linear in a length that is
 * bounded first. It accepts only what a browser can serialise; forgiving what people
 * type is the business of `pattern.ts`, which runs when a key is written.
 *
 * Fetch, "serializing a request origin": https://fetch.spec.whatwg.org/#origin-header
 * HTML, "serialization of an origin": https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin
 * URL, "host serializing": https://url.spec.whatwg.org/#host-serializing
 */

import { endsInNumber, HOST_MAX_LENGTH, hostFault, portFault } from './host.ts';
import { refusedSchemes, SCHEME_MAX_LENGTH, webDefaultPorts } from './scheme.ts';

/** An `Origin` header value that a browser could have sent. */
export interface WebOrigin {
  /** Exactly as received. Holds visible ASCII only, so that it is safe to echo and to log. */
  readonly value: string;
  /** Lower case, without the colon; empty for the opaque origin. */
  readonly scheme: string;
  /** Lower case, IPv6 in brackets, with the trailing dot if it came with one; empty when opaque. */
  readonly host: string;
  /** Decimal digits; empty for the scheme's default port, and for none. */
  readonly port: string;
  /** Whether this is the literal `null`, which sandboxed frames, `data:` and `file:` pages send. */
  readonly isOpaque: boolean;
}

/** The origins of one key, ready for matching. */
export interface OriginSet {
  /** Whether the list holds `*`, which admits every origin, the opaque one included. */
  readonly isAny: boolean;
  /** Canonical patterns as `canonicalizeOriginPattern()` returns them. */
  readonly patterns: ReadonlySet<string>;
  /** Whether any pattern is of the kind `https://*.example.com`. */
  readonly hasWildcards: boolean;
}

// Scheme, `://`, host with its trailing dot, colon, port.
const ORIGIN_MAX_LENGTH = SCHEME_MAX_LENGTH + 3 + (HOST_MAX_LENGTH + 1) + 1 + 5;
// Eight groups of four hex digits, seven colons, two brackets.
const IPV6_MAX_LENGTH = 8 * 4 + 7 + 2;

const opaqueOrigin: WebOrigin = { value: 'null', scheme: '', host: '', port: '', isOpaque: true };

const visibleAsciiPattern = /^[\x21-\x7e]*$/;
const schemePattern = /^[a-z][a-z0-9+.-]*$/;
const ipv6CharactersPattern = /^\[[0-9a-f:]+\]$/;

/**
 * Reads an `Origin` header value.
 *
 * Returns `null` for everything that no browser serialises: an upper-case http(s) host, a default
 * port that is spelled out, a path or a single trailing slash, user information, several origins, a
 * wildcard, anything outside visible ASCII, a scheme of `refusedSchemes`. The caller answers that
 * with `invalid_origin`. Never throws.
 *
 * Hosts of app schemes (`capacitor://localhost`) may hold upper-case letters, because the URL
 * parser leaves the hosts of schemes it does not know as they are. They match in lower case.
 *
 * Deliberately narrower than the URL Standard, which lets a host hold `!`, `~` or `,` and labels of
 * any length, and takes port 0: no page comes from there, and some of those characters mean
 * something to the readers of our headers and logs.
 *
 * Rules: https://fetch.spec.whatwg.org/#origin-header and https://url.spec.whatwg.org/#host-parsing
 */
export function parseOrigin(value: string): WebOrigin | null {
  if (value === 'null') return opaqueOrigin;
  // Before anything else: what follows may then lower-case the text without turning a KELVIN SIGN
  // into a `k`, and echo it without smuggling a line break.
  if (value.length > ORIGIN_MAX_LENGTH || !visibleAsciiPattern.test(value)) return null;

  const schemeEnd = value.indexOf('://');
  if (schemeEnd === -1 || schemeEnd > SCHEME_MAX_LENGTH) return null;
  const scheme = value.slice(0, schemeEnd);
  if (!schemePattern.test(scheme) || refusedSchemes.has(scheme)) return null;

  const hostStart = schemeEnd + 3;
  const hostEnd = endOfHost(value, hostStart);
  const defaultPort = webDefaultPorts.get(scheme);
  const port = value.slice(hostEnd + 1);
  if (hostEnd < value.length) {
    if (value[hostEnd] !== ':' || portFault(port) !== null || port === defaultPort) return null;
  }

  const receivedHost = value.slice(hostStart, hostEnd);
  const isWeb = defaultPort !== undefined;
  const host = isWeb ? receivedHost : receivedHost.toLowerCase();
  const isHost = (isWeb && isCanonicalIpv6(host)) || hostFault(host) === null;
  return isHost ? { value, scheme, host, port, isOpaque: false } : null;
}

/**
 * Lists every stored pattern that admits this origin: its own canonical value, then the wildcards
 * `https://*.parent` from the longest parent to the shortest, then `*`. IP addresses, app schemes
 * and single labels have no wildcards; the opaque origin has `*` alone.
 *
 * A hostile host has up to 127 labels, hence up to 128 entries here: more than the 100 parameters
 * that one D1 statement can bind.
 */
export function patternsAdmitting(origin: WebOrigin): readonly string[] {
  if (origin.isOpaque) return ['*'];
  return [canonicalValue(origin), ...wildcardsAdmitting(origin), '*'];
}

/**
 * Prepares canonical patterns for `admitsOrigin()`. An empty list admits nothing. Never throws;
 * patterns are checked when a key is written (`pattern.ts`), not here.
 */
export function compileOrigins(patterns: readonly string[]): OriginSet {
  return {
    isAny: patterns.includes('*'),
    patterns: new Set(patterns),
    hasWildcards: patterns.some((pattern) => pattern.includes('://*.')),
  };
}

/**
 * Tells whether the set admits the origin: one look-up for an origin that is listed as it is;
 * wildcards are tried only where the set has some. The opaque origin needs `*`. Never throws.
 */
export function admitsOrigin(set: OriginSet, origin: WebOrigin): boolean {
  if (set.isAny) return true;
  // Not even where "null" got into the list: every sandboxed frame of every site sends it.
  if (origin.isOpaque) return false;
  if (set.patterns.has(canonicalValue(origin))) return true;
  return (
    set.hasWildcards && wildcardsAdmitting(origin).some((pattern) => set.patterns.has(pattern))
  );
}

/** What is stored for this origin. The same string for http(s), whose hosts come in lower case. */
function canonicalValue(origin: WebOrigin): string {
  return webDefaultPorts.has(origin.scheme) ? origin.value : origin.value.toLowerCase();
}

function wildcardsAdmitting(origin: WebOrigin): string[] {
  const { scheme, host, port } = origin;
  if (!webDefaultPorts.has(scheme) || host.startsWith('[') || endsInNumber(host)) return [];
  const portSuffix = port === '' ? '' : `:${port}`;
  const wildcards: string[] = [];
  // A dot at the very end is no parent: `https://*.` is nobody's pattern.
  for (let dot = host.indexOf('.'); dot !== -1 && dot + 1 < host.length; ) {
    wildcards.push(`${scheme}://*${host.slice(dot)}${portSuffix}`);
    dot = host.indexOf('.', dot + 1);
  }
  return wildcards;
}

/** The index after the host. An IPv6 address without its closing bracket is a host to the end. */
function endOfHost(value: string, hostStart: number): number {
  const isBracketed = value[hostStart] === '[';
  const end = value.indexOf(isBracketed ? ']' : ':', hostStart);
  if (end === -1) return value.length;
  return isBracketed ? end + 1 : end;
}

/**
 * Whether this is an IPv6 address in brackets, in the one form that the URL Standard serialises
 * it in. The platform's parser decides: nothing but the address can come out of these characters.
 * https://url.spec.whatwg.org/#concept-ipv6-serializer
 */
function isCanonicalIpv6(host: string): boolean {
  if (host.length > IPV6_MAX_LENGTH || !ipv6CharactersPattern.test(host)) return false;
  return URL.parse(`http://${host}`)?.hostname === host;
}
