/**
 * Cursors of the list of keys: a place in its order, as text that only we read. It holds nothing that the
 * page before did not show, except for the name or the times of a key that a filter left out.
 */

import * as v from 'valibot';
import { fromBase64Url, toBase64Url } from '../core/client-token/base64url.ts';
import { parseJson } from '../core/json.ts';
import { type KeySort, keySorts, type ListPlace } from '../keys/admin/types.ts';
import { invalidFields } from './field-problems.ts';

/** The characters of a cursor. A name of 200 characters takes up to 2,200 of them. */
export const CURSOR_PATTERN = /^[\w-]{1,2400}$/;

const cursorSchema = v.tuple([
  v.picklist(keySorts),
  v.nullable(v.union([v.string(), v.pipe(v.number(), v.safeInteger())])),
  v.pipe(v.string(), v.regex(/^key_[0-9A-Za-z]{22}$/)),
]);

/** Returns a place in the list of this order as a cursor. */
export function toCursor(sort: KeySort, { value, id }: ListPlace): string {
  return toBase64Url(new TextEncoder().encode(JSON.stringify([sort, value, id])));
}

/** Reads a cursor of the list of this order; `null` for any other text. */
export function readCursor(sort: KeySort, text: string): ListPlace | null {
  const bytes = fromBase64Url(text);
  if (bytes === null) return null;
  const reading = v.safeParse(cursorSchema, parseJson(new TextDecoder().decode(bytes)));
  if (!reading.success) return null;
  const [of, value, id] = reading.output;
  const isOfSort =
    sort === 'name' ? typeof value === 'string' : sort === 'created' ? value !== null : true;
  if (of !== sort || !isOfSort || (sort !== 'name' && typeof value === 'string')) return null;
  return { value, id };
}

/** The problem of a cursor that is not one of the list of this order. */
export function foreignCursor(sort: KeySort) {
  return invalidFields({
    problems: [
      {
        path: 'cursor',
        value: null,
        reason: `it is not a cursor of this list, which is sorted by ${JSON.stringify(sort)}`,
        fix: 'Use nextCursor of the page before with the same sort, or remove it',
      },
    ],
    more: 0,
  });
}
