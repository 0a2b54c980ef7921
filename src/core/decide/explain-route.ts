/**
 * The part of an explanation that is about a refused route: the caller's sentence, and the near miss that
 * callers do not learn.
 */

import type { Key } from '../key/key.ts';
import { nearMiss } from '../routes/near-miss.ts';
import { type RequestTarget, readTarget } from '../routes/request-target.ts';
import type { RouteTable } from '../routes/route-table.ts';
import { matchListedRoute } from './authorize.ts';
import type { MissingKey } from './explain-key.ts';
import { isOpen } from './pipeline.ts';

/** The part of a request that its route depends on. */
interface RoutedRequest {
  readonly key: Key | MissingKey;
  readonly method: string;
  readonly target: RequestTarget;
  readonly restrictedTable: RouteTable;
}

/** Returns the detail of a refused route, with its near miss as a second sentence if there is one. */
export function routeRefusalText(
  detail: string,
  { key, method, target, restrictedTable }: RoutedRequest,
): string {
  if ('missing' in key || isOpen(key)) return detail;
  const miss = nearMiss({
    method,
    path: target.path,
    match: (method, path) =>
      matchListedRoute({ key, restrictedTable, method, target: targetOf(path) }),
    spellings: (key.routes ?? restrictedTable).spellings,
  });
  return miss === null ? detail : `${detail}. ${miss}`;
}

function targetOf(path: string): RequestTarget {
  return readTarget(`https://edge.invalid${path}`);
}
