/**
 * The list of keys, in pages.
 */

import * as v from 'valibot';
import { keySorts, type ShownKey } from '../keys/admin/types.ts';
import { type KeyDocument, keySchema, toKeyDocument } from './documents.ts';
import { invalidFields } from './field-problems.ts';
import { filterOf, keyFilterEntries, takeMeta } from './key-filter.ts';
import { PAGE_LIMIT_DEFAULT, TOTAL_MAX } from './limits.ts';
import { CURSOR_PATTERN, foreignCursor, readCursor, toCursor } from './list-cursor.ts';
import { answer, type Call, type Operation, type OperationResult, refusal } from './operation.ts';
import { cursorSchema, limitSchema, readQuery } from './query.ts';
import { oneOf } from './read-document.ts';
import { createSlices } from './slices.ts';

const listQuerySchema = v.strictObject({
  ...keyFilterEntries,
  sort: v.optional(
    oneOf(
      keySorts,
      'The order: newest first (the default), by name whatever the case of its ASCII letters, or most recently used first.',
    ),
  ),
  total: v.optional(
    oneOf(['true', 'false'], 'true: the answer also says how many keys the filters leave.'),
  ),
  cursor: cursorSchema(CURSOR_PATTERN),
  limit: limitSchema,
});

const keyListSchema = v.object({
  keys: v.pipe(v.array(keySchema), v.description('The keys of this page, in order.')),
  nextCursor: v.pipe(
    v.nullable(v.string()),
    v.description('The cursor of the next page, for the same filters and order; null: none.'),
  ),
  total: v.pipe(
    v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(TOTAL_MAX))),
    v.description('How many keys the filters leave, if "total" is true.'),
  ),
  totalIsExact: v.pipe(
    v.optional(v.boolean()),
    v.description(`false: there may be more, since no more than ${TOTAL_MAX} keys were looked at.`),
  ),
});

/** A page of keys, as the API answers it. */
export type KeyListDocument = v.InferOutput<typeof keyListSchema>;

/** The endpoint that lists keys. */
export const listKeysOperation: Operation = {
  method: 'GET',
  path: '/keys',
  name: 'listKeys',
  summary: 'List keys',
  description:
    'Revoked keys are listed if "state" asks for them, until they are deleted. People see their own keys. "meta.<name>" filters by metadata, as in "meta.plan=pro". A page reads a bounded number of keys: it may hold fewer than "limit", or none, and still have a "nextCursor".',
  query: listQuerySchema,
  answer: {
    status: 200,
    description: 'A page of keys.',
    schema: keyListSchema,
  },
  problems: ['invalid_fields'],
  handle: listKeys,
};

async function listKeys(call: Call): Promise<OperationResult> {
  const { store, now, pause } = call.management;
  const { meta, rest, problems } = takeMeta(call.query);
  const reading = readQuery(listQuerySchema, new URLSearchParams(rest.map((pair) => [...pair])));
  if (!reading.ok) problems.addAll(reading);
  if (!reading.ok || !problems.isEmpty) return refusal(invalidFields(problems));
  const { sort = 'created', total, cursor, limit = PAGE_LIMIT_DEFAULT } = reading.value;
  const asked = filterOf(call, reading.value, '', meta);
  if (!asked.ok) return asked;
  const after = cursor === undefined ? null : readCursor(sort, cursor);
  if (cursor !== undefined && after === null) return refusal(foreignCursor(sort));
  const nowMs = now();
  const [page, counted] = await Promise.all([
    store.keys.list({ filter: asked.filter, sort, after, limit, nowMs }),
    total === 'true' ? store.keys.count(asked.filter, nowMs) : null,
  ]);
  const keys: KeyDocument[] = [];
  const slices = createSlices(pause);
  for (const key of page.keys) {
    await slices.spend(sizeOf(key));
    keys.push(toKeyDocument(key));
  }
  return answer(200, {
    keys,
    nextCursor: page.next && toCursor(sort, page.next),
    ...(counted ? { total: counted.total, totalIsExact: counted.isExact } : {}),
  });
}

/** Returns about how many characters a key takes as JSON. */
function sizeOf({ allowedOrigins, rules, clientTokens }: ShownKey): number {
  const origins = [...(allowedOrigins ?? []), ...(clientTokens?.allowedOrigins ?? [])];
  const resources = [...(rules ?? []), ...(clientTokens?.rules ?? [])].flatMap(
    (rule) => rule.resources,
  );
  return [...origins, ...resources].reduce((sum, text) => sum + text.length, 500);
}
