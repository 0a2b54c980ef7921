/**
 * The one shape of every refusal and error that we answer, at the gateway and in management.
 *
 * Problem details with Livepeer Studio's `errors` beside them, so that both kinds of clients can read
 * them: https://www.rfc-editor.org/rfc/rfc9457#section-3
 */

import { hideTokens } from './core/key/token.ts';

/** What a problem response says. */
export interface Problem {
  /** Stable; also the header `X-Edge-Reason`. */
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** One sentence each; `[detail]` where there is only one thing to say. */
  readonly errors?: readonly string[];
  /** Further members of the body. They never replace one of its own. */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/**
 * What is the same about problems that are answered before management is loaded, and by it as well:
 * `manage/problems.ts` explains them.
 */
export const sharedProblemKinds = {
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
} as const;

/** Where the meaning of a code is explained, as a reference relative to the edge. */
export function problemType(code: string): string {
  // Joined, because JSON.stringify is slower with a text that was put together by `+` or a template.
  return ['/_edge/errors#', code].join('');
}

/**
 * The response for a problem, without CORS headers. Its content type is `application/json`, which
 * Studio's clients insist on, unless `accept` prefers `application/problem+json`. Whatever the problem
 * quotes, no token of our form goes out whole.
 */
export function problemResponse(
  problem: Problem,
  request: { readonly requestId: string; readonly accept: string | null },
): Response {
  const { extensions } = problem;
  const body = {
    type: problemType(problem.code),
    title: problem.title,
    status: problem.status,
    detail: problem.detail,
    code: problem.code,
    errors: problem.errors ?? [problem.detail],
    requestId: request.requestId,
  };
  // Twice: the first gives the members their order, the last has the last word.
  const json = JSON.stringify(extensions ? { ...body, ...extensions, ...body } : body);
  const response = new Response(hideTokens(json), { status: problem.status });
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

/**
 * The 405 for a path that is there and takes other methods, which `Allow` lists.
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
      detail: `Cannot ${request.method} ${new URL(request.url).pathname}: it takes ${allowed}`,
    },
    { requestId, accept: request.headers.get('accept') },
  );
  response.headers.set('Allow', allowed);
  return response;
}

/**
 * Whether an Accept header names `application/problem+json` and does not like `application/json`
 * better. A wildcard alone asks for nothing, but speaks for `application/json` where that is not
 * named. https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
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
  // What is no weight is no wish either: https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2
  const isWeight = weight === undefined || /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight);
  return { type, quality: isWeight ? Number(weight ?? 1) : 0 };
}

function qualityOf(type: string, ranges: readonly AcceptedRange[]): number | null {
  return ranges.find((range) => range.type === type)?.quality ?? null;
}
