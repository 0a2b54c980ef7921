import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchRoute } from '../../../src/core/decide/authorize.ts';
import type { FieldProblem } from '../../../src/core/field-problem.ts';
import { compileRules } from '../../../src/core/key/key.ts';
import {
  checkAccess,
  checkAccessInSteps,
  operatorBounds,
  type RequestedAccess,
} from '../../../src/core/key/key-access.ts';
import {
  ADDRESS_BLOCKS_PER_KEY,
  ENTRIES_PER_RULE,
  ORIGINS_PER_KEY,
  RULE_SEGMENTS_PER_KEY,
  RULES_PER_KEY,
} from '../../../src/core/limits.ts';
import { readTarget } from '../../../src/core/routes/request-target.ts';
import { restrictedRoutes } from '../../../src/core/routes/restricted-routes.ts';
import { runs } from '../../support/runs.ts';

const origins = 'access.cors.allowedOrigins';

describe('checkAccess() refuses', () => {
  const rows: readonly (readonly [
    name: string,
    requested: RequestedAccess,
    path: string,
    value: unknown,
  ])[] = [
    // Origins
    ['no origins', { cors: { allowedOrigins: [] } }, origins, []],
    [
      'no origins under full access',
      { cors: { allowedOrigins: [], fullAccess: true } },
      origins,
      [],
    ],
    [
      'too many origins, without a look at them',
      { cors: { allowedOrigins: numbered(ORIGINS_PER_KEY + 1, () => 'x') } },
      origins,
      '501 origins',
    ],
    ...[
      ...[
        '',
        ' ',
        'example.com',
        'https://',
        'https://example.com/path',
        'file:///etc',
        'javascript:alert(1)',
      ],
      ...[
        'https://*.com',
        'https://*.co.uk',
        'https://*.*.example.com',
        'http*://example.com',
        'null',
      ],
      ...[
        'https://a.com,https://b.com',
        'https:a.com',
        'https://exa\tmple.com',
        'https://user@a.com',
      ],
      ...[
        'https://a%2e.com',
        'wss://a.com',
        'https://1.2.3',
        '**',
        '*.example.com',
        'https://a.com:0',
      ],
    ].map(
      (origin) =>
        [
          `the origin ${JSON.stringify(origin)}`,
          { cors: { allowedOrigins: ['https://a.example', origin] } },
          `${origins}[1]`,
          origin,
        ] as const,
    ),
    [
      'an endless origin, quoting its beginning',
      { cors: { allowedOrigins: [`https://${'a'.repeat(1_000)}`] } },
      `${origins}[0]`,
      `https://${'a'.repeat(192)}…`,
    ],

    // Addresses
    ['an empty list of addresses', { addresses: [] }, 'access.addresses', '0 entries'],
    [
      'too many blocks, without a look at them',
      { addresses: numbered(ADDRESS_BLOCKS_PER_KEY + 1, () => 'x') },
      'access.addresses',
      '51 entries',
    ],
    ...['', 'office', '203.0.113.0/33', '203.0.113', 'fe80::1%eth0', '::ffff:0:0/95'].map(
      (block) =>
        [
          `the block ${JSON.stringify(block)}`,
          { addresses: ['203.0.113.0/24', block] },
          'access.addresses[1]',
          block,
        ] as const,
    ),
    [
      'an endless block, quoting its beginning',
      { addresses: ['1'.repeat(1_000)] },
      'access.addresses[0]',
      `${'1'.repeat(200)}…`,
    ],

    // Rules
    ['an empty list of rules', { rules: [] }, 'access.rules', '0 entries'],
    [
      'too many rules',
      { rules: numbered(RULES_PER_KEY + 1, () => aRule()) },
      'access.rules',
      '101 entries',
    ],
    [
      'a rule without methods',
      { rules: [aRule({ methods: [] })] },
      'access.rules[0].methods',
      '0 entries',
    ],
    [
      'a rule without resources',
      { rules: [aRule(), aRule({ resources: [] })] },
      'access.rules[1].resources',
      '0 entries',
    ],
    [
      'too many methods, without a look at them',
      { rules: [aRule({ methods: numbered(ENTRIES_PER_RULE + 1, () => 'x') })] },
      'access.rules[0].methods',
      '101 entries',
    ],
    [
      'too many resources, without a look at them',
      { rules: [aRule({ resources: numbered(ENTRIES_PER_RULE + 1, () => 'x') })] },
      'access.rules[0].resources',
      '101 entries',
    ],
    [
      'full access and rules',
      { cors: { allowedOrigins: ['*'], fullAccess: true }, rules: [aRule()] },
      'access.rules',
      '1 rules',
    ],
    ...[
      '',
      ' ',
      'trace',
      'TRACE',
      'connect',
      'propfind',
      'get ',
      'get,post',
      '**',
      'gеt',
      '\u017Fet',
    ].map(
      (method) =>
        [
          `the method ${JSON.stringify(method)}`,
          { rules: [aRule({ methods: ['get', method] })] },
          'access.rules[0].methods[1]',
          method,
        ] as const,
    ),
    ...[
      // Shapes
      ...[
        '',
        '/',
        'api',
        'api/x',
        '//',
        '//a',
        '/a//b',
        '/a/',
        '/a/b/',
        ' /a',
        '/a ',
        '/a b',
        '\\a',
        '/a\\b',
      ],
      // Dot segments
      ...['/.', '/..', '/...', '/a/./b', '/a/../b', '/a/..', '/a/.../b', '/../a'],
      // Characters
      ...['/a?b', '/a#b', '/a;b', '/%61', '/a%2fb', '/é', '/a\0', '/a\n', '/{id}', '/a\u200B'],
      // Parameters and tails
      ...[
        '/:',
        '/:id()',
        '/:id(a)',
        '/:id(;)',
        '/:id(%)',
        '/:id(/)',
        '/:id(*)',
        '/:id(-)',
        '/:id(.)x',
        '/:id(.',
        '/:id:verb',
        '/...',
        '/:/a',
        '/:1',
        '/:id?',
        '/:id*',
        '/:id(.*)',
        '/:a-b',
        '/::a',
        '/:_a',
        '/*/a',
        '/a*',
        '/**',
        '/a/*/b',
        '*',
      ],
      // Ours
      ...['/_edge', '/_edge/v1/keys', '/_EDGE/:id', '/_Edge/*'],
      ...['https://a.example/b'],
    ].map(
      (resource) =>
        [
          `the resource ${JSON.stringify(resource)}`,
          { rules: [aRule({ resources: ['/a', resource] })] },
          'access.rules[0].resources[1]',
          resource,
        ] as const,
    ),
    [
      'a resource of 513 characters, quoting its beginning',
      { rules: [aRule({ resources: [`/${'a'.repeat(512)}`] })] },
      'access.rules[0].resources[0]',
      `/${'a'.repeat(199)}…`,
    ],
  ];

  test.each(rows)('%s', (_, requested, path, value) => {
    const problems = problemsOf(requested);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ path, value });
    expect(problems[0]?.reason).toMatch(/\S.{10,}[^.]$/s);
    expect(problems[0]?.fix).toMatch(/^[A-Z].{5,}[^.]$/s);
  });

  test('a list that is empty or too long with the right advice', () => {
    const fixOf = (requested: RequestedAccess) => problemsOf(requested)[0]?.fix;
    expect(fixOf({ rules: [] })).toBe('Add an entry, or remove the whole list');
    expect(fixOf({ rules: numbered(RULES_PER_KEY + 1, () => aRule()) })).toBe('Use fewer entries');
  });

  test('an empty list of origins with advice that holds for new keys and old ones, in any form', () => {
    expect(problemsOf({ cors: { allowedOrigins: [] } })[0]?.fix).toBe(
      'List the origins of your pages, or "*" for any; a key for backends is one that is made without CORS access',
    );
  });

  test.each([
    ['512 characters are not too long', `/${'a'.repeat(510)}?`, /not a path of plain segments/],
    ['513 are', `/${'a'.repeat(512)}`, /^it is longer than 512 characters$/],
    [
      '513 of another kind are',
      `/${'\u{1f511}'.repeat(512)}`,
      /^it is longer than 512 characters$/,
    ],
    [
      '257 of two code units are not',
      `/${'\u{1f511}'.repeat(256)}`,
      /not a path of plain segments/,
    ],
  ])('a resource with the reason that is true: %s', (_, resource, reason) => {
    expect(problemsOf({ rules: [aRule({ resources: [resource] })] })[0]?.reason).toMatch(reason);
  });

  test('a value of 200 characters in full', () => {
    const method = 'x'.repeat(200);
    expect(problemsOf({ rules: [aRule({ methods: [method] })] })[0]?.value).toBe(method);
  });

  test('a value that is too long without half of a surrogate pair at its end', () => {
    const method = '\u{1f511}'.repeat(201);
    expect(problemsOf({ rules: [aRule({ methods: [method] })] })[0]?.value).toBe(
      `${'\u{1f511}'.repeat(200)}…`,
    );
  });

  test('everything at once', () => {
    const paths = problemsOf({
      cors: {
        allowedOrigins: ['a.example', 'https://b.example', 'ws://c.example'],
        fullAccess: true,
      },
      rules: [
        { methods: ['get', 'fetch'], resources: ['a', '/b', '/c/'] },
        { methods: [], resources: ['/_edge/x'] },
      ],
      addresses: ['203.0.113.0/24', 'office', '10.0.0.0/99'],
    }).map(({ path }) => path);
    expect(paths).toEqual([
      `${origins}[0]`,
      `${origins}[2]`,
      'access.rules[0].methods[1]',
      'access.rules[0].resources[0]',
      'access.rules[0].resources[2]',
      'access.rules[1].methods',
      'access.rules[1].resources[0]',
      'access.addresses[1]',
      'access.addresses[2]',
      'access.rules',
    ]);
  });
});

describe('checkAccess() accepts', () => {
  test('reports each origin in its place, and keeps the order of those that are in order, each once', () => {
    const of = (allowedOrigins: readonly string[]) => checkAccess({ cors: { allowedOrigins } });
    const refused = of([
      'example.com',
      'https://b.example',
      'null',
      'https://a.example/',
      'example.com',
    ]);
    expect(refused.ok ? [] : refused.problems.map(({ path, value }) => [path, value])).toEqual([
      [`${origins}[0]`, 'example.com'],
      [`${origins}[2]`, 'null'],
      [`${origins}[4]`, 'example.com'],
    ]);
    const written = ['https://b.example', 'https://A.example:443/', 'https://a.example', '*', '*'];
    expect(of(written)).toMatchObject({
      access: { allowedOrigins: ['https://b.example', 'https://a.example', '*'] },
    });
  });

  const noTokens = { clientTokens: null, addresses: null };
  const backend = {
    kind: 'backend',
    allowedOrigins: null,
    fullAccess: false,
    rules: null,
    ...noTokens,
  };

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['an empty object', {}],
    ['null for each part', { cors: null, rules: null }],
    ['undefined for each part', { cors: undefined, rules: undefined }],
  ])('%s for a backend key', (_, requested) => {
    expect(checkAccess(requested)).toEqual({ ok: true, access: backend });
  });

  test('rules for a backend key', () => {
    expect(checkAccess({ rules: [aRule()] })).toEqual({
      ok: true,
      access: { ...backend, rules: [{ methods: ['get'], resources: ['/api/asset/:id'] }] },
    });
  });

  test('as many blocks as there may be, in canonical form, each once', () => {
    const addresses = ['203.0.113.7/24', '203.0.113.0/24', '::FFFF:203.0.113.0/120', '2001:DB8::1'];
    expect(checkAccess({ addresses })).toEqual({
      ok: true,
      access: { ...backend, addresses: ['203.0.113.0/24', '2001:db8::1/128'] },
    });
    const many = numbered(ADDRESS_BLOCKS_PER_KEY, (n) => `10.0.${n}.0/24`);
    expect(checkAccess({ addresses: many })).toMatchObject({ access: { addresses: many } });
  });

  test('as many segments as compile in less than a millisecond, and no more', () => {
    const rulesOf = (count: number) =>
      numbered(5, (n) => aRule({ resources: numbered(count / 5, (m) => `/a${n}/b${m}/:c/d/:e`) }));
    expect(checkAccess({ rules: rulesOf(RULE_SEGMENTS_PER_KEY / 5) }).ok).toBe(true);
    expect(problemsOf({ rules: rulesOf(RULE_SEGMENTS_PER_KEY / 5 + 5) })).toMatchObject([
      { path: 'access.rules', value: `${RULE_SEGMENTS_PER_KEY + 25} segments` },
    ]);
  });

  test('the characters of real paths, and ids of a wider set', () => {
    const resources = [
      '/v1beta/models/x:generateContent',
      '/npm/@scope/pkg',
      '/files/a+b.txt',
      "/a:b@c+d,e(f)!g'h=i$j&k/*",
      '/(a)',
      '/a:id',
      "/users/:email(.~:@+,!'=$&)",
    ];
    expect(checkAccess({ rules: [aRule({ resources })] })).toMatchObject({
      ok: true,
      access: { rules: [{ resources }] },
    });
  });

  test('origins for a CORS key, in their canonical form, each once', () => {
    const allowedOrigins = [
      'HTTPS://App.Example:443/',
      'https://app.example',
      'https://*.App.example',
      'http://localhost:3000',
      'capacitor://localhost',
      '*',
    ];
    expect(checkAccess({ cors: { allowedOrigins } })).toEqual({
      ok: true,
      access: {
        kind: 'cors',
        allowedOrigins: [
          'https://app.example',
          'https://*.app.example',
          'http://localhost:3000',
          'capacitor://localhost',
          '*',
        ],
        fullAccess: false,
        rules: null,
        ...noTokens,
      },
    });
  });

  test('full access, and rules for a CORS key without it', () => {
    const allowedOrigins = ['https://app.example'];
    expect(checkAccess({ cors: { allowedOrigins, fullAccess: true } })).toMatchObject({
      access: { kind: 'cors', fullAccess: true, rules: null },
    });
    expect(
      checkAccess({ cors: { allowedOrigins, fullAccess: false }, rules: [aRule()] }),
    ).toMatchObject({ access: { kind: 'cors', fullAccess: false, rules: [{ methods: ['get'] }] } });
  });

  test('methods in any case, and entries once', () => {
    const rule = {
      methods: ['GET', 'get', 'Post', '*', 'HEAD', 'put', 'patch', 'delete', 'options'],
      resources: ['/a', '/a', '/a/:id'],
    };
    expect(checkAccess({ rules: [rule] })).toMatchObject({
      access: {
        rules: [
          {
            methods: ['get', 'post', '*', 'head', 'put', 'patch', 'delete', 'options'],
            resources: ['/a', '/a/:id'],
          },
        ],
      },
    });
  });

  test.each([
    ...[
      '/a',
      '/api/asset/:id',
      '/:a/:b_2',
      '/a/*',
      '/*',
      '/a.b/c~d/-e/_f',
      '/:id/*',
      '/..a',
      '/_edges',
      '/a/_edge',
    ],
    ...[`/${'a'.repeat(511)}`],
  ])('the resource %s', (resource) => {
    expect(checkAccess({ rules: [aRule({ resources: [resource] })] }).ok).toBe(true);
  });

  test('as much as the limits say', () => {
    const requested = {
      cors: { allowedOrigins: numbered(ORIGINS_PER_KEY, (n) => `https://a${n}.example`) },
      rules: [
        aRule({ resources: numbered(ENTRIES_PER_RULE, (n) => `/a${n}`) }),
        ...numbered(RULES_PER_KEY - 1, () => aRule({ resources: ['/a/:id', '/b/:id'] })),
      ],
    };
    expect(checkAccess(requested).ok).toBe(true);
    expect([ORIGINS_PER_KEY, RULES_PER_KEY, ENTRIES_PER_RULE]).toEqual([500, 100, 100]);
    expect(RULE_SEGMENTS_PER_KEY).toBe(500);
  });
});

test('checkAccessInSteps() takes an origin in each step, which is as large as its text and some more', () => {
  const cors = { allowedOrigins: ['https://a.example', 'x'] };
  expect([...checkAccessInSteps({ cors }, operatorBounds)]).toEqual([17 + 100, 1 + 100]);
});

describe('client tokens', () => {
  const allowedOrigins = ['https://app.example'];
  const accessOf = (clientTokens: RequestedAccess['clientTokens'], bounds = operatorBounds) => {
    const result = checkAccess({ clientTokens }, bounds);
    return result.ok ? result.access.clientTokens : result.problems;
  };

  test.each<[string, RequestedAccess, path: string, fix: RegExp]>([
    [
      'beside CORS access',
      { cors: { allowedOrigins }, clientTokens: { allowedOrigins } },
      'access.clientTokens',
      /^Remove access\.clientTokens, or create a backend key/,
    ],
    [
      'without an origin',
      { clientTokens: { allowedOrigins: [] } },
      'access.clientTokens.allowedOrigins',
      /or allow no client tokens$/,
    ],
    [
      'with too many origins',
      {
        clientTokens: {
          allowedOrigins: numbered(ORIGINS_PER_KEY + 1, (n) => `https://a${n}.example`),
        },
      },
      'access.clientTokens.allowedOrigins',
      /^Use a wildcard/,
    ],
    [
      'with an origin that a browser never sends',
      { clientTokens: { allowedOrigins: ['nonsense'] } },
      'access.clientTokens.allowedOrigins[0]',
      /./,
    ],
    [
      'with a path without a slash',
      { clientTokens: { allowedOrigins, rules: [aRule({ resources: ['a'] })] } },
      'access.clientTokens.rules[0].resources[0]',
      /./,
    ],
    [
      'with a rule set that is not there',
      { clientTokens: { allowedOrigins, ruleSet: 'acme@1' } },
      'access.clientTokens.ruleSet',
      /^Use one of /,
    ],
  ])('are refused %s', (_, requested, path, fix) => {
    const problems = problemsOf(requested);
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(problems[0]?.fix).toMatch(fix);
  });

  test('have the defaults of the contract', () => {
    expect(accessOf({ allowedOrigins })).toEqual({
      allowedOrigins,
      rules: null,
      maxTtlSeconds: 600,
      originOptional: false,
      endConnectionsAtExpiry: true,
    });
    expect(checkAccess({}).ok && checkAccess({})).toMatchObject({ access: { clientTokens: null } });
  });

  test.each<[Partial<NonNullable<RequestedAccess['clientTokens']>>, object]>([
    [{ originOptional: true }, { originOptional: true, endConnectionsAtExpiry: true }],
    [{ originOptional: false }, { originOptional: false }],
    [{ endConnectionsAtExpiry: false }, { endConnectionsAtExpiry: false, originOptional: false }],
    [{ endConnectionsAtExpiry: true }, { endConnectionsAtExpiry: true }],
    [{ maxTtlSeconds: 60 }, { maxTtlSeconds: 60 }],
    [
      { rules: [aRule({ methods: ['GET'], resources: ['/a'] })] },
      { rules: [{ methods: ['get'], resources: ['/a'] }] },
    ],
  ])('have %j as it is asked for', (more, stored) => {
    expect(accessOf({ allowedOrigins, ...more })).toMatchObject(stored);
  });

  test('may refer to a rule set of the deployment', () => {
    const bounds = { ...operatorBounds, ruleSets: ['acme@1', 'acme@2'] };
    expect(accessOf({ allowedOrigins, ruleSet: 'acme@2' }, bounds)).toMatchObject({
      rules: [{ methods: [], resources: [], ruleSet: 'acme@2' }],
    });
    const rules = [aRule()];
    expect(accessOf({ allowedOrigins, ruleSet: 'acme@2', rules }, bounds)).toMatchObject([
      {
        path: 'access.clientTokens.ruleSet',
        value: 'acme@2',
        reason: 'there are rules of its own as well',
        fix: 'Set access.clientTokens.rules to null, or remove access.clientTokens.ruleSet',
      },
    ]);
    expect(accessOf({ allowedOrigins, ruleSet: 'acme@3' }, bounds)).toMatchObject([
      { fix: 'Use one of "acme@1", "acme@2", or null for the restricted routes' },
    ]);
  });
});

describe('the bytes of rules', () => {
  const short = [{ methods: ['get'], resources: ['/a'] }];
  const long = [{ methods: ['get'], resources: ['/a', '/b'] }];
  const sizeOf = (...lists: object[]) =>
    lists.reduce((n, list) => n + JSON.stringify(list).length, 0);
  const clientTokens = (rules: typeof short) => ({ allowedOrigins: ['https://a.example'], rules });
  const pathsOf = (requested: RequestedAccess, ruleBytesPerKey: number) => {
    const result = checkAccess(requested, { ...operatorBounds, ruleBytesPerKey });
    return result.ok ? [] : result.problems.map(({ path, value }) => [path, value]);
  };

  test.each<[string, RequestedAccess, size: number, path: string]>([
    ['of a key', { rules: long }, sizeOf(long), 'access.rules'],
    [
      'of its client tokens',
      { clientTokens: clientTokens(long) },
      sizeOf(long),
      'access.clientTokens.rules',
    ],
    [
      'of both, the longer of which is the key',
      { rules: long, clientTokens: clientTokens(short) },
      sizeOf(long, short),
      'access.rules',
    ],
    [
      'of both, the longer of which is that of client tokens',
      { rules: short, clientTokens: clientTokens(long) },
      sizeOf(long, short),
      'access.clientTokens.rules',
    ],
    [
      'of both, as long as each other',
      { rules: short, clientTokens: clientTokens(short) },
      sizeOf(short, short),
      'access.rules',
    ],
  ])('%s are counted together, and reported at the longer list', (_, requested, size, path) => {
    expect(pathsOf(requested, size)).toEqual([]);
    expect(pathsOf(requested, size - 1)).toEqual([[path, `${size} bytes`]]);
  });

  test('are not counted without rules', () => {
    expect(pathsOf({}, 0)).toEqual([]);
    expect(pathsOf({ clientTokens: { allowedOrigins: ['https://a.example'] } }, 0)).toEqual([]);
  });
});

describe('properties', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom('https://a.example', '*', '/a/:id', '/b/*', '/..', 'get', 'POST', '/_edge'),
  );
  const list = fc.array(text, { maxLength: 5 });
  const requested = fc.record(
    {
      cors: fc.option(fc.record({ allowedOrigins: list, fullAccess: fc.boolean() })),
      rules: fc.option(fc.array(fc.record({ methods: list, resources: list }), { maxLength: 3 })),
    },
    { requiredKeys: [] },
  );

  test('a rule that is accepted can be called, byte for byte, by each of its methods', () => {
    const text = fc.string({ unit: fc.constantFrom(...":@+,()!'=$&.~-_aB1"), maxLength: 8 });
    const segment = fc.oneof(
      text,
      fc.constantFrom('a', '*', ':id', ':id(.)', ':id(.@:)', '..', '%', ';', 'a\\b', ''),
    );
    const resource = fc
      .array(segment, { minLength: 1, maxLength: 4 })
      .map((s) => `/${s.join('/')}`);
    const method = fc.constantFrom('*', 'get', 'HEAD', 'post', 'options', 'trace', 'propfind');
    let called = 0;
    fc.assert(
      fc.property(resource, method, fc.nat(2), (path, verb, index) => {
        const result = checkAccess({ rules: [{ methods: [verb], resources: [path] }] });
        if (!result.ok) return;
        const ids = ['a1', 'x_-9', 'Z'];
        const target = path
          .replace(/\/:[^/]*\(\.@:\)/g, `/.a@b:${ids[index]}`)
          .replace(/\/:[^/]*\(\.\)/g, `/${ids[index]}.b`)
          .replace(/\/:[^/]*/g, `/${ids[index]}`)
          .replace(/\/\*$/, '/a+b/@c');
        const table = compileRules(result.access.rules ?? [], restrictedRoutes);
        const read = readTarget(`https://edge.example${target}`);
        for (const name of verb === '*' ? ['GET', 'OPTIONS', 'DELETE'] : [verb.toUpperCase()]) {
          expect(matchRoute(table, name, read)?.path, `${name} ${target} by ${path}`).toBe(target);
          expect(new URL(`https://api.example${target}`).pathname).toBe(target);
        }
        called += 1;
      }),
      { numRuns: 5_000 },
    );
    // The property would hold as well if nothing were ever accepted.
    expect(called).toBeGreaterThan(500);
  });

  test('checkAccess() never throws, and what it accepts it accepts again as it is', () => {
    fc.assert(
      fc.property(requested, (access) => {
        const first = checkAccess(access);
        if (!first.ok) {
          expect(first.problems).not.toHaveLength(0);
          return;
        }
        const { allowedOrigins, fullAccess, rules, kind } = first.access;
        expect(kind).toBe(allowedOrigins === null ? 'backend' : 'cors');
        expect(allowedOrigins?.length).not.toBe(0);
        const again = checkAccess({
          cors: allowedOrigins && { allowedOrigins, fullAccess },
          rules,
        });
        expect(again).toEqual(first);
      }),
      { numRuns: runs(2_000) },
    );
  });

  test('every resource that is accepted can be called, by a path that fits it', () => {
    const segment = fc.constantFrom('a', ':id', 'b.c', '-', '_', '~', '.d', ':x_1');
    const resource = fc
      .tuple(fc.array(segment, { minLength: 1, maxLength: 5 }), fc.constantFrom('', '/*'))
      .map(([segments, tail]) => `/${segments.join('/')}${tail}`);
    fc.assert(
      fc.property(resource, (written) => {
        const result = checkAccess({ rules: [aRule({ resources: [written] })] });
        expect(result.ok).toBe(true);
        if (!result.ok) return;
        const path = written.replace(/:\w+/g, 'id1').replace(/\*$/, 'rest/of/it');
        expect(readTarget(`https://edge.example${path}`).isPlain).toBe(true);
        const table = compileRules(result.access.rules ?? [], restrictedRoutes);
        expect(table.match('GET', path)?.path).toBe(path);
      }),
    );
  });
});

function problemsOf(requested: RequestedAccess): readonly FieldProblem[] {
  const result = checkAccess(requested);
  return result.ok ? [] : result.problems;
}

function aRule(differences: { methods?: string[]; resources?: string[] } = {}) {
  return { methods: ['get'], resources: ['/api/asset/:id'], ...differences };
}

function numbered<Entry>(count: number, entry: (index: number) => Entry): Entry[] {
  return Array.from({ length: count }, (_, index) => entry(index));
}
