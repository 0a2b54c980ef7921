/**
 * Reads documents by schema, and finds everything that is wrong with them in one walk: where in the
 * JSON, which value, why, and what to do about it.
 *
 * The walk takes time in proportion to the document. It checks the length of a list before its items,
 * and describes no more problems than a `ProblemList` holds. Only single values are given to valibot,
 * which would otherwise check every item of a list that is too long, and describe every fault.
 */

import * as v from 'valibot';
import { type FieldProblem, type FoundProblems, ProblemList } from '../core/field-problem.ts';
import { truncateWithEllipsis } from '../core/text.ts';
import { QUOTE_MAX_LENGTH } from './limits.ts';

/** Any schema. */
export type Schema = v.GenericSchema;

/** A document that was read, or what is wrong with it. */
export type Reading<Value> =
  | { readonly ok: true; readonly value: Value }
  | ({ readonly ok: false } & FoundProblems);

/**
 * Reads a document. Fields that the schema does not know are refused: they are misspelt, or their
 * author expects them to have an effect.
 */
export function readDocument<Target extends Schema>(
  schema: Target,
  document: unknown,
): Reading<v.InferOutput<Target>> {
  const walk: Walk = { found: new ProblemList(), isPartial: false };
  check(schema, document, '', walk);
  // A rule outside of the schema reports what the walk left out.
  if (walk.isPartial || !walk.found.isEmpty) return failed(walk.found);
  // It fits, so that this only applies defaults and transformations.
  return { ok: true, value: v.parse(schema, document) };
}

/** The reading of a document that has problems. */
export function failed(found: FoundProblems): { readonly ok: false } & FoundProblems {
  return { ok: false, problems: found.problems, more: found.more };
}

/** Metadata that says what a schema wants, to follow "Send" or "Add". */
export function wanted<Input>(text: string): v.MetadataAction<Input, { readonly wanted: string }> {
  return v.metadata({ wanted: text });
}

/** One of a few words. */
export function oneOf<const Word extends string>(words: readonly Word[], description: string) {
  const named = words.map((word) => JSON.stringify(word)).join(', ');
  return v.pipe(v.picklist(words), v.description(description), wanted(`one of ${named}`));
}

/** Metadata of a schema whose values are never quoted. */
export function secret<Input>(): v.MetadataAction<Input, { readonly isSecret: true }> {
  return v.metadata({ isSecret: true });
}

/**
 * Metadata of a list whose length a rule outside of the schema checks and reports. The items of a list
 * that is too long are not looked at here either.
 */
export function itemsBoundedByRule<Input>(
  most: number,
  least = 1,
): v.MetadataAction<
  Input,
  { readonly itemsMax: number; readonly jsonSchema: Readonly<Record<string, number>> }
> {
  return v.metadata({ itemsMax: most, jsonSchema: { minItems: least, maxItems: most } });
}

/** The message of a rule: the reason, to follow the field's name, and the fix. */
export function ruleMessage(reason: string, fix: string): string {
  return `${reason}\n${fix}`;
}

/** A place in a document: `keys[3].access.cors`. */
export function pathOf(parent: string, name: string | number): string {
  if (typeof name === 'number') return `${parent}[${name}]`;
  return parent === '' ? name : `${parent}.${name}`;
}

/** One walk through a document. */
interface Walk {
  readonly found: ProblemList;
  /** It left out the items of a list that is too long by a rule outside of the schema. */
  isPartial: boolean;
}

/** Checks a value and everything inside of it. What is inside of a misfit is not looked at. */
function check(schema: Schema, value: unknown, path: string, walk: Walk): void {
  if (isAbsentAndMayBe(schema, value)) return;
  const place = unwrap(schema);
  if (isObjectSchema(place)) checkObject(schema, place, value, path, walk);
  else if (isArraySchema(place)) checkList(schema, place, value, path, walk);
  else checkValue(schema, value, path, walk);
}

function checkObject(
  schema: Schema,
  place: ObjectSchema,
  value: unknown,
  path: string,
  walk: Walk,
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    walk.found.add(() => misfit(schema, value, path));
    return;
  }
  const fields = value as Readonly<Record<string, unknown>>;
  for (const [name, entry] of Object.entries(place.entries)) {
    const fieldPath = pathOf(path, name);
    if (Object.hasOwn(fields, name)) check(entry, fields[name], fieldPath, walk);
    else if (!mayBe(entry, undefined)) walk.found.add(() => missing(entry, fieldPath));
  }
  for (const name of Object.keys(fields)) {
    if (Object.hasOwn(place.entries, name)) continue;
    walk.found.add(() =>
      unknownField(pathOf(path, truncateWithEllipsis(name, QUOTE_MAX_LENGTH)), place),
    );
  }
}

function checkList(
  schema: Schema,
  place: ArraySchema,
  value: unknown,
  path: string,
  walk: Walk,
): void {
  if (!Array.isArray(value)) {
    walk.found.add(() => misfit(schema, value, path));
    return;
  }
  const itemsMax = metadataOf(schema)['itemsMax'];
  if (typeof itemsMax === 'number' && value.length > itemsMax) {
    walk.isPartial = true;
    return;
  }
  // The rules of the list itself, such as its length, with its items left out.
  const rules = v.pipe(v.array(v.unknown()), ...rulesOf(place));
  const [issue] = v.safeParse(rules, value, { abortPipeEarly: true }).issues ?? [];
  if (issue) {
    walk.found.add(() => ({ path, value: null, ...reasonAndFix(issue) }));
    return;
  }
  for (const [index, item] of value.entries()) check(place.item, item, pathOf(path, index), walk);
}

/** Checks a value that holds no others. */
function checkValue(schema: Schema, value: unknown, path: string, walk: Walk): void {
  const [issue] = v.safeParse(schema, value, { abortPipeEarly: true }).issues ?? [];
  if (issue === undefined) return;
  if (issue.kind === 'schema') walk.found.add(() => misfit(schema, value, path));
  else walk.found.add(() => ({ path, value: quotable(schema, value), ...reasonAndFix(issue) }));
}

function reasonAndFix(issue: v.BaseIssue<unknown>): Pick<FieldProblem, 'reason' | 'fix'> {
  const [reason = '', fix = ''] = issue.message.split('\n');
  return { reason, fix };
}

function misfit(schema: Schema, value: unknown, path: string): FieldProblem {
  return {
    path,
    value: quotable(schema, value),
    reason: isWrongWord(schema, value)
      ? 'it is not one of the choices'
      : `it is ${nameOfValue(value)}`,
    fix: `Send ${wantOf(schema)}`,
  };
}

/** Returns whether a value is a string as it has to be, and another one than the few that are accepted. */
function isWrongWord(schema: Schema, value: unknown): boolean {
  return typeof value === 'string' && unwrap(schema).type === 'picklist';
}

function missing(schema: Schema, path: string): FieldProblem {
  return { path, value: null, reason: 'it is missing', fix: `Add ${wantOf(schema)}` };
}

/** The value is not quoted: it may be anything. */
function unknownField(path: string, { entries }: ObjectSchema): FieldProblem {
  const known = Object.keys(entries);
  const fix = known.length === 0 ? 'Remove it' : `Remove it, or use one of ${known.join(', ')}`;
  return { path, value: null, reason: 'there is no such field', fix };
}

type ObjectSchema = Schema & { readonly entries: Readonly<Record<string, Schema>> };
type ArraySchema = Schema & { readonly item: Schema };
type ListRule = v.BaseValidation<unknown[], unknown[], v.BaseIssue<unknown>>;

function isObjectSchema(schema: Schema): schema is ObjectSchema {
  return 'entries' in schema;
}

function isArraySchema(schema: Schema): schema is ArraySchema {
  return 'item' in schema;
}

/** The rules of a schema that follow its type. */
function rulesOf(schema: Schema): [ListRule, ...ListRule[]] | [] {
  const pipe = 'pipe' in schema ? (schema.pipe as readonly { readonly kind: string }[]) : [];
  return pipe.filter(({ kind }) => kind === 'validation') as unknown as [ListRule, ...ListRule[]];
}

function isAbsentAndMayBe(schema: Schema, value: unknown): boolean {
  return (value === null || value === undefined) && mayBe(schema, value);
}

/** A wrapper of the schema, such as `optional`, accepts this absence of a value. */
function mayBe(schema: Schema, absence: null | undefined): boolean {
  const accepting =
    absence === null ? ['nullish', 'nullable'] : ['optional', 'nullish', 'exact_optional'];
  return (
    'wrapped' in schema &&
    (accepting.includes(schema.type) || mayBe(schema.wrapped as Schema, absence))
  );
}

/** Returns the schema inside `optional`, `nullish` and similar ones. */
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

function wantOf(schema: Schema): string {
  const { wanted: want } = metadataOf(schema);
  return typeof want === 'string' ? want : nameOfType(unwrap(schema).type);
}

/** A value as it may be quoted: short text, numbers and the like. Never what a document holds inside. */
function quotable(schema: Schema, value: unknown): unknown {
  if (metadataOf(schema)['isSecret'] === true) return null;
  switch (typeof value) {
    case 'string':
      return truncateWithEllipsis(value, QUOTE_MAX_LENGTH);
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

/** The names of types in plain English. */
function nameOfType(type: string): string {
  const names: Readonly<Record<string, string>> = {
    string: 'a string',
    number: 'a number',
    boolean: 'true or false',
    array: 'a list',
    strict_object: 'an object',
    object: 'an object',
  };
  return names[type] ?? 'another value';
}
