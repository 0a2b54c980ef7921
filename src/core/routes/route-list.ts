/**
 * Reads a list of routes that an operator configured: the restricted set, or the public routes.
 *
 * Checked as a whole when the Worker starts: a list that is wrong in one place would otherwise allow
 * too much in that place. Pure, no I/O.
 */

import type { FieldProblem } from '../field-problem.ts';
import { isRecord, parseJson } from '../json.ts';
import { truncate } from '../text.ts';
import { ROUTE_METHODS } from './methods.ts';
import { isLiteral, readListId } from './path-grammar.ts';
import type { RouteList, RouteRow } from './route-table.ts';

/** The list, or everything that is wrong with it. */
export type RouteListResult =
  | { readonly ok: true; readonly list: RouteList }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

const ROUTES_MAX = 2_000;

/**
 * Reads a route list from JSON text, or from a value that was parsed already:
 *
 *     {"routes": [{"methods": ["GET"], "path": "/api/playback/{playback}"}],
 *      "reservedWords": {"stream": ["deactivate-many"]},
 *      "encodedIds": ["upload"]}
 *
 * Returns every problem with its place in the JSON, the value, the reason and the fix. Never throws.
 */
export function readRouteList(configured: unknown): RouteListResult {
  const problems: FieldProblem[] = [];
  const problem = (path: string, value: unknown, reason: string, fix: string) => {
    problems.push({ path, value, reason, fix });
  };
  const document = typeof configured === 'string' ? parseJson(configured) : configured;
  if (!isRecord(document)) {
    problem(
      '',
      typeof configured === 'string' ? truncate(configured, 100) : null,
      'it is not a JSON object',
      'Write {"routes": [{"methods": ["GET"], "path": "/api/task/{task}"}]}',
    );
    return { ok: false, problems };
  }
  for (const name of Object.keys(document)) {
    if (['routes', 'reservedWords', 'encodedIds'].includes(name)) continue;
    problem(name, null, 'there is no such field', 'Use routes, reservedWords and encodedIds');
  }

  const routes = readRoutes(document['routes'], problem);
  const kinds = new Set(routes.flatMap(({ path }) => idKindsOf(path)));
  const reservedWords = readReservedWords(document['reservedWords'] ?? {}, kinds, problem);
  const encodedIds = readEncodedIds(document['encodedIds'] ?? [], kinds, problem);
  checkEncodedIds(encodedIds, routes, problem);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, list: { routes, reservedWords, encodedIds } };
}

type ReportProblem = (path: string, value: unknown, reason: string, fix: string) => void;

function readRoutes(value: unknown, problem: ReportProblem): readonly RouteRow[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > ROUTES_MAX) {
    problem('routes', null, `it is not a list of 1 to ${ROUTES_MAX} routes`, 'List the routes');
    return [];
  }
  const seen = new Set<string>();
  return value.flatMap((row: unknown, index): RouteRow[] => {
    const place = `routes[${index}]`;
    if (!isRecord(row)) {
      problem(place, row, 'it is not an object', 'Write {"methods": ["GET"], "path": "/api/x"}');
      return [];
    }
    const methods = readStrings(row['methods'], `${place}.methods`, problem);
    for (const method of methods) {
      if (ROUTE_METHODS.includes(method)) continue;
      const fix = `Use ${ROUTE_METHODS.join(', ')}, in capitals`;
      problem(`${place}.methods`, method, 'it is not a method that can be listed', fix);
    }
    const { path } = row;
    if (typeof path !== 'string' || !isTemplate(path)) {
      problem(
        `${place}.path`,
        path ?? null,
        `it is not a path of plain segments: letters, digits and - . _ ~ : @ + , ( ) ! ' = $ &, "{kind}" for one id, and "*" as the last segment`,
        'Write it like "/api/asset/{asset}", with a leading and without a trailing slash. "{file(.@)}" is an id that may hold "." and "@"',
      );
      return [];
    }
    for (const method of methods) {
      const name = `${method} ${path.replaceAll(/\{[^}(]*/g, '{')}`;
      if (seen.has(name)) {
        problem(
          place,
          `${method} ${path}`,
          'an earlier row says the same',
          'Remove one of the two',
        );
      }
      seen.add(name);
    }
    const cost = readCost(row['cost'], `${place}.cost`, problem);
    return [cost === undefined ? { methods, path } : { methods, path, cost }];
  });
}

const COST_MAX = 100;

function readCost(value: unknown, place: string, problem: ReportProblem): number | undefined {
  if (value === undefined) return undefined;
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= COST_MAX) {
    return value as number;
  }
  const quoted = typeof value === 'number' || typeof value === 'string' ? value : null;
  const reason = `it is not a whole number from 1 to ${COST_MAX}`;
  problem(place, quoted, reason, 'Write what a request counts towards a quota, such as 10');
  return undefined;
}

function readReservedWords(
  value: unknown,
  kinds: ReadonlySet<string>,
  problem: ReportProblem,
): Record<string, readonly string[]> {
  const reservedWords: Record<string, readonly string[]> = {};
  if (!isRecord(value)) {
    problem('reservedWords', value, 'it is not an object', 'Write {"stream": ["deactivate-many"]}');
    return reservedWords;
  }
  for (const [kind, words] of Object.entries(value)) {
    const place = `reservedWords.${kind}`;
    // A misspelt kind would leave its words unguarded.
    if (!kinds.has(kind)) {
      problem(
        place,
        kind,
        'no route has an id of this kind',
        `Write {${kind}} in a path, or remove it`,
      );
    }
    const read = readStrings(words, place, problem);
    for (const word of read) {
      if (/^[a-z0-9_-]{1,128}$/.test(word)) continue;
      const reason = 'it is not a word that an id could be, in lower case';
      problem(place, word, reason, 'Use a-z, 0-9, "_" and "-"; any case of it is refused');
    }
    reservedWords[kind] = read;
  }
  return reservedWords;
}

function readEncodedIds(
  value: unknown,
  kinds: ReadonlySet<string>,
  problem: ReportProblem,
): readonly string[] {
  if (Array.isArray(value) && value.length === 0) return [];
  const encodedIds = readStrings(value, 'encodedIds', problem);
  for (const kind of encodedIds) {
    if (kinds.has(kind)) continue;
    problem('encodedIds', kind, 'no route has an id of this kind', `Write {${kind}} in a path`);
  }
  return encodedIds;
}

/** Refuses an id that is encoded in one row and declares its characters in another: which would hold? */
function checkEncodedIds(
  encodedIds: readonly string[],
  routes: readonly RouteRow[],
  problem: ReportProblem,
): void {
  const segments = routes.flatMap(({ path }) => path.split('/'));
  for (const kind of encodedIds) {
    const declaring = segments.find((segment) => {
      const id = readListId(segment);
      return id?.kind === kind && id.characters !== '';
    });
    if (declaring === undefined) continue;
    const reason = `the path declares characters of such an id: ${declaring}`;
    problem('encodedIds', kind, reason, `Write {${kind}}, which may hold dots and encoded slashes`);
  }
}

function readStrings(value: unknown, place: string, problem: ReportProblem): readonly string[] {
  if (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((entry) => typeof entry === 'string')
  ) {
    return value;
  }
  problem(place, null, 'it is not a list of at least one string', 'Write a list such as ["GET"]');
  return [];
}

function isTemplate(path: string): boolean {
  if (!path.startsWith('/') || /^\/_edge(?:\/|$)/i.test(path)) return false;
  const segments = path.slice(1).split('/');
  return segments.every(
    (segment, index) =>
      isLiteral(segment) ||
      readListId(segment) !== null ||
      (segment === '*' && index > 0 && index === segments.length - 1),
  );
}

function idKindsOf(path: string): readonly string[] {
  return path.split('/').flatMap((segment) => readListId(segment)?.kind ?? []);
}
