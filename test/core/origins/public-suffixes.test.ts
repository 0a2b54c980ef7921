/// <reference types="vite/types/importMeta.d.ts" />
import fc from 'fast-check';
import { getPublicSuffix } from 'tldts';
import { describe, expect, test } from 'vitest';
import { rulesOf, suffixDataModule, TRIE_MODULE } from '../../../scripts/public-suffixes.ts';
import { isUnderPublicSuffix } from '../../../src/core/origins/public-suffixes.ts';
import { runs } from '../../support/runs.ts';

const rules = rulesOf(await import(TRIE_MODULE));
// A canonical host is ASCII.
const asciiRules = rules.filter((rule) => /^[!-~]*$/.test(rule));

describe('isUnderPublicSuffix()', () => {
  test.each([
    ['a top-level domain', 'com'],
    ['a top-level domain that the list does not hold', 'intranet'],
    ['a suffix of two labels', 'co.uk'],
    ['a private suffix', 'github.io'],
    ['a private suffix under another suffix', 's3.amazonaws.com'],
    ['a suffix in Punycode', 'xn--55qx5d.cn'],
    ['a suffix by a wildcard', 'anything.ck'],
    ['what only has suffixes under it', 'kawasaki.jp'],
  ])('says so of %s', (_, name) => {
    expect(isUnderPublicSuffix(name)).toBe(true);
  });

  test.each([
    ['a domain', 'example.com'],
    ['a domain under a private suffix', 'me.github.io'],
    ['a domain under an unknown top-level domain', 'a.intranet'],
    ['what ends like a suffix', 'notgithub.io'],
    ['an exception', 'www.ck'],
    ['a name under an exception', 'a.city.kawasaki.jp'],
    ['a domain with suffixes two labels under it', 'amazonaws.com'],
    ['a name of the object that holds rules', 'constructor.prototype'],
  ])('denies it of %s', (_, name) => {
    expect(isUnderPublicSuffix(name)).toBe(false);
  });

  test('answers like tldts for every rule, and above, beside and below it', () => {
    const names = new Set(
      asciiRules.flatMap((rule) => {
        const name = rule.replace(/^!|^\*\./, '');
        const above = name.slice(name.indexOf('.') + 1);
        return [name, above, `x.${name}`, `x.y.${name}`, `x${name}`, `x.${above}`];
      }),
    );
    expect(names.size).toBeGreaterThan(30_000);
    expect([...names].filter((name) => isUnderPublicSuffix(name) !== byTldts(name))).toEqual([]);
  });

  test('answers like tldts for names put together from labels of the list', () => {
    const labels = [
      ...new Set(asciiRules.flatMap((rule) => rule.replace(/[!*]\.?/, '').split('.'))),
    ];
    const names = fc.array(fc.constantFrom(...labels.filter(Boolean)), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(names, (parts) => {
        const name = parts.join('.');
        expect(isUnderPublicSuffix(name)).toBe(byTldts(name));
      }),
      { numRuns: runs(5_000) },
    );
  });
});

test('the data in the repository is what the installed tldts holds', () => {
  const files = import.meta.glob<string>('../../../src/core/origins/public-suffix-data.ts', {
    query: '?raw',
    import: 'default',
    eager: true,
  });
  expect(rules.length).toBeGreaterThan(11_000);
  expect(Object.values(files)).toEqual([suffixDataModule(rules)]);
});

function byTldts(name: string): boolean {
  // The second question is for rules such as `*.kawasaki.jp`. No rule of the list holds an underscore.
  return [name, `_.${name}`].some((candidate) => {
    const suffix = getPublicSuffix(candidate, {
      allowPrivateDomains: true,
      extractHostname: false,
      validateHostname: false,
      detectIp: false,
    });
    return suffix === candidate;
  });
}
