/**
 * The form for a key that exists: its values, and the patch that is sent to the API. Pure.
 *
 * The API checks the patch. A value that does not fit is sent as it was typed, so that the API explains
 * the mistake.
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

/** The body of a PATCH, with the changed members alone. */
export interface KeyPatch {
  readonly name?: string;
  readonly access?: KeyDocument['access'];
  readonly expiresAt?: string | null;
  readonly enabled?: boolean;
  readonly suspended?: boolean;
}

/** Reads the form for a key that exists; `was` says whether the key has origins at all. */
export function readKeyValues(form: FormData, was: Editable): KeyValues {
  return {
    name: textOf(form, 'name'),
    origins: was.access?.cors == null ? null : textOf(form, 'origins'),
    fullAccess: form.has('full_access'),
    expiresAt: withoutZeroSeconds(textOf(form, 'expires_at')),
  };
}

/** The values that the fields show for a key. */
export function toKeyValues({ name, access, expiresAt }: Editable): KeyValues {
  return {
    name,
    origins: access?.cors?.allowedOrigins.join('\n') ?? null,
    fullAccess: access?.cors?.fullAccess ?? false,
    expiresAt: toLocalTime(expiresAt),
  };
}

/** The changes of the form: the fields that differ from the values it was shown with. */
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
 * The fields after another person's change. Fields that the visitor changed stay as they were typed. The
 * others show the key as it is, so that saving again does not undo the other change.
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
