/**
 * Sends an allowed request to the upstream and brings its response back, streamed both ways.
 *
 * What the upstream sees is what was authorised: the URL is built by the caller from the decision,
 * and every header by which a client could say something else is removed. Headers are copied as a
 * whole and then edited, because copying them one by one in JavaScript would re-encode bytes outside
 * ASCII. The body is handed through untouched: a stream in between would lose its Content-Length.
 */

import { SLOWEST_UPLOAD_BYTES_PER_MS, UNKNOWN_LENGTH_UPLOAD_MS } from '../core/limits.ts';
import { type Rejection, reject } from '../core/rejection.ts';

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
  readonly fetch: typeof fetch;
}

export type ForwardResult =
  | { readonly ok: true; readonly response: Response }
  | { readonly ok: false; readonly rejection: Rejection; readonly error: string };

/** Removed whoever sent them, compared in lower case with `_` read as `-`. */
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
  'x-envoy-original-path',
  'x-envoy-original-method',
  'x-accel-redirect',
  'x-sendfile',
  'x-host',
  // By these a client can claim an address or a proxy of its own.
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'proxy',
]);
const removedPrefixes = ['x-edge-', 'x-forwarded-'];
const credentialHeaders = new Set(['authorization', 'cookie', 'origin']);

/**
 * Forwards a request. Returns an `upstream_unreachable` rejection when the upstream cannot be reached
 * or does not speak HTTP, and `upstream_timeout` when its response headers do not come in time.
 * Redirects are handed back: followed, they would carry credentials to wherever the upstream points.
 */
export async function forward(forwarding: Forwarding): Promise<ForwardResult> {
  const { request } = forwarding;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), forwarding.timeoutMs + uploadTimeMs(request));
  try {
    const response = await forwarding.fetch(new Request(forwarding.url, request), {
      headers: upstreamHeaders(forwarding),
      redirect: 'manual',
      signal: abort.signal,
    });
    return { ok: true, response: editable(response) };
  } catch (error) {
    return { ok: false, rejection: rejectionFor(abort.signal.aborted), error: String(error) };
  } finally {
    clearTimeout(timer);
  }
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

/** The client's headers without those that are not its to send, and ours. */
function upstreamHeaders(forwarding: Forwarding): Headers {
  const { request } = forwarding;
  const headers = new Headers(request.headers);
  const named = connectionOptions(request.headers.get('connection'));
  for (const name of request.headers.keys()) {
    if (isRemoved(name, forwarding.forwardToken) || named.has(name)) headers.delete(name);
  }
  // Asked for with another method, the runtime would make the upgrade a GET of the same URL.
  if (request.method === 'GET' && request.headers.get('upgrade')?.toLowerCase() === 'websocket') {
    headers.set('upgrade', 'websocket');
  }
  for (const name in forwarding.identity) {
    headers.set(name, forwarding.identity[name] as string);
  }
  return headers;
}

/** Whether a header of the client's is not passed on. `name` is in lower case. */
export function isRemoved(name: string, forwardToken: boolean): boolean {
  const folded = name.includes('_') ? name.replaceAll('_', '-') : name;
  if (removedHeaders.has(folded)) return true;
  if (removedPrefixes.some((prefix) => folded.startsWith(prefix))) return true;
  return credentialHeaders.has(folded) && !(forwardToken && folded === name);
}

/** The headers that Connection declares hop-by-hop, in lower case; never those that frame the body. */
function connectionOptions(connection: string | null): ReadonlySet<string> {
  if (connection === null) return none;
  const names = connection.split(',').map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => name !== 'content-length' && name !== 'host'));
}

const none: ReadonlySet<string> = new Set();

/**
 * How much longer than its headers a request's body may take. The upstream often answers only after
 * the last byte, so a timeout that ran during the upload would forbid slow clients to upload.
 */
function uploadTimeMs(request: Request): number {
  if (request.body === null) return 0;
  const length = request.headers.get('content-length');
  return length === null
    ? UNKNOWN_LENGTH_UPLOAD_MS
    : Math.ceil(Number(length) / SLOWEST_UPLOAD_BYTES_PER_MS);
}

function rejectionFor(timedOut: boolean): Rejection {
  return timedOut
    ? reject('upstream_timeout', 'Cannot answer the request: the API did not respond in time')
    : reject('upstream_unreachable', 'Cannot answer the request: the API could not be reached');
}
