/** The entries of the list of identifying headers: each of them matches names that no other entry does. */

import { describe, expect, test } from 'vitest';
import {
  identifyingNames,
  identifyingPrefixes,
  identifyingSuffixes,
} from '../../../src/core/decide/identifying-headers.ts';
import { foldName } from '../../../src/core/decide/request-headers.ts';

describe('in the list of identifying headers', () => {
  test.each([
    ['name', [...identifyingNames]],
    ['beginning', identifyingPrefixes],
    ['end', identifyingSuffixes],
  ])('every %s is folded, since another spelling would match nothing', (_, entries) => {
    expect(entries.map(foldName)).toEqual(entries);
    expect(entries).not.toContain('');
  });

  test('no entry is covered by another one', () => {
    const startsWith = (text: string) =>
      identifyingPrefixes.filter((prefix) => text.startsWith(prefix));
    const endsWith = (text: string) =>
      identifyingSuffixes.filter((suffix) => text.endsWith(suffix));
    for (const prefix of identifyingPrefixes) expect(startsWith(prefix)).toEqual([prefix]);
    for (const suffix of identifyingSuffixes) expect(endsWith(suffix)).toEqual([suffix]);
    for (const name of identifyingNames) {
      expect([name, ...startsWith(name), ...endsWith(name)]).toEqual([name]);
    }
  });
});
