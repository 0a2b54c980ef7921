/**
 * Rules of a key as lines of text, such as `GET, PATCH /api/asset/:id /api/stream/:id`. Pure.
 */

import type { AccessRule } from '../../../core/key/key.ts';
import { linesOf } from '../parts/form-data.ts';

/** Writes one rule on each line: its methods, then its paths. */
export function toRulesText(rules: readonly AccessRule[]): string {
  return rules
    .map(({ methods, resources }) => {
      const names = methods.map((method) => method.toUpperCase());
      return `${names.join(', ')} ${resources.join(' ')}`;
    })
    .join('\n');
}

/**
 * Reads the lines. The first word with a slash and each word after it is a path; the words before it are
 * methods. Nothing is checked: the API names what is wrong with a rule.
 */
export function readRulesText(text: string): readonly AccessRule[] {
  return linesOf(text).map((line) => {
    // People write commas between words; a path of a rule may hold commas, but hardly at its end.
    const words = line.split(/\s+/).map((word) => word.replace(/,$/, ''));
    const found = words.findIndex((word) => word.includes('/'));
    const firstPath = found < 0 ? words.length : found;
    const methods = words.slice(0, firstPath).flatMap((word) => word.split(','));
    return {
      methods: methods.filter((method) => method !== '').map((method) => method.toLowerCase()),
      resources: words.slice(firstPath).filter((path) => path !== ''),
    };
  });
}
