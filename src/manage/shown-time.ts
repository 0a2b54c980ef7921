/**
 * A time in the answers of the API. Times that it reads are checked: see `timeSchema` of key-members.ts.
 */

import * as v from 'valibot';

/** A time in UTC, as RFC 3339 writes it. https://www.rfc-editor.org/rfc/rfc3339#section-5.6 */
export const shownTimeSchema = v.pipe(
  v.string(),
  v.metadata({ jsonSchema: { type: 'string', format: 'date-time' } }),
);
