/**
 * The one shape of every rejection and error, at the gateway and in management.
 *
 * Problem details together with Livepeer Studio's `errors`, so that both kinds of clients can read them:
 * https://www.rfc-editor.org/rfc/rfc9457#section-3
 */

import { hideTokens } from './core/key/token.ts';

/** The content of a problem response. */
export interface Problem {
  /** Stable; also the header `X-Edge-Reason`. */
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** One sentence each; `[detail]` if there is only one. */
  readonly errors?: readonly string[];
  /** Further members of the body. They never replace one of its own. */
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The problems that are answered both before management is loaded and by management, which explains them in
 * `manage/problems.ts`.
 */
export const sharedProblemKinds = {
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  target_too_long: { status: 414, title: 'Path too long' },
  schema_missing: { status: 503, title: 'Database not set up yet' },
} as const;

/** Returns the reference, relative to the edge, of the page that explains a code. */
export function problemType(code: string): string {
  // Joined, because JSON.stringify is slower with a text that was put together by `+` or a template.
  return ['/_edge/errors#', code].join('');
}

/**
 * Returns the response for a problem, without CORS headers. Its content type is `application/json`, which
 * Studio's clients require, unless `accept` prefers `application/problem+json`. A token of our form that the
 * problem quotes is hidden.
 */
export function problemResponse(
  problem: Problem,
  request: { readonly requestId: string; readonly accept: string | null },
): Response {
  const response = new Response(problemText(problem, request.requestId), {
    status: problem.status,
  });
  // One by one, because the runtime reads an object of headers more slowly than it sets them.
  const { headers } = response;
  headers.set(
    'Content-Type',
    prefersProblemJson(request.accept) ? 'application/problem+json' : 'application/json',
  );
  headers.set('Cache-Control', 'no-store');
  headers.set('X-Edge-Reason', problem.code);
  headers.set('X-Request-Id', request.requestId);
  return response;
}

/** Returns the body of a problem as JSON. A token of our form that the problem quotes is hidden. */
export function problemText(problem: Problem, requestId: string): string {
  const { extensions } = problem;
  const body = {
    type: problemType(problem.code),
    title: problem.title,
    status: problem.status,
    detail: problem.detail,
    code: problem.code,
    errors: problem.errors ?? [problem.detail],
    requestId,
  };
  // Twice: the first gives the members their order, the last has the last word.
  return hideTokens(JSON.stringify(extensions ? { ...body, ...extensions, ...body } : body));
}

/**
 * Returns the 405 for a path that exists and accepts other methods, which `Allow` lists.
 * https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6
 */
export function methodNotAllowedResponse(
  request: Request,
  requestId: string,
  methods: readonly string[],
): Response {
  const allowed = methods.join(', ');
  const response = problemResponse(
    {
      code: 'method_not_allowed',
      ...sharedProblemKinds.method_not_allowed,
      detail: `Cannot ${request.method} ${new URL(request.url).pathname}: it accepts ${allowed}`,
    },
    { requestId, accept: request.headers.get('accept') },
  );
  response.headers.set('Allow', allowed);
  return response;
}

/**
 * Returns whether an Accept header names `application/problem+json` and does not prefer `application/json`. A
 * wildcard alone asks for nothing, but counts for `application/json` if that is not named.
 * https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
 */
export function prefersProblemJson(accept: string | null): boolean {
  if (accept === null || !/application\/problem\+json/i.test(accept)) return false;
  const ranges = accept.split(',').map(readRange);
  const wanted = qualityOf('application/problem+json', ranges) ?? 0;
  const json =
    qualityOf('application/json', ranges) ??
    qualityOf('application/*', ranges) ??
    qualityOf('*/*', ranges) ??
    0;
  return wanted > 0 && wanted >= json;
}

interface AcceptedRange {
  readonly type: string;
  readonly quality: number;
}

function readRange(range: string): AcceptedRange {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  // An invalid weight makes the range count for nothing: https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2
  const isWeight = weight === undefined || /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight);
  return { type, quality: isWeight ? Number(weight ?? 1) : 0 };
}

function qualityOf(type: string, ranges: readonly AcceptedRange[]): number | null {
  return ranges.find((range) => range.type === type)?.quality ?? null;
}
