import { describe, expect, test } from 'vitest';
import {
  type AccessRule,
  accessLevelOf,
  compileKey,
  compileRules,
  isLive,
  missingRuleSetOf,
  ruleSetOf,
  rulesOfSet,
  ruleText,
} from '../../../src/core/key/key.ts';
import { admitsOrigin } from '../../../src/core/origins/web-origin.ts';
import { restrictedRoutes } from '../../../src/core/routes/restricted-routes.ts';
import type { RouteList } from '../../../src/core/routes/route-table.ts';
import { aBackendKey, aKey, anOrigin, aStoredBackendKey, aStoredKey } from '../fixtures.ts';

describe('isLive()', () => {
  test.each([
    ['a disabled key', { enabled: false, expiresAtMs: null }, false],
    ['a disabled key before its end', { enabled: false, expiresAtMs: 2_000 }, false],
    ['a key that ended', { enabled: true, expiresAtMs: 999 }, false],
    ['a key that ends now', { enabled: true, expiresAtMs: 1_000 }, false],
    ['a key that ended in 1970', { enabled: true, expiresAtMs: 0 }, false],
    ['a key that ends in a millisecond', { enabled: true, expiresAtMs: 1_001 }, true],
    ['a key that never ends', { enabled: true, expiresAtMs: null }, true],
  ])('of %s', (_, key, expected) => {
    expect(isLive(key, 1_000)).toBe(expected);
  });
});

describe('accessLevelOf()', () => {
  const rules: AccessRule[] = [{ methods: ['get'], resources: ['/a'] }];
  test.each([
    ['a CORS key', aStoredKey(), 'restricted'],
    ['a CORS key with full access', aStoredKey({ fullAccess: true }), 'full'],
    ['a CORS key with rules', aStoredKey({ rules }), 'rules'],
    ['a CORS key with full access and rules', aStoredKey({ fullAccess: true, rules }), 'rules'],
    ['a CORS key with no rule in its list', aStoredKey({ fullAccess: true, rules: [] }), 'rules'],
    ['a CORS key with a rule set', aStoredKey({ rules: rulesOfSet('acme@1') }), 'restricted'],
    ['a backend key', aStoredBackendKey(), 'backend'],
    ['a backend key with a rule set', aStoredBackendKey({ rules: rulesOfSet('acme@1') }), 'rules'],
    ['a backend key with rules', aStoredBackendKey({ rules }), 'rules'],
  ])('of %s', (_, stored, level) => {
    expect(accessLevelOf(stored)).toBe(level);
    expect(compileKey(stored, restrictedRoutes).access).toBe(level);
  });
});

describe('compileKey()', () => {
  test('keeps what the gateway needs', () => {
    const key = aKey({ enabled: false, expiresAtMs: 5 });
    expect(key).toMatchObject({
      id: 'key_1',
      owner: 'acct_1',
      kind: 'cors',
      access: 'restricted',
      routes: null,
      enabled: false,
      expiresAtMs: 5,
    });
    expect(key.origins && admitsOrigin(key.origins, anOrigin('https://app.example'))).toBe(true);
    expect(key.origins && admitsOrigin(key.origins, anOrigin('https://evil.example'))).toBe(false);
  });

  test('keeps the limit and the quota, which copies of older versions lack', () => {
    const limit = { name: 'pro', by: 'owner' } as const;
    const quota = { requests: 5, period: 'day' } as const;
    const none = { limit: null, hasQuota: false, quotaRenewsAtMs: null };
    expect(aKey()).toMatchObject(none);
    expect(aKey({ limit: null, quota: null, quotaRenewsAtMs: null })).toMatchObject(none);
    expect(aKey({ limit })).toMatchObject({ ...none, limit });
    expect(aKey({ quota })).toMatchObject({ ...none, hasQuota: true });
    expect(aKey({ quota, quotaRenewsAtMs: 5 })).toMatchObject({
      ...none,
      hasQuota: true,
      quotaRenewsAtMs: 5,
    });
  });

  test('gives a backend key no origins, even where some are stored', () => {
    expect(aBackendKey().origins).toBeNull();
    expect(aBackendKey({ allowedOrigins: ['*'] }).origins).toBeNull();
  });

  test.each([
    ['no list', null],
    ['an empty list', []],
  ])('gives a CORS key with %s of origins a list that admits none', (_, allowedOrigins) => {
    const { origins, access } = aKey({ allowedOrigins });
    expect(access).toBe('restricted');
    for (const value of ['https://app.example', 'null']) {
      expect(origins && admitsOrigin(origins, anOrigin(value))).toBe(false);
    }
  });

  test('gives a key whose list of rules is empty no route at all', () => {
    expect(aKey({ rules: [] }).routes?.match('GET', '/api/stream/1')).toBeNull();
  });
});

describe('the details of a key', () => {
  test.each([
    ['neither', {}, null],
    ['null', { meta: null, tags: null }, null],
    [
      'metadata alone',
      { meta: { plan: 'é' } },
      { meta: { plan: 'é' }, tags: null, metaText: '{"plan":"\\u00e9"}', tagsText: null },
    ],
    [
      'tags alone',
      { tags: ['beta'] },
      { meta: null, tags: ['beta'], metaText: null, tagsText: '["beta"]' },
    ],
    [
      'both',
      { meta: { a: 'b' }, tags: ['c'] },
      { meta: { a: 'b' }, tags: ['c'], metaText: '{"a":"b"}', tagsText: '["c"]' },
    ],
  ])('with %s', (_, stored, details) => {
    expect(aKey(stored).details).toEqual(details);
  });
});

describe('the rule set of a key', () => {
  const own: AccessRule[] = [{ methods: ['get'], resources: ['/a'] }];
  const sets = new Map([['acme@1', { routes: [], reservedWords: {} }]]);
  const restricted = { ...restrictedRoutes, sets };

  test.each([
    ['no rules', null, null, null],
    ['an empty list of rules', [], null, null],
    ['rules of its own', own, null, null],
    ['a set', rulesOfSet('acme@1'), 'acme@1', null],
    ['a set behind a rule', [...own, ...rulesOfSet('acme@1')], 'acme@1', null],
    ['a set that the deployment does not have', rulesOfSet('acme@2'), 'acme@2', 'acme@2'],
  ])('with %s', (_, rules, reference, missing) => {
    expect(ruleSetOf(rules)).toBe(reference);
    expect(missingRuleSetOf(rules, restricted)).toBe(missing);
    expect(compileKey(aStoredKey({ rules }), restricted).missingRuleSet).toBe(missing);
  });

  test('is missing in a deployment without any', () => {
    expect(missingRuleSetOf(rulesOfSet('acme@1'), { routes: [], reservedWords: {} })).toBe(
      'acme@1',
    );
    expect(ruleSetOf(undefined)).toBeNull();
  });
});

test.each([
  [{ methods: ['get'], resources: ['/a'] }, 'GET /a'],
  [{ methods: ['get', 'patch'], resources: ['/a/:id', '/b/*'] }, 'GET, PATCH /a/:id, /b/*'],
  [{ methods: ['*'], resources: ['/'] }, '* /'],
])('ruleText(%j) is what people write', (rule, text) => {
  expect(ruleText(rule as AccessRule)).toBe(text);
});

describe('compileRules()', () => {
  const rules: AccessRule[] = [
    { methods: ['get', 'patch'], resources: ['/api/stream/:id', '/api/stream/:id/sessions'] },
    { methods: ['post'], resources: ['/api/stream/hook', '/api/asset'] },
    { methods: ['*'], resources: ['/api/webhook/:id'] },
    { methods: ['get'], resources: ['/api/playback/*', '/API/Stream/:id/clip'] },
    { methods: ['delete'], resources: ['/api/:kind/:id', '/:a/:b/:c/:d'] },
    { methods: ['get'], resources: ['/data/views/:id/total', '/api/room/:room/user/:user'] },
    { methods: ['get'], resources: ['/api/room/list', '/api/room/:room'] },
  ];
  const table = compileRules(rules, restrictedRoutes);

  test.each([
    // The words of the restricted list, where it has an id too
    ['PATCH', '/api/stream/deactivate-many'],
    ['PATCH', '/api/stream/Deactivate-Many'],
    ['GET', '/api/stream/hook'],
    ['PATCH', '/api/stream/hook'],
    ['GET', '/api/stream/user/sessions'],
    ['GET', '/data/views/query/total'],
    // The same where the upstream folds case, or the rule leaves the kind open
    ['GET', '/API/Stream/user/clip'],
    ['DELETE', '/api/stream/deactivate-many'],
    ['DELETE', '/api/asset/upload'],
    ['DELETE', '/api/session/migrate2'],
    ['DELETE', '/api/other/Deactivate-Many'],
    ['DELETE', '/data/views/now/total'],
    // Methods
    ['POST', '/api/stream/1'],
    ['HEAD', '/api/stream/1'],
    ['get', '/api/stream/1'],
    ['GET', '/api/asset'],
    ['POST', '/api/playback/1'],
    // Shapes
    ['GET', '/api/stream'],
    ['GET', '/api/stream/'],
    ['GET', '/api/stream/1/'],
    ['GET', '/api/stream//sessions'],
    ['GET', '/api/stream/../sessions'],
    ['GET', '/api/stream/1.2'],
    ['GET', '/api/stream/:id'],
    ['GET', '/api/stream/{stream}'],
    ['GET', '/API/stream/1'],
    ['GET', '/api/playback'],
    ['GET', '/api/playback/'],
    ['GET', '/api/playback/a/../../stream'],
    ['GET', '/api/playback/a//b'],
    ['GET', '/api/room/1/user'],
    ['GET', '/api/room/1/USER/2'],
    ['DELETE', '/a/b/c'],
    ['DELETE', '/a/b/c/d/e'],
    // Any method is any that a rule can name
    ['PROPFIND', '/api/webhook/1'],
    ['TRACE', '/api/webhook/1'],
  ])('allows no %s %s', (method, path) => {
    expect(table.match(method, path)).toBeNull();
  });

  test.each([
    ['GET', '/api/stream/1'],
    ['PATCH', '/api/stream/1'],
    ['GET', '/api/stream/1/sessions'],
    // A literal reaches the word that an id does not
    ['POST', '/api/stream/hook'],
    ['POST', '/api/asset'],
    ['GET', '/api/webhook/1'],
    ['DELETE', '/api/webhook/1'],
    ['OPTIONS', '/api/webhook/1'],
    ['GET', '/api/playback/1'],
    ['GET', '/api/playback/a.b/c~d/-'],
    ['GET', '/API/Stream/1/clip'],
    ['DELETE', '/api/stream/1'],
    ['DELETE', '/api/other/1'],
    ['DELETE', '/a/b/c/d'],
    ['GET', '/data/views/1/total'],
    ['GET', '/api/room/1/user/2'],
    // No place of the restricted list: nothing is reserved
    ['GET', '/api/room/deactivate-many/user/hook'],
    ['GET', '/api/webhook/upload'],
    ['GET', '/api/room/list'],
    ['GET', '/api/room/upload'],
    ['DELETE', '/a/user/c/d'],
  ])('allows %s %s', (method, path) => {
    expect(table.match(method, path)?.path).toBe(path);
  });

  test('follows the restricted list of the deployment, ids behind ids included', () => {
    const list: RouteList = {
      routes: [{ methods: ['GET'], path: '/org/{id}/user/{user}' }],
      reservedWords: { id: ['all'], user: ['me'] },
    };
    const own = compileRules(
      [{ methods: ['get'], resources: ['/org/:org/user/:user', '/team/:id', '/user/:id'] }],
      list,
    );
    expect(own.match('GET', '/org/ALL/user/1')).toBeNull();
    expect(own.match('GET', '/org/1/user/Me')).toBeNull();
    expect(own.match('GET', '/org/me/user/all')).not.toBeNull();
    // The name of a kind is no place.
    expect(own.match('GET', '/team/all')).not.toBeNull();
    expect(own.match('GET', '/user/me')).not.toBeNull();
  });

  test('guards ids alone, and the places of the list in any case', () => {
    const list: RouteList = {
      routes: [
        { methods: ['GET'], path: '/a/(user)' },
        { methods: ['GET'], path: '/API/b/{user}' },
      ],
      reservedWords: { user: ['me'] },
    };
    const own = compileRules([{ methods: ['get'], resources: ['/a/:id', '/api/B/:id'] }], list);
    expect(own.match('GET', '/a/me')).not.toBeNull();
    expect(own.match('GET', '/api/B/me')).toBeNull();
  });

  test('guards nothing where the restricted list reserves nothing', () => {
    const list: RouteList = {
      routes: [{ methods: ['GET'], path: '/a/{constructor}' }],
      reservedWords: {},
    };
    const own = compileRules([{ methods: ['get'], resources: ['/a/:id'] }], list);
    expect(own.match('GET', '/a/deactivate-many')).not.toBeNull();
  });
});
