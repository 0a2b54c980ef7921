/**
 * Checking an origin for the script, which asks about each one that is added, so that mistakes show
 * before the form is sent.
 */

import { canonicalizeOriginPattern } from '../../../core/origins/pattern.ts';
import { originWarnings } from '../../../core/origins/warnings.ts';
import type { Action } from '../access/guards.tsx';
import { textOf, wordsOf } from '../parts/form-data.ts';

/** Answers with the origin in its stored form or its problem, and with warnings about all origins. */
export const checkOrigin: Action = (_visit, form, context) => {
  const typed = textOf(form, 'origin');
  const result = typed === '' ? null : canonicalizeOriginPattern(typed);
  const patterns = wordsOf(textOf(form, 'others')).flatMap((origin) => {
    const other = canonicalizeOriginPattern(origin);
    return other.ok ? [other.pattern] : [];
  });
  const pattern = result?.ok ? result.pattern : null;
  const all = pattern === null ? patterns : [...new Set([...patterns, pattern])];
  return context.json({
    pattern,
    problem: result === null || result.ok ? null : result.problem,
    warnings: originWarnings(all),
  });
};
