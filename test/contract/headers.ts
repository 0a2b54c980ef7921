/**
 * Headers in both directions: those that the upstream receives, who sets them, and those of the answer.
 * Whole sets are compared, so that a header too many is found as well as one that is missing.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { corsHeaders, expectNoSecrets, sandboxHeaders, shieldHeaders, soon } from './answers.ts';
import type { Deployment, HeaderLine, HeaderMap, Prepare, Received } from './deployment.ts';
import { secretsOf } from './refusals.ts';
import { bearer, createWorld, origins, type World } from './world.ts';

/** Never passed on, in whatever spelling. */
const removedNames = [
  'Keep-Alive',
  'Proxy-Authenticate',
  'Proxy-Authorization',
  'Proxy-Connection',
  'TE',
  'Trailer',
  'Upgrade',
  'HTTP2-Settings',
  'Expect',
  'Cookie',
  'Referer',
  'Sec-Fetch-Dest',
  'Sec-Fetch-Mode',
  'Sec-Fetch-Site',
  'Sec-Fetch-User',
  'X-Edge-Key-Id',
  'X-Edge-Owner',
  'X-Edge-Access',
  'X-Edge-Assertion',
  'X-Edge-Anything',
  'X-Request-Id',
  'X-HTTP-Method-Override',
  'X-HTTP-Method',
  'X-Method-Override',
  'X-Original-Method',
  'X-Original-URL',
  'X-Original-URI',
  'X-Original-Host',
  'X-Rewrite-URL',
  'X-Rewrite-URI',
  'X-Host',
  'X-Envoy-Original-Path',
  'X-Envoy-Upstream-Rq-Timeout-Ms',
  'X-Accel-Redirect',
  'X-Sendfile',
  'Forwarded',
  'X-Forwarded',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'X-Forwarded-Uri',
  'X-Forwarded-Method',
  'X-Forwarded-User',
  'X-Original-Forwarded-For',
  'X-Real-IP',
  'X-Client-IP',
  'Client-IP',
  'X-Cluster-Client-IP',
  'X-Remote-IP',
  'X-Remote-Addr',
  'X-Originating-IP',
  'True-Client-IP',
  'Proxy',
  'Script-Name',
  'X-Script-Name',
  'Path-Info',
  'X-Scheme',
  'X-Original-Path',
  'X-Middleware-Subrequest',
  'Remote-User',
  'X-MS-Client-Principal',
  'X-Amzn-Oidc-Data',
  'X-Goog-Authenticated-User-Email',
  'X-Goog-IAP-JWT-Assertion',
  'SSL-Client-Verify',
  'X-Client-Cert',
  'Cf-Access-Jwt-Assertion',
];

/** Removed where they are not spelled the usual way: some upstreams take them for the usual ones. */
const misspelledNames = [
  'X_Edge-Owner',
  'X.Edge.Owner',
  'X-Edge_Owner',
  'X+Edge+Owner',
  'Transfer_Encoding',
  'Content_Length',
  'CF_Connecting_IP',
  'CF-Connecting_IP',
  'CF.Connecting.IP',
  'CF_Ray',
  'X_Forwarded.For',
];

/** Passed on as they are. */
const passedHeaders: readonly HeaderLine[] = [
  ['Accept', 'application/json, text/*;q=0.5'],
  ['Accept-Encoding', 'br, gzip'],
  ['Accept-Language', 'de, en;q=0.5'],
  ['Cache-Control', 'no-cache'],
  ['CF-Connecting-IP', '203.0.113.7'],
  ['CF-IPCountry', 'DE'],
  ['Content-Type', 'application/offset+octet-stream'],
  ['Cookies', 'a=1'],
  ['Idempotency-Key', '"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
  ['If-Match', '"abc"'],
  ['If-Modified-Since', 'Wed, 21 Oct 2015 07:28:00 GMT'],
  ['If-None-Match', 'W/"abc", *'],
  ['Originality', 'some'],
  ['Prefer', 'respond-async'],
  ['Range', 'bytes=0-9,20-'],
  ['Traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ['Tus-Resumable', '1.0.0'],
  ['Upload-Length', '100'],
  ['User-Agent', 'a test'],
  ['Via', '1.1 example'],
  ['X-Api-Key', 'of the upstream'],
  ['X-Edge', 'none of ours'],
  ['X-Edgeless', 'a'],
  ['X-Original-Filename', 'a.mp4'],
];

/** `Vary` of the upstream, line by line, and what the page gets. */
const varyRows: readonly (readonly [lines: readonly string[], expected: string])[] = [
  [[], 'Origin'],
  [['Accept-Encoding'], 'Accept-Encoding, Origin'],
  [['Accept', 'Accept-Encoding'], 'Accept, Accept-Encoding, Origin'],
  [['*'], '*, Origin'],
  [['Origin'], 'Origin'],
  [['origin'], 'origin'],
  [['Accept-Encoding, ORIGIN'], 'Accept-Encoding, ORIGIN'],
  [['Accept-Encoding', 'Origin'], 'Accept-Encoding, Origin'],
  [['Origin,Accept'], 'Origin,Accept'],
  [['Accept ,  Origin\t, Cookie'], 'Accept ,  Origin\t, Cookie'],
  [['X-Origin'], 'X-Origin, Origin'],
  [['Origin-Agent-Cluster'], 'Origin-Agent-Cluster, Origin'],
];

/** Statuses of the upstream, which are the page's too. */
const statuses = [
  200, 201, 202, 203, 206, 299, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 409,
  410, 412, 413, 416, 418, 422, 425, 429, 451, 500, 501, 502, 503, 504, 511, 599,
];

/** Runs the tables against a deployment. `scheme` is that of the requests which it gets. */
export function describeHeaders(prepare: Prepare, scheme: 'http' | 'https'): void {
  /** The headers that the upstream receives from the edge for every caller. */
  function identity(request: Received | undefined): HeaderMap {
    return {
      'x-request-id': request?.headers['x-request-id'] ?? 'none',
      'x-forwarded-proto': scheme,
      'x-forwarded-host': 'edge.test',
    };
  }

  async function forwarded(
    deployment: Deployment,
    headers: readonly HeaderLine[],
    {
      method = 'GET',
      target = '/x',
      body,
    }: { method?: string; target?: string; body?: string } = {},
  ) {
    const before = deployment.received.length;
    const answer = await deployment.call({
      method,
      target,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    const [received, ...others] = deployment.received.slice(before);
    expect(others).toEqual([]);
    if (!received)
      throw new Error(`Cannot find the request: answered ${answer.status} ${answer.body}`);
    return { answer, received };
  }

  describe('headers on the way in', () => {
    const deploy = prepare();
    let world: World;
    beforeAll(async () => {
      world = await createWorld(await deploy());
    });
    afterAll(() => world.deployment.dispose());

    const kinds = [
      ['a backend key', 'backend', '/x', 'backend', 'acct_backend'],
      ['a restricted key', 'restricted', '/api/stream/abc', 'restricted', 'acct_app'],
      ['a full-access key', 'full', '/x', 'full', null],
      ['a key with rules', 'rules', '/files/x', 'rules', null],
      ['a backend key with rules', 'backendRules', '/files/x', 'rules', null],
    ] as const;
    test.each(kinds)('say who asks with %s', async (_, name, target, access, owner) => {
      const key = world[name];
      const { answer, received } = await forwarded(world.deployment, [bearer(key)], { target });
      expect(received).toEqual({
        method: 'GET',
        target,
        headers: {
          ...identity(received),
          'x-edge-key-id': key.id,
          'x-edge-access': access,
          ...(owner === null ? {} : { 'x-edge-owner': owner }),
        },
        body: '',
      });
      expect(received.headers['x-request-id']).toBe(answer.headers['x-request-id']);
    });

    async function withFullKey(
      headers: readonly HeaderLine[],
      options: Parameters<typeof forwarded>[2] = {},
    ): Promise<Received> {
      const { deployment, full } = world;
      const { received } = await forwarded(deployment, [...headers, bearer(full)], options);
      return received;
    }

    /** The headers that the upstream receives if no other header is forwarded. */
    function bare(received: Received): HeaderMap {
      return {
        ...identity(received),
        'x-edge-key-id': world.full.id,
        'x-edge-access': 'full',
      };
    }

    test('are those of the edge alone, without token, cookies and origin', async () => {
      const received = await withFullKey([
        ['Origin', origins.app],
        ['Cookie', 'session=secret-cookie'],
        ['Cookie', 'more=secret-cookie'],
      ]);
      expect(received.headers).toEqual(bare(received));
    });

    test.each(removedNames)("do not hold the client's %s in any spelling", async (name) => {
      const spellings = [
        name,
        name.toLowerCase(),
        name.toUpperCase(),
        name.replaceAll('-', '_'),
        name.replaceAll('-', '.'),
      ];
      const received = await withFullKey(spellings.map((spelling) => [spelling, 'spoofed']));
      expect(received.headers).toEqual(bare(received));
    });

    test.each([...misspelledNames, 'Authorization_', 'Origin_'])(
      'do not hold the look-alike %s',
      async (name) => {
        const received = await withFullKey([[name, '1']]);
        expect(received.headers).toEqual(bare(received));
      },
    );

    test.each(passedHeaders)("hold the client's %s: %s", async (name, value) => {
      const received = await withFullKey([[name, value]]);
      expect(received.headers).toEqual({
        ...bare(received),
        [name.toLowerCase()]: value,
        ...(name === 'CF-Connecting-IP' ? { 'x-forwarded-for': value } : {}),
      });
    });

    test('hold repeated headers together', async () => {
      const received = await withFullKey([
        ['X-App', '1'],
        ['x-app', '2'],
        ['X-APP', '3'],
      ]);
      expect(received.headers).toEqual({ ...bare(received), 'x-app': '1, 2, 3' });
    });

    test.each(['2001:db8::1', '::ffff:203.0.113.7'])('name the client %s', async (address) => {
      const received = await withFullKey([
        ['CF-Connecting-IP', address],
        ['X-Forwarded-For', '10.0.0.1'],
      ]);
      expect(received.headers['x-forwarded-for']).toBe(address);
    });

    test.each(['unknown', '10.0.0.1, 10.0.0.2', '10.0.0.1 ; x'])(
      'name no client if the address is invalid: %s',
      async (address) => {
        const received = await withFullKey([['CF-Connecting-IP', address]]);
        expect(received.headers).not.toHaveProperty('x-forwarded-for');
      },
    );

    const connectionRows: readonly (readonly [string, readonly HeaderLine[], HeaderMap])[] = [
      [
        'that it names',
        [
          ['Connection', 'X-Hop'],
          ['x-hop', '1'],
          ['X-App', '2'],
        ],
        { 'x-app': '2' },
      ],
      [
        'that it names in a list and in another case',
        [
          ['Connection', 'close, x-HOP ,X-Other'],
          ['X-Hop', '1'],
          ['X-OTHER', '2'],
        ],
        {},
      ],
      [
        'that it names on several lines',
        [
          ['Connection', 'X-Hop'],
          ['Connection', 'X-Other'],
          ['X-Hop', '1'],
          ['X-Other', '2'],
        ],
        {},
      ],
      [
        'that are read alike',
        [
          ['Connection', 'X-Hop, x_other'],
          ['x_hop', '1'],
          ['X-Other', '2'],
          ['X_App', '3'],
        ],
        {},
      ],
      [
        'of the edge, though it names them',
        [['Connection', 'X-Edge-Owner, X-Edge-Key-Id, X-Request-Id, X-Forwarded-Host']],
        {},
      ],
      [
        'and nothing else when it names nonsense',
        [
          ['Connection', ',, ,"a",*'],
          ['X-App', '1'],
        ],
        { 'x-app': '1' },
      ],
    ];
    test.each(connectionRows)('follow Connection about those %s', async (_, headers, passed) => {
      const received = await withFullKey(headers);
      expect(received.headers).toEqual({ ...bare(received), ...passed });
    });

    test.each(['Content-Length', 'Host', 'Transfer-Encoding'])(
      'keep the body whole when Connection names %s',
      async (name) => {
        const received = await withFullKey([['Connection', name]], {
          method: 'POST',
          body: 'a\xe9b',
        });
        expect(received).toEqual({
          method: 'POST',
          target: '/x',
          headers: bare(received),
          body: 'a\xe9b',
        });
      },
    );

    const upgrades = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'].flatMap((method) =>
      ['websocket', 'WebSocket'].map((upgrade) => [method, upgrade] as const),
    );
    // To the runtime, it would make every method a GET.
    test.each(upgrades)('keep the method %s under Upgrade: %s', async (method, upgrade) => {
      const received = await withFullKey(
        [
          ['Upgrade', upgrade],
          ['Connection', 'Upgrade'],
        ],
        { method },
      );
      expect(received).toEqual({ method, target: '/x', headers: bare(received), body: '' });
    });

    test('keep a restricted key to its methods under Upgrade: websocket', async () => {
      const { deployment, restricted } = world;
      const { received } = await forwarded(
        deployment,
        [['Upgrade', 'websocket'], bearer(restricted)],
        { method: 'POST', target: '/api/stream', body: '{}' },
      );
      expect(received).toMatchObject({ method: 'POST', target: '/api/stream', body: '{}' });
      expect(received.headers).not.toHaveProperty('upgrade');
    });

    test('never held a secret, in the end', () => {
      const { deployment } = world;
      expect(deployment.received.length).toBeGreaterThan(removedNames.length);
      const all = deployment.received.map((request) => JSON.stringify(request));
      expectNoSecrets(all, [...secretsOf(world), 'spoofed', 'secret-cookie']);
      expectNoSecrets(deployment.logs, [...secretsOf(world), 'spoofed', 'secret-cookie']);
    });
  });

  describe('headers on the way in, for those who may call some routes only', () => {
    const vars = {
      FORWARD_REQUEST_HEADERS: 'X-Acme-Id, acme-*, Script-Name, X_Acme, x-edge-*',
      PUBLIC_ROUTES: JSON.stringify({ routes: [{ methods: ['GET'], path: '/media/*' }] }),
    };
    const deploy = prepare({ vars });
    let world: World;
    beforeAll(async () => {
      world = await createWorld(await deploy());
    });
    afterAll(() => world.deployment.dispose());

    const callers = [
      ['a restricted key', 'restricted', '/api/stream/abc'],
      ['a key with rules', 'rules', '/files/x'],
      ['a backend key with rules', 'backendRules', '/files/x'],
      ['a caller without a key, on a public route', null, '/media/a'],
    ] as const;
    const listed: readonly HeaderLine[] = [
      ...passedHeaders.filter(
        ([name]) => !/^(?:CF-|Cookies|Originality|Via|X-Api-Key|X-Edge|X-Original)/.test(name),
      ),
      ['DNT', '1'],
      ['Sec-GPC', '1'],
      ['Sec-CH-UA-Platform', '"Linux"'],
      ['X-B3-TraceId', '80f198ee56343ba864fe8b2a57d3eff7'],
      ['Upload-Metadata', 'filename d29ybGQ='],
      ['X-Requested-With', 'XMLHttpRequest'],
      ['X-User-Agent', 'grpc-web-javascript/0.1'],
      ['X-Apollo-Operation-Name', 'List'],
      ['X-Core-Sdk-Version', '@livepeer/core@1'],
      ['X-Acme-Id', '7'],
      ['Acme-Tenant', 'a'],
    ];
    const unlisted = [
      'X-Api-Key',
      'X-Acme-Ident',
      'X_Acme',
      'Script-Name',
      'SCRIPT_NAME',
      'X-Edge-Owner',
      'X-Tomorrow-Path',
      'Destination',
    ];

    test.each(callers)('hold what is listed, with %s', async (_, name, target) => {
      const lines = [...listed, ...(name === null ? [] : [bearer(world[name])])];
      const { answer, received } = await forwarded(world.deployment, lines, { target });
      for (const [header, value] of listed) {
        expect([header, received.headers[header.toLowerCase()]]).toEqual([header, value]);
      }
      expect(answer.headers).not.toHaveProperty('x-edge-dropped-headers');
    });

    test.each(callers)(
      'hold nothing else, and the response says so, with %s',
      async (_, name, target) => {
        const lines: HeaderLine[] = unlisted.map((header) => [header, 'spoofed']);
        if (name !== null) lines.push(bearer(world[name]));
        const { answer, received } = await forwarded(world.deployment, lines, { target });
        expect(JSON.stringify(received)).not.toContain('spoofed');
        const dropped = unlisted.map((header) => header.toLowerCase()).sort();
        const reported = answer.headers['x-edge-dropped-headers']?.split(', ').sort();
        expect(reported).toEqual(dropped);
      },
    );

    test('are not reported if the browser or a proxy sends them by itself', async () => {
      const lines: readonly HeaderLine[] = [
        ['Origin', origins.app],
        ['Referer', 'https://app.example/'],
        ['Sec-Fetch-Mode', 'cors'],
        ['Cookie', 'a=1'],
        ['Via', '1.1 proxy'],
        ['CF-Ray', '1'],
        ['CF-Visitor', '{"scheme":"https"}'],
        ['X-Real-IP', '203.0.113.7'],
        ['Connection', 'keep-alive'],
        bearer(world.restricted),
      ];
      const { answer, received } = await forwarded(world.deployment, lines, {
        target: '/api/stream/abc',
      });
      expect(answer.headers).not.toHaveProperty('x-edge-dropped-headers');
      expect(received.headers).toEqual({
        ...identity(received),
        'x-edge-key-id': world.restricted.id,
        'x-edge-access': 'restricted',
        'x-edge-owner': 'acct_app',
      });
    });

    test('are reported in bounds, however many were dropped', async () => {
      const lines = Array.from({ length: 200 }, (_, at): HeaderLine => [`X-Line-${at}`, '1']);
      const { answer } = await forwarded(world.deployment, [...lines, bearer(world.restricted)], {
        target: '/api/stream/abc',
      });
      const names = answer.headers['x-edge-dropped-headers']?.split(', ') ?? [];
      expect([names.length, names.at(-1)]).toEqual([33, '...']);
    });
  });

  describe('headers on the way in, where the token is forwarded', () => {
    const deploy = prepare({ vars: { FORWARD_TOKEN: 'true' } });
    let deployment: Deployment;
    let key: { readonly id: string; readonly token: string };
    beforeAll(async () => {
      deployment = await deploy();
      key = await deployment.createKey({
        name: 'full',
        access: { cors: { allowedOrigins: [origins.app], fullAccess: true } },
      });
    });
    afterAll(() => deployment.dispose());

    test('hold Authorization, Cookie and Origin unchanged, and nothing that looks like them', async () => {
      const { received } = await forwarded(deployment, [
        ['authorization', `bearer  ${key.token}`],
        ['Cookie', 'a=1; b=2'],
        ['Origin', origins.app],
        ['Referer', 'https://app.example/'],
        ['Sec-Fetch-Site', 'cross-site'],
        ['X-Edge-Owner', 'spoofed'],
        ['Proxy-Authorization', 'Basic spoofed'],
      ]);
      expect(received.headers).toEqual({
        ...identity(received),
        'x-edge-key-id': key.id,
        'x-edge-access': 'full',
        authorization: `bearer  ${key.token}`,
        cookie: 'a=1; b=2',
        origin: origins.app,
        referer: 'https://app.example/',
        'sec-fetch-site': 'cross-site',
      });
    });

    test('do not hold what Connection names', async () => {
      const { received } = await forwarded(deployment, [
        bearer(key),
        ['Cookie', 'a=1'],
        ['Connection', 'Cookie, Authorization'],
      ]);
      expect(received.headers).toEqual({
        ...identity(received),
        'x-edge-key-id': key.id,
        'x-edge-access': 'full',
      });
    });

    test('are no reason to log the token', () => {
      expectNoSecrets(deployment.logs, [key.token, deployment.adminToken]);
    });
  });

  describe('headers on the way in, where the upstream has a secret of its own', () => {
    const upstreamAuthorization = 'Bearer secret-of-the-upstream';
    const deploy = prepare({ vars: { UPSTREAM_AUTHORIZATION: upstreamAuthorization } });
    let deployment: Deployment;
    let key: { readonly id: string; readonly token: string };
    beforeAll(async () => {
      deployment = await deploy();
      key = await deployment.createKey({ name: 'backend' });
    });
    afterAll(() => deployment.dispose());

    test("hold it in place of the caller's", async () => {
      const { answer, received } = await forwarded(deployment, [
        bearer(key),
        ['Connection', 'authorization'],
      ]);
      expect(received.headers).toEqual({
        ...identity(received),
        'x-edge-key-id': key.id,
        'x-edge-access': 'backend',
        authorization: upstreamAuthorization,
      });
      expectNoSecrets([JSON.stringify(answer)], ['secret-of-the-upstream', key.token]);
    });

    test('do not show it to the caller when the upstream fails', async () => {
      deployment.behaviour = { kind: 'unreachable' };
      const { answer } = await forwarded(deployment, [bearer(key)]);
      expect(answer.status).toBe(502);
      await expect.poll(() => deployment.logs.join(), soon).toContain('upstream_unreachable');
      expectNoSecrets(
        [JSON.stringify(answer), ...deployment.logs],
        ['secret-of-the-upstream', key.token],
      );
    });
  });

  describe('headers on the way out, where the upstream has a path', () => {
    const vars = { EXPOSE_HEADERS: 'X-Acme-Id, etag', SERVER_TIMING: 'true' };
    const deploy = prepare({ vars, upstreamPath: '/base/v1' });
    let world: World;
    beforeAll(async () => {
      world = await createWorld(await deploy());
    });
    afterAll(() => world.deployment.dispose());

    async function answerTo(origin: string | null, headers: readonly HeaderLine[]) {
      const { deployment, full } = world;
      deployment.behaviour = { kind: 'reply', status: 201, headers };
      const lines: HeaderLine[] = origin === null ? [] : [['Origin', origin]];
      return forwarded(deployment, [...lines, ['X-Forwarded-Prefix', '/spoofed'], bearer(full)]);
    }

    test('say where the resource is on the edge', async () => {
      const { answer, received } = await answerTo(null, [
        ['Location', '/base/v1/things/7?a=b'],
        ['Content-Location', '/base/v1/things'],
        ['Link', '</base/v1/things?p=2>; rel="next", </elsewhere>; rel="up"'],
      ]);
      expect(received.target).toBe('/base/v1/x');
      expect(received.headers['x-forwarded-prefix']).toBe('/');
      expect(answer.headers).toMatchObject({
        location: '/things/7?a=b',
        'content-location': '/things',
        link: '</things?p=2>; rel="next", </elsewhere>; rel="up"',
      });
    });

    test.each(['/elsewhere', 'https://elsewhere.example/base/v1/x', 'things/7'])(
      'leave %s alone',
      async (location) => {
        const { answer } = await answerTo(null, [['Location', location]]);
        expect(answer.headers['location']).toBe(location);
      },
    );

    test('let a page read what EXPOSE_HEADERS names, and the time that was spent', async () => {
      const { answer } = await answerTo(origins.app, []);
      const own = corsHeaders(origins.app)['access-control-expose-headers'];
      expect(answer.headers).toMatchObject({
        'access-control-expose-headers': `${own}, X-Acme-Id`,
        'timing-allow-origin': origins.app,
      });
      expect(answer.headers['server-timing']).toMatch(/upstream;dur=/);
      expect((await answerTo(null, [])).answer.headers).not.toHaveProperty('timing-allow-origin');
    });
  });

  describe('headers on the way out', () => {
    const deploy = prepare();
    let world: World;
    beforeAll(async () => {
      world = await createWorld(await deploy());
    });
    afterAll(() => world.deployment.dispose());

    async function answerTo(
      origin: string | null,
      reply: { status?: number; headers?: readonly HeaderLine[]; body?: string },
      method = 'GET',
    ) {
      const { deployment, full } = world;
      deployment.behaviour = { kind: 'reply', ...reply };
      const lines: HeaderLine[] = origin === null ? [] : [['Origin', origin]];
      const { answer } = await forwarded(deployment, [...lines, bearer(full)], { method });
      const { 'x-request-id': requestId, ...headers } = answer.headers;
      expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
      return { ...answer, headers };
    }

    test.each([null, origins.app])(
      'are only ours where the upstream sends none, origin %s',
      async (origin) => {
        expect(await answerTo(origin, { body: 'hello' })).toEqual({
          status: 200,
          cookies: [],
          headers: {
            ...sandboxHeaders,
            'cache-control': 'private',
            vary: 'Origin',
            ...corsHeaders(origin),
          },
          body: 'hello',
        });
      },
    );

    const upstreamCors: readonly HeaderLine[] = [
      ['Access-Control-Allow-Origin', '*'],
      ['access-control-allow-credentials', 'true'],
      ['ACCESS-CONTROL-EXPOSE-HEADERS', '*'],
      ['Access-Control-Allow-Methods', '*'],
      ['Access-Control-Allow-Headers', '*'],
      ['Access-Control-Max-Age', '86400'],
      ['Access-Control-Allow-Private-Network', 'true'],
      ['Access-Control-Of-Tomorrow', 'yes'],
      ['X-Edge-Dropped-Headers', 'x-forged'],
    ];
    test.each([
      'X-Total, x-total, X-Deleted',
      ' X-Total ,\tX-Deleted,, not a name, *, Set-Cookie, X-Edge-Secret',
    ])('name what the upstream exposes: %j', async (value) => {
      const reply = { headers: [['Access-Control-Expose-Headers', value] as const] };
      const { headers } = await answerTo(origins.app, reply);
      const own = corsHeaders(origins.app)['access-control-expose-headers'];
      expect(headers['access-control-expose-headers']).toBe(`${own}, X-Total, X-Deleted`);
    });

    test.each([
      'CDN-Cache-Control',
      'cdn-cache-control',
      'Cloudflare-CDN-Cache-Control',
      'Vercel-CDN-Cache-Control',
      'CDN_Cache_Control',
      'Surrogate-Control',
      'Edge-Control',
    ])('let no cache keep a response to a key by %s', async (name) => {
      const { headers } = await answerTo(null, { headers: [[name, 'public, max-age=600']] });
      expect(headers).toMatchObject({ 'cache-control': 'private', vary: 'Origin' });
      expect(headers).not.toHaveProperty(name.toLowerCase());
    });

    test.each([null, origins.app])(
      'hold no CORS header of the upstream, origin %s',
      async (origin) => {
        for (const headers of [upstreamCors, ...upstreamCors.map((line) => [line])]) {
          const { headers: got } = await answerTo(origin, { headers });
          expect(got).toEqual({
            ...sandboxHeaders,
            'cache-control': 'private',
            vary: 'Origin',
            ...corsHeaders(origin),
          });
        }
      },
    );

    test.each(varyRows)('merge Vary %j into %j', async (lines, expected) => {
      for (const origin of [null, origins.app]) {
        const { headers } = await answerTo(origin, {
          headers: lines.map((value): HeaderLine => ['Vary', value]),
        });
        expect(headers).toEqual({
          ...sandboxHeaders,
          'cache-control': 'private',
          vary: expected,
          ...corsHeaders(origin),
        });
      }
    });

    test('keep every Set-Cookie apart', async () => {
      const cookies = [
        'a=1; Path=/; HttpOnly',
        'b=2; Expires=Wed, 21 Oct 2015 07:28:00 GMT',
        'a=3',
      ];
      const answer = await answerTo(origins.app, {
        headers: cookies.map((value): HeaderLine => ['Set-Cookie', value]),
      });
      expect(answer.cookies).toEqual(cookies);
      expect(answer.headers).toEqual({
        ...sandboxHeaders,
        'cache-control': 'private',
        vary: 'Origin',
        ...corsHeaders(origins.app),
      });
    });

    test('hold neither a reason nor a request id of the upstream', async () => {
      const answer = await answerTo(origins.app, {
        status: 403,
        headers: [
          ['X-Edge-Reason', 'invalid_key'],
          ['x-edge-reason', 'route_not_allowed'],
          ['X-Request-Id', 'of the upstream'],
        ],
        body: 'no',
      });
      expect(answer).toEqual({
        status: 403,
        cookies: [],
        headers: {
          ...sandboxHeaders,
          'cache-control': 'private',
          vary: 'Origin',
          ...corsHeaders(origins.app),
        },
        body: 'no',
      });
    });

    test('hold nothing that is for the connection of the upstream, by its own word or by that of HTTP', async () => {
      const answer = await answerTo(origins.app, {
        headers: [
          ['Connection', 'close, X-Hop ,x-other'],
          ['X-HOP', '1'],
          ['X-Other', '2'],
          ['Keep-Alive', 'timeout=5'],
          ['Proxy-Authenticate', 'Basic realm="upstream"'],
          ['Proxy-Authentication-Info', 'nextnonce="1"'],
          ['Proxy-Connection', 'keep-alive'],
          ['X-App', '3'],
        ],
      });
      expect(answer.headers).toEqual({
        'x-app': '3',
        ...sandboxHeaders,
        'cache-control': 'private',
        vary: 'Origin',
        ...corsHeaders(origins.app),
      });
    });

    test('hold ours, though the upstream declares them to be for its own connection', async () => {
      const answer = await answerTo(origins.app, {
        headers: [
          ['Connection', 'Vary, Cache-Control, X-Request-Id, Access-Control-Allow-Origin'],
          ['Vary', 'Origin'],
          ['Cache-Control', 'no-store'],
        ],
      });
      expect(answer.headers).toEqual({
        ...sandboxHeaders,
        'cache-control': 'private',
        vary: 'Origin',
        ...corsHeaders(origins.app),
      });
    });

    test("hold the upstream's own otherwise", async () => {
      const headers: readonly HeaderLine[] = [
        ['Cache-Control', 'public, max-age=60'],
        ['Content-Disposition', 'attachment; filename="a.mp4"'],
        ['Content-Language', 'de'],
        ['Content-Type', 'text/plain; charset=utf-8'],
        ['ETag', 'W/"abc"'],
        ['Link', '</next>; rel="next", </last>; rel="last"'],
        ['Location', 'https://elsewhere.example/x?y=z'],
        ['RateLimit', '"default";r=50;t=30'],
        ['Retry-After', '7'],
        ['Strict-Transport-Security', 'max-age=1'],
        ['Upload-Offset', '100'],
        ['WWW-Authenticate', 'Basic realm="upstream"'],
        ['X-Total-Count', '42'],
        ['X_Odd', '1'],
      ];
      const answer = await answerTo(origins.app, { status: 401, headers, body: 'no' });
      expect(answer).toEqual({
        status: 401,
        cookies: [],
        headers: {
          ...Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])),
          ...shieldHeaders,
          // An answer to one key, whatever the upstream said.
          'cache-control': 'private, max-age=60',
          vary: 'Origin',
          ...corsHeaders(origins.app),
        },
        body: 'no',
      });
    });

    test.each(statuses)('come with the status %i and its body', async (status) => {
      const answer = await answerTo(origins.app, { status, body: 'a body' });
      expect(answer).toMatchObject({ status, body: 'a body' });
      expect(answer.headers).toMatchObject({
        ...sandboxHeaders,
        'cache-control': 'private',
        vary: 'Origin',
        ...corsHeaders(origins.app),
      });
    });

    test.each([204, 205, 304])('come with the status %i without a body', async (status) => {
      const answer = await answerTo(origins.app, { status, headers: [['ETag', '"a"']] });
      expect(answer).toEqual({
        status,
        cookies: [],
        headers: {
          etag: '"a"',
          // A 304 leaves the policies of the stored response as they are.
          ...(status === 304 ? shieldHeaders : sandboxHeaders),
          'cache-control': 'private',
          vary: 'Origin',
          ...corsHeaders(origins.app),
        },
        body: '',
      });
    });

    test('come without a body on HEAD', async () => {
      const answer = await answerTo(origins.app, { headers: [['ETag', '"a"']] }, 'HEAD');
      expect(answer).toMatchObject({ status: 200, headers: { etag: '"a"' }, body: '' });
      expect(world.deployment.received.at(-1)).toMatchObject({ method: 'HEAD', target: '/x' });
    });

    test.each([301, 302, 303, 307, 308])(
      'hand a redirect back, and do not follow it: %i',
      async (status) => {
        const location = 'http://127.0.0.1:1/elsewhere';
        const answer = await answerTo(origins.app, { status, headers: [['Location', location]] });
        expect(answer).toMatchObject({ status, headers: { location } });
      },
    );
  });
}
