/** Errors in the shape that Studio's clients read: `{"errors": ["a sentence"]}`. */

import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';

/** Answers 404 and names what was asked for. */
export function nothingHere(c: Context): Response {
  return c.json({ errors: [`nothing at ${c.req.method} ${c.req.path}`] }, 404);
}

/** Returns `found`; throws a 404 that names `what` when it is absent. */
export function orNotFound<T>(found: T | undefined, what: string): T {
  if (found === undefined) throw new HTTPException(404, { message: `${what} not found` });
  return found;
}

/** Reads the body as a JSON object. Throws a 400 when it does not parse, a 422 when it is not an object. */
export async function readJsonObject(c: Context): Promise<Record<string, unknown>> {
  const body: unknown = await c.req.json().catch(() => {
    throw new HTTPException(400, { message: 'the body is not valid JSON' });
  });
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new HTTPException(422, { message: 'the body must be a JSON object' });
  }
  return { ...body };
}

/** Reads a member that must be a string with something in it. Throws a 422 that names it otherwise. */
export function requiredString(body: Record<string, unknown>, name: string): string {
  const value = body[name];
  if (typeof value !== 'string' || value === '') {
    throw new HTTPException(422, { message: `"${name}" must be a string that is not empty` });
  }
  return value;
}

/** Reads a member that may be left out. Returns `fallback` then; throws a 422 for anything but a string. */
export function optionalString<F>(
  body: Record<string, unknown>,
  name: string,
  fallback: F,
): string | F {
  return body[name] === undefined ? fallback : requiredString(body, name);
}
