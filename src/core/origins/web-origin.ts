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

import {
  HOST_MAX_LENGTH,
  hostFault,
  isCanonicalIpv6,
  OPAQUE_HOST_MAX_LENGTH,
  opaqueHostFault,
  portFault,
} from './host.ts';
import { refusedSchemes, SCHEME_MAX_LENGTH, webDefaultPorts } from './scheme.ts';
import { wildcardsOfHost, wildcardsOfLabel } from './wildcards.ts';

/** An `Origin` header value that a browser could have sent. */
export interface WebOrigin {
  /** Exactly as received. Holds visible ASCII only, so that it is safe to echo and to log. */
  readonly value: string;
  /** Lower case, without the colon; empty for an opaque origin. */
  readonly scheme: string;
  /**
   * IPv6 in brackets, with the trailing dot if it came with one; empty for an opaque origin. Lower case
   * under http and https. Under an app scheme it is as received, because case has a meaning there.
   */
  readonly host: string;
  /** Decimal digits; empty for the scheme's default port, and for none. */
  readonly port: string;
  /** `true` if this is `null`, as sandboxed frames and `data:` pages send it, or the `file://` of local files. */
  readonly isOpaque: boolean;
}

/** The origins of one key, ready for matching. */
export interface OriginSet {
  /** `true` if the list holds `*`, which admits every origin, the opaque one included. */
  readonly isAny: boolean;
  /** Canonical patterns as `canonicalizeOriginPattern()` returns them. */
  readonly patterns: ReadonlySet<string>;
  /** `true` if any pattern holds a `*` for a port, an id or subdomains. */
  readonly hasWildcards: boolean;
  /** `true` if any pattern holds a `*` inside a label, such as `https://my-app-*.vercel.app`. */
  readonly hasLabelWildcards: boolean;
}

// Scheme, `://`, host, which may end in a dot, colon, port.
const ORIGIN_MAX_LENGTH =
  SCHEME_MAX_LENGTH + 3 + Math.max(HOST_MAX_LENGTH + 1, OPAQUE_HOST_MAX_LENGTH) + 1 + 5;

/**
 * Opaque origins by their serialisation. Chromium with access to files, some Electron apps and some TV
 * sets send `file://` for pages that every other browser calls `null`.
 */
const opaqueOrigins: ReadonlyMap<string, WebOrigin> = new Map(
  ['null', 'file://'].map((value) => [
    value,
    { value, scheme: '', host: '', port: '', isOpaque: true },
  ]),
);

const visibleAsciiPattern = /^[\x21-\x7e]*$/;
const schemePattern = /^[a-z][a-z0-9+.-]*$/;

/**
 * Reads an `Origin` header value.
 *
 * Returns `null` for everything that no browser serialises: an upper-case http(s) host, a default
 * port that is spelled out, a path or a single trailing slash, user information, several origins, a
 * wildcard, anything outside visible ASCII, a scheme of `refusedSchemes`. The caller answers that
 * with `invalid_origin`. Never throws.
 *
 * Hosts under http and https are strict. Hosts of app schemes (`capacitor://localhost`, `app://.`) are
 * opaque, as in the URL Standard, and are compared exactly as received.
 *
 * Deliberately narrower than the URL Standard, which lets an http(s) host hold `!`, `~` or `,` and labels
 * of any length, an opaque host be empty or hold `*`, and takes port 0. No page comes from there, and a
 * `*` would read as a wildcard.
 *
 * Rules: https://fetch.spec.whatwg.org/#origin-header and https://url.spec.whatwg.org/#host-parsing
 */
export function parseOrigin(value: string): WebOrigin | null {
  const opaque = opaqueOrigins.get(value);
  if (opaque !== undefined) return opaque;
  // Before anything else: the value may then be echoed without smuggling a line break.
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

  const host = value.slice(hostStart, hostEnd);
  if (isCanonicalIpv6(host)) return { value, scheme, host, port, isOpaque: false };
  const fault = defaultPort === undefined ? opaqueHostFault(host) : hostFault(host);
  return fault === null ? { value, scheme, host, port, isOpaque: false } : null;
}

/**
 * Reads the `Origin` header of a request: `null` without one and if it is empty, and `malformed` for what
 * no browser sends. Blanks at the end, which the runtime leaves there, do not count.
 */
export function parseOriginHeader(header: string | null): WebOrigin | 'malformed' | null {
  const value = header === null ? '' : withoutTrailingBlanks(header);
  return value === '' ? null : (parseOrigin(value) ?? 'malformed');
}

/** Counted from the end: a pattern would try every run of blanks. */
function withoutTrailingBlanks(value: string): string {
  let length = value.length;
  while (value[length - 1] === ' ' || value[length - 1] === '\t') length--;
  return value.slice(0, length);
}

/**
 * Lists every stored pattern that admits this origin, at most 34: its own value, the wildcards for any
 * port or id, those for subdomains from the longest parent to the shortest, those beside hyphens, and
 * `*`. An opaque origin has `*` alone.
 *
 * The gateway, preflights and explanations share this list.
 */
export function patternsAdmitting(origin: WebOrigin): readonly string[] {
  if (origin.isOpaque) return ['*'];
  return [origin.value, ...wildcardsOfHost(origin), ...wildcardsOfLabel(origin), '*'];
}

/**
 * Prepares canonical patterns for `admitsOrigin()`. An empty list admits nothing. Never throws;
 * patterns are checked when a key is written (`pattern.ts`), not here.
 */
export function compileOrigins(patterns: readonly string[]): OriginSet {
  return {
    isAny: patterns.includes('*'),
    patterns: new Set(patterns),
    hasWildcards: patterns.some((pattern) => /:\/\/\*(?:\.|$)|:\*$/.test(pattern)),
    hasLabelWildcards: patterns.some((pattern) => /-\*|\*-/.test(pattern)),
  };
}

/**
 * Tells whether the set admits the origin: one look-up for an origin that is listed as it is;
 * wildcards are tried only if the set has some. An opaque origin needs `*`. Never throws.
 */
export function admitsOrigin(set: OriginSet, origin: WebOrigin): boolean {
  if (set.isAny) return true;
  // Not even if "null" got into the list: every sandboxed frame of every site sends it.
  if (origin.isOpaque) return false;
  const isListed = (pattern: string) => set.patterns.has(pattern);
  return (
    isListed(origin.value) ||
    (set.hasWildcards && wildcardsOfHost(origin).some(isListed)) ||
    (set.hasLabelWildcards && wildcardsOfLabel(origin).some(isListed))
  );
}

/** The index after the host. An IPv6 address without its closing bracket is a host to the end. */
function endOfHost(value: string, hostStart: number): number {
  const isBracketed = value[hostStart] === '[';
  const end = value.indexOf(isBracketed ? ']' : ':', hostStart);
  if (end === -1) return value.length;
  return isBracketed ? end + 1 : end;
}
