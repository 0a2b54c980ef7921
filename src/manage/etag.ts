/**
 * ETags of keys and the conditions that name them, so that an edit that was made on an old view of a key
 * is refused instead of undoing another change.
 * Conditional requests: https://www.rfc-editor.org/rfc/rfc9110#section-13
 *
 * A tag is strong: it covers everything that is shown. Its first part is the version of the key, which each
 * edit, roll and revocation counts up; the others tell the last use and how many tokens are in their
 * grace. `If-Match` compares the version alone: a use of the key, or the end of a grace, is no edit.
 */

import type { ShownKey } from '../keys/admin/types.ts';
import type { Problem } from '../problem.ts';
import { problem } from './problems.ts';

/** The parts of a key that a tag is made of. */
type Tagged = Pick<ShownKey, 'version' | 'lastUsedAtMs' | 'retiringEndsMs'>;

/** The ETag of a key as it is shown. */
export function etagOf({ version, lastUsedAtMs, retiringEndsMs }: Tagged): string {
  return `"${[version, lastUsedAtMs ?? 0, retiringEndsMs.length].map((part) => part.toString(36)).join('-')}"`;
}

/**
 * Returns the 412 for a change whose conditions the key does not meet; `null` if it meets them, or without
 * conditions.
 *
 * `If-Match` also accepts a weak tag, where the RFC wants a strong comparison: compressing proxies weaken
 * the tags that pass through them, and a version is compared and not bytes. A header that cannot be read
 * matches nothing.
 */
export function failedPrecondition(headers: Headers, key: Tagged): Problem | null {
  const ifMatch = headers.get('if-match');
  if (ifMatch !== null && ifMatch.trim() !== '*' && !versionsIn(ifMatch).includes(versionOf(key))) {
    return problem(
      'precondition_failed',
      `Cannot change the key: If-Match is not its present version ${etagOf(key)}. Read the key again, and check your change`,
    );
  }
  const ifNoneMatch = headers.get('if-none-match');
  if (ifNoneMatch !== null && isNamedBy(ifNoneMatch, key)) {
    return problem(
      'precondition_failed',
      'Cannot change the key: If-None-Match asks that it is not there, or not this version. Use If-Match',
    );
  }
  return null;
}

/** Returns whether `If-None-Match` names the key as it is shown, so that a GET is answered 304. */
export function isNotModified(headers: Headers, key: Tagged): boolean {
  const ifNoneMatch = headers.get('if-none-match');
  return ifNoneMatch !== null && isNamedBy(ifNoneMatch, key);
}

/** Compares weakly, as https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2 wants it. */
function isNamedBy(ifNoneMatch: string, key: Tagged): boolean {
  return ifNoneMatch.trim() === '*' || tagsIn(ifNoneMatch).includes(etagOf(key));
}

function tagsIn(header: string): readonly string[] {
  return header.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
}

/** The versions that tags name. */
function versionsIn(header: string): readonly string[] {
  return tagsIn(header).flatMap((tag) => /^"([0-9a-z]+)(?:-[0-9a-z-]*)?"$/.exec(tag)?.[1] ?? []);
}

function versionOf({ version }: Tagged): string {
  return version.toString(36);
}
