/**
 * Route lists from OpenAPI documents: which operations pages may call, and which words are not ids there.
 */

import { parse } from '@readme/openapi-parser';
import { isRecord } from '../../core/json.ts';
import type { RouteList, RouteRow } from '../../core/routes/route-table.ts';
import { usageError } from '../failures.ts';
import { idKind } from './id-kind.ts';

/** The operations to take: all of them, or those that match every filter that is given. */
export interface Selection {
  readonly tag?: readonly string[];
  /** The beginnings of paths. */
  readonly path?: readonly string[];
  /** The name of an extension, such as `x-public`, that is `true` or absent. */
  readonly extension?: string;
  /** Put in front of every path. */
  readonly prefix?: string;
}

/** The routes of a document, and the paths that no route can stand for. */
export interface ImportedRoutes {
  readonly list: Pick<RouteList, 'routes' | 'reservedWords'>;
  readonly skipped: readonly string[];
}

const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options'] as const;

/** Reads a document in JSON or YAML. Throws a `CommandError` for anything else. */
export async function readOpenApi(file: string): Promise<Record<string, unknown>> {
  try {
    const document: unknown = await parse(file);
    if (isRecord(document) && isRecord(document['paths'])) return document;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError(`Cannot read ${file}: ${reason}`);
  }
  throw usageError(`Cannot use ${file}: it is not an OpenAPI document with paths`);
}

/** Makes a route list of the operations that are selected. */
export function routesOf(document: Record<string, unknown>, selection: Selection): ImportedRoutes {
  const { prefix = '' } = selection;
  const items = Object.entries(document['paths'] as Record<string, unknown>);
  const routes: RouteRow[] = [];
  const skipped: string[] = [];
  for (const [path, item] of items) {
    const methods = METHODS.filter(
      (method) => isRecord(item) && isSelected(path, item[method], selection),
    );
    if (methods.length === 0) continue;
    const ours = (prefix + path).replace(/\{([^}]*)\}/g, (_, name) => `{${idKind(name)}}`);
    if (isRoutePath(path)) {
      routes.push({ methods: methods.map((method) => method.toUpperCase()), path: ours });
    } else skipped.push(path);
  }
  const all = items.map(([path]) => prefix + path);
  return { list: { routes, reservedWords: reservedWordsIn(routes, all) }, skipped };
}

/** Returns the path of the document's first server, such as `/v1`; `null` without one. */
export function serverPathOf({ servers }: Record<string, unknown>): string | null {
  const [first]: unknown[] = Array.isArray(servers) ? servers : [];
  const url = isRecord(first) ? first['url'] : undefined;
  // A server may be relative to the document, and hold variables in braces.
  const path = typeof url === 'string' ? url.replace(/^(?:\w+:)?\/\/[^/]*/, '') : '';
  return path.replace(/\/$/, '') || null;
}

function isSelected(
  path: string,
  operation: unknown,
  { tag, path: paths, extension }: Selection,
): boolean {
  if (!isRecord(operation)) return false;
  const { tags } = operation;
  const hasTag =
    tag === undefined || (Array.isArray(tags) && tag.some((name) => tags.includes(name)));
  const hasPath = paths === undefined || paths.some((start) => isBelow(path, start));
  return hasTag && hasPath && (extension === undefined || operation[extension] === true);
}

/** `/asset` means itself and what is below it, not `/assets`. */
function isBelow(path: string, start: string): boolean {
  const folder = start.replace(/\/$/, '');
  return path === folder || path.startsWith(`${folder}/`);
}

/** An id is a whole segment here; `/files/{name}.json` has no route. */
function isRoutePath(path: string): boolean {
  return path.split('/').every((segment) => !/[{}]/.test(segment) || /^\{[^{}]+\}$/.test(segment));
}

/**
 * Words that other paths of the document have in the place of an id. Without this, a route for
 * `/stream/{id}` would let pages call `/stream/deactivate-many`.
 */
function reservedWordsIn(
  routes: readonly RouteRow[],
  allPaths: readonly string[],
): Readonly<Record<string, readonly string[]>> {
  const words = new Map<string, Set<string>>();
  for (const { path } of routes) {
    const segments = path.split('/');
    for (const [place, segment] of segments.entries()) {
      const id = /^\{([\w-]+)\}$/.exec(segment)?.[1];
      if (id === undefined) continue;
      for (const other of allPaths) {
        const word = wordAt(other.split('/'), segments, place);
        if (word !== null) words.set(id, (words.get(id) ?? new Set()).add(word));
      }
    }
  }
  const sorted = [...words].sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(sorted.map(([id, found]) => [id, [...found].sort()]));
}

/** The literal that another path has at this place after the same beginning; `null`: none. */
function wordAt(
  other: readonly string[],
  segments: readonly string[],
  place: number,
): string | null {
  const word = other[place];
  if (word === undefined || word === '' || word.startsWith('{')) return null;
  const isSame = segments.slice(0, place).every((segment, index) => {
    const one = other[index] ?? '';
    return segment === one || (segment.startsWith('{') && one !== '');
  });
  return isSame ? word.toLowerCase() : null;
}
