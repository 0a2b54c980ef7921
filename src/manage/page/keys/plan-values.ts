/**
 * The plan of a key in a form: its limit, its quota, its addresses, its metadata and its tags, as text. Pure.
 *
 * The API checks all of it. A value that does not fit is sent as it was typed, so that the API explains
 * the mistake.
 */

import { linesOf, textOf, wordsOf } from '../parts/form-data.ts';
import type { Editable } from './editable.ts';

/** A text of the metadata, as a row of two fields. */
export interface MetaRow {
  readonly name: string;
  readonly value: string;
}

/** The fields of a plan, as text. */
export interface PlanValues {
  /** Empty: the limit of every key. */
  readonly limit: string;
  readonly limitBy: string;
  /** Empty: no quota. */
  readonly quotaRequests: string;
  readonly quotaPeriod: string;
  /** With commas, blanks or new lines between them. */
  readonly addresses: string;
  readonly meta: readonly MetaRow[];
  /** One on each line. */
  readonly tags: string;
}

/** The members of a plan that a form changes. `null` clears one; absent ones stay as they are. */
export interface PlanPatch {
  readonly limit?: string | null;
  readonly limitBy?: string;
  readonly quota?: { readonly requests: number | string; readonly period: string } | null;
  readonly meta?: Readonly<Record<string, string | null>>;
  readonly tags?: readonly string[] | null;
}

/** The values of a key without a plan. */
export const emptyPlan: PlanValues = {
  limit: '',
  limitBy: 'key',
  quotaRequests: '',
  quotaPeriod: 'month',
  addresses: '',
  meta: [],
  tags: '',
};

/** Reads the fields. A form without a field changes nothing about it: `shown` has its value. */
export function readPlanValues(form: FormData, shown: PlanValues): PlanValues {
  const read = (name: string, before: string) => (form.has(name) ? textOf(form, name) : before);
  return {
    limit: read('limit', shown.limit),
    limitBy: read('limit_by', shown.limitBy),
    quotaRequests: read('quota_requests', shown.quotaRequests),
    quotaPeriod: read('quota_period', shown.quotaPeriod),
    addresses: read('addresses', shown.addresses),
    meta: form.has('meta_name') ? readRows(form) : shown.meta,
    tags: read('tags', shown.tags),
  };
}

/** Returns the values that the fields show for a key. */
export function toPlanValues(key: Editable): PlanValues {
  const { access, limit, limitBy, quota, meta, tags } = key;
  return {
    limit: limit ?? emptyPlan.limit,
    limitBy: limitBy ?? emptyPlan.limitBy,
    quotaRequests: quota === undefined ? '' : String(quota.requests),
    quotaPeriod: quota?.period ?? emptyPlan.quotaPeriod,
    addresses: access?.addresses?.join('\n') ?? '',
    meta: Object.entries(meta ?? {}).map(([name, value]) => ({ name, value })),
    tags: tags?.join('\n') ?? '',
  };
}

/** Returns the members that the form changes, and the addresses among those of the access. */
export function changedPlan(values: PlanValues, shown: PlanValues): PlanPatch {
  const isOtherLimit =
    values.limit !== shown.limit || (values.limit !== '' && values.limitBy !== shown.limitBy);
  const isOtherQuota =
    values.quotaRequests.trim() !== shown.quotaRequests ||
    (values.quotaRequests !== '' && values.quotaPeriod !== shown.quotaPeriod);
  const meta = changedMeta(values.meta, shown.meta);
  const tags = linesOf(values.tags);
  return {
    ...(isOtherLimit ? limitOf(values) : {}),
    ...(isOtherQuota ? { quota: quotaOf(values) } : {}),
    ...(Object.keys(meta).length > 0 ? { meta } : {}),
    ...(tags.join('\n') === shown.tags ? {} : { tags: tags.length > 0 ? tags : null }),
  };
}

/** Returns the addresses if the form changes them, `null` for any address, and otherwise `undefined`. */
export function changedAddresses(
  values: PlanValues,
  shown: PlanValues,
): readonly string[] | null | undefined {
  const addresses = wordsOf(values.addresses);
  if (addresses.join('\n') === shown.addresses) return undefined;
  return addresses.length > 0 ? addresses : null;
}

/**
 * Returns the name under which each row is sent. The API refuses a name with a blank, so a row with the name
 * of an earlier one is refused together with everything else that is wrong.
 */
export function namesOfRows(rows: readonly MetaRow[]): readonly string[] {
  const seen = new Set<string>();
  return rows.map(({ name }, index) => {
    const isRepeated = seen.has(name);
    seen.add(name);
    return isRepeated ? `${name} in row ${index + 1}` : name;
  });
}

/**
 * The fields after another person's change: what the visitor changed stays as it was typed, and the rest shows
 * the key as it is.
 */
export function mergePlanValues(
  values: PlanValues,
  shown: PlanValues,
  now: PlanValues,
): PlanValues {
  const patch = changedPlan(values, shown);
  const limit = patch.limit === undefined ? now : values;
  const quota = patch.quota === undefined ? now : values;
  return {
    limit: limit.limit,
    limitBy: limit.limitBy,
    quotaRequests: quota.quotaRequests,
    quotaPeriod: quota.quotaPeriod,
    addresses: changedAddresses(values, shown) === undefined ? now.addresses : values.addresses,
    meta: mergeRows(patch.meta ?? {}, now.meta),
    tags: patch.tags === undefined ? now.tags : values.tags,
  };
}

function mergeRows(
  changed: NonNullable<PlanPatch['meta']>,
  now: readonly MetaRow[],
): readonly MetaRow[] {
  const merged = new Map<string, string | null>(now.map(({ name, value }) => [name, value]));
  for (const [name, value] of Object.entries(changed)) merged.set(name, value);
  return [...merged].flatMap(([name, value]) => (value === null ? [] : [{ name, value }]));
}

/** The rows of the form, without those that are empty. */
function readRows(form: FormData): readonly MetaRow[] {
  const texts = (name: string) =>
    form.getAll(name).map((text) => (typeof text === 'string' ? text : ''));
  const values = texts('meta_value');
  return texts('meta_name')
    .map((name, index) => ({ name: name.trim(), value: values[index] ?? '' }))
    .filter(({ name, value }) => name !== '' || value.trim() !== '');
}

function limitOf({ limit, limitBy }: PlanValues): PlanPatch {
  return limit === '' ? { limit: null } : { limit, limitBy };
}

function quotaOf({
  quotaRequests,
  quotaPeriod,
}: PlanValues): NonNullable<PlanPatch['quota']> | null {
  const text = quotaRequests.trim();
  if (text === '') return null;
  // People write large numbers in groups: "100,000", "100 000".
  const ungrouped = /^\d{1,3}(?:[ ,_]\d{3})+$/.test(text) ? text.replaceAll(/\D/g, '') : text;
  const isNumber = /^-?\d{1,15}(?:\.\d{1,15})?$/.test(ungrouped);
  return { requests: isNumber ? Number(ungrouped) : text, period: quotaPeriod };
}

/** A merge patch of the metadata. https://www.rfc-editor.org/rfc/rfc7396 */
function changedMeta(
  rows: readonly MetaRow[],
  shown: readonly MetaRow[],
): Readonly<Record<string, string | null>> {
  const names = namesOfRows(rows);
  const before = new Map(shown.map(({ name, value }) => [name, value]));
  const removed = shown.filter(({ name }) => !names.includes(name));
  return Object.fromEntries([
    ...rows.flatMap(({ value }, index) => {
      const name = names[index] ?? '';
      return before.get(name) === value ? [] : [[name, value] as const];
    }),
    ...removed.map(({ name }) => [name, null] as const),
  ]);
}
