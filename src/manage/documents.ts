/**
 * The JSON documents of the key-management API: requests, which are checked, and answers.
 *
 * The schemas say what the structure is, for reading and for the OpenAPI document alike;
 * `core/key/key-access.ts` says what an access may hold. Both are reported together, so that one answer
 * names every problem.
 */

import * as v from 'valibot';
import { type FieldProblem, ProblemList } from '../core/field-problem.ts';
import {
  type AccessBounds,
  checkAccess,
  type KeyAccess,
  operatorBounds,
} from '../core/key/key-access.ts';
import { nameFault } from '../core/key/key-name.ts';
import { originWarnings } from '../core/origins/warnings.ts';
import { parseTime } from '../core/time.ts';
import type { ManagedKey, ShownKey } from '../keys/admin/types.ts';
import {
  accessSchema,
  findAccess,
  patchAccessSchema,
  shownAccessSchema,
  toAccessDocument,
} from './access-document.ts';
import { GRACE_MAX_SECONDS, NAME_MAX_LENGTH } from './limits.ts';
import { applyMergePatch } from './merge-patch.ts';
import { failed, type Reading, readDocument, ruleMessage, wanted } from './read-document.ts';

const OWNER_MAX_LENGTH = 128;
const ownerPattern = /^[\x21-\x7e]+$/;

const nameFix = `Use 1 to ${NAME_MAX_LENGTH} visible characters`;
const nameSchema = v.pipe(
  v.string(),
  v.check(
    (name) => nameFault(name) === null,
    ({ input }) => ruleMessage(nameFault(input) ?? '', nameFix),
  ),
  v.maxCodePoints(
    NAME_MAX_LENGTH,
    ruleMessage(`it is longer than ${NAME_MAX_LENGTH} characters`, nameFix),
  ),
  v.description('What its owner calls the key. Need not be unique.'),
  v.examples(['Production web player']),
  wanted('a string, such as "Production web player"'),
);

// An owner travels to the upstream in the header X-Edge-Owner.
const ownerFix = `Use 1 to ${OWNER_MAX_LENGTH} visible ASCII characters without blanks`;
const ownerSchema = v.pipe(
  v.string(),
  v.nonEmpty(ruleMessage('it is empty', ownerFix)),
  v.regex(
    ownerPattern,
    ruleMessage('it holds something else than visible ASCII characters', ownerFix),
  ),
  v.maxCodePoints(
    OWNER_MAX_LENGTH,
    ruleMessage(`it is longer than ${OWNER_MAX_LENGTH} characters`, ownerFix),
  ),
  v.description('The account that the key acts for. The upstream gets it as X-Edge-Owner.'),
  v.examples(['acct_1']),
  wanted('a string, such as "acct_1"'),
);

const timeFix = 'Write it like "2030-01-31T12:00:00Z"';
/** A time as it comes in. */
export const timeSchema = v.pipe(
  v.string(),
  v.check(
    (text) => parseTime(text) !== null,
    ruleMessage('it is not an RFC 3339 time with seconds and a zone', timeFix),
  ),
  v.check(isInFourDigits, ruleMessage('in UTC it is not in the years 0000 to 9999', timeFix)),
  v.metadata({ jsonSchema: { type: 'string', format: 'date-time' } }),
  wanted('a time as a string, such as "2030-01-31T12:00:00Z"'),
);

const expiresAtSchema = v.pipe(
  v.nullish(timeSchema),
  v.description(
    'When the key expires; null: never. A time in the past is for edits and imports alone: the key stops now.',
  ),
);

/** The members of a new key, created or imported. */
export const newKeyEntries = {
  name: nameSchema,
  owner: v.nullish(ownerSchema),
  access: v.nullish(accessSchema),
  expiresAt: expiresAtSchema,
};

/** The body of `POST /_edge/v1/keys`. */
export const createKeySchema = v.pipe(
  v.strictObject(newKeyEntries),
  wanted('an object with at least a name'),
);

const editKeyEntries = {
  name: v.optional(nameSchema),
  access: v.nullish(accessSchema),
  expiresAt: expiresAtSchema,
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
          'How long the tokens so far go on, in seconds. A token whose grace from an earlier roll ends sooner keeps that end.',
        ),
        v.examples([3600]),
        wanted('a number of seconds, such as 3600'),
      ),
      0,
    ),
  }),
  wanted('an object, such as {"graceSeconds": 3600}'),
);

const outgoingTime = v.pipe(
  v.string(),
  v.metadata({ jsonSchema: { type: 'string', format: 'date-time' } }),
);

/** A key as the API shows it. */
export const keySchema = v.object({
  id: v.pipe(
    v.string(),
    v.description('Never used again for another key.'),
    v.examples(['key_0A1b2C3d4E5f6G7h8I9j0K']),
  ),
  name: v.pipe(
    v.string(),
    v.description('What its owner calls the key.'),
    v.examples(['Production web player']),
  ),
  owner: v.pipe(
    v.nullable(v.string()),
    v.description('The account that the key acts for; null: none.'),
    v.examples(['acct_1']),
  ),
  access: shownAccessSchema,
  hint: v.pipe(
    v.string(),
    v.description('The beginning of the token, to recognise it by.'),
    v.examples(['ea_pk_Ab3d']),
  ),
  createdAt: v.pipe(outgoingTime, v.description('When the key was made.')),
  expiresAt: v.pipe(v.nullable(outgoingTime), v.description('When the key expires; null: never.')),
  enabled: v.pipe(
    v.boolean(),
    v.description('false: the key does not work until it is enabled again.'),
    v.examples([true]),
  ),
  clientTokensValidFrom: v.pipe(
    v.optional(v.nullable(outgoingTime)),
    v.description('On keys with client tokens: those that were issued earlier are void.'),
  ),
  suspended: v.pipe(
    v.boolean(),
    v.description('Whether the operator has suspended the key, so that it does not work.'),
  ),
  updatedAt: v.pipe(
    outgoingTime,
    v.description('The last edit or roll. Use of the key does not count.'),
  ),
  lastUsedAt: v.pipe(
    v.nullable(outgoingTime),
    v.description('The last allowed request, a few seconds late.'),
  ),
  retiringTokens: v.pipe(
    v.array(v.object({ endsAt: v.pipe(outgoingTime, v.description('When the token ends.')) })),
    v.description(
      'The tokens from before a roll that remain valid, the one that expires last first. They end with the key, if that is earlier.',
    ),
  ),
  warnings: v.pipe(
    v.optional(v.array(v.object({ origin: v.string(), warning: v.string() }))),
    v.description(
      'Wildcards among the allowed origins that deserve a second look, such as one that strangers can match. Absent without any.',
    ),
  ),
});

/** A key with its token, which is shown this once. */
export const keyWithTokenSchema = v.object({
  ...keySchema.entries,
  token: v.pipe(
    v.string(),
    v.description('Shown this once, and stored nowhere.'),
    v.examples(['ea_pk_Ab3d...']),
  ),
});

/** See `keySchema`. */
export type KeyDocument = v.InferOutput<typeof keySchema>;
/** See `toAuditDocument`. */
export type AuditedKey = Omit<
  KeyDocument,
  'lastUsedAt' | 'updatedAt' | 'retiringTokens' | 'warnings'
>;

/** A checked request for a new key. */
export interface NewKey {
  readonly name: string;
  readonly owner: string | null;
  readonly access: KeyAccess;
  readonly expiresAtMs: number | null;
}

/** A checked request to edit a key. What is absent stays as it is. */
export interface KeyEdit {
  readonly clientTokensValidFromMs?: number | null;
  readonly name?: string;
  readonly access?: KeyAccess;
  readonly expiresAtMs?: number | null;
  readonly enabled?: boolean;
  readonly suspended?: boolean;
}

/** The bounds of a caller who writes keys. */
export interface KeyBounds extends AccessBounds {
  /** The owner whose keys alone the caller may write; `null`: the operator writes. */
  readonly owner: string | null;
  readonly nowMs: number;
}

/** Checks a document for a new key. */
export function readNewKey(document: unknown, bounds: KeyBounds): Reading<NewKey> {
  const reading = readNewKeyAs(createKeySchema, document, bounds, toNewKey);
  const expiresAt = isObject(document) ? document['expiresAt'] : null;
  const expiresAtMs = typeof expiresAt === 'string' ? parseTime(expiresAt) : null;
  if (expiresAtMs === null || expiresAtMs > bounds.nowMs) return reading;
  const found = new ProblemList();
  if (!reading.ok) found.addAll(reading);
  found.add(() => ({
    path: 'expiresAt',
    value: expiresAt,
    reason: 'it is in the past',
    fix: 'Send a time in the future, or null for a key that never expires',
  }));
  return failed(found);
}

/** Checks a document that describes a new key and more, and gives what `build` makes of it. */
export function readNewKeyAs<
  Target extends v.GenericSchema<unknown, v.InferOutput<typeof createKeySchema>>,
  Value,
>(
  schema: Target,
  document: unknown,
  bounds: KeyBounds,
  build: (document: v.InferOutput<Target>, access: KeyAccess) => Value,
): Reading<Value> {
  const reading = readDocument(schema, document);
  const access = checkAccess(findAccess(document), bounds);
  const isOfOther = isOfOtherOwner(document, bounds);
  if (reading.ok && access.ok && !isOfOther)
    return { ok: true, value: build(reading.value, access.access) };
  const found = new ProblemList();
  if (!reading.ok) found.addAll(reading);
  if (isOfOther) found.add(otherOwner);
  if (!access.ok) found.addAll(access);
  return failed(found);
}

/** Tells whether a document names another owner than the one whose keys the caller may write. */
function isOfOtherOwner(document: unknown, bounds: KeyBounds): boolean {
  const owner = isObject(document) ? document['owner'] : null;
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
  access: KeyAccess,
): NewKey {
  return {
    name: document.name,
    owner: document.owner ?? null,
    access,
    expiresAtMs: toMs(document.expiresAt),
  };
}

/** Checks a JSON Merge Patch of a key. */
export function readKeyEdit(
  document: unknown,
  key: ManagedKey,
  bounds: KeyBounds,
): Reading<KeyEdit> {
  const merged = mergeAccess(document, key);
  const reading = readDocument(editKeySchema, merged);
  const hasAccess = isObject(merged) && merged['access'] !== undefined;
  const requested = findAccess(merged);
  // Origins and rules that stay as they are may be more than an owner could write.
  const access = checkAccess(requested, {
    originsPerKey: changesMember(document, key, 'allowedOrigins')
      ? bounds.originsPerKey
      : operatorBounds.originsPerKey,
    ruleBytesPerKey: changesMember(document, key, 'rules')
      ? bounds.ruleBytesPerKey
      : operatorBounds.ruleBytesPerKey,
  });
  const found = new ProblemList();
  if (!reading.ok) found.addAll(reading, namingFixedFields);
  if (hasAccess) checkKind(requested?.cors ? 'cors' : 'backend', key.kind, found);
  if (hasAccess && !access.ok) found.addAll(access);
  if (bounds.owner !== null && isObject(document) && Object.hasOwn(document, 'suspended')) {
    found.add(() => ({
      path: 'suspended',
      value: null,
      reason: 'the operator alone suspends keys, and ends that',
      fix: 'Remove it; "enabled" is yours to change',
    }));
  }
  if (reading.ok) checkValidFrom(reading.value.clientTokensValidFrom, bounds.nowMs, found);
  if (!reading.ok || !access.ok || !found.isEmpty) return failed(found);
  const { name, expiresAt, enabled, suspended, clientTokensValidFrom: validFrom } = reading.value;
  return {
    ok: true,
    value: {
      ...(name === undefined ? {} : { name }),
      ...(hasAccess ? { access: access.access } : {}),
      ...(expiresAt === undefined ? {} : { expiresAtMs: toMs(expiresAt) }),
      ...(enabled === undefined ? {} : { enabled }),
      ...(suspended === undefined ? {} : { suspended }),
      ...(validFrom === undefined ? {} : { clientTokensValidFromMs: toMs(validFrom) }),
    },
  };
}

/** A patch whose `access` is what the key's becomes by it, so that it is checked as a whole. */
function mergeAccess(document: unknown, key: ManagedKey): unknown {
  if (!isObject(document) || !isObject(document['access'])) return document;
  return { ...document, access: applyMergePatch(toAccessDocument(key), document['access']) };
}

/** Tells whether a patch gives some part of the access another list of this name than the key has. */
function changesMember(
  document: unknown,
  key: ManagedKey,
  name: 'allowedOrigins' | 'rules',
): boolean {
  const patch = isObject(document) ? document['access'] : undefined;
  const stored: unknown = toAccessDocument(key);
  return [
    [patch, stored],
    ...['cors', 'clientTokens'].map((part) => [memberOf(patch, part), memberOf(stored, part)]),
  ].some(
    ([part, before]) =>
      isObject(part) &&
      part[name] != null &&
      JSON.stringify(part[name]) !== JSON.stringify(memberOf(before, name)),
  );
}

function memberOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

/** Checks a document that rolls a key. */
export function readRoll(document: unknown): Reading<v.InferOutput<typeof rollKeySchema>> {
  return readDocument(rollKeySchema, document);
}

/** A key as the API shows it. */
export function toKeyDocument(key: ShownKey): KeyDocument {
  const warnings = wildcardWarnings(key.allowedOrigins ?? []);
  return {
    ...toAuditedKey(key),
    updatedAt: toTime(key.updatedAtMs),
    lastUsedAt: key.lastUsedAtMs === null ? null : toTime(key.lastUsedAtMs),
    retiringTokens: key.retiringEndsMs.map((endMs) => ({ endsAt: toTime(endMs) })),
    ...(warnings.length > 0 ? { warnings } : {}),
  };
}

/** Warnings about wildcards. The others say what an entry itself says: "*" is any, "http:" is plain. */
function wildcardWarnings(origins: readonly string[]) {
  return originWarnings(origins)
    .filter(({ pattern }) => pattern.includes('*') && pattern !== '*')
    .map(({ pattern, warning }) => ({ origin: pattern, warning }));
}

/** A key as the audit keeps it: what people decide about it, without what follows from use and time. */
export function toAuditDocument(key: ManagedKey): string {
  return JSON.stringify(toAuditedKey(key));
}

function toAuditedKey(key: ManagedKey): AuditedKey {
  return {
    id: key.id,
    name: key.name,
    owner: key.owner,
    access: toAccessDocument(key),
    hint: key.hint,
    createdAt: toTime(key.createdAtMs),
    expiresAt: key.expiresAtMs === null ? null : toTime(key.expiresAtMs),
    enabled: key.enabled,
    suspended: key.suspended,
    ...(key.clientTokens
      ? { clientTokensValidFrom: toTimeOrNull(key.clientTokensValidFromMs ?? null) }
      : {}),
  };
}

/** How far ahead client tokens may be voided, so that a clock which is ahead can do it too. */
const VALID_FROM_AHEAD_MS = 60 * 1000;

function checkValidFrom(
  time: string | null | undefined,
  nowMs: number,
  problems: ProblemList,
): void {
  if ((toMs(time) ?? 0) <= nowMs + VALID_FROM_AHEAD_MS) return;
  problems.add(() => ({
    path: 'clientTokensValidFrom',
    value: time,
    reason: 'it is more than 60 seconds ahead',
    fix: 'Use the present time',
  }));
}

function toTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : toTime(ms);
}

/** A time as the API writes it. */
export function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A time that was checked, in milliseconds; `null` for none. */
export function toMs(time: string | null | undefined): number | null {
  return time == null ? null : parseTime(time);
}

/** Tells whether a text can be an owner. */
export function isOwner(text: string): boolean {
  return text.length <= OWNER_MAX_LENGTH && ownerPattern.test(text);
}

/** Fields of a key that no caller can change, so that they are no misspelling. */
const fixedFields = [
  'id',
  'owner',
  'kind',
  'hint',
  'createdAt',
  'updatedAt',
  'lastUsedAt',
  'retiringTokens',
  'warnings',
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

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Tells whether a time can be written with a year of four digits in UTC, as all of ours are. */
function isInFourDigits(time: string): boolean {
  const ms = parseTime(time);
  return ms !== null && /^\d{4}-/.test(new Date(ms).toISOString());
}
