import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ConfigProblem, type Env, readConfig } from '../../src/env.ts';

const adminToken = 'operator-token-of-32-characters.';
const secret = 'hush-hush-hush';

type Variables = Readonly<Record<string, unknown>>;

/** An environment that is in order but for what the test says. */
function anEnv(variables: Variables = {}): Env {
  const bindings = { DB: { withSession: () => null }, KEYS: { get: () => null } };
  // The runtime promises nothing about the variables either: that is what is tested here.
  return { ...bindings, UPSTREAM_URL: 'https://api.example.com', ...variables } as unknown as Env;
}

function problemsOf(variables: Variables): readonly ConfigProblem[] {
  const result = readConfig(anEnv(variables));
  return result.ok ? [] : result.problems;
}

function configOf(variables: Variables) {
  const result = readConfig(anEnv(variables));
  if (!result.ok) throw new Error(`Cannot use the test's variables: ${JSON.stringify(result)}`);
  return result.config;
}

type RefusedRow = readonly [
  name: string,
  variables: Variables,
  problem: { name: string; value: string | null; reason: RegExp },
];

const refused: readonly RefusedRow[] = [
  // Bindings
  ['no D1', { DB: undefined }, { name: 'DB', value: null, reason: /binding is missing/ }],
  ['null for D1', { DB: null }, { name: 'DB', value: null, reason: /binding is missing/ }],
  ['KV bound as DB', { DB: { get() {} } }, { name: 'DB', value: null, reason: /missing/ }],
  ['no KV', { KEYS: undefined }, { name: 'KEYS', value: null, reason: /binding is missing/ }],
  ['text for KV', { KEYS: 'KEYS' }, { name: 'KEYS', value: null, reason: /binding is missing/ }],
  ['text for a Queue', { USAGE: 'usage' }, { name: 'USAGE', value: null, reason: /not a Queue/ }],
  ['null for a Queue', { USAGE: null }, { name: 'USAGE', value: null, reason: /not a Queue/ }],

  // UPSTREAM_URL
  ...(
    [
      ['no upstream', undefined, null, /missing/],
      ['an empty upstream', '', null, /missing/],
      ['a host for an upstream', 'api.example.com', 'api.example.com', /not an absolute http/],
      ['a path for an upstream', '/api', '/api', /not an absolute http/],
      ['an upstream on ftp', 'ftp://a.example', 'ftp://a.example', /not an absolute http/],
      ['an upstream on wss', 'wss://a.example', 'wss://a.example', /not an absolute http/],
      ['a script for an upstream', 'javascript:alert(1)', 'javascript:alert(1)', /not an absolute/],
      ['an upstream without slashes', 'https:a.example', 'https:a.example', /not an absolute/],
      ['an upstream with one slash', 'https:/a.example', 'https:/a.example', /not an absolute/],
      ['an upstream with three slashes', 'https:///a.example', 'https:///a.example', /not an abso/],
      ['an upstream with backslashes', 'https:\\\\a.example', 'https:\\\\a.example', /not an abso/],
      ['an upstream with a tab', 'https://a.exa\tmple', 'https://a.exa\tmple', /not an absolute/],
      ['an upstream with a blank', 'https://a.example ', 'https://a.example ', /not an absolute/],
      ['an upstream with a newline', 'https://a.example\n', 'https://a.example\n', /not an absolu/],
      ['an upstream without a host', 'https://', 'https://', /not an absolute/],
      ['an upstream with a wrong port', 'https://a.example:99999', /:99999$/, /not an absolute/],
      ['several upstreams', 'https://a.example,https://b.example', /b\.example/, /path/],
      ['an upstream with an encoded path', 'https://a.example/%61', /%61$/, /path/],
      ['an upstream with a dot segment', 'https://a.example/v1/../v2', /v2$/, /path.*dot segment/],
      ['an upstream with encoded dots', 'https://a.example/v1/%2e%2e', /%2e$/, /path/],
      ['an upstream with an empty segment', 'https://a.example//v1', /v1$/, /path.*empty/],
      ['an upstream with two slashes at the end', 'https://a.example/v1//', /v1\/\/$/, /path/],
      ['an upstream with parameters', 'https://a.example/v1;x=1', /x=1$/, /path/],
      ['an upstream with a fragment', 'https://a.example/#x', 'https://a.example/#***', /fragment/],
      ['an upstream with a query', `https://a.example/?k=${secret}`, /\?\*\*\*$/, /query/],
      ['an upstream with a user', `https://${secret}@a.example`, /\*\*\*@a/, /credentials/],
      ['an upstream with a password', `https://u:${secret}@a.example`, /\*\*\*@a/, /credentials/],
      ['a password with a slash', `https://u:p/${secret}@a.example`, /\*\*\*@a/, /not an absolute/],
      ['a password with an at', `https://u:p@${secret}@a.example`, /\*\*\*@a/, /credentials/],
      ['a password with a question mark', `https://u:p?${secret}@a.example`, /\*\*\*@a/, /not an/],
      ['a password without a scheme', `u:${secret}@a.example`, '***@a.example', /not an absolute/],
      ['an object for an upstream', { a: secret }, null, /not a text/],
    ] as const
  ).map(
    ([name, url, value, reason]): RefusedRow => [
      name,
      { UPSTREAM_URL: url },
      { name: 'UPSTREAM_URL', value: expectable(value), reason },
    ],
  ),

  // Secrets
  ...(
    [
      ['a short admin token', 'x'.repeat(31), /31 characters/],
      ['an admin token with a blank', `${adminToken} x`, /no Bearer token may have/],
      ['an admin token with a newline', `${adminToken}\n`, /no Bearer token may have/],
      ['an admin token outside ASCII', `${adminToken}é`, /no Bearer token may have/],
      ['an admin token with padding inside', `${adminToken}=x`, /no Bearer token may have/],
      ['an admin token of 513 characters', 'x'.repeat(513), /longer than 512/],
      ['a list for an admin token', [adminToken], /not a text/],
    ] as const
  ).map(
    ([name, token, reason]): RefusedRow => [
      name,
      { ADMIN_TOKEN: token },
      { name: 'ADMIN_TOKEN', value: null, reason },
    ],
  ),
  ...(
    [
      ['an upstream authorization with a newline', `Bearer ${secret}\nX: 1`, /visible ASCII/],
      ['an upstream authorization outside ASCII', `Bearer ${secret}é`, /visible ASCII/],
      ['an upstream authorization that ends in a blank', `Bearer ${secret} `, /visible ASCII/],
      ['an object for an upstream authorization', { secret }, /not a text/],
    ] as const
  ).map(
    ([name, value, reason]): RefusedRow => [
      name,
      { UPSTREAM_AUTHORIZATION: value },
      { name: 'UPSTREAM_AUTHORIZATION', value: null, reason },
    ],
  ),
  [
    'two authorizations for the upstream',
    { UPSTREAM_AUTHORIZATION: `Bearer ${secret}`, FORWARD_TOKEN: 'true' },
    { name: 'UPSTREAM_AUTHORIZATION', value: null, reason: /FORWARD_TOKEN is "true" as well/ },
  ],

  // Switches, names and numbers
  ...['yes', 'TRUE', '1', ' true', 'off'].map(
    (value): RefusedRow => [
      `"${value}" for a switch`,
      { FORWARD_TOKEN: value },
      { name: 'FORWARD_TOKEN', value, reason: /neither "true" nor "false"/ },
    ],
  ),
  [
    'a token where a switch is wanted',
    { FORWARD_TOKEN: secret },
    { name: 'FORWARD_TOKEN', value: null, reason: /neither "true" nor "false"/ },
  ],
  ...['EA', '1a', 'e-a', 'e_a', ' ea', 'é', 'a'.repeat(17)].map(
    (value): RefusedRow => [
      `"${value}" for a token prefix`,
      { TOKEN_PREFIX: value },
      { name: 'TOKEN_PREFIX', value, reason: /lower-case letter followed by up to 15/ },
    ],
  ),
  ...(
    [
      ['UPSTREAM_TIMEOUT_MS', '0'],
      ['UPSTREAM_TIMEOUT_MS', '600001'],
      ['UPSTREAM_TIMEOUT_MS', '30s'],
      ['UPSTREAM_TIMEOUT_MS', '1e3'],
      ['UPSTREAM_TIMEOUT_MS', '-1'],
      ['UPSTREAM_TIMEOUT_MS', '1.5'],
      ['UPSTREAM_TIMEOUT_MS', ' 5'],
      ['UPSTREAM_TIMEOUT_MS', '٣'],
      ['MAX_STALENESS_SECONDS', '0'],
      ['MAX_STALENESS_SECONDS', '301'],
      ['FEED_REFRESH_SECONDS', '-1'],
      ['FEED_REFRESH_SECONDS', '11'],
      ['OUTAGE_GRACE_SECONDS', '86401'],
      ['OUTAGE_GRACE_SECONDS', 'NaN'],
    ] as const
  ).map(
    ([name, value]): RefusedRow => [
      `"${value}" for ${name}`,
      { [name]: value },
      { name, value, reason: /it is not a whole number from|it is larger than MAX_STALENESS/ },
    ],
  ),
];

describe('readConfig() refuses', () => {
  test.each(refused)('%s', (_, variables, wanted) => {
    const problems = problemsOf(variables);
    expect(problems).toHaveLength(1);
    const [problem] = problems;
    expect(problem).toMatchObject({ name: wanted.name, value: wanted.value });
    expect(problem?.reason).toMatch(wanted.reason);
    expect(problem?.fix).toMatch(/^[A-Z].{10,}[^.]$/);
  });

  test.each(refused)('%s without quoting a secret', (_, variables) => {
    const text = JSON.stringify(problemsOf(variables));
    expect(text).not.toContain(secret);
    expect(text).not.toContain(adminToken);
  });
});

describe('readConfig()', () => {
  test('reports every problem at once', () => {
    const names = problemsOf({
      DB: undefined,
      KEYS: undefined,
      UPSTREAM_URL: '',
      ADMIN_TOKEN: 'short and bad',
      UPSTREAM_AUTHORIZATION: '\n',
      FORWARD_TOKEN: 'yes',
      TOKEN_PREFIX: 'NO',
      MAX_STALENESS_SECONDS: 'x',
      FEED_REFRESH_SECONDS: 'x',
      UPSTREAM_TIMEOUT_MS: 'x',
      OUTAGE_GRACE_SECONDS: 'x',
    }).map(({ name }) => name);
    expect(names).toEqual([
      'DB',
      'KEYS',
      'UPSTREAM_URL',
      // Two things are wrong with it.
      'ADMIN_TOKEN',
      'ADMIN_TOKEN',
      'FORWARD_TOKEN',
      'UPSTREAM_AUTHORIZATION',
      'TOKEN_PREFIX',
      'MAX_STALENESS_SECONDS',
      'FEED_REFRESH_SECONDS',
      'UPSTREAM_TIMEOUT_MS',
      'OUTAGE_GRACE_SECONDS',
    ]);
  });

  test('does not hold one broken setting against another', () => {
    const broken = { MAX_STALENESS_SECONDS: 'x', FEED_REFRESH_SECONDS: '60' };
    expect(problemsOf(broken).map(({ name }) => name)).toEqual(['MAX_STALENESS_SECONDS']);
    const unclear = { FORWARD_TOKEN: 'yes', UPSTREAM_AUTHORIZATION: 'Bearer x' };
    expect(problemsOf(unclear).map(({ name }) => name)).toEqual(['FORWARD_TOKEN']);
  });

  test('needs nothing but the bindings and the upstream', () => {
    expect(configOf({})).toMatchObject({
      upstreamUrl: 'https://api.example.com',
      adminToken: null,
      upstreamAuthorization: null,
      forwardToken: false,
      upstreamTimeoutMs: 30_000,
      tokenPrefix: 'ea',
      feedRefreshSeconds: 5,
      maxStalenessSeconds: 10,
      outageGraceSeconds: 300,
    });
  });

  test('takes an empty variable for an absent one', () => {
    const empty = {
      ADMIN_TOKEN: '',
      UPSTREAM_AUTHORIZATION: '',
      FORWARD_TOKEN: '',
      UPSTREAM_TIMEOUT_MS: '',
      TOKEN_PREFIX: '',
      FEED_REFRESH_SECONDS: '',
      MAX_STALENESS_SECONDS: '',
      OUTAGE_GRACE_SECONDS: '',
    };
    expect(configOf(empty)).toEqual(configOf({}));
  });

  test('reads every setting', () => {
    expect(
      configOf({
        UPSTREAM_URL: 'https://api.example.com:8443/v1/',
        ADMIN_TOKEN: adminToken,
        UPSTREAM_AUTHORIZATION: 'Bearer upstream',
        FORWARD_TOKEN: 'false',
        UPSTREAM_TIMEOUT_MS: '600000',
        TOKEN_PREFIX: 'acme1',
        FEED_REFRESH_SECONDS: '0',
        MAX_STALENESS_SECONDS: '300',
        OUTAGE_GRACE_SECONDS: '0',
      }),
    ).toMatchObject({
      upstreamUrl: 'https://api.example.com:8443/v1',
      adminToken,
      upstreamAuthorization: 'Bearer upstream',
      forwardToken: false,
      upstreamTimeoutMs: 600_000,
      tokenPrefix: 'acme1',
      feedRefreshSeconds: 0,
      maxStalenessSeconds: 300,
      outageGraceSeconds: 0,
    });
  });

  test('reads numbers and booleans that wrangler.toml holds without quotes', () => {
    const config = configOf({ UPSTREAM_TIMEOUT_MS: 5000, FORWARD_TOKEN: true });
    expect(config).toMatchObject({ upstreamTimeoutMs: 5000, forwardToken: true });
  });

  test('lets the log be read as often as a short bound on staleness asks for', () => {
    expect(configOf({ MAX_STALENESS_SECONDS: '2' })).toMatchObject({ feedRefreshSeconds: 2 });
  });

  const upstreams = [
    ['https://api.example.com', 'https://api.example.com'],
    ['https://api.example.com/', 'https://api.example.com'],
    ['HTTPS://API.example.com:443/V1', 'https://api.example.com/V1'],
    ['http://localhost:3000', 'http://localhost:3000'],
    ['http://127.0.0.1:3000/api/v2/', 'http://127.0.0.1:3000/api/v2'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['https://bücher.example/a.b_c~d-e', 'https://xn--bcher-kva.example/a.b_c~d-e'],
  ] as const;
  test.each(upstreams)('reads the upstream %s as %s', (written, upstreamUrl) => {
    expect(configOf({ UPSTREAM_URL: written })).toMatchObject({ upstreamUrl });
  });

  test('never throws, and quotes no long value', () => {
    const anything = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.anything());
    const names = [
      'DB',
      'KEYS',
      'UPSTREAM_URL',
      'ADMIN_TOKEN',
      'UPSTREAM_AUTHORIZATION',
      'FORWARD_TOKEN',
      'UPSTREAM_TIMEOUT_MS',
      'TOKEN_PREFIX',
      'FEED_REFRESH_SECONDS',
      'MAX_STALENESS_SECONDS',
      'OUTAGE_GRACE_SECONDS',
    ];
    const variables = fc.dictionary(fc.constantFrom(...names), anything);
    const property = fc.property(variables, (values) => {
      for (const { value } of problemsOf(values)) expect(value?.length ?? 0).toBeLessThan(101);
    });
    fc.assert(property, { numRuns: 2_000 });
  });
});

/** A value that a problem quotes, told in full or by a pattern. */
function expectable(value: string | RegExp | null): string | null {
  return value instanceof RegExp ? expect.stringMatching(value) : value;
}
