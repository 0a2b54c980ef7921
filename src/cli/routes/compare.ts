/**
 * Differences between two route lists, endpoint by endpoint.
 */

import type { RouteList } from '../../core/routes/route-table.ts';

/** Endpoints as `GET /api/asset/{asset}`. */
export interface RouteChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Words that became usable as ids, such as `deactivate-many for {stream}`. */
  readonly freedWords: readonly string[];
  readonly newWords: readonly string[];
}

type Compared = Pick<RouteList, 'routes'> & Partial<Pick<RouteList, 'reservedWords'>>;

/** Compares lists. Names of ids do not matter: `/a/{id}` and `/a/{asset}` are one endpoint. */
export function compareRoutes(before: Compared, after: Compared): RouteChange {
  const [old, now] = [endpointsOf(before), endpointsOf(after)];
  const [oldWords, nowWords] = [wordsOf(before), wordsOf(after)];
  return {
    added: missingIn(old, now),
    removed: missingIn(now, old),
    freedWords: missingIn(nowWords, oldWords),
    newWords: missingIn(oldWords, nowWords),
  };
}

/** Returns whether nothing differs. */
export function isSame({ added, removed, freedWords, newWords }: RouteChange): boolean {
  return [added, removed, freedWords, newWords].every((list) => list.length === 0);
}

/** Returns the entries of the second that the first does not have, as they are written there. */
function missingIn(
  first: ReadonlyMap<string, string>,
  second: ReadonlyMap<string, string>,
): readonly string[] {
  return [...second].filter(([key]) => !first.has(key)).map(([, text]) => text);
}

function endpointsOf({ routes }: Compared): ReadonlyMap<string, string> {
  const endpoints = routes.flatMap(({ methods, path }) =>
    methods.map((method) => {
      const text = `${method.toUpperCase()} ${path}`;
      return [text.replace(/\{[^}]*\}/g, '{}'), text] as const;
    }),
  );
  return new Map(endpoints);
}

/** Reserved words by the routes in which they are not ids. */
function wordsOf({ routes, reservedWords = {} }: Compared): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { path } of routes) {
    for (const [, id = ''] of path.matchAll(/\{([^}]*)\}/g)) {
      const shape = path.replace(`{${id}}`, '{*}').replace(/\{[^*}]*\}/g, '{}');
      for (const word of reservedWords[id] ?? []) {
        found.set(
          `${shape} ${word.toLowerCase()}`,
          `${JSON.stringify(word)} at {${id}} in ${path}`,
        );
      }
    }
  }
  return found;
}
