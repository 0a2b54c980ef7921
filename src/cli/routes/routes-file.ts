/**
 * The routes file: the restricted table of a deployment as JSON, in the form of `RESTRICTED_ROUTES`. And the
 * file of rule sets, in the form of `RULE_SETS`.
 */

import { access, writeFile } from 'node:fs/promises';
import type { FieldProblem } from '../../core/field-problem.ts';
import { readRouteList } from '../../core/routes/route-list.ts';
import type { RouteList } from '../../core/routes/route-table.ts';
import { readRuleSets } from '../../core/routes/rule-sets.ts';
import { truncate } from '../../core/text.ts';
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
  const lines = result.problems.map(lineOf);
  throw usageError([`Cannot use the routes of ${source}:`, ...lines].join('\n'));
}

/** One problem, with its value if that is a text. The document itself has no path. */
function lineOf({ path, value, reason, fix }: FieldProblem): string {
  const place = path === '' ? '' : `${path}: `;
  const written = typeof value === 'string' ? ` (${JSON.stringify(truncate(value, 100))})` : '';
  return `  ${place}${reason}${written}. ${fix}`;
}

/** Writes a routes file. */
export async function writeRoutesFile(file: string, list: Partial<RouteList>): Promise<void> {
  await writeFile(file, `${JSON.stringify(list, null, 2)}\n`);
}

/** The name of the file of rule sets that commands use by default. */
export const RULE_SETS_FILE = 'rule-sets.json';

/** The rule sets of a file, as they are written there. */
export type RuleSetsDocument = Readonly<Record<string, RouteList>>;

/** Reads and checks a file of rule sets. Throws a `CommandError` that lists every problem. */
export async function readRuleSetsFile(file: string): Promise<RuleSetsDocument> {
  return checkedSets(await readJson(file), file);
}

/** The same, without a set if there is no such file. */
export async function readRuleSetsIfThere(file: string): Promise<RuleSetsDocument> {
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  return isThere ? readRuleSetsFile(file) : {};
}

/** Checks rule sets as the Worker would. Throws a `CommandError` that lists every problem. */
export function checkedSets(document: unknown, source: string): RuleSetsDocument {
  const { problems } = readRuleSets(document);
  // Each is a route list, as was checked.
  if (problems.length === 0) return document as RuleSetsDocument;
  const lines = problems.map(lineOf);
  throw usageError([`Cannot use the rule sets of ${source}:`, ...lines].join('\n'));
}

/** Writes a file of rule sets. */
export async function writeRuleSetsFile(file: string, sets: RuleSetsDocument): Promise<void> {
  await writeFile(file, `${JSON.stringify(sets, null, 2)}\n`);
}
