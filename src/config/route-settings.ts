/**
 * The settings that are lists of routes: JSON, or the tables that wrangler.toml can hold in its place. Pure, no
 * I/O.
 */

import type { FieldProblem } from '../core/field-problem.ts';
import { readRouteList } from '../core/routes/route-list.ts';
import type { RouteList } from '../core/routes/route-table.ts';
import { type RuleSets, readRuleSets } from '../core/routes/rule-sets.ts';
import type { Report, Setting } from './values.ts';

/** A list of routes. */
export const routes: Setting<RouteList> = {
  read(written, report) {
    const result = readRouteList(written);
    if (result.ok) return result.list;
    reportAll(result.problems, report);
    return { routes: [], reservedWords: {} };
  },
};

/** The rule sets of a deployment. */
export const ruleSets: Setting<RuleSets> = {
  read(written, report) {
    const { sets, problems } = readRuleSets(written);
    reportAll(problems, report);
    return sets;
  },
};

/** Reports the problems of a document, each with its place. */
function reportAll(problems: readonly FieldProblem[], report: Report): void {
  for (const { path, value, reason, fix } of problems) {
    report({
      value: typeof value === 'string' ? value : null,
      reason: path === '' ? reason : `${path}: ${reason}`,
      fix,
    });
  }
}
