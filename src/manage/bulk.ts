/**
 * Changes to many keys: all that a filter leaves are revoked, disabled or suspended, or that is ended.
 *
 * A call handles a slice and answers where the next one begins, so that it can be repeated and resumed. Each
 * key is changed as by a request of its own, with its own line in the audit. Every line of the change log
 * makes each isolate work, so a call waits between keys, and calls at the same time wait for each other.
 */

import * as v from 'valibot';
import { ProblemList } from '../core/field-problem.ts';
import { isRecord } from '../core/json.ts';
import { OwnerLimitError } from '../keys/admin/owner-limits.ts';
import type { KeyFilter, ShownKey } from '../keys/admin/types.ts';
import { toAuditDocument } from './documents.ts';
import { invalidFields } from './field-problems.ts';
import { changeKey, committed, noteOf } from './key-changes.ts';
import { filterOf, keyFilterEntries, namedAsInQuery, takeMeta } from './key-filter.ts';
import {
  BULK_CALL_SECONDS,
  BULK_KEYS_MAX,
  BULK_LINES_PER_SECOND,
  MANAGEMENT_BODY_MAX_BYTES,
  META_FILTERS_MAX,
  TOTAL_MAX,
} from './limits.ts';
import { CURSOR_PATTERN, foreignCursor, readCursor, toCursor } from './list-cursor.ts';
import { answer, type Call, type Operation, type OperationResult, refusal } from './operation.ts';
import { problem } from './problems.ts';
import { cursorSchema } from './query.ts';
import { failed, oneOf, type Reading, readDocument, ruleMessage, wanted } from './read-document.ts';
import { readBody } from './request-body.ts';

const actions = ['revoke', 'disable', 'enable', 'suspend', 'unsuspend'] as const;
type BulkAction = (typeof actions)[number];

const filterFix = 'Add at least one filter, such as "owner"';
const limitFix = `Use a whole number from 1 to ${BULK_KEYS_MAX}`;
const metaSchema = v.pipe(
  v.custom<Readonly<Record<string, string>>>(isRecord),
  v.metadata({
    jsonSchema: {
      type: 'object',
      additionalProperties: { type: 'string', minLength: 1 },
      maxProperties: META_FILTERS_MAX,
    },
  }),
  v.description(`Only keys whose metadata has these texts: at most ${META_FILTERS_MAX}.`),
  v.examples([{ plan: 'pro' }]),
  wanted('an object of strings, such as {"plan": "pro"}'),
);
const bulkSchema = v.pipe(
  v.strictObject({
    action: oneOf(
      actions,
      'The change to each key. The operator alone suspends keys, and ends that.',
    ),
    filter: v.pipe(
      v.strictObject({ ...keyFilterEntries, meta: v.optional(metaSchema) }),
      v.description(
        'The keys that are meant, by the filters of GET /keys. "meta.<name>" is accepted as well as "meta". At least one member.',
      ),
      wanted('an object of filters, such as {"owner": "acct_1"}'),
    ),
    dryRun: v.pipe(
      v.optional(v.pipe(v.boolean(), wanted('true or false')), false),
      v.description('true: the answer names the keys that would change, and nothing changes.'),
    ),
    cursor: cursorSchema(CURSOR_PATTERN),
    limit: v.pipe(
      v.optional(
        v.pipe(
          v.number(),
          v.integer(ruleMessage('it is not a whole number', limitFix)),
          v.minValue(1, ruleMessage('it is less than 1', limitFix)),
          v.maxValue(BULK_KEYS_MAX, ruleMessage(`it is more than ${BULK_KEYS_MAX}`, limitFix)),
          wanted('a whole number'),
        ),
        BULK_KEYS_MAX,
      ),
      v.description('How many keys this call handles at most. Each takes up to 13 queries of D1.'),
    ),
  }),
  wanted('an object with an action and a filter'),
);

/** The endpoint that changes many keys. */
export const bulkOperations: readonly Operation[] = [
  {
    method: 'POST',
    path: '/keys/bulk',
    name: 'changeKeys',
    summary: 'Change many keys',
    description: `Revokes, disables or suspends the keys that a filter leaves, or ends that, a slice at a time: repeat the call with "nextCursor" until it is null. A call that was cut off can be repeated. Keys that are in that state already are left alone, and so are keys that the filter does not leave any longer, because they were edited meanwhile. The change log grows by at most ${BULK_LINES_PER_SECOND} lines a second, whatever the number of calls, so a call takes some seconds. After ${BULK_CALL_SECONDS} seconds, it begins with no further key. If other calls are half a minute ahead, it ends early, with 429 if it changed nothing.`,
    body: {
      schema: bulkSchema,
      example: { action: 'revoke', filter: { owner: 'acct_1' }, dryRun: true },
      maxBytes: MANAGEMENT_BODY_MAX_BYTES,
    },
    answer: {
      status: 200,
      description: 'The keys that changed, or would change.',
      schema: v.object({
        changed: v.pipe(
          v.array(
            v.object({
              id: v.pipe(v.string(), v.description('The id of the key.')),
              name: v.pipe(v.string(), v.description('The name of the key.')),
              owner: v.pipe(v.nullable(v.string()), v.description('Its owner; null: none.')),
            }),
          ),
          v.description('The keys of this slice that changed; in a dry run, that would change.'),
        ),
        nextCursor: v.pipe(
          v.nullable(v.string()),
          v.description('The place at which the next call begins; null: every key is done.'),
        ),
        total: v.pipe(
          v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(TOTAL_MAX))),
          v.description('In a dry run without cursor: how many keys the filter leaves.'),
        ),
        totalIsExact: v.pipe(
          v.optional(v.boolean()),
          v.description(`false: no more than ${TOTAL_MAX} keys were looked at.`),
        ),
      }),
    },
    problems: ['conflict', 'quota_of_owner'],
    handle: changeKeys,
  },
];

async function changeKeys(call: Call): Promise<OperationResult> {
  const body = await readBody(call.request, { maxBytes: MANAGEMENT_BODY_MAX_BYTES });
  if (!body.ok) return body;
  const reading = readBulk(body.document);
  if (!reading.ok) return refusal(invalidFields(reading));
  const { action, filter: given, meta, dryRun, cursor, limit } = reading.value;
  const misuse = misuseOf(action, meta.length > 0 ? { ...given, meta } : given, call.caller.owner);
  if (!misuse.isEmpty) return refusal(invalidFields(misuse));
  const asked = filterOf(call, given, 'filter.', meta);
  if (!asked.ok) return asked;
  const after = cursor === undefined ? null : readCursor('created', cursor);
  if (cursor !== undefined && after === null) return refusal(foreignCursor('created'));
  const { filter } = asked;
  const nowMs = call.management.now();
  const order = { sort: 'created', after, limit, nowMs } as const;
  const { keys, next } = await call.management.store.keys.list({ filter, ...order });
  const nextCursor = next && toCursor('created', next);
  if (!dryRun) return changeSlice(call, { action, filter }, keys, nextCursor);
  return answer(200, {
    changed: keys.filter((key) => changed(key, action, nowMs) !== key).map(named),
    nextCursor,
    ...(after === null ? await totalOf(call, filter, nowMs) : {}),
  });
}

/** Reads the body, with its filters by metadata apart from the others. */
function readBulk(
  document: unknown,
): Reading<v.InferOutput<typeof bulkSchema> & Pick<KeyFilter, 'meta'>> {
  if (!isRecord(document) || !isRecord(document['filter'])) {
    const reading = readDocument(bulkSchema, document);
    return reading.ok ? { ok: true, value: { ...reading.value, meta: [] } } : reading;
  }
  const { meta, rest, problems } = takeMeta(namedAsInQuery(document['filter']), 'filter.');
  const reading = readDocument(bulkSchema, { ...document, filter: Object.fromEntries(rest) });
  if (!reading.ok) problems.addAll(reading);
  return reading.ok && problems.isEmpty
    ? { ok: true, value: { ...reading.value, meta } }
    : failed(problems);
}

async function totalOf({ management }: Call, filter: KeyFilter, nowMs: number) {
  const { total, isExact } = await management.store.keys.count(filter, nowMs);
  return { total, totalIsExact: isExact };
}

/** A change, and the keys that it is for. */
interface BulkChange {
  readonly action: BulkAction;
  readonly filter: KeyFilter;
}

/** Changes the keys of one slice, one after the other. */
async function changeSlice(
  call: Call,
  change: BulkChange,
  keys: readonly ShownKey[],
  nextCursor: string | null,
): Promise<OperationResult> {
  const { now } = call.management;
  const endMs = now() + BULK_CALL_SECONDS * 1000;
  const done: ShownKey[] = [];
  for (const [index, key] of keys.entries()) {
    if (index > 0 && now() > endMs) return endedBefore(index, keys, done);
    try {
      const outcome = await changeOne(call, key, change);
      if (outcome.ok && outcome.body !== null) done.push(key);
      if (outcome.ok || outcome.problem.code === 'not_found') continue;
      if (outcome.problem.code !== 'rate_limited' || index === 0) return outcome;
    } catch (error) {
      if (!(error instanceof OwnerLimitError) || index === 0) throw error;
    }
    // Finished changes stay. The next call reports when there may be more.
    return endedBefore(index, keys, done);
  }
  return answer(200, { changed: done.map(named), nextCursor });
}

/** The answer of a call that ends before the key at `index`, where the next call begins. */
function endedBefore(
  index: number,
  keys: readonly ShownKey[],
  done: readonly ShownKey[],
): OperationResult {
  const last = keys[index - 1];
  const place = last && { value: last.createdAtMs, id: last.id };
  const nextCursor = place ? toCursor('created', place) : null;
  return answer(200, { changed: done.map(named), nextCursor });
}

/**
 * Changes one key, and waits for its lines of the change log, before and after. The body is `null` if
 * nothing had to change.
 */
function changeOne(
  call: Call,
  { id, version }: ShownKey,
  { action, filter }: BulkChange,
): Promise<OperationResult> {
  const { management } = call;
  return changeKey({ ...call, id }, async (key) => {
    const askedAtMs = management.now();
    if (changed(key, action, askedAtMs) === key) return answer(200, null);
    // A call takes up to half a minute. A key that was enabled meanwhile is not revoked as a disabled one.
    if (key.version !== version && !(await isLeft(call, key, filter))) return answer(200, null);
    const lists = [key.allowedOrigins, key.clientTokens?.allowedOrigins];
    const patterns = lists.reduce((sum, list) => sum + (list?.length ?? 0), 0);
    const pace = { keyId: id, patterns, nowMs: askedAtMs, linesPerSecond: BULK_LINES_PER_SECOND };
    const waitMs = await management.store.bulkPace.reserve(pace);
    if (waitMs === null) return refusal(tooManyAtOnce(), { 'Retry-After': '30' });
    await management.wait(waitMs);
    const nowMs = management.now();
    const after = changed(key, action, nowMs);
    const note = { ...noteOf(call, nowMs), before: toAuditDocument(key) };
    const { keys } = management.store;
    const tokenHashes =
      action === 'revoke'
        ? await keys.revoke(key, { ...note, after: null })
        : await keys.update(key, after, { ...note, after: toAuditDocument(after) });
    if (tokenHashes === null) return null;
    const event = action === 'revoke' ? 'key_revoked' : 'key_edited';
    await committed(call, { event, keyId: id }, tokenHashes);
    await management.wait(((patterns + tokenHashes.length) * 1000) / BULK_LINES_PER_SECOND);
    return answer(200, {});
  });
}

/** Returns whether a filter leaves a key, as it is now. */
async function isLeft(
  { management }: Call,
  { id, createdAtMs }: ShownKey,
  filter: KeyFilter,
): Promise<boolean> {
  // The place right before the key: no id has a "~", which is behind all of their characters.
  const after = { value: createdAtMs, id: `${id}~` };
  const page = { filter, sort: 'created', after, limit: 1, nowMs: management.now() } as const;
  const { keys } = await management.store.keys.list(page);
  return keys[0]?.id === id;
}

function tooManyAtOnce() {
  return problem(
    'rate_limited',
    'Cannot change the keys: other bulk changes are under way, and all of them share a pace. Try again in 30 seconds',
  );
}

/** A key after an action; the key itself if the action changes nothing. */
function changed(key: ShownKey, action: BulkAction, nowMs: number): ShownKey {
  const edit = {
    revoke: { revokedAtMs: nowMs },
    disable: { enabled: false },
    enable: { enabled: true },
    suspend: { suspended: true },
    unsuspend: { suspended: false },
  }[action];
  const isSame = Object.entries(edit).every(
    ([name, value]) => key[name as keyof ShownKey] === value,
  );
  return isSame ? key : { ...key, ...edit, updatedAtMs: nowMs, version: key.version + 1 };
}

function named({ id, name, owner }: ShownKey) {
  return { id, name, owner };
}

/** The problems of a bulk change that each of its members does not show. */
function misuseOf(action: BulkAction, filter: object, owner: string | null): ProblemList {
  const found = new ProblemList();
  if (Object.keys(filter).length === 0) {
    // A change to every key is too easily a mistake.
    found.add(() => ({ path: 'filter', value: null, reason: 'it is empty', fix: filterFix }));
  }
  if ('state' in filter && filter.state === 'revoked') {
    found.add(() => ({
      path: 'filter.state',
      value: 'revoked',
      reason: 'revoked keys cannot be changed',
      fix: 'Remove it, or use another state',
    }));
  }
  if (owner !== null && (action === 'suspend' || action === 'unsuspend')) {
    found.add(() => ({
      path: 'action',
      value: action,
      reason: 'the operator alone suspends keys, and ends that',
      fix: 'Use "disable" or "enable"',
    }));
  }
  return found;
}
