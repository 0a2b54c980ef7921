/**
 * The parts that no origin pattern may hold, whatever its structure: the table of characters, and schemes.
 * Pure, no I/O.
 */

import { isLoopback } from './host.ts';
import { advice, quote, type Refusal } from './pattern-help.ts';
import { refusedSchemes, SCHEME_MAX_LENGTH, webDefaultPorts } from './scheme.ts';

/** Something that no origin holds, wherever it stands. */
interface TextRule {
  readonly refused: RegExp;
  readonly reason: string;
  readonly guess?: (value: string) => string;
  readonly advice: string;
}

// Far above any origin, also one in decomposed Unicode. Bounds the work on a hostile value.
const VALUE_MAX_LENGTH = 1_000;

// Soft hyphens, zero-width spaces, directional marks: UTS46 drops some of them silently, so that two
// entries could look alike and differ. The two joiners stay, some scripts are written with them.
const invisiblePattern = /(?![\u200c\u200d])\p{Cf}/u;

// In this order: of several rules that a value breaks, the first explains it best.
const textRules: readonly TextRule[] = [
  { refused: /^$/, reason: 'it is empty', advice: advice.wholeOrigin },
  {
    refused: /\p{Cs}/u,
    reason: 'half of a surrogate pair is no character',
    advice: advice.wholeOrigin,
  },
  {
    refused: /(?:^\*|:\/\/[^\s,;|]*)[\s,;|]+(?:\*|[A-Za-z][A-Za-z0-9+.-]*:\/\/)/,
    reason: 'one entry holds one origin, not several',
    advice: advice.entries,
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
  {
    refused: /^(?:(?![a-z][a-z0-9+.-]*:\/\/)|https?:).*,/is,
    reason: 'one entry holds one origin, without a comma',
    advice: advice.entries,
  },
  {
    refused: /^null\/?$/i,
    reason: '"null" stands for every opaque origin and names none',
    advice: advice.opaque,
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
export function refuseLength(value: string): Refusal | null {
  if (value.length <= VALUE_MAX_LENGTH) return null;
  const reason = `it is longer than ${VALUE_MAX_LENGTH} characters`;
  return { reason, advice: advice.wholeOrigin };
}

/**
 * Refuses a scheme that no origin has. Before the rules about characters: what follows `data:` may be
 * anything, and mending it would not make an origin of it.
 */
export function refuseKnownScheme(value: string): Refusal | null {
  const { scheme, rest } = splitScheme(value);
  return refusedSchemes.has(scheme) ? noSuchScheme(scheme, rest) : null;
}

/** Refuses a value for what it holds, whatever its structure. */
export function refuseText(value: string): Refusal | null {
  const rule = textRules.find(({ refused }) => refused.test(value));
  if (rule === undefined) return null;
  const { guess, refused: _, ...refusal } = rule;
  return { ...refusal, ...(guess && { guess: guess(value) }) };
}

/** Refuses a value that does not start with the scheme of an origin and two slashes. */
export function refuseScheme(value: string): Refusal | null {
  const { scheme, slashes, rest } = splitScheme(value);
  // `localhost:3000` and `a.example:*` are a host and a port, though they read like a scheme.
  const isHostAndPort =
    slashes === '' && !webDefaultPorts.has(scheme) && /^(?:[0-9*:]|$)/.test(rest);
  if (scheme === '' || isHostAndPort) return missingScheme(value);
  if (slashes !== '//') {
    return {
      reason: 'exactly two slashes stand between scheme and host',
      guess: `${scheme}://${rest}`,
      advice: advice.wholeOrigin,
    };
  }
  if (scheme.length > SCHEME_MAX_LENGTH) {
    const reason = `its scheme is longer than ${SCHEME_MAX_LENGTH} characters`;
    return { reason, advice: advice.wholeOrigin };
  }
  return null;
}

/** The scheme in lower case, the slashes behind its colon, and the rest; empty if it is absent. */
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
    advice: advice.wholeOrigin,
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
        advice: advice.wholeOrigin,
      };
    case 'data':
    case 'file':
      return { reason: `${reason}, such pages have an opaque origin`, advice: advice.opaque };
    default:
      return {
        reason,
        advice: 'Write the origin of the page instead, such as "https://app.example.com"',
      };
  }
}
