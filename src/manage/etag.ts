/**
 * Versions of a key as ETags, so that an edit that was made on an old view of it is refused instead of
 * undoing what somebody else did.
 *
 * The tag names the version of what can be edited. When a key was used last is not part of it, nor is
 * which of its old tokens go on: a roll makes a new version anyway, and a grace that has run out since is
 * nobody's edit that an If-Match could overlook. Conditional requests: https://www.rfc-editor.org/rfc/rfc9110#section-13
 */

import type { Problem } from '../problem.ts';
import { problem } from './problems.ts';

/** The ETag of a version. */
export function etagOf(key: { readonly version: number }): string {
  return `"${key.version}"`;
}

/**
 * The 412 for a key that is not what If-Match says; `null` when it is, or when there is no If-Match.
 *
 * A weak tag matches as well, where the RFC wants a strong comparison: compressing proxies weaken the
 * tags that pass through them, and what is compared is a version and not bytes. A header that cannot be
 * read matches nothing.
 */
export function staleness(
  ifMatch: string | null,
  key: { readonly version: number },
): Problem | null {
  if (ifMatch === null || ifMatch.trim() === '*') return null;
  const tags = ifMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (tags.includes(etagOf(key))) return null;
  return problem(
    'precondition_failed',
    `Cannot change the key: If-Match is not its present version ${etagOf(key)}. Read the key again, and check your change`,
  );
}
