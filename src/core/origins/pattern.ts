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

import { quote, type Refusal } from './pattern-help.ts';
import { ANY_PORT, readHost, splitPattern } from './pattern-host.ts';
import { refuseKnownScheme, refuseLength, refuseScheme, refuseText } from './pattern-text.ts';
import { readAnyPort, readWildcard } from './pattern-wildcard.ts';

/** Why one value cannot be an allowed origin. */
export interface OriginProblem {
  /** Exactly as given, whatever it holds. `reason` quotes it shortened and escaped. */
  readonly value: string;
  readonly reason: string;
  readonly fix: string;
}

/** The result of reading one value. */
export type OriginPatternResult =
  | { readonly ok: true; readonly pattern: string }
  | { readonly ok: false; readonly problem: OriginProblem };

/**
 * Reads one allowed origin and returns it in the form in which it is stored and compared: without
 * default port and trailing slash, http(s) hosts in lower case and in Punycode, IPv6 compressed. That is
 * `*`, an origin that `parseOrigin()` accepts, or one of the wildcards of `wildcards.ts`. Reading a
 * returned pattern again returns the same.
 *
 * Returns a problem for everything that no browser sends as an origin, and for all subdomains of a
 * public suffix such as `github.io`, which would admit strangers. A wildcard beside a hyphen is accepted
 * there, and `warnings.ts` warns about it. Not caught is a domain with public suffixes further down, such
 * as `amazonaws.com`: the list cannot be asked for those. Never throws.
 */
export function canonicalizeOriginPattern(value: string): OriginPatternResult {
  const result = readPattern(value);
  if (typeof result === 'string') return { ok: true, pattern: result };
  const reason = `Cannot allow origin ${quote(value)}: ${result.reason}`;
  return { ok: false, problem: { value, reason, fix: fixFor(result) } };
}

function readPattern(value: string): string | Refusal {
  if (value === '*') return value;
  const refusal =
    refuseLength(value) ?? refuseKnownScheme(value) ?? refuseText(value) ?? refuseScheme(value);
  if (refusal !== null) return refusal;
  const parts = splitPattern(value);
  if ('reason' in parts) return parts;
  if (parts.portSuffix === ANY_PORT) return readAnyPort(parts);
  if (parts.host.includes('*')) return readWildcard(parts);
  const host = readHost(parts);
  return typeof host === 'string' ? `${parts.scheme}://${host}${parts.portSuffix}` : host;
}

function fixFor({ guess, advice }: Refusal): string {
  const pattern = guess === undefined ? null : readPattern(guess);
  return typeof pattern === 'string' ? `Write ${JSON.stringify(pattern)}` : advice;
}
