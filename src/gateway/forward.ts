/**
 * Sends an allowed request to the upstream and brings its response back, streamed both ways.
 *
 * What the upstream sees is what was authorised: the URL is built by the caller from the decision,
 * and every header by which a client could say something else is removed. Headers are copied as a
 * whole and then edited, because copying them one by one in JavaScript would re-encode bytes outside
 * ASCII. The body is handed through untouched: a stream in between would lose its Content-Length.
 */

import { BoundedMap } from '../core/bounded-map.ts';
import { type Rejection, reject } from '../core/decide/rejection.ts';
import { withoutOwnCookies } from '../core/isolation/own-cookies.ts';
import { foldName, nominatedBy } from './header-names.ts';
import {
  HEADER_NAMES_IN_MEMORY,
  HEADER_NAMES_IN_MEMORY_BYTES,
  LONGEST_UPLOAD_MS,
  SLOWEST_UPLOAD_BYTES_PER_MS,
} from './limits.ts';

/** What to forward, and what to tell the upstream about it. */
export interface Forwarding {
  /** The request as it came: its method, headers and body are taken from it. */
  readonly request: Request;
  /** The upstream's URL for it. */
  readonly url: string;
  /** Headers that the upstream may trust. Names in lower case; each replaces the client's own. */
  readonly identity: Readonly<Record<string, string>>;
  /** Whether the caller's Authorization, Cookie and Origin are passed on. */
  readonly forwardToken: boolean;
  readonly timeoutMs: number;
  /** Whether the upstream goes on until it is told to stop, as code of this Worker does. */
  readonly needsSignal: boolean;
  readonly fetch: typeof fetch;
}

/** The upstream's response, or why there is none: for the caller, and for the log. */
export type ForwardResult =
  | { readonly ok: true; readonly response: Response }
  | { readonly ok: false; readonly rejection: Rejection; readonly error: string };

/** Removed whoever sent them. */
const removedHeaders = new Set([
  // Hop-by-hop: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  // Answered by the runtime; forwarded, it would turn the upstream's 100 into our answer.
  'expect',
  // By these an upstream can be made to serve another method or path than the one we judged.
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-method',
  'x-original-url',
  'x-original-uri',
  'x-original-host',
  'x-rewrite-url',
  'x-rewrite-uri',
  'x-sendfile',
  'x-host',
  // By these a client can claim an address, a scheme or a proxy of its own.
  'forwarded',
  'x-forwarded',
  'x-original-forwarded-for',
  'x-originating-ip',
  'x-real-ip',
  'x-remote-addr',
  'x-remote-ip',
  'x-client-ip',
  'client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'proxy',
  // Ours.
  'x-request-id',
]);
const removedPrefixes = ['x-edge-', 'x-forwarded-', 'x-envoy-', 'x-accel-'];
const credentialHeaders = new Set(['authorization', 'cookie', 'origin']);
/** True when they come under their own name: the runtime or Cloudflare has seen to that. */
const vouchedHeaders = new Set(['host', 'content-length']);
const vouchedPrefix = 'cf-';

/**
 * Forwards a request. Returns an `upstream_unreachable` rejection when the upstream cannot be reached
 * or does not speak HTTP, and `upstream_timeout` when its response headers do not come in time: the
 * time runs from the last byte of the request's body, since many an API answers only after that.
 * Redirects are handed back: followed, they would carry credentials to wherever the upstream points.
 */
export async function forward(forwarding: Forwarding): Promise<ForwardResult> {
  // Before anything that may fail for the upstream's sake: what goes wrong here is ours.
  const headers = upstreamHeaders(forwarding);
  const isPlain = forwarding.request.body === null && !forwarding.needsSignal;
  try {
    const response = isPlain
      ? await send(forwarding, headers)
      : await sendWithSignal(forwarding, headers);
    if (response === null) return failed('upstream_timeout', 'no response headers in time');
    return { ok: true, response: withoutHopByHop(editable(response)) };
  } catch (error) {
    return failed('upstream_unreachable', String(error));
  }
}

/**
 * Sends a request that ends with its headers. `null`: the upstream did not answer in time. Nothing
 * aborts the fetch then: the runtime drops it with the request that it belongs to. What an AbortSignal
 * would cost every request is in `bench/README.md`.
 */
async function send(forwarding: Forwarding, headers: Headers): Promise<Response | null> {
  const response = forwarding.fetch(forwarding.url, {
    method: forwarding.request.method,
    headers,
    redirect: 'manual',
    cf: neverCached,
  });
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
 * The same for a request that somebody has to be told to stop: the client's body on its way, or a
 * handler of ours. An upload takes as long as its client and the upstream need.
 */
async function sendWithSignal(forwarding: Forwarding, headers: Headers): Promise<Response | null> {
  const { request, url, timeoutMs } = forwarding;
  const deadline = createDeadline();
  const body = followUpload(request, {
    onSent: () => deadline.set(timeoutMs),
    onBrokenOff: () => deadline.cancel(new Error('the body of the request broke off')),
  });
  const init: RequestInit = {
    headers,
    redirect: 'manual',
    signal: deadline.signal,
    cf: neverCached,
  };
  deadline.set(timeoutMs + (body === null ? 0 : longestUploadMs(request)));
  try {
    // The body of a GET or HEAD comes along with a whole request only.
    return request.body !== null && body === null
      ? await forwarding.fetch(new Request(url, request), init)
      : await forwarding.fetch(url, { ...init, method: request.method, body });
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
 * The request's body on its way to the upstream, with word of when the last byte has left or the
 * client has gone away before it; `null` where there is none, or it cannot be had apart from its
 * request. The runtime moves the bytes by itself, and a body of known length stays one.
 */
function followUpload(
  request: Request,
  { onSent, onBrokenOff }: { onSent: () => void; onBrokenOff: () => void },
): ReadableStream | null {
  if (request.body === null || request.method === 'GET' || request.method === 'HEAD') return null;
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
    // 1xx or above 599. Its body may be the real response, as text; nobody should wait for it.
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

/** Drops the headers that are there and that `Connection` names: it may say anything. */
function dropNominated(headers: Headers, connection: string): void {
  const isNominated = nominatedBy(connection);
  if (isNominated === null) return;
  for (const name of [...headers.keys()]) if (isNominated(name)) headers.delete(name);
}

/** The client's headers without those that are not its to send, and ours. */
function upstreamHeaders({ request, forwardToken, identity }: Forwarding): Headers {
  const headers = new Headers(request.headers);
  let connection: string | null = null;
  let isUpgrade = false;
  // Each call into the runtime costs as much as a page of our own code, so what a header says is
  // asked for only when it is there.
  for (const name of request.headers.keys()) {
    const fate = fateOf(name);
    if (fate === 'passed') continue;
    if (fate === 'credential' && forwardToken) {
      if (name === 'cookie') dropOwnCookies(headers);
      continue;
    }
    headers.delete(name);
    if (name === 'connection') connection = request.headers.get(name);
    if (name === 'upgrade') isUpgrade = isWebSocketUpgrade(request);
  }
  if (connection !== null) dropNominated(headers, connection);
  if (isUpgrade) headers.set('upgrade', 'websocket');
  for (const name in identity) headers.set(name, identity[name] as string);
  return headers;
}

/** A cookie that opens the management page is for the edge alone: its copy would be a session. */
function dropOwnCookies(headers: Headers): void {
  const cookies = headers.get('cookie') ?? '';
  const others = withoutOwnCookies(cookies);
  if (others === null) headers.delete('cookie');
  else if (others !== cookies) headers.set('cookie', others);
}

/** Asked for with another method than GET, the runtime would make the upgrade a GET of the same URL. */
function isWebSocketUpgrade({ method, headers }: Request): boolean {
  return method === 'GET' && headers.get('upgrade')?.toLowerCase() === 'websocket';
}

/** What becomes of a header of the client's. A credential is passed where the token is forwarded. */
type Fate = 'passed' | 'removed' | 'credential';

const knownFates = new BoundedMap<Fate>(HEADER_NAMES_IN_MEMORY, HEADER_NAMES_IN_MEMORY_BYTES);

/** The fate of a header by its name, in lower case. */
function fateOf(name: string): Fate {
  const known = knownFates.get(name);
  if (known !== undefined) return known;
  const fate = judgeName(name);
  knownFates.set(name, fate, name.length);
  return fate;
}

function judgeName(name: string): Fate {
  const folded = foldName(name);
  if (removedHeaders.has(folded)) return 'removed';
  if (removedPrefixes.some((prefix) => folded.startsWith(prefix))) return 'removed';
  if (folded === name) return credentialHeaders.has(name) ? 'credential' : 'passed';
  const isAlias =
    credentialHeaders.has(folded) || vouchedHeaders.has(folded) || folded.startsWith(vouchedPrefix);
  return isAlias ? 'removed' : 'passed';
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
