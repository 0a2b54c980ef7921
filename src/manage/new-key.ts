/**
 * The documents of new keys, checked: the schema says what their structure is, and
 * `core/key/key-access.ts` what an access may hold. Both are reported together, so that one answer names
 * every problem.
 */

import * as v from 'valibot';
import { type FieldProblem, ProblemList } from '../core/field-problem.ts';
import { isRecord } from '../core/json.ts';
import { type AccessBounds, checkAccessInSteps, type KeyAccess } from '../core/key/key-access.ts';
import type { KeyPlan, PlanBounds } from '../core/key/key-plan.ts';
import type { Steps } from '../core/steps.ts';
import { parseTime } from '../core/time.ts';
import { findAccess } from './access-document.ts';
import { newKeyEntries, toMs } from './key-members.ts';
import { readPlan } from './plan-document.ts';
import { failed, type Reading, readDocument, wanted } from './read-document.ts';

/** The body of `POST /_edge/v1/keys`. */
export const createKeySchema = v.pipe(
  v.strictObject(newKeyEntries),
  wanted('an object with at least a name'),
);

/** A checked request for a new key. */
export interface NewKey {
  readonly name: string;
  readonly owner: string | null;
  readonly access: KeyAccess;
  readonly expiresAtMs: number | null;
  readonly plan: KeyPlan;
}

/** The parts of a key that have rules beyond their structure, checked. */
export interface CheckedParts {
  readonly access: KeyAccess;
  readonly plan: KeyPlan;
}

/** The bounds of a caller who writes keys. */
export interface KeyBounds extends AccessBounds, PlanBounds {
  /** The owner whose keys alone the caller may write; `null`: the operator writes. */
  readonly owner: string | null;
  readonly nowMs: number;
}

/** Checks a document for a new key. */
export function* readNewKey(document: unknown, bounds: KeyBounds): Steps<Reading<NewKey>> {
  const reading = yield* readNewKeyAs(createKeySchema, document, bounds, toNewKey);
  const expiresAt = isRecord(document) ? document['expiresAt'] : null;
  const expiresAtMs = typeof expiresAt === 'string' ? parseTime(expiresAt) : null;
  if (expiresAtMs === null || expiresAtMs > bounds.nowMs) return reading;
  const found = new ProblemList();
  if (!reading.ok) found.addAll(reading);
  found.add(() => ({
    path: 'expiresAt',
    value: expiresAt,
    reason: 'it is in the past',
    fix: 'Send a time in the future, or no time for a key that never expires',
  }));
  return failed(found);
}

/** Checks a document that describes a new key and more, and gives what `build` makes of it. */
export function* readNewKeyAs<
  Target extends v.GenericSchema<unknown, v.InferOutput<typeof createKeySchema>>,
  Value,
>(
  schema: Target,
  document: unknown,
  bounds: KeyBounds,
  build: (document: v.InferOutput<Target>, parts: CheckedParts) => Value,
): Steps<Reading<Value>> {
  const reading = readDocument(schema, document);
  const access = yield* checkAccessInSteps(findAccess(document), bounds);
  const found = new ProblemList();
  if (!reading.ok) found.addAll(reading);
  if (isOfOtherOwner(document, bounds)) found.add(otherOwner);
  if (!access.ok) found.addAll(access);
  const plan = readPlan(document, bounds, found);
  if (!reading.ok || !access.ok || !found.isEmpty) return failed(found);
  return { ok: true, value: build(reading.value, { access: access.access, plan }) };
}

/** Tells whether a document names another owner than the one whose keys the caller may write. */
function isOfOtherOwner(document: unknown, bounds: KeyBounds): boolean {
  const owner = isRecord(document) ? document['owner'] : null;
  return bounds.owner !== null && typeof owner === 'string' && owner !== bounds.owner;
}

const otherOwner = (): FieldProblem => ({
  path: 'owner',
  value: null,
  reason: 'it is not the account that you are signed in to, whose keys alone you can make',
  fix: 'Remove it, or name your own account',
});

/** A new key as it was asked for, with its access in the form in which it is stored. */
export function toNewKey(
  document: v.InferOutput<typeof createKeySchema>,
  { access, plan }: CheckedParts,
): NewKey {
  return {
    name: document.name,
    owner: document.owner ?? null,
    access,
    expiresAtMs: toMs(document.expiresAt),
    plan,
  };
}
