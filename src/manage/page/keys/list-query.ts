/**
 * The part of the list of keys that an address asks for, and the question to the API. Pure.
 */

import { DAY_MS } from '../../../usage/batch.ts';

/** The filters and the order in an address; `null`: the address does not ask for it. */
export interface ListQuery {
  readonly search: string | null;
  readonly state: string | null;
  readonly access: string | null;
  readonly age: string | null;
  readonly tag: string | null;
  /** Texts of the metadata, each a name and its value. */
  readonly meta: readonly (readonly [name: string, value: string])[];
  readonly sort: string | null;
  readonly cursor: string | null;
}

/** The beginning of a parameter that filters by a text of the metadata. */
export const META_PREFIX = 'meta.';

/** The choices of a filter, each with the words for it. */
export type Choices = readonly (readonly [value: string, label: string])[];

/** The states to choose from. Without a choice, revoked keys are left out. */
export const stateChoices: Choices = [
  ['live', 'Live'],
  ['disabled', 'Disabled'],
  ['suspended', 'Suspended'],
  ['expired', 'Expired'],
  ['revoked', 'Revoked'],
];

/** The reach of keys to choose from. */
export const accessChoices: Choices = [
  ['backend', 'Backend'],
  ['restricted', 'CORS, restricted'],
  ['full', 'CORS, full'],
  ['rules', 'Rules of its own'],
];

/** The use of keys, and their end, within a number of days. */
export const ageChoices: Choices = [
  ['unused-30', 'Unused for 30 days'],
  ['unused-90', 'Unused for 90 days'],
  ['expires-7', 'Expires in 7 days'],
  ['expires-30', 'Expires in 30 days'],
];

/** The orders to choose from. The first is that of an address without one. */
export const sortChoices: Choices = [
  ['created', 'Newest first'],
  ['name', 'By name'],
  ['lastUsed', 'Last used first'],
];

/** Reads the address. A value that is not among the choices is left to the API to refuse. */
export function readListQuery(query: URLSearchParams): ListQuery {
  const text = (name: string) => query.get(name)?.trim() || null;
  const sort = text('sort');
  return {
    search: text('q'),
    state: text('state'),
    access: text('access'),
    age: text('age'),
    tag: text('tag'),
    meta: readMeta(query),
    sort: sort === 'created' ? null : sort,
    cursor: text('cursor'),
  };
}

/** The texts of the metadata in an address. Of two with one name, the last counts. */
function readMeta(query: URLSearchParams): ListQuery['meta'] {
  const named = [...query].filter(([name]) => name.startsWith(META_PREFIX));
  return [...new Map(named.map(([name, value]) => [name.slice(META_PREFIX.length), value]))];
}

/** Returns whether a filter is set. */
export function isFiltered({ search, state, access, age, tag, meta }: ListQuery): boolean {
  return meta.length > 0 || [search, state, access, age, tag].some((filter) => filter !== null);
}

/** The address of the list with this query. */
export function listUrl(query: Partial<ListQuery>): string {
  const { search, meta = [], ...others } = query;
  const parameters = new URLSearchParams();
  if (search != null) parameters.set('q', search);
  for (const [name, value] of Object.entries(others)) {
    if (value != null) parameters.set(name, value);
  }
  for (const [name, value] of meta) parameters.append(META_PREFIX + name, value);
  const text = String(parameters);
  return text === '' ? '/_edge/' : `/_edge/?${text}`;
}

/** The query of the API. Times are whole days, so that the pages of one day agree. */
export function toApiQuery(query: ListQuery, nowMs: number): Record<string, string | null> {
  const { search, state, access, age, tag, meta, sort, cursor } = query;
  const [, kind, days] = /^(unused|expires)-(\d{1,4})$/.exec(age ?? '') ?? [];
  const today = Math.floor(nowMs / DAY_MS);
  const at = (day: number) => new Date(day * DAY_MS).toISOString();
  const isUnused = kind === 'unused';
  return {
    search,
    state: state ?? (kind === 'expires' ? 'live' : null),
    access,
    usedBefore: isUnused ? at(today - Number(days)) : null,
    expiresBefore: kind === 'expires' ? at(today + 1 + Number(days)) : null,
    tag,
    ...Object.fromEntries(meta.map(([name, value]) => [META_PREFIX + name, value])),
    sort,
    cursor,
  };
}
