/**
 * The editable part of a key. Each form about the key carries it, so that the answer can show what
 * another person has changed in the meantime. Pure.
 */

import type { KeyDocument } from '../../documents.ts';
import { toRulesText } from './rules-text.ts';

/** The editable part of a key, as it was when the form was shown. */
export type Editable = Pick<KeyDocument, 'name' | 'access' | 'expiresAt' | 'enabled'>;

/** A field that another person has changed in the meantime. */
export interface Change {
  readonly field: string;
  readonly before: string;
  readonly now: string;
}

/** Reads the editable part in a form; `null` if the page did not write the text. */
export function readEditable(text: string): Editable | null {
  try {
    const value = JSON.parse(text) as Partial<Editable> | null;
    if (typeof value?.name !== 'string' || typeof value.enabled !== 'boolean') return null;
    const origins = value.access?.cors?.allowedOrigins ?? [];
    if (!Array.isArray(origins) || !origins.every((origin) => typeof origin === 'string')) {
      return null;
    }
    if (!isRuleList(value.access?.rules ?? [])) return null;
    const { name, access = null, expiresAt = null, enabled } = value;
    return { name, access, expiresAt: typeof expiresAt === 'string' ? expiresAt : null, enabled };
  } catch {
    return null;
  }
}

function isRuleList(value: unknown): boolean {
  const isTexts = (list: unknown) =>
    Array.isArray(list) && list.every((text) => typeof text === 'string');
  return (
    Array.isArray(value) &&
    value.every((rule) => isTexts(rule?.methods) && isTexts(rule?.resources))
  );
}

/** Writes the editable part of a key for a form. */
export function writeEditable({ name, access, expiresAt, enabled }: KeyDocument): string {
  return JSON.stringify({ name, access, expiresAt, enabled } satisfies Editable);
}

/** The differences between two states of a key, in words. */
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
    ['Access rules', access?.rules ? toRulesText(access.rules) : 'none'],
    ['Client tokens', access?.clientTokens?.allowedOrigins?.join(', ') ?? 'none'],
    ['Expires', key.expiresAt ?? 'never'],
    ['State', key.enabled ? 'enabled' : 'disabled'],
  ];
}
