/**
 * The form for a key that exists as values, and as the patch that it asks the API to apply. Pure.
 *
 * What cannot be a document's value is sent as it was typed, so that the API says what is wrong with
 * it.
 */

import type { KeyDocument } from '../../documents.ts';
import { linesOf, textOf } from '../parts/form-data.ts';
import type { Editable } from './editable.ts';
import { toLocalTime, toTime, withoutZeroSeconds } from './local-time.ts';

/** The fields of the form for a key that exists. */
export interface KeyValues {
  readonly name: string;
  /** One on each line; `null` for a backend key. */
  readonly origins: string | null;
  readonly fullAccess: boolean;
  /** Empty: never. */
  readonly expiresAt: string;
}

/** The body of a PATCH: only what changed. */
export interface KeyPatch {
  readonly name?: string;
  readonly access?: KeyDocument['access'];
  readonly expiresAt?: string | null;
  readonly enabled?: boolean;
  readonly suspended?: boolean;
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

function isSameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}
