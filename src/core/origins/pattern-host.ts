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
  nameOf,
  portFault,
} from './host.ts';
import { advice, quote, type Refusal } from './pattern-help.ts';
import { isUnderPublicSuffix } from './public-suffixes.ts';
import { webDefaultPorts } from './scheme.ts';

/** A value taken apart. The host is still as it was typed. */
export interface PatternParts {
  /** Lower case. */
  readonly scheme: string;
  readonly host: string;
  /** Colon and port, or empty for the scheme's default port and for none. */
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
  if (authority.includes('%')) {
    return {
      reason: 'a host has no percent sign, browsers decode it before they send an origin',
      advice: advice.host,
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

/** Reads a host with a wildcard. Returns the whole pattern, or why it is refused. */
export function readWildcard(parts: PatternParts): string | Refusal {
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
    return { reason, advice: advice.wildcard, ...(guess.includes('*.') && { guess }) };
  }
  const writtenBase = host.slice(2);
  if (writtenBase.includes('*')) {
    return { reason: 'a host has one wildcard at most', advice: advice.wildcard };
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
export function readHost(parts: PatternParts): string | Refusal {
  const { scheme, host } = parts;
  if (host === '') return { reason: 'the host is missing', advice: advice.wholeOrigin };
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
    return { reason: `${quote(host)} is no valid domain name`, advice: advice.host };
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

function splitBefore(text: string, separator: RegExp): [before: string, rest: string] {
  const index = text.search(separator);
  return index === -1 ? [text, ''] : [text.slice(0, index), text.slice(index)];
}
