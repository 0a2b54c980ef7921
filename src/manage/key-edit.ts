/**
 * The documents that change a key, checked: a JSON Merge Patch (RFC 7396), and a roll.
 */

import * as v from 'valibot';
import { type FieldProblem, ProblemList } from '../core/field-problem.ts';
import { isRecord } from '../core/json.ts';
import { checkAccessInSteps, type KeyAccess, operatorBounds } from '../core/key/key-access.ts';
import type { KeyPlan } from '../core/key/key-plan.ts';
import type { Steps } from '../core/steps.ts';
import { parseTime } from '../core/time.ts';
import type { ManagedKey } from '../keys/admin/types.ts';
import {
  accessSchema,
  findAccess,
  patchAccessSchema,
  toAccessDocument,
} from './access-document.ts';
import { expiresAtSchema, nameSchema, timeSchema, toMs } from './key-members.ts';
import { GRACE_MAX_SECONDS } from './limits.ts';
import { applyMergePatch } from './merge-patch.ts';
import type { KeyBounds } from './new-key.ts';
import { changedPlan, mergePlan, planEntries, readPlan } from './plan-document.ts';
import { failed, type Reading, readDocument, ruleMessage, wanted } from './read-document.ts';

const editKeyEntries = {
  name: v.optional(nameSchema),
  access: v.nullish(accessSchema),
  expiresAt: expiresAtSchema,
  ...planEntries,
  clientTokensValidFrom: v.pipe(
    v.nullish(timeSchema),
    v.description(
      'Voids every client token that was issued earlier. At most 60 seconds ahead; null: no token is void.',
    ),
  ),
  enabled: v.optional(
    v.pipe(
      v.boolean(),
      v.description('false: the key does not work until it is enabled again.'),
      wanted('true or false'),
    ),
  ),
  suspended: v.optional(
    v.pipe(
      v.boolean(),
      v.description(
        'true: the key does not work until the operator clears it. Set by the operator alone.',
      ),
      wanted('true or false'),
    ),
  ),
};

/** A patch once its `access` is merged into that of the key. */
const editKeySchema = v.pipe(
  v.strictObject(editKeyEntries),
  wanted('an object with the fields to change'),
);

/** The body of `PATCH /_edge/v1/keys/{id}`. */
export const patchKeySchema = v.pipe(
  v.strictObject({ ...editKeyEntries, access: patchAccessSchema }),
  v.description(
    'A JSON Merge Patch (RFC 7396): what is absent stays as it is, and null clears what may be cleared.',
  ),
  wanted('an object with the fields to change'),
);

const graceFix = `Use a whole number from 0 to ${GRACE_MAX_SECONDS}, which is 30 days`;
/** The body of `POST /_edge/v1/keys/{id}/roll`. */
export const rollKeySchema = v.pipe(
  v.strictObject({
    graceSeconds: v.optional(
      v.pipe(
        v.number(),
        v.integer(ruleMessage('it is not a whole number', graceFix)),
        v.minValue(0, ruleMessage('it is negative', graceFix)),
        v.maxValue(GRACE_MAX_SECONDS, ruleMessage('it is longer than 30 days', graceFix)),
        v.description(
          'How long the tokens so far remain valid, in seconds. A token whose grace from an earlier roll ends sooner keeps that end.',
        ),
        v.examples([3600]),
        wanted('a number of seconds, such as 3600'),
      ),
      0,
    ),
  }),
  wanted('an object, such as {"graceSeconds": 3600}'),
);

/** A checked request to edit a key. What is absent stays as it is. */
export interface KeyEdit {
  readonly clientTokensValidFromMs?: number | null;
  readonly name?: string;
  readonly access?: KeyAccess;
  readonly expiresAtMs?: number | null;
  readonly enabled?: boolean;
  readonly suspended?: boolean;
  readonly plan?: Partial<KeyPlan>;
}

/** Checks a JSON Merge Patch of a key. */
export function* readKeyEdit(
  document: unknown,
  key: ManagedKey,
  bounds: KeyBounds,
): Steps<Reading<KeyEdit>> {
  const merged = mergePlan(mergeAccess(document, key), key);
  // Nothing for a usual patch: a pause gives other changes of the key the time to overtake this one.
  if (isRecord(merged)) yield FIELD_SIZE * countFields(merged['access']);
  const reading = readDocument(editKeySchema, merged);
  const hasAccess = isRecord(merged) && merged['access'] !== undefined;
  const requested = findAccess(merged);
  const access = yield* checkAccessInSteps(requested, accessBoundsOf(document, key, bounds));
  const found = new ProblemList();
  if (!reading.ok) found.addAll(reading, namingFixedFields);
  if (hasAccess) checkKind(requested?.cors ? 'cors' : 'backend', key.kind, found);
  if (hasAccess && !access.ok) found.addAll(access);
  if (bounds.owner !== null) refuseSuspending(document, found);
  const plan = readPlan(merged, bounds, found, document);
  checkValidFrom(document, key, bounds.nowMs, found);
  if (!reading.ok || !access.ok || !found.isEmpty) return failed(found);
  const edit = { ...toKeyEdit(reading.value), plan: changedPlan(merged, plan) };
  return { ok: true, value: hasAccess ? { ...edit, access: access.access } : edit };
}

/** About how many characters a field takes. */
const FIELD_SIZE = 10;

function countFields(value: unknown): number {
  return isRecord(value) ? Object.keys(value).length : 0;
}

/** The members of an edit, apart from the access. */
function toKeyEdit(document: v.InferOutput<typeof editKeySchema>): KeyEdit {
  const { name, expiresAt, enabled, suspended, clientTokensValidFrom: validFrom } = document;
  return {
    ...(name === undefined ? {} : { name }),
    ...(expiresAt === undefined ? {} : { expiresAtMs: toMs(expiresAt) }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(suspended === undefined ? {} : { suspended }),
    ...(validFrom === undefined ? {} : { clientTokensValidFromMs: toMs(validFrom) }),
  };
}

/** Lists that stay as they are may be longer than an owner could write. */
function accessBoundsOf(document: unknown, key: ManagedKey, bounds: KeyBounds) {
  const ofLists = changesMember(document, key, 'allowedOrigins') ? bounds : operatorBounds;
  const ofRules = changesMember(document, key, 'rules') ? bounds : operatorBounds;
  return {
    originsPerKey: ofLists.originsPerKey,
    ruleBytesPerKey: ofRules.ruleBytesPerKey,
    ruleSets: bounds.ruleSets ?? [],
  };
}

function refuseSuspending(document: unknown, problems: ProblemList): void {
  if (!isRecord(document) || !Object.hasOwn(document, 'suspended')) return;
  problems.add(() => ({
    path: 'suspended',
    value: null,
    reason: 'the operator alone suspends keys, and ends that',
    fix: 'Remove it; "enabled" is yours to change',
  }));
}

/** Returns the patch with the whole access that the key would have, so that it is checked as a whole. */
function mergeAccess(document: unknown, key: ManagedKey): unknown {
  if (!isRecord(document) || !isRecord(document['access'])) return document;
  return { ...document, access: applyMergePatch(toAccessDocument(key), document['access']) };
}

/** Returns whether a patch gives some part of the access another list of this name than the key has. */
function changesMember(
  document: unknown,
  key: ManagedKey,
  name: 'allowedOrigins' | 'rules',
): boolean {
  const patch = isRecord(document) ? document['access'] : undefined;
  const stored: unknown = toAccessDocument(key);
  return [
    [patch, stored],
    ...['cors', 'clientTokens'].map((part) => [memberOf(patch, part), memberOf(stored, part)]),
  ].some(
    ([part, before]) =>
      isRecord(part) &&
      part[name] != null &&
      JSON.stringify(part[name]) !== JSON.stringify(memberOf(before, name)),
  );
}

function memberOf(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined;
}

/** Checks a document that rolls a key. */
export function readRoll(document: unknown): Reading<v.InferOutput<typeof rollKeySchema>> {
  return readDocument(rollKeySchema, document);
}

/** How far ahead client tokens may be voided, so that a clock which is ahead can do it too. */
const VALID_FROM_AHEAD_MS = 60 * 1000;

/** Checks what `readDocument` finds to be a time. A key that anyone can copy from a page gives no tokens. */
function checkValidFrom(
  document: unknown,
  { kind }: Pick<ManagedKey, 'kind'>,
  nowMs: number,
  problems: ProblemList,
): void {
  const path = 'clientTokensValidFrom';
  const value = isRecord(document) ? document[path] : null;
  const timeMs = typeof value === 'string' ? parseTime(value) : null;
  if (timeMs === null) return;
  if (kind === 'cors') {
    problems.add(() => ({
      path,
      value,
      reason: 'a key with CORS access gives no client tokens',
      fix: 'Remove it',
    }));
    return;
  }
  if (timeMs <= nowMs + VALID_FROM_AHEAD_MS) return;
  problems.add(() => ({
    path,
    value,
    reason: 'it is more than 60 seconds ahead',
    fix: 'Use the present time',
  }));
}

/** Fields of a key that no caller can change, so that they are no misspelling. */
const fixedFields = [
  'id',
  'owner',
  'kind',
  'hint',
  'createdAt',
  'updatedAt',
  'revokedAt',
  'lastUsedAt',
  'retiringTokens',
  'warnings',
  'quotaUse',
  'token',
];

function namingFixedFields(problem: FieldProblem): FieldProblem {
  if (!fixedFields.includes(problem.path)) return problem;
  return {
    ...problem,
    reason: 'it cannot be changed',
    fix: 'Remove it, or create another key',
  };
}

function checkKind(
  wantedKind: KeyAccess['kind'],
  kind: KeyAccess['kind'],
  found: ProblemList,
): void {
  if (wantedKind === kind) return;
  found.add(() =>
    kind === 'backend'
      ? {
          path: 'access.cors',
          value: null,
          reason: 'the key was made for backends, and its secret never becomes one of a page',
          fix: 'Create another key with CORS access',
        }
      : {
          path: 'access',
          value: null,
          reason: 'the key was made for pages, and its token never becomes a backend secret',
          fix: 'Keep access.cors with at least one origin, or create another key for backends',
        },
  );
}
