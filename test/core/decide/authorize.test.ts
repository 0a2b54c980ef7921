import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../../src/core/addresses/address.ts';
import {
  type AuthorizationRequest,
  authorize,
  type Decision,
  invalidKey,
  invalidOrigin,
  keyUnavailable,
  matchPublicRoute,
  matchRoute,
  tooManyWrongKeys,
} from '../../../src/core/decide/authorize.ts';
import { type Key, rulesOfSet } from '../../../src/core/key/key.ts';
import { readTarget } from '../../../src/core/routes/request-target.ts';
import { restrictedRoutes } from '../../../src/core/routes/restricted-routes.ts';
import { compileRoutes } from '../../../src/core/routes/route-table.ts';
import { runs } from '../../support/runs.ts';
import { aBackendKey, aClientKey, aKey, anOrigin } from '../fixtures.ts';
import { allowedRows, isAllowedByTable, reservedWords } from '../routes/route-rows.ts';

const table = compileRoutes(restrictedRoutes);
const nowMs = 1_000_000;
const app = 'https://app.example';
const evil = 'https://evil.example';

/** A request as the rules see it: `GET /api/stream/1` from the key's own origin, but for what differs. */
interface Asked {
  readonly key?: Key;
  readonly method?: string;
  readonly target?: string;
  /** `null`: none. */
  readonly origin?: string | null;
  /** As Cloudflare reports it. */
  readonly address?: string;
}

function requestFor(asked: Asked): AuthorizationRequest {
  const { key = aKey(), method = 'GET', target = '/api/stream/1', origin = app } = asked;
  const { address = '' } = asked;
  const read = readTarget(`https://edge.example${target}`);
  return {
    key,
    method,
    target: read,
    restrictedTable: table,
    origin: origin === null ? null : anOrigin(origin),
    address: parseAddress(address),
    nowMs,
  };
}

function decide(asked: Asked): Decision {
  return authorize(requestFor(asked));
}

function codeOf(decision: Decision): string {
  return decision.allowed ? 'allowed' : decision.rejection.code;
}

const rules = [
  { methods: ['get'], resources: ['/api/asset/:id', '/files/*'] },
  { methods: ['*'], resources: ['/api/webhook/:id'] },
];
const lackingSet = rulesOfSet('acme@1');
const assetsAlone = compileRoutes({
  routes: [{ methods: ['GET'], path: '/api/asset/{asset}' }],
  reservedWords: {},
});
const ended = { expiresAtMs: nowMs };
const full = { fullAccess: true };
const any = { allowedOrigins: ['*'] };

const optional = { isOriginOptional: true };
const office = { addresses: ['203.0.113.0/24', '2001:db8::/32'] };
const usedUp = {
  quota: { requests: 5, period: 'day' },
  quotaRenewsAtMs: nowMs + 1_000,
} as const;
const inOffice = '203.0.113.7';
const elsewhere = '198.51.100.1';

describe('authorize() refuses', () => {
  const rows: readonly (readonly [name: string, asked: Asked, code: string])[] = [
    // The key's own state, before everything else
    ['a disabled key', { key: aKey({ enabled: false }) }, 'invalid_key'],
    ['an expired key', { key: aKey(ended) }, 'invalid_key'],
    [
      'a disabled backend key',
      { key: aBackendKey({ enabled: false }), origin: null },
      'invalid_key',
    ],
    ['an expired key with full access', { key: aKey({ ...full, ...ended }) }, 'invalid_key'],
    [
      'a disabled key from a foreign origin',
      { key: aKey({ enabled: false }), origin: evil },
      'invalid_key',
    ],
    ['an expired backend key from a page', { key: aBackendKey(ended) }, 'invalid_key'],
    [
      'a disabled key outside its routes',
      { key: aKey({ enabled: false }), target: '/api/user' },
      'invalid_key',
    ],
    ['an expired key by TRACE', { key: aKey(ended), method: 'TRACE' }, 'invalid_key'],

    // A client token, before its origin; and its origin, which only reading may lack
    [
      'a client token that ends now',
      { key: aClientKey({ expiresAtMs: nowMs }) },
      'client_token_expired',
    ],
    [
      'a client token that has ended, elsewhere',
      { key: aClientKey({ expiresAtMs: 1 }), origin: evil },
      'client_token_expired',
    ],
    ['a client token without Origin', { key: aClientKey(), origin: null }, 'origin_required'],
    [
      'a client token that writes without an optional Origin',
      { key: aClientKey(optional), method: 'POST', target: '/api/stream', origin: null },
      'origin_required',
    ],
    [
      'a client token without an optional Origin, by a method that looks like one that reads',
      { key: aClientKey(optional), method: 'get', origin: null },
      'origin_required',
    ],
    [
      'a client token on another page, where the Origin is optional',
      { key: aClientKey(optional), origin: evil },
      'origin_not_allowed',
    ],

    // The quota, after everything that waiting does not change
    ['a quota that is used up', { key: aKey(usedUp) }, 'quota_exceeded'],
    [
      'a quota that renews in a millisecond',
      { key: aBackendKey({ ...usedUp, quotaRenewsAtMs: nowMs + 1 }), origin: null },
      'quota_exceeded',
    ],
    [
      'a used-up quota outside the routes',
      { key: aKey(usedUp), target: '/api/user' },
      'route_not_allowed',
    ],
    ['a used-up quota from elsewhere', { key: aKey(usedUp), origin: evil }, 'origin_not_allowed'],

    // The address, after the origin and before the route
    [
      'an address that the key does not list',
      { key: aKey(office), address: elsewhere },
      'address_not_allowed',
    ],
    ['an address that cannot be read', { key: aKey(office) }, 'address_not_allowed'],
    [
      'an address that a proxy wrote behind another one',
      { key: aKey(office), address: `${inOffice}, ${elsewhere}` },
      'address_not_allowed',
    ],
    [
      'a backend key from elsewhere',
      { key: aBackendKey(office), origin: null, address: elsewhere },
      'address_not_allowed',
    ],
    [
      'a key with full access from elsewhere',
      { key: aKey({ ...full, ...office }), address: elsewhere },
      'address_not_allowed',
    ],
    [
      'a foreign origin from elsewhere, before its address',
      { key: aKey(office), origin: evil, address: elsewhere },
      'origin_not_allowed',
    ],
    [
      'a disabled key from elsewhere, before its address',
      { key: aKey({ ...office, enabled: false }), address: elsewhere },
      'invalid_key',
    ],
    [
      'an address outside the routes, before the route',
      { key: aKey(office), target: '/api/user', address: elsewhere },
      'address_not_allowed',
    ],
    [
      'a route outside the table from an address that is listed',
      { key: aKey(office), target: '/api/user', address: inOffice },
      'route_not_allowed',
    ],

    // The origin, before the route
    ['a backend key from a page', { key: aBackendKey() }, 'cors_not_enabled'],
    [
      'a backend key from an opaque origin',
      { key: aBackendKey(), origin: 'null' },
      'cors_not_enabled',
    ],
    [
      'a backend key with rules from a page',
      { key: aBackendKey({ rules }), target: '/api/asset/1' },
      'cors_not_enabled',
    ],
    [
      'a backend key from a page by TRACE',
      { key: aBackendKey(), method: 'TRACE' },
      'cors_not_enabled',
    ],
    ['a backend key with a list of origins', { key: aBackendKey(any) }, 'cors_not_enabled'],
    ['a foreign origin', { origin: evil }, 'origin_not_allowed'],
    [
      'a foreign origin outside the routes',
      { origin: evil, target: '/api/user' },
      'origin_not_allowed',
    ],
    ['a foreign origin by TRACE', { origin: evil, method: 'TRACE' }, 'origin_not_allowed'],
    ['a foreign origin with full access', { key: aKey(full), origin: evil }, 'origin_not_allowed'],
    [
      'a foreign origin with rules',
      { key: aKey({ rules }), origin: evil, target: '/api/asset/1' },
      'origin_not_allowed',
    ],
    ['the origin under another scheme', { origin: 'http://app.example' }, 'origin_not_allowed'],
    ['the origin on another port', { origin: 'https://app.example:8443' }, 'origin_not_allowed'],
    ['a subdomain of the origin', { origin: 'https://x.app.example' }, 'origin_not_allowed'],
    ['the origin with a dot at its end', { origin: 'https://app.example.' }, 'origin_not_allowed'],
    ['an opaque origin', { origin: 'null' }, 'origin_not_allowed'],
    [
      'an opaque origin with full access',
      { key: aKey(full), origin: 'null' },
      'origin_not_allowed',
    ],
    [
      'an opaque origin where "null" got into the list',
      { key: aKey({ allowedOrigins: ['null'] }), origin: 'null' },
      'origin_not_allowed',
    ],
    [
      'any origin where no origin is listed',
      { key: aKey({ allowedOrigins: [] }) },
      'origin_not_allowed',
    ],
    [
      'any origin where the list is missing',
      { key: aKey({ allowedOrigins: null }) },
      'origin_not_allowed',
    ],

    // The route
    ['a restricted key outside its routes', { target: '/api/user' }, 'route_not_allowed'],
    ['a restricted key with another method', { method: 'DELETE' }, 'route_not_allowed'],
    ['a restricted key by HEAD', { method: 'HEAD' }, 'route_not_allowed'],
    ['a restricted key by OPTIONS', { method: 'OPTIONS' }, 'route_not_allowed'],
    [
      'a restricted key without Origin outside its routes',
      { origin: null, target: '/' },
      'route_not_allowed',
    ],
    [
      'a restricted key of any origin outside its routes',
      { key: aKey(any), target: '/' },
      'route_not_allowed',
    ],
    ['a restricted key at a reserved word', { target: '/api/stream/Hook' }, 'route_not_allowed'],
    ['a restricted key with an encoded path', { target: '/api/stream/%31' }, 'route_not_allowed'],
    ['a restricted key with a fragment', { target: '/api/stream/1#x' }, 'route_not_allowed'],
    [
      'a restricted key with a fragment in the query',
      { target: '/api/stream/1?a#x' },
      'route_not_allowed',
    ],
    [
      'a restricted key with _method',
      { target: '/api/stream/1?_method=DELETE' },
      'route_not_allowed',
    ],
    [
      'a restricted key with _METHOD',
      { target: '/api/stream/1?a=1&_METHOD=PUT' },
      'route_not_allowed',
    ],
    [
      'a restricted key with an encoded _method',
      { target: '/api/stream/1?%5Fmethod=x' },
      'route_not_allowed',
    ],
    [
      'a restricted key with [_method]',
      { target: '/api/stream/1?[_method]=x' },
      'route_not_allowed',
    ],
    ['a restricted key with é in the query', { target: '/api/stream/1?q=é' }, 'route_not_allowed'],
    ['a restricted key by TRACE', { method: 'TRACE' }, 'route_not_allowed'],
    [
      'a key with rules outside them',
      { key: aKey({ rules }), target: '/api/stream/1' },
      'route_not_allowed',
    ],
    [
      'a key with rules on the restricted list alone',
      { key: aKey({ rules }) },
      'route_not_allowed',
    ],
    [
      'a key with rules at a reserved word',
      { key: aKey({ rules }), target: '/api/asset/upload' },
      'route_not_allowed',
    ],
    [
      'a key with rules that climbs',
      { key: aKey({ rules }), target: '/files/a/%2e%2e/%2e%2e/b' },
      'route_not_allowed',
    ],
    [
      'a key with rules and _method',
      { key: aKey({ rules }), target: '/files/a?_method=x' },
      'route_not_allowed',
    ],
    [
      'a key with a rule for any method by TRACE',
      { key: aKey({ rules }), method: 'TRACE', target: '/api/webhook/1' },
      'route_not_allowed',
    ],
    [
      'a key with a rule for any method by PROPFIND',
      { key: aKey({ rules }), method: 'PROPFIND', target: '/api/webhook/1' },
      'route_not_allowed',
    ],
    [
      'a key with full access by CONNECT',
      { key: aKey(full), method: 'CONNECT' },
      'route_not_allowed',
    ],
    ['a key with full access by TRACK', { key: aKey(full), method: 'TRACK' }, 'route_not_allowed'],
    ['a key with full access by patch', { key: aKey(full), method: 'patch' }, 'route_not_allowed'],
    [
      'a backend key by TRACK',
      { key: aBackendKey(), origin: null, method: 'TRACK' },
      'route_not_allowed',
    ],
    ['a key with an empty list of rules', { key: aKey({ rules: [] }) }, 'route_not_allowed'],
    ['a key whose rule set is missing', { key: aKey({ rules: lackingSet }) }, 'route_not_allowed'],
    [
      'a backend key whose rule set is missing',
      { key: aBackendKey({ rules: lackingSet }), origin: null },
      'route_not_allowed',
    ],
    [
      'a client token outside its own rules, though its key covers it',
      { key: aClientKey({ bounds: table }, aKey({ rules })) },
      'route_not_allowed',
    ],
    [
      'a client token outside the rules of its key, though its own cover it',
      { key: aClientKey({ bounds: assetsAlone }) },
      'route_not_allowed',
    ],
    [
      'a backend key with rules outside them',
      { key: aBackendKey({ rules }), origin: null, target: '/api/user' },
      'route_not_allowed',
    ],
    [
      'a backend key by TRACE',
      { key: aBackendKey(), origin: null, method: 'TRACE' },
      'route_not_allowed',
    ],
    ['a key with full access by TRACE', { key: aKey(full), method: 'TRACE' }, 'route_not_allowed'],
    ...[
      '/%2e%2e/x',
      '/a/%2e%2e/%2e%2e/x',
      '/..;/x',
      '/..%2fx',
      '/%252e%252e/x',
      '/..\\x',
      '/a/..%5c..%5cx',
    ].flatMap(
      (target) =>
        [
          [
            `a backend key at ${target}`,
            { key: aBackendKey(), origin: null, target },
            'route_not_allowed',
          ],
          [`a key with full access at ${target}`, { key: aKey(full), target }, 'route_not_allowed'],
        ] as const,
    ),
  ];

  test.each(rows)('%s', (_, asked, code) => {
    expect(codeOf(decide(asked))).toBe(code);
  });

  test.each(rows)('%s with one sentence that says what to do', (_, asked) => {
    const decision = decide(asked);
    expect(decision.allowed ? '' : decision.rejection.detail).toMatch(/^Cannot [^\n]{30,}[^.]$/);
  });

  test('a key that is not valid in the same words, whatever the cause, which is for the log', () => {
    const causes = [{ enabled: false }, ended, { enabled: false, ...ended }].map((differences) => {
      const decision = decide({ key: aKey(differences) });
      return decision.allowed ? null : decision.rejection;
    });
    expect(causes.map((rejection) => rejection?.cause)).toEqual([
      'disabled',
      'expired',
      'disabled',
    ]);
    expect(new Set(causes.map((rejection) => rejection?.detail)).size).toBe(1);
    expect(invalidKey('unknown').detail).toBe(causes[0]?.detail);
  });

  test('an origin by its name, and a route by its method and the path alone', () => {
    const foreign = decide({ origin: evil });
    expect(foreign).toMatchObject({ rejection: { detail: expect.stringContaining(`"${evil}"`) } });
    const target = `/api/user?token=${'x'.repeat(10)}`;
    const outside = decide({ target });
    expect(outside).toMatchObject({
      rejection: { detail: expect.stringContaining('"GET /api/user"') },
    });
    expect(JSON.stringify(outside)).not.toContain('xxx');
  });

  test.each([
    ['a restricted key', aKey(), '/api/stream/abc?_method=PATCH'],
    ['a restricted key', aKey(), '/api/stream/abc?a=é'],
    ['a key with rules', aKey({ rules }), '/api/asset/abc?_method=PATCH'],
    ['a client token', aClientKey(), '/api/stream/abc?_method=PATCH'],
  ])('a query at an endpoint that %s may call', (_, key, target) => {
    const decision = decide({ key, origin: app, target });
    expect(decision).toMatchObject({ rejection: { code: 'route_not_allowed' } });
    expect(JSON.stringify(decision)).toMatch(/its query has a parameter.*Rename or encode it/);
    expect(JSON.stringify(decision)).not.toContain('PATCH');
  });

  test.each([
    ['a restricted key', aKey(), 'GET', /short list of endpoints.*give the key a rule for it/],
    ['a key with rules', aKey({ rules }), 'GET', /no access rule of this key covers it/],
    ['a backend key with rules', aBackendKey({ rules }), 'GET', /no access rule of this key/],
    ['a key with full access', aKey(full), 'TRACE', /neither TRACE nor a path that leaves the API/],
    ['a backend key', aBackendKey(), 'TRACE', /neither TRACE nor a path that leaves the API/],
    ['a key with full access', aKey(full), 'patch', /never forwarded\. Methods are in capitals/],
    ['a client token', aClientKey(), 'GET', /its client token does not cover it\. Mint one/],
    ['a key without its set', aKey({ rules: lackingSet }), 'GET', /rule set acme@1.*its operator/],
  ])('a route with what would help %s', (_, key, method, advice) => {
    const origin = key.kind === 'backend' ? null : app;
    expect(decide({ key, method, origin, target: '/api/user' })).toMatchObject({
      rejection: { code: 'route_not_allowed', detail: expect.stringMatching(advice) },
    });
  });

  test('a key whose rule set is missing with the set, for the log as well', () => {
    expect(decide({ key: aKey({ rules: lackingSet }) })).toMatchObject({
      rejection: { cause: 'the rule set acme@1 is not configured' },
    });
  });

  test.each([
    [app, aBackendKey(), /Create a key with CORS access that lists this origin/],
    ['null', aBackendKey(), /Create a key with CORS access that lists the origin "\*"/],
    [evil, aKey(), /does not list it\. Add it to the allowed origins of the key/],
  ])('the origin %s with what would help', (origin, key, advice) => {
    expect(decide({ key, origin })).toMatchObject({
      rejection: { detail: expect.stringMatching(advice) },
    });
  });

  test('a quota that is used up with the time of its renewal, in whole seconds', () => {
    const renewsAtMs = nowMs + 1_500;
    expect(decide({ key: aKey({ ...usedUp, quotaRenewsAtMs: renewsAtMs }) })).toMatchObject({
      rejection: {
        code: 'quota_exceeded',
        retryAfterSeconds: 2,
        extensions: { renewsAt: new Date(renewsAtMs).toISOString() },
      },
    });
  });

  test.each([
    [elsewhere, `from the address "${elsewhere}"`],
    ['no address', 'from an address that the edge cannot read'],
  ])('the address %j by its name', (address, named) => {
    expect(decide({ key: aKey(office), address })).toMatchObject({
      rejection: { code: 'address_not_allowed', detail: expect.stringContaining(named) },
    });
  });

  test('an endless or a hostile path with a short and plain detail', () => {
    for (const target of [
      `/${'a'.repeat(100_000)}`,
      '/"\n\r\0\uD800</script>',
      '/é'.repeat(1_000),
    ]) {
      const decision = decide({ target });
      const detail = decision.allowed ? '' : decision.rejection.detail;
      expect(detail.length).toBeGreaterThan(0);
      expect(detail.length).toBeLessThan(600);
      expect(detail).toMatch(/^[ -~\u00A0-\uD7FF\uE000-\uFFFF]*$/);
    }
  });
});

describe('authorize() allows', () => {
  type Allowed = readonly [
    name: string,
    asked: Asked,
    path: string,
    query: string,
    route: string | null,
  ];
  const rows: readonly Allowed[] = [
    ['a restricted key on its routes', {}, '/api/stream/1', '', '/api/stream/{stream}'],
    [
      'a key at the time at which its quota renews',
      { key: aKey({ ...usedUp, quotaRenewsAtMs: nowMs }) },
      '/api/stream/1',
      '',
      '/api/stream/{stream}',
    ],
    ...(['GET', 'HEAD'] as const).map(
      (method): Allowed => [
        `a client token without an optional Origin, by ${method}`,
        {
          key: aClientKey(optional, aKey({ rules })),
          method,
          target: '/api/webhook/1',
          origin: null,
        },
        '/api/webhook/1',
        '',
        '/api/webhook/{:id}',
      ],
    ),
    [
      'a client token that writes on its page',
      { key: aClientKey(), method: 'POST', target: '/api/stream' },
      '/api/stream',
      '',
      '/api/stream',
    ],
    [
      'a restricted key without Origin',
      { origin: null },
      '/api/stream/1',
      '',
      '/api/stream/{stream}',
    ],
    [
      'a restricted key with a query, as it is',
      { target: "/api/stream/1?payment_method=x&method=y&a[]=%2F&'b'" },
      '/api/stream/1',
      "?payment_method=x&method=y&a[]=%2F&'b'",
      '/api/stream/{stream}',
    ],
    [
      'a question mark alone',
      { target: '/api/stream/1?' },
      '/api/stream/1',
      '?',
      '/api/stream/{stream}',
    ],
    [
      'any origin where "*" is listed',
      { key: aKey(any), origin: evil },
      '/api/stream/1',
      '',
      '/api/stream/{stream}',
    ],
    [
      'an opaque origin where "*" is listed',
      { key: aKey(any), origin: 'null' },
      '/api/stream/1',
      '',
      '/api/stream/{stream}',
    ],
    [
      'a subdomain under a wildcard',
      { key: aKey({ allowedOrigins: ['https://*.app.example'] }), origin: 'https://x.app.example' },
      '/api/stream/1',
      '',
      '/api/stream/{stream}',
    ],
    [
      'a key that ends in a millisecond',
      { key: aKey({ expiresAtMs: nowMs + 1 }) },
      '/api/stream/1',
      '',
      '/api/stream/{stream}',
    ],
    [
      'a CORS key without a list and without Origin',
      { key: aKey({ allowedOrigins: [] }), origin: null },
      '/api/stream/1',
      '',
      '/api/stream/{stream}',
    ],
    [
      'a key with rules on one',
      { key: aKey({ rules }), target: '/api/asset/1?a' },
      '/api/asset/1',
      '?a',
      '/api/asset/{asset}',
    ],
    [
      'a key with rules on a tail',
      { key: aKey({ rules }), target: '/files/a/b.c' },
      '/files/a/b.c',
      '',
      '/files/*',
    ],
    [
      'a key with a rule for any method',
      { key: aKey({ rules }), method: 'OPTIONS', target: '/api/webhook/1' },
      '/api/webhook/1',
      '',
      '/api/webhook/{:id}',
    ],
    [
      'a backend key with rules',
      { key: aBackendKey({ rules }), origin: null, target: '/files/a' },
      '/files/a',
      '',
      '/files/*',
    ],

    // Keys that may call everything: what fetch would send
    [
      'a backend key anywhere',
      { key: aBackendKey(), origin: null, method: 'DELETE', target: '/api/user?x#y' },
      '/api/user',
      '?x',
      null,
    ],
    [
      'a backend key at a reserved word',
      { key: aBackendKey(), origin: null, target: '/api/stream/hook' },
      '/api/stream/hook',
      '',
      null,
    ],
    [
      'a backend key with _method',
      { key: aBackendKey(), origin: null, target: '/a?_method=x' },
      '/a',
      '?_method=x',
      null,
    ],
    [
      'a backend key with an odd path',
      { key: aBackendKey(), origin: null, target: '/a%2Fb//c;d\\e/é' },
      '/a%2Fb//c;d/e/%C3%A9',
      '',
      null,
    ],
    [
      'a backend key with a dot segment',
      { key: aBackendKey(), origin: null, target: '/a/%2e%2e/b' },
      '/b',
      '',
      null,
    ],
    ['a backend key at the root', { key: aBackendKey(), origin: null, target: '/' }, '/', '', null],
    [
      'a backend key at two slashes',
      { key: aBackendKey(), origin: null, target: '//evil.example/x' },
      '//evil.example/x',
      '',
      null,
    ],
    [
      'a key with full access from its origin',
      { key: aKey(full), method: 'PUT', target: '/api/user' },
      '/api/user',
      '',
      null,
    ],
    [
      'a key with full access without Origin',
      { key: aKey(full), origin: null, target: '/api/user' },
      '/api/user',
      '',
      null,
    ],
    [
      'OPTIONS for a key with full access',
      { key: aKey(full), method: 'OPTIONS', target: '/a' },
      '/a',
      '',
      null,
    ],
  ];

  test.each(rows)('%s', (_, asked, path, query, route) => {
    expect(decide(asked)).toEqual({ allowed: true, path, query, route });
  });

  test.each(allowedRows)('a restricted key to $method $template', ({ method, template }) => {
    const target = template.replace(/\{\w+\}/, 'a1');
    const wanted = { allowed: true, path: target, query: '?x=1', route: template };
    expect(decide({ method, target: `${target}?x=1` })).toEqual(wanted);
  });
});

describe('matchRoute()', () => {
  test('does not even look at a path that is not plain', () => {
    const asked: string[] = [];
    const eager = {
      match: (_: string, path: string) => {
        asked.push(path);
        return { template: path, path };
      },
    };
    const paths = ['/a', '/a/../b', '/%61', '//a', '/a;b', '/a\\b', '/a#b', '/é', '/a/.', '/a '];
    for (const path of paths) matchRoute(eager, 'GET', targetOf(path));
    expect(asked).toEqual(['/a']);
  });

  test('forwards what the table says, never what was asked for', () => {
    const request = requestFor({ target: '/api/stream/1' });
    const decision = authorize({
      ...request,
      restrictedTable: { match: () => ({ template: '/api/task/{task}', path: '/api/task/2' }) },
    });
    expect(decision).toMatchObject({ path: '/api/task/2', route: '/api/task/{task}' });
  });
});

describe('matchPublicRoute()', () => {
  const publicRoutes = compileRoutes({
    routes: [
      { methods: ['GET', 'HEAD'], path: '/api/playback/{playback}' },
      { methods: ['PATCH'], path: '/api/upload/{upload}' },
      { methods: ['GET'], path: '/assets/*' },
    ],
    reservedWords: { playback: ['internal'] },
    encodedIds: ['upload'],
  });

  test.each([
    ['another method', 'POST', '/api/playback/1'],
    ['another path', 'GET', '/api/stream/1'],
    ['a reserved word', 'GET', '/api/playback/Internal'],
    ['a trailing slash', 'GET', '/api/playback/1/'],
    ['an encoded id', 'GET', '/api/playback/%31'],
    ['an encoded slash in a kind without', 'GET', '/api/playback/a%2Fb'],
    ['a fragment', 'GET', '/api/playback/1#x'],
    ['a detour', 'GET', '/assets/%2e%2e/api/stream'],
    ['an encoded detour in an id', 'PATCH', '/api/upload/a%2F..%2F..%2Fstream'],
    ['a detour encoded twice', 'PATCH', '/api/upload/a%2F%252e%252e'],
    ['an encoded backslash in an id', 'PATCH', '/api/upload/a%5Cb'],
    ['a parameter', 'GET', '/assets/a;b'],
    ['a double slash', 'GET', '/assets//a'],
    ['TRACE', 'TRACE', '/assets/a'],
    ['_method', 'GET', '/assets/a?_method=DELETE'],
    ['an encoded _method', 'PATCH', '/api/upload/a?a=1&%5Fmethod=DELETE'],
    ['a fragment in the query', 'GET', '/assets/a?b#c'],
    ['what is outside ASCII in the query', 'GET', '/assets/a?q=é'],
  ])('takes none for %s', (_, method, target) => {
    expect(matchPublicRoute(publicRoutes, method, targetOf(target))).toBeNull();
  });

  test.each([
    ['GET', '/api/playback/1', '', '/api/playback/{playback}'],
    ['HEAD', '/api/playback/1', '?x=1', '/api/playback/{playback}'],
    ['PATCH', '/api/upload/a%2Fb.mp4', '', '/api/upload/{upload}'],
    ['GET', '/assets/a/b.js', '?v=%2F', '/assets/*'],
  ])('takes %s %s%s for %s', (method, path, query, route) => {
    const match = matchPublicRoute(publicRoutes, method, targetOf(path + query));
    expect(match).toEqual({ path, query, route });
  });

  test('allows no request without a table', () => {
    expect(matchPublicRoute(null, 'GET', targetOf('/api/playback/1'))).toBeNull();
  });
});

const limit = { name: 'failures', requests: 10, seconds: 60 };

test.each([
  [
    'an Origin that no browser sends',
    invalidOrigin(),
    {
      code: 'invalid_origin',
      detail:
        'Cannot read the Origin header: it must be exactly one origin, such as "https://app.example"',
    },
  ],
  [
    'too many wrong keys',
    tooManyWrongKeys({ cause: 'remembered', limit }),
    {
      code: 'rate_limited',
      detail:
        'Cannot check another API key from this address: too many were wrong. Wait, then send the right one',
      cause: 'remembered',
      limit,
    },
  ],
  [
    'a key that cannot be looked up',
    keyUnavailable(5),
    {
      code: 'unavailable',
      detail: 'Cannot look up the API key at the moment. Try again shortly',
      retryAfterSeconds: 5,
    },
  ],
])('the answer to %s says what is wanted, and quotes nothing', (_, rejection, wanted) => {
  expect(rejection).toEqual(wanted);
});

describe('properties', () => {
  const words = [
    ...[
      'api',
      'data',
      'stream',
      'session',
      'sessions',
      'multistream',
      'target',
      'asset',
      'task',
      'views',
      'total',
    ],
    ...[
      'export',
      'transcode',
      'url',
      'upload',
      'request-upload',
      ...Object.values(reservedWords).flat(),
    ],
  ];
  const hostile = [
    ...[
      '',
      '.',
      '..',
      '...',
      ';',
      ';x',
      '%2e',
      '%2e%2e',
      '%2E.',
      '..;',
      '%252e',
      '%2f',
      '%5c',
      '\\',
      '%00',
      '\0',
      '%',
      '%zz',
    ],
    ...[
      '#',
      'é',
      '\u212A',
      '．．',
      '／',
      '%c0%ae',
      '%u002e',
      ' ',
      '%20',
      '\t',
      '\n',
      '+',
      ':',
      '@',
      '*',
      '{stream}',
      '~',
      '_edge',
    ],
  ];
  const id = fc.constantFrom('1', 'a-b_C', 'x'.repeat(128), 'x'.repeat(129), '__proto__');
  const word = fc.constantFrom(...words);
  const segment = fc.oneof(
    { weight: 4, arbitrary: word },
    { weight: 3, arbitrary: id },
    { weight: 1, arbitrary: fc.constantFrom(...hostile) },
    {
      weight: 1,
      arbitrary: fc.tuple(word, fc.constantFrom(...hostile)).map((both) => both.join('')),
    },
    { weight: 1, arbitrary: word.map((text) => text.toUpperCase()) },
    {
      weight: 1,
      arbitrary: fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
    },
  );
  const anyPath = fc
    .array(segment, { minLength: 1, maxLength: 6 })
    .map((parts) => `/${parts.join('/').replaceAll('?', '')}`);
  // A row, often with one of its characters changed, or something put in.
  const nearRow = fc
    .tuple(
      fc.constantFrom(...allowedRows.map(({ template }) => template)),
      fc.oneof(id, word),
      fc.nat(60),
      fc.constantFrom(0, 0, 0, 1),
      fc.oneof(fc.constant(''), fc.constantFrom('/', 'a', ...hostile)),
    )
    .map(([template, text, place, dropped, insert]) => {
      const path = template.replace(/\{\w+\}/, text);
      const at = place % (path.length + 1);
      return `/${path.slice(1, at)}${insert}${path.slice(Math.max(1, at) + dropped)}`;
    });
  const query = fc.constantFrom('', '', '?', '?a=1', '?_method=x', '?%5fmethod=x', '?a#b', '?é');
  const method = fc.constantFrom(
    'GET',
    'POST',
    'PATCH',
    'PUT',
    'DELETE',
    'HEAD',
    'OPTIONS',
    'TRACE',
  );
  const isPassedQuery = (text: string) => ['', '?', '?a=1'].includes(text);

  test('a restricted key reaches a path only if it equals a row with valid ids, and then that path', () => {
    let allowed = 0;
    fc.assert(
      fc.property(fc.oneof(anyPath, nearRow), query, method, (path, search, verb) => {
        const target = readTarget(`https://edge.example${path}${search}`);
        const decision = authorize({
          ...requestFor({ method: verb }),
          target,
        });
        const isRow = isAllowedByTable(verb, path) && isPassedQuery(search);
        expect(decision.allowed, `${verb} ${path}${search}`).toBe(isRow);
        if (!decision.allowed) return;
        allowed += 1;
        expect(decision.path).toBe(path);
        expect(decision.query).toBe(search);
        // What is forwarded is what fetch sends, whatever the upstream's own path.
        const sent = new URL(`https://api.example/v1${decision.path}${decision.query}`);
        expect(sent.pathname + sent.search).toBe(`/v1${path}${search === '?' ? '' : search}`);
      }),
      { numRuns: runs(20_000) },
    );
    // The property would hold as well if nothing were ever allowed.
    expect(allowed).toBeGreaterThan(5);
  });

  test('a key with rules reaches only what they name', () => {
    const own = aKey({
      rules: [{ methods: ['get', 'patch'], resources: ['/api/stream/:id', '/files/*'] }],
    });
    const path = fc.oneof(
      nearRow,
      fc
        .array(segment, { minLength: 1, maxLength: 4 })
        .map((parts) => `/files/${parts.join('/').replaceAll('?', '')}`),
    );
    fc.assert(
      fc.property(path, method, (text, verb) => {
        const decision = decide({ key: own, method: verb, target: text });
        const isStream =
          /^\/api\/stream\/[A-Za-z0-9_-]{1,128}$/.test(text) &&
          !reservedWords['stream']?.includes(text.slice('/api/stream/'.length).toLowerCase());
        const isFile =
          /^\/files(?:\/[A-Za-z0-9\-._~:@+,()!'=$&]+)+$/.test(text) && !/\/\.+(?:\/|$)/.test(text);
        const isNamed = ['GET', 'PATCH'].includes(verb) && (isStream || isFile);
        expect(decision.allowed, `${verb} ${text}`).toBe(isNamed);
        if (decision.allowed) expect(decision.path).toBe(text);
      }),
      { numRuns: runs(5_000) },
    );
  });

  test('a public route is reached by a path that every server reads alike, but for its own slashes', () => {
    const open = compileRoutes({
      routes: [
        { methods: ['GET'], path: '/api/{any}' },
        { methods: ['GET'], path: '/data/*' },
      ],
      reservedWords: {},
      encodedIds: ['any'],
    });
    let matches = 0;
    const path = fc
      .tuple(
        fc.constantFrom('/api', '/data'),
        fc.array(fc.tuple(fc.constantFrom('/', '%2F', '%2f', ''), segment), {
          minLength: 1,
          maxLength: 4,
        }),
      )
      .map(([front, parts]) => `${front}/${parts.flat().join('').replaceAll('?', '')}`);
    fc.assert(
      fc.property(path, (text) => {
        const match = matchPublicRoute(open, 'GET', targetOf(text));
        if (match === null) return;
        matches += 1;
        expect(match.path).toBe(text);
        const decoded = text.replace(/%2f/gi, '/');
        expect(decoded).toMatch(/^\/(?:api|data)(?:\/[A-Za-z0-9\-._~:@+,()!'=$&]+)+$/);
        expect(decoded).not.toMatch(/\/\.+(?:\/|$)/);
        expect(new URL(`https://api.example${match.path}`).pathname).toBe(text);
      }),
      { numRuns: runs(5_000) },
    );
    expect(matches).toBeGreaterThan(5);
  });

  test('a key that may call everything stays below the root of the upstream', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const decision = decide({ key: aBackendKey(), origin: null, target: path });
        if (!decision.allowed) return;
        const sent = new URL(`https://api.example/v1${decision.path}${decision.query}`);
        expect(sent.pathname).toBe(`/v1${decision.path}`);
        expect(sent.hash).toBe('');
      }),
      { numRuns: runs(5_000) },
    );
  });

  test('whatever the request, a key that is not live and an origin that is not admitted are refused', () => {
    fc.assert(
      fc.property(anyPath, method, fc.boolean(), (path, verb, isLive) => {
        const key = aKey({ fullAccess: true, enabled: isLive });
        const code = codeOf(
          decide({ key, origin: isLive ? evil : app, method: verb, target: path }),
        );
        expect(code).toBe(isLive ? 'origin_not_allowed' : 'invalid_key');
      }),
    );
  });
});

function targetOf(path: string) {
  return readTarget(`https://edge.example${path}`);
}
