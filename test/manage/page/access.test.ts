/**
 * Who gets into the page, and what others can make it do: sessions, forged requests, people whom
 * Cloudflare Access sent.
 */

import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Answer, Deployment } from '../../contract/deployment.ts';
import { deploy } from '../../support/workers.ts';
import { clientOf, type Document, snapshot } from '../client.ts';
import { cookieOf, hiddenFields, signIn, visitorOf } from './browser.ts';

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;

let edge: Deployment;
beforeEach(async () => {
  edge = await deploy();
});
afterEach(async () => {
  vi.useRealTimers();
  await edge.dispose();
});

/** Lets time pass for the Worker, which runs in this isolate. */
function passTime(ms: number): void {
  const nowMs = Date.now();
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(nowMs + ms);
}

const isSignInRedirect = (answer: Answer) =>
  answer.status === 303 && (answer.headers['location'] ?? '').startsWith('/_edge/sign-in');

describe('the page, to a visitor who is not signed in,', () => {
  const views = [
    '/_edge/',
    '/_edge/?q=a&cursor=b',
    '/_edge/keys/new',
    '/_edge/keys/key_0000000000000000000000',
    '/_edge/audit',
    '/_edge/overview',
    '/_edge/keys/key_0000000000000000000000/first-request',
  ];
  it.each(views)('shows nothing of %s and leads to the sign-in page and back', async (path) => {
    const answer = await visitorOf(edge).get(path);
    expect(answer.status).toBe(303);
    expect(answer.headers['location']).toBe(`/_edge/sign-in?${new URLSearchParams({ to: path })}`);
    expect(answer.body).toBe('');
  });

  const actions = [
    '/_edge/keys',
    '/_edge/keys/key_0000000000000000000000',
    '/_edge/keys/key_0000000000000000000000/disable',
    '/_edge/keys/key_0000000000000000000000/enable',
    '/_edge/keys/key_0000000000000000000000/allow-origin',
    '/_edge/keys/key_0000000000000000000000/client-tokens',
    '/_edge/keys/key_0000000000000000000000/sign-out-everyone',
    '/_edge/keys/key_0000000000000000000000/roll',
    '/_edge/keys/key_0000000000000000000000/delete',
    '/_edge/origins',
    '/_edge/rules',
    '/_edge/sign-out',
  ];
  it.each(actions)('does nothing of %s', async (path) => {
    const before = await snapshot();
    const answer = await visitorOf(edge).post(path, { form: { name: 'a', form_token: '' } });
    // A form about a key is kept until its sender has signed in.
    const isKept = answer.status === 403 && answer.body.includes('action="/_edge/sign-in"');
    expect(isKept || isSignInRedirect(answer), JSON.stringify(answer)).toBe(true);
    expect(isKept).toBe(path.startsWith('/_edge/keys'));
    await expect(snapshot()).resolves.toEqual(before);
  });

  it('is not there at all where management is off', async () => {
    edge = await deploy({ vars: { ADMIN_TOKEN: '' } });
    for (const path of ['/_edge/', '/_edge/sign-in', '/_edge/audit', '/_edge/assets/style.css']) {
      const answer = await visitorOf(edge).get(path);
      expect(answer.status, path).toBe(404);
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'not_found' });
    }
  });
});

describe('signing in', () => {
  const refused: readonly (readonly [name: string, token: () => Promise<string> | string])[] = [
    ['nothing', () => ''],
    ['blanks', () => '   '],
    ['another token', () => 'another-token-of-at-least-32-characters'],
    ['the beginning of the token', () => edge.adminToken.slice(0, -1)],
    ['the token in capitals', () => edge.adminToken.toUpperCase()],
    ['the token and more', () => `${edge.adminToken}x`],
    ['a header instead of a token', () => `Bearer ${edge.adminToken}`],
    ['an API key', async () => (await edge.createKey({ name: 'a key' })).token],
  ];
  it.each(refused)('refuses %s, and sets no cookie', async (_name, token) => {
    const answer = await visitorOf(edge).post('/_edge/sign-in', {
      form: { token: await token(), to: '/_edge/' },
    });
    expect(answer.status).toBe(403);
    expect(answer.cookies).toEqual([]);
    expect(answer.body).toContain('This is not an admin token.');
    const secret = (await token()).trim();
    if (secret !== '') expect(answer.body + edge.logs.join('\n')).not.toContain(secret);
  });

  it('takes the token with blanks around it, as it comes from the clipboard', async () => {
    await expect(signIn(edge, ` ${edge.adminToken}\n`)).resolves.toBeDefined();
  });

  it('sets a cookie that stays in the browser, on this path, and out of reach of scripts', async () => {
    const answer = await visitorOf(edge).post('/_edge/sign-in', {
      form: { token: edge.adminToken },
    });
    expect(answer.status).toBe(303);
    expect(answer.cookies).toEqual([
      expect.stringMatching(
        /^__Host-edge-session=[\w-]+\.[\w-]+\.[\w-]+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
      ),
    ]);
    expect(answer.cookies[0]).not.toContain(edge.adminToken);
    expect(edge.logs.join('\n')).not.toContain(edge.adminToken);
  });

  const destinations = [
    ['/_edge/audit?keyId=key_1', '/_edge/audit?keyId=key_1'],
    ['', '/_edge/'],
    ['https://evil.example/', '/_edge/'],
    ['//evil.example/', '/_edge/'],
    ['/\\evil.example', '/_edge/'],
    ['/_edge/../evil', '/_edge/'],
    ['/_edge/\\..\\..\\evil', '/_edge/'],
    ['/_edge/%0d%0aSet-Cookie:%20a=b', '/_edge/%0d%0aSet-Cookie:%20a=b'],
    ['/_edge/\r\nSet-Cookie: a=b', '/_edge/'],
    ['/api/stream', '/_edge/'],
    ['javascript:alert(1)', '/_edge/'],
  ] as const;
  it.each(destinations)('to go to %j afterwards leads to %j', async (to, location) => {
    const shown = await visitorOf(edge).get(`/_edge/sign-in?${new URLSearchParams({ to })}`);
    expect(hiddenFields(shown.body, '/_edge/sign-in')).toMatchObject({ to: location });
    const answer = await visitorOf(edge).post('/_edge/sign-in', {
      form: { token: edge.adminToken, to },
    });
    expect(answer.headers['location']).toBe(location);
  });

  it('is limited by address, by each isolate for itself where no limiter is bound', async () => {
    edge = await deploy({ vars: { SIGN_IN_LIMITER: undefined } as never });
    const address = { 'CF-Connecting-IP': '2001:db8:1:2::5' };
    const attempt = (headers: Record<string, string>) =>
      visitorOf(edge).post('/_edge/sign-in', { form: { token: 'wrong' }, headers });
    for (let count = 1; count <= 10; count += 1) {
      expect((await attempt(address)).status).toBe(403);
    }
    const refused = await visitorOf(edge).post('/_edge/sign-in', {
      form: { token: edge.adminToken },
      headers: address,
    });
    expect(refused.status).toBe(429);
    expect(refused.headers['retry-after']).toBe('60');
    expect(refused.cookies).toEqual([]);
    // The holder of one IPv6 address has its whole network. The next network is another visitor.
    expect((await attempt({ 'CF-Connecting-IP': '2001:db8:1:2:ffff::1' })).status).toBe(429);
    expect((await attempt({ 'CF-Connecting-IP': '2001:db8:1:3::5' })).status).toBe(403);
    passTime(MINUTE_MS);
    expect((await attempt(address)).status).toBe(403);
  });
});

describe('a session', () => {
  const forged: readonly (readonly [name: string, cookie: () => Promise<string> | string])[] = [
    ['that is empty', () => ''],
    ['that is the admin token', () => edge.adminToken],
    ['with a changed signature', async () => `${(await sessionOf()).slice(0, -6)}AAAAAA`],
    [
      'with changed claims',
      async () => {
        const [header, , signature] = (await sessionOf()).split('.');
        const claims = { aud: 'edge-authorizer page', jti: 'a', auth_time: 1, iat: 1, exp: 9e9 };
        return `${header}.${btoa(JSON.stringify(claims)).replaceAll('=', '')}.${signature}`;
      },
    ],
    [
      'that is signed with nothing',
      () =>
        new UnsecuredJWT({ auth_time: nowSeconds() })
          .setAudience('edge-authorizer page')
          .setJti('a')
          .setIssuedAt()
          .setExpirationTime('1h')
          .encode(),
    ],
    [
      'that is signed with the admin token itself',
      () => signSession(new TextEncoder().encode(edge.adminToken), 'edge-authorizer page'),
    ],
  ];
  it.each(forged)('%s opens nothing', async (_name, cookie) => {
    const visitor = visitorOf(edge, `__Host-edge-session=${await cookie()}`);
    const answer = await visitor.get('/_edge/audit');
    expect(isSignInRedirect(answer), JSON.stringify(answer)).toBe(true);
  });

  it('is no credential for the API', async () => {
    const { cookie } = await signIn(edge);
    const answer = await visitorOf(edge, cookie).get('/_edge/v1/keys');
    expect(answer.status).toBe(401);
    const client = clientOf(edge, { Authorization: `Bearer ${await sessionOf()}` });
    await expect(client('GET', '/keys')).resolves.toMatchObject({ status: 401 });
  });

  it('is found among cookies of its name that others planted, in any order', async () => {
    const { cookie } = await signIn(edge);
    const own = cookie ?? '';
    const name = '__Host-edge-session';
    const ended = await signIn(edge);
    await ended.submit('/_edge/', '/_edge/sign-out');
    const planted = [
      `${name}=planted`,
      `${name}=`,
      `${name}=a.b.c`,
      `${own.slice(0, -6)}AAAAAA`,
      ended.cookie ?? '',
      `${name}=${'x'.repeat(8_000)}`,
    ];
    for (const cookies of [
      ...planted.flatMap((other) => [
        [other, own],
        [own, other],
      ]),
      [...planted, own],
      [own, ...planted],
    ]) {
      const answer = await visitorOf(edge, cookies.join('; ')).get('/_edge/');
      expect(answer.status, cookies.join('; ').slice(0, 200)).toBe(200);
    }
    expect(isSignInRedirect(await visitorOf(edge, planted.join('; ')).get('/_edge/'))).toBe(true);
  });

  const localHosts = [
    'localhost',
    'localhost:8787',
    'LOCALHOST',
    'localhost.',
    'edge.localhost:8787',
    '127.0.0.1:8787',
    '127.1.2.3',
    '[::1]:8787',
  ];
  it.each(localHosts)('has its local name over http on %s alone', async (host) => {
    const at = (scheme: 'http' | null, cookie: string | null, on = host) =>
      edge.call({
        ...(scheme === null ? {} : { scheme }),
        host: on,
        target: '/_edge/',
        headers: cookie === null ? [] : [['Cookie', cookie]],
      });
    const signedIn = await edge.call({
      scheme: 'http',
      host,
      method: 'POST',
      target: '/_edge/sign-in',
      headers: [
        ['CF-Connecting-IP', `198.51.100.77, ${host}`],
        ['Sec-Fetch-Site', 'same-origin'],
        ['Content-Type', 'application/x-www-form-urlencoded'],
      ],
      body: new URLSearchParams({ token: edge.adminToken }).toString(),
    });
    expect(signedIn.cookies).toEqual([
      expect.stringMatching(
        /^edge-session-local=[^;]+; Path=\/_edge\/; HttpOnly; SameSite=Strict$/,
      ),
    ]);
    const cookie = cookieOf(signedIn);
    expect((await at('http', cookie)).status).toBe(200);
    const usual = cookie.replace('edge-session-local', '__Host-edge-session');
    expect((await at('http', usual)).status).toBe(303);
    expect((await at(null, cookie)).status).toBe(303);
    for (const other of [
      'edge.test',
      'localhost.evil.example',
      '192.168.1.2',
      '127.0.0.1.evil.example',
    ]) {
      expect((await at('http', cookie, other)).status, other).toBe(303);
      expect((await at(null, cookie, other)).status, other).toBe(303);
    }
  });

  it('ends for everybody when the admin token is rotated', async () => {
    const { cookie } = await signIn(edge);
    await edge.dispose();
    edge = await deploy({ vars: { ADMIN_TOKEN: 'rotated-admin-token-of-at-least-32-characters' } });
    const answer = await visitorOf(edge, cookie).get('/_edge/');
    expect(isSignInRedirect(answer)).toBe(true);
    const shown = await visitorOf(edge).get(answer.headers['location'] ?? '');
    expect(shown.body).toContain('Your session has ended.');
  });

  it('continues while it is used, with a new cookie once a minute', async () => {
    const visitor = await signIn(edge);
    expect((await visitor.get('/_edge/')).cookies).toEqual([]);
    passTime(29 * MINUTE_MS);
    visitor.cookie = cookieOf(await visitor.get('/_edge/'));
    passTime(29 * MINUTE_MS);
    expect((await visitor.get('/_edge/')).status).toBe(200);
    passTime(2 * MINUTE_MS);
    expect(isSignInRedirect(await visitor.get('/_edge/'))).toBe(true);
  });

  it('keeps its forms while its cookie is renewed', async () => {
    const visitor = await signIn(edge);
    const shown = await visitor.get('/_edge/keys/new');
    passTime(5 * MINUTE_MS);
    visitor.cookie = cookieOf(await visitor.get('/_edge/'));
    const fields = hiddenFields(shown.body, '/_edge/keys');
    const answer = await visitor.post('/_edge/keys', { form: { ...fields, name: 'kept' } });
    expect(answer.status).toBe(201);
  });

  it('ends after twelve hours, however much it is used', async () => {
    const visitor = await signIn(edge);
    for (let halfHours = 0; halfHours < 12 * 3 - 1; halfHours += 1) {
      passTime(20 * MINUTE_MS);
      visitor.cookie = cookieOf(await visitor.get('/_edge/'));
    }
    passTime(20 * MINUTE_MS + 1000);
    expect(isSignInRedirect(await visitor.get('/_edge/'))).toBe(true);
  });

  it('that was signed out of is over for copies of its cookies, older and newer ones', async () => {
    const visitor = await signIn(edge);
    const older = visitor.cookie;
    passTime(2 * MINUTE_MS);
    const newer = cookieOf(await visitor.get('/_edge/'));
    visitor.cookie = newer;
    // Old enough to be renewed, which signing out must not do.
    passTime(2 * MINUTE_MS);
    const answer = await visitor.submit('/_edge/', '/_edge/sign-out');
    expect(answer.headers['location']).toBe('/_edge/sign-in?signed-out');
    expect(answer.cookies).toEqual([
      '__Host-edge-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict',
    ]);
    for (const cookie of [older, newer]) {
      expect(isSignInRedirect(await visitorOf(edge, cookie).get('/_edge/'))).toBe(true);
    }
    // Another session of the same operator continues.
    expect((await (await signIn(edge)).get('/_edge/')).status).toBe(200);
  });

  it('that was signed out of is forgotten when its cookies have expired by themselves', async () => {
    const visitor = await signIn(edge);
    await visitor.submit('/_edge/', '/_edge/sign-out');
    passTime(12 * HOUR_MS + MINUTE_MS);
    const other = await signIn(edge);
    await other.submit('/_edge/', '/_edge/sign-out');
    await expect(edge.query('SELECT count(*) AS n FROM ended_sessions')).resolves.toEqual([
      { n: 1 },
    ]);
  });

  it('that a link of another site brings along no cookie of is asked for once more', async () => {
    const answer = await visitorOf(edge).get('/_edge/audit?keyId=a%22b', { site: 'cross-site' });
    expect(answer.status).toBe(200);
    expect(answer.body).toContain(
      '<meta http-equiv="refresh" content="0;url=/_edge/audit?keyId=a%22b"/>',
    );
    // And is then really not there.
    expect(isSignInRedirect(await visitorOf(edge).get('/_edge/audit'))).toBe(true);
  });

  async function sessionOf(): Promise<string> {
    const { cookie } = await signIn(edge);
    return cookie?.split('=')[1] ?? '';
  }
});

describe('a view', () => {
  const views = ['/_edge/', '/_edge/keys/new', '/_edge/audit'];
  const readers: readonly (readonly [name: string, headers: Record<string, string>])[] = [
    ['a script of this origin', { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' }],
    ['a script, without its destination', { 'Sec-Fetch-Mode': 'same-origin' }],
    ['a script without CORS', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'empty' }],
    ['a frame', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe' }],
    ['an old frame', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'frame' }],
    ['an object', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'object' }],
    ['an embedded element', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'embed' }],
    ['an image', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' }],
    ['a script element', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'script' }],
    ['a worker', { 'Sec-Fetch-Mode': 'same-origin', 'Sec-Fetch-Dest': 'worker' }],
  ];
  it.each(readers)('is refused to %s', async (_name, headers) => {
    const visitor = await signIn(edge);
    for (const site of ['same-origin', 'same-site', 'cross-site']) {
      for (const view of views) {
        const answer = await visitor.get(view, { site, headers });
        expect(answer.status, `${site} ${view}`).toBe(403);
        expect(answer.body).not.toContain('form_token');
      }
    }
  });

  it('is served to a window, to a tool, and to a script of ours that knows the form token', async () => {
    const visitor = await signIn(edge);
    const navigation = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' };
    const shown = await visitor.get('/_edge/keys/new', { headers: navigation });
    expect(shown.status).toBe(200);
    expect((await visitor.get('/_edge/', { site: null })).status).toBe(200);
    const token = hiddenFields(shown.body, '/_edge/keys')['form_token'] ?? '';
    const script = { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' };
    const withToken = { ...script, 'X-Edge-Form-Token': token };
    expect((await visitor.get('/_edge/', { headers: withToken })).status).toBe(200);
    const invented = { ...script, 'X-Edge-Form-Token': '0123456789abcdef0123456789abcdef' };
    expect((await visitor.get('/_edge/', { headers: invented })).status).toBe(403);
  });

  it('cannot be framed, and is cut off from the window that opened it', async () => {
    const visitor = await signIn(edge);
    for (const path of [...views, '/_edge/sign-in']) {
      const { headers } = await visitor.get(path);
      expect(headers['content-security-policy'], path).toContain("frame-ancestors 'none'");
      expect(headers['cross-origin-opener-policy'], path).toBe('same-origin');
    }
  });

  it('of a form that a frame sends does nothing', async () => {
    const key = await edge.createKey({ name: 'target' });
    const visitor = await signIn(edge);
    const action = `/_edge/keys/${key.id}/disable`;
    const form = hiddenFields((await visitor.get(`/_edge/keys/${key.id}`)).body, action);
    for (const destination of ['iframe', 'frame', 'object', 'embed']) {
      const headers = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': destination };
      expect((await visitor.post(action, { form, headers })).status, destination).toBe(403);
    }
    await expect(edge.query('SELECT enabled FROM keys WHERE id = ?1', key.id)).resolves.toEqual([
      { enabled: 1 },
    ]);
  });
});

describe('a forged request', () => {
  const senders: readonly (readonly [
    name: string,
    request: { site?: string | null; origin?: string },
  ])[] = [
    ['from another site', { site: 'cross-site', origin: 'https://evil.example' }],
    ['from a sibling of this host', { site: 'same-site', origin: 'https://app.edge.test' }],
    ['that the browser marks as made by no site', { site: 'none' }],
    [
      'that claims our origin and another site',
      { site: 'cross-site', origin: 'https://edge.test' },
    ],
    ['with another origin, of an old browser', { site: null, origin: 'https://evil.example' }],
    ['with an opaque origin, of an old browser', { site: null, origin: 'null' }],
    ['that says nothing of where it is from', { site: null }],
  ];

  it.each(senders)('%s is refused, with cookie and token and all', async (_name, sender) => {
    const key = await edge.createKey({ name: 'target' });
    const visitor = await signIn(edge);
    const shown = await visitor.get(`/_edge/keys/${key.id}`);
    const before = await snapshot();
    for (const action of [`/_edge/keys/${key.id}/disable`, '/_edge/sign-out']) {
      const answer = await visitor.post(action, {
        ...sender,
        form: hiddenFields(shown.body, action),
      });
      expect(answer.status, action).toBe(403);
      expect(answer.cookies).toEqual([]);
    }
    await expect(snapshot()).resolves.toEqual(before);
    expect((await visitor.get('/_edge/')).status).toBe(200);
    expect(edge.logs.join('\n')).toContain('"event":"page_forgery_refused"');
  });

  it.each(senders)('%s does not sign anybody in', async (_name, sender) => {
    const form = { token: edge.adminToken };
    const answer = await visitorOf(edge).post('/_edge/sign-in', { ...sender, form });
    expect(answer.status).toBe(403);
    expect(answer.cookies).toEqual([]);
  });

  it('of an old browser that names our origin is our own', async () => {
    const answer = await visitorOf(edge).post('/_edge/sign-in', {
      site: null,
      origin: 'https://edge.test',
      form: { token: edge.adminToken },
    });
    expect(answer.status).toBe(303);
  });

  const tokens: readonly (readonly [name: string, token: () => Promise<string | null>])[] = [
    ['no token', async () => null],
    ['an empty token', async () => ''],
    ['an invented token', async () => '0123456789abcdef0123456789abcdef'],
    [
      'the token of another session',
      async () => {
        const other = await signIn(edge);
        const fields = hiddenFields((await other.get('/_edge/keys/new')).body, '/_edge/keys');
        return fields['form_token'] ?? '';
      },
    ],
  ];
  it.each(tokens)('with %s is refused', async (_name, token) => {
    const visitor = await signIn(edge);
    const fields = hiddenFields((await visitor.get('/_edge/keys/new')).body, '/_edge/keys');
    const { form_token: own, ...others } = fields;
    expect(own).toMatch(/^[0-9a-f]{32}$/);
    const sent = await token();
    const before = await snapshot();
    const answer = await visitor.post('/_edge/keys', {
      form: { ...others, name: 'forged', ...(sent === null ? {} : { form_token: sent }) },
    });
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('Not from this page');
    await expect(snapshot()).resolves.toEqual(before);
  });
});

describe('a person whom Cloudflare Access sent', () => {
  const vars = {
    MANAGE_JWT_ISSUER: 'https://team.cloudflareaccess.example',
    MANAGE_JWT_AUDIENCE: 'edge',
    MANAGE_JWT_JWKS_URL: 'https://team.cloudflareaccess.example/certs',
    MANAGE_JWT_OWNER_CLAIM: 'account',
  };
  let pair: Awaited<ReturnType<typeof generateKeyPair>>;

  async function deployBehindAccess(more: Record<string, string> = {}): Promise<void> {
    await edge.dispose();
    edge = await deploy({ vars: { ...vars, ...more } });
    pair = await generateKeyPair('ES256', { extractable: true });
    const keys = [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256' }];
    vi.mocked(fetch).mockImplementation(async () => Response.json({ keys }));
  }

  async function assertionOf(sub: string, account: string): Promise<Record<string, string>> {
    const token = await new SignJWT({ sub, account })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer(vars.MANAGE_JWT_ISSUER)
      .setAudience('edge')
      .setExpirationTime('5m')
      .sign(pair.privateKey);
    return { 'Cf-Access-Jwt-Assertion': token };
  }

  it('is signed in as themselves, and sees and changes their own keys alone', async () => {
    await deployBehindAccess();
    const mine = await edge.createKey({ name: 'Key of Ann', owner: 'acct_ann' });
    const theirs = await edge.createKey({ name: 'Key of Bob', owner: 'acct_bob' });
    const ann = visitorOf(edge, null, await assertionOf('ann@example.com', 'acct_ann'));

    const list = await ann.get('/_edge/');
    expect(list.status).toBe(200);
    expect(list.body).toContain('ann@example.com');
    expect(list.body).toContain('Key of Ann');
    expect(list.body).not.toContain('Key of Bob');
    expect(list.body).toContain('href="/cdn-cgi/access/logout"');
    expect(list.body).not.toContain('/_edge/sign-out');
    // People own what they create, so there is nothing to choose.
    expect(list.body).not.toContain('name="owner"');
    // The operator alone sets a plan, but for the addresses.
    for (const path of ['/_edge/keys/new', `/_edge/keys/${mine.id}`]) {
      const { body } = await ann.get(path);
      expect(body).toContain('name="addresses"');
      for (const name of ['limit', 'limit_by', 'quota_requests', 'meta_name', 'tags']) {
        expect(body, path).not.toContain(`name="${name}"`);
      }
    }
    const forgedPlan = { quota_requests: '5', limit: 'pro', meta_name: 'a', tags: 'b' };
    const planned = await ann.submit(`/_edge/keys/${mine.id}`, `/_edge/keys/${mine.id}`, {
      name: 'Planned',
      ...forgedPlan,
    });
    expect(planned.status).toBe(422);
    for (const member of ['quota', 'limit', 'limitBy', 'meta', 'tags']) {
      expect(planned.body).toContain(`${member}: The operator alone sets it`);
    }

    expect((await ann.get(`/_edge/keys/${theirs.id}`)).status).toBe(404);
    const disabled = await ann.submit(`/_edge/keys/${mine.id}`, `/_edge/keys/${mine.id}/disable`);
    expect(disabled.headers['location']).toBe(`/_edge/keys/${mine.id}?done=disabled`);
    const fields = hiddenFields(
      (await ann.get(`/_edge/keys/${mine.id}`)).body,
      `/_edge/keys/${mine.id}/enable`,
    );
    const before = await snapshot();
    const foreign = await ann.post(`/_edge/keys/${theirs.id}/disable`, { form: fields });
    expect(foreign.status).toBe(404);
    await expect(snapshot()).resolves.toEqual(before);

    const created = await ann.submit('/_edge/keys/new', '/_edge/keys', {
      name: 'Another of Ann',
    });
    expect(created.status).toBe(201);
    const given = await ann.submit('/_edge/keys/new', '/_edge/keys', {
      name: 'One for Bob',
      owner: 'acct_bob',
    });
    expect(given.status).toBe(422);
    await expect(
      edge.query("SELECT owner FROM keys WHERE name = 'Another of Ann'"),
    ).resolves.toEqual([{ owner: 'acct_ann' }]);
    const audit = await ann.get('/_edge/audit');
    expect(audit.body).toContain('person:ann@example.com');
    expect(audit.body).not.toContain('Key of Bob');
  });

  it('cannot be made to send a form of another person', async () => {
    await deployBehindAccess();
    const ann = visitorOf(edge, null, await assertionOf('ann', 'acct_ann'));
    const bob = visitorOf(edge, null, await assertionOf('bob', 'acct_bob'));
    const fields = hiddenFields((await bob.get('/_edge/keys/new')).body, '/_edge/keys');
    const answer = await ann.post('/_edge/keys', { form: { ...fields, name: 'forged' } });
    expect(answer.status).toBe(403);
    const crossSite = await ann.post('/_edge/keys', {
      site: 'cross-site',
      form: { ...hiddenFields((await ann.get('/_edge/keys/new')).body, '/_edge/keys'), name: 'a' },
    });
    expect(crossSite.status).toBe(403);
  });

  it('is asked for the admin token when their assertion is not valid', async () => {
    await deployBehindAccess();
    const forged = visitorOf(edge, null, { 'Cf-Access-Jwt-Assertion': 'a.b.c' });
    expect(isSignInRedirect(await forged.get('/_edge/'))).toBe(true);
    // The admin token has no place in that header.
    const asOperator = visitorOf(edge, null, { 'Cf-Access-Jwt-Assertion': edge.adminToken });
    expect(isSignInRedirect(await asOperator.get('/_edge/'))).toBe(true);
  });

  it('is all there is where there is no admin token', async () => {
    await deployBehindAccess({ ADMIN_TOKEN: '' });
    const ann = visitorOf(edge, null, await assertionOf('ann', 'acct_ann'));
    expect((await ann.get('/_edge/')).status).toBe(200);
    const stranger = await visitorOf(edge).get('/_edge/');
    expect(stranger.status).toBe(403);
    expect(stranger.body).toContain('Cloudflare Access');
    expect((await visitorOf(edge).get('/_edge/sign-in')).status).toBe(404);
    const attempt = await visitorOf(edge).post('/_edge/sign-in', { form: { token: '' } });
    expect(attempt.status).toBe(404);
    expect(attempt.cookies).toEqual([]);
  });

  it('may sign in as the operator beside that', async () => {
    await deployBehindAccess();
    const operator = await signIn(edge);
    const both = visitorOf(edge, operator.cookie, await assertionOf('ann', 'acct_ann'));
    expect((await both.get('/_edge/')).body).toContain('<span>Operator</span>');
  });
});

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

function signSession(key: Uint8Array, audience: string): Promise<string> {
  return new SignJWT({ auth_time: nowSeconds() } as Document)
    .setProtectedHeader({ alg: 'HS256' })
    .setAudience(audience)
    .setJti('a')
    .setIssuedAt()
    .setExpirationTime('30m')
    .sign(key);
}
