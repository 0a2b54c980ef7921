/**
 * A request that a key may make, for the examples after it was made: an origin of its list, and a route
 * that it may call. Pure.
 */

import { readRuleId } from '../../../core/routes/path-grammar.ts';
import { type RestrictedRoutes, routeListFor } from '../../../core/routes/rule-sets.ts';
import type { KeyDocument } from '../../documents.ts';

/** The request of an example. */
export interface ExampleRequest {
  readonly method: string;
  readonly path: string;
  /** `null`: a backend, which sends no Origin. */
  readonly origin: string | null;
  /** True if an id of the reader has to take the place of `EXAMPLE_ID`. */
  readonly hasExampleId: boolean;
}

/** Stands for an id. It has the form of one, so that the edge forwards the request as it is printed. */
export const EXAMPLE_ID = 'example-id';

/** A request that reads is tried before one that writes, and one without an id before one with an id. */
export function exampleRequestOf(
  key: Pick<KeyDocument, 'access'>,
  restrictedRoutes: RestrictedRoutes,
): ExampleRequest {
  const rules = key.access?.rules;
  const rows = rules
    ? rules.flatMap(({ methods, resources }) => resources.map((path) => ({ methods, path })))
    : routeListFor(restrictedRoutes, key.access?.ruleSet).routes;
  const requests = rows.flatMap(({ methods, path }) =>
    methods.map((method) => ({
      method: method === '*' ? 'GET' : method.toUpperCase(),
      path: fillIn(path),
    })),
  );
  const place = ({ method, path }: { method: string; path: string }) =>
    (method === 'GET' ? 0 : 2) + (path.includes(EXAMPLE_ID) ? 1 : 0);
  const [found] = requests.sort((left, right) => place(left) - place(right));
  const { method = 'GET', path = '/' } = found ?? {};
  const [origin = null] = key.access?.cors?.allowedOrigins.flatMap(exampleOrigin) ?? [];
  return { method, path, origin, hasExampleId: path.includes(EXAMPLE_ID) };
}

/** The path of a row with an id in each place for one. */
function fillIn(path: string): string {
  return path
    .split('/')
    .map((segment) =>
      segment === '*' || segment.startsWith('{') || readRuleId(segment) !== null
        ? EXAMPLE_ID
        : segment,
    )
    .join('/');
}

/** An origin that a pattern admits; none for `*`, which any page may use. */
function exampleOrigin(pattern: string): readonly string[] {
  if (pattern === '*') return ['https://app.example.com'];
  return [pattern.replace(/:\*$/, ':3000').replaceAll('*', 'app')];
}
