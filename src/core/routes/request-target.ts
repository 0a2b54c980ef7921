/**
 * The target of a request: its path and query, read from `request.url` as a string.
 *
 * The string is used as received because bare workerd keeps `%2e%2e`, `\` and `#` in it, and whatever
 * we judged must be what we forward. Pure, no I/O.
 * URL parsing: https://url.spec.whatwg.org/#url-parsing
 */

import { SEGMENT_CHARACTERS } from './path-grammar.ts';

/** A request target, read once. */
export interface RequestTarget {
  /** From the first slash after the authority up to the first `?`, as received. */
  readonly path: string;
  /** From the `?` on, as received; empty without one. */
  readonly query: string;
  /** Host and port as received, or empty when they hold what no authority can. */
  readonly authority: string;
  readonly scheme: 'https' | 'http';
  /**
   * `true` if the path holds only the characters of `path-grammar.ts` and single slashes, and no dot
   * segment. Every parser of the world reads such a path alike.
   */
  readonly isPlain: boolean;
}

const authorityPattern = /^[A-Za-z0-9.\-_[\]:]+$/;
// No segment of dots alone: `...` and longer ones are one more way up for some servers.
const plainPathPattern = new RegExp(`^(?:/(?!\\.+(?:/|$))[${SEGMENT_CHARACTERS}]+)+/?$|^/$`);
const OWN_SEGMENT = '_edge';

/** Splits `request.url`. Never throws; a URL without a path has the path `/`. */
export function readTarget(url: string): RequestTarget {
  const authorityStart = url.indexOf('//') + 2;
  const queryStart = indexOrEnd(url, '?', authorityStart);
  const pathStart = Math.min(indexOrEnd(url, '/', authorityStart), queryStart);
  const path = url.slice(pathStart, queryStart) || '/';
  const authority = url.slice(authorityStart, pathStart);
  return {
    path,
    query: url.slice(queryStart),
    authority: authorityPattern.test(authority) ? authority : '',
    scheme: url.startsWith('https:') ? 'https' : 'http',
    isPlain: plainPathPattern.test(path),
  };
}

/**
 * Returns whether the target is in our own namespace, `/_edge/`, by any reading: as received, as `fetch`
 * would send it, or as a server would see it that decodes percent signs (once or more, also overlong
 * UTF-8 and `%u005f`), folds case or Unicode, takes `\` for `/`, joins double slashes or drops
 * `;parameters`. Such a target is never forwarded.
 */
export function isOwnTarget(target: RequestTarget): boolean {
  if (target.isPlain) return /^\/_edge(?:\/|$)/i.test(target.path);
  return readingsOf(target).some(({ isOwn }) => isOwn);
}

/**
 * Returns whether some server could read the path as one above the root that it was appended to. Matters
 * where `UPSTREAM_URL` has a path of its own.
 */
export function climbsAboveRoot(target: RequestTarget): boolean {
  return !target.isPlain && readingsOf(target).some(({ climbs }) => climbs);
}

/**
 * The path of this target as the WHATWG URL parser, and so `fetch`, would send it: dot segments
 * resolved, `\` turned into `/`, the fragment gone. For a plain path, the path itself.
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
 * Returns whether a query can be forwarded for a key that may call only certain routes: visible ASCII
 * without `#`, and no parameter that a method-override middleware would read as the method.
 */
export function isRestrictedQuery(query: string): boolean {
  if (query === '') return true;
  return /^[\x21-\x22\x24-\x7e]*$/.test(query) && !overridesMethod(query);
}

// After folding. `_method`: Rails, Symfony, Laravel, Spring, WordPress, Express' method-override. The
// others: ASP.NET MVC reads the well-known headers' names from the query as well.
const overridePattern =
  /^_+(?:http_)?method_*$|^_*x_(?:http_method(?:_override)?|method_override)_*$/;

function overridesMethod(query: string): boolean {
  // Nearly all queries end here: without an escape, the word itself must be there.
  if (!/%|method/i.test(query)) return false;
  // As received, and as a server sees it that decodes the whole query before it splits it.
  return [query, ...decodings(query)].some((reading) =>
    // Both `&` and `;` are in use: `;` was recommended by HTML 4.01 appendix B.2.2. Some servers take
    // the query from the last `?` on.
    reading.split(/[&;?]/).some((parameter) => overridePattern.test(parameterName(parameter))),
  );
}

/** The name of a `name=value` as the loosest of all parsers reads it. */
function parameterName(parameter: string): string {
  return (
    decodeFully(parameter.slice(0, indexOrEnd(parameter, '=', 0)))
      // qs reads "[_method]" as "_method".
      .replace(/^\[+/, '')
      // Nearly all read "_method[]" as a list named "_method"; PHP's names end at a NUL.
      .replace(/[[\](\0].*$/s, '')
      // PHP reads "." and " " in a name as "_". A hyphen is one in the headers' names.
      .replace(/[-.+\s]/g, '_')
      .toLowerCase()
  );
}

/** The readings of the path as received and, if that differs, as `fetch` sends it. */
function readingsOf(target: RequestTarget): readonly { isOwn: boolean; climbs: boolean }[] {
  const sent = pathThatFetchSends(target);
  return (sent === target.path ? [sent] : [target.path, sent]).map(readEveryWay);
}

/**
 * Reads a path at once in every way that some server is known to read it, and returns the worst result.
 * Servers disagree on where a segment ends and on which segments count. So the result is the least depth
 * below the root that any of them can reach.
 */
function readEveryWay(path: string): { isOwn: boolean; climbs: boolean } {
  let leastDepth = 0;
  let isOwn = false;
  let climbs = false;
  // The URL parser drops tabs and line breaks before it does anything else.
  for (const raw of path.replace(/[\t\n\r]/g, '').split('/')) {
    const startDepth = leastDepth;
    leastDepth = Number.POSITIVE_INFINITY;
    for (const text of [raw, ...decodings(raw)]) {
      let depth = startDepth;
      // Of a name or a parameter, what follows is a part for those who do not see the separator.
      let isAfterName = false;
      let isAfterCut = false;
      for (const part of text.split(/[/\\]/)) {
        const names = namesOf(part);
        if (names.includes('..')) {
          climbs ||= depth === 0;
          depth = Math.max(0, depth - 1);
          isAfterName = false;
        } else if (!names.includes('') && !names.includes('.')) {
          isOwn ||= depth === 0 && names.includes(OWN_SEGMENT);
          if (!isAfterName && !isAfterCut) depth += 1;
          isAfterName = true;
        }
        isAfterCut ||= cutPattern.test(part);
      }
      leastDepth = Math.min(leastDepth, depth);
    }
  }
  return { isOwn, climbs };
}

const cutPattern = /[;?#\0]/;

/** The names of a segment, for servers that drop a NUL and for those that end the name there. */
function namesOf(segment: string): readonly string[] {
  const texts = segment.includes('\0') ? [segment, segment.replace(/\0.*$/s, '')] : [segment];
  return texts.map((text) =>
    text
      .replace(/[;?#].*$/s, '')
      .replace(/\p{C}/gu, '')
      .trim()
      .toLowerCase(),
  );
}

/** Returns a text decoded once, twice and so on, until nothing changes. */
function decodings(text: string): readonly string[] {
  const found: string[] = [];
  // Five rounds are more than any server does.
  for (let decoded = text; found.length < 5 && /[^\0-$&-\x7f]/.test(decoded); ) {
    const next = decodeOnce(decoded);
    if (next === decoded) break;
    found.push(next);
    decoded = next;
  }
  return found;
}

function decodeFully(text: string): string {
  return decodings(text).at(-1) ?? text;
}

/**
 * Decodes every escape once and folds look-alikes (NFKC), more leniently than any one server: UTF-8
 * as it was before overlong forms were forbidden, and IIS' `%u005f`. Other bytes become U+FFFD.
 */
function decodeOnce(text: string): string {
  return text
    .replace(/%u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/(?:%[0-9a-f]{2})+/gi, decodeUtf8)
    .replace(/[^\0-\x7f]/gu, foldCharacter);
}

/**
 * The ASCII that a character is a look-alike of, or itself. Taken one by one, because many combining
 * marks together would take a time that grows with their square.
 */
function foldCharacter(character: string): string {
  const folded = character.normalize('NFKC');
  return /^[\0-\x7f]+$/.test(folded) ? folded : character;
}

/** Decodes a run of `%XX`. https://www.rfc-editor.org/rfc/rfc3629#section-10 says why not to. */
function decodeUtf8(escapes: string): string {
  const bytes = escapes
    .split('%')
    .slice(1)
    .map((hex) => Number.parseInt(hex, 16));
  let text = '';
  for (let index = 0; index < bytes.length; ) {
    const lead = bytes[index++] ?? 0;
    if (lead < 0x80) {
      text += String.fromCharCode(lead);
      continue;
    }
    // The leading ones of a lead byte say how many bytes there are; 0xfe and 0xff lead none.
    const length = Math.clz32(~(lead << 24));
    let codePoint = lead & (0x7f >> length);
    let rest = length - 1;
    for (; rest > 0 && ((bytes[index] ?? 0) & 0xc0) === 0x80; rest--) {
      codePoint = codePoint * 64 + ((bytes[index++] ?? 0) & 0x3f);
    }
    const isCharacter = length > 1 && length < 7 && rest === 0 && codePoint <= 0x10ffff;
    text += isCharacter ? String.fromCodePoint(codePoint) : '\ufffd';
  }
  return text;
}

function normalize(target: RequestTarget): URL {
  // A fixed authority keeps a path such as `//evil.example/x` from becoming one.
  return new URL(`http://target.invalid${target.path}${target.query}`);
}

function indexOrEnd(text: string, character: string, from: number): number {
  const index = text.indexOf(character, from);
  return index === -1 ? text.length : index;
}
