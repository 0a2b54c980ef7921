/**
 * Who changed what, and when, as the API shows it. The lines are written in the batch of each change
 * (`keys/admin/types.ts`).
 */

import * as v from 'valibot';
import { type AuditLine, auditActions } from '../keys/admin/types.ts';
import { keySchema, toTime } from './documents.ts';
import { invalidFields } from './field-problems.ts';
import { otherOwner } from './key-filter.ts';
import { ownerSchema, timeSchema, toMs } from './key-members.ts';
import { ACTOR_MAX_LENGTH, PAGE_LIMIT_DEFAULT } from './limits.ts';
import { answer, type Call, type Operation, type OperationResult, refusal } from './operation.ts';
import { cursorSchema, keyIdSchema, limitSchema, readQuery } from './query.ts';
import { oneOf, ruleMessage, wanted } from './read-document.ts';
import { shownTimeSchema } from './shown-time.ts';

const auditQuerySchema = v.strictObject({
  keyId: v.optional(v.pipe(keyIdSchema, v.description('Only the changes of this key.'))),
  owner: v.optional(v.pipe(ownerSchema, v.description('Only changes of the keys of this owner.'))),
  actor: v.optional(
    v.pipe(
      v.string(),
      v.nonEmpty(ruleMessage('it is empty', 'Remove it, or name an actor')),
      v.maxCodePoints(
        ACTOR_MAX_LENGTH,
        ruleMessage(`it is longer than ${ACTOR_MAX_LENGTH} characters`, 'Name an actor'),
      ),
      v.description('Only changes by this actor, as entries name it.'),
      v.examples(['operator']),
      wanted('an actor, such as "operator"'),
    ),
  ),
  action: v.optional(oneOf(auditActions, 'Only this kind of change.')),
  since: v.optional(v.pipe(timeSchema, v.description('Only changes from this time on.'))),
  until: v.optional(v.pipe(timeSchema, v.description('Only changes before this time.'))),
  cursor: cursorSchema(/^[1-9]\d{0,14}$/),
  limit: limitSchema,
});

const {
  lastUsedAt: _used,
  updatedAt: _updated,
  revokedAt: _revoked,
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
  at: v.pipe(shownTimeSchema, v.description('When it was changed.')),
  actor: v.pipe(
    v.string(),
    v.description(
      '"operator", "operator:" and the name of their token, "operator:person:" or "person:" and the subject of their JWT, "portal:" and the owner whom a link was made for, "holder" (with the token of the key itself), or "github secret scanning".',
    ),
    v.examples(['operator']),
  ),
  action: v.pipe(
    v.picklist(auditActions),
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
  entries: v.pipe(v.array(auditLineSchema), v.description('The changes, newest first.')),
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
    description:
      'Holds neither tokens nor their hashes. People see the changes of their own keys. A page may hold fewer entries than "limit", or none, and still have a "nextCursor".',
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
  const { keyId, owner, actor, action, since, until, cursor, limit } = reading.value;
  const other = otherOwner(caller.owner, owner);
  if (other) return other;
  const { lines, next } = await management.store.audit.list({
    filter: {
      owner: caller.owner ?? owner ?? null,
      keyId: keyId ?? null,
      actor: actor ?? null,
      action: action ?? null,
      sinceMs: toMs(since),
      untilMs: toMs(until),
    },
    beforeId: cursor === undefined ? null : Number(cursor),
    limit: limit ?? PAGE_LIMIT_DEFAULT,
  });
  return answer(200, {
    entries: lines.map(toDocument),
    nextCursor: next === null ? null : String(next),
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
