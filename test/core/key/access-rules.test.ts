/** Rules as a list of their own: what is said about wrong ones, and how large each step of the check is. */

import { describe, expect, test } from 'vitest';
import { ProblemList } from '../../../src/core/field-problem.ts';
import {
  checkRules,
  checkRulesInSteps,
  type RequestedRules,
} from '../../../src/core/key/access-rules.ts';

describe('checkRules()', () => {
  const manyPaths = Array.from({ length: 100 }, (_, index) => `/a/b/c/d/e${index}/f`);

  test.each<[name: string, rules: RequestedRules, problem: object]>([
    [
      'a method that no rule can name',
      [{ methods: ['trace'], resources: ['/a'] }],
      {
        path: 'rules[0].methods[0]',
        value: 'trace',
        reason: 'it is not a method that a rule can name',
        fix: 'Use one of *, get, head, post, put, patch, delete, options',
      },
    ],
    [
      'more segments than may be compiled',
      [{ methods: ['get'], resources: manyPaths }],
      {
        path: 'rules',
        value: '600 segments',
        reason: "the paths of a key's rules may have at most 500 segments together",
        fix: 'Cover several paths with one, such as "/files/*" or "/api/asset/:id", or use several keys',
      },
    ],
  ])('says of %s what is wanted', (_, rules, problem) => {
    const problems = new ProblemList();
    checkRules(rules, 'rules', problems);
    expect(problems.problems).toEqual([problem]);
  });

  test('returns rules in their stored form', () => {
    const problems = new ProblemList();
    const rules = checkRules([{ methods: ['GET'], resources: ['/a', '/a'] }], 'rules', problems);
    expect(problems.isEmpty).toBe(true);
    expect(rules).toEqual([{ methods: ['get'], resources: ['/a'] }]);
  });
});

test('checkRulesInSteps() takes a rule in each step, which is as large as its texts and a bit for each', () => {
  const rules = [
    { methods: ['get', 'patch'], resources: ['/a'] },
    { methods: ['*'], resources: ['/b/:id', '/c'] },
    // A list that is not looked at.
    { methods: [], resources: ['/d'] },
  ];
  const sizes = [...checkRulesInSteps(rules, 'rules', new ProblemList())];
  expect(sizes).toEqual([3 + 5 + 2 + 3 * 10, 1 + 6 + 2 + 3 * 10, 2 + 10]);
});
