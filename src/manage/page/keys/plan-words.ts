/**
 * The plan of a key in words. Pure.
 */

import type { AccessDocument } from '../../access-document.ts';
import type { PlanDocument } from '../../plan-document.ts';
import { count, countOf } from '../parts/words.tsx';
import { toRulesText } from './rules-text.ts';

/** The ways in which a limit counts, each with the words for it. */
export const limitWays = [
  ['key', 'All requests of the key'],
  ['owner', 'All requests of its owner'],
  ['address', 'Each client address'],
  ['client', 'Each visitor with a client token'],
] as const;

/** "pro, counted by owner"; `null`: the key has no limit of its own. */
export function sayLimit({ limit, limitBy }: PlanDocument): string | null {
  if (limit === undefined) return null;
  return `${limit}, counted by ${limitBy === 'client' ? 'visitor' : (limitBy ?? 'key')}`;
}

/** "100,000 requests a day". */
export function sayQuota({ requests, period }: NonNullable<PlanDocument['quota']>): string {
  return `${countOf(requests, 'request')} a ${period}`;
}

/** "plan=pro, team=a". */
export function sayMeta(meta: NonNullable<PlanDocument['meta']>): string {
  return Object.entries(meta)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

type ClientTokens = NonNullable<NonNullable<AccessDocument>['clientTokens']>;

/** The origins of client tokens, and what they may do. */
export function sayClientTokens(tokens: ClientTokens): string {
  return `${tokens.allowedOrigins.join(', ')}; ${sayClientRights(tokens)}`;
}

/** "restricted endpoints; at most 600 s". */
export function sayClientRights(tokens: ClientTokens): string {
  const { rules, ruleSet, maxTtlSeconds, originOptional, endConnectionsAtExpiry } = tokens;
  return [
    ruleSet != null
      ? `rule set ${ruleSet}`
      : rules == null
        ? 'restricted endpoints'
        : toRulesText(rules).replaceAll('\n', ', '),
    `at most ${count(maxTtlSeconds)} s`,
    ...(originOptional ? ['GET and HEAD without an Origin'] : []),
    ...(endConnectionsAtExpiry ? [] : ['connections outlive the token']),
  ].join('; ');
}
