/**
 * Preflights: which are granted, with exactly which headers, and which requests only look like one.
 * Fetch, CORS-preflight fetch: https://fetch.spec.whatwg.org/#cors-preflight-fetch
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { corsHeaders, type ExpectedRefusal, expectNoCors, expectRefusal } from './answers.ts';
import type { Answer, Deployment, HeaderLine, Prepare } from './deployment.ts';
import { allowAdvice, corsHeadersOf, fillIn } from './refusals.ts';
import {
  bearer,
  createWorld,
  furtherOrigins,
  malformedOrigins,
  neighbouringOrigins,
  origins,
  type World,
} from './world.ts';

const always = 'authorization, content-type';
const preflightVary = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers';

const names = (count: number) => Array.from({ length: count }, (_, index) => `x-${index}`);

/** The lines of Access-Control-Request-Headers, and the header names that are allowed for them. */
const headerRows: readonly (readonly [string, readonly string[], string])[] = [
  ['nothing', [], always],
  ['an empty line', [''], always],
  ['commas alone', [',,,'], always],
  ['what is always allowed', ['authorization,content-type'], always],
  ['what is always allowed, in upper case', ['AUTHORIZATION, Content-Type'], always],
  ['another name', ['x-app-version'], `${always}, x-app-version`],
  ['a name in upper case', ['X-App-Version'], `${always}, x-app-version`],
  ['a name twice', ['x-a, X-A,x-a'], `${always}, x-a`],
  ['blanks and tabs round the names', ['  x-a \t,\tx-b  '], `${always}, x-a, x-b`],
  ['several lines', ['x-a', 'x-b'], `${always}, x-a, x-b`],
  ['empty names in between', ['x-a,,x-b,'], `${always}, x-a, x-b`],
  ['a name with a blank', ['x a, x-b'], `${always}, x-b`],
  ['a star', ['*'], always],
  ['a star among others', ['x-a, *, x-b'], `${always}, x-a, x-b`],
  ['a name with a star', ['x-*'], `${always}, x-*`],
  ['a name with a colon', ['x:a, x-b'], `${always}, x-b`],
  ['a name in quotes', ['"x-a", x-b'], `${always}, x-b`],
  ['a name outside ASCII', ['x-\xc3\xa9, x-b'], `${always}, x-b`],
  ['every sign that a name may have', ["!#$%&'*+-.^_`|~09az"], `${always}, !#$%&'*+-.^_\`|~09az`],
  ['64 names', [names(64).join(',')], `${always}, ${names(64).join(', ')}`],
  ['65 names', [names(65).join(',')], always],
  ['names of 4096 bytes', ['x'.repeat(4096)], `${always}, ${'x'.repeat(4096)}`],
  ['names of 4097 bytes', ['x'.repeat(4097)], always],
  [
    'the headers of @livepeer/react',
    [
      'authorization,content-type,x-core-sdk-version,x-react-native-sdk-version,x-react-sdk-version',
    ],
    `${always}, x-core-sdk-version, x-react-native-sdk-version, x-react-sdk-version`,
  ],
  [
    'the headers of a tus upload',
    ['authorization,tus-resumable,upload-length,upload-metadata,upload-offset'],
    `${always}, tus-resumable, upload-length, upload-metadata, upload-offset`,
  ],
  [
    'the headers of tracing agents',
    ['authorization,baggage,sentry-trace,traceparent,tracestate'],
    `${always}, baggage, sentry-trace, traceparent, tracestate`,
  ],
];

/** Values of Access-Control-Request-Method, and the method granted beyond the usual ones. */
const methods: readonly (readonly [requested: string, extra: string])[] = [
  ['GET', ''],
  ['HEAD', ''],
  ['POST', ''],
  ['PUT', ''],
  ['PATCH', ''],
  ['DELETE', ''],
  ['OPTIONS', ''],
  ['QUERY', ', QUERY'],
  ['PROPFIND', ', PROPFIND'],
  ['M-SEARCH', ', M-SEARCH'],
  // Never forwarded.
  ['TRACE', ''],
  ['TRACK', ''],
  ['CONNECT', ''],
  // No method that any server has: the browser's console names it.
  ['patch', ''],
  ['*', ''],
  ['GET, FOO', ''],
  ['FOO BAR', ''],
  ['A'.repeat(21), ''],
];

const targets = [
  '/',
  '/api/stream',
  '/api/unknown?a=1&b',
  '//api//x',
  '/%2e%2e/x',
  '/a\\b',
  '/_edgeless',
];

/** Ours, by any reading: not the keys' business. */
const ownTargets = [
  '/_edge',
  '/_edge/',
  '/_edge/health',
  '/_edge/v1/keys',
  '/_edge/unknown',
  '/_EDGE/v1/keys',
  '/a/%2e%2e/_edge/v1/keys',
  '/%5fedge/v1/keys',
];

function preflightLines(origin: string, more: readonly HeaderLine[] = []): readonly HeaderLine[] {
  return [['Origin', origin], ['Access-Control-Request-Method', 'POST'], ...more];
}

function expectGranted(
  answer: Answer,
  grant: string,
  { allowHeaders = always, extraMethod = '' } = {},
): void {
  expect(answer).toEqual({
    status: 204,
    cookies: [],
    headers: {
      'access-control-allow-origin': grant,
      'access-control-allow-methods': `GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS${extraMethod}`,
      'access-control-allow-headers': allowHeaders,
      'access-control-max-age': '7200',
      vary: preflightVary,
    },
    body: '',
  });
}

function notRegistered(origin: string): ExpectedRefusal {
  return {
    code: 'origin_not_registered',
    grant: null,
    vary: preflightVary,
    detail: `Cannot answer the preflight from origin "${origin}": no API key lists this origin. ${allowAdvice(origin, 'the key that the page uses')}`,
  };
}

/** Runs the tables against a deployment. */
export function describePreflights(prepare: Prepare): void {
  describe('preflights', () => {
    const deploy = prepare();
    let world: World;
    beforeAll(async () => {
      world = await createWorld(await deploy());
    });
    afterAll(async () => {
      await world.deployment.dispose();
    });
    const options = (headers: readonly HeaderLine[], target = '/api/stream'): Promise<Answer> =>
      world.deployment.call({ method: 'OPTIONS', target, headers });

    test.each(neighbouringOrigins)(
      'are refused to an origin near a listed one: %s',
      async (_, origin) => {
        expectRefusal(await options(preflightLines(origin)), notRegistered(origin));
      },
    );

    test.each([origins.stranger, origins.opaque, origins.file])(
      'are refused to %s',
      async (origin) => {
        expectRefusal(await options(preflightLines(origin)), notRegistered(origin));
      },
    );

    test('are refused to an origin that only a revoked key lists', async () => {
      const origin = 'https://revoked.example';
      const key = await world.deployment.createKey({
        name: 'short-lived',
        access: { cors: { allowedOrigins: [origin] } },
      });
      expectGranted(await options(preflightLines(origin)), origin);
      await world.deployment.call({
        method: 'DELETE',
        target: `/_edge/v1/keys/${key.id}`,
        headers: [['Authorization', `Bearer ${world.deployment.adminToken}`]],
      });
      expectRefusal(await options(preflightLines(origin)), notRegistered(origin));
    });

    test.each(malformedOrigins)(
      'are refused to an Origin that is malformed: %s',
      async (_, origin) => {
        expectRefusal(await options(preflightLines(origin)), {
          code: 'invalid_origin',
          grant: null,
        });
      },
    );

    test('are refused to several Origins', async () => {
      const lines = preflightLines(origins.app, [['Origin', origins.other]]);
      expectRefusal(await options(lines), { code: 'invalid_origin', grant: null });
    });

    test.each([origins.app, origins.other])('are granted to %s', async (origin) => {
      expectGranted(await options(preflightLines(origin)), origin);
    });

    test.each(furtherOrigins)('are granted to %s', async (_, _pattern, origin) => {
      expectGranted(await options(preflightLines(origin)), origin);
    });

    test.each(headerRows)(
      'allow the right headers when asked for %s',
      async (_, lines, allowed) => {
        const asked = lines.map((value): HeaderLine => ['Access-Control-Request-Headers', value]);
        expectGranted(await options(preflightLines(origins.app, asked)), origins.app, {
          allowHeaders: allowed,
        });
      },
    );

    test.each(methods)('are granted the right methods when asked for %s', async (method, extra) => {
      const answer = await options([
        ['Origin', origins.app],
        ['Access-Control-Request-Method', method],
      ]);
      expectGranted(answer, origins.app, { extraMethod: extra });
    });

    test.each(targets)('are granted on %s', async (target) => {
      expectGranted(await options(preflightLines(origins.app), target), origins.app);
    });

    test.each([
      ['nonsense', 'nonsense'],
      ['an unknown token', 'Bearer a'],
      ['a backend key', 'Bearer {backend}'],
      ['a key that does not list the origin', 'Bearer {other}'],
      ['a revoked key', 'Bearer {revoked}'],
    ])('are never authenticated: %s', async (_, authorization) => {
      const lines = preflightLines(origins.app, [['Authorization', fillIn(authorization, world)]]);
      expectGranted(await options(lines), origins.app);
    });

    test('say nothing about private networks and credentials', async () => {
      const lines = preflightLines(origins.app, [
        ['Access-Control-Request-Private-Network', 'true'],
        ['Cookie', 'a=1'],
      ]);
      expectGranted(await options(lines), origins.app);
    });

    test.each(ownTargets)('get no CORS header on %s', async (target) => {
      const answer = await options(preflightLines(origins.app), target);
      expectNoCors(answer);
      expect(answer.status).toBeGreaterThanOrEqual(300);
    });

    test('never reach the upstream', async () => {
      const before = world.deployment.received.length;
      await options(preflightLines(origins.app));
      await options(preflightLines(origins.stranger), '/x');
      await options(preflightLines(origins.app, [bearer(world.full)]));
      expect(world.deployment.received.length).toBe(before);
    });

    const ordinary: readonly (readonly [string, string, readonly HeaderLine[], string | null])[] = [
      ['OPTIONS without Origin', 'OPTIONS', [['Access-Control-Request-Method', 'POST']], null],
      ['OPTIONS without a requested method', 'OPTIONS', [['Origin', origins.app]], origins.app],
      [
        'OPTIONS with an empty requested method',
        'OPTIONS',
        [
          ['Origin', origins.app],
          ['Access-Control-Request-Method', ''],
        ],
        origins.app,
      ],
      ['GET', 'GET', preflightLines(origins.app), origins.app],
      ['POST', 'POST', preflightLines(origins.app), origins.app],
    ];
    describe.each(ordinary)('are not what %s is', (_, method, headers, grant) => {
      test('so that it needs a key', async () => {
        const answer = await world.deployment.call({ method, target: '/x', headers });
        expectRefusal(answer, { code: 'missing_credentials', grant });
      });

      test('so that it is forwarded with one', async () => {
        const { deployment } = world;
        const before = deployment.received.length;
        deployment.behaviour = {
          kind: 'reply',
          headers: [['Allow', 'GET, OPTIONS']],
          body: 'hello',
        };
        const answer = await deployment.call({
          method,
          target: '/x',
          headers: [...headers, bearer(world.full)],
        });
        expect(answer).toMatchObject({
          status: 200,
          headers: { allow: 'GET, OPTIONS' },
          body: 'hello',
        });
        expect(corsHeadersOf(answer.headers)).toEqual(corsHeaders(grant));
        expect(deployment.received.slice(before)).toMatchObject([{ method, target: '/x' }]);
      });
    });
  });
}

/** Runs what changes when some key lists `*`. */
export function describeAnyOrigin(prepare: Prepare): void {
  describe('a key that lists "*"', () => {
    const deploy = prepare();
    let deployment: Deployment;
    let any: { readonly token: string };
    let listing: { readonly token: string };
    beforeAll(async () => {
      deployment = await deploy();
      any = await deployment.createKey({
        name: 'any',
        access: { cors: { allowedOrigins: ['*'] } },
      });
      listing = await deployment.createKey({
        name: 'listing',
        access: { cors: { allowedOrigins: [origins.app] } },
      });
    });
    afterAll(() => deployment.dispose());
    const get = (origin: string, token: string | null, target = '/api/stream/abc') =>
      deployment.call({
        target,
        headers: [
          ['Origin', origin],
          ...(token === null ? [] : [['Authorization', `Bearer ${token}`] as const]),
        ],
      });

    // An opaque origin is answered with "*": every sandboxed frame of every site has it.
    const rows = [
      [origins.app, origins.app],
      [origins.stranger, origins.stranger],
      ['app://whatever', 'app://whatever'],
      [origins.opaque, '*'],
      [origins.file, '*'],
    ] as const;

    test.each(rows)('has preflights granted to %s as %s', async (origin, grant) => {
      const answer = await deployment.call({ method: 'OPTIONS', headers: preflightLines(origin) });
      expectGranted(answer, grant);
    });

    test.each(rows)('may be used at %s, readable as %s', async (origin, grant) => {
      const answer = await get(origin, any.token);
      expect(answer.status).toBe(200);
      expect(corsHeadersOf(answer.headers)).toEqual(corsHeaders(grant));
    });

    test.each(rows)('keeps to its routes at %s, readable as %s', async (origin, grant) => {
      const answer = await get(origin, any.token, '/api/stream');
      expectRefusal(answer, {
        code: 'route_not_allowed',
        grant,
        detail:
          'Cannot call "GET /api/stream" with this API key: a restricted CORS key may call only a short list of endpoints. Call this one from a backend, or give the key a rule for it',
      });
    });

    test.each(rows)('makes refusals readable at %s as %s', async (origin, grant) => {
      expectRefusal(await get(origin, null), { code: 'missing_credentials', grant });
    });

    test.each(rows.slice(1))('opens no other key to %s', async (origin, grant) => {
      expectRefusal(await get(origin, listing.token), {
        code: 'origin_not_allowed',
        grant,
        detail: `Cannot use this API key from origin "${origin}": the key does not list it. ${allowAdvice(origin, 'the key')}`,
      });
    });

    test.each(malformedOrigins)('admits no malformed Origin: %s', async (_, origin) => {
      expectRefusal(await get(origin, any.token), { code: 'invalid_origin', grant: null });
    });
  });
}
