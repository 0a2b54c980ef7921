/**
 * A form that was sent after the session had ended. The page to sign in carries it, so that nothing that
 * was typed is lost; after signing in, the visitor sends it again. Pure.
 */

import { FORM_TOKEN_FIELD } from './csrf.ts';

/** The form: its address, and its fields without the proof that belonged to the session. */
export interface Resumed {
  readonly action: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** The field of the page to sign in that holds the form. */
export const RESUME_FIELD = 'resume';

/** The field of a form that holds an API key. No page ever shows or keeps it. */
export const API_KEY_FIELD = 'api_key';

/** A form of a page with more text than this is not kept. */
const RESUMED_MAX_LENGTH = 64 * 1024;

/** The forms about keys. Signing out needs no second attempt, and the script asks again by itself. */
const actionPattern = /^\/_edge\/keys(?:\/key_[0-9A-Za-z]{22}(?:\/[a-z-]{1,20})?)?$/;

/** The form as it was sent; `null` if it cannot be sent again. */
export function resumedFrom(path: string, form: FormData): Resumed | null {
  const left = new Set([FORM_TOKEN_FIELD, API_KEY_FIELD, 'in_dialog']);
  const fields = [...form].flatMap(([name, value]): Resumed['fields'] =>
    left.has(name) || typeof value !== 'string' ? [] : [[name, value]],
  );
  return readResumed(writeResumed({ action: path, fields }));
}

/** Writes the form for the page to sign in. */
export function writeResumed({ action, fields }: Resumed): string {
  return JSON.stringify([action, fields]);
}

/** Reads the form from the page to sign in; `null` if it holds no form, or the page did not write it. */
export function readResumed(text: string): Resumed | null {
  if (text === '' || text.length > RESUMED_MAX_LENGTH) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (!Array.isArray(value) || !Array.isArray(value[1])) return null;
    const [action, fields] = value as [unknown, unknown[]];
    if (typeof action !== 'string' || !actionPattern.test(action)) return null;
    return fields.every(isField) ? { action, fields } : null;
  } catch {
    return null;
  }
}

function isField(field: unknown): field is readonly [string, string] {
  return (
    Array.isArray(field) && field.length === 2 && field.every((part) => typeof part === 'string')
  );
}
