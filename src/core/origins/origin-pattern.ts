/**
 * Origin patterns: reading what people type into a key's list of allowed origins.
 *
 * Runs when a key is written, never on the path of a request. It forgives what has one meaning
 * (case, a default port, one trailing slash, Unicode) and refuses the rest with a reason and a fix,
 * so that whatever is stored can be compared as a plain string afterwards (`web-origin.ts`). No I/O,
 * no clock.
 *
 * Not built on `new URL(value).origin`, which takes `https:a.com`, a tab inside a host, and
 * `https://a.com,https://b.com` for origins: the structure is checked here, and the platform's
 * parser only ever sees a host.
 *
 * Hosts: https://url.spec.whatwg.org/#host-parsing
 * Public suffixes: https://publicsuffix.org/list/, with its private section.
 */

import { beginningOf } from '../text.ts';
import { isUnderPublicSuffix } from './public-suffixes.ts';
import {
  endsInNumber,
  HOST_MAX_LENGTH,
  type HostFault,
  hostFault,
  LABEL_MAX_LENGTH,
  portFault,
  refusedSchemes,
  SCHEME_MAX_LENGTH,
  webDefaultPorts,
} from './web-origin.ts';

/** Why one value cannot be an allowed origin. */
export interface OriginProblem {
  /** Exactly as given, whatever it holds. `reason` quotes it shortened and escaped. */
  readonly value: string;
  readonly reason: string;
  readonly fix: string;
}

/** What reading one value comes to. */
export type OriginPatternResult =
  | { readonly ok: true; readonly pattern: string }
  | { readonly ok: false; readonly problem: OriginProblem };

/** A problem in a list, with the place of its value there, counted from 0. */
export interface OriginListProblem extends OriginProblem {
  readonly index: number;
}

/** What reading a list of values comes to. Nothing should be stored while there are problems. */
export interface OriginPatternsResult {
  readonly patterns: readonly string[];
  readonly problems: readonly OriginListProblem[];
}

/** Something that is allowed and worth a second thought. */
export interface OriginWarning {
  readonly pattern: string;
  readonly warning: string;
}

/** Why a value is refused, before its message is put together. */
interface Refusal {
  readonly reason: string;
  /** What was probably meant. Proposed as the fix only where it would be accepted. */
  readonly guess?: string;
  /** The fix where there is no guess, or none that would be accepted. */
  readonly advice: string;
}

/** A value taken apart. The host is still as it was typed. */
interface PatternParts {
  /** Lower case. */
  readonly scheme: string;
  readonly host: string;
  /** Colon and port, or empty for the scheme's default port and for none. */
  readonly portSuffix: string;
}

/** Something that no origin holds, wherever it stands. */
interface TextRule {
  readonly refused: RegExp;
  readonly reason: string;
  readonly guess?: (value: string) => string;
  readonly advice: string;
}

// Far above any origin, also one in decomposed Unicode. Bounds the work on a hostile value.
const VALUE_MAX_LENGTH = 1_000;
const QUOTE_MAX_LENGTH = 100;

const wholeOriginAdvice = 'Write the whole origin, such as "https://app.example.com"';
const hostAdvice = 'Write a host name, such as "https://app.example.com"';
const portAdvice = 'Write the port as a number from 1 to 65535, such as "http://localhost:3000"';
const entriesAdvice = 'Write each origin as an entry of its own, such as "https://app.example.com"';
const wildcardAdvice =
  'Write a wildcard as the whole leftmost label, such as "https://*.example.com"';
const opaqueAdvice = 'Write "*" if opaque origins must work; it admits every other origin as well';

/**
 * Reads one allowed origin and returns it in the form in which it is stored and compared: lower
 * case, without default port and trailing slash, IDN in Punycode, IPv6 compressed. That is `*`, an
 * origin that `parseOrigin()` accepts, or such an origin whose leftmost label is `*`: any subdomain
 * at any depth, but not the domain itself. Reading a returned pattern again returns the same.
 *
 * Returns a problem for everything that no browser sends as an origin, and for a wildcard right
 * under a public suffix such as `github.io`, which would admit strangers. Not caught is a domain
 * with public suffixes further down, such as `amazonaws.com`: the list cannot be asked for those.
 * Never throws.
 */
export function canonicalizeOriginPattern(value: string): OriginPatternResult {
  const result = readPattern(value);
  if (typeof result === 'string') return { ok: true, pattern: result };
  const reason = `Cannot allow origin ${quote(value)}: ${result.reason}`;
  return { ok: false, problem: { value, reason, fix: fixFor(result) } };
}

/**
 * Reads a list of allowed origins as `canonicalizeOriginPattern()` does each of them. Returns the
 * patterns in the order given, each once, and the problems of all values rather than the first.
 * Never throws. How many origins a key may have is not checked here.
 */
export function canonicalizeOriginPatterns(values: readonly string[]): OriginPatternsResult {
  const patterns = new Set<string>();
  const problems: OriginListProblem[] = [];
  for (const [index, value] of values.entries()) {
    const result = canonicalizeOriginPattern(value);
    if (result.ok) patterns.add(result.pattern);
    else problems.push({ index, ...result.problem });
  }
  return { patterns: [...patterns], problems };
}

/**
 * Lists what is allowed but deserves a second look, in the order of the canonical patterns given:
 * `*`, plain http to another machine, and the user's own machine beside public web origins. App
 * schemes are none of these: `capacitor://localhost` is an app, wherever it runs. Empty when there
 * is nothing to say. Never throws.
 */
export function originWarnings(patterns: readonly string[]): readonly OriginWarning[] {
  const hasPublic = patterns.some((pattern) => /^https?:/.test(pattern) && !isLoopback(pattern));
  return patterns.flatMap((pattern) => {
    const warning = warningFor(pattern, hasPublic);
    return warning === null ? [] : [{ pattern, warning }];
  });
}

function readPattern(value: string): string | Refusal {
  if (value === '*') return value;
  const refusal =
    refuseLength(value) ?? refuseKnownScheme(value) ?? refuseText(value) ?? refuseScheme(value);
  if (refusal !== null) return refusal;
  const parts = splitPattern(value);
  if ('reason' in parts) return parts;
  if (parts.host.includes('*')) return readWildcard(parts);
  const host = readHost(parts);
  return typeof host === 'string' ? `${parts.scheme}://${host}${parts.portSuffix}` : host;
}

// Soft hyphens, zero-width spaces, directional marks: UTS46 drops some of them silently, so that two
// entries could look alike and differ. The two joiners stay, some scripts are written with them.
const invisiblePattern = /(?![\u200c\u200d])\p{Cf}/u;

// In this order: of several rules that a value breaks, the first explains it best.
const textRules: readonly TextRule[] = [
  { refused: /^$/, reason: 'it is empty', advice: wholeOriginAdvice },
  {
    refused: /\p{Cs}/u,
    reason: 'half of a surrogate pair is no character',
    advice: wholeOriginAdvice,
  },
  {
    refused: /(?:^\*|:\/\/[^\s,;|]*)[\s,;|]+(?:\*|[A-Za-z][A-Za-z0-9+.-]*:\/\/)/,
    reason: 'one entry holds one origin, not several',
    advice: entriesAdvice,
  },
  {
    refused: /\s/,
    reason: 'an origin has no whitespace',
    guess: (value) => value.trim(),
    advice: 'Remove the whitespace',
  },
  {
    refused: /\p{Cc}/u,
    reason: 'an origin has no control characters',
    guess: (value) => value.replace(/\p{Cc}/gu, ''),
    advice: 'Remove the control characters',
  },
  {
    refused: invisiblePattern,
    reason: 'an origin has no invisible characters',
    guess: (value) => [...value].filter((character) => !invisiblePattern.test(character)).join(''),
    advice: 'Remove the invisible characters',
  },
  { refused: /,/, reason: 'one entry holds one origin, without a comma', advice: entriesAdvice },
  {
    refused: /^null\/?$/i,
    reason: '"null" stands for every opaque origin and names none',
    advice: opaqueAdvice,
  },
  {
    refused: /\\/,
    reason: 'an origin has no backslash',
    guess: (value) => value.replaceAll('\\', '/'),
    advice: 'Remove the backslash',
  },
  {
    refused: /^(?=[^/:]*\*)[^/:]*:\/\//,
    reason: 'a scheme is no place for a wildcard',
    guess: (value) => value.replace(/^[^:]*/, 'https'),
    advice: 'Write one origin for each scheme, such as "https://app.example.com"',
  },
];

/** Refuses what is far too long, before any other rule looks at it. */
function refuseLength(value: string): Refusal | null {
  if (value.length <= VALUE_MAX_LENGTH) return null;
  const reason = `it is longer than ${VALUE_MAX_LENGTH} characters`;
  return { reason, advice: wholeOriginAdvice };
}

/**
 * Refuses a scheme that no origin has. Before the rules about characters: what follows `data:` may be
 * anything, and mending it would not make an origin of it.
 */
function refuseKnownScheme(value: string): Refusal | null {
  const { scheme, rest } = splitScheme(value);
  return refusedSchemes.has(scheme) ? noSuchScheme(scheme, rest) : null;
}

/** Refuses a value for what it holds, whatever its structure. */
function refuseText(value: string): Refusal | null {
  const rule = textRules.find(({ refused }) => refused.test(value));
  if (rule === undefined) return null;
  const { reason, guess, advice } = rule;
  return { reason, advice, ...(guess && { guess: guess(value) }) };
}

/** Refuses a value that does not start with the scheme of an origin and two slashes. */
function refuseScheme(value: string): Refusal | null {
  const { scheme, slashes, rest } = splitScheme(value);
  // `localhost:3000` and `a.example:*` are a host and a port, though they read like a scheme.
  const isHostAndPort =
    slashes === '' && !webDefaultPorts.has(scheme) && /^(?:[0-9*:]|$)/.test(rest);
  if (scheme === '' || isHostAndPort) return missingScheme(value);
  if (slashes !== '//') {
    return {
      reason: 'exactly two slashes stand between scheme and host',
      guess: `${scheme}://${rest}`,
      advice: wholeOriginAdvice,
    };
  }
  if (scheme.length > SCHEME_MAX_LENGTH) {
    const reason = `its scheme is longer than ${SCHEME_MAX_LENGTH} characters`;
    return { reason, advice: wholeOriginAdvice };
  }
  return null;
}

/** The scheme in lower case, the slashes behind its colon, and what follows; empty where there is none. */
function splitScheme(value: string) {
  const [start = '', scheme = '', slashes = ''] =
    /^([A-Za-z][A-Za-z0-9+.-]*):(\/*)/.exec(value) ?? [];
  return { scheme: scheme.toLowerCase(), slashes, rest: value.slice(start.length) };
}

function missingScheme(value: string): Refusal {
  const rest = value.replace(/^(?::?\/\/)?/, '');
  const scheme = isLoopback(`http://${rest}`) ? 'http' : 'https';
  return {
    reason: 'a scheme such as https:// is required',
    guess: `${scheme}://${rest}`,
    advice: wholeOriginAdvice,
  };
}

function noSuchScheme(scheme: string, rest: string): Refusal {
  const reason = `no origin has the scheme ${quote(scheme)}`;
  switch (scheme) {
    // A WebSocket handshake carries the origin of the page that opened it.
    case 'ws':
    case 'wss':
      return {
        reason,
        guess: `${scheme.replace('ws', 'http')}://${rest}`,
        advice: wholeOriginAdvice,
      };
    case 'data':
    case 'file':
      return { reason: `${reason}, such pages have an opaque origin`, advice: opaqueAdvice };
    default:
      return {
        reason,
        advice: 'Write the origin of the page instead, such as "https://app.example.com"',
      };
  }
}

/** Takes apart what starts with a scheme and two slashes. Refuses what an origin has no part for. */
function splitPattern(value: string): PatternParts | Refusal {
  const schemeEnd = value.indexOf('://');
  const scheme = value.slice(0, schemeEnd).toLowerCase();
  const [authority, tail] = splitBefore(value.slice(schemeEnd + 3), /[/?#]/);
  if (tail !== '' && tail !== '/') return refuseTail(tail, `${scheme}://${authority}`);
  if (authority.includes('@')) {
    const [, host = ''] = /@([^@]*)$/.exec(authority) ?? [];
    return {
      reason: 'an origin has no user name or password',
      guess: `${scheme}://${host}`,
      advice: 'Remove the user name and password',
    };
  }
  if (/[[\]]/.test(authority)) return splitIpv6(scheme, authority);
  if (authority.includes('%')) {
    return {
      reason: 'a host has no percent sign, browsers decode it before they send an origin',
      advice: hostAdvice,
    };
  }
  if (/^[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*$/.test(authority)) {
    const guess = `${scheme}://[${authority}]`;
    return { ...notIpv6, reason: 'an IPv6 address stands in brackets', guess };
  }
  const [host, colonAndPort] = splitBefore(authority, /:/);
  return readPort(scheme, host, colonAndPort);
}

function refuseTail(tail: string, guess: string): Refusal {
  const [, first] = /^\/?([?#])/.exec(tail) ?? [];
  switch (first) {
    case '?':
      return { reason: 'an origin has no query', guess, advice: 'Remove the query' };
    case '#':
      return { reason: 'an origin has no fragment', guess, advice: 'Remove the fragment' };
    default:
      return { reason: 'an origin has no path', guess, advice: 'Remove the path' };
  }
}

const notIpv6: Refusal = {
  reason: 'brackets stand around an IPv6 address and nothing else',
  advice: 'Write the address in brackets, such as "http://[::1]:3000"',
};

function splitIpv6(scheme: string, authority: string): PatternParts | Refusal {
  if (authority.startsWith('*.')) return wildcardOnAddress(`${scheme}://${authority.slice(2)}`);
  if (authority.includes('%')) {
    return {
      ...notIpv6,
      reason: 'an IPv6 zone id means nothing outside its machine',
      guess: `${scheme}://${authority.replace(/%[^\]]*/, '')}`,
    };
  }
  const [, host, colonAndPort = ''] = /^(\[[^[\]]*\])(:.*)?$/.exec(authority) ?? [];
  return host === undefined ? notIpv6 : readPort(scheme, host, colonAndPort);
}

function readPort(scheme: string, host: string, colonAndPort: string): PatternParts | Refusal {
  if (colonAndPort === '') return { scheme, host, portSuffix: '' };
  const port = colonAndPort.slice(1);
  if (port.includes('*')) {
    return {
      reason: 'a port is no place for a wildcard',
      advice: 'Write one origin for each port, such as "http://localhost:3000"',
    };
  }
  const fault = portFault(port);
  switch (fault) {
    case null:
      return { scheme, host, portSuffix: port === webDefaultPorts.get(scheme) ? '' : `:${port}` };
    case 'empty':
      return {
        reason: 'the port after the colon is missing',
        guess: `${scheme}://${host}`,
        advice: portAdvice,
      };
    case 'leading_zero':
      return {
        reason: 'a port has no leading zeros',
        guess: `${scheme}://${host}:${port.replace(/^0+/, '')}`,
        advice: portAdvice,
      };
    case 'digits':
      return { reason: `the port ${quote(port)} is not a decimal number`, advice: portAdvice };
    case 'range':
      return { reason: `the port ${quote(port)} is not from 1 to 65535`, advice: portAdvice };
  }
}

function readWildcard(parts: PatternParts): string | Refusal {
  const { scheme, host, portSuffix } = parts;
  if (host === '*') {
    return {
      reason: 'a wildcard stands for the subdomains of a domain',
      advice: 'Write "*" to admit every origin, or "https://*.example.com" for those of a domain',
    };
  }
  if (!host.startsWith('*.')) {
    const reason = 'a wildcard is the whole leftmost label of a host, or the whole entry';
    const guess = `${scheme}://${host.replace(/^\*/, '*.')}${portSuffix}`;
    return { reason, advice: wildcardAdvice, ...(guess.includes('*.') && { guess }) };
  }
  const writtenBase = host.slice(2);
  if (writtenBase.includes('*')) {
    return { reason: 'a host has one wildcard at most', advice: wildcardAdvice };
  }
  if (!webDefaultPorts.has(scheme)) {
    return {
      reason: 'wildcards work under http and https only',
      advice: 'Write each app origin in full, such as "capacitor://localhost"',
    };
  }
  if (endsInNumber(nameOf(writtenBase.toLowerCase()))) {
    return wildcardOnAddress(`${scheme}://${writtenBase}${portSuffix}`);
  }
  const base = readHost({ ...parts, host: writtenBase });
  if (typeof base !== 'string') return base;
  // One letter and a dot are the least that an origin has in front of the base.
  const fault = hostFault(`a.${base}`);
  if (fault !== null) return refuseHost(fault, { ...parts, host: base });
  const name = nameOf(base);
  if (!isSharedAmongStrangers(name)) return `${scheme}://*.${base}${portSuffix}`;
  // Such a name need not be on the list: what is not counts as a public suffix as well.
  if (!name.includes('.')) {
    return {
      reason: `a wildcard directly under a top-level name such as ${quote(name)} admits everybody who has a name there`,
      advice: `Name a domain under it as well, such as "${scheme}://*.your-domain.${base}${portSuffix}"`,
    };
  }
  return {
    reason: `strangers can have names under ${quote(name)}, says the public suffix list`,
    advice: `Write each origin in full, such as "${scheme}://your-app.${base}${portSuffix}"`,
  };
}

function wildcardOnAddress(guess: string): Refusal {
  const advice = 'Write each address in full, such as "http://127.0.0.1:3000"';
  return { reason: 'an IP address has no subdomains for a wildcard', guess, advice };
}

/** Returns the host in the form in which browsers send it. */
function readHost(parts: PatternParts): string | Refusal {
  const { scheme, host } = parts;
  if (host === '') return { reason: 'the host is missing', advice: wholeOriginAdvice };
  const isWeb = webDefaultPorts.has(scheme);
  if (host.startsWith('[')) {
    if (!isWeb) return { ...notIpv6, reason: 'IPv6 addresses work under http and https only' };
    return (
      hostnameOf(host) ?? { ...notIpv6, reason: `${quote(host)} does not hold an IPv6 address` }
    );
  }
  const isAscii = /^[\x21-\x7e]*$/.test(host);
  if (!isAscii && !isWeb) {
    // The URL parser percent-encodes these: https://url.spec.whatwg.org/#concept-opaque-host-parser
    return {
      reason: 'a host under a scheme other than http and https is plain ASCII',
      advice: 'Write the host in ASCII, such as "capacitor://localhost"',
    };
  }
  // An ASCII host is not put through UTS46: https://url.spec.whatwg.org/#concept-domain-to-ascii
  const canonicalHost = isAscii ? host.toLowerCase() : hostnameOf(host);
  if (canonicalHost === null) {
    return { reason: `${quote(host)} is no valid domain name`, advice: hostAdvice };
  }
  // Fullwidth digits and the like make an address that nobody has typed in earnest.
  const isDisguisedAddress = !isAscii && endsInNumber(canonicalHost);
  const fault = isDisguisedAddress ? 'numeric' : hostFault(canonicalHost);
  return fault === null ? canonicalHost : refuseHost(fault, { ...parts, host: canonicalHost });
}

function refuseHost(fault: HostFault, { scheme, host, portSuffix }: PatternParts): Refusal {
  switch (fault) {
    case 'character': {
      const [character = ''] = /[^a-z0-9._-]/u.exec(host) ?? [];
      const reason = `a host has no ${quote(character)}, only letters, digits, "-", "_" and "."`;
      return { reason, advice: hostAdvice };
    }
    case 'empty_label':
      return { reason: 'the host has an empty label', advice: 'Remove the dot that is too many' };
    case 'label_too_long':
      return {
        reason: `a label of the host is longer than ${LABEL_MAX_LENGTH} characters`,
        advice: hostAdvice,
      };
    case 'host_too_long':
      return {
        reason: `the host is longer than ${HOST_MAX_LENGTH} characters`,
        advice: hostAdvice,
      };
    case 'numeric': {
      const address = hostnameOf(host);
      return {
        reason: 'a host that ends in a number is an IPv4 address of four decimal numbers',
        ...(address !== null && { guess: `${scheme}://${address}${portSuffix}` }),
        advice: 'Write the address in full, such as "http://127.0.0.1:3000"',
      };
    }
  }
}

/** Whether strangers can have names right under this one. */
function isSharedAmongStrangers(name: string): boolean {
  // RFC 6761 keeps `localhost` and what is under it on the loopback interface, so that nobody else
  // can have a name there. https://www.rfc-editor.org/rfc/rfc6761#section-6.3
  return name !== 'localhost' && isUnderPublicSuffix(name);
}

function warningFor(pattern: string, hasPublic: boolean): string | null {
  if (pattern === '*') {
    return 'Origin "*" admits every website, and opaque origins such as sandboxed frames and local files';
  }
  if (isLoopback(pattern)) {
    return hasPublic
      ? `Origin ${quote(pattern)} is on the machine of whoever opens it and listed beside public origins: any program on that machine can use the key, so that a separate key for development is safer`
      : null;
  }
  return pattern.startsWith('http:')
    ? `Origin ${quote(pattern)} is not encrypted: anyone on the network path can serve a page there and use the key`
    : null;
}

/** Whether the origin, which may be unread yet, is on the machine of whoever opens it. */
function isLoopback(origin: string): boolean {
  return /^https?:\/\/(?:(?:[^/:]*\.)?localhost\.?|127(?:\.[0-9]+){3}|\[::1\])(?=[/:]|$)/i.test(
    origin,
  );
}

function fixFor({ guess, advice }: Refusal): string {
  const pattern = guess === undefined ? null : readPattern(guess);
  return typeof pattern === 'string' ? `Write ${JSON.stringify(pattern)}` : advice;
}

/** Quotes what may be hostile: shortened, with everything escaped that does not show. */
function quote(text: string): string {
  const beginning = beginningOf(text, QUOTE_MAX_LENGTH);
  const shown = beginning === text ? text : `${beginning}...`;
  return JSON.stringify(shown).replace(/(?! )[\p{C}\p{Z}]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  const codeUnits = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return codeUnits.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

/** What the URL parser makes of a host alone, or `null` when it fails. */
function hostnameOf(host: string): string | null {
  return URL.parse(`https://${host}/`)?.hostname ?? null;
}

/** The host without the dot that may end it. */
function nameOf(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

function splitBefore(text: string, separator: RegExp): [before: string, rest: string] {
  const index = text.search(separator);
  return index === -1 ? [text, ''] : [text.slice(0, index), text.slice(index)];
}
