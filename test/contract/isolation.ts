/**
 * The API's content cannot act on the management page: what a browser may execute is sandboxed on the
 * page's host, or the page has a host of its own (`MANAGE_HOST`), and cookies that open it stay ours.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectNoCors } from './answers.ts';
import type { Answer, Deployment, HeaderLine, Prepare, Vars } from './deployment.ts';
import { bearer, createWorld, origins, type World } from './world.ts';

const SANDBOX = 'sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads';

/** Types of the API's answers, and whether a browser could execute them as documents. */
const types: readonly (readonly [lines: readonly string[], isActive: boolean])[] = [
  [[], true],
  [['text/html; charset=utf-8'], true],
  [['text/html;'], true],
  [['TEXT/HTML'], true],
  [['image/svg+xml'], true],
  [['application/xhtml+xml'], true],
  [['application/xml'], true],
  [['text/xml'], true],
  [['application/rss+xml'], true],
  [['text/xsl'], true],
  [['multipart/x-mixed-replace; boundary=a'], true],
  [['message/rfc822'], true],
  [['html'], true],
  [['text/plain, text/html'], true],
  [['text/plain', 'text/html'], true],
  [['text/html', 'text/plain'], true],
  [['application/json'], false],
  [['text/plain; charset=utf-8'], false],
  [['text/javascript'], false],
  [['application/pdf'], false],
  [['image/png'], false],
  [['application/octet-stream'], false],
  [['text/event-stream'], false],
];

const publicRoutes = JSON.stringify({
  routes: [{ methods: ['GET', 'HEAD'], path: '/public/{file}' }],
});

/** Runs the tables against a deployment. */
export function describeIsolation(prepare: Prepare): void {
  describe('on a host that also serves the page, a forwarded response', () => {
    const deploy = prepare({ vars: { PUBLIC_ROUTES: publicRoutes } });
    let world: World;
    beforeAll(async () => {
      world = await createWorld(await deploy());
    });
    afterAll(() => world.deployment.dispose());

    /** Who may ask, and where. */
    const callers = {
      'a backend key': { key: 'backend', target: '/x' },
      'a restricted key': { key: 'restricted', target: '/api/stream/abc' },
      'a full-access key': { key: 'full', target: '/x' },
      'a key with rules': { key: 'rules', target: '/files/x' },
      'no key': { key: null, target: '/public/x' },
    } as const;

    async function answerTo(
      headers: readonly HeaderLine[],
      options: { caller?: keyof typeof callers; status?: number; method?: string } = {},
    ): Promise<Answer> {
      const { caller = 'a full-access key', status = 200, method = 'GET' } = options;
      const { key, target } = callers[caller];
      world.deployment.behaviour = { kind: 'reply', status, headers };
      const lines = key === null ? [] : [bearer(world[key])];
      const answer = await world.deployment.call({ method, target, headers: lines });
      expect(answer.status).toBe(status);
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
      return answer;
    }

    test.each(types)('of type %j is sandboxed: %s', async (lines, isActive) => {
      const headers = lines.map((value): HeaderLine => ['Content-Type', value]);
      const expected = isActive ? SANDBOX : undefined;
      for (const caller of Object.keys(callers) as (keyof typeof callers)[]) {
        const answer = await answerTo(headers, { caller });
        expect(answer.headers['content-security-policy'], caller).toBe(expected);
      }
    });

    const html: HeaderLine = ['Content-Type', 'text/html'];
    test.each([200, 201, 206, 300, 302, 304, 400, 401, 404, 500, 503])(
      'of HTML with the status %i is sandboxed',
      async (status) => {
        const location: HeaderLine[] = status === 302 ? [['Location', '/elsewhere']] : [];
        const answer = await answerTo([html, ...location], { status });
        expect(answer.headers['content-security-policy']).toBe(SANDBOX);
      },
    );

    test('to HEAD says the same as to GET', async () => {
      const answer = await answerTo([html], { method: 'HEAD' });
      expect(answer.headers['content-security-policy']).toBe(SANDBOX);
    });

    test('keeps the policies of the API beside ours', async () => {
      for (const own of ["default-src 'self'", 'sandbox allow-scripts allow-same-origin']) {
        const answer = await answerTo([html, ['Content-Security-Policy', own]]);
        expect(answer.headers['content-security-policy']).toBe(`${own}, ${SANDBOX}`);
        const json = await answerTo([
          ['Content-Type', 'application/json'],
          ['Content-Security-Policy', own],
        ]);
        expect(json.headers['content-security-policy']).toBe(own);
      }
    });

    test('that revalidates leaves a stored document its policies', async () => {
      const line: HeaderLine = ['Content-Security-Policy', "default-src 'self'"];
      const policies = async (lines: HeaderLine[], status: number) =>
        (await answerTo(lines, { status })).headers['content-security-policy'];
      for (const type of [null, 'text/plain', 'application/pdf']) {
        const own: HeaderLine[] = type === null ? [] : [['Content-Type', type]];
        expect(await policies([...own, line], 304), String(type)).toBeUndefined();
        expect(await policies(own, 304), String(type)).toBeUndefined();
      }
      // Control case: the response that a cache stores keeps its own.
      expect(await policies([['Content-Type', 'application/pdf'], line], 200)).toBe(line[1]);
    });

    test('cannot switch sniffing on', async () => {
      await answerTo([
        ['X-Content-Type-Options', 'sniff'],
        ['Content-Type', 'text/plain'],
      ]);
    });

    test('has no header that acts on the whole host', async () => {
      const answer = await answerTo([
        ['Clear-Site-Data', '"cookies", "storage"'],
        ['NEL', '{"report_to":"a","max_age":9}'],
        ['Report-To', '{"group":"default","max_age":9,"endpoints":[{"url":"https://a.example"}]}'],
        ['Secure-Session-Registration', '(ES256);path="/register"'],
        ['Secure-Session-Challenge', '"challenge"'],
        ['Sec-Session-Registration', '(ES256);path="/register"'],
        ['Sec-Session-Challenge', '"challenge"'],
        ['X-Kept', '1'],
      ]);
      for (const name of Object.keys(answer.headers)) {
        expect(name).not.toMatch(/^(?:clear-site-data|nel|report-to)$|session/);
      }
      expect(answer.headers['x-kept']).toBe('1');
    });

    test('sets none of our cookies, in no spelling, and keeps all others apart', async () => {
      const ours = [
        '__Host-edge-session=x; Path=/; Secure',
        '__host-edge-session =; Max-Age=0',
        'edge-session-local=x',
        '=edge-session-local=x',
        ' \t=\t edge-session-local = x',
        'CF_Authorization=x; Path=/',
        'cf_session=x',
        '__HOST-edge-session=x; Domain=example.com; Partitioned',
      ];
      const others = ['a=1; Path=/; HttpOnly', 'b=2; Expires=Wed, 21 Oct 2015 07:28:00 GMT', 'a=3'];
      const lines = [ours[0], others[0], ...ours.slice(1), ...others.slice(1)];
      const answer = await answerTo(lines.map((value): HeaderLine => ['Set-Cookie', value ?? '']));
      expect(answer.cookies).toEqual(others);
    });

    test('is no service worker', async () => {
      const before = world.deployment.received.length;
      for (const value of ['script', 'SCRIPT', 'x']) {
        for (const [target, line] of [
          ['/public/worker', null],
          ['/x', bearer(world.full)],
          ['/_edge/assets/script.js', null],
        ] as const) {
          const headers: HeaderLine[] = [['Service-Worker', value], ...(line ? [line] : [])];
          const answer = await world.deployment.call({ target, headers });
          expect(answer.status, target).toBe(403);
          expect(answer.headers['x-edge-reason']).toBe('service_worker_not_allowed');
          expectNoCors(answer);
        }
      }
      expect(world.deployment.received.length).toBe(before);
    });
  });

  describe('a cookie that opens the page', () => {
    const deploy = prepare({ vars: { FORWARD_TOKEN: 'true' } });
    let world: World;
    beforeAll(async () => {
      world = await createWorld(await deploy());
    });
    afterAll(() => world.deployment.dispose());

    const rows = [
      ['a=1', 'a=1'],
      ['__Host-edge-session=secret', undefined],
      ['a=1; __Host-edge-session=secret; b=2', 'a=1; b=2'],
      ['edge-session-local=secret; a=1', 'a=1'],
      ['a=1; CF_Authorization=secret', 'a=1'],
      ['a=1; __HOST-EDGE-SESSION=secret', 'a=1'],
      ['CF_Binding=secret; a=1; CF_Session=secret', 'a=1'],
    ] as const;
    test.each(rows)('is not forwarded, though the token is: %j', async (cookie, expected) => {
      const { deployment, full } = world;
      await deployment.call({ target: '/x', headers: [['Cookie', cookie], bearer(full)] });
      const received = deployment.received.at(-1);
      expect(received?.headers['authorization']).toBe(`Bearer ${full.token}`);
      expect(received?.headers['cookie']).toBe(expected);
      expect(JSON.stringify(received)).not.toContain('secret');
    });
  });

  describe('with MANAGE_HOST', () => {
    const deploy = prepare({ vars: manageHost('Manage.Example:443') });
    let world: World;
    let operator: HeaderLine;
    beforeAll(async () => {
      // Keys are made on the host that everything else of the tests asks.
      world = await createWorld(onHost(await deploy(), 'manage.example'));
      operator = ['Authorization', `Bearer ${world.deployment.adminToken}`];
    });
    afterAll(() => world.deployment.dispose());

    const manageHosts = [
      'manage.example',
      'MANAGE.example',
      'manage.example.',
      'manage.example:443',
      'manage.example:80',
      'Manage.Example.:443',
    ];
    const otherHosts = [
      'edge.test',
      'manage.example:8443',
      'manage.example.evil.example',
      'a.manage.example',
      'xmanage.example',
      '127.0.0.1',
      '[::1]',
    ];
    const forEveryHost = ['/_edge/health', '/_edge/errors'];
    const forManagement = [
      ['GET', '/_edge/', 303],
      ['GET', '/_edge', 308],
      ['GET', '/_edge/sign-in', 200],
      ['GET', '/_edge/keys/new', 303],
      ['POST', '/_edge/sign-in', 403],
      ['GET', '/_edge/v1/keys', 200],
      ['GET', '/_edge/v1/openapi.json', 200],
      ['GET', '/_edge/metrics', 200],
    ] as const;

    test.each(manageHosts)('the host %s serves the page, and forwards nothing', async (host) => {
      const { deployment, full } = world;
      for (const [method, target, status] of forManagement) {
        const headers = /^\/_edge\/(?:v1|metrics)/.test(target) ? [operator] : [];
        const answer = await deployment.call({ host, method, target, headers });
        expect(answer.status, target).toBe(status);
      }
      for (const target of forEveryHost) {
        expect((await deployment.call({ host, target })).status, target).toBe(200);
      }
      const before = deployment.received.length;
      const preflight: HeaderLine[] = [
        ['Origin', origins.app],
        ['Access-Control-Request-Method', 'GET'],
      ];
      for (const [method, target, headers] of [
        ['GET', '/x', [bearer(full)]],
        ['POST', '/x', [bearer(full)]],
        ['GET', '/', [bearer(full)]],
        ['GET', '/x', []],
        ['OPTIONS', '/x', preflight],
      ] as const) {
        const answer = await deployment.call({ host, method, target, headers: [...headers] });
        expect(answer.status, `${method} ${target}`).toBe(404);
        expect(answer.headers['x-edge-reason']).toBe('not_found');
        expectNoCors(answer);
      }
      expect(deployment.received.length).toBe(before);
    });

    test.each(otherHosts)('the host %s forwards, and serves no page', async (host) => {
      const { deployment, full } = world;
      for (const [method, target] of forManagement) {
        for (const headers of [[], [operator]]) {
          const answer = await deployment.call({ host, method, target, headers });
          expect(answer.status, target).toBe(404);
          expect(answer.headers['x-edge-reason']).toBe('not_found');
        }
      }
      for (const target of forEveryHost) {
        expect((await deployment.call({ host, target })).status, target).toBe(200);
      }
      // Holders of keys are served there, and leaks can be reported there.
      const report = await deployment.call({
        host,
        method: 'POST',
        target: '/_edge/v1/leaks/github',
      });
      const onManage = await deployment.call({
        host: 'manage.example',
        method: 'POST',
        target: '/_edge/v1/leaks/github',
      });
      expect(report.status).toBe(onManage.status);

      // The API's own policy is enough, since there is nothing of ours to protect.
      deployment.behaviour = {
        kind: 'reply',
        headers: [
          ['Content-Type', 'text/html'],
          ['Content-Security-Policy', "default-src 'self'"],
          ['Clear-Site-Data', '"cache"'],
        ],
      };
      const answer = await deployment.call({
        host,
        target: '/x',
        headers: [bearer(full), ['Service-Worker', 'script']],
      });
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({
        'content-security-policy': "default-src 'self'",
        'x-content-type-options': 'nosniff',
        'clear-site-data': '"cache"',
      });
    });

    test.each(['manage%2eexample', 'manage.example:99999', 'manage..example', 'a@manage.example'])(
      'an ambiguous host, %s, serves neither',
      async (host) => {
        const { deployment, full } = world;
        const before = deployment.received.length;
        for (const target of ['/_edge/', '/_edge/v1/keys', '/x']) {
          const answer = await deployment.call({ host, target, headers: [bearer(full)] });
          // Bare workerd refuses some of them by itself, before the Worker is asked.
          const isOurs = answer.headers['x-request-id'] !== undefined;
          expect(answer.status, target).toBe(isOurs ? 404 : 500);
        }
        expect(deployment.received.length).toBe(before);
      },
    );
  });

  describe('MANAGE_HOST', () => {
    const rows = [
      ['[::1]:8787', '[0:0:0:0:0:0:0:1]:8787', '[::1]:8788'],
      ['[::1]', '[::1]:80', '[::2]'],
      ['127.0.0.1:8787', '127.0.0.1:8787', '127.0.0.1'],
      ['bücher.example', 'xn--bcher-kva.example', 'bucher.example'],
    ] as const;
    const deployments = new Map(
      rows.map(([setting]) => [setting, prepare({ vars: manageHost(setting) })]),
    );
    test.each(rows)('%s is %s and not %s', async (setting, same, another) => {
      const deployment = await deployments.get(setting)!();
      expect((await deployment.call({ host: same, target: '/_edge/sign-in' })).status).toBe(200);
      expect((await deployment.call({ host: another, target: '/_edge/sign-in' })).status).toBe(404);
      await deployment.dispose();
    });
  });

  describe('plain http, as Cloudflare reports it,', () => {
    const deploy = prepare({ vars: { PUBLIC_ROUTES: publicRoutes } });
    let world: World;
    beforeAll(async () => {
      world = await createWorld(await deploy());
    });
    afterAll(() => world.deployment.dispose());

    const visitor = (scheme: string): HeaderLine => ['CF-Visitor', `{"scheme":"${scheme}"}`];

    test('refuses whatever carries a token, before any look-up and without a grant', async () => {
      const { deployment, full } = world;
      const before = deployment.received.length;
      const operator: HeaderLine = ['Authorization', `Bearer ${deployment.adminToken}`];
      for (const [target, line] of [
        ['/x', bearer(full)],
        ['/public/x', bearer(full)],
        ['/x', ['Authorization', 'Bearer ea_sk_invented']],
        ['/x', ['Authorization', 'Basic YTpi']],
        ['/x', ['Sec-WebSocket-Protocol', `edge-authorizer, edge-authorizer.bearer.${full.token}`]],
        ['/_edge/v1/keys', operator],
        ['/_edge/v1/openapi.json', operator],
        ['/_edge/', operator],
        ['/_edge/v1/keys', ['Cf-Access-Jwt-Assertion', 'a.b.c']],
      ] as const) {
        const headers: HeaderLine[] = [line, visitor('http'), ['Origin', origins.app]];
        const answer = await deployment.call({ scheme: 'http', target, headers });
        expect(answer.status, target).toBe(403);
        expect(answer.headers['x-edge-reason']).toBe('https_required');
        expect(JSON.parse(answer.body)).toMatchObject({ code: 'https_required', status: 403 });
        expectNoCors(answer);
      }
      expect(deployment.received.length).toBe(before);
    });

    test('leads to the page on https, with the method and the query', async () => {
      for (const [method, host, target, location] of [
        ['GET', 'edge.test', '/_edge/', 'https://edge.test/_edge/'],
        [
          'GET',
          'edge.test:80',
          '/_edge/audit?keyId=a%20b',
          'https://edge.test/_edge/audit?keyId=a%20b',
        ],
        ['HEAD', 'edge.test:8080', '/_edge/sign-in', 'https://edge.test/_edge/sign-in'],
        ['POST', 'edge.test', '/_edge/sign-in', 'https://edge.test/_edge/sign-in'],
        ['GET', 'edge.test', '/_edge', 'https://edge.test/_edge'],
      ] as const) {
        const headers = [visitor('http')];
        const answer = await world.deployment.call({
          scheme: 'http',
          method,
          host,
          target,
          headers,
        });
        expect(answer.status, target).toBe(308);
        expect(answer.headers['location']).toBe(location);
        expect(answer.cookies).toEqual([]);
      }
    });

    test('changes nothing for what needs no token', async () => {
      const { deployment } = world;
      const call = (target: string, headers: readonly HeaderLine[] = []) =>
        deployment.call({ scheme: 'http', target, headers: [visitor('http'), ...headers] });
      expect((await call('/public/x')).status).toBe(200);
      expect((await call('/_edge/health')).status).toBe(200);
      expect((await call('/_edge/errors')).status).toBe(200);
      expect((await call('/x')).headers['x-edge-reason']).toBe('missing_credentials');
    });

    test('is not what a URL of http alone says, nor a report of https', async () => {
      const { deployment, full } = world;
      for (const line of [[], [visitor('https')], [['CF-Visitor', 'http'] as const]]) {
        const answer = await deployment.call({
          scheme: 'http',
          target: '/x',
          headers: [bearer(full), ...line],
        });
        expect(answer.status).toBe(200);
      }
    });

    const deployAllowing = prepare({ vars: { ALLOW_HTTP: 'true' } });
    test('is accepted with ALLOW_HTTP', async () => {
      const deployment = await deployAllowing();
      const key = await deployment.createKey({ name: 'a key' });
      const headers = [bearer(key), visitor('http')];
      const answer = await deployment.call({ scheme: 'http', target: '/x', headers });
      expect(answer.status).toBe(200);
      const page = await deployment.call({
        scheme: 'http',
        target: '/_edge/sign-in',
        headers: [visitor('http')],
      });
      expect(page.status).toBe(200);
      await deployment.dispose();
    });
  });
}

function manageHost(host: string): Vars {
  return { MANAGE_HOST: host };
}

/** A deployment whose keys are made on this host. */
function onHost(deployment: Deployment, host: string): Deployment {
  const { call } = deployment;
  return {
    ...deployment,
    // The upstream's behaviour is a property that is set later.
    get behaviour() {
      return deployment.behaviour;
    },
    set behaviour(behaviour) {
      deployment.behaviour = behaviour;
    },
    call: (request) => call({ host, ...request }),
    async createKey(document) {
      const answer = await call({
        host,
        method: 'POST',
        target: '/_edge/v1/keys',
        headers: [
          ['Authorization', `Bearer ${deployment.adminToken}`],
          ['Content-Type', 'application/json'],
        ],
        body: JSON.stringify(document),
      });
      if (answer.status !== 201) throw new Error(`Cannot create a key: ${answer.body}`);
      return JSON.parse(answer.body);
    },
  };
}
