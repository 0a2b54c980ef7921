/**
 * The list of keys, in pages.
 */

import * as v from 'valibot';
import type { ListCursor, ShownKey } from '../keys/admin/types.ts';
import { type KeyDocument, keySchema, toKeyDocument } from './documents.ts';
import { invalidFields } from './field-problems.ts';
import { PAGE_LIMIT_DEFAULT, SEARCH_MAX_LENGTH } from './limits.ts';
import { answer, type Call, type Operation, type OperationResult, refusal } from './operation.ts';
import { cursorSchema, limitSchema, readQuery } from './query.ts';
import { ruleMessage } from './read-document.ts';
import { createSlices } from './slices.ts';

const LIST_CURSOR = /^(-?\d{1,16})\.(key_[0-9A-Za-z]{22})$/;

const listQuerySchema = v.strictObject({
  owner: v.optional(v.pipe(v.string(), v.description('Only the keys of this owner.'))),
  search: v.optional(
    v.pipe(
      v.string(),
      v.maxCodePoints(
        SEARCH_MAX_LENGTH,
        ruleMessage(`it is longer than ${SEARCH_MAX_LENGTH} characters`, 'Search for less'),
      ),
      v.description(
        'Only keys whose name holds this text, whatever the case of its ASCII letters.',
      ),
    ),
  ),
  cursor: cursorSchema(LIST_CURSOR),
  limit: limitSchema,
});

const keyListSchema = v.object({
  keys: v.array(keySchema),
  nextCursor: v.pipe(v.nullable(v.string()), v.description('null: there are no more.')),
});

/** A page of keys, as the API answers it. */
export type KeyListDocument = v.InferOutput<typeof keyListSchema>;

/** The endpoint that lists keys. */
export const listKeysOperation: Operation = {
  method: 'GET',
  path: '/keys',
  name: 'listKeys',
  summary: 'List keys, newest first',
  description: 'Revoked keys are not listed. People see their own keys.',
  query: listQuerySchema,
  answer: {
    status: 200,
    description: 'A page of keys.',
    schema: keyListSchema,
  },
  problems: ['invalid_fields'],
  handle: listKeys,
};

async function listKeys({ management, caller, query }: Call): Promise<OperationResult> {
  const reading = readQuery(listQuerySchema, query);
  if (!reading.ok) return refusal(invalidFields(reading));
  const { owner = null, search = null, cursor, limit = PAGE_LIMIT_DEFAULT } = reading.value;
  // A person sees their own keys alone, so that no other owner has any.
  if (caller.owner !== null && owner !== null && owner !== caller.owner) {
    return answer(200, { keys: [], nextCursor: null });
  }
  // One more than asked for tells whether there is a next page.
  const keys = await management.store.keys.list({
    owner: caller.owner ?? owner,
    search,
    cursor: readCursor(cursor),
    limit: limit + 1,
    nowMs: management.now(),
  });
  const page = keys.slice(0, limit);
  const last = page.at(-1);
  const documents: KeyDocument[] = [];
  const slices = createSlices(management.pause);
  for (const key of page) {
    await slices.spend(sizeOf(key));
    documents.push(toKeyDocument(key));
  }
  const nextCursor = keys.length > limit && last ? `${last.createdAtMs}.${last.id}` : null;
  return answer(200, { keys: documents, nextCursor });
}

/** Returns about how many characters a key takes as JSON. */
function sizeOf({ allowedOrigins, rules, clientTokens }: ShownKey): number {
  const origins = [...(allowedOrigins ?? []), ...(clientTokens?.allowedOrigins ?? [])];
  const resources = [...(rules ?? []), ...(clientTokens?.rules ?? [])].flatMap(
    (rule) => rule.resources,
  );
  return [...origins, ...resources].reduce((sum, text) => sum + text.length, 500);
}

function readCursor(text: string | undefined): ListCursor | null {
  const [, createdAt, id] = LIST_CURSOR.exec(text ?? '') ?? [];
  return createdAt !== undefined && id !== undefined
    ? { createdAtMs: Number(createdAt), id }
    : null;
}
