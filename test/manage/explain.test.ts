import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { type Client, clientOf, type Document, expectProblem, problemsOf } from './client.ts';

const ORIGIN = 'https://app.example';
const rule = { methods: ['get'], resources: ['/own/:id', '/all/*'] };

const origins = [
  null,
  ORIGIN,
  'https://a.wild.example',
  'https://wild.example',
  'https://disabled.example',
  'https://nobody.example',
  'null',
  'https://App.example',
  'not an origin',
  'https://a.example, https://b.example',
];

let edge: Deployment;
let operator: Client;
const keys: Record<string, Document> = {};

beforeAll(async () => {
  const publicRoutes = { routes: [{ methods: ['GET'], path: '/api/playback/{playback}' }] };
  edge = await deploy({ vars: { PUBLIC_ROUTES: JSON.stringify(publicRoutes) } });
  operator = clientOf(edge);
  const documents = {
    backend: {},
    'backend with rules': { access: { rules: [rule] } },
    restricted: { access: { cors: { allowedOrigins: [ORIGIN, 'https://*.wild.example'] } } },
    full: { access: { cors: { allowedOrigins: [ORIGIN], fullAccess: true } } },
    any: { access: { cors: { allowedOrigins: ['*'] } } },
    'page with rules': { access: { cors: { allowedOrigins: [ORIGIN] }, rules: [rule] } },
    expired: {},
    disabled: { access: { cors: { allowedOrigins: ['https://disabled.example'] } } },
    revoked: {},
  };
  for (const [name, document] of Object.entries(documents)) {
    keys[name] = (await operator('POST', '/keys', { body: { name, ...document } })).body;
  }
  const past = { expiresAt: '2020-01-01T00:00:00Z' };
  await operator('PATCH', `/keys/${keys['expired'].id}`, { body: past });
  await operator('PATCH', `/keys/${keys['disabled'].id}`, { body: { enabled: false } });
  await operator('DELETE', `/keys/${keys['revoked'].id}`);
  const old = (await operator('POST', '/keys', { body: { name: 'rolled' } })).body;
  await operator('POST', `/keys/${old.id}/roll`);
  keys['rolled'] = old;
});

afterAll(() => edge.dispose());

describe('POST /explain refuses', () => {
  const rows: readonly (readonly [string, object, object])[] = [
    [
      'nothing',
      {},
      {
        method: { reason: 'it is missing' },
        path: { reason: 'it is missing' },
        keyId: { reason: 'it is missing' },
      },
    ],
    [
      'what cannot be a request, and quotes no token',
      { method: 'get', path: 'api', origin: 5, headers: [1], token: 5, extra: 1 },
      {
        method: { value: 'get' },
        path: { value: 'api' },
        origin: { value: 5 },
        'headers[0]': { value: 1 },
        token: { value: null },
        extra: { reason: 'there is no such field' },
      },
    ],
    [
      'both a key and a token',
      { method: 'GET', path: '/', keyId: 'key_0000000000000000000000', token: 'x' },
      { token: { value: null, reason: 'there is a keyId as well' } },
    ],
    ['what is no id', { method: 'GET', path: '/', keyId: 'x' }, { keyId: { value: 'x' } }],
  ];
  it.each(rows)('%s', async (_, body, problems) => {
    const answer = await operator('POST', '/explain', { body });
    expectProblem(answer, 422, 'invalid_fields');
    expect(problemsOf(answer)).toMatchObject(problems);
    expect(Object.keys(problemsOf(answer)).sort()).toEqual(Object.keys(problems).sort());
  });

  it('a key that there is not', async () => {
    const body = { method: 'GET', path: '/', keyId: 'key_0000000000000000000000' };
    expectProblem(await operator('POST', '/explain', { body }), 404, 'not_found');
  });
});

describe('POST /explain says what the gateway does', () => {
  const targets = [
    ['GET', '/api/asset/abc'],
    ['GET', '/api/asset/abc?x=1&_method=PATCH'],
    ['POST', '/api/stream'],
    ['GET', '/api/stream'],
    ['PATCH', '/api/stream/deactivate-many'],
    ['GET', '/api/asset/abc/'],
    ['GET', '/api//asset/abc'],
    ['GET', '/api/asset/%61bc'],
    ['OPTIONS', '/api/asset/abc'],
    ['GET', '/own/abc'],
    ['GET', '/all/of/it'],
    ['DELETE', '/all/of/it'],
    ['GET', '/a/%2e%2e/_edge/v1/keys'],
    ['GET', '/_edge/health2'],
    ['GET', '/api/playback/abc'],
    ['GET', '/api/playback/abc?_method=PUT'],
    ['POST', '/api/playback/abc'],
  ] as const;
  // Every path from nowhere and from a good origin. By day, every other origin asks for the first one, and for two
  // or three that the next origin does not ask for.
  const step = inject('isNightly') ? 1 : 8;
  const requests = origins.flatMap((origin, place) =>
    targets
      .filter(
        (_, index) =>
          origin === null || origin === ORIGIN || index === 0 || index % step === place % step,
      )
      .map(([method, path]) => [origin, method, path] as const),
  );
  // A key that does not work is refused whatever its rules. By day, one good origin stands for both.
  const dead = ['expired', 'disabled', 'revoked', 'rolled'];
  const requestsFor = (name: string) =>
    inject('isNightly') || !dead.includes(name)
      ? requests
      : requests.filter(([origin], index) => origin !== ORIGIN && index % 2 === 0);
  const names = [
    'backend',
    'backend with rules',
    'restricted',
    'full',
    'any',
    'page with rules',
    'expired',
    'disabled',
    'revoked',
    'rolled',
  ];

  // What is explained, and what a request is really answered, side by side.
  it.each(names)('with every kind of request for a key that is %s', async (name) => {
    const { token } = keys[name];
    for (const [origin, method, path] of requestsFor(name)) {
      const explained = await operator('POST', '/explain', {
        body: { method, path, origin, token },
      });
      expect(explained.status, explained.text).toBe(200);
      const answer = await edge.call({
        method,
        target: path,
        headers: [
          ['Authorization', `Bearer ${token}`],
          ...(origin === null ? [] : [['Origin', origin] as const]),
        ],
      });
      const { allowed, status, code, headers, decidedBy, steps } = explained.body;
      const what = `${method} ${path} from ${origin}: ${explained.text}`;
      const reason = answer.headers['x-edge-reason'] ?? null;
      expect({ allowed, code, status: status ?? 200 }, what).toEqual({
        allowed: reason === null,
        code: reason,
        status: answer.status,
      });
      expect(corsOf(headers), what).toEqual(corsOf(answer.headers));
      const failed = steps.filter(
        ({ step, outcome }: Document) => step !== 'preflight' && outcome === 'failed',
      );
      expect(
        failed.map(({ step }: Document) => step),
        what,
      ).toEqual(decidedBy === null ? [] : [decidedBy]);
      expect(explained.text).not.toContain(token);
    }
  });
});

describe('POST /explain says which headers are dropped', () => {
  it.each([
    ['restricted', 'GET', '/api/asset/abc', ['x-custom', 'script-name', 'x_under']],
    ['full', 'GET', '/api/asset/abc', ['script-name', 'x_under']],
    ['restricted', 'GET', '/api/outside', []],
  ] as const)('by a key that is %s, for %s %s', async (name, method, path, dropped) => {
    const sent = ['Authorization', 'Accept', 'X-Custom', 'Script-Name', 'X_Under', 'Referer'];
    const { token } = keys[name];
    const { body } = await operator('POST', '/explain', {
      body: { method, path, token, headers: sent },
    });
    expect(body.droppedHeaders).toEqual(dropped);
    // Side by side with the gateway.
    const answer = await edge.call({
      method,
      target: path,
      headers: [
        ['Authorization', `Bearer ${token}`],
        ...sent.slice(1).map((header) => [header, '1'] as const),
      ],
    });
    const reported = answer.headers['x-edge-dropped-headers']?.split(', ') ?? [];
    expect(reported.sort()).toEqual([...dropped].sort());
  });
});

describe('POST /explain says by what a preflight passes', () => {
  it.each([
    [ORIGIN, `a live key allows ${ORIGIN}`],
    ['https://a.wild.example', 'a live key allows https://a.wild.example'],
    ['https://nobody.example', 'a live key allows any origin'],
    ['null', 'a live key allows any origin'],
  ])('from %s', async (origin, why) => {
    const { steps } = (
      await operator('POST', '/explain', {
        body: { method: 'GET', path: '/api/asset/abc', origin, keyId: keys['restricted'].id },
      })
    ).body;
    expect(steps).toContainEqual({
      step: 'preflight',
      outcome: 'passed',
      detail: `${why}, and the preflight carries no key that could be checked`,
    });
  });
});

describe('POST /explain says what the gateway answers to a preflight', () => {
  // Where some live key lists "*", every origin is registered.
  beforeAll(() => operator('PATCH', `/keys/${keys['any'].id}`, { body: { enabled: false } }));

  const asked = ['POST /api/stream', 'GET /api/playback/abc', 'PROPFIND /api/playback/abc'];
  const preflights = origins.flatMap((origin) =>
    asked.map((request) => [origin, ...request.split(' ')] as [string | null, string, string]),
  );
  it.each(preflights)('from %j for %s %s', async (origin, method, path) => {
    const body = {
      method,
      path,
      origin,
      headers: ['authorization', 'X-Custom', 'not a name'],
      keyId: keys['restricted'].id,
    };
    const { preflight, steps } = (await operator('POST', '/explain', { body })).body;
    const step = steps.find((candidate: Document) => candidate.step === 'preflight');
    if (preflight === null) {
      expect(step.outcome).toBe('skipped');
      return;
    }
    const answer = await edge.call({
      method: 'OPTIONS',
      target: path,
      headers: [
        ['Origin', origin ?? ''],
        ['Access-Control-Request-Method', method],
        ['Access-Control-Request-Headers', 'authorization,X-Custom,not a name'],
      ],
    });
    expect(preflight.status).toBe(answer.status);
    expect(preflight.code).toBe(answer.headers['x-edge-reason'] ?? null);
    expect(corsOf(preflight.headers)).toEqual(corsOf(answer.headers));
    const isSent = answer.status === 204 && method !== 'TRACK';
    expect(step.outcome).toBe(isSent ? 'passed' : 'failed');
  });
});

describe('POST /explain shows the manager of a key more than its callers', () => {
  it.each([
    ['expired', /expired/, true],
    ['disabled', /disabled/, true],
    ['revoked', /revoked/, true],
    ['rolled', /rolled/, true],
  ])('that it is %s', async (name, why, isKnown) => {
    const { id, token } = keys[name];
    const { body } = await operator('POST', '/explain', {
      body: { method: 'GET', path: '/', token },
    });
    expect(body).toMatchObject({
      code: 'invalid_key',
      decidedBy: 'key',
      keyId: isKnown ? id : null,
    });
    expect(body.steps.find(({ step }: Document) => step === 'key').detail).toMatch(why);
    expect(body.detail).not.toMatch(why === undefined ? /./ : /was rolled/);
  });

  it.each([
    ['x'.repeat(600), /longer than any/],
    ['some-unknown-token', /no key has this token/],
  ])('why %s is no token', async (token, why) => {
    const { body } = await operator('POST', '/explain', {
      body: { method: 'GET', path: '/', token },
    });
    expect(body).toMatchObject({ code: 'invalid_key', keyId: null });
    expect(body.steps.find(({ step }: Document) => step === 'key').detail).toMatch(why);
  });

  it('that a token was mistyped, or made elsewhere', async () => {
    const { token } = keys['backend'];
    const mistyped = `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`;
    const { body } = await operator('POST', '/explain', {
      body: { method: 'GET', path: '/', token: mistyped },
    });
    expect(body.steps.find(({ step }: Document) => step === 'key').detail).toMatch(/mistyped/);
  });

  it('which of its patterns admits the origin', async () => {
    const body = {
      method: 'GET',
      path: '/api/asset/abc',
      origin: 'https://a.wild.example',
      keyId: keys['restricted'].id,
    };
    const answer = await operator('POST', '/explain', { body });
    expect(answer.body.steps).toContainEqual({
      step: 'allowed_origins',
      outcome: 'passed',
      detail: 'the key lists https://*.wild.example',
    });
    expect(answer.body.steps.map(({ step }: Document) => step)).toEqual([
      'target',
      'origin',
      'preflight',
      'public_route',
      'key',
      'allowed_origins',
      'address',
      'route',
      'quota',
    ]);
  });

  it('and sends nothing to the upstream', async () => {
    const before = edge.received.length;
    await operator('POST', '/explain', {
      body: { method: 'GET', path: '/', keyId: keys['backend'].id },
    });
    expect(edge.received.length).toBe(before);
  });
});

/** The headers of an answer that tell a browser what it may do, and why not. */
function corsOf(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const told = ['vary', 'x-edge-reason', 'www-authenticate'];
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => name.startsWith('access-control-') || told.includes(name)),
  );
}
