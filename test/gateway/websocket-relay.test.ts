/** The relay of a WebSocket where no runtime is in between that would refuse a message by itself. */

import { expect, test } from 'vitest';
import { WEBSOCKET_MESSAGE_MAX_BYTES } from '../../src/gateway/limits.ts';
import { relayWebSocket } from '../../src/gateway/websocket-relay.ts';

test.each([
  [WEBSOCKET_MESSAGE_MAX_BYTES, 'relayed'],
  [WEBSOCKET_MESSAGE_MAX_BYTES + 1, '1009 message over 32 MiB'],
])('a message of %i bytes is %s', async (bytes, outcome) => {
  const { 0: relayed, 1: upstream } = new WebSocketPair();
  const connection = { relay: () => true, watch: () => undefined, close: () => undefined };
  const end = { webSocket: relayed, giveUp: null };
  const { webSocket: client } = relayWebSocket(new Response(), end, connection, async () => null);
  if (client === null) throw new Error('The relay gives the client no WebSocket');
  const heard = new Promise<string>((resolve) => {
    client.addEventListener('message', () => resolve('relayed'));
    client.addEventListener('close', ({ code, reason }) => resolve(`${code} ${reason}`));
  });
  client.accept();
  upstream.accept();
  upstream.send(new Uint8Array(bytes));
  expect(await heard).toBe(outcome);
});
