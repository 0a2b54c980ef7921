/**
 * Checks what somebody wants a key to reach, before it is written.
 *
 * All problems are found at once, each with its place in the JSON, the value, the reason and the fix.
 * Write-time only: the gateway trusts what was written. Pure, no I/O.
 */

import { ENTRIES_PER_RULE, ORIGINS_PER_KEY, RULES_PER_KEY } from '../limits.ts';
import { canonicalizeOriginPatterns } from '../origins/pattern.ts';
import { lengthOf, shorten } from '../text.ts';
import type { AccessRule } from './key.ts';

/** One thing that is wrong with a document, in words for its author. */
export interface FieldProblem {
  /** For example `access.cors.allowedOrigins[1]`. Empty: the document itself. */
  readonly path: string;
  readonly value: unknown;
  readonly reason: string;
  readonly fix: string;
}

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
}

/** Access as it is stored. */
export interface KeyAccess {
  readonly kind: 'backend' | 'cors';
  readonly allowedOrigins: readonly string[] | null;
  readonly fullAccess: boolean;
  readonly rules: readonly AccessRule[] | null;
}

/** What checking comes to. Nothing should be stored while there are problems. */
export type AccessResult =
  | { readonly ok: true; readonly access: KeyAccess }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

// Values are quoted back, but never so much that an answer grows with the request.
const QUOTE_MAX_LENGTH = 200;
const RESOURCE_MAX_LENGTH = 512;
const methods = ['*', 'get', 'head', 'post', 'put', 'patch', 'delete', 'options'];
const resourcePattern = /^(?:\/(?:[A-Za-z0-9\-._~]+|:[A-Za-z][A-Za-z0-9_]*))*(?:\/\*)?$/;

/**
 * Checks requested access and brings it into its stored form: canonical origins, methods in lower
 * case. Absent or `null` access is a backend key's. Returns every problem there is.
 */
export function checkAccess(requested: RequestedAccess | null | undefined): AccessResult {
  const problems: FieldProblem[] = [];
  const cors = requested?.cors ?? null;
  const allowedOrigins = cors && checkOrigins(cors.allowedOrigins, problems);
  const rules = requested?.rules ? checkRules(requested.rules, problems) : null;
  const fullAccess = cors?.fullAccess === true;
  if (fullAccess && rules) {
    problems.push({
      path: 'access.rules',
      value: `${rules.length} rules`,
      reason: 'the key has full access as well, which rules would narrow',
      fix: 'Set access.cors.fullAccess to false, or remove access.rules',
    });
  }
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    access: { kind: cors ? 'cors' : 'backend', allowedOrigins, fullAccess, rules },
  };
}

function checkOrigins(values: readonly string[], problems: FieldProblem[]): readonly string[] {
  const path = 'access.cors.allowedOrigins';
  if (values.length === 0) {
    problems.push({
      path,
      value: [],
      reason: 'a key with CORS access needs at least one origin',
      // Also true of a key that exists, whose kind is fixed, and on a page, which has boxes to tick.
      fix: 'List the origins of your pages, or "*" for any; a key for backends is one that is made without CORS access',
    });
  }
  if (values.length > ORIGINS_PER_KEY) {
    problems.push({
      path,
      value: `${values.length} origins`,
      reason: `a key may list at most ${ORIGINS_PER_KEY} origins`,
      fix: 'Use a wildcard such as "https://*.example.com", or several keys',
    });
    return [];
  }
  const result = canonicalizeOriginPatterns(values);
  for (const { index, value, reason, fix } of result.problems) {
    problems.push({
      path: `${path}[${index}]`,
      value: shorten(value, QUOTE_MAX_LENGTH),
      reason,
      fix,
    });
  }
  return result.patterns;
}

function checkRules(
  rules: NonNullable<RequestedAccess['rules']>,
  problems: FieldProblem[],
): readonly AccessRule[] {
  checkCount('access.rules', rules, RULES_PER_KEY, problems);
  return rules.slice(0, RULES_PER_KEY).map((rule, index) => {
    const path = `access.rules[${index}]`;
    checkCount(`${path}.methods`, rule.methods, ENTRIES_PER_RULE, problems);
    checkCount(`${path}.resources`, rule.resources, ENTRIES_PER_RULE, problems);
    rule.methods.forEach((method, place) => {
      if (methods.includes(method.toLowerCase())) return;
      problems.push({
        path: `${path}.methods[${place}]`,
        value: shorten(method, QUOTE_MAX_LENGTH),
        reason: 'it is not a method that a rule can name',
        fix: `Use one of ${methods.join(', ')}`,
      });
    });
    rule.resources.forEach((resource, place) => {
      const fault = resourceFault(resource);
      if (fault === null) return;
      problems.push({
        path: `${path}.resources[${place}]`,
        value: shorten(resource, QUOTE_MAX_LENGTH),
        ...fault,
      });
    });
    return {
      methods: [...new Set(rule.methods.map((method) => method.toLowerCase()))],
      resources: [...new Set(rule.resources)],
    };
  });
}

function resourceFault(resource: string): Pick<FieldProblem, 'reason' | 'fix'> | null {
  if (lengthOf(resource) > RESOURCE_MAX_LENGTH) {
    const reason = `it is longer than ${RESOURCE_MAX_LENGTH} characters`;
    return { reason, fix: 'Write a shorter path, such as "/api/asset/:id"' };
  }
  const isResource =
    resource.length > 1 &&
    resourcePattern.test(resource) &&
    !/\/\.+(?:\/|$)/.test(resource) &&
    !/^\/_edge(?:\/|$)/i.test(resource);
  if (isResource) return null;
  return {
    reason:
      'it is not a path of plain segments: letters, digits and - . _ ~, ":name" for one id, and "*" as the last segment',
    fix: 'Write it like "/api/asset/:id", with a leading and without a trailing slash',
  };
}

function checkCount(
  path: string,
  entries: readonly unknown[],
  most: number,
  problems: FieldProblem[],
): void {
  if (entries.length > 0 && entries.length <= most) return;
  problems.push({
    path,
    value: `${entries.length} entries`,
    reason: `it must hold 1 to ${most} entries`,
    fix: entries.length === 0 ? 'Add an entry, or remove the whole list' : 'Use fewer entries',
  });
}
