/**
 * The URLs that the portal may lead back to: the prefixes of the setting, and the check of one URL.
 *
 * A URL is compared by its origin and by whole segments of its path, as the parser reads them. Spellings
 * that servers read differently are refused, so that `/account/..%2fadmin` is not below `/account`.
 * Pure, no I/O. https://url.spec.whatwg.org/#url-parsing
 */

import { isLocalHttp } from '../isolation/local-http.ts';

/** A prefix of allowed URLs. */
export interface ReturnUrlPrefix {
  readonly origin: string;
  /** The segments that the path begins with; none: every path. */
  readonly segments: readonly string[];
  /** True for plain http on this machine, which counts only while the edge is on this machine as well. */
  readonly isLocal: boolean;
}

/** The reason why a URL is refused, and the remedy. */
export interface UrlFault {
  readonly reason: string;
  readonly fix: string;
}

/** A URL or prefix, or all that is wrong with it. */
export type UrlReading<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly faults: readonly UrlFault[] };

/** Longest URL that is read, in characters. */
export const RETURN_URL_MAX_LENGTH = 2_000;

const EXAMPLE = '"https://app.example.com/account"';

/** Reads a prefix: an origin such as `https://app.example.com`, with an optional path. */
export function readReturnUrlPrefix(text: string): UrlReading<ReturnUrlPrefix> {
  const { url, faults } = readUrl(text);
  if (/[?#]/.test(text)) {
    faults.push({
      reason: 'it holds a query or a fragment, which are not compared',
      fix: 'Remove everything from the first ? or #',
    });
  }
  if (url === null || faults.length > 0) return { ok: false, faults };
  const { origin, href } = url;
  return { ok: true, value: { origin, segments: segmentsOf(url), isLocal: isLocalHttp(href) } };
}

/**
 * Reads a URL that has to begin with one of these prefixes, and returns it as the parser writes it. `edgeUrl`
 * is a URL of the edge itself: a link over plain http on this machine needs an edge on this machine.
 */
export function readReturnUrl(
  text: string,
  prefixes: readonly ReturnUrlPrefix[],
  edgeUrl: string,
): UrlReading<string> {
  const { url, faults } = readUrl(text);
  if (url === null || faults.length > 0) return { ok: false, faults };
  const segments = segmentsOf(url);
  const isListed = prefixes.some(
    (prefix) =>
      prefix.origin === url.origin &&
      (!prefix.isLocal || isLocalHttp(edgeUrl)) &&
      prefix.segments.every((segment, index) => segment === segments[index]),
  );
  if (isListed) return { ok: true, value: url.href };
  const reason = 'it does not begin with an entry of PORTAL_RETURN_URLS';
  return { ok: false, faults: [{ reason, fix: 'Use a listed URL, or add its origin or path' }] };
}

/** Parses an absolute URL, and collects what is wrong with it. */
function readUrl(text: string): { readonly url: URL | null; readonly faults: UrlFault[] } {
  if (text.length > RETURN_URL_MAX_LENGTH) {
    const reason = `it is longer than ${RETURN_URL_MAX_LENGTH} characters`;
    return { url: null, faults: [{ reason, fix: 'Use a shorter URL' }] };
  }
  // The parser removes blanks and control characters, and reads a backslash as a slash.
  const isPlain = /^https?:\/\/[^\s\\/?#\p{Cc}][^\s\\\p{Cc}]*$/iu.test(text);
  const url = isPlain ? URL.parse(text) : null;
  if (url === null) {
    return {
      url,
      faults: [{ reason: 'it is not an absolute https URL', fix: `Write it like ${EXAMPLE}` }],
    };
  }
  const faults: UrlFault[] = [];
  if (url.hostname.includes('*')) {
    const reason = 'its host holds a *, and hosts are compared in full';
    faults.push({ reason, fix: 'List each host' });
  }
  if (url.protocol !== 'https:' && !isLocalHttp(url.href)) {
    const reason = 'it is plain http on another machine than this one';
    faults.push({ reason, fix: `Use https, as in ${EXAMPLE}` });
  }
  if (/^https?:\/\/[^/?#]*@/i.test(text)) {
    faults.push({ reason: 'it holds credentials', fix: 'Remove everything before the @' });
  }
  if (!isPlainPath(text.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, ''))) {
    faults.push({
      reason: 'its path holds an empty or a dot segment, or an encoded slash, backslash or dot',
      fix: 'Write the path plainly, such as "/account/keys"',
    });
  }
  return { url, faults };
}

function isPlainPath(path: string): boolean {
  return !/\/\/|\/\.{1,2}(?:\/|$)|%(?:2e|2f|5c)/i.test(path);
}

/** The segments of a path, without the empty one after a trailing slash. */
function segmentsOf({ pathname }: URL): readonly string[] {
  return pathname.split('/').filter((segment) => segment !== '');
}
