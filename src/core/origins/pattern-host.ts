/**
 * Host and port of an origin pattern: taken apart, checked and brought into their canonical form.
 * Pure, no I/O.
 */

import {
  endsInNumber,
  HOST_MAX_LENGTH,
  type HostFault,
  hostFault,
  hostnameOf,
  LABEL_MAX_LENGTH,
  OPAQUE_HOST_MAX_LENGTH,
  opaqueHostFault,
  portFault,
} from './host.ts';
import { advice, quote, type Refusal } from './pattern-help.ts';
import { webDefaultPorts } from './scheme.ts';

/** The suffix of a pattern that admits any port. */
export const ANY_PORT = ':*';

/** A wildcard for ports in a place where none works. */
export const anyPortRefusal: Refusal = {
  reason: 'a wildcard for the port is "*" alone, and works on a loopback host',
  advice:
    'Write one origin for each port, such as "http://localhost:3000", or "http://localhost:*" for any port of your own machine',
};

/** A value taken apart. The host is still as it was typed. */
export interface PatternParts {
  /** Lower case. */
  readonly scheme: string;
  readonly host: string;
  /** Colon and port, `:*` for any, or empty for the scheme's default port and for none. */
  readonly portSuffix: string;
}

/** Takes apart what starts with a scheme and two slashes. Refuses what an origin has no part for. */
export function splitPattern(value: string): PatternParts | Refusal {
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
  if (authority.includes('%') && webDefaultPorts.has(scheme)) {
    return {
      reason: 'a host has no percent sign, browsers decode it before they send an origin',
      advice: advice.host,
    };
  }
  if (/^[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*$/.test(authority)) {
    const guess = `${scheme}://[${authority}]`;
    return { ...notIpv6, reason: 'an IPv6 address needs brackets', guess };
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
  if (authority.startsWith('*.'))
    return refuseWildcardOnAddress(`${scheme}://${authority.slice(2)}`);
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
  // Whether the host is a loopback host is known once it is canonical: `127.1` is one.
  if (port === '*') return { scheme, host, portSuffix: ANY_PORT };
  if (port.includes('*')) return anyPortRefusal;
  const fault = portFault(port);
  switch (fault) {
    case null:
      return { scheme, host, portSuffix: port === webDefaultPorts.get(scheme) ? '' : `:${port}` };
    case 'empty':
      return {
        reason: 'the port after the colon is missing',
        guess: `${scheme}://${host}`,
        advice: advice.port,
      };
    case 'leading_zero':
      return {
        reason: 'a port has no leading zeros',
        guess: `${scheme}://${host}:${port.replace(/^0+/, '')}`,
        advice: advice.port,
      };
    case 'digits':
      return { reason: `the port ${quote(port)} is not a decimal number`, advice: advice.port };
    case 'range':
      return { reason: `the port ${quote(port)} is not from 1 to 65535`, advice: advice.port };
  }
}

/** Returns the host in the form in which browsers send it, or why it is refused. */
export function readHost(parts: PatternParts): string | Refusal {
  const { scheme, host } = parts;
  if (host === '') return { reason: 'the host is missing', advice: advice.wholeOrigin };
  if (host.startsWith('[')) {
    return (
      hostnameOf(host) ?? { ...notIpv6, reason: `${quote(host)} does not hold an IPv6 address` }
    );
  }
  const isAscii = /^[\x21-\x7e]*$/.test(host);
  if (!webDefaultPorts.has(scheme)) return readAppHost(host, isAscii);
  // An ASCII host needs no mapping, so that a fault of it can be named: https://url.spec.whatwg.org/#concept-domain-to-ascii
  const canonicalHost = isAscii ? host.toLowerCase() : hostnameOf(host);
  if (canonicalHost === null) {
    return { reason: `${quote(host)} is no valid domain name`, advice: advice.host };
  }
  // Fullwidth digits and the like make an address that is not typed in earnest.
  const isDisguisedAddress = !isAscii && endsInNumber(canonicalHost);
  const fault = isDisguisedAddress ? 'numeric' : hostFault(canonicalHost);
  return fault === null ? canonicalHost : refuseHost(fault, { ...parts, host: canonicalHost });
}

/** Returns the host of an app scheme as it was typed: its case and its dots have a meaning there. */
function readAppHost(host: string, isAscii: boolean): string | Refusal {
  if (!isAscii) {
    return {
      reason:
        'a host under a scheme other than http and https is plain ASCII, because browsers differ in how they send other characters',
      advice: 'Write the host in ASCII, such as "capacitor://localhost"',
    };
  }
  switch (opaqueHostFault(host)) {
    case null:
      return host;
    case 'host_too_long':
      return {
        reason: `the host is longer than ${OPAQUE_HOST_MAX_LENGTH} characters`,
        advice: advice.host,
      };
    default: {
      const [character = ''] = /[<>[\]^|]/.exec(host) ?? [];
      return {
        reason: `no host has the character ${quote(character)}`,
        advice: 'Write the host as the app sends it, such as "capacitor://localhost"',
      };
    }
  }
}

/** Puts a fault of a host into words. */
export function refuseHost(fault: HostFault, { scheme, host, portSuffix }: PatternParts): Refusal {
  switch (fault) {
    case 'character': {
      const [character = ''] = /[^a-z0-9._-]/u.exec(host) ?? [];
      const reason = `a host has no ${quote(character)}, only letters, digits, "-", "_" and "."`;
      return { reason, advice: advice.host };
    }
    case 'empty_label':
      return { reason: 'the host has an empty label', advice: 'Remove the dot that is too many' };
    case 'label_too_long':
      return {
        reason: `a label of the host is longer than ${LABEL_MAX_LENGTH} characters`,
        advice: advice.host,
      };
    case 'host_too_long':
      return {
        reason: `the host is longer than ${HOST_MAX_LENGTH} characters`,
        advice: advice.host,
      };
    case 'punycode':
      return {
        reason: 'a label of the host starts with "xn--" and no international name follows',
        advice: 'Write the name itself, such as "https://example.com", or the Punycode of one',
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

/** Refuses a wildcard on an IP address. */
export function refuseWildcardOnAddress(guess: string): Refusal {
  const example = 'Write each address in full, such as "http://127.0.0.1:3000"';
  return { reason: 'an IP address has no subdomains for a wildcard', guess, advice: example };
}

function splitBefore(text: string, separator: RegExp): [before: string, rest: string] {
  const index = text.search(separator);
  return index === -1 ? [text, ''] : [text.slice(0, index), text.slice(index)];
}
