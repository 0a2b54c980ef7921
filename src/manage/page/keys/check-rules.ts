/**
 * Checking rules for the script, which asks while they are typed: their mistakes, and whether they cover a
 * request.
 */

import { matchRoute } from '../../../core/decide/authorize.ts';
import { ProblemList } from '../../../core/field-problem.ts';
import { checkRules } from '../../../core/key/access-rules.ts';
import { compileRules } from '../../../core/key/key.ts';
import { isRestrictedQuery, readTarget } from '../../../core/routes/request-target.ts';
import type { Action } from '../access/guards.tsx';
import { sayProblem } from '../parts/field.tsx';
import { textOf } from '../parts/form-data.ts';
import { readRulesText } from './rules-text.ts';

/** A mistake in the rules, with the place of its rule in the list; `null`: it concerns all of them. */
interface RuleMistake {
  readonly rule: number | null;
  readonly text: string;
}

/**
 * Answers with the mistakes, and with the place of the rule that covers the request beside them: -1 if none
 * does; `null` if there is no request, or there are mistakes.
 */
export const checkRulesText: Action = (_visit, form, context) => {
  const problems = new ProblemList();
  const rules = checkRules(readRulesText(textOf(form, 'rules')), 'rules', problems);
  const mistakes = problems.problems.map((problem): RuleMistake => {
    const [, rule] = /^rules\[(\d+)\]/.exec(problem.path) ?? [];
    return { rule: rule === undefined ? null : Number(rule), text: sayProblem(problem) };
  });
  const asked = textOf(form, 'path').trim();
  if (asked === '' || mistakes.length > 0) return context.json({ mistakes, coveredBy: null });
  const method = textOf(form, 'method');
  const target = readTarget(`${new URL(context.req.url).origin}${asked}`);
  // Each rule by itself, so that the answer can name the one that covers the request.
  const coveredBy = rules.findIndex((rule) => {
    const table = compileRules([rule], context.env.management.restrictedRoutes);
    return matchRoute(table, method, target) !== null;
  });
  const isCovered = asked.startsWith('/') && coveredBy >= 0 && isRestrictedQuery(target.query);
  return context.json({ mistakes, coveredBy: isCovered ? coveredBy : -1 });
};
