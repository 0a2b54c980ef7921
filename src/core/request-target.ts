/**
 * What a request asks for: its path and query, read from `request.url` as a string.
 *
 * The string is taken as it is because bare workerd keeps `%2e%2e`, `\` and `#` in it, and whatever
 * we judged must be what we forward. Pure, no I/O.
 * URL parsing: https://url.spec.whatwg.org/#url-parsing
 */

/** A request target, read once. */
export interface RequestTarget {
  /** From the first slash after the authority up to the first `?`, as received. */
  readonly path: string;
  /** From the `?` on, as received; empty without one. */
  readonly query: string;
  /** Host and port as received, or empty when they hold what no authority can. */
  readonly authority: string;
  /**
   * Whether the path holds only unreserved characters and single slashes, and no dot segment. Every
   * parser of the world reads such a path alike. https://www.rfc-editor.org/rfc/rfc3986#section-2.3
   */
  readonly isPlain: boolean;
}

const authorityPattern = /^[A-Za-z0-9.\-_[\]:]+$/;
const plainPathPattern = /^(?:\/[A-Za-z0-9\-._~]+)+\/?$|^\/$/;
const dotSegmentPattern = /\/\.\.?(?:\/|$)/;

/** Splits `request.url`. Never throws; a URL without a path has the path `/`. */
export function readTarget(url: string): RequestTarget {
  const authorityStart = url.indexOf('//') + 2;
  const pathStart = indexOrEnd(url, '/', authorityStart);
  const queryStart = indexOrEnd(url, '?', pathStart);
  const path = url.slice(pathStart, queryStart) || '/';
  const authority = url.slice(authorityStart, pathStart);
  return {
    path,
    query: url.slice(queryStart),
    authority: authorityPattern.test(authority) ? authority : '',
    isPlain: plainPathPattern.test(path) && !dotSegmentPattern.test(path),
  };
}

/**
 * Whether the target is in our own namespace, `/_edge/`, by any reading: as received, as `fetch`
 * would send it, or as a server would see it that decodes percent signs (once or more), folds case,
 * takes `\` for `/`, joins double slashes or drops `;parameters`. Such a target is never forwarded.
 */
export function isOwnTarget(target: RequestTarget): boolean {
  if (target.isPlain) return startsWithOwnPrefix(target.path);
  return (
    startsWithOwnPrefix(target.path) ||
    startsWithOwnPrefix(target.path.slice(0, indexOrEnd(target.path, '#', 0))) ||
    startsWithOwnPrefix(pathThatFetchSends(target)) ||
    startsWithOwnPrefix(`/${resolveSegments(target.path).segments.join('/')}`)
  );
}

/**
 * Whether some server could read the path as one above the root that it was appended to. Matters
 * where `UPSTREAM_URL` has a path of its own.
 */
export function climbsAboveRoot(target: RequestTarget): boolean {
  return !target.isPlain && resolveSegments(target.path).climbs;
}

/**
 * The path and query of this target as the WHATWG URL parser, and so `fetch`, would send them: dot
 * segments resolved, `\` turned into `/`, the fragment gone. For a plain path, the path itself.
 */
export function pathThatFetchSends(target: RequestTarget): string {
  if (target.isPlain) return target.path;
  return normalize(target).pathname;
}

/** The same for the query, with its `?`, or empty. */
export function queryThatFetchSends(target: RequestTarget): string {
  return target.isPlain && !target.query.includes('#') ? target.query : normalize(target).search;
}

/**
 * Whether a query can be forwarded for a key that may call only certain routes: visible ASCII
 * without `#`, and no parameter that a method-override middleware would read as the method.
 */
export function isRestrictedQuery(query: string): boolean {
  if (query === '') return true;
  return /^[\x21-\x22\x24-\x7e]*$/.test(query) && !overridesMethod(query);
}

function overridesMethod(query: string): boolean {
  // Both separators are in use: `;` was recommended by HTML 4.01 appendix B.2.2.
  return query
    .slice(1)
    .split(/[&;]/)
    .some((parameter) => {
      const name = decodeUntilStable(parameter.slice(0, indexOrEnd(parameter, '=', 0)));
      // PHP reads "." and " " in a name as "_"; qs and others read "_method[]" as "_method".
      const folded = name.replace(/[.+ ]/g, '_').replace(/[[(].*$/s, '');
      return folded.replace(/^_+/, '_').toLowerCase() === '_method';
    });
}

function startsWithOwnPrefix(path: string): boolean {
  return /^\/_edge(?:[/\\?;#]|$)/i.test(path);
}

/** The path's segments after every reading at once, and whether a `..` reached above the root. */
function resolveSegments(path: string): { segments: string[]; climbs: boolean } {
  const segments: string[] = [];
  let climbs = false;
  for (const raw of decodeUntilStable(path).split(/[/\\]/)) {
    const segment = raw
      .replace(/[\t\n\r]/g, '')
      .replace(/;.*$/s, '')
      .trim();
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') segments.push(segment.normalize('NFKC'));
    else if (segments.pop() === undefined) climbs = true;
  }
  return { segments, climbs };
}

/** Decodes percent-encoded ASCII again and again; five rounds are more than any server does. */
function decodeUntilStable(text: string): string {
  let decoded = text;
  for (let round = 0; round < 5 && decoded.includes('%'); round++) {
    decoded = decoded.replace(/%([0-7][0-9A-Fa-f])/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
  return decoded;
}

function normalize(target: RequestTarget): URL {
  // A fixed authority keeps a path such as `//evil.example/x` from becoming one.
  return new URL(`http://target.invalid${target.path}${target.query}`);
}

function indexOrEnd(text: string, character: string, from: number): number {
  const index = text.indexOf(character, from);
  return index === -1 ? text.length : index;
}
