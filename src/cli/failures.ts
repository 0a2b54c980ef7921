/**
 * Failures of a command: exit codes, and what the typed client answers or throws turned into them.
 */

import {
  ConnectionError,
  dataOf,
  ProblemError,
  UnexpectedAnswerError,
} from '../management-client/errors.ts';
import type { Problem } from '../management-client/schema.ts';

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
  /** The edge refused what was asked: fields, conflicts, a lost update. With `--check`: the request. */
  refused: 5,
  /** Too many requests. Wait, then try again. */
  limited: 6,
  /** Ctrl-C, as shells count it. */
  interrupted: 130,
} as const;

/** A failure that ends the command: its message goes to standard error. Empty: the result says it already. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  /** The problem document; `null` if the edge sent none. */
  readonly problem: Problem | null;
  constructor(message: string, exitCode: number, problem: Problem | null = null) {
    super(message);
    this.exitCode = exitCode;
    this.problem = problem;
  }
}

/** Returns the failure of a command that was not understood. */
export function usageError(message: string): CommandError {
  return new CommandError(message, exitCodes.usage);
}

/**
 * Returns the data of a call, and its ETag. Throws a `CommandError` for everything else: a refusal, no
 * answer, or an answer without `member`, which every answer of this endpoint has.
 */
export async function answerOf<Data extends object>(
  call: Promise<{
    readonly data?: Data;
    readonly error?: unknown;
    readonly response: Response;
  }>,
  member: keyof Data & string,
): Promise<{ readonly data: Data; readonly etag: string | null }> {
  try {
    const result = await call;
    const data = dataOf(result);
    // Not `in`: a list has "keys" by its prototype.
    if (!Object.hasOwn(data, member)) throw new UnexpectedAnswerError(result.response);
    return { data, etag: result.response.headers.get('etag') };
  } catch (error) {
    rethrown(error);
  }
}

/** Waits for a call that answers nothing. Throws a `CommandError` if it fails. */
export async function done(
  call: Promise<{ readonly data?: unknown; readonly error?: unknown }>,
): Promise<void> {
  await call.then(dataOf<unknown, unknown>).catch(rethrown);
}

/** Throws a failure of the client as a failure of the command, and any other error as it is. */
function rethrown(error: unknown): never {
  if (error instanceof ProblemError) throw refusal(error.problem);
  if (error instanceof ConnectionError || error instanceof UnexpectedAnswerError) {
    throw new CommandError(error.message, exitCodes.unavailable);
  }
  // What the client cannot even send, such as ".." for an id.
  if (error instanceof TypeError && error.message.startsWith('Cannot send')) {
    throw usageError(error.message);
  }
  throw error;
}

function refusal(problem: Problem): CommandError {
  const { detail, errors, requestId, status } = problem;
  const lines = errors.length > 1 ? errors.map((error) => `  ${error}`) : [];
  const message = [
    detail && lines.length === 0 ? detail : `The edge answered ${status}`,
    ...lines,
    ...(status >= 500 && requestId ? [`Request id: ${requestId}`] : []),
  ].join('\n');
  return new CommandError(message, exitCodeFor(status), problem);
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
