/**
 * Checks the requested access of a key, before it is written.
 *
 * All problems are found at once, each with its place in the JSON, the value, the reason and the fix.
 * Write-time only: the gateway trusts what was written. Pure, no I/O.
 */

import { canonicalizeBlock } from '../addresses/address-blocks.ts';
import { CLIENT_TTL_DEFAULT_SECONDS } from '../client-token/claims.ts';
import { type FieldProblem, type FoundProblems, ProblemList } from '../field-problem.ts';
import {
  ADDRESS_BLOCKS_PER_KEY,
  ENTRIES_PER_RULE,
  ORIGINS_PER_KEY,
  RULE_SEGMENTS_PER_KEY,
  RULES_PER_KEY,
} from '../limits.ts';
import { canonicalizeOriginPattern } from '../origins/pattern.ts';
import { ROUTE_METHODS } from '../routes/methods.ts';
import { isLiteral, readRuleId } from '../routes/path-grammar.ts';
import { atOnce, type Steps } from '../steps.ts';
import { lengthOf, truncateWithEllipsis } from '../text.ts';
import type { AccessRule, ClientTokenAccess } from './key.ts';

/** Access as it is asked for: structurally right, contents unchecked. */
export interface RequestedAccess {
  readonly cors?:
    | { readonly allowedOrigins: readonly string[]; readonly fullAccess?: boolean | undefined }
    | null
    | undefined;
  readonly rules?:
    | readonly { readonly methods: readonly string[]; readonly resources: readonly string[] }[]
    | null
    | undefined;
  readonly clientTokens?: RequestedClientTokens | null | undefined;
  readonly addresses?: readonly string[] | null | undefined;
}

/** The opt-in to client tokens as it is asked for. */
export interface RequestedClientTokens {
  readonly allowedOrigins: readonly string[];
  readonly rules?: RequestedAccess['rules'];
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
}

/** The bounds of the operator: those of every key, and none of an owner's. */
export const operatorBounds: AccessBounds = {
  originsPerKey: ORIGINS_PER_KEY,
  ruleBytesPerKey: Number.POSITIVE_INFINITY,
};

// Values are quoted back, but never so much that an answer grows with the request.
const QUOTE_MAX_LENGTH = 200;
const RESOURCE_MAX_LENGTH = 512;
// However short an origin is, reading it takes as long as some text of this length.
const ORIGIN_SIZE_MIN = 100;
const ENTRY_SIZE_MIN = 10;
const methods = ['*', ...ROUTE_METHODS.map((method) => method.toLowerCase())];

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
  { originsPerKey, ruleBytesPerKey }: AccessBounds,
): Steps<AccessResult> {
  const problems = new ProblemList();
  const cors = requested?.cors ?? null;
  const allowedOrigins =
    cors &&
    (yield* checkOrigins(
      cors.allowedOrigins,
      'access.cors.allowedOrigins',
      originsPerKey,
      problems,
    ));
  const rules = requested?.rules
    ? yield* checkRulesInSteps(requested.rules, 'access.rules', problems)
    : null;
  const clientTokens = requested?.clientTokens
    ? yield* checkClientTokens(requested.clientTokens, originsPerKey, problems)
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
      path: 'access.rules',
      value: `${rules.length} rules`,
      reason: 'the key has full access as well, which rules would narrow',
      fix: 'Set access.cors.fullAccess to false, or remove access.rules',
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
  originsPerKey: number,
  problems: ProblemList,
): Steps<ClientTokenAccess> {
  const path = 'access.clientTokens';
  const { rules, maxTtlSeconds = CLIENT_TTL_DEFAULT_SECONDS } = requested;
  return {
    allowedOrigins: yield* checkOrigins(
      requested.allowedOrigins,
      `${path}.allowedOrigins`,
      originsPerKey,
      problems,
    ),
    rules: rules ? yield* checkRulesInSteps(rules, `${path}.rules`, problems) : null,
    maxTtlSeconds,
    originOptional: requested.originOptional === true,
    endConnectionsAtExpiry: requested.endConnectionsAtExpiry !== false,
  };
}

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
      reason: 'a key with CORS access needs at least one origin',
      // Also true of a key that exists, whose kind is fixed, and on a page, which has boxes to tick.
      fix: 'List the origins of your pages, or "*" for any; a key for backends is one that is made without CORS access',
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
 * Checks a list of rules that is at `place` in a document, and brings it into its stored form. Adds every
 * problem to `problems`.
 */
export function checkRules(
  rules: NonNullable<RequestedAccess['rules']>,
  place: string,
  problems: ProblemList,
): readonly AccessRule[] {
  return atOnce(checkRulesInSteps(rules, place, problems));
}

function* checkRulesInSteps(
  rules: NonNullable<RequestedAccess['rules']>,
  place: string,
  problems: ProblemList,
): Steps<readonly AccessRule[]> {
  if (!checkCount(place, rules, problems, RULES_PER_KEY)) return [];
  const checked: AccessRule[] = [];
  for (const [index, rule] of rules.entries()) {
    const path = `${place}[${index}]`;
    const listed = checkCount(`${path}.methods`, rule.methods, problems) ? rule.methods : [];
    const resources = checkCount(`${path}.resources`, rule.resources, problems)
      ? rule.resources
      : [];
    yield [...listed, ...resources].reduce((sum, text) => sum + text.length + ENTRY_SIZE_MIN, 0);
    listed.forEach((method, at) => {
      if (methods.includes(method.toLowerCase())) return;
      problems.add(() => ({
        path: `${path}.methods[${at}]`,
        value: truncateWithEllipsis(method, QUOTE_MAX_LENGTH),
        reason: 'it is not a method that a rule can name',
        fix: `Use one of ${methods.join(', ')}`,
      }));
    });
    resources.forEach((resource, at) => {
      const fault = resourceFault(resource);
      if (fault === null) return;
      problems.add(() => ({
        path: `${path}.resources[${at}]`,
        value: truncateWithEllipsis(resource, QUOTE_MAX_LENGTH),
        ...fault,
      }));
    });
    checked.push({
      methods: [...new Set(listed.map((method) => method.toLowerCase()))],
      resources: [...new Set(resources)],
    });
  }
  checkSegments(checked, place, problems);
  return checked;
}

/** Bounds the work of compiling a key's rules, which a request may have to wait for. */
function checkSegments(rules: readonly AccessRule[], path: string, problems: ProblemList): void {
  const resources = rules.flatMap((rule) => rule.resources);
  const segments = resources.reduce((sum, resource) => sum + resource.split('/').length - 1, 0);
  if (segments <= RULE_SEGMENTS_PER_KEY) return;
  problems.add(() => ({
    path,
    value: `${segments} segments`,
    reason: `the paths of a key's rules may have at most ${RULE_SEGMENTS_PER_KEY} segments together`,
    fix: 'Cover several paths with one, such as "/files/*" or "/api/asset/:id", or use several keys',
  }));
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

function resourceFault(resource: string): Pick<FieldProblem, 'reason' | 'fix'> | null {
  if (lengthOf(resource) > RESOURCE_MAX_LENGTH) {
    const reason = `it is longer than ${RESOURCE_MAX_LENGTH} characters`;
    return { reason, fix: 'Write a shorter path, such as "/api/asset/:id"' };
  }
  if (isResource(resource)) return null;
  return {
    reason: `it is not a path of plain segments: letters, digits and - . _ ~ : @ + , ( ) ! ' = $ &, ":name" for one id, and "*" as the last segment`,
    fix: 'Write it like "/api/asset/:id", with a leading and without a trailing slash. ":file(.@)" is an id that may hold "." and "@"',
  };
}

function isResource(resource: string): boolean {
  if (!resource.startsWith('/') || /^\/_edge(?:\/|$)/i.test(resource)) return false;
  const segments = resource.slice(1).split('/');
  return segments.every((segment, index) => {
    if (segment === '*') return index === segments.length - 1;
    return isLiteral(segment) || readRuleId(segment) !== null;
  });
}

/** Tells whether the length of a list is in order; otherwise its items are not looked at. */
function checkCount(
  path: string,
  entries: readonly unknown[],
  problems: ProblemList,
  most = ENTRIES_PER_RULE,
): boolean {
  if (entries.length > 0 && entries.length <= most) return true;
  problems.add(() => ({
    path,
    value: `${entries.length} entries`,
    reason: `it must hold 1 to ${most} entries`,
    fix: entries.length === 0 ? 'Add an entry, or remove the whole list' : 'Use fewer entries',
  }));
  return false;
}
