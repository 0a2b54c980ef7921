/**
 * A token in the subprotocols of a WebSocket, through the production bundle: in a real page, and from a
 * client that offers what no page would.
 */

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { mintClientToken } from '../../src/client-tokens/client-tokens.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

const origin = 'https://app.example';
const rules = [{ methods: ['get'], resources: ['/live'] }];

let upstream: Upstream;
let edge: Edge;
let page: CreatedKey;
let parent: CreatedKey;

beforeAll(async () => {
  upstream = await startUpstream();
  edge = await serveEdge({ upstreamUrl: upstream.url });
  const cors = { allowedOrigins: [origin] };
  page = await edge.createKey({ name: 'page', access: { cors, rules } });
  const clientTokens = { allowedOrigins: [origin], rules };
  parent = await edge.createKey({ name: 'backend', access: { clientTokens } });
});
afterAll(() => Promise.all([edge.dispose(), upstream.dispose()]));
beforeEach(() => {
  upstream.webSockets = 'echo';
  upstream.requests.length = 0;
});

const bearer = (token: string) => `edge-authorizer.bearer.${token}`;

async function open(protocols: string[], headers: Record<string, string> = {}) {
  const socket = new WebSocket(`ws://${edge.host}/live`, protocols, { origin, headers });
  const outcome = await Promise.race([
    once(socket, 'open').then(() => 'open' as const),
    once(socket, 'unexpected-response').then(([, response]) => response as IncomingMessage),
    once(socket, 'error').then(([error]) => String(error)),
  ]);
  const { protocol } = socket;
  socket.terminate();
  if (typeof outcome === 'string') return { outcome, protocol };
  return { outcome: `${outcome.statusCode} ${outcome.headers['x-edge-reason']}`, protocol };
}

describe('a WebSocket is refused', () => {
  test.each([
    ['a token alone', () => [bearer(page.token)], {}, '400 subprotocol_required'],
    ['no token', () => ['edge-authorizer'], {}, '401 missing_credentials'],
    [
      'two credentials',
      () => ['edge-authorizer', bearer(page.token)],
      { Authorization: 'Bearer x' },
      '401 malformed_credentials',
    ],
    ['another token', () => ['edge-authorizer', bearer('ea_pk_x')], {}, '401 invalid_key'],
    ['a backend key', () => ['edge-authorizer', bearer(parent.token)], {}, '403 cors_not_enabled'],
  ])('with %s', async (_, protocols, headers, expected) => {
    expect((await open(protocols(), headers as Record<string, string>)).outcome).toBe(expected);
    expect(upstream.requests).toEqual([]);
  });
});

describe('a WebSocket opens', () => {
  test('with a CORS key among its subprotocols, which the upstream does not see', async () => {
    const opened = await open(['edge-authorizer', bearer(page.token)]);
    expect(opened).toEqual({ outcome: 'open', protocol: 'edge-authorizer' });
    const received = upstream.lastRequest();
    expect(received.header('x-edge-key-id')).toBe(page.id);
    expect(received.header('sec-websocket-protocol')).toBeNull();
    expect(JSON.stringify(received.headers)).not.toContain(page.token);
  });

  test('with a client token', async () => {
    const token = await mintClientToken(parent.token, { sub: 'visitor-1' });
    const opened = await open(['edge-authorizer', bearer(token)]);
    expect(opened).toEqual({ outcome: 'open', protocol: 'edge-authorizer' });
    const received = upstream.lastRequest();
    expect(received.header('x-edge-access')).toBe('client');
    expect(received.header('x-edge-client-subject')).toBe('visitor-1');
    expect(JSON.stringify(received.headers)).not.toContain(token.slice(6));
  });
});
