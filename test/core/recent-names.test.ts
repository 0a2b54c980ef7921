/** A memory of names with a fixed time and a bound. */

import { expect, test } from 'vitest';
import { createRecentNames } from '../../src/core/recent-names.ts';

test('a name is remembered for its time, and no longer', () => {
  const names = createRecentNames(10, 1000);
  expect(names.has('a', 0)).toBe(false);
  names.add('a', 5);
  expect([5, 6, 1004].map((nowMs) => names.has('a', nowMs))).toEqual([true, true, true]);
  expect(names.has('b', 6)).toBe(false);
  expect(names.has('a', 1005)).toBe(false);
  // It was forgotten, and not only passed over.
  expect(names.has('a', 6)).toBe(false);
});

test('a name that is added again is remembered from then on', () => {
  const names = createRecentNames(10, 1000);
  names.add('a', 0);
  names.add('a', 900);
  expect(names.has('a', 1500)).toBe(true);
});

test('a clock that was set back does not extend the wait', () => {
  const names = createRecentNames(10, 1000);
  names.add('a', 1_000_000);
  expect(names.has('a', 5)).toBe(false);
});

test('a flood of names stays within the bound', () => {
  const names = createRecentNames(10, 1000);
  for (let index = 0; index < 1000; index++) names.add(`name ${index}`, 0);
  const kept = Array.from({ length: 1000 }, (_, index) => names.has(`name ${index}`, 1));
  expect(kept.filter(Boolean)).toHaveLength(10);
});
