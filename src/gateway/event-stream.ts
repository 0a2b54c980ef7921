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

/** Codings that the runtime removes when JavaScript reads a body. */
const decodedByRuntime = /^\s*(?:gzip|br)\s*$/i;

/** Returns a response whose events pass one by one, until the key ends. */
export function relayEventStream(
  response: Response,
  connection: OpenConnection,
  stillAllowed: StillAllowed,
): Response {
  const { body, headers } = response;
  if (body === null) return response;
  const { readable, writable } = new IdentityTransformStream();
  const abort = new AbortController();
  // The runtime moves the bytes and waits for a reader that is slow. Ended by us, the stream ends as if
  // it were complete, so that a browser asks again and reads the refusal.
  const { signal } = abort;
  body.pipeTo(writable, { signal, preventAbort: true }).then(connection.close, (error: unknown) => {
    connection.close();
    const ended = signal.aborted ? writable.close() : writable.abort(error);
    ended.catch(() => undefined);
  });
  connection.watch(stillAllowed, () => abort.abort());
  // Compressed again, events would wait until a block is full. Read here, they are plain already.
  if (decodedByRuntime.test(headers.get('content-encoding') ?? '')) {
    headers.delete('content-encoding');
    headers.delete('content-length');
  }
  return new Response(readable, response);
}
