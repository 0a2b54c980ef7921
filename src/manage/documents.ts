/**
 * The JSON documents of the key-management API: what comes in, checked, and what goes out.
 *
 * The schemas say what the structure is, for reading and for the OpenAPI document alike;
 * `core/key/key-access.ts` says what an access may hold. Both are reported together, so that one answer
 * names every problem.
 */

import * as v from 'valibot';
import { type FieldProblem, ProblemList } from '../core/field-problem.ts';
import { checkAccess, type KeyAccess } from '../core/key/key-access.ts';
import { nameFault } from '../core/key/key-name.ts';
import type { ManagedKey, ShownKey } from '../keys/admin/types.ts';
import {
  accessSchema,
  findAccess,
  shownAccessSchema,
  toAccessDocument,
} from './access-document.ts';
import { GRACE_MAX_SECONDS, NAME_MAX_LENGTH } from './limits.ts';
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
  v.check(isTime, ruleMessage('it is not an ISO 8601 time with a zone', timeFix)),
  v.check(isInFourDigits, ruleMessage('in UTC it is not in the years 0000 to 9999', timeFix)),
  v.metadata({ jsonSchema: { type: 'string', format: 'date-time' } }),
  wanted('a time as a string, such as "2030-01-31T12:00:00Z"'),
);

const expiresAtSchema = v.pipe(
  v.nullish(timeSchema),
  v.description('When the key stops by itself; null: never. A time in the past makes it stop now.'),
);

/** What is asked of a key when it is made, by creating or importing it. */
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

/** The body of `PATCH /_edge/v1/keys/{id}`. */
export const editKeySchema = v.pipe(
  v.strictObject({
    name: v.optional(nameSchema),
    access: v.pipe(
      v.nullish(accessSchema),
      v.description('Replaces the access as a whole. Cannot turn a backend key into a CORS key.'),
    ),
    expiresAt: expiresAtSchema,
    clientTokensValidFrom: v.pipe(
      v.nullish(timeSchema),
      v.description(
        'Voids every client token that was issued earlier. At most 60 seconds ahead; null: none is void.',
      ),
    ),
    enabled: v.optional(
      v.pipe(
        v.boolean(),
        v.description('false: the key does not work until it is enabled again.'),
        wanted('true or false'),
      ),
    ),
  }),
  v.description('What is to change; what is absent stays as it is.'),
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
  id: v.pipe(v.string(), v.examples(['key_0A1b2C3d4E5f6G7h8I9j0K'])),
  name: v.string(),
  owner: v.nullable(v.string()),
  access: shownAccessSchema,
  hint: v.pipe(
    v.string(),
    v.description('The beginning of the token, to recognise it by.'),
    v.examples(['ea_pk_Ab3d']),
  ),
  createdAt: outgoingTime,
  expiresAt: v.nullable(outgoingTime),
  enabled: v.boolean(),
  clientTokensValidFrom: v.pipe(
    v.optional(v.nullable(outgoingTime)),
    v.description('On keys with client tokens: those that were issued earlier are void.'),
  ),
  lastUsedAt: v.pipe(
    v.nullable(outgoingTime),
    v.description('The last allowed request, a few seconds late.'),
  ),
  retiringTokens: v.pipe(
    v.array(v.object({ endsAt: outgoingTime })),
    v.description(
      'The tokens from before a roll that remain valid, the one that expires last first. They end with the key, if that is earlier.',
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
export type AuditedKey = Omit<KeyDocument, 'lastUsedAt' | 'retiringTokens'>;

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
}

/** Checks a document for a new key. */
export function readNewKey(document: unknown): Reading<NewKey> {
  return readNewKeyAs(createKeySchema, document, toNewKey);
}

/** Checks a document that describes a new key and more, and gives what `build` makes of it. */
export function readNewKeyAs<
  Target extends v.GenericSchema<unknown, v.InferOutput<typeof createKeySchema>>,
  Value,
>(
  schema: Target,
  document: unknown,
  build: (document: v.InferOutput<Target>, access: KeyAccess) => Value,
): Reading<Value> {
  const reading = readDocument(schema, document);
  const access = checkAccess(findAccess(document));
  if (reading.ok && access.ok) return { ok: true, value: build(reading.value, access.access) };
  const found = new ProblemList();
  if (!reading.ok) found.addAll(reading);
  if (!access.ok) found.addAll(access);
  return failed(found);
}

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

/** Checks a document that edits a key of this kind. */
export function readKeyEdit(
  document: unknown,
  kind: KeyAccess['kind'],
  nowMs: number,
): Reading<KeyEdit> {
  const reading = readDocument(editKeySchema, document);
  const hasAccess = isObject(document) && document['access'] !== undefined;
  const requested = findAccess(document);
  const access = checkAccess(requested);
  const found = new ProblemList();
  if (!reading.ok) found.addAll(reading, namingFixedFields);
  if (hasAccess) checkKind(requested?.cors ? 'cors' : 'backend', kind, found);
  if (hasAccess && !access.ok) found.addAll(access);
  if (reading.ok) checkValidFrom(reading.value.clientTokensValidFrom, nowMs, found);
  if (!reading.ok || !access.ok || !found.isEmpty) return failed(found);
  const { name, expiresAt, enabled, clientTokensValidFrom: validFrom } = reading.value;
  return {
    ok: true,
    value: {
      ...(name === undefined ? {} : { name }),
      ...(hasAccess ? { access: access.access } : {}),
      ...(expiresAt === undefined ? {} : { expiresAtMs: toMs(expiresAt) }),
      ...(enabled === undefined ? {} : { enabled }),
      ...(validFrom === undefined ? {} : { clientTokensValidFromMs: toMs(validFrom) }),
    },
  };
}

/** Checks a document that rolls a key. */
export function readRoll(document: unknown): Reading<v.InferOutput<typeof rollKeySchema>> {
  return readDocument(rollKeySchema, document);
}

/** A key as the API shows it. */
export function toKeyDocument(key: ShownKey): KeyDocument {
  return {
    ...toAuditedKey(key),
    lastUsedAt: key.lastUsedAtMs === null ? null : toTime(key.lastUsedAtMs),
    retiringTokens: key.retiringEndsMs.map((endMs) => ({ endsAt: toTime(endMs) })),
  };
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
  return time == null ? null : Date.parse(time);
}

/** Whether a text can be an owner. */
export function isOwner(text: string): boolean {
  return text.length <= OWNER_MAX_LENGTH && ownerPattern.test(text);
}

/** Fields of a key that nobody can change, so that they are no misspelling. */
const fixedFields = [
  'id',
  'owner',
  'kind',
  'hint',
  'createdAt',
  'lastUsedAt',
  'retiringTokens',
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

/** Strict, unlike `Date.parse`, which takes the 30th of February for the 2nd of March. */
function isTime(text: string): boolean {
  const match = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/.exec(
    text,
  );
  if (match === null || Number.isNaN(Date.parse(text))) return false;
  const midnightMs = Date.parse(`${match[1]}T00:00:00Z`);
  return !Number.isNaN(midnightMs) && new Date(midnightMs).toISOString().startsWith(match[1] ?? '');
}

/** Whether a time can be written with a year of four digits in UTC, as all of ours are. */
function isInFourDigits(time: string): boolean {
  return /^\d{4}-/.test(new Date(time).toISOString());
}
