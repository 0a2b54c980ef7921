/**
 * The one change after which a refused path would be allowed, as a sentence for an explanation.
 *
 * Asks the route table about paths and methods that are nearly those of the request, so it cannot
 * differ from what the table matches. Callers of the API never read the sentence: it would tell a
 * stranger which routes a key has. Pure, no I/O.
 */

import { truncateWithEllipsis } from '../text.ts';
import { ROUTE_METHODS } from './methods.ts';
import { ID_MAX_LENGTH, nameInId } from './path-grammar.ts';
import type { RouteTable } from './route-table.ts';

/** A request that no row covers, and the questions to ask about those beside it. */
export interface RefusedRequest {
  readonly method: string;
  readonly path: string;
  /** The row that covers a method and a path; `null`: none does. */
  readonly match: RouteTable['match'];
  readonly spellings: RouteTable['spellings'];
}

/**
 * Returns the nearest miss of a request as a sentence without a full stop: another method, a slash,
 * the case, or one segment. `null` if a row covers the request, or if more than one thing is wrong.
 */
export function nearMiss(request: RefusedRequest): string | null {
  if (request.match(request.method, request.path) !== null) return null;
  for (const missOf of [methodMiss, lastSlashMiss, caseMiss, segmentMiss, slashesMiss]) {
    const miss = missOf(request);
    if (miss !== null) return miss;
  }
  return null;
}

function methodMiss({ method, path, match }: RefusedRequest): string | null {
  const allowed = ROUTE_METHODS.filter((other) => match(other, path) !== null);
  if (allowed.length === 0) return null;
  return `The key may call this path with ${allowed.join(' or ')}, but not with ${method}`;
}

function lastSlashMiss({ method, path, match }: RefusedRequest): string | null {
  const row = path.endsWith('/') ? match(method, path.slice(0, -1)) : null;
  return row && `The path without the slash at its end is allowed by ${row.template}`;
}

function caseMiss({ method, path, match, spellings }: RefusedRequest): string | null {
  for (const spelling of spellings(path)) {
    const row = match(method, spelling);
    if (row === null) continue;
    return `The path differs only in upper and lower case from ${quote(spelling)}, which is allowed by ${row.template}`;
  }
  return null;
}

/** Each segment takes a pass over the path, and no row that people write is as long as this. */
const SEGMENTS_MAX = 100;
/** An id that no deployment reserves, and a segment that every tail takes. */
const SAMPLE = '0-Sample_0';

function segmentMiss({ method, path, match }: RefusedRequest): string | null {
  const segments = path.slice(1).split('/', SEGMENTS_MAX + 1);
  if (segments.length > SEGMENTS_MAX) return null;
  for (const [index, segment] of segments.entries()) {
    const matchWith = (other: string) => match(method, `/${segments.with(index, other).join('/')}`);
    const row = matchWith(SAMPLE);
    const fault = row && segmentFault(segment, (other) => matchWith(other) !== null);
    if (fault) return `The segment ${quote(segment)} does not fit ${row.template}: ${fault}`;
  }
  return null;
}

/** Comes after the single segments: an empty one in the place of an id is rather a missing id. */
function slashesMiss({ method, path, match }: RefusedRequest): string | null {
  const named = path.split('/').filter((segment) => segment !== '');
  const row = match(method, `/${named.join('/')}`);
  return row && `The path without its empty segments is allowed by ${row.template}`;
}

/** The reason for which a segment is not accepted where a plain id is. */
function segmentFault(segment: string, isAccepted: (other: string) => boolean): string | null {
  if (segment === '') return 'it is empty';
  const character = [...new Set(segment)].find((each) => !isAccepted(`0${each}0`));
  if (character !== undefined) return `it holds ${JSON.stringify(character)}`;
  if (/^\.+$/.test(segment)) return 'it consists of dots alone';
  if (segment.length > ID_MAX_LENGTH) return `it is longer than ${ID_MAX_LENGTH} characters`;
  // With another beginning it is another word, so the word is what is refused.
  const word = nameInId(segment);
  if (!isAccepted(`0${segment}`)) return null;
  return word === segment ? 'it is a reserved word' : `${quote(word)} is a reserved word`;
}

function quote(text: string): string {
  return JSON.stringify(truncateWithEllipsis(text, 100));
}
