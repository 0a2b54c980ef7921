/** Explanations of what the gateway does, rule by rule: refusals first. */

import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../../src/core/addresses/address.ts';
import { type ExplainedRequest, explain, explainSteps } from '../../../src/core/decide/explain.ts';
import { exposedHeaders } from '../../../src/core/decide/exposed-headers.ts';
import { noAdditionalHeaders } from '../../../src/core/decide/request-headers.ts';
import { readTarget } from '../../../src/core/routes/request-target.ts';
import { restrictedRoutes } from '../../../src/core/routes/restricted-routes.ts';
import { compileRoutes } from '../../../src/core/routes/route-table.ts';
import { aBackendKey, aClientKey, aKey } from '../fixtures.ts';

const restrictedTable = compileRoutes(restrictedRoutes);
const publicTable = compileRoutes({
  routes: [{ methods: ['GET'], path: '/open/{id}' }],
  reservedWords: {},
});
const app = 'https://app.example';
const address = parseAddress('203.0.113.7');

/** A request of a page for `GET /api/stream/1` with the key of its origin, but for what differs. */
function aRequest({
  path = '/api/stream/1',
  ...differences
}: Partial<ExplainedRequest> & { readonly path?: string } = {}): ExplainedRequest {
  return {
    method: 'GET',
    target: readTarget(`https://edge.example${path}`),
    originHeader: app,
    requestedHeaders: 'authorization',
    key: aKey(),
    address,
    registration: 'registered',
    isRegisteredByAny: false,
    exposed: exposedHeaders(),
    additionalHeaders: noAdditionalHeaders,
    forwardToken: false,
    restrictedTable,
    publicTable,
    nowMs: 0,
    ...differences,
  };
}

const signs = { passed: '+', failed: '!', skipped: '-' } as const;

/** Each rule in its order: `+` it passed, `!` it refused, `-` it was not asked. */
const outcomesOf = (request: ExplainedRequest) =>
  explain(request)
    .steps.map(({ outcome }) => signs[outcome])
    .join('');

const stepsOf = (request: ExplainedRequest) =>
  Object.fromEntries(explain(request).steps.map(({ step, detail }) => [step, detail]));

const elsewhere = aKey({ allowedOrigins: ['https://other.example'] });
const backend = aBackendKey();
const client = aClientKey();
const withBlocks = (...addresses: string[]) => aBackendKey({ addresses });
const usedUp = aKey({ quota: { requests: 1, period: 'day' }, quotaRenewsAtMs: 1_000 });
const noPreflight = { originHeader: null } as const;

describe('a refusal', () => {
  // target, origin, preflight, public route, key, allowed origins, address, route, quota
  test.each<[string, Parameters<typeof aRequest>[0], code: string, status: number, string]>([
    ['of our own paths', { path: '/_edge/v1/keys' }, 'not_found', 404, '!--------'],
    [
      'of our own paths, from an unknown address',
      { path: '/_edge/v1/keys', address: null },
      'not_found',
      404,
      '!--------',
    ],
    ['of a broken origin', { originHeader: 'nonsense' }, 'invalid_origin', 403, '+!-------'],
    ['of an unknown token', { key: { missing: 'unknown' } }, 'invalid_key', 401, '+++-!----'],
    [
      'without an Origin',
      { ...noPreflight, key: { missing: 'no' } },
      'invalid_key',
      401,
      '+---!----',
    ],
    [
      'of a client token that has ended',
      { key: { missing: 'client token: expired', isExpiredClientToken: true } },
      'client_token_expired',
      401,
      '+++-!----',
    ],
    ['of a disabled key', { key: aKey({ enabled: false }) }, 'invalid_key', 401, '+++-!----'],
    ['of a backend key in a page', { key: backend }, 'cors_not_enabled', 403, '+++-+!---'],
    ['of another origin', { key: elsewhere }, 'origin_not_allowed', 403, '+++-+!---'],
    [
      'of an unregistered origin',
      { key: elsewhere, registration: 'unregistered' },
      'origin_not_allowed',
      403,
      '++!-+!---',
    ],
    [
      'of a visitor without an Origin',
      { ...noPreflight, key: client },
      'origin_required',
      403,
      '+---+!---',
    ],
    [
      'of another address',
      { ...noPreflight, key: withBlocks('198.51.100.0/24') },
      'address_not_allowed',
      403,
      '+---+-!--',
    ],
    [
      'of an unknown address',
      { ...noPreflight, key: withBlocks('203.0.113.0/24'), address: null },
      'address_not_allowed',
      403,
      '+---+-!--',
    ],
    ['of another endpoint', { path: '/api/stream' }, 'route_not_allowed', 403, '+++-++-!-'],
    ['of another method', { method: 'DELETE' }, 'route_not_allowed', 403, '+++-++-!-'],
    [
      'of a method that no page may send',
      { method: 'TRACE' },
      'route_not_allowed',
      403,
      '++!-++-!-',
    ],
    ['of a quota that is used up', { key: usedUp }, 'quota_exceeded', 429, '+++-++-+!'],
  ])('%s', (_, differences, code, status, outcomes) => {
    const request = aRequest(differences);
    const explanation = explain(request);
    expect(explanation).toMatchObject({ allowed: false, code, status, droppedHeaders: [] });
    expect(explanation.address).toBe(request.address && '203.0.113.7');
    expect(outcomesOf(request)).toBe(outcomes);
    expect(explanation.steps.map(({ step }) => step)).toEqual(explainSteps);
    const failed = explanation.steps.filter(({ step, outcome }) => {
      return outcome === 'failed' && step !== 'preflight';
    });
    expect(failed.map(({ step }) => step)).toEqual([explanation.decidedBy]);
    expect(explanation.headers['X-Edge-Reason']).toBe(code);
    expect(explanation.detail).toMatch(/./);
    for (const { detail } of explanation.steps) expect(detail).toMatch(/./);
  });

  test('names the rules that were not asked', () => {
    const steps = stepsOf(aRequest({ key: elsewhere }));
    expect(steps['address']).toBe('not asked, because the request is refused before');
    expect(steps['route']).toBe(steps['address']);
    expect(stepsOf(aRequest({ path: '/_edge/' }))['origin']).toBe(steps['address']);
    expect(stepsOf(aRequest({ originHeader: 'nonsense' }))['preflight']).toBe(steps['address']);
  });

  test('of a quota says that the key covers the route, and when the quota renews', () => {
    expect(stepsOf(aRequest({ key: usedUp }))).toMatchObject({
      route: 'the key covers it',
      quota: expect.stringMatching(/It renews at 1970-01-01T00:00:01\.000Z$/),
    });
  });

  test('has the cause of a missing key, which its caller does not learn', () => {
    const request = aRequest({ key: { missing: 'wrong checksum' } });
    expect(stepsOf(request)['key']).toBe('the key is not valid: wrong checksum');
    expect(explain(request).detail).not.toContain('checksum');
    const ended = { missing: 'client token: expired', isExpiredClientToken: true };
    expect(stepsOf(aRequest({ key: ended }))['key']).toBe('the client token is not valid: expired');
  });

  test('of a route has the near miss, which its caller does not learn', () => {
    const request = aRequest({ path: '/api/stream/1/' });
    const miss = '. The path without the slash at its end is allowed by /api/stream/{stream}';
    expect(stepsOf(request)['route']).toBe(explain(request).detail + miss);
    expect(explain(request).detail).not.toContain('slash');
  });

  test('has no CORS headers for an origin that is not registered', () => {
    const { headers, preflight } = explain(
      aRequest({ key: { missing: 'unknown' }, registration: 'unregistered' }),
    );
    expect(headers).toEqual({
      Vary: 'Origin',
      'WWW-Authenticate': 'Bearer error="invalid_token"',
      'X-Edge-Reason': 'invalid_key',
    });
    expect(preflight).toMatchObject({ status: 403, code: 'origin_not_registered' });
    expect(Object.keys(preflight?.headers ?? {}).sort()).toEqual(['Vary', 'X-Edge-Reason']);
  });

  test('can be read by an origin that is registered', () => {
    const { headers, preflight } = explain(aRequest({ path: '/api/stream' }));
    expect(headers).toEqual({
      'Access-Control-Allow-Origin': app,
      'Access-Control-Expose-Headers': exposedHeaders(),
      Vary: 'Origin',
      'X-Edge-Reason': 'route_not_allowed',
    });
    expect(preflight).toMatchObject({ status: 204, code: null });
  });

  test('of our own paths quotes them within bounds, and explains no preflight', () => {
    const {
      detail,
      preflight,
      address: seen,
    } = explain(aRequest({ path: `/_edge/${'a'.repeat(500)}` }));
    expect(detail).toMatch(/^"\/_edge\/a{193}" is in the namespace of the edge/);
    expect(preflight).toBeNull();
    expect(seen).toBe('203.0.113.7');
  });
});

describe('what is forwarded', () => {
  test.each<[string, Parameters<typeof aRequest>[0], outcomes: string]>([
    ['from the page of a key', {}, '+++-++-+-'],
    ['from a backend', { ...noPreflight, key: backend }, '+---+--+-'],
    [
      'of a key with a quota',
      { key: aKey({ quota: { requests: 1, period: 'day' } }) },
      '+++-++-++',
    ],
    [
      'from an address that the key lists',
      { ...noPreflight, key: withBlocks('203.0.113.0/24') },
      '+---+-++-',
    ],
    ['of a public route', { path: '/open/1', key: { missing: 'none' } }, '++++-----'],
    [
      'of a public route, unregistered',
      { path: '/open/1', key: { missing: 'none' }, registration: 'unregistered' },
      '++++-----',
    ],
    ['of a public route, from a backend', { ...noPreflight, path: '/open/1' }, '+--+-----'],
    ['for a visitor', { key: client }, '+++-++-+-'],
    ['though the origin could not be checked', { registration: 'unsure' }, '+++-++-+-'],
  ])('%s', (_, differences, outcomes) => {
    const request = aRequest(differences);
    const explanation = explain(request);
    expect(outcomesOf(request)).toBe(outcomes);
    expect(explanation).toMatchObject({ allowed: true, code: null, status: null, decidedBy: null });
    expect(explanation.detail).toContain(`forwarded as "${request.target.path}"`);
    expect(explanation.headers['X-Edge-Reason']).toBeUndefined();
    expect(explanation.headers['Access-Control-Allow-Origin'] ?? null).toBe(request.originHeader);
    expect(explanation.preflight?.status).toBe(request.originHeader === null ? undefined : 204);
  });

  test('says why in a sentence for each rule', () => {
    expect(stepsOf(aRequest({ isRegisteredByAny: true, path: '/api/stream/1?a=1' }))).toEqual({
      target: 'every server reads this path alike',
      origin: 'the Origin is https://app.example',
      preflight:
        'a live key allows any origin, and the preflight carries no key that could be checked',
      public_route: 'the request fits no public route',
      key: 'the key is known, enabled and not expired',
      allowed_origins: 'the key lists https://app.example',
      address: 'the key may be used from any address; the edge sees 203.0.113.7',
      route: 'allowed by /api/stream/{stream}; forwarded as "/api/stream/1?a=1"',
      quota: 'the key has no quota',
    });
    expect(
      stepsOf(aRequest({ ...noPreflight, key: backend, path: '/a//b', address: null })),
    ).toEqual({
      target:
        'servers may read this path differently, so a key with a list of routes cannot call it',
      origin: 'the request has no Origin, as from a backend',
      preflight: 'only browsers send one, and they send an Origin',
      public_route: 'the request fits no public route',
      key: 'the key is known, enabled and not expired',
      allowed_origins: 'without an Origin there is nothing to check',
      address: 'the key may be used from any address',
      route: 'the key may call everything; forwarded as "/a//b"',
      quota: 'the key has no quota',
    });
    const isPublic = stepsOf(aRequest({ path: '/open/1', key: { missing: 'none' } }));
    expect(isPublic).toMatchObject({
      preflight: 'the route is public, for pages of any origin',
      public_route: 'it needs no key; allowed by /open/{id}; forwarded as "/open/1"',
      key: 'not asked, because the route is public',
      quota: 'not asked, because the route is public',
    });
  });

  test('names the pattern that admits the origin', () => {
    const wildcard = aKey({ allowedOrigins: ['https://*.example'] });
    expect(stepsOf(aRequest({ key: wildcard }))['allowed_origins']).toBe(
      'the key lists https://*.example',
    );
    expect(stepsOf(aRequest({ key: aKey({ allowedOrigins: ['*'] }) }))['allowed_origins']).toBe(
      'the key lists *',
    );
    expect(stepsOf(aRequest())['preflight']).toMatch(/^a live key allows https:\/\/app\.example,/);
  });

  test('says what is particular of a visitor, a quota and an address', () => {
    expect(stepsOf(aRequest({ key: client }))['key']).toBe(
      'the client token is valid, and its key is known, enabled and not expired',
    );
    const planned = aBackendKey({
      addresses: ['203.0.113.0/24'],
      quota: { requests: 1, period: 'day' },
    });
    expect(stepsOf(aRequest({ ...noPreflight, key: planned }))).toMatchObject({
      address: 'the key lists the address 203.0.113.7',
      quota: 'the quota is not used up, as far as usage was counted',
    });
  });

  test('answers an opaque origin with "*"', () => {
    const { headers, preflight } = explain(
      aRequest({ originHeader: 'null', key: aKey({ allowedOrigins: ['*'] }) }),
    );
    expect(headers['Access-Control-Allow-Origin']).toBe('*');
    expect(preflight?.headers['Access-Control-Allow-Origin']).toBe('*');
  });
});

describe('dropped headers', () => {
  const requestedHeaders = 'Content-Type, X-Acme, x-acme,, X-User-Id , via, authorization, X-Other';
  test.each<[string, Parameters<typeof aRequest>[0], readonly string[]]>([
    ['of a refused request are not listed', { path: '/api/stream' }, []],
    ['of a restricted key are what is not listed', {}, ['x-acme', 'x-user-id', 'x-other']],
    [
      'of full access are what could name another user',
      { key: aKey({ fullAccess: true }) },
      ['x-user-id'],
    ],
    [
      'of a public route are those of a restricted key',
      { path: '/open/1', key: aKey({ fullAccess: true }) },
      ['x-acme', 'x-user-id', 'x-other'],
    ],
    [
      'leave out those that the setting adds',
      { additionalHeaders: { names: new Set(['x-acme']), prefixes: [] } },
      ['x-user-id', 'x-other'],
    ],
    [
      'leave out a token that is forwarded',
      { forwardToken: true },
      ['x-acme', 'x-user-id', 'x-other'],
    ],
  ])('%s', (_, differences, dropped) => {
    expect(explain(aRequest({ requestedHeaders, ...differences })).droppedHeaders).toEqual(dropped);
  });
});
