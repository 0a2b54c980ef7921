/**
 * Reads documents by schema, and says everything that is wrong with them at once: where in the JSON,
 * which value, why, and what to do about it.
 *
 * A schema says what it wants in its metadata (`wanted`), which is also what a missing field is
 * answered; `check` says the reason and the fix of one rule. Values are quoted where they are short
 * and cannot be a secret.
 */

import * as v from 'valibot';
import type { FieldProblem } from '../core/key/key-access.ts';
import { shorten } from '../core/text.ts';
import type { Problem } from '../problem.ts';
import { QUOTE_MAX_LENGTH } from './limits.ts';
import { problem } from './problems.ts';

/** Any schema. */
export type Schema = v.GenericSchema;

/** A document that was read, or all that is wrong with it. */
export type Reading<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/**
 * Reads a document. Fields that the schema does not know are refused: they are misspelt, or their
 * author takes them to have an effect.
 */
export function readDocument<Target extends Schema>(
  schema: Target,
  document: unknown,
): Reading<v.InferOutput<Target>> {
  const misfits = findMisfits(schema, document, '');
  const parsed = v.safeParse(schema, document, { abortPipeEarly: true });
  const issues = (parsed.issues ?? [])
    // valibot names only the first field that it does not know.
    .filter((issue) => issue.expected !== 'never')
    .map((issue) => toProblem(schema, issue))
    .filter((issue) => !misfits.some((misfit) => isWithin(issue.path, misfit.path)));
  const problems = [...issues, ...misfits];
  return parsed.success && problems.length === 0
    ? { ok: true, value: parsed.output }
    : { ok: false, problems };
}

/** Whether a place is another one or inside of it: what is wrong inside of a misfit says nothing. */
function isWithin(path: string, outer: string): boolean {
  return (
    outer === '' || path === outer || path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`)
  );
}

/** Metadata that says what a schema wants, to follow "Send" or "Add". */
export function wanted<Input>(text: string): v.MetadataAction<Input, { readonly wanted: string }> {
  return v.metadata({ wanted: text });
}

/** Metadata of a schema whose values are never quoted. */
export function secret<Input>(): v.MetadataAction<Input, { readonly isSecret: true }> {
  return v.metadata({ isSecret: true });
}

/** The message of a rule: the reason, to follow the field's name, and the fix. */
export function because(reason: string, fix: string): string {
  return `${reason}\n${fix}`;
}

/** A place in a document: `keys[3].access.cors`. */
export function pathOf(parent: string, name: string | number): string {
  if (typeof name === 'number') return `${parent}[${name}]`;
  return parent === '' ? name : `${parent}.${name}`;
}

/** The problem of a document, or of a query, whose fields have problems. */
export function invalidFields(problems: readonly FieldProblem[]): Problem {
  return problemOfFields('invalid_fields', problems);
}

/** The same with another code. */
export function problemOfFields(
  code: 'invalid_fields' | 'duplicate_tokens',
  problems: readonly FieldProblem[],
): Problem {
  const errors = problems.map(toSentence);
  const [first = ''] = errors;
  const detail =
    errors.length === 1
      ? first
      : `Cannot accept ${errors.length} values, of which the first is ${first}`;
  return problem(code, detail, { errors, extensions: { problems } });
}

function toSentence({ path, value, reason, fix }: FieldProblem): string {
  const quoted = JSON.stringify(value);
  const isQuoted = value === null || reason.includes(quoted);
  return `${path === '' ? 'the document' : path}: ${reason}${isQuoted ? '' : ` (${quoted})`}. ${fix}`;
}

function toProblem(schema: Schema, issue: v.BaseIssue<unknown>): FieldProblem {
  const names = (issue.path ?? []).map(({ key }) => key as string | number);
  const path = names.reduce<string>(pathOf, '');
  const place = schemaAt(schema, names);
  const value = isSecret(place) ? null : quotable(issue.input);
  if (issue.kind !== 'schema') {
    const [reason = '', fix = ''] = issue.message.split('\n');
    return { path, value, reason, fix };
  }
  const want = metadataOf(place)['wanted'] ?? nameOfType(issue.expected);
  // An entry that is missing is an issue of the object that should have it.
  if (issue.input === undefined || issue.received === 'undefined') {
    return { path, value: null, reason: 'it is missing', fix: `Add ${want}` };
  }
  return { path, value, reason: `it is ${nameOfValue(issue.input)}`, fix: `Send ${want}` };
}

/**
 * What valibot lets pass or names only in part: fields that the schema does not know, and lists in the
 * place of an object. Values of unknown fields are not quoted: they may be anything.
 */
function findMisfits(schema: Schema, value: unknown, path: string): FieldProblem[] {
  const place = unwrap(schema);
  if (isObjectSchema(place)) {
    if (Array.isArray(value)) {
      const want = metadataOf(schema)['wanted'] ?? 'an object';
      return [{ path, value: null, reason: `it is ${nameOfValue(value)}`, fix: `Send ${want}` }];
    }
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([name, entry]) => {
      const entrySchema = Object.hasOwn(place.entries, name) ? place.entries[name] : undefined;
      return entrySchema === undefined
        ? [unknownField(pathOf(path, shorten(name, QUOTE_MAX_LENGTH)), Object.keys(place.entries))]
        : findMisfits(entrySchema, entry, pathOf(path, name));
    });
  }
  if (isArraySchema(place) && Array.isArray(value)) {
    return value.flatMap((item, index) => findMisfits(place.item, item, pathOf(path, index)));
  }
  return [];
}

function unknownField(path: string, known: readonly string[]): FieldProblem {
  return {
    path,
    value: null,
    reason: 'there is no such field',
    fix: `Remove it, or use one of ${known.join(', ')}`,
  };
}

/** The schema of a place in a document; that of the nearest known place above it where there is none. */
function schemaAt(schema: Schema, names: readonly (string | number)[]): Schema {
  let place = schema;
  for (const name of names) {
    const inner = unwrap(place);
    const next = isObjectSchema(inner)
      ? inner.entries[name]
      : isArraySchema(inner)
        ? inner.item
        : undefined;
    if (next === undefined) return place;
    place = next;
  }
  return place;
}

type ObjectSchema = Schema & { readonly entries: Readonly<Record<string, Schema>> };
type ArraySchema = Schema & { readonly item: Schema };

function isObjectSchema(schema: Schema): schema is ObjectSchema {
  return 'entries' in schema;
}

function isArraySchema(schema: Schema): schema is ArraySchema {
  return 'item' in schema;
}

/** What is inside of `optional`, `nullish` and their kin. */
function unwrap(schema: Schema): Schema {
  return 'wrapped' in schema ? unwrap(schema.wrapped as Schema) : schema;
}

/** The metadata of a schema, and of what it wraps. */
function metadataOf(schema: Schema): Readonly<Record<string, unknown>> {
  return {
    ...('wrapped' in schema ? metadataOf(schema.wrapped as Schema) : {}),
    ...v.getMetadata(schema as Parameters<typeof v.getMetadata>[0]),
  };
}

function isSecret(schema: Schema): boolean {
  return metadataOf(schema)['isSecret'] === true;
}

/** A value as it may be quoted: short text, numbers and the like. Never what a document holds inside. */
function quotable(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return shorten(value, QUOTE_MAX_LENGTH);
    case 'number':
    case 'boolean':
      return value;
    default:
      return null;
  }
}

function nameOfValue(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : nameOfType(typeof value);
}

/** The names of types, as one would say them. */
function nameOfType(type: string | null): string {
  const names: Readonly<Record<string, string>> = {
    string: 'a string',
    number: 'a number',
    boolean: 'true or false',
    Array: 'a list',
    Object: 'an object',
  };
  return names[type ?? ''] ?? 'another value';
}
