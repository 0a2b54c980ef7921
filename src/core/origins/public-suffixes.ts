/**
 * Public suffixes: names under which strangers register theirs, such as `co.uk` and `github.io`.
 *
 * The list is read when it is first asked for, which is when a key is written, because the gateway
 * never asks. No I/O, no clock.
 *
 * How rules are applied: https://github.com/publicsuffix/list/wiki/Format#formal-algorithm
 */

import { publicSuffixData } from './public-suffix-data.ts';

let knownRules: ReadonlySet<string> | null = null;

/**
 * Returns whether strangers can have names right under this one, which is a canonical host without a dot at
 * its end. Also true where every name under it is a public suffix, as under `kawasaki.jp` by the rule
 * `*.kawasaki.jp`, and for every name of one label. Never throws.
 */
export function isUnderPublicSuffix(name: string): boolean {
  if (!name.includes('.')) return true;
  knownRules ??= readRules(publicSuffixData);
  const rules = knownRules;
  const parents = parentsOf(name);
  if ([name, ...parents].some((domain) => rules.has(`!${domain}`))) return false;
  return rules.has(name) || rules.has(`*.${parents[0]}`) || rules.has(`*.${name}`);
}

/** The rules as the list writes them, those of one label left out. */
function readRules(data: string): ReadonlySet<string> {
  const rules = new Set<string>();
  // The names that follow the labels at this place, innermost last.
  const suffixes: string[] = [];
  for (const [, exception = '', label = '', mark, closing = ''] of data.matchAll(
    /(!?)([^\s()+]+)(\+?\(|)(\)*)/g,
  )) {
    const suffix = suffixes.at(-1);
    const name = suffix === undefined ? label : `${label}.${suffix}`;
    if (mark !== '(') rules.add(exception + name);
    if (mark !== '') suffixes.push(name);
    suffixes.length -= closing.length;
  }
  return rules;
}

/** The domains above a name, nearest first. */
function parentsOf(name: string): string[] {
  const labels = name.split('.');
  return labels.slice(1).map((_, index) => labels.slice(index + 1).join('.'));
}
