/** The questions that an open connection asks the directory, and the consequences of each answer. */

import { describe, expect, test } from 'vitest';
import { readTarget } from '../../src/core/routes/request-target.ts';
import { compileRoutes } from '../../src/core/routes/route-table.ts';
import type { Gateway } from '../../src/gateway/gateway.ts';
import { holdToKey, isLongLived } from '../../src/gateway/hold-to-key.ts';
import type { StillAllowed } from '../../src/gateway/open-connections.ts';
import type { KeyLookup } from '../../src/keys/lookup/key-target.ts';
import { RequestScope } from '../../src/keys/lookup/request-scope.ts';
import { aClientKey, aKey, anOrigin } from '../core/fixtures.ts';

const nowMs = 1_000_000;
const anyRoute = compileRoutes({
  routes: [{ methods: ['GET'], path: '/events' }],
  reservedWords: {},
});
const rules = [{ methods: ['GET'], resources: ['/events'] }];
const page = aKey({ rules });

/** A client token of the key, which has expired. */
const visitor = (endsConnections: boolean) =>
  aClientKey({ expiresAtMs: nowMs - 1, bounds: anyRoute, endsConnections }, page);
const found = (key: typeof page): KeyLookup => ({ outcome: 'found', key, isStale: false });

/** Opens an event stream with `page`, and returns its question. */
function askWhenDirectorySays(recalled: KeyLookup | undefined, looked: KeyLookup): StillAllowed {
  let asked: StillAllowed | null = null;
  const gateway = {
    now: () => nowMs,
    restrictedTable: anyRoute,
    directory: { recall: () => recalled, find: async () => looked },
    openConnections: {
      open: () => ({
        relay: () => true,
        watch: (ask: StillAllowed) => {
          asked = ask;
        },
        close: () => undefined,
      }),
      count: () => 0,
    },
  } as unknown as Gateway;
  const facts = {
    request: new Request('https://edge.example/events'),
    method: 'GET',
    requestId: 'request-1',
    target: readTarget('https://edge.example/events'),
    origin: anOrigin('https://app.example'),
    scope: new RequestScope(nowMs, () => {
      throw new Error('waitUntil does not last as long as a connection');
    }),
  };
  const response = new Response(new ReadableStream(), {
    headers: { 'Content-Type': 'text/event-stream' },
  });
  holdToKey(gateway, facts, { key: page, token: 'token' }, { response, giveUp: null });
  if (asked === null) throw new Error('The connection asks nothing');
  return asked;
}

describe('an open connection', () => {
  const gone: KeyLookup = { outcome: 'unavailable' };
  test.each<[string, KeyLookup | undefined, KeyLookup, string | null]>([
    ['the key is in memory', found(page), gone, null],
    ['the key is looked up', undefined, found(page), null],
    ['D1 is out of reach and the grace is over', undefined, gone, 'unavailable'],
    ['the key was revoked', undefined, { outcome: 'unknown', cause: 'revoked' }, 'invalid_key'],
    ['the token is another key’s now', found({ ...page, id: 'key_2' }), gone, 'invalid_key'],
    ['the key is disabled', found({ ...page, enabled: false }), gone, 'invalid_key'],
    ['the key has expired', found({ ...page, expiresAtMs: nowMs }), gone, 'invalid_key'],
    [
      'the key allows other origins',
      found(aKey({ rules, allowedOrigins: ['https://b.example'] })),
      gone,
      'origin_not_allowed',
    ],
    ['the client token has expired', found(visitor(true)), gone, 'client_token_expired'],
    ['it may outlive its client token', found(visitor(false)), gone, null],
    [
      'it may outlive its client token, and the key has expired',
      found({ ...visitor(false), expiresAtMs: nowMs }),
      gone,
      'invalid_key',
    ],
  ])('if %s', async (_, recalled, looked, code) => {
    expect(await askWhenDirectorySays(recalled, looked)()).toBe(code);
  });
});

test.each([
  [101, null, true],
  [200, 'text/event-stream', true],
  [200, 'Text/Event-Stream; charset=utf-8', true],
  [200, 'text/event-stream-like', false],
  [200, 'application/json', false],
  [200, null, false],
])('isLongLived(%s, %j) is %s', (status, contentType, expected) => {
  expect(isLongLived(status, contentType)).toBe(expected);
});
