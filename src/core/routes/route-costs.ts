/**
 * The costs of routes: what a request counts towards the quota of its key. Nothing is decided by them.
 *
 * The rows are those of the restricted routes, whatever key sends the request. Servers may read a path in
 * more ways than the table does, so a spelling of a costly route must not make it cheap: case and a trailing
 * slash are ignored, and a path that is not plain costs as much as the dearest row. Pure, no I/O.
 */

import type { RequestTarget } from './request-target.ts';
import { compileRoutes, type RouteList } from './route-table.ts';

/** Tells the cost of a request. */
export type RouteCosts = (method: string, target: RequestTarget) => number;

/** Compiles the costs of a list; `null`: every row costs 1. */
export function compileCosts({ routes }: RouteList): RouteCosts | null {
  const costs = [...new Set(routes.map(({ cost = 1 }) => cost))].sort((a, b) => b - a);
  const [dearest = 1] = costs;
  if (dearest === 1) return null;
  const tables = costs.map((cost) => ({
    cost,
    table: compileRoutes({
      routes: routes
        .filter((row) => (row.cost ?? 1) === cost)
        .map(({ methods, path }) => ({ methods, path: path.toLowerCase() })),
      reservedWords: {},
    }),
  }));
  return (method, { path, isPlain }) => {
    if (!isPlain) return dearest;
    const folded = path.toLowerCase().replace(/(?<=.)\/$/, '');
    return tables.find(({ table }) => table.match(method, folded) !== null)?.cost ?? 1;
  };
}
