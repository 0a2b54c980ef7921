/** The facts that every client can read from an answer that was no success, of the edge or of the API. */

/** An answer of status 400 or above, from the edge or from the API behind it. */
export interface Refusal {
  status: number;
  /** The edge's `X-Edge-Reason`; `null` when the API behind it answered. */
  code: string | null;
  /** The first of the JSON's `errors`; empty when the body is something else. */
  message: string;
  /** `Retry-After`, which both send in seconds; `null` if it is absent. */
  retryAfterSeconds: number | null;
}

/** Reads a refusal from a status, the headers and the body as text or as parsed JSON. */
export function readRefusal(
  status: number,
  header: (name: string) => string | null | undefined,
  body: unknown,
): Refusal {
  const retryAfter = header('Retry-After');
  return {
    status,
    code: header('X-Edge-Reason') ?? null,
    message: firstError(typeof body === 'string' ? parse(body) : body),
    retryAfterSeconds: retryAfter ? Number(retryAfter) : null,
  };
}

function firstError(json: unknown): string {
  if (typeof json !== 'object' || json === null || !('errors' in json)) return '';
  const [first] = Array.isArray(json.errors) ? json.errors : [];
  return typeof first === 'string' ? first : '';
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
