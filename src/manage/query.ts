/**
 * The parameters of a query, read by schema like the documents of bodies.
 */

import * as v from 'valibot';
import { ProblemList } from '../core/field-problem.ts';
import { truncateWithEllipsis } from '../core/text.ts';
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, QUOTE_MAX_LENGTH } from './limits.ts';
import { failed, type Reading, readDocument, ruleMessage, wanted } from './read-document.ts';

/** The query of an endpoint that takes no parameters. */
export const noQuerySchema = v.strictObject({});

/**
 * Reads a query. A parameter that is empty, that occurs twice, or that the schema does not know is
 * refused: a filter that is silently ignored shows too much.
 */
export function readQuery<Target extends v.GenericSchema>(
  schema: Target,
  query: URLSearchParams,
): Reading<v.InferOutput<Target>> {
  const found = new ProblemList();
  const refusal = (name: string, reason: string, fix: string) =>
    found.add(() => ({
      path: truncateWithEllipsis(name, QUOTE_MAX_LENGTH),
      value: null,
      reason,
      fix,
    }));
  const given = new Map<string, string>();
  const repeated = new Set<string>();
  for (const [name, value] of query) {
    if (given.has(name)) repeated.add(name);
    given.set(name, value);
  }
  for (const name of repeated) refusal(name, 'it is given more than once', 'Give it once');
  const filled = [...given].filter(([, value]) => value !== '');
  for (const [name, value] of given) {
    if (value === '') refusal(name, 'it is empty', 'Give it a value, or remove it');
  }
  const reading = readDocument(schema, Object.fromEntries(filled));
  if (!reading.ok) found.addAll(reading);
  return reading.ok && found.isEmpty ? reading : failed(found);
}

/** A whole number as a query holds it, in decimal digits. `fallback` is for who reads it, if absent. */
export function wholeNumber(bounds: {
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
  readonly description: string;
}) {
  const { min, max, fallback, description } = bounds;
  const fix = `Use a whole number from ${min} to ${max}, or remove it for ${fallback}`;
  return v.optional(
    v.pipe(
      v.string(),
      v.check(
        (text) => /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max,
        ruleMessage(`it is not a whole number from ${min} to ${max}`, fix),
      ),
      v.metadata({
        jsonSchema: { type: 'integer', minimum: min, maximum: max, default: fallback },
      }),
      v.description(description),
      wanted(`a whole number from ${min} to ${max}`),
      // Last: what follows would describe the number and not the text.
      v.transform(Number),
    ),
  );
}

/** How many entries a page of a list holds. */
export const limitSchema = wholeNumber({
  min: 1,
  max: PAGE_LIMIT_MAX,
  fallback: PAGE_LIMIT_DEFAULT,
  description: 'How many entries a page may hold.',
});

/** A place in a list, as `nextCursor` of the page before named it. */
export function cursorSchema(pattern: RegExp) {
  return v.optional(
    v.pipe(
      v.string(),
      v.regex(
        pattern,
        ruleMessage(
          'it is not a cursor of this list',
          'Use nextCursor of the page before, or remove it',
        ),
      ),
      v.description('nextCursor of the page before.'),
      wanted('a cursor'),
    ),
  );
}

/** A parameter that holds the id of a key. */
export const keyIdSchema = v.pipe(
  v.string(),
  v.regex(
    /^key_[0-9A-Za-z]{22}$/,
    ruleMessage('it is not the id of a key', 'Write it like "key_0A1b2C3d4E5f6G7h8I9j0K"'),
  ),
  wanted('the id of a key'),
);
