/**
 * Changes of rule sets, and the keys that they concern.
 */

import { compareRoutes, isSame, type RouteChange } from './compare.ts';
import type { PublishedKeys } from './published-keys.ts';
import type { RuleSetsDocument } from './routes-file.ts';

/** A set that is in service, and would change or be removed. */
export interface SetChange {
  readonly ruleSet: string;
  readonly change: 'widened' | 'narrowed' | 'changed' | 'removed';
  /** `null`: the set is removed. */
  readonly routes: RouteChange | null;
  readonly publishedKeys: number;
}

/** Compares the sets in service with those of a file. New sets concern no key. */
export function compareSets(
  before: RuleSetsDocument,
  after: RuleSetsDocument,
): readonly Omit<SetChange, 'publishedKeys'>[] {
  return Object.entries(before).flatMap(([ruleSet, list]) => {
    // Both were checked, so that no name is one of Object.prototype.
    const next = after[ruleSet];
    const routes = next === undefined ? null : compareRoutes(list, next);
    const isSameSet = routes !== null && isSame(routes);
    return isSameSet ? [] : [{ ruleSet, change: kindOf(routes), routes }];
  });
}

function kindOf(routes: RouteChange | null): SetChange['change'] {
  if (routes === null) return 'removed';
  if (routes.added.length + routes.freedWords.length === 0) return 'narrowed';
  return routes.removed.length + routes.newWords.length === 0 ? 'widened' : 'changed';
}

/** Adds the number of keys that each change concerns. */
export function withKeys(
  changes: readonly Omit<SetChange, 'publishedKeys'>[],
  { bySet }: PublishedKeys,
): readonly SetChange[] {
  return changes.map((one) => ({ ...one, publishedKeys: bySet.get(one.ruleSet) ?? 0 }));
}

/** The changes as lines for people. */
export function setChangeLines(changes: readonly SetChange[]): readonly string[] {
  return changes.flatMap(({ ruleSet, change, routes, publishedKeys }) => {
    const head = `Rule set ${ruleSet} is ${change}: ${publishedKeys} published keys refer to it`;
    if (routes === null) return [`${head}, and would be refused`];
    return [
      head,
      ...routes.added.map((line) => `  gained: ${line}`),
      ...routes.freedWords.map((line) => `  now an id: ${line}`),
      ...routes.removed.map((line) => `  lost: ${line}`),
      ...routes.newWords.map((line) => `  no longer an id: ${line}`),
    ];
  });
}
