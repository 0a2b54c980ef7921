/**
 * The routes file: the restricted table of a deployment as JSON, in the form of `RESTRICTED_ROUTES`.
 */

import { writeFile } from 'node:fs/promises';
import { readRouteList } from '../../core/routes/route-list.ts';
import type { RouteList } from '../../core/routes/route-table.ts';
import { usageError } from '../failures.ts';
import { readJson } from '../files.ts';

/** The name that commands use by default. */
export const ROUTES_FILE = 'routes.json';

/** Reads and checks a routes file. Throws a `CommandError` that lists every problem. */
export async function readRoutesFile(file: string): Promise<RouteList> {
  return checked(await readJson(file), file);
}

/** Checks a route list as the Worker would. Throws a `CommandError` that lists every problem. */
export function checked(document: unknown, source: string): RouteList {
  const result = readRouteList(document);
  if (result.ok) return result.list;
  const lines = result.problems.map(({ path, reason, fix }) => `  ${path}: ${reason}. ${fix}`);
  throw usageError([`Cannot use the routes of ${source}:`, ...lines].join('\n'));
}

/** Writes a routes file. */
export async function writeRoutesFile(file: string, list: Partial<RouteList>): Promise<void> {
  await writeFile(file, `${JSON.stringify(list, null, 2)}\n`);
}
