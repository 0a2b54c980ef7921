/**
 * Matches a method and a path against a list of allowed routes.
 *
 * Exact in every respect: method and path, case-sensitive, no trailing slash, no empty segment, no
 * HEAD implied by GET. The path that comes back is built from the row's template and the captured
 * ids, so that what is forwarded is the row and not the text of the request. Pure, no I/O.
 */

import { ROUTE_METHODS } from './methods.ts';
import { idPatternFor, isSegment, nameInId, readTemplateId } from './path-grammar.ts';

/**
 * One allowed route. In a path, `{kind}` stands for one id, of a kind that may have reserved words, and
 * `{kind(.@)}` for one that may hold these characters too.
 */
export interface RouteRow {
  /** In any case, or `*` for each of `ROUTE_METHODS`. */
  readonly methods: readonly string[];
  /** The cost of a request towards the quota of its key, from 1 to 100. Absent: 1. */
  readonly cost?: number;
  /** For example `/api/stream/{stream}/sessions`. A last segment `*` stands for one or more segments. */
  readonly path: string;
}

/** A list of routes, as data. */
export interface RouteList {
  readonly routes: readonly RouteRow[];
  /** By id kind: words in the place of an id that are routes of their own upstream, in lower case. */
  readonly reservedWords: Readonly<Record<string, readonly string[]>>;
  /** Id kinds that may hold encoded slashes, `a%2Fb`. Only for routes that need no key. */
  readonly encodedIds?: readonly string[];
}

/** A match: the row that allows the request, and the path to forward. */
export interface RouteMatch {
  /** The row's path, for logs: `/api/stream/{stream}`. */
  readonly template: string;
  /** The row's template with the captured ids in it. */
  readonly path: string;
}

/** A compiled list of routes. Matching costs one map look-up a segment, however many rows there are. */
export interface RouteTable {
  match(method: string, path: string): RouteMatch | null;
  /** The path in each spelling that differs in the case of literals only and has the shape of a row. */
  spellings(path: string): Iterable<string>;
}

/** A place in the tree of segments. Most places need one of the four maps, so each is made on demand. */
interface RouteNode {
  literals: Map<string, RouteNode> | null;
  ids: Map<string, IdBranch> | null;
  /** Templates by method, for paths that end here. */
  rows: Map<string, string> | null;
  /** Templates by method, for paths that continue here in any way. */
  tails: Map<string, string> | null;
}

/** The kind of an id, and the branches that follow it. */
interface IdBranch {
  readonly pattern: RegExp;
  readonly reserved: ReadonlySet<string>;
  readonly next: RouteNode;
}

// Parts that cannot be dot segments, joined by encoded slashes, for every decoder.
const encodedIdPattern = /^(?=.{1,512}$)[A-Za-z0-9_-]+(?:(?:%2[Ff]|\.)[A-Za-z0-9_-]+)*$/;

/**
 * Compiles a list of routes. Rows are trusted here: they are validated where they are written, in
 * `key-access.ts` and in the configuration.
 */
export function compileRoutes(list: RouteList): RouteTable {
  const root = newNode();
  const wordsByKind = new Map<string, ReadonlySet<string>>();
  for (const row of list.routes) {
    const segments = row.path.slice(1).split('/');
    const hasTail = segments.at(-1) === '*';
    let node = root;
    for (const segment of hasTail ? segments.slice(0, -1) : segments) {
      node = childFor(node, segment, list, wordsByKind);
    }
    if (hasTail) node.tails ??= new Map();
    else node.rows ??= new Map();
    const rows = (hasTail ? node.tails : node.rows) as Map<string, string>; // Made just now.
    for (const method of methodsOf(row)) rows.set(method, row.path);
  }
  return {
    match: (method, path) => matchPath(root, method, path),
    spellings: (path) => spellingsOf(root, path.slice(1).split('/'), 0, ''),
  };
}

function matchPath(root: RouteNode, method: string, path: string): RouteMatch | null {
  if (!path.startsWith('/')) return null;
  const segments = path.slice(1).split('/');
  return matchSegments(root, method, segments, 0, '');
}

/** Literals are tried before ids, and both before tails; the first row that fits wins. */
function matchSegments(
  node: RouteNode,
  method: string,
  segments: readonly string[],
  index: number,
  built: string,
): RouteMatch | null {
  const segment = segments[index];
  if (segment === undefined) return finish(node.rows, method, built);

  const literal = node.literals?.get(segment);
  const exact =
    literal && matchSegments(literal, method, segments, index + 1, `${built}/${segment}`);
  if (exact) return exact;

  for (const { pattern, reserved, next } of node.ids?.values() ?? []) {
    // The upstream may ignore case (Express does), so a reserved word is one in any case.
    if (!pattern.test(segment) || reserved.has(nameInId(segment))) continue;
    const match = matchSegments(next, method, segments, index + 1, `${built}/${segment}`);
    if (match) return match;
  }

  if (node.tails === null) return null;
  const rest = segments.slice(index);
  if (!rest.every(isSegment)) return null;
  return finish(node.tails, method, `${built}/${rest.join('/')}`);
}

function finish(
  rows: ReadonlyMap<string, string> | null,
  method: string,
  path: string,
): RouteMatch | null {
  const template = rows?.get(method);
  return template === undefined ? null : { template, path };
}

/** Visits each node once at most, because a node has one place in the path. */
function* spellingsOf(
  node: RouteNode,
  segments: readonly string[],
  index: number,
  built: string,
): Generator<string> {
  const segment = segments[index];
  if (segment === undefined) {
    yield built;
    return;
  }
  for (const [literal, next] of node.literals ?? []) {
    if (literal.toLowerCase() !== segment.toLowerCase()) continue;
    yield* spellingsOf(next, segments, index + 1, `${built}/${literal}`);
  }
  for (const { next } of node.ids?.values() ?? []) {
    yield* spellingsOf(next, segments, index + 1, `${built}/${segment}`);
  }
  if (node.tails !== null) yield [built, ...segments.slice(index)].join('/');
}

function childFor(
  node: RouteNode,
  segment: string,
  list: RouteList,
  wordsByKind: Map<string, ReadonlySet<string>>,
): RouteNode {
  const id = readTemplateId(segment);
  if (id === null) {
    node.literals ??= new Map();
    const existing = node.literals.get(segment);
    if (existing) return existing;
    const next = newNode();
    node.literals.set(segment, next);
    return next;
  }
  node.ids ??= new Map();
  const existing = node.ids.get(segment);
  if (existing) return existing.next;
  const { kind, characters } = id;
  const { reservedWords, encodedIds = [] } = list;
  const next = newNode();
  let reserved = wordsByKind.get(kind);
  if (reserved === undefined) {
    reserved = new Set(Object.hasOwn(reservedWords, kind) ? reservedWords[kind] : []);
    wordsByKind.set(kind, reserved);
  }
  const pattern = encodedIds.includes(kind) ? encodedIdPattern : idPatternFor(characters);
  node.ids.set(segment, { pattern, reserved, next });
  return next;
}

/** The methods of a row in capitals. A `*` promises what a preflight grants, and nothing else. */
function methodsOf({ methods }: RouteRow): readonly string[] {
  return methods.includes('*') ? ROUTE_METHODS : methods.map((method) => method.toUpperCase());
}

function newNode(): RouteNode {
  return { literals: null, ids: null, rows: null, tails: null };
}
