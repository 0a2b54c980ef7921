/**
 * The editable part of a key. Each form about the key carries it, so that the answer can show what
 * another person has changed in the meantime. Pure.
 */

import * as v from 'valibot';
import { shownAccessSchema } from '../../access-document.ts';
import type { KeyDocument } from '../../documents.ts';
import { shownPlanEntries } from '../../plan-document.ts';
import { sayClientTokens, sayLimit, sayMeta, sayQuota } from './plan-words.ts';
import { toRulesText } from './rules-text.ts';

/** The editable part of a key, as it was when the form was shown. */
export type Editable = v.InferOutput<typeof editableSchema>;

/** A field that another person has changed in the meantime. */
export interface Change {
  readonly field: string;
  readonly before: string;
  readonly now: string;
}

const editableSchema = v.object({
  name: v.string(),
  access: v.optional(shownAccessSchema, null),
  expiresAt: v.optional(v.nullable(v.string()), null),
  enabled: v.boolean(),
  ...shownPlanEntries,
});

/** Reads the editable part in a form; `null` if the page did not write the text. */
export function readEditable(text: string): Editable | null {
  try {
    const reading = v.safeParse(editableSchema, JSON.parse(text));
    return reading.success ? reading.output : null;
  } catch {
    return null;
  }
}

/** Writes the editable part of a key for a form. */
export function writeEditable(key: KeyDocument): string {
  const { name, access, expiresAt, enabled, meta, tags, limit, limitBy, quota } = key;
  return JSON.stringify({ name, access, expiresAt, enabled, meta, tags, limit, limitBy, quota });
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
    ['Rule set', access?.ruleSet ?? 'none'],
    ['Client tokens', access?.clientTokens ? sayClientTokens(access.clientTokens) : 'none'],
    ['Expires', key.expiresAt ?? 'never'],
    ['Limit', sayLimit(key) ?? 'none of its own'],
    ['Quota', key.quota ? sayQuota(key.quota) : 'none'],
    ['Addresses', access?.addresses?.join(', ') ?? 'any'],
    ['Metadata', key.meta ? sayMeta(key.meta) : 'none'],
    ['Tags', key.tags?.join(', ') ?? 'none'],
    ['State', key.enabled ? 'enabled' : 'disabled'],
  ];
}
