/**
 * The ways in which a call fails, as classes that a program can tell apart.
 */

import type { Problem } from './schema.ts';

/** The edge refused a request. `problem` says why; its `code` is stable. */
export class ProblemError<Refusal extends Problem = Problem> extends Error {
  override readonly name = 'ProblemError';
  readonly problem: Refusal;
  readonly code: Refusal['code'];
  readonly status: number;
  constructor(problem: Refusal) {
    super(problem.detail);
    this.problem = problem;
    this.code = problem.code;
    this.status = problem.status;
  }
}

/** No answer came: the connection failed each time, or the time was up. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly reason: 'lost' | 'timeout';
  constructor(message: string, reason: 'lost' | 'timeout', options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/**
 * Something answered that is not an edge: the redirect of a sign-in page, the error page of a proxy,
 * an empty body. For 5xx answers, the edge may have carried out the request all the same.
 */
export class UnexpectedAnswerError extends Error {
  override readonly name = 'UnexpectedAnswerError';
  readonly status: number;
  /** `null` if the answer does not name one. */
  readonly contentType: string | null;
  constructor({ url, status, headers }: Pick<Response, 'url' | 'status' | 'headers'>) {
    const contentType = headers.get('content-type');
    const { origin, pathname } = new URL(url);
    // A proxy in front of an edge fails as well, and then the URL is right.
    const remedy =
      status < 500
        ? 'Check the URL'
        : 'Check the URL, and whether the request was carried out, before you try again';
    super(
      `No edge answers at ${origin}: ${pathname} was answered with ${status} and ${contentType ?? 'nothing'}, not as an edge does it. ${remedy}`,
    );
    this.status = status;
    this.contentType = contentType;
  }
}

/** Returns the `data` of a call. Throws a `ProblemError` if the edge refused. */
export function dataOf<Data, Refusal>(result: {
  readonly data?: Data;
  readonly error?: Refusal;
}): Data {
  // The transport lets nothing else through than problems, whatever the types say about a status.
  if (result.error !== undefined) throw new ProblemError(result.error as Problem);
  return result.data as Data;
}
