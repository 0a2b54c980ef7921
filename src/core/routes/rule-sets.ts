/**
 * Rule sets: named, versioned lists of routes that keys refer to, such as `acme@2`. A deployment configures
 * them beside its restricted routes, which remain those of every key that refers to no set.
 *
 * A set is a route list of its own, with its own reserved words. What a version holds should never change:
 * another version is another set, and a key moves to it by an edit. Pure, no I/O.
 */

import { isRecord, parseJson } from '../json.ts';
import { restrictedRoutes } from './restricted-routes.ts';
import { readRouteList } from './route-list.ts';
import { compileRoutes, type RouteList, type RouteTable } from './route-table.ts';

/** The restricted routes of a deployment, and its rule sets. */
export interface RestrictedRoutes extends RouteList {
  /** By their references; absent: the deployment has no sets. */
  readonly sets?: RuleSets;
}

/** Rule sets by their references. */
export type RuleSets = ReadonlyMap<string, RouteList>;

/** The set that every deployment has: the built-in table of Livepeer's endpoints. */
export const BUILT_IN_RULE_SET = 'livepeer@1';

/** The sets of a deployment that configures none. */
export const builtInRuleSets: RuleSets = new Map([[BUILT_IN_RULE_SET, restrictedRoutes]]);

/** Most sets of a deployment, beside the built-in one. */
export const RULE_SETS_MAX = 50;

/** A problem of the configured sets, with its place. */
export interface RuleSetProblem {
  readonly path: string;
  readonly value: unknown;
  readonly reason: string;
  readonly fix: string;
}

/** The form of a reference: a name, `@`, and a version. */
export const ruleSetReferencePattern = /^[a-z][a-z0-9-]{0,31}@[1-9][0-9]{0,3}$/;

/** Returns whether a text has the form of a reference. */
export function isRuleSetReference(text: string): boolean {
  return ruleSetReferencePattern.test(text);
}

/**
 * Reads sets from JSON text, or from a value that was parsed already: an object of route lists, by their
 * references. The built-in set is among those returned. Returns every problem. Never throws.
 */
export function readRuleSets(configured: unknown): {
  readonly sets: RuleSets;
  readonly problems: readonly RuleSetProblem[];
} {
  const sets = new Map(builtInRuleSets);
  const problems: RuleSetProblem[] = [];
  const document = typeof configured === 'string' ? parseJson(configured) : configured;
  if (!isRecord(document)) {
    const fix = 'Write {"acme@1": {"routes": [{"methods": ["GET"], "path": "/items/{item}"}]}}';
    return { sets, problems: [{ path: '', value: null, reason: 'it is not a JSON object', fix }] };
  }
  const entries = Object.entries(document);
  if (entries.length > RULE_SETS_MAX) {
    const reason = `it has ${entries.length} sets, and at most ${RULE_SETS_MAX} are read`;
    problems.push({ path: '', value: null, reason, fix: 'Remove those that no key refers to' });
  }
  for (const [reference, value] of entries.slice(0, RULE_SETS_MAX)) {
    problems.push(...referenceProblems(reference));
    const reading = readRouteList(value);
    const found = reading.ok ? costProblems(reading.list) : reading.problems;
    for (const { path, ...rest } of found) {
      problems.push({ path: path === '' ? reference : `${reference}.${path}`, ...rest });
    }
    if (reading.ok) sets.set(reference, reading.list);
  }
  return { sets, problems };
}

function referenceProblems(reference: string): readonly RuleSetProblem[] {
  if (reference === BUILT_IN_RULE_SET) {
    const reason = 'it is the built-in set, which never changes';
    return [{ path: reference, value: reference, reason, fix: 'Use another name or version' }];
  }
  if (isRuleSetReference(reference)) return [];
  const reason = 'it is not a name in lower case, "@" and a version from 1';
  return [{ path: reference, value: reference, reason, fix: 'Write it like "acme@1"' }];
}

/** Costs are those of RESTRICTED_ROUTES for every key, so a cost here would have no effect. */
function costProblems({ routes }: RouteList): readonly RuleSetProblem[] {
  return routes.flatMap(({ cost }, index) => {
    if (cost === undefined) return [];
    const reason = 'costs of routes count in RESTRICTED_ROUTES alone, for every key';
    return [{ path: `routes[${index}].cost`, value: cost, reason, fix: 'Write the cost there' }];
  });
}

const nothing: RouteList = { routes: [], reservedWords: {} };

/** The list that a reference stands for: the restricted routes without one, no route for an unknown set. */
export function routeListFor(
  restricted: RestrictedRoutes,
  reference: string | null | undefined,
): RouteList {
  return reference == null ? restricted : (restricted.sets?.get(reference) ?? nothing);
}

/** Returns whether the deployment has this set. */
export function hasRuleSet({ sets }: RestrictedRoutes, reference: string): boolean {
  return sets?.has(reference) ?? false;
}

// Each set is compiled once per isolate, with the first key that refers to it.
const tables = new WeakMap<RouteList, RouteTable>();

/** The table that a reference stands for. An unknown set allows nothing. */
export function ruleSetTable(restricted: RestrictedRoutes, reference: string): RouteTable {
  const list = routeListFor(restricted, reference);
  const known = tables.get(list);
  if (known !== undefined) return known;
  const table = compileRoutes(list);
  tables.set(list, table);
  return table;
}
