/**
 * Between forms and the API's documents: what a key's fields show, and what was changed in them.
 *
 * What cannot be a document's value is sent as it was typed, so that the API says what is wrong with
 * it. Checked here is only what no document can say. Pure.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import type { KeyDocument } from '../../documents.ts';
import type { AccessDocument } from '../api-client.ts';

/** The fields of the form for a new key, as text and ticks. */
export interface CreateValues {
  readonly name: string;
  readonly owner: string;
  readonly cors: boolean;
  /** One on each line. */
  readonly origins: string;
  readonly fullAccess: boolean;
  /** One of `expiryChoices`. `at`: as `expiresAt` says. */
  readonly expires: string;
  /** A date and time without a zone, meant in UTC. */
  readonly expiresAt: string;
}

/** The fields of the form for a key that exists. */
export interface KeyValues {
  readonly name: string;
  /** One on each line; `null` for a backend key. */
  readonly origins: string | null;
  readonly fullAccess: boolean;
  /** Empty: never. */
  readonly expiresAt: string;
}

/** What of a key can be edited, as it was when the form was shown. Travels in the form. */
export type Editable = Pick<KeyDocument, 'name' | 'access' | 'expiresAt' | 'enabled'>;

/** The body of a PATCH: only what changed. */
export interface KeyPatch {
  readonly name?: string;
  readonly access?: AccessDocument | null;
  readonly expiresAt?: string | null;
  readonly enabled?: boolean;
  readonly suspended?: boolean;
}

/** A field that somebody else has changed in the meantime. */
export interface Change {
  readonly field: string;
  readonly before: string;
  readonly now: string;
}

/** What the form for a new key holds when it is opened. */
export const emptyCreateValues: CreateValues = {
  name: '',
  owner: '',
  cors: false,
  origins: '',
  fullAccess: false,
  expires: 'never',
  expiresAt: '',
};

/** When a new key can expire, as the form offers it. A number is one of days. */
export const expiryChoices = [
  ['never', 'Never'],
  ['7', 'In 7 days'],
  ['30', 'In 30 days'],
  ['90', 'In 90 days'],
  ['365', 'In a year'],
  ['at', 'At a time of its own'],
] as const;

const DAY_MS = 24 * 60 * 60 * 1000;

/** Reads the form for a new key. */
export function readCreateValues(form: FormData): CreateValues {
  return {
    name: textOf(form, 'name'),
    owner: textOf(form, 'owner'),
    cors: form.has('cors'),
    origins: textOf(form, 'origins'),
    fullAccess: form.has('full_access'),
    expires: textOf(form, 'expires'),
    expiresAt: textOf(form, 'expires_at'),
  };
}

/**
 * What is wrong with the form for a new key beyond its document: an expiry that nobody offered would
 * be none, and what stands behind an unticked box would be dropped, both without a word. `cors` is
 * the path of the box.
 */
export function findMistakes(values: CreateValues): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  const { cors, origins, fullAccess, expires, expiresAt } = values;
  const hasOrigins = linesOf(origins).length > 0;
  if (!cors && (hasOrigins || fullAccess)) {
    problems.push({
      path: 'cors',
      value: null,
      reason: `${hasOrigins ? 'origins are listed' : 'full API access is ticked'}, but CORS access is not allowed`,
      fix: 'Tick "Allow CORS access", or take away what is behind it',
    });
  }
  if (!isOffered(expires)) {
    problems.push({
      path: 'expiresAt',
      value: expires,
      reason: 'it is none of the choices',
      fix: 'Choose one of the list',
    });
  }
  if (expires === 'at' && expiresAt === '') {
    problems.push({
      path: 'expiresAt',
      value: null,
      reason: 'a date and a time must be filled in',
      fix: 'Fill in both, or choose another end',
    });
  }
  return problems;
}

/** The body of the POST for a new key. What the unticked box hides is not sent. */
export function toNewKey(values: CreateValues, nowMs: number): Record<string, unknown> {
  const { owner } = values;
  return {
    name: values.name.trim(),
    ...(owner.trim() === '' ? {} : { owner: owner.trim() }),
    access: values.cors
      ? { cors: { allowedOrigins: linesOf(values.origins), fullAccess: values.fullAccess } }
      : null,
    expiresAt: expiryOf(values, nowMs),
  };
}

/** Reads the form for a key that exists; `was` tells whether it has origins at all. */
export function readKeyValues(form: FormData, was: Editable): KeyValues {
  return {
    name: textOf(form, 'name'),
    origins: was.access?.cors == null ? null : textOf(form, 'origins'),
    fullAccess: form.has('full_access'),
    expiresAt: withoutZeroSeconds(textOf(form, 'expires_at')),
  };
}

/** What the fields show for a key. */
export function toKeyValues({ name, access, expiresAt }: Editable): KeyValues {
  return {
    name,
    origins: access?.cors?.allowedOrigins.join('\n') ?? null,
    fullAccess: access?.cors?.fullAccess ?? false,
    expiresAt: toLocalTime(expiresAt),
  };
}

/** What the form changes: only the fields that differ from what it was shown with. */
export function toPatch(values: KeyValues, was: Editable): KeyPatch {
  const shown = toKeyValues(was);
  const cors = was.access?.cors;
  const origins = linesOf(values.origins ?? '');
  const hasNewOrigins = values.origins !== null && !isSameList(origins, cors?.allowedOrigins ?? []);
  return {
    ...(values.name === shown.name ? {} : { name: values.name.trim() }),
    ...(cors && (hasNewOrigins || values.fullAccess !== shown.fullAccess)
      ? {
          access: {
            ...was.access,
            cors: { allowedOrigins: [...origins], fullAccess: values.fullAccess },
          },
        }
      : {}),
    ...(values.expiresAt === shown.expiresAt ? {} : { expiresAt: toTime(values.expiresAt) }),
  };
}

/**
 * The fields after somebody else's change: what the visitor changed stays as they typed it, and the
 * rest shows what the key says now, so that saving again does not take the other change back.
 */
export function mergeValues(values: KeyValues, was: Editable, now: KeyDocument): KeyValues {
  const patch = toPatch(values, was);
  const current = toKeyValues(now);
  return {
    name: patch.name === undefined ? current.name : values.name,
    origins: patch.access === undefined ? current.origins : values.origins,
    fullAccess: patch.access === undefined ? current.fullAccess : values.fullAccess,
    expiresAt: patch.expiresAt === undefined ? current.expiresAt : values.expiresAt,
  };
}

/** What differs between two states of a key, in words. */
export function changesBetween(was: Editable, now: Editable): readonly Change[] {
  return describe(was).flatMap(([field, before], index) => {
    const [, after = ''] = describe(now)[index] ?? [];
    return before === after ? [] : [{ field, before, now: after }];
  });
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

/** The lines of a text that are not blank. */
export function linesOf(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** A field of a form; empty when it is missing, or a file. */
export function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  // Browsers send lines with CRLF: https://html.spec.whatwg.org/#constructing-the-form-data-set
  return typeof value === 'string' ? value.replaceAll('\r\n', '\n') : '';
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

function expiryOf({ expires, expiresAt }: CreateValues, nowMs: number): string | null {
  if (expires === 'at') return toTime(expiresAt) ?? 'no time';
  if (!isOffered(expires)) return expires;
  const days = Number(expires);
  if (!(days > 0)) return null;
  // At the end of a day, so that the same form sent twice asks for the same.
  return new Date((Math.floor(nowMs / DAY_MS) + 1 + days) * DAY_MS).toISOString();
}

/** Whether the form offers this expiry. A form without the field asks for none. */
function isOffered(expires: string): boolean {
  return expires === '' || expiryChoices.some(([value]) => value === expires);
}

/** A field's date and time in UTC as the API writes times; what is no date stays as it is. */
function toTime(text: string): string | null {
  if (text === '') return null;
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text)
    ? `${text}:00Z`
    : text.replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)$/, '$1Z');
}

/** The other way round. Milliseconds are not shown: who does not touch the field keeps them. */
function toLocalTime(time: string | null): string {
  return time === null ? '' : withoutZeroSeconds(new Date(time).toISOString().slice(0, 19));
}

/** Some browsers leave seconds out where they are zero, and some do not. */
function withoutZeroSeconds(localTime: string): string {
  return localTime.replace(/^(.{16}):00(?:\.0+)?$/, '$1');
}

function isSameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}
