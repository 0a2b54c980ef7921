/**
 * The forms in which an edge answers, to tell it from whatever else may be at an address: a proxy, a
 * sign-in page, another API.
 */

/** Returns whether a 2xx answer can be an edge's: JSON, or no content at all. */
export function isAnswer({ status }: Pick<Response, 'status'>, text: string): boolean {
  const json = status === 204 ? null : parse(text);
  return status === 204 ? text === '' : typeof json === 'object' && json !== null;
}

/** Returns whether a refusal is one of the edge's problems: RFC 9457, with the members that all have. */
export function isProblem(text: string): boolean {
  const json = parse(text);
  if (typeof json !== 'object' || json === null) return false;
  const { code, detail, status, errors } = json as Record<string, unknown>;
  return (
    typeof code === 'string' &&
    typeof detail === 'string' &&
    typeof status === 'number' &&
    Array.isArray(errors)
  );
}

/** Returns whether a problem lasts until the operator mends the deployment, so that a repeat fails too. */
export function isLasting(text: string): boolean {
  return isProblem(text) && lastingCodes.has((parse(text) as { code: string }).code);
}

const lastingCodes = new Set(['not_configured', 'schema_missing']);

/** `undefined` if the text is not JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
