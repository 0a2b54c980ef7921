/**
 * The way of one request to the edge and back: credentials, a time limit, repeats, and a check that an
 * edge has answered.
 */

import { isAnswer, isLasting, isProblem } from './answers.ts';
import { ConnectionError, UnexpectedAnswerError } from './errors.ts';

/** The admin token or a person's JWT, or a function that returns it, called before each attempt. */
export type Token = string | (() => string | Promise<string>);

/** How requests are sent. */
export interface TransportOptions {
  readonly token: Token;
  /** Sent with every request, for example the service token of Cloudflare Access. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the global one. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** How long a call may take, repeats included. Default: 30 seconds. */
  readonly timeoutMs?: number;
  /** How often a request is repeated at most. Default: 4. */
  readonly retries?: number;
}

const TIMEOUT_MS = 30 * 1000;
const RETRIES = 4;
/** The first wait before a repeat; each one after it is twice as long. */
const BACKOFF_MS = 300;
/** A wait takes at least this share of its length, and at random up to all of it. */
const BACKOFF_LEAST = 0.5;

/** Answers that say "later": https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 */
const LATER = new Set([429, 503]);

/**
 * Returns a `fetch` that sends to an edge. Rejects with a `ConnectionError`, an `UnexpectedAnswerError`,
 * the reason of the request's own signal, or a `TypeError` for credentials that no header can hold.
 */
export function createTransport(
  options: TransportOptions,
): (request: Request) => Promise<Response> {
  const { timeoutMs = TIMEOUT_MS, retries = RETRIES } = options;
  return async (request) => {
    const deadline = performance.now() + timeoutMs;
    // One for all attempts, so that the edge carries the request out once.
    const idempotencyKey = request.headers.get('Idempotency-Key') ?? crypto.randomUUID();
    for (let attempt = 0; ; attempt++) {
      const outcome = await attemptOnce(request, options, idempotencyKey, deadline);
      const waitMs = waitBefore(attempt, outcome);
      const mayRepeat = attempt < retries && performance.now() + waitMs < deadline;
      if (!mayRepeat || !isWorthRepeating(outcome)) return finish(request, outcome, timeoutMs);
      await sleep(waitMs, request.signal);
    }
  };
}

type Outcome =
  | { readonly kind: 'answered'; readonly response: Response; readonly text: string }
  | { readonly kind: 'lost'; readonly error: unknown }
  | { readonly kind: 'timeout' };

async function attemptOnce(
  request: Request,
  { token, headers = {}, fetch = globalThis.fetch }: TransportOptions,
  idempotencyKey: string,
  deadline: number,
): Promise<Outcome> {
  const timeLimit = AbortSignal.timeout(Math.max(Math.ceil(deadline - performance.now()), 0));
  const attempt = new Request(request.clone(), {
    signal: AbortSignal.any([request.signal, timeLimit]),
  });
  for (const [name, value] of Object.entries(headers)) {
    setHeader(attempt.headers, name, value, `the header ${JSON.stringify(name)}`);
  }
  const credentials = typeof token === 'function' ? await token() : token;
  setHeader(attempt.headers, 'Authorization', `Bearer ${credentials}`, 'the token');
  if (request.method === 'POST') attempt.headers.set('Idempotency-Key', idempotencyKey);
  try {
    const response = await fetch(attempt);
    // Read here, because a connection can be lost within the body, too.
    return { kind: 'answered', response, text: await response.text() };
  } catch (error) {
    request.signal.throwIfAborted();
    return timeLimit.aborted ? { kind: 'timeout' } : { kind: 'lost', error };
  }
}

/** Sets a header. The error of the runtime would quote its value, which may be a secret. */
function setHeader(headers: Headers, name: string, value: string, what: string): void {
  try {
    headers.set(name, value);
  } catch {
    throw new TypeError(
      `Cannot send ${what}: it holds a line break or another character that no header can hold`,
    );
  }
}

function isWorthRepeating(outcome: Outcome): boolean {
  if (outcome.kind === 'answered') {
    return LATER.has(outcome.response.status) && !isLasting(outcome.text);
  }
  return outcome.kind === 'lost';
}

/** The milliseconds before the next attempt: longer each time, and never less than `Retry-After`. */
function waitBefore(attempt: number, outcome: Outcome): number {
  const backoff = BACKOFF_MS * 2 ** attempt;
  const waitMs = backoff * (BACKOFF_LEAST + (1 - BACKOFF_LEAST) * Math.random());
  if (outcome.kind !== 'answered') return waitMs;
  return Math.max(waitMs, retryAfterMs(outcome.response.headers.get('Retry-After')));
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3: seconds or a date. 0 for anything else. */
function retryAfterMs(value: string | null): number {
  if (value === null) return 0;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? 0 : Math.max(at - Date.now(), 0);
}

function finish(request: Request, outcome: Outcome, timeoutMs: number): Response {
  const { origin } = new URL(request.url);
  if (outcome.kind === 'timeout') {
    throw new ConnectionError(
      `Cannot reach the edge at ${origin}: no answer within ${timeoutMs / 1000} s`,
      'timeout',
    );
  }
  if (outcome.kind === 'lost') {
    throw new ConnectionError(
      `Cannot reach the edge at ${origin}: ${reasonOf(outcome.error)}`,
      'lost',
      { cause: outcome.error },
    );
  }
  const { response, text } = outcome;
  const { url } = request;
  const { status, statusText, headers } = response;
  if (!(response.ok ? isAnswer(response, text) : isProblem(text))) {
    throw new UnexpectedAnswerError({ url, status, headers });
  }
  const answer = new Response(text === '' ? null : text, { status, statusText, headers });
  // A response that is made by hand has none of its own.
  return Object.defineProperty(answer, 'url', { value: url });
}

/** The innermost reason: `fetch` itself only says that it failed. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? cause.message : String(cause);
}

/** Waits. Rejects with the signal's reason as soon as it is aborted. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const abort = () => {
    clearTimeout(timer);
    reject(signal.reason);
  };
  signal.addEventListener('abort', abort, { once: true });
  return promise.finally(() => signal.removeEventListener('abort', abort));
}
