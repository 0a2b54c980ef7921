/**
 * What of a key can be edited, as it travels in each form about the key, so that a later answer can
 * tell what somebody else has changed in the meantime. Pure.
 */

import type { KeyDocument } from '../../documents.ts';

/** What of a key can be edited, as it was when the form was shown. Travels in the form. */
export type Editable = Pick<KeyDocument, 'name' | 'access' | 'expiresAt' | 'enabled'>;

/** A field that somebody else has changed in the meantime. */
export interface Change {
  readonly field: string;
  readonly before: string;
  readonly now: string;
}

/** The key as it travels in its form. Text that is none of ours reads as `null`. */
export function readEditable(text: string): Editable | null {
  try {
    const value = JSON.parse(text) as Partial<Editable> | null;
    if (typeof value?.name !== 'string' || typeof value.enabled !== 'boolean') return null;
    const origins = value.access?.cors?.allowedOrigins ?? [];
    if (!Array.isArray(origins) || !origins.every((origin) => typeof origin === 'string')) {
      return null;
    }
    const { name, access = null, expiresAt = null, enabled } = value;
    return { name, access, expiresAt: typeof expiresAt === 'string' ? expiresAt : null, enabled };
  } catch {
    return null;
  }
}

/** The key's editable part as text, for its form. */
export function writeEditable({ name, access, expiresAt, enabled }: KeyDocument): string {
  return JSON.stringify({ name, access, expiresAt, enabled } satisfies Editable);
}

/** What differs between two states of a key, in words. */
export function changesBetween(was: Editable, now: Editable): readonly Change[] {
  return describe(was).flatMap(([field, before], index) => {
    const [, after = ''] = describe(now)[index] ?? [];
    return before === after ? [] : [{ field, before, now: after }];
  });
}

function describe(key: Editable): readonly (readonly [field: string, text: string])[] {
  const { access } = key;
  return [
    ['Name', key.name],
    ['Allowed origins', access?.cors?.allowedOrigins.join(', ') ?? 'none'],
    ['Full API access', access?.cors?.fullAccess ? 'yes' : 'no'],
    ['Access rules', access?.rules ? JSON.stringify(access.rules) : 'none'],
    ['Expires', key.expiresAt ?? 'never'],
    ['State', key.enabled ? 'enabled' : 'disabled'],
  ];
}
