/**
 * A WebSocket between a client and the upstream, message by message, so that it can be ended when its
 * key is.
 *
 * Close codes: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
 */

import { WEBSOCKET_MESSAGE_MAX_BYTES } from './limits.ts';
import type { OpenConnection, StillAllowed } from './open-connections.ts';

/** The connection violates a policy: its key does not allow it any more. */
const POLICY_VIOLATION = 1008;
const MESSAGE_TOO_BIG = 1009;
const INTERNAL_ERROR = 1011;
const TRY_AGAIN_LATER = 1013;
const GOING_AWAY = 1001;

/** The upstream's end of a WebSocket. */
export interface UpstreamEnd {
  readonly webSocket: WebSocket;
  /** Drops the connection without a close frame; `null` if it cannot be. */
  readonly giveUp: (() => void) | null;
}

/** Returns the response by which the client gets its end of a relayed WebSocket. */
export function relayWebSocket(
  response: Response,
  { webSocket: upstream, giveUp }: UpstreamEnd,
  connection: OpenConnection | null,
  stillAllowed: StillAllowed,
): Response {
  const { 0: client, 1: toClient } = new WebSocketPair();
  toClient.accept();
  upstream.accept();
  // A message is relayed as it is, and a Blob would have to be read first.
  toClient.binaryType = 'arraybuffer';
  upstream.binaryType = 'arraybuffer';
  const { headers } = response;
  const upgraded = new Response(null, { status: 101, webSocket: client, headers });
  if (connection === null) {
    endBoth(toClient, upstream, TRY_AGAIN_LATER, 'too many open connections with this API key');
    return upgraded;
  }

  const { relay, close } = connection;
  let hasEnded = false;
  const end = (code: number, reason: string) => {
    if (hasEnded) return;
    hasEnded = true;
    close();
    endBoth(toClient, upstream, code, reason);
  };
  for (const [from, to] of [
    [toClient, upstream],
    [upstream, toClient],
  ] as const) {
    from.addEventListener('message', ({ data }) => {
      if (hasEnded) return;
      const bytes = sizeOf(data);
      if (bytes > WEBSOCKET_MESSAGE_MAX_BYTES) end(MESSAGE_TOO_BIG, 'message over 32 MiB');
      else if (!relay(bytes)) end(TRY_AGAIN_LATER, 'too many bytes in a minute');
      else if (!trySend(to, data)) end(INTERNAL_ERROR, 'the other end is gone');
    });
    from.addEventListener('close', ({ code, reason }) => {
      if (hasEnded) return;
      hasEnded = true;
      close();
      tryClose(from, code, reason);
      if (isSendable(code)) tryClose(to, code, reason);
      // 1005 is a close without a code; anything else says that the connection was lost.
      else if (code === 1005) tryClose(to);
      else if (from === upstream) tryClose(to, INTERNAL_ERROR, 'connection lost');
      else if (giveUp !== null) giveUp();
      else tryClose(to, GOING_AWAY, 'connection lost');
    });
    from.addEventListener('error', () => end(INTERNAL_ERROR, 'connection lost'));
  }
  connection.watch(stillAllowed, (code) => end(POLICY_VIOLATION, code));
  return upgraded;
}

/** Bytes of a message; of a text that is far from the limit, its length. */
function sizeOf(data: string | ArrayBuffer | Blob): number {
  if (typeof data !== 'string') return data instanceof ArrayBuffer ? data.byteLength : data.size;
  // A UTF-16 code unit takes at most three bytes, so that a short text need not be encoded to know.
  if (data.length * 3 <= WEBSOCKET_MESSAGE_MAX_BYTES) return data.length;
  return new TextEncoder().encode(data).byteLength;
}

/** Codes that a close frame may hold: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.2 */
function isSendable(code: number): boolean {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}

function endBoth(client: WebSocket, upstream: WebSocket, code: number, reason: string): void {
  tryClose(client, code, reason);
  tryClose(upstream, code, reason);
}

/** Returns whether a message could be handed over. A socket that has closed in between throws. */
function trySend(to: WebSocket, data: string | ArrayBuffer | Blob): boolean {
  try {
    to.send(data as string | ArrayBuffer);
    return true;
  } catch {
    return false;
  }
}

/** Closes a socket that may have closed by itself. */
function tryClose(socket: WebSocket, code?: number, reason?: string): void {
  try {
    if (code === undefined || !isSendable(code)) socket.close();
    else socket.close(code, reason);
  } catch {
    // It is closed: that is what was wanted.
  }
}
