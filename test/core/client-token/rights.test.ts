/** The rights of client tokens: what asks for more than the key gives, refusals first. */

import { describe, expect, test } from 'vitest';
import type { ClaimedRule, ClientClaims } from '../../../src/core/client-token/claims.ts';
import {
  type ClientParent,
  compileParent,
  isOriginWithin,
  rightsOf,
} from '../../../src/core/client-token/rights.ts';
import {
  type AccessRule,
  type ClientTokenAccess,
  type Key,
  rulesOfSet,
  type StoredKey,
} from '../../../src/core/key/key.ts';
import { admitsOrigin } from '../../../src/core/origins/web-origin.ts';
import { restrictedRoutes } from '../../../src/core/routes/restricted-routes.ts';
import { compileRoutes, type RouteTable } from '../../../src/core/routes/route-table.ts';
import { anOrigin, aStoredBackendKey, aStoredKey } from '../fixtures.ts';

const restrictedTable = compileRoutes(restrictedRoutes);
const times = { iat: 1000, exp: 1600 };

const optIn: ClientTokenAccess = {
  allowedOrigins: ['https://app.example'],
  maxTtlSeconds: 600,
  rules: null,
  originOptional: false,
  endConnectionsAtExpiry: true,
};

const rule = (methods: string, ...resources: string[]): AccessRule => ({
  methods: methods.split(' '),
  resources,
});

function aParent(
  access: Partial<ClientTokenAccess> = {},
  differences: Partial<StoredKey> = {},
): ClientParent {
  const clientTokens = { ...optIn, ...access };
  const stored = aStoredBackendKey({ clientTokens, ...differences });
  const parent = compileParent(stored, restrictedRoutes, restrictedTable);
  if (parent === null) throw new Error('The key of a test gives no client tokens');
  return parent;
}

function keyOf(parent: ClientParent, claims: Partial<ClientClaims> = {}): Key {
  const result = rightsOf(parent, { ...times, ...claims }, restrictedRoutes);
  if (!result.ok) throw new Error(result.cause);
  return result.key;
}

const causeOf = (parent: ClientParent, claims: Partial<ClientClaims>) => {
  const result = rightsOf(parent, { ...times, ...claims }, restrictedRoutes);
  return result.ok ? null : result.cause;
};

const admits = (key: Key, origin: string) =>
  key.origins !== null && admitsOrigin(key.origins, anOrigin(origin));
const reaches = (routes: RouteTable | null, method: string, path: string) =>
  routes !== null && routes.match(method, path) !== null;

describe('compileParent()', () => {
  test.each<[string, StoredKey]>([
    ['a key without the opt-in', aStoredBackendKey()],
    ['a key whose opt-in was withdrawn', aStoredBackendKey({ clientTokens: null })],
    ['a key with CORS access', aStoredKey({ clientTokens: optIn })],
    ['one with full access', aStoredKey({ clientTokens: optIn, fullAccess: true })],
  ])('gives %s no client tokens', (_, stored) => {
    expect(compileParent(stored, restrictedRoutes, restrictedTable)).toBeNull();
  });
});

describe('origins', () => {
  const parent = aParent({ allowedOrigins: ['https://app.example', 'https://*.shop.example'] });
  test.each([
    ['another host', 'https://other.example'],
    ['another scheme', 'http://app.example'],
    ['another port', 'https://app.example:8443'],
    ['a wildcard of the key', 'https://*.shop.example'],
    ['what no wildcard reaches', 'https://shop.example'],
    ['a path', 'https://app.example/'],
    ['capitals', 'https://App.example'],
    ['the default port', 'https://app.example:443'],
    ['the origin of a sandbox', 'null'],
    ['every origin', '*'],
    ['nothing', ''],
  ])('of %s are refused, also beside a good one', (_, value) => {
    expect(isOriginWithin(parent, value)).toBe(false);
    for (const origins of [
      [value],
      ['https://app.example', value],
      [value, 'https://app.example'],
    ]) {
      expect(causeOf(parent, { origins })).toBe('client token: origins beyond the key');
    }
  });

  test('that a sandbox sends are refused even if the key admits every origin', () => {
    const open = aParent({ allowedOrigins: ['*'] });
    expect(causeOf(open, { origins: ['null'] })).toBe('client token: origins beyond the key');
    expect(causeOf(open, { origins: ['https://any.example'] })).toBeNull();
  });

  test('within the key are all that the token has', () => {
    const key = keyOf(parent, { origins: ['https://a.shop.example'] });
    expect(admits(key, 'https://a.shop.example')).toBe(true);
    expect(admits(key, 'https://b.shop.example')).toBe(false);
    expect(admits(key, 'https://app.example')).toBe(false);
  });

  test('are those of the key if the token names none', () => {
    const key = keyOf(parent);
    expect(admits(key, 'https://a.shop.example')).toBe(true);
    expect(admits(key, 'https://app.example')).toBe(true);
    expect(admits(key, 'https://other.example')).toBe(false);
  });
});

describe('rules', () => {
  const parentRules = [
    rule('get patch', '/items/:id'),
    rule('*', '/files/*'),
    rule('get', '/a/:id', '/a/:id/parts/:part'),
    rule('post', '/items'),
    rule('get', '/deep/*'),
  ];
  const parent = aParent({ rules: parentRules });
  const refusal = 'client token: rules beyond the key';

  test.each<[string, ...ClaimedRule[]]>([
    ['another path', rule('get', '/other')],
    ['another method', rule('delete', '/items/:id')],
    ['one method of two', rule('get delete', '/items/:id')],
    ['every method', rule('*', '/items/:id')],
    ['one path of two', rule('get', '/items/:id', '/other/:id')],
    ['an id where the key has a word', rule('post', '/:id')],
    ['what follows an id', rule('get', '/items/*')],
    ['one segment more', rule('get', '/items/:id/more')],
    ['the folder of a wildcard', rule('get', '/files')],
    ['more methods below a wildcard', rule('get post', '/deep/*')],
    ['everything', rule('get', '/*')],
    ['a rule of the key and one beyond it', rule('get', '/items/:id'), rule('get', '/other')],
    ['a rule beyond the key and one of it', rule('get', '/other'), rule('get', '/items/:id')],
    ['a method that no rule can name', rule('fetch', '/items/:id')],
    ['a path without a slash', rule('get', 'items')],
    ['an id without a name that can be read', rule('get', '/files/:bad name')],
    ['a path of ours', rule('get', '/_edge/v1/keys')],
  ])('for %s are refused', (_, ...rules) => {
    expect(causeOf(parent, { rules })).toBe(refusal);
  });

  test.each<[string, ...ClaimedRule[]]>([
    ['all of it', ...parentRules],
    ['one method', rule('get', '/items/:id')],
    ['an id by another name', rule('patch', '/items/:item')],
    ['a word in the place of an id', rule('get', '/items/latest')],
    ['every method of what has them', rule('*', '/files/*')],
    ['less of a wildcard', rule('get head', '/files/pictures/:id', '/files/a/*')],
    ['two paths of two', rule('get', '/a/:id', '/a/:id/parts/:part')],
  ])('for %s are within the key', (_, ...rules) => {
    expect(causeOf(parent, { rules })).toBeNull();
  });

  test('are what the token reaches, and the bounds are those of the key', () => {
    const { routes, client } = keyOf(parent, { rules: [rule('get', '/items/latest')] });
    expect(reaches(routes, 'GET', '/items/latest')).toBe(true);
    expect(reaches(routes, 'GET', '/items/1')).toBe(false);
    expect(reaches(routes, 'PATCH', '/items/latest')).toBe(false);
    expect(reaches(client?.bounds ?? null, 'PATCH', '/items/1')).toBe(true);
    expect(reaches(client?.bounds ?? null, 'DELETE', '/items/1')).toBe(false);
  });

  test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    'of every method need %s from the key as well',
    (missing) => {
      const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
      const others = methods.filter((method) => method !== missing).map((m) => m.toLowerCase());
      const without = aParent({ rules: [{ methods: others, resources: ['/items'] }] });
      expect(causeOf(without, { rules: [rule('*', '/items')] })).toBe(refusal);
    },
  );

  test('that are absent in token and key are the restricted routes, never everything', () => {
    const { routes, missingRuleSet } = keyOf(aParent());
    expect(missingRuleSet).toBeNull();
    expect(reaches(routes, 'POST', '/api/stream')).toBe(true);
    expect(reaches(routes, 'GET', '/api/stream')).toBe(false);
    expect(causeOf(aParent(), { rules: [rule('get', '/api/stream')] })).toBe(refusal);
    expect(causeOf(aParent(), { rules: [rule('post', '/api/stream')] })).toBeNull();
  });

  test('of a set that the deployment lacks reach nothing, and the key says which is missing', () => {
    const lacking = aParent({ rules: rulesOfSet('acme@1') });
    const { routes, missingRuleSet } = keyOf(lacking);
    expect(missingRuleSet).toBe('acme@1');
    expect(reaches(routes, 'POST', '/api/stream')).toBe(false);
    expect(causeOf(lacking, { rules: [rule('post', '/api/stream')] })).toBe(refusal);
  });
});

describe('the key of a token', () => {
  test('is a client of its parent, whose plan and state it has', () => {
    const parent = aParent({}, { owner: 'acct_7', enabled: false, fullAccess: true });
    expect(keyOf(parent)).toMatchObject({
      id: 'key_1',
      owner: 'acct_7',
      access: 'client',
      enabled: false,
    });
  });

  test('says who and until when, and nothing that was not claimed', () => {
    expect(keyOf(aParent()).client).toMatchObject({
      subject: null,
      tokenId: null,
      meta: null,
      expiresAtMs: 1_600_000,
      isOriginOptional: false,
      endsConnections: true,
    });
    const claims = { sub: 'visitor', jti: 'one', meta: { plan: 'free' } };
    expect(keyOf(aParent(), claims).client).toMatchObject({
      subject: 'visitor',
      tokenId: 'one',
      meta: { plan: 'free' },
    });
  });

  test.each<[Partial<ClientTokenAccess>, isOriginOptional: boolean, endsConnections: boolean]>([
    [{ originOptional: true }, true, true],
    [{ originOptional: false }, false, true],
    [{ endConnectionsAtExpiry: false }, false, false],
    [{ endConnectionsAtExpiry: true }, false, true],
  ])('of a parent with %j', (access, isOriginOptional, endsConnections) => {
    const { client } = keyOf(aParent(access));
    expect(client).toMatchObject({ isOriginOptional, endsConnections });
  });
});
