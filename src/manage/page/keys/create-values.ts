/**
 * The form for a new key as values, and as the document that it asks the API to make. Pure.
 *
 * What cannot be a document's value is sent as it was typed, so that the API says what is wrong with
 * it. Checked here is only what no document can say.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import { DAY_MS } from '../../../usage/batch.ts';
import { linesOf, textOf } from '../parts/form-data.ts';
import { toTime } from './local-time.ts';

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
