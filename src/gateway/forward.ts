/**
 * Sends an allowed request to the upstream and returns its response, streamed both ways.
 *
 * The upstream sees what was authorised: the caller has built the URL from the decision, and the headers
 * in `request-headers.ts`. The body is handed through untouched: a stream in between would lose its
 * Content-Length.
 */

import { type Rejection, reject } from '../core/decide/rejection.ts';
import { dropNominated } from './header-names.ts';
import { LONGEST_UPLOAD_MS, SLOWEST_UPLOAD_BYTES_PER_MS } from './limits.ts';

/** A request to forward, and the facts that decide how. */
export interface Forwarding {
  /** The request as received. Its body is forwarded. */
  readonly request: Request;
  readonly method: string;
  /** The upstream's URL for it. */
  readonly url: string;
  /** The headers for the upstream. */
  readonly headers: Headers;
  /** The request asks for a WebSocket, which may have to be given up later. */
  readonly isUpgrade: boolean;
  readonly timeoutMs: number;
  /** `true` if the upstream continues until its signal aborts, as code of this Worker does. */
  readonly needsSignal: boolean;
  readonly fetch: typeof fetch;
}

/** The upstream's response, or the reason for its absence: for the caller, and for the log. */
export type ForwardResult =
  | {
      readonly ok: true;
      readonly response: Response;
      /** Drops the connection to the upstream without a message; `null` if that is never necessary. */
      readonly giveUp: (() => void) | null;
    }
  | { readonly ok: false; readonly rejection: Rejection; readonly error: string };

/**
 * Forwards a request to the upstream and returns its response.
 *
 * Returns an `upstream_unreachable` rejection if the upstream cannot be reached or does not speak HTTP,
 * and `upstream_timeout` if the response headers do not arrive within `timeoutMs` after the request body
 * was sent. (Many APIs respond only once they have read the whole body.)
 *
 * Does not follow redirects, because that could send credentials to another host.
 */
export async function forward(forwarding: Forwarding): Promise<ForwardResult> {
  const { request, needsSignal, isUpgrade } = forwarding;
  const isPlain = request.body === null && !needsSignal && !isUpgrade;
  const deadline = isPlain ? null : createDeadline();
  try {
    const response = deadline ? await sendWithSignal(forwarding, deadline) : await send(forwarding);
    if (response === null) return failed('upstream_timeout', 'no response headers in time');
    const giveUp =
      deadline && isUpgrade ? () => deadline.cancel(new Error('the client went away')) : null;
    return { ok: true, response: withoutHopByHop(editable(response)), giveUp };
  } catch (error) {
    return failed('upstream_unreachable', String(error));
  }
}

/**
 * Sends a request that ends with its headers. `null`: the upstream did not answer in time. Nothing
 * aborts the fetch then: the runtime drops it with the request that it belongs to. What an AbortSignal
 * would cost every request is in `bench/README.md`.
 */
async function send(forwarding: Forwarding): Promise<Response | null> {
  const { method } = forwarding;
  const init: RequestInit = { method, headers: forwarding.headers, redirect: 'manual' };
  if (!uncachedMethods.has(method)) init.cf = neverCached;
  const response = forwarding.fetch(forwarding.url, init);
  let timer: ReturnType<typeof setTimeout> | null = null;
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, forwarding.timeoutMs, null);
  });
  try {
    return await Promise.race([response, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Does the same for a request that a signal has to stop: one whose body is still being uploaded, or one
 * to a handler of this Worker. An upload takes as long as its client and the upstream need.
 */
async function sendWithSignal(
  forwarding: Forwarding,
  deadline: Deadline,
): Promise<Response | null> {
  const { request, method, url, headers, timeoutMs } = forwarding;
  const body = followUpload(forwarding, {
    onSent: () => deadline.set(timeoutMs),
    onBrokenOff: () => deadline.cancel(new Error('the body of the request broke off')),
  });
  const init: RequestInit = { headers, redirect: 'manual', signal: deadline.signal };
  if (!uncachedMethods.has(method)) init.cf = neverCached;
  deadline.set(timeoutMs + (body === null ? 0 : longestUploadMs(request)));
  try {
    // The body of a GET or HEAD comes along with a whole request only.
    return request.body !== null && body === null
      ? await forwarding.fetch(new Request(url, request), init)
      : await forwarding.fetch(url, { ...init, method, body });
  } catch (error) {
    if (deadline.hasPassed()) return null;
    throw error;
  } finally {
    deadline.end();
  }
}

/**
 * Past Cloudflare's cache, which a subrequest goes through by default: it knows URLs and not who is
 * asking, so it would hand one key's answer to another. What `cache: 'no-store'` sets, without the
 * Cache-Control and Pragma that it also sends upstream.
 */
const neverCached = { cacheTtl: -1, cacheLevel: 'bypass' };

/** Methods that Cloudflare never caches, so that their requests are spared `cf`. */
const uncachedMethods: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

type Deadline = ReturnType<typeof createDeadline>;

/** A time to give up at, that can be moved until the end. */
function createDeadline() {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | null = null;
  let hasEnded = false;
  let hasPassed = false;
  const pass = () => {
    hasPassed = true;
    abort.abort();
  };
  return {
    signal: abort.signal,
    hasPassed: () => hasPassed,
    set(delayMs: number): void {
      clearTimeout(timer);
      if (!hasEnded) timer = setTimeout(pass, delayMs);
    },
    end(): void {
      hasEnded = true;
      clearTimeout(timer);
    },
    /** Gives up now, for another reason, and after the end too. */
    cancel(reason: Error): void {
      abort.abort(reason);
    },
  };
}

/**
 * Returns the request's body as a stream that reports when the last byte has left, or when the client
 * has disconnected before that. Returns `null` if the request has no body, or if the body cannot be
 * separated from its request. The runtime moves the bytes, and a body of known length keeps its length.
 */
function followUpload(
  { request, method }: Pick<Forwarding, 'request' | 'method'>,
  { onSent, onBrokenOff }: { onSent: () => void; onBrokenOff: () => void },
): ReadableStream | null {
  if (request.body === null || method === 'GET' || method === 'HEAD') return null;
  const lengthBytes = bodyLengthBytes(request);
  const pipe =
    lengthBytes === null ? new IdentityTransformStream() : new FixedLengthStream(lengthBytes);
  // Aborted by `pipeTo`, the runtime would end a chunked body as if it were complete, and the upstream
  // would keep the half that it got. Left open, it ends when the whole request is given up.
  request.body.pipeTo(pipe.writable, { preventAbort: true }).then(onSent, () => {
    // `null`: it is the upstream that takes no more, and its answer may say why.
    // https://streams.spec.whatwg.org/#writable-stream-default-writer-get-desired-size
    if (pipe.writable.getWriter().desiredSize !== null) onBrokenOff();
  });
  return pipe.readable;
}

/** A copy of a response whose headers may be changed. Throws on a status that is no final one. */
function editable(response: Response): Response {
  try {
    return new Response(response.body, response);
  } catch (error) {
    // 1xx or above 599. Its body may be the real response, as text; no request waits for it.
    response.body?.cancel().catch(() => undefined);
    throw error;
  }
}

/** Drops what the upstream declares to be for its own connection; the rest the runtime drops. */
function withoutHopByHop(response: Response): Response {
  const connection = response.headers.get('connection');
  if (connection !== null) dropNominated(response.headers, connection);
  return response;
}

/**
 * How long the upload of a body may take at most, so that an upstream that stops reading in the
 * middle is given up at some time.
 */
function longestUploadMs(request: Request): number {
  const lengthBytes = bodyLengthBytes(request) ?? 0;
  return Math.max(LONGEST_UPLOAD_MS, Math.ceil(lengthBytes / SLOWEST_UPLOAD_BYTES_PER_MS));
}

/** `null`: not known beforehand. The runtime has made sure that a length is one decimal number. */
function bodyLengthBytes({ headers }: Request): number | null {
  // Where both are sent, the encoding decides: https://www.rfc-editor.org/rfc/rfc9112#section-6.3
  const length = headers.has('transfer-encoding') ? null : headers.get('content-length');
  return length !== null && Number.isSafeInteger(Number(length)) ? Number(length) : null;
}

function failed(code: 'upstream_timeout' | 'upstream_unreachable', error: string): ForwardResult {
  const detail =
    code === 'upstream_timeout'
      ? 'the API did not respond in time'
      : 'the API could not be reached';
  return { ok: false, rejection: reject(code, `Cannot answer the request: ${detail}`), error };
}
