/**
 * A client of the management API for the command line: one request, and failures as exit codes.
 */

/** Exit codes that scripts can use; also in the help text. */
export const exitCodes = {
  ok: 0,
  /** The edge could not be reached, or failed itself. Try again. */
  unavailable: 1,
  /** The command was not understood. */
  usage: 2,
  /** Not signed in, or not allowed. */
  forbidden: 3,
  notFound: 4,
  /** The edge refused what was asked: fields, conflicts, a lost update. */
  refused: 5,
  /** Too many requests. Wait, then try again. */
  limited: 6,
} as const;

/** A failure that ends the command: its message goes to standard error. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  /** The problem document, where the edge sent one. */
  readonly problem: unknown;
  constructor(message: string, exitCode: number, problem: unknown = null) {
    super(message);
    this.exitCode = exitCode;
    this.problem = problem;
  }
}

/** What is sent, and how its answer is told from an answer of something else at that address. */
export interface SendOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** A member that the answer has; `null`: it has no body. */
  readonly expected: string | null;
}

/** Sends requests to the API below `/_edge/v1`. */
export interface ApiClient {
  /**
   * The JSON of a successful answer, `null` when it has no body, and its ETag. Throws a
   * `CommandError` for everything else, an answer of something that is no edge included.
   */
  send(
    method: string,
    path: string,
    options: SendOptions,
  ): Promise<{ readonly json: unknown; readonly etag: string | null }>;
}

/** A client for the edge at `url`, an absolute URL whose path is not used. */
export function createApiClient(options: {
  readonly url: string;
  readonly token: string;
  readonly fetch: typeof fetch;
}): ApiClient {
  return {
    async send(method, path, { body, headers, expected }) {
      const { response, text } = await request(options, method, path, body, headers);
      const json = parse(text);
      if (hasMember(json, response.ok ? expected : 'code')) {
        if (response.ok) return { json, etag: response.headers.get('etag') };
        throw failure(response, json);
      }
      const type = response.headers.get('content-type') ?? 'nothing';
      throw new CommandError(
        `No edge answers at ${new URL(options.url).origin}: ${method} /_edge/v1${path.replace(/\?.*/, '')} was answered with ${response.status} and ${type}, not as an edge does it. Check the URL`,
        exitCodes.unavailable,
      );
    },
  };
}

async function request(
  options: Parameters<typeof createApiClient>[0],
  method: string,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> | undefined,
): Promise<{ readonly response: Response; readonly text: string }> {
  const url = new URL(`/_edge/v1${path}`, options.url);
  try {
    const response = await options.fetch(url, {
      method,
      headers: {
        Authorization: `Bearer ${options.token}`,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      // A redirect would carry the token to wherever it points.
      redirect: 'error',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { response, text: await response.text() };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(
      `Cannot reach the edge at ${url.origin}: ${reason}`,
      exitCodes.unavailable,
    );
  }
}

function failure(response: Response, json: unknown): CommandError {
  const { detail, errors, requestId } = problemIn(json);
  const lines = errors.length > 1 ? errors.map((error) => `  ${error}`) : [];
  const message = [
    detail && lines.length === 0 ? detail : `The edge answered ${response.status}`,
    ...lines,
    ...(response.status >= 500 && requestId ? [`Request id: ${requestId}`] : []),
  ].join('\n');
  return new CommandError(message, exitCodeFor(response.status), json);
}

function exitCodeFor(status: number): number {
  switch (status) {
    case 401:
    case 403:
      return exitCodes.forbidden;
    case 404:
      return exitCodes.notFound;
    case 429:
      return exitCodes.limited;
    default:
      return status >= 500 ? exitCodes.unavailable : exitCodes.refused;
  }
}

function problemIn(json: unknown) {
  const record = typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  const { detail, errors, requestId } = record;
  return {
    detail: typeof detail === 'string' ? detail : null,
    errors: Array.isArray(errors) ? errors.filter((error) => typeof error === 'string') : [],
    requestId: typeof requestId === 'string' ? requestId : null,
  };
}

/** Whether a document has this member; `null`: whether there is none. */
function hasMember(json: unknown, name: string | null): boolean {
  if (name === null) return json === null;
  return typeof json === 'object' && json !== null && name in json;
}

/** The JSON of a body; `null` when it is empty, `undefined` when it is something else. */
function parse(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return undefined;
  }
}
