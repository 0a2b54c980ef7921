/**
 * The one shape of every refusal and error that we answer, at the gateway and in management.
 *
 * Problem details with Livepeer Studio's `errors` beside them, so that both kinds of clients can read
 * them: https://www.rfc-editor.org/rfc/rfc9457#section-3
 */

/** What a problem response says. */
export interface Problem {
  /** Stable; also the header `X-Edge-Reason`. */
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** One sentence each; `[detail]` where there is only one thing to say. */
  readonly errors?: readonly string[];
  /** Further members of the body. */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** Where the meaning of a code is explained, as a reference relative to the edge. */
export function problemType(code: string): string {
  return `/_edge/errors#${code}`;
}

/**
 * The response for a problem, without CORS headers. Its content type is `application/json`, which
 * Studio's clients insist on, unless `accept` prefers `application/problem+json`.
 */
export function problemResponse(
  problem: Problem,
  request: { readonly requestId: string; readonly accept: string | null },
): Response {
  const body = {
    type: problemType(problem.code),
    title: problem.title,
    status: problem.status,
    detail: problem.detail,
    code: problem.code,
    errors: problem.errors ?? [problem.detail],
    requestId: request.requestId,
    ...problem.extensions,
  };
  return new Response(JSON.stringify(body), {
    status: problem.status,
    headers: {
      'Content-Type': prefersProblemJson(request.accept)
        ? 'application/problem+json'
        : 'application/json',
      'Cache-Control': 'no-store',
      'X-Edge-Reason': problem.code,
      'X-Request-Id': request.requestId,
    },
  });
}

/**
 * Whether an Accept header names `application/problem+json` and does not like `application/json`
 * better. https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
 */
export function prefersProblemJson(accept: string | null): boolean {
  if (accept === null) return false;
  const wanted = qualityOf('application/problem+json', accept);
  return wanted > 0 && wanted >= qualityOf('application/json', accept);
}

function qualityOf(mediaType: string, accept: string): number {
  for (const range of accept.split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    if (type !== mediaType) continue;
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    return quality === undefined ? 1 : Number(quality.slice(2)) || 0;
  }
  return 0;
}
