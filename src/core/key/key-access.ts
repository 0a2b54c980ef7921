/**
 * Checks the requested access of a key, before it is written.
 *
 * All problems are found at once, each with its place in the JSON, the value, the reason and the fix.
 * Write-time only: the gateway trusts what was written. Pure, no I/O.
 */

import { canonicalizeBlock } from '../addresses/address-blocks.ts';
import { CLIENT_TTL_DEFAULT_SECONDS } from '../client-token/claims.ts';
import { type FoundProblems, ProblemList } from '../field-problem.ts';
import { ADDRESS_BLOCKS_PER_KEY, ORIGINS_PER_KEY } from '../limits.ts';
import { canonicalizeOriginPattern } from '../origins/pattern.ts';
import { atOnce, type Steps } from '../steps.ts';
import { truncateWithEllipsis } from '../text.ts';
import {
  checkCount,
  checkRulesInSteps,
  QUOTE_MAX_LENGTH,
  type RequestedRules,
} from './access-rules.ts';
import { type AccessRule, type ClientTokenAccess, rulesOfSet } from './key.ts';

/** Access as it is asked for: structurally right, contents unchecked. */
export interface RequestedAccess {
  readonly cors?:
    | { readonly allowedOrigins: readonly string[]; readonly fullAccess?: boolean | undefined }
    | null
    | undefined;
  readonly rules?: RequestedRules | null | undefined;
  /** The reference of a rule set. */
  readonly ruleSet?: string | null | undefined;
  readonly clientTokens?: RequestedClientTokens | null | undefined;
  readonly addresses?: readonly string[] | null | undefined;
}

/** The opt-in to client tokens as it is asked for. */
export interface RequestedClientTokens {
  readonly allowedOrigins: readonly string[];
  readonly rules?: RequestedAccess['rules'];
  readonly ruleSet?: string | null | undefined;
  readonly maxTtlSeconds?: number | undefined;
  readonly originOptional?: boolean | undefined;
  readonly endConnectionsAtExpiry?: boolean | undefined;
}

/** Access as it is stored. */
export interface KeyAccess {
  readonly kind: 'backend' | 'cors';
  readonly allowedOrigins: readonly string[] | null;
  readonly fullAccess: boolean;
  readonly rules: readonly AccessRule[] | null;
  /** `null`: the key gives no client tokens. */
  readonly clientTokens: ClientTokenAccess | null;
  /** Canonical blocks; never empty. `null`: the key may be used from any address. */
  readonly addresses: readonly string[] | null;
}

/** The result of the check. Nothing should be stored while there are problems. */
export type AccessResult =
  | { readonly ok: true; readonly access: KeyAccess }
  | ({ readonly ok: false } & FoundProblems);

/** How much of a key's access its writer may fill. */
export interface AccessBounds {
  readonly originsPerKey: number;
  /** Bytes of the JSON of a key's rules, those of its client tokens included. */
  readonly ruleBytesPerKey: number;
  /** The rule sets that a key may refer to. Default: none. */
  readonly ruleSets?: readonly string[];
}

/** The bounds of the operator: those of every key, and none of an owner's. */
export const operatorBounds: AccessBounds = {
  originsPerKey: ORIGINS_PER_KEY,
  ruleBytesPerKey: Number.POSITIVE_INFINITY,
};

// However short an origin is, reading it takes as long as some text of this length.
const ORIGIN_SIZE_MIN = 100;

/**
 * Checks requested access and brings it into its stored form: canonical origins, methods in lower
 * case. Absent or `null` access is a backend key's. Returns every problem there is, within the bound of
 * a `ProblemList`. The length of a list is checked before its items: those of one that is too long are
 * not looked at.
 */
export function checkAccess(
  requested: RequestedAccess | null | undefined,
  bounds: AccessBounds = operatorBounds,
): AccessResult {
  return atOnce(checkAccessInSteps(requested, bounds));
}

/** Does the same in steps, of an origin or a rule each. */
export function* checkAccessInSteps(
  requested: RequestedAccess | null | undefined,
  { originsPerKey, ruleBytesPerKey, ruleSets = [] }: AccessBounds,
): Steps<AccessResult> {
  const problems = new ProblemList();
  const cors = requested?.cors ?? null;
  const allowedOrigins =
    cors && (yield* checkOrigins(cors.allowedOrigins, CORS_ORIGINS_PATH, originsPerKey, problems));
  const ownRules = requested?.rules
    ? yield* checkRulesInSteps(requested.rules, 'access.rules', problems)
    : null;
  const rules = withRuleSet(ownRules, requested?.ruleSet, 'access', ruleSets, problems);
  const clientTokens = requested?.clientTokens
    ? yield* checkClientTokens(requested.clientTokens, { originsPerKey, ruleSets }, problems)
    : null;
  const addresses = requested?.addresses ? checkAddresses(requested.addresses, problems) : null;
  if (cors && clientTokens) {
    problems.add(() => ({
      path: 'access.clientTokens',
      value: null,
      reason: 'the key has CORS access, so anybody who copies it from a page could mint tokens',
      fix: 'Remove access.clientTokens, or create a backend key for them',
    }));
  }
  checkRuleBytes(rules, clientTokens?.rules ?? null, ruleBytesPerKey, problems);
  const fullAccess = cors?.fullAccess === true;
  if (fullAccess && rules) {
    problems.add(() => ({
      path: requested?.ruleSet ? 'access.ruleSet' : 'access.rules',
      value: requested?.ruleSet ?? `${rules.length} rules`,
      reason: 'the key has full access as well, which rules would narrow',
      fix: 'Set access.cors.fullAccess to false, or remove the rules',
    }));
  }
  if (!problems.isEmpty) return { ok: false, problems: problems.problems, more: problems.more };
  return {
    ok: true,
    access: {
      kind: cors ? 'cors' : 'backend',
      allowedOrigins,
      fullAccess,
      rules,
      clientTokens,
      addresses,
    },
  };
}

/** Returns the rules to store: those of a key's own, or the reference to a set that the deployment has. */
function withRuleSet(
  rules: readonly AccessRule[] | null,
  reference: string | null | undefined,
  place: string,
  known: readonly string[],
  problems: ProblemList,
): readonly AccessRule[] | null {
  if (reference == null) return rules;
  const path = `${place}.ruleSet`;
  const value = truncateWithEllipsis(reference, QUOTE_MAX_LENGTH);
  if (!known.includes(reference)) {
    const fix = `Use one of ${known.map((name) => `"${name}"`).join(', ')}, or null for the restricted routes`;
    problems.add(() => ({ path, value, reason: 'this deployment has no such rule set', fix }));
  }
  if (rules !== null) {
    const fix = `Set ${place}.rules to null, or remove ${path}`;
    problems.add(() => ({ path, value, reason: 'there are rules of its own as well', fix }));
  }
  return rulesOfSet(reference);
}

/** Brings blocks into canonical form, each once. */
function checkAddresses(values: readonly string[], problems: ProblemList): readonly string[] {
  const path = 'access.addresses';
  // An empty list would read as "from nowhere" to one person and "from anywhere" to the next.
  if (!checkCount(path, values, problems, ADDRESS_BLOCKS_PER_KEY)) return [];
  const blocks = values.flatMap((value, index) => {
    const result = canonicalizeBlock(value);
    if (result.ok) return [result.block];
    const { reason, fix } = result;
    problems.add(() => ({
      path: `${path}[${index}]`,
      value: truncateWithEllipsis(value, QUOTE_MAX_LENGTH),
      reason,
      fix,
    }));
    return [];
  });
  return [...new Set(blocks)];
}

/** Anything that is absent has the default of `docs/client-tokens.md`. */
function* checkClientTokens(
  requested: RequestedClientTokens,
  { originsPerKey, ruleSets = [] }: Pick<AccessBounds, 'originsPerKey' | 'ruleSets'>,
  problems: ProblemList,
): Steps<ClientTokenAccess> {
  const path = 'access.clientTokens';
  const { rules, ruleSet, maxTtlSeconds = CLIENT_TTL_DEFAULT_SECONDS } = requested;
  const allowedOrigins = yield* checkOrigins(
    requested.allowedOrigins,
    `${path}.allowedOrigins`,
    originsPerKey,
    problems,
  );
  const ownRules = rules ? yield* checkRulesInSteps(rules, `${path}.rules`, problems) : null;
  return {
    allowedOrigins,
    rules: withRuleSet(ownRules, ruleSet, path, ruleSets, problems),
    maxTtlSeconds,
    originOptional: requested.originOptional === true,
    endConnectionsAtExpiry: requested.endConnectionsAtExpiry !== false,
  };
}

const CORS_ORIGINS_PATH = 'access.cors.allowedOrigins';

const withoutOrigins = {
  reason: 'a key with CORS access needs at least one origin',
  // Also true of a key that exists, whose kind is fixed, and on a page, which has boxes to tick.
  fix: 'List the origins of your pages, or "*" for any; a key for backends is one that is made without CORS access',
};
const withoutClientOrigins = {
  reason: 'client tokens need at least one origin, from which pages use them',
  fix: 'List the origins of your pages, or allow no client tokens',
};

function* checkOrigins(
  values: readonly string[],
  path: string,
  most: number,
  problems: ProblemList,
): Steps<readonly string[]> {
  if (values.length === 0) {
    problems.add(() => ({
      path,
      value: [],
      ...(path === CORS_ORIGINS_PATH ? withoutOrigins : withoutClientOrigins),
    }));
  }
  if (values.length > most) {
    problems.add(() => ({
      path,
      value: `${values.length} origins`,
      reason: `a key may list at most ${most} origins`,
      fix: 'Use a wildcard such as "https://*.example.com", or several keys',
    }));
    return [];
  }
  const patterns = new Set<string>();
  for (const [index, value] of values.entries()) {
    yield value.length + ORIGIN_SIZE_MIN;
    const result = canonicalizeOriginPattern(value);
    if (result.ok) patterns.add(result.pattern);
    else {
      const { reason, fix } = result.problem;
      problems.add(() => ({
        path: `${path}[${index}]`,
        value: truncateWithEllipsis(value, QUOTE_MAX_LENGTH),
        reason,
        fix,
      }));
    }
  }
  return [...patterns];
}

/**
 * Bounds what the rules of a key take together in D1, in KV, in the audit and in memory. The problem is at
 * the longer list.
 */
function checkRuleBytes(
  rules: readonly AccessRule[] | null,
  clientRules: readonly AccessRule[] | null,
  most: number,
  problems: ProblemList,
): void {
  // Valid rules are ASCII, so that characters are bytes.
  const bytesOf = (list: readonly AccessRule[] | null) => (list ? JSON.stringify(list).length : 0);
  const bytes = bytesOf(rules) + bytesOf(clientRules);
  if (bytes <= most) return;
  problems.add(() => ({
    path: bytesOf(rules) >= bytesOf(clientRules) ? 'access.rules' : 'access.clientTokens.rules',
    value: `${bytes} bytes`,
    reason: `the rules that your account writes into a key may have at most ${most} bytes as JSON`,
    fix: 'Cover several paths with one, such as "/files/*", use several keys, or ask the operator',
  }));
}
