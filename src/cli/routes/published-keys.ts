/**
 * The keys whose reach the restricted table or a rule set decides, and which are in pages for everybody to
 * read, by themselves or by their client tokens.
 */

import type { ManagementClient } from '../../management-client/client.ts';
import { eachKey } from '../../management-client/pages.ts';
import type { Key } from '../../management-client/schema.ts';

/** How many keys work today and reach what a table allows. */
export interface PublishedKeys {
  /** Those that refer to no rule set. */
  readonly restricted: number;
  /** Those that refer to a rule set, by its reference. */
  readonly bySet: ReadonlyMap<string, number>;
}

/** Counts such keys. Reads every key once. */
export async function countPublishedKeys(client: ManagementClient): Promise<PublishedKeys> {
  let restricted = 0;
  const bySet = new Map<string, number>();
  for await (const key of eachKey(client, { limit: 100 })) {
    if (!isInUse(key)) continue;
    if (isRestricted(key)) restricted++;
    for (const reference of referencesOf(key)) {
      bySet.set(reference, (bySet.get(reference) ?? 0) + 1);
    }
  }
  return { restricted, bySet };
}

function isInUse({ enabled, expiresAt }: Key): boolean {
  return enabled && (expiresAt === null || Date.parse(expiresAt) > Date.now());
}

function isRestricted({ access }: Key): boolean {
  const { cors, rules, ruleSet, clientTokens } = access ?? {};
  const isOwn = cors !== undefined && !cors.fullAccess && !rules && !ruleSet;
  return isOwn || (clientTokens !== undefined && !clientTokens.rules && !clientTokens.ruleSet);
}

/** The sets that a key, or its client tokens, refer to. */
function referencesOf({ access }: Key): ReadonlySet<string> {
  const references = [access?.ruleSet, access?.clientTokens?.ruleSet];
  return new Set(references.filter((reference) => reference !== undefined));
}
