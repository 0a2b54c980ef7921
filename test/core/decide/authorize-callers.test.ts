/** Callers that are refused for what is theirs alone: a visitor with a client token, a quota, an address. */

import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../../src/core/addresses/address.ts';
import { authorize, refuseCaller } from '../../../src/core/decide/authorize.ts';
import type { Key } from '../../../src/core/key/key.ts';
import { readTarget } from '../../../src/core/routes/request-target.ts';
import { restrictedRoutes } from '../../../src/core/routes/restricted-routes.ts';
import { compileRoutes } from '../../../src/core/routes/route-table.ts';
import { aBackendKey, aKey, anOrigin } from '../fixtures.ts';

const nowMs = 1_000_000;
const app = anOrigin('https://app.example');
const evil = anOrigin('https://evil.example');

/** The key of a visitor with a client token for the page of `aKey()`. */
function aClient(part: Partial<NonNullable<Key['client']>> = {}): Key {
  const client = { expiresAtMs: nowMs + 1, isOriginOptional: false, ...part };
  return { ...aKey(), access: 'client', client: client as NonNullable<Key['client']> };
}

describe('a caller with a client token', () => {
  const optional = { isOriginOptional: true };
  test.each([
    ['that ends now', aClient({ expiresAtMs: nowMs }), 'GET', app, 'client_token_expired'],
    ['that has ended, elsewhere', aClient({ expiresAtMs: 1 }), 'GET', evil, 'client_token_expired'],
    ['without an origin', aClient(), 'GET', null, 'origin_required'],
    ['without an origin, to write', aClient(optional), 'POST', null, 'origin_required'],
    [
      'without an origin, by a method like one that reads',
      aClient(optional),
      'get',
      null,
      'origin_required',
    ],
    ['of another page', aClient(optional), 'GET', evil, 'origin_not_allowed'],
    ['without an origin that is optional, to read', aClient(optional), 'GET', null, null],
    [
      'without an origin that is optional, to ask for a head',
      aClient(optional),
      'HEAD',
      null,
      null,
    ],
    ['of its page', aClient(), 'POST', app, null],
    ['no client token at all, from a backend', aBackendKey(), 'POST', null, null],
  ] as const)('%s', (_name, key, method, origin, code) => {
    expect(refuseCaller({ key, method, origin, address: null, nowMs })?.code ?? null).toBe(code);
  });
});

test('a key that has used up its quota reads when to come back, in whole seconds', () => {
  const decision = authorize({
    key: aBackendKey({ quota: { requests: 5, period: 'day' }, quotaRenewsAtMs: nowMs + 1_500 }),
    method: 'GET',
    target: readTarget('https://edge.example/api/stream/1'),
    restrictedTable: compileRoutes(restrictedRoutes),
    origin: null,
    address: null,
    nowMs,
  });
  expect(decision).toMatchObject({
    allowed: false,
    rejection: {
      code: 'quota_exceeded',
      retryAfterSeconds: 2,
      extensions: { renewsAt: new Date(nowMs + 1_500).toISOString() },
    },
  });
});

describe('an address that the key does not list', () => {
  const key = aBackendKey({ addresses: ['203.0.113.0/24'] });
  test.each([
    ['192.0.2.1', 'from the address "192.0.2.1"'],
    ['no address', 'from an address that the edge cannot read'],
  ])('%s is named in the refusal', (text, named) => {
    const asked = { key, method: 'GET', origin: null, address: parseAddress(text), nowMs };
    const rejection = refuseCaller(asked);
    expect(rejection?.code).toBe('address_not_allowed');
    expect(rejection?.detail).toContain(named);
  });
});
