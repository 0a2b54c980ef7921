import { describe, expect, it } from 'vitest';
import { type FieldProblem, PROBLEMS_MAX, ProblemList } from '../../src/core/field-problem.ts';

const aProblem = (path: string): FieldProblem => ({ path, value: null, reason: 'r', fix: 'f' });

describe('ProblemList', () => {
  it('is empty until something is added', () => {
    const found = new ProblemList();
    expect([found.isEmpty, found.problems, found.more]).toEqual([true, [], 0]);
    found.add(() => aProblem('a'));
    expect([found.isEmpty, found.problems, found.more]).toEqual([false, [aProblem('a')], 0]);
  });

  it('describes a hundred problems, and only counts the others', () => {
    const found = new ProblemList();
    let described = 0;
    for (let index = 0; index < 5_000; index++) {
      found.add(() => {
        described += 1;
        return aProblem(`f${index}`);
      });
    }
    expect(described).toBe(PROBLEMS_MAX);
    expect(found.problems.map(({ path }) => path)).toEqual(
      Array.from({ length: 100 }, (_, index) => `f${index}`),
    );
    expect(found.more).toBe(4_900);
  });

  it('adds what another one found, with its count, each as it is described here', () => {
    const inner = new ProblemList();
    for (let index = 0; index < 103; index++) inner.add(() => aProblem(`f${index}`));
    const outer = new ProblemList();
    outer.add(() => aProblem('first'));
    outer.addAll(inner, (problem) => ({ ...problem, path: `keys[0].${problem.path}` }));
    expect(outer.problems).toHaveLength(100);
    expect(outer.problems[1]?.path).toBe('keys[0].f0');
    expect(outer.more).toBe(4);
  });
});
