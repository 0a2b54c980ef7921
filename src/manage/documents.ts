/**
 * The JSON documents of the key-management API: what comes in, checked, and what goes out.
 *
 * The schemas say what the structure is; `core/key-access.ts` says what an access may hold. Both are
 * reported together, so that one answer names every problem.
 */

import * as v from 'valibot';
import { checkAccess, type FieldProblem, type KeyAccess } from '../core/key-access.ts';
import type { ManagedKey } from '../keys/managed-keys.ts';

const NAME_MAX_LENGTH = 200;
const OWNER_MAX_LENGTH = 128;

const nameSchema = v.pipe(
  v.string(),
  v.check((name) => name.trim() !== '', 'it is empty'),
  v.maxLength(NAME_MAX_LENGTH, `it is longer than ${NAME_MAX_LENGTH} characters`),
  v.check((name) => !/\p{Cc}|\p{Cs}/u.test(name), 'it holds a control character'),
);

// An owner travels to the upstream in the header X-Edge-Owner.
const ownerSchema = v.pipe(
  v.string(),
  v.regex(/^[\x21-\x7e]+$/, 'it must be visible ASCII characters without blanks'),
  v.maxLength(OWNER_MAX_LENGTH, `it is longer than ${OWNER_MAX_LENGTH} characters`),
);

const timeSchema = v.pipe(
  v.string(),
  v.check(isTime, 'it is not an ISO 8601 time with a zone, such as "2030-01-31T12:00:00Z"'),
);

const accessSchema = v.strictObject({
  cors: v.nullish(
    v.strictObject({
      allowedOrigins: v.array(v.string()),
      fullAccess: v.optional(v.boolean()),
    }),
  ),
  rules: v.nullish(
    v.array(
      v.strictObject({
        methods: v.array(v.string()),
        resources: v.array(v.string()),
      }),
    ),
  ),
});

/** The body of `POST /_edge/v1/keys`. */
export const createKeySchema = v.strictObject({
  name: nameSchema,
  owner: v.nullish(ownerSchema),
  access: v.nullish(accessSchema),
  expiresAt: v.nullish(timeSchema),
});

/** A checked request for a new key. */
export interface NewKey {
  readonly name: string;
  readonly owner: string | null;
  readonly access: KeyAccess;
  readonly expiresAtMs: number | null;
}

export type DocumentResult<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/** Checks a document for a new key. Returns every problem there is. */
export function readNewKey(document: unknown): DocumentResult<NewKey> {
  const parsed = v.safeParse(createKeySchema, document, { abortPipeEarly: true });
  const access = checkAccessOf(document);
  const problems = [
    ...(parsed.success ? [] : parsed.issues.map(toProblem)),
    ...(access.ok ? [] : access.problems),
  ];
  if (!parsed.success || !access.ok) return { ok: false, problems };
  const { name, owner, expiresAt } = parsed.output;
  return {
    ok: true,
    value: {
      name,
      owner: owner ?? null,
      access: access.access,
      expiresAtMs: expiresAt == null ? null : Date.parse(expiresAt),
    },
  };
}

/** A key as the API shows it. */
export function toKeyDocument(key: ManagedKey): Record<string, unknown> {
  return {
    id: key.id,
    name: key.name,
    owner: key.owner,
    access: toAccessDocument(key),
    hint: key.hint,
    createdAt: toTime(key.createdAtMs),
    expiresAt: toTime(key.expiresAtMs),
    enabled: key.enabled,
    lastUsedAt: toTime(key.lastUsedAtMs),
  };
}

function toAccessDocument(key: ManagedKey): Record<string, unknown> | null {
  const access: Record<string, unknown> = {};
  if (key.allowedOrigins) {
    access['cors'] = { allowedOrigins: key.allowedOrigins, fullAccess: key.fullAccess };
  }
  if (key.rules) access['rules'] = key.rules;
  return Object.keys(access).length === 0 ? null : access;
}

/** The access of a document whose other fields may be wrong; nothing to say where its own are. */
function checkAccessOf(document: unknown): ReturnType<typeof checkAccess> {
  const access = v.safeParse(v.object({ access: v.nullish(accessSchema) }), document);
  return access.success ? checkAccess(access.output.access) : { ok: false, problems: [] };
}

function toProblem(issue: v.BaseIssue<unknown>): FieldProblem {
  const path = (issue.path ?? []).reduce(
    (text, { key }) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${key}`,
    '',
  );
  if (issue.kind === 'schema') return { path, value: shorten(issue.input), ...structure(issue) };
  return { path, value: shorten(issue.input), reason: issue.message, fix: 'Send another value' };
}

function structure(issue: v.BaseIssue<unknown>): Pick<FieldProblem, 'reason' | 'fix'> {
  if (issue.expected === 'never') {
    return { reason: 'there is no such field', fix: 'Remove it, or mend its spelling' };
  }
  if (issue.received === 'undefined') {
    return { reason: 'it is missing', fix: `Add it, as ${describe(issue.expected)}` };
  }
  return {
    reason: `it is ${describe(issue.received)}`,
    fix: `Send ${describe(issue.expected)}`,
  };
}

/** valibot's names of types, as one would say them. */
function describe(type: string | null): string {
  const name = (type ?? 'another value').replaceAll('"', '');
  return (
    { string: 'a string', boolean: 'true or false', Array: 'a list', Object: 'an object' }[name] ??
    name
  );
}

/** Values are quoted back, but never so much that an answer grows with the request. */
function shorten(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : value;
}

function isTime(text: string): boolean {
  return (
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/.test(text) &&
    !Number.isNaN(Date.parse(text))
  );
}

function toTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
