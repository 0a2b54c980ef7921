/**
 * Origin patterns with a wildcard: which are accepted, by the bounds of `wildcards.ts`, and why others
 * are refused. Pure, no I/O.
 */

import { endsInNumber, hostFault, isLoopbackHost, labelsOf, nameOf } from './host.ts';
import { advice, quote, type Refusal } from './pattern-help.ts';
import {
  ANY_PORT,
  anyPortRefusal,
  type PatternParts,
  readHost,
  refuseHost,
  refuseWildcardOnAddress,
} from './pattern-host.ts';
import { isUnderPublicSuffix } from './public-suffixes.ts';
import { PUNYCODE_PREFIX } from './punycode.ts';
import { isExtensionScheme, webDefaultPorts } from './scheme.ts';
import {
  HYPHENS_ON_EACH_SIDE_MAX,
  HYPHENS_ON_ONE_SIDE_MAX,
  WILDCARD_BASE_LABELS_MAX,
  WILDCARD_LITERALS_MIN,
} from './wildcards.ts';

const oneWildcard: Refusal = {
  reason: 'an origin has one wildcard at most',
  advice: advice.wildcard,
};

/** Reads a pattern for any port. Returns the whole pattern, or why it is refused. */
export function readAnyPort(parts: PatternParts): string | Refusal {
  if (parts.host.includes('*')) return oneWildcard;
  const host = readHost(parts);
  if (typeof host !== 'string') return host;
  const isLoopback = webDefaultPorts.has(parts.scheme) && isLoopbackHost(host);
  return isLoopback ? `${parts.scheme}://${host}${ANY_PORT}` : anyPortRefusal;
}

/** Reads a pattern whose host has a wildcard. Returns the whole pattern, or why it is refused. */
export function readWildcard(parts: PatternParts): string | Refusal {
  const { scheme, host } = parts;
  if (!webDefaultPorts.has(scheme)) return readIdWildcard(parts);
  if (host === '*') {
    return {
      reason: 'a wildcard stands for the subdomains of a domain',
      advice: 'Write "*" to admit every origin, or "https://*.example.com" for those of a domain',
    };
  }
  const [label = '', ...labels] = host.split('.');
  const base = labels.join('.');
  if (!label.includes('*')) {
    const reason = 'a wildcard is in the leftmost label of a host, or the whole entry';
    return { reason, advice: advice.wildcard };
  }
  if (base.includes('*')) return oneWildcard;
  return label === '*' ? readSubdomains(parts, base) : readNames(parts, label, base);
}

/** Reads `moz-extension://*`: any id of an extension. */
function readIdWildcard({ scheme, host, portSuffix }: PatternParts): string | Refusal {
  if (!isExtensionScheme(scheme)) {
    return {
      reason: 'wildcards work under http and https, and for the id of a browser extension',
      advice: 'Write each app origin in full, such as "capacitor://localhost"',
    };
  }
  if (host === '*' && portSuffix === '') return `${scheme}://*`;
  return {
    reason: 'a wildcard stands for the whole id of an extension',
    advice: 'Write each id in full, or "moz-extension://*" for every extension of a browser',
  };
}

/** Reads `https://*.example.com`: the subdomains of a domain, at any depth. */
function readSubdomains(parts: PatternParts, writtenBase: string): string | Refusal {
  const { scheme, portSuffix } = parts;
  const base = readBase(parts, writtenBase);
  if (typeof base !== 'string') return base;
  // One letter and a dot are the least that an origin has in front of the base.
  const fault = hostFault(`a.${base}`);
  if (fault !== null) return refuseHost(fault, { ...parts, host: base });
  if (!isSharedAmongStrangers(base)) return `${scheme}://*.${base}${portSuffix}`;
  // Such a name need not be on the list: what is not counts as a public suffix as well.
  const name = nameOf(base);
  if (!name.includes('.')) {
    return {
      reason: `a wildcard directly under a top-level name such as ${quote(name)} admits everybody who has a name there`,
      advice: `Name a domain under it as well, such as "${scheme}://*.your-domain.${base}${portSuffix}"`,
    };
  }
  return {
    reason: `strangers can have names under ${quote(name)}, says the public suffix list`,
    advice: `Write each origin in full, such as "${scheme}://your-app.${base}${portSuffix}", or preview deployments as "${scheme}://your-app-*.${base}${portSuffix}"`,
  };
}

/** Reads `https://my-app-*.vercel.app`: names that start or end in a text, or do both. */
function readNames(parts: PatternParts, label: string, writtenBase: string): string | Refusal {
  const { scheme, portSuffix } = parts;
  const [head = '', tail = '', ...more] = label.toLowerCase().split('*');
  if (more.length > 0) return oneWildcard;
  const refusal = refuseNames(head, tail, parts);
  if (refusal !== null) return refusal;
  const base = readBase(parts, writtenBase);
  if (typeof base !== 'string') return base;
  // A wildcard stands for one character at least.
  const shortest = `${head}a${tail}.${base}`;
  const fault = hostFault(shortest);
  if (fault !== null) return refuseHost(fault, { ...parts, host: shortest });
  return `${scheme}://${head}*${tail}.${base}${portSuffix}`;
}

/** Refuses a wildcard inside a label that would not be looked up, or that admits too much. */
function refuseNames(head: string, tail: string, { scheme, host, portSuffix }: PatternParts) {
  const example = 'such as "https://my-app-*.vercel.app"';
  if ((head !== '' && !head.endsWith('-')) || (tail !== '' && !tail.startsWith('-'))) {
    const guess = `${scheme}://${host.replace(/^\*/, '*.')}${portSuffix}`;
    return {
      reason: 'a wildcard is the whole leftmost label of a host, or has a hyphen next to it',
      advice: advice.wildcard,
      ...(head === '' && { guess }),
    };
  }
  if (head.startsWith(PUNYCODE_PREFIX)) {
    return {
      reason: 'a wildcard cannot be part of an international name, which is encoded as a whole',
      advice: `Write each origin in full, or use a name in plain ASCII, ${example}`,
    };
  }
  if (head.length + tail.length < WILDCARD_LITERALS_MIN) {
    const reason = `fewer than ${WILDCARD_LITERALS_MIN} characters stand beside the wildcard`;
    return { reason, advice: `Write more of the name, ${example}` };
  }
  const isBothSides = head !== '' && tail !== '';
  const most = isBothSides ? HYPHENS_ON_EACH_SIDE_MAX : HYPHENS_ON_ONE_SIDE_MAX;
  if (Math.max(hyphensIn(head), hyphensIn(tail)) <= most) return null;
  const place = isBothSides ? 'on each side of a wildcard' : 'beside a wildcard';
  return {
    reason: `the text ${place} holds at most ${most} hyphens`,
    advice: `Write less of the name, ${example}`,
  };
}

/** Reads what follows the leftmost label of a wildcard. */
function readBase(parts: PatternParts, writtenBase: string): string | Refusal {
  const { scheme, portSuffix } = parts;
  if (endsInNumber(nameOf(writtenBase.toLowerCase()))) {
    return refuseWildcardOnAddress(`${scheme}://${writtenBase}${portSuffix}`);
  }
  const base = readHost({ ...parts, host: writtenBase });
  if (typeof base !== 'string' || labelsOf(base) <= WILDCARD_BASE_LABELS_MAX) return base;
  return {
    reason: `a wildcard has at most ${WILDCARD_BASE_LABELS_MAX} labels after its own`,
    advice: `Write each origin in full, or a wildcard for a shorter domain, such as "https://*.example.com"`,
  };
}

/**
 * Tells whether strangers can have names directly under a host, which is canonical.
 *
 * RFC 6761 keeps `localhost` and the names under it on the loopback interface, so that no stranger can
 * have a name there. https://www.rfc-editor.org/rfc/rfc6761#section-6.3
 */
export function isSharedAmongStrangers(base: string): boolean {
  const name = nameOf(base);
  return name !== 'localhost' && isUnderPublicSuffix(name);
}

function hyphensIn(text: string): number {
  return text.split('-').length - 1;
}
