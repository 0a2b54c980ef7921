/**
 * Who changed what, and when, as the API shows it. The lines are written in the batch of each change
 * (`keys/admin/types.ts`).
 */

import * as v from 'valibot';
import type { AuditLine } from '../keys/admin/types.ts';
import { keySchema, toTime } from './documents.ts';
import { invalidFields } from './field-problems.ts';
import { PAGE_LIMIT_DEFAULT } from './limits.ts';
import { answer, type Call, type Operation, type OperationResult, refusal } from './operation.ts';
import { cursorSchema, keyIdSchema, limitSchema, readQuery } from './query.ts';

const auditQuerySchema = v.strictObject({
  keyId: v.optional(v.pipe(keyIdSchema, v.description('Only the changes of this key.'))),
  cursor: cursorSchema(/^[1-9]\d{0,14}$/),
  limit: limitSchema,
});

const {
  lastUsedAt: _used,
  updatedAt: _updated,
  retiringTokens: _retiring,
  warnings: _warnings,
  ...auditedEntries
} = keySchema.entries;
const auditedKeySchema = v.object({
  ...auditedEntries,
  // Lines of an older version do not have it.
  suspended: v.optional(auditedEntries.suspended),
});

const auditLineSchema = v.object({
  id: v.pipe(v.string(), v.description('The number of the line, as a cursor.')),
  at: v.pipe(v.string(), v.metadata({ jsonSchema: { type: 'string', format: 'date-time' } })),
  actor: v.pipe(
    v.string(),
    v.description(
      '"operator", "operator:" and the name of their token, "operator:person:" or "person:" and the subject of their JWT, "holder" (with the token of the key itself), or "github secret scanning".',
    ),
    v.examples(['operator']),
  ),
  action: v.pipe(
    v.picklist(['create', 'import', 'edit', 'roll', 'revoke', 'leak']),
    v.description('"leak": a token was found in public, and the key was left as it is.'),
  ),
  keyId: v.pipe(v.string(), v.description('The key that was changed.')),
  before: v.pipe(
    v.nullable(auditedKeySchema),
    v.description('The key before the change; null: it did not exist.'),
  ),
  after: v.pipe(
    v.nullable(auditedKeySchema),
    v.description('The key after the change; null: it was revoked.'),
  ),
  requestId: v.pipe(v.string(), v.description('Finds the request in the logs.')),
  leakUrl: v.pipe(
    v.nullable(v.string()),
    v.description(
      'The place where a token of the key was found in public; null: not found, or unknown.',
    ),
  ),
});

const auditSchema = v.object({
  entries: v.array(auditLineSchema),
  nextCursor: v.pipe(v.nullable(v.string()), v.description('null: there are no more.')),
});

/** A page of the audit, as the API answers it. */
export type AuditDocument = v.InferOutput<typeof auditSchema>;

/** The endpoint about the audit. */
export const auditOperations: readonly Operation[] = [
  {
    method: 'GET',
    path: '/audit',
    name: 'listAudit',
    summary: 'List who changed what, newest first',
    description: 'Holds neither tokens nor their hashes. People see the changes of their own keys.',
    query: auditQuerySchema,
    answer: {
      status: 200,
      description: 'A page of changes.',
      schema: auditSchema,
    },
    problems: ['invalid_fields'],
    handle: listAudit,
  },
];

async function listAudit({ management, caller, query }: Call): Promise<OperationResult> {
  const reading = readQuery(auditQuerySchema, query);
  if (!reading.ok) return refusal(invalidFields(reading));
  const { keyId = null, cursor, limit = PAGE_LIMIT_DEFAULT } = reading.value;
  // One more than asked for tells whether there is a next page.
  const lines = await management.store.audit.list({
    owner: caller.owner,
    keyId,
    beforeId: cursor === undefined ? null : Number(cursor),
    limit: limit + 1,
  });
  const page = lines.slice(0, limit);
  const last = page.at(-1);
  return answer(200, {
    entries: page.map(toDocument),
    nextCursor: lines.length > limit && last ? String(last.id) : null,
  });
}

function toDocument(line: AuditLine): v.InferOutput<typeof auditLineSchema> {
  return {
    id: String(line.id),
    at: toTime(line.atMs),
    actor: line.actor,
    action: line.action,
    keyId: line.keyId,
    // Only `toAuditDocument` writes these.
    before: line.before === null ? null : JSON.parse(line.before),
    after: line.after === null ? null : JSON.parse(line.after),
    requestId: line.requestId,
    leakUrl: line.leakUrl,
  };
}
