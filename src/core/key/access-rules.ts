/**
 * Checks the rules of a key, before they are written, and those that a client token asks for.
 *
 * All problems are found at once, each with its place in the JSON, the value, the reason and the fix.
 * Pure, no I/O.
 */

import type { FieldProblem, ProblemList } from '../field-problem.ts';
import { ENTRIES_PER_RULE, RULE_SEGMENTS_PER_KEY, RULES_PER_KEY } from '../limits.ts';
import { ROUTE_METHODS } from '../routes/methods.ts';
import { isLiteral, readRuleId } from '../routes/path-grammar.ts';
import { atOnce, type Steps } from '../steps.ts';
import { lengthOf, truncateWithEllipsis } from '../text.ts';
import type { AccessRule } from './key.ts';

/** Rules as they are asked for: structurally right, contents unchecked. */
export type RequestedRules = readonly {
  readonly methods: readonly string[];
  readonly resources: readonly string[];
}[];

/** Values are quoted back, but never so much that an answer grows with the request. */
export const QUOTE_MAX_LENGTH = 200;
const RESOURCE_MAX_LENGTH = 512;
// However short an entry is, reading it takes as long as some text of this length.
const ENTRY_SIZE_MIN = 10;
const methods = ['*', ...ROUTE_METHODS.map((method) => method.toLowerCase())];

/**
 * Checks a list of rules that is at `place` in a document, and brings it into its stored form. Adds every
 * problem to `problems`.
 */
export function checkRules(
  rules: RequestedRules,
  place: string,
  problems: ProblemList,
): readonly AccessRule[] {
  return atOnce(checkRulesInSteps(rules, place, problems));
}

/** Does the same in steps, of a rule each. */
export function* checkRulesInSteps(
  rules: RequestedRules,
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

/** Returns whether the length of a list is in order; otherwise its items are not looked at. */
export function checkCount(
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
