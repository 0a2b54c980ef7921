/**
 * A stream of server-sent events that can be ended when its key is.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */

import type { OpenConnection, StillAllowed } from './open-connections.ts';

/** Returns whether a content type is that of a stream of events. */
export function isEventStream(contentType: string | null): boolean {
  return contentType !== null && eventStreamPattern.test(contentType);
}

const eventStreamPattern = /^\s*text\/event-stream\s*(?:;|$)/i;

/**
 * Codings that the runtime removes when JavaScript reads a body. It knows them in this spelling alone, although
 * HTTP ignores their case.
 */
const decodedByRuntime: ReadonlySet<string> = new Set(['gzip', 'br']);

/** Returns a response whose events pass one by one, until the key ends. */
export function relayEventStream(
  response: Response,
  body: ReadableStream,
  connection: OpenConnection,
  stillAllowed: StillAllowed,
): Response {
  const { readable, writable } = new IdentityTransformStream();
  const abort = new AbortController();
  // The runtime moves the bytes and waits for a reader that is slow. Ended by us, the stream ends as if
  // it were complete, so that a browser asks again and reads the refusal.
  const { signal } = abort;
  const end = () => {
    connection.close();
    return writable.close();
  };
  const fail = (error: unknown) => {
    if (signal.aborted) return end();
    connection.close();
    return writable.abort(error);
  };
  // `preventClose`: the runtime forgets this request as soon as its response has ended.
  body
    .pipeTo(writable, { signal, preventAbort: true, preventClose: true })
    .then(end, fail)
    .catch(() => undefined);
  connection.watch(stillAllowed, () => abort.abort());
  const { headers } = response;
  // Compressed again, events would wait until a block is full. Read here, they are plain already.
  if (decodedByRuntime.has(headers.get('content-encoding') ?? '')) {
    headers.delete('content-encoding');
    headers.delete('content-length');
  }
  return new Response(readable, response);
}
