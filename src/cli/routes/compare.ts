/**
 * Differences between two route lists, endpoint by endpoint.
 */

import { readTemplateId, type TemplateId, templateIdText } from '../../core/routes/path-grammar.ts';
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

/**
 * Compares lists. Names of ids do not matter: `/a/{id}` and `/a/{asset}` are one endpoint. The characters of
 * ids do: `/a/{file(.)}` is more than `/a/{file}`.
 */
export function compareRoutes(before: Compared, after: Compared): RouteChange {
  const [old, now] = [endpointsOf(before), endpointsOf(after)];
  const [oldWords, nowWords] = [wordsOf(before), wordsOf(after)];
  return {
    added: uncoveredBy(old, now),
    removed: uncoveredBy(now, old),
    freedWords: missingIn(nowWords, oldWords),
    newWords: missingIn(oldWords, nowWords),
  };
}

/** Returns a list without the characters of its ids, which no OpenAPI document can say. */
export function withPlainIds<List extends Compared>(list: List): List {
  const plain = ({ kind }: TemplateId) => templateIdText({ kind, characters: '' });
  const routes = list.routes.map((row) => ({ ...row, path: withIds(row.path, plain) }));
  return { ...list, routes };
}

/** Returns a path with another text for each id, which has a place among the segments. */
function withIds(path: string, textOf: (id: TemplateId, place: number) => string): string {
  const segments = path.split('/').map((segment, place) => {
    const id = readTemplateId(segment);
    return id === null ? segment : textOf(id, place);
  });
  return segments.join('/');
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

interface Endpoint {
  /** The method and the path, without the names of ids. */
  readonly shape: string;
  /** The further characters of each segment, if it is an id. */
  readonly characters: readonly string[];
  /** As it is written. */
  readonly text: string;
}

function endpointsOf({ routes }: Compared): readonly Endpoint[] {
  return routes.flatMap(({ methods, path }) =>
    methods.map((method) => {
      const text = `${method.toUpperCase()} ${path}`;
      const characters = path
        .split('/')
        .map((segment) => readTemplateId(segment)?.characters ?? '');
      return { shape: withIds(text, () => '{}'), characters, text };
    }),
  );
}

/** Returns the endpoints of the second list that no endpoint of the first covers. */
function uncoveredBy(first: readonly Endpoint[], second: readonly Endpoint[]): readonly string[] {
  const byShape = Map.groupBy(first, ({ shape }) => shape);
  return second
    .filter(({ shape, characters }) => !byShape.get(shape)?.some((one) => covers(one, characters)))
    .map(({ text }) => text);
}

function covers({ characters }: Endpoint, others: readonly string[]): boolean {
  return others.every((more, index) =>
    [...more].every((character) => characters[index]?.includes(character)),
  );
}

/** Reserved words by the routes in which they are not ids. */
function wordsOf({ routes, reservedWords = {} }: Compared): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { path } of routes) {
    for (const [place, segment] of path.split('/').entries()) {
      const { kind = '' } = readTemplateId(segment) ?? {};
      const words = Object.hasOwn(reservedWords, kind) ? (reservedWords[kind] ?? []) : [];
      const shape = withIds(path, (_, other) => (other === place ? '{*}' : '{}'));
      for (const word of words) {
        const text = `${JSON.stringify(word)} at {${kind}} in ${path}`;
        found.set(`${shape} ${word.toLowerCase()}`, text);
      }
    }
  }
  return found;
}
