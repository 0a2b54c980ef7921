/**
 * Holds a WebSocket or an event stream to the key that opened it. All other responses run to their end
 * and stay native: they are not touched here.
 */

import { decideWithKey } from '../core/decide/pipeline.ts';
import { type Rejection, reject } from '../core/decide/rejection.ts';
import type { Key } from '../core/key/key.ts';
import { RequestScope } from '../keys/lookup/request-scope.ts';
import { addressFor } from './client-address.ts';
import { isEventStream, relayEventStream } from './event-stream.ts';
import type { Facts, Gateway } from './gateway.ts';
import type { StillAllowed } from './open-connections.ts';
import { relayWebSocket } from './websocket-relay.ts';

/** How a response stays open, or why it may not. */
export type Held =
  | { readonly ok: true; readonly response: Response }
  | { readonly ok: false; readonly rejection: Rejection };

/** Returns whether a response outlives its request. Nearly none does, so this asks the runtime nothing. */
export function isLongLived(status: number, contentType: string | null): boolean {
  return status === 101 || isEventStream(contentType);
}

/** Returns a response that outlives its request, relayed. `token` is the one that was let in. */
export function holdToKey(
  gateway: Gateway,
  facts: Facts,
  { key, token }: { readonly key: Key; readonly token: string },
  { response, giveUp }: { readonly response: Response; readonly giveUp: (() => void) | null },
): Held {
  const { openConnections } = gateway;
  if (openConnections === null) return { ok: true, response };
  const { webSocket, body } = response;
  // The response to a HEAD, or one that says that nothing has changed.
  if (webSocket === null && body === null) return { ok: true, response };
  const connection = openConnections.open(key.id);
  const stillAllowed = askAgain(gateway, facts, key.id, token);
  if (webSocket !== null) {
    const upstream = { webSocket, giveUp };
    return { ok: true, response: relayWebSocket(response, upstream, connection, stillAllowed) };
  }
  if (connection !== null && body !== null) {
    return { ok: true, response: relayEventStream(response, body, connection, stillAllowed) };
  }
  body?.cancel().catch(() => undefined);
  const detail =
    'Cannot open another event stream with this API key: it has too many open connections. Close one, then try again';
  return { ok: false, rejection: reject('rate_limited', detail, { retryAfterSeconds: 60 }) };
}

/** Asks what was asked when the request came: is this very key alive, and does it allow the request? */
function askAgain(gateway: Gateway, facts: Facts, keyId: string, token: string): StillAllowed {
  const { origin, target, method, request } = facts;
  return async () => {
    // The connection keeps this request's work alive. `waitUntil` would not: see open-connections.ts.
    const scope = new RequestScope(gateway.now(), (work) => {
      work.catch(() => undefined);
    });
    const found =
      gateway.directory.recall(token, scope) ??
      (await gateway.directory.find(token, origin, scope));
    if (found.outcome === 'unavailable') return 'unavailable';
    if (found.outcome === 'unknown') return found.code ?? 'invalid_key';
    if (found.key.id !== keyId) return 'invalid_key';
    const asked = { method, target, origin, address: addressFor(found.key, request) };
    const decision = decideWithKey(openEnded(found.key), asked, gateway, scope.nowMs);
    return decision.allowed ? null : decision.rejection.code;
  };
}

/**
 * The key without its quota, because an open connection counted when it was opened; and without the end of its
 * client token, if its parent lets open connections outlive that.
 */
function openEnded(key: Key): Key {
  const { client } = key;
  const open = key.quotaRenewsAtMs === null ? key : { ...key, quotaRenewsAtMs: null };
  if (client === null || client.endsConnections) return open;
  return { ...open, client: { ...client, expiresAtMs: Number.POSITIVE_INFINITY } };
}
