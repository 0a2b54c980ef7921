/**
 * Every code of the table in the README against every kind of origin: which refusal it is, to the
 * last header, and who may read it.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  corsHeaders,
  type ExpectedRefusal,
  expectNoSecrets,
  expectRefusal,
  soon,
} from './answers.ts';
import type { Behaviour, HeaderLine, Prepare } from './deployment.ts';
import {
  createWorld,
  furtherOrigins,
  malformedOrigins,
  neighbouringOrigins,
  origins,
  type World,
} from './world.ts';

/** The request apart from its origin. `{restricted}` and the like are replaced by that key's token. */
interface Situation {
  readonly name: string;
  readonly method?: string;
  readonly target?: string;
  /** Lines of Authorization. */
  readonly authorization: readonly string[];
  readonly behaviour?: Behaviour;
}

type Outcome = Pick<ExpectedRefusal, 'code' | 'detail' | 'challenge'> | 'allowed';

/** The outcome of a situation for each kind of origin, and whether that origin may read it. */
interface Row extends Situation {
  readonly absent: Outcome;
  readonly app: Outcome;
  readonly other: Outcome;
  readonly stranger: Outcome;
  readonly opaque: Outcome;
  readonly file: Outcome;
}

const allowedTarget = '/api/stream/abc';

/** Answered alike to every origin; readable where some live key lists it. */
function whateverTheOrigin(situation: Situation, outcome: Outcome): Row {
  return {
    ...situation,
    absent: outcome,
    app: outcome,
    other: outcome,
    stranger: outcome,
    opaque: outcome,
    file: outcome,
  };
}

const missing: readonly Row[] = [
  { name: 'no Authorization', authorization: [] },
  { name: 'an empty Authorization', authorization: [''] },
  { name: 'an Authorization of blanks', authorization: ['   '] },
  { name: 'no Authorization on a route that no key may call', authorization: [], target: '/x%2fy' },
  { name: 'no Authorization on POST', authorization: [], method: 'POST' },
  {
    name: 'no Authorization on an OPTIONS that is no preflight',
    authorization: [],
    method: 'OPTIONS',
  },
].map((situation) => whateverTheOrigin(situation, { code: 'missing_credentials' }));

const otherScheme = {
  code: 'malformed_credentials',
  challenge: 'Bearer',
  detail:
    'Cannot read the Authorization header: the scheme must be Bearer. Send "Authorization: Bearer <API key>"',
} as const;

const malformed: readonly Row[] = [
  ...(
    [
      ['nothing but the scheme', ['Bearer']],
      ['a blank after the scheme', ['Bearer ']],
      ['two tokens', ['Bearer {restricted} {restricted}']],
      ['two tokens and a comma', ['Bearer {restricted},{restricted}']],
      ['two lines', ['Bearer {restricted}', 'Bearer {restricted}']],
      ['a good line and an empty one', ['Bearer {restricted}', '']],
      ['a Bearer and a Basic line', ['Bearer {restricted}', 'Basic dXNlcjpwYXNz']],
      ['a comma in front', [', Bearer {restricted}']],
      ['a Basic and a Bearer line', ['Basic dXNlcjpwYXNz', 'Bearer {restricted}']],
      ['a comma after the token', ['Bearer {restricted},']],
      ['a token in quotes', ['Bearer "{restricted}"']],
      ['a parameter', ['Bearer token={restricted}']],
      ['the scheme twice', ['Bearer Bearer {restricted}']],
      ['a padding in the middle', ['Bearer {restricted}=a']],
      ['nothing but padding', ['Bearer =']],
      ['a colon', ['Bearer :{restricted}']],
      ['a percent sign', ['Bearer %20{restricted}']],
    ] as const
  ).map(([name, authorization]) =>
    whateverTheOrigin({ name, authorization }, { code: 'malformed_credentials' }),
  ),
  ...(
    [
      ['another scheme', ['Basic dXNlcjpwYXNz']],
      ['the token alone', ['{restricted}']],
      ['a scheme that only starts like Bearer', ['Bearertoken {restricted}']],
      ['no blank after the scheme', ['Bearer{restricted}']],
      ['a colon after the scheme', ['Bearer: {restricted}']],
      ['an equals sign after the scheme', ['Bearer={restricted}']],
      ['JSON', ['{"token":"{restricted}"}']],
    ] as const
  ).map(([name, authorization]) => whateverTheOrigin({ name, authorization }, otherScheme)),
];

const invalid: readonly Row[] = (
  [
    ['an unknown token of another form', '7b1f6f0e-3f1c-4f0c-9d5e-2a8b6c4d1e0f'],
    ['a token of one character', 'a'],
    ['a token of every sign that it may have', 'aZ09-._~+/=='],
    ['a token of 513 characters', 'a'.repeat(513)],
    ['a token with one character changed', '{restricted:changed}'],
    ['a token in upper case', '{restricted:upper}'],
    ['a token without its last character', '{restricted:short}'],
    ['a token and one character more', '{restricted:long}'],
    [
      'an invented token with a right checksum',
      'ea_pk_000000000000000000000000000000000000002UfMn3',
    ],
    ['the id of a key', '{restricted:id}'],
    ['an expired key', '{expired}'],
    ['a disabled key', '{disabled}'],
    ['a revoked key', '{revoked}'],
    ['the admin token', '{admin}'],
  ] as const
).map(([name, token]) =>
  whateverTheOrigin({ name, authorization: [`Bearer ${token}`] }, { code: 'invalid_key' }),
);

function isOpaque(origin: string): boolean {
  return origin === origins.opaque || origin === origins.file;
}

/** How to allow an origin. The advice for an opaque one is of another kind: it names no site. */
export function allowAdvice(origin: string, key: string): string {
  return isOpaque(origin)
    ? `Such pages have an opaque origin: serve the page from a web server, or add "*" to the allowed origins of ${key}`
    : `Add it to the allowed origins of ${key}`;
}

function corsNotEnabled(origin: string): Outcome {
  return {
    code: 'cors_not_enabled',
    detail: `Cannot use this API key from a browser page on "${origin}": the key is for backends. Create a key with CORS access that lists ${isOpaque(origin) ? 'the origin "*"' : 'this origin'}, and never put a backend key into a page`,
  };
}

function originNotAllowed(origin: string): Outcome {
  return {
    code: 'origin_not_allowed',
    detail: `Cannot use this API key from origin "${origin}": the key does not list it. ${allowAdvice(origin, 'the key')}`,
  };
}

/** The row of a backend key: the outcome without an origin. With an origin, the key is refused first. */
function ofBackendKey(situation: Situation, absent: Outcome): Row {
  return {
    ...situation,
    absent,
    app: corsNotEnabled(origins.app),
    other: corsNotEnabled(origins.other),
    stranger: corsNotEnabled(origins.stranger),
    opaque: corsNotEnabled(origins.opaque),
    file: corsNotEnabled(origins.file),
  };
}

/** The row of a key that lists `app`: the outcome there and without an origin. Others are refused first. */
function ofAppKey(situation: Situation, outcome: Outcome): Row {
  return {
    ...situation,
    absent: outcome,
    app: outcome,
    other: originNotAllowed(origins.other),
    stranger: originNotAllowed(origins.stranger),
    opaque: originNotAllowed(origins.opaque),
    file: originNotAllowed(origins.file),
  };
}

function routeNotAllowed(endpoint: string, why: keyof typeof routeReasons): Outcome {
  return {
    code: 'route_not_allowed',
    detail: `Cannot call "${endpoint}" with this API key: ${routeReasons[why]}`,
  };
}

const routeReasons = {
  restricted:
    'a restricted CORS key may call only a short list of endpoints. Call this one from a backend, or give the key a rule for it',
  rules: 'no access rule of this key covers it. Add a rule to the key',
  other: 'neither TRACE nor a path that leaves the API is forwarded',
} as const;

const hang: Behaviour = { kind: 'hang' };
const unreachable: Behaviour = { kind: 'unreachable' };

const found: readonly Row[] = [
  ofBackendKey({ name: 'a backend key', authorization: ['Bearer {backend}'] }, 'allowed'),
  ofBackendKey(
    { name: 'a backend key with rules', authorization: ['Bearer {backendRules}'], target: '/any' },
    'allowed',
  ),
  ofBackendKey(
    {
      name: 'a backend key beyond its rules',
      authorization: ['Bearer {backendRules}'],
      target: '/api/task/x',
    },
    routeNotAllowed('GET /api/task/x', 'rules'),
  ),
  ofBackendKey(
    {
      name: 'a backend key that climbs above the root',
      authorization: ['Bearer {backend}'],
      target: '/%2e%2e/x',
    },
    routeNotAllowed('GET /%2e%2e/x', 'other'),
  ),
  ofAppKey({ name: 'a restricted key', authorization: ['Bearer {restricted}'] }, 'allowed'),
  ofAppKey(
    { name: 'a restricted key, scheme in lower case', authorization: ['bearer {restricted}'] },
    'allowed',
  ),
  ofAppKey(
    { name: 'a restricted key, scheme in upper case', authorization: ['BEARER {restricted}'] },
    'allowed',
  ),
  ofAppKey(
    { name: 'a restricted key after several blanks', authorization: ['Bearer   {restricted}'] },
    'allowed',
  ),
  ofAppKey(
    { name: 'a restricted key after a tab', authorization: ['Bearer\t{restricted}'] },
    'allowed',
  ),
  ofAppKey(
    { name: 'a restricted key after an empty line', authorization: ['', 'Bearer {restricted}'] },
    'allowed',
  ),
  ofAppKey(
    { name: 'a restricted key before blanks', authorization: ['Bearer {restricted} \t '] },
    'allowed',
  ),
  ofAppKey(
    {
      name: 'a restricted key on another route',
      authorization: ['Bearer {restricted}'],
      target: '/api/stream',
    },
    routeNotAllowed('GET /api/stream', 'restricted'),
  ),
  ofAppKey(
    {
      name: 'a restricted key with another method',
      authorization: ['Bearer {restricted}'],
      method: 'DELETE',
    },
    routeNotAllowed(`DELETE ${allowedTarget}`, 'restricted'),
  ),
  ofAppKey(
    {
      name: 'a restricted key on a path of quotes',
      authorization: ['Bearer {restricted}'],
      method: 'PUT',
      target: '/"\\',
    },
    routeNotAllowed('PUT /\\"\\\\', 'restricted'),
  ),
  ofAppKey(
    {
      name: 'a restricted key with a very long path',
      authorization: ['Bearer {restricted}'],
      target: `/${'a'.repeat(300)}`,
    },
    routeNotAllowed(`GET /${'a'.repeat(195)}`, 'restricted'),
  ),
  ofAppKey(
    {
      name: 'an OPTIONS that is no preflight',
      authorization: ['Bearer {restricted}'],
      method: 'OPTIONS',
    },
    routeNotAllowed(`OPTIONS ${allowedTarget}`, 'restricted'),
  ),
  ofAppKey(
    { name: 'a full-access key', authorization: ['Bearer {full}'], target: '/x' },
    'allowed',
  ),
  ofAppKey(
    {
      name: 'a full-access key with OPTIONS',
      authorization: ['Bearer {full}'],
      method: 'OPTIONS',
      target: '/x',
    },
    'allowed',
  ),
  ofAppKey(
    {
      name: 'a full-access key that climbs above the root',
      authorization: ['Bearer {full}'],
      target: '/%2e%2e/x',
    },
    routeNotAllowed('GET /%2e%2e/x', 'other'),
  ),
  ofAppKey(
    { name: 'a key with rules', authorization: ['Bearer {rules}'], target: '/api/asset/x' },
    'allowed',
  ),
  ofAppKey(
    { name: 'a key beyond its rules', authorization: ['Bearer {rules}'] },
    routeNotAllowed(`GET ${allowedTarget}`, 'rules'),
  ),
  ofAppKey(
    { name: 'an upstream that is down', authorization: ['Bearer {full}'], behaviour: unreachable },
    { code: 'upstream_unreachable' },
  ),
  ofAppKey(
    { name: 'an upstream that hangs', authorization: ['Bearer {full}'], behaviour: hang },
    { code: 'upstream_timeout' },
  ),
];

/** All situations; every one is asked with every kind of origin. */
export const refusalRows = [...missing, ...malformed, ...invalid, ...found];

const originKinds = ['absent', 'app', 'other', 'stranger', 'opaque', 'file'] as const;

const accepts = [
  ['nothing', null, 'application/json'],
  ['anything', '*/*', 'application/json'],
  ['JSON', 'application/json', 'application/json'],
  ['HTML', 'text/html, application/xhtml+xml;q=0.9', 'application/json'],
  ['problem details', 'application/problem+json', 'application/problem+json'],
  ['problem details in another case', 'Application/Problem+JSON', 'application/problem+json'],
  [
    'problem details first',
    'application/problem+json, application/json;q=0.9',
    'application/problem+json',
  ],
  [
    'problem details beside JSON',
    'application/json, application/problem+json',
    'application/problem+json',
  ],
  [
    'problem details after JSON',
    'application/json, application/problem+json;q=0.5',
    'application/json',
  ],
  ['no problem details', 'application/problem+json;q=0, */*', 'application/json'],
  ['problem details in XML', 'application/problem+xml', 'application/json'],
  [
    'problem details and a parameter',
    'application/problem+json; charset=utf-8',
    'application/problem+json',
  ],
] as const;

/** Runs the table, and what belongs to it, against a deployment. */
export function describeRefusals(prepare: Prepare): void {
  describe('refusals', () => {
    const deploy = prepare({ vars: { UPSTREAM_TIMEOUT_MS: '1000' } });
    let world: World;
    beforeAll(async () => {
      world = await createWorld(await deploy());
    });
    afterAll(() => world.deployment.dispose());

    async function ask(
      situation: Situation,
      originLines: readonly string[],
      more: HeaderLine[] = [],
    ) {
      const { deployment } = world;
      deployment.behaviour = situation.behaviour ?? { kind: 'reply' };
      const before = deployment.received.length;
      const answer = await deployment.call({
        method: situation.method ?? 'GET',
        target: situation.target ?? allowedTarget,
        headers: [
          ...originLines.map((value): HeaderLine => ['Origin', value]),
          ...situation.authorization.map(
            (value): HeaderLine => ['Authorization', fillIn(value, world)],
          ),
          ...more,
        ],
      });
      return { answer, reached: deployment.received.length - before };
    }

    const cells = refusalRows.flatMap((row) =>
      originKinds.map((kind) => ({ row, kind, name: `${row.name}, origin ${kind}` })),
    );
    test.each(cells)('$name', async ({ row, kind }) => {
      const origin = kind === 'absent' ? null : origins[kind];
      const { answer, reached } = await ask(row, origin === null ? [] : [origin]);
      const outcome = row[kind];
      const isListed = kind === 'app' || kind === 'other';
      if (outcome === 'allowed') {
        expect(reached).toBe(1);
        expect(answer).toMatchObject({ status: 200, headers: { vary: 'Origin' } });
        expect(corsHeadersOf(answer.headers)).toEqual(corsHeaders(origin));
        return;
      }
      const isUpstreamFailure = outcome.code.startsWith('upstream_');
      expect(reached).toBe(isUpstreamFailure ? 1 : 0);
      expectRefusal(answer, { ...outcome, grant: isListed ? origin : null });
    });

    const asked: readonly Situation[] = [
      { name: 'without a key', authorization: [] },
      { name: 'with a key', authorization: ['Bearer {full}'] },
      { name: 'with a backend key', authorization: ['Bearer {backend}'] },
      { name: 'with nonsense for a key', authorization: ['nonsense'] },
    ];
    test.each(
      malformedOrigins.flatMap(([name, origin]) =>
        asked.map((situation) => ({ name: `${name}, ${situation.name}`, origin, situation })),
      ),
    )('refuse an Origin that is malformed: $name', async ({ origin, situation }) => {
      const { answer, reached } = await ask(situation, [origin]);
      expect(reached).toBe(0);
      expectRefusal(answer, { code: 'invalid_origin', grant: null });
    });

    test.each([
      ['the same twice', [origins.app, origins.app]],
      ['two that are listed', [origins.app, origins.other]],
      ['one and null', [origins.app, 'null']],
      ['one and an empty one', [origins.app, '']],
    ] as const)('refuse several Origins: %s', async (_, lines) => {
      const { answer, reached } = await ask({ name: '', authorization: ['Bearer {full}'] }, lines);
      expect(reached).toBe(0);
      expectRefusal(answer, { code: 'invalid_origin', grant: null });
    });

    test.each(neighbouringOrigins)('refuse an origin near a listed one: %s', async (_, origin) => {
      const send = () => ask({ name: '', authorization: ['Bearer {restricted}'] }, [origin]);
      let { answer } = await send();
      // Look-ups for refusals alone have a budget, which the rows before may have used up.
      await expect
        .poll(
          async () => {
            ({ answer } = await send());
            return corsHeadersOf(answer.headers);
          },
          { timeout: 20_000, interval: 500 },
        )
        .toEqual({});
      expectRefusal(answer, { ...(originNotAllowed(origin) as ExpectedRefusal), grant: null });
    });

    test.each(furtherOrigins)('are not what %s gets', async (_, _pattern, origin) => {
      const { answer } = await ask({ name: '', authorization: ['Bearer {restricted}'] }, [origin]);
      expect(answer.status).toBe(200);
      expect(corsHeadersOf(answer.headers)).toEqual(corsHeaders(origin));
    });

    test.each(['', '  ', '\t'])(
      'take an Origin of nothing but blanks for none: %j',
      async (origin) => {
        const { answer } = await ask({ name: '', authorization: ['Bearer {backend}'] }, [origin]);
        expect(answer.status).toBe(200);
        expect(corsHeadersOf(answer.headers)).toEqual({});
      },
    );

    test.each([' ', '\t', ' \t  '])(
      'echo an Origin without the blanks %j after it',
      async (blanks) => {
        const { answer } = await ask({ name: '', authorization: ['Bearer {full}'] }, [
          origins.app + blanks,
        ]);
        expect(corsHeadersOf(answer.headers)).toEqual(corsHeaders(origins.app));
      },
    );

    test.each(accepts)('come as the type that is asked for: %s', async (_, accept, contentType) => {
      const situation: Situation = { name: '', authorization: [] };
      const lines: HeaderLine[] = accept === null ? [] : [['Accept', accept]];
      const { answer } = await ask(situation, [origins.app], lines);
      expectRefusal(answer, { code: 'missing_credentials', grant: origins.app, contentType });
    });

    test('have an id of their own each', async () => {
      const ids = new Set<string | undefined>();
      for (let round = 0; round < 5; round++) {
        const { answer } = await ask({ name: '', authorization: [] }, []);
        ids.add(answer.headers['x-request-id']);
      }
      expect(ids.size).toBe(5);
    });

    test('do not take over an id that the client claims', async () => {
      const claimed = '00000000-0000-4000-8000-000000000000';
      const lines: HeaderLine[] = [['X-Request-Id', claimed]];
      const { answer } = await ask({ name: '', authorization: [] }, [], lines);
      expect(answer.headers['x-request-id']).not.toBe(claimed);
      expectRefusal(answer, { code: 'missing_credentials', grant: null });
    });

    test('are logged once each, as JSON, with the cause that the caller does not see', async () => {
      const { answer } = await ask({ name: '', authorization: ['Bearer {expired}'] }, [
        origins.app,
      ]);
      const requestId = answer.headers['x-request-id'] ?? 'none';
      const lines = () => world.deployment.logs.filter((line) => line.includes(requestId));
      await expect.poll(lines, soon).toHaveLength(1);
      expect(JSON.parse(lines()[0] ?? '')).toEqual({
        event: 'refused',
        code: 'invalid_key',
        cause: 'expired',
        requestId,
        method: 'GET',
        keyId: world.expired.id,
        owner: null,
        origin: origins.app,
        durationMs: expect.any(Number),
        keySource: expect.any(String),
        keyDurationMs: expect.any(Number),
      });
    });

    test('name the row that allowed the request in the log, after the upstream failed', async () => {
      const authorization = ['Bearer {restricted}'];
      const target = '/api/stream/abc';
      const { answer } = await ask({ name: '', authorization, target, behaviour: unreachable }, [
        origins.app,
      ]);
      const requestId = answer.headers['x-request-id'] ?? 'none';
      const lines = () => world.deployment.logs.filter((line) => line.includes(requestId));
      await expect.poll(lines, soon).toHaveLength(1);
      expect(JSON.parse(lines()[0] ?? '')).toMatchObject({
        code: 'upstream_unreachable',
        route: '/api/stream/{stream}',
      });
    });

    test('name a backend key that a page uses as a probable leak in the log', async () => {
      const { answer } = await ask({ name: '', authorization: ['Bearer {backend}'] }, [
        origins.app,
      ]);
      const requestId = answer.headers['x-request-id'] ?? 'none';
      const lines = () => world.deployment.logs.filter((line) => line.includes(requestId));
      await expect.poll(lines, soon).toHaveLength(1);
      expect(JSON.parse(lines()[0] ?? '')).toEqual({
        event: 'refused',
        code: 'cors_not_enabled',
        requestId,
        method: 'GET',
        keyId: world.backend.id,
        owner: 'acct_backend',
        origin: origins.app,
        durationMs: expect.any(Number),
        keySource: expect.any(String),
        keyDurationMs: expect.any(Number),
        isProbableLeak: true,
      });
    });

    test('leave no secret in logs, storage or upstream, in the end', async () => {
      const { deployment } = world;
      const secrets = [...secretsOf(world), 'dXNlcjpwYXNz'];
      expect(deployment.received.length).toBeGreaterThan(20);
      expectNoSecrets(
        deployment.received.map((request) => JSON.stringify(request)),
        secrets,
      );
      await expect.poll(() => deployment.logs.length, soon).toBeGreaterThan(refusalRows.length);
      expectNoSecrets(deployment.logs, secrets);
      // Malformed origins reach no log either.
      expectNoSecrets(deployment.logs, ['<script>', 'user@']);
    });
  });
}

/** Everything that must not be found anywhere. */
export function secretsOf(world: World): string[] {
  const keys = Object.values(world).filter((value) => 'token' in value);
  return [world.deployment.adminToken, ...keys.map(({ token }) => token)];
}

/** The CORS headers alone. */
export function corsHeadersOf(headers: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith('access-control-')),
  );
}

/** Puts the tokens of the world in: `{restricted}`, `{restricted:upper}`, `{admin}` and so on. */
export function fillIn(value: string, world: World): string {
  return value.replace(/\{([a-zA-Z]+)(?::([a-z]+))?\}/g, (_, name: string, form?: string) => {
    if (name === 'admin') return world.deployment.adminToken;
    const key = world[name as Exclude<keyof World, 'deployment'>];
    switch (form) {
      case 'id':
        return key.id;
      case 'upper':
        return key.token.toUpperCase();
      case 'short':
        return key.token.slice(0, -1);
      case 'long':
        return `${key.token}a`;
      case 'changed':
        return key.token.replace(
          /^(.{10})(.)/,
          (__, start, one) => start + (one === 'a' ? 'b' : 'a'),
        );
      default:
        return key.token;
    }
  });
}
