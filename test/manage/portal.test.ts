/**
 * The portal: links that the operator makes, and what their button opens. What a browser does with them is
 * in test/end-to-end/portal.test.ts.
 */

import { env } from 'cloudflare:workers';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hashToken } from '../../src/core/key/token.ts';
import { makeOperatorToken } from '../../src/core/operators/operator-tokens.ts';
import { trimPortalSessions } from '../../src/manage/portal/store.ts';
import type { Answer, Deployment } from '../contract/deployment.ts';
import { timeLeftInMinute } from '../support/time-left.ts';
import { deploy } from '../support/workers.ts';
import { clientOf, type Document, expectProblem, problemsOf } from './client.ts';
import { cookieOf, hiddenFields, signIn, type Visitor, visitorOf } from './page/browser.ts';

const returnUrl = 'https://app.example/account';
const portalVars = { PORTAL_RETURN_URLS: 'https://app.example/account, https://other.example' };
const MINUTE_MS = 60 * 1000;

const newToken = () => makeOperatorToken((bytes) => crypto.getRandomValues(bytes));
const tokens = { read: newToken(), keys: newToken(), everything: newToken() };
const entryOf = async (scope: keyof typeof tokens) => ({
  name: scope,
  sha256: await hashToken(tokens[scope]),
  scopes: [scope],
});

let edge: Deployment;
beforeEach(async () => {
  edge = await deploy({ vars: portalVars });
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

const bearer = (token: string) => clientOf(edge, { Authorization: `Bearer ${token}` });

async function makeLink(document: Document = {}, token = edge.adminToken): Promise<string> {
  const body = { owner: 'acct_1', returnUrl, ...document };
  const answer = await bearer(token)('POST', '/portal-sessions', { body });
  expect(answer.status, answer.text).toBe(201);
  return new URL(answer.body.url).pathname;
}

/** Presses the button of a link. */
async function press(visitor: Visitor, path: string): Promise<Answer> {
  const shown = await visitor.get(path, { site: 'cross-site' });
  expect(shown.status, shown.body).toBe(200);
  return visitor.post('/_edge/portal', { form: hiddenFields(shown.body, '/_edge/portal') });
}

/** A customer for whom a link was opened. */
async function openPortal(document: Document = {}, token = edge.adminToken): Promise<Visitor> {
  const visitor = visitorOf(edge);
  const answer = await press(visitor, await makeLink(document, token));
  expect(answer.status, answer.body).toBe(303);
  expect(answer.headers['location']).toBe('/_edge/');
  visitor.cookie = cookieOf(answer);
  return visitor;
}

const linksInD1 = () => edge.query('SELECT * FROM portal_sessions');

describe('POST /portal-sessions', () => {
  test('answers 404 and the name of the setting without a portal', async () => {
    edge = await deploy();
    const answer = await bearer(edge.adminToken)('POST', '/portal-sessions', {
      body: { owner: 'acct_1', returnUrl },
    });
    expectProblem(answer, 404, 'not_found');
    expect(answer.body.detail).toContain('PORTAL_RETURN_URLS');
  });

  test('answers a link for one owner, which expires in a minute', async () => {
    const answer = await bearer(edge.adminToken)('POST', '/portal-sessions', {
      body: { owner: 'acct_1', returnUrl: 'HTTPS://APP.example:443/account?tab=keys' },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers['cache-control']).toBe('no-store');
    const { url, urlExpiresAt, ...rest } = answer.body;
    expect(url).toMatch(/^https:\/\/edge\.test\/_edge\/portal\/ea_pl_[0-9A-Za-z]{43}$/);
    const lifetimeMs = Date.parse(urlExpiresAt) - Date.now();
    expect(Math.abs(lifetimeMs - MINUTE_MS)).toBeLessThan(10_000);
    expect(rest).toEqual({
      owner: 'acct_1',
      returnUrl: 'https://app.example/account?tab=keys',
      expiresInSeconds: 3600,
    });
  });

  const wrong: readonly (readonly [name: string, body: unknown, paths: readonly string[]])[] = [
    ['nothing', {}, ['owner', 'returnUrl']],
    ['a list', [], ['']],
    ['an empty owner', { owner: '', returnUrl }, ['owner']],
    ['an owner with a line break', { owner: 'a\nb', returnUrl }, ['owner']],
    ['no owner', { owner: null, returnUrl }, ['owner']],
    ['a URL that is not listed', { owner: 'a', returnUrl: 'https://evil.example/' }, ['returnUrl']],
    ['a script', { owner: 'a', returnUrl: 'javascript:alert(1)' }, ['returnUrl']],
    ['no URL', { owner: 'a', returnUrl: null }, ['returnUrl']],
    ['a fraction', { owner: 'a', returnUrl, expiresInSeconds: 60.5 }, ['expiresInSeconds']],
    ['too short a time', { owner: 'a', returnUrl, expiresInSeconds: 59 }, ['expiresInSeconds']],
    ['too long a time', { owner: 'a', returnUrl, expiresInSeconds: 43_201 }, ['expiresInSeconds']],
    ['a text as a time', { owner: 'a', returnUrl, expiresInSeconds: '60' }, ['expiresInSeconds']],
    ['another member', { owner: 'a', returnUrl, scopes: ['everything'] }, ['scopes']],
    [
      'everything wrong at once',
      { owner: '', returnUrl: 'http://evil.example/', expiresInSeconds: 0, actor: 'x' },
      ['actor', 'expiresInSeconds', 'owner', 'returnUrl'],
    ],
  ];
  test.each(wrong)('refuses %s, and keeps nothing', async (_name, body, paths) => {
    const answer = await bearer(edge.adminToken)('POST', '/portal-sessions', { body });
    expectProblem(answer, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(answer)).sort()).toEqual(paths);
    await expect(linksInD1()).resolves.toEqual([]);
  });

  test('is for operators who may change keys', async () => {
    const entries = await Promise.all([entryOf('read'), entryOf('keys'), entryOf('everything')]);
    edge = await deploy({ vars: { ...portalVars, ADMIN_TOKENS: JSON.stringify(entries) } });
    const body = { owner: 'acct_1', returnUrl };
    const answers = await Promise.all(
      [tokens.read, tokens.keys, tokens.everything].map((token) =>
        bearer(token)('POST', '/portal-sessions', { body }),
      ),
    );
    expectProblem(answers[0]!, 403, 'insufficient_scope');
    expect(answers.slice(1).map(({ status }) => status)).toEqual([201, 201]);
    expect(edge.logs.join('\n')).toContain('"actor":"operator:keys","owner":"acct_1"');
  });

  test('is not for people, for API keys and for a session of the portal', async () => {
    const key = await edge.createKey({ name: 'a key' });
    const body = { owner: 'acct_1', returnUrl };
    expectProblem(
      await bearer(key.token)('POST', '/portal-sessions', { body }),
      401,
      'invalid_credentials',
    );
    const { cookie } = await openPortal();
    for (const credentials of [
      { Cookie: cookie ?? '' },
      { Cookie: cookie ?? '', Authorization: `Bearer ${cookie?.split('=')[1]}` },
    ]) {
      const answer = await clientOf(edge, credentials)('POST', '/portal-sessions', { body });
      expect(answer.status).toBe(401);
      await expect(
        clientOf(edge, credentials)('GET', '/keys').then(({ status }) => status),
      ).resolves.toBe(401);
    }
  });
});

describe('a link', () => {
  test('is used by its button alone: reading it changes nothing, as often as anything reads it', async () => {
    const path = await makeLink();
    const before = await linksInD1();
    const readers = [
      { site: 'none' },
      { site: 'cross-site' },
      { site: null },
      { site: 'cross-site', headers: { 'Sec-Purpose': 'prefetch;prerender' } },
    ];
    for (const request of readers) {
      const shown = await visitorOf(edge).get(path, request);
      expect(shown.status).toBe(200);
      expect(shown.cookies).toEqual([]);
      expect(shown.headers).toMatchObject({
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cache-control': 'no-store',
        'x-robots-tag': 'noindex',
        'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      });
      expect(shown.body).toContain('<strong>acct_1</strong>');
      expect(shown.body).toContain(`href="${returnUrl}"`);
    }
    const head = await edge.call({ method: 'HEAD', target: path });
    expect([head.status, head.body]).toEqual([200, '']);
    await expect(linksInD1()).resolves.toEqual(before);
    expect((await press(visitorOf(edge), path)).status).toBe(303);
  });

  test('sets a session cookie that stays in the browser and out of reach of scripts', async () => {
    const answer = await press(visitorOf(edge), await makeLink());
    expect(answer.cookies).toEqual([
      expect.stringMatching(
        /^__Host-edge-portal=ea_ps_[0-9A-Za-z]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
      ),
    ]);
  });

  test('works once', async () => {
    const path = await makeLink();
    const [first, second] = [visitorOf(edge), visitorOf(edge)];
    const shown = await second.get(path);
    expect((await press(first, path)).status).toBe(303);
    const form = hiddenFields(shown.body, '/_edge/portal');
    const again = await second.post('/_edge/portal', { form });
    expect(again.status).toBe(410);
    expect(again.cookies).toEqual([]);
    expect(again.body).toContain('This link was used already');
    const read = await visitorOf(edge).get(path, { site: 'cross-site' });
    expect(read.status).toBe(410);
    expect(read.body).toContain(`href="${returnUrl}"`);
    expect(read.body).not.toContain('acct_1');
    expect(read.body).not.toContain('<button');
  });

  test('is won by one of many requests at the same time', async () => {
    const path = await makeLink();
    const shown = await visitorOf(edge).get(path);
    const form = hiddenFields(shown.body, '/_edge/portal');
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => visitorOf(edge).post('/_edge/portal', { form })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(7).fill(410)]);
    expect(answers.flatMap(({ cookies }) => cookies)).toHaveLength(1);
  });

  test('leads the browser that used it to the page, if the button is pressed again', async () => {
    const path = await makeLink();
    const visitor = visitorOf(edge);
    const shown = await visitor.get(path);
    const form = hiddenFields(shown.body, '/_edge/portal');
    visitor.cookie = cookieOf(await visitor.post('/_edge/portal', { form }));
    const again = await visitor.post('/_edge/portal', { form });
    expect([again.status, again.headers['location'], again.cookies]).toEqual([303, '/_edge/', []]);
    // Another session of the same owner did not use it.
    const other = await openPortal();
    expect((await other.post('/_edge/portal', { form })).status).toBe(410);
  });

  test('expires after a minute', async () => {
    const path = await makeLink();
    const shown = await visitorOf(edge).get(path);
    passTime(MINUTE_MS);
    const form = hiddenFields(shown.body, '/_edge/portal');
    const answer = await visitorOf(edge).post('/_edge/portal', { form });
    expect(answer.status).toBe(410);
    expect(answer.cookies).toEqual([]);
    expect(answer.body).toContain('This link has expired');
    const read = await visitorOf(edge).get(path);
    expect(read.status).toBe(410);
    expect(read.body).toContain(`href="${returnUrl}"`);
  });

  test.each([
    ['another site', { site: 'cross-site' }],
    ['a sibling host', { site: 'same-site' }],
    ['a page of the API in a frame', { headers: { 'Sec-Fetch-Dest': 'iframe' } }],
    ['another origin, by an old browser', { site: null, origin: 'https://evil.example' }],
    ['a program that says nothing', { site: null }],
  ])('is not used by %s', async (_name, request) => {
    const path = await makeLink();
    const shown = await visitorOf(edge).get(path);
    const form = hiddenFields(shown.body, '/_edge/portal');
    const answer = await visitorOf(edge).post('/_edge/portal', { form, ...request });
    expect(answer.status).toBe(403);
    expect(answer.cookies).toEqual([]);
    expect((await press(visitorOf(edge), path)).status).toBe(303);
  });

  test('that is invented, cut or changed opens nothing and leads nowhere', async () => {
    const path = await makeLink();
    const secret = path.replace('/_edge/portal/', '');
    const changed = secret.slice(0, -1) + (secret.endsWith('a') ? 'b' : 'a');
    for (const other of [changed, secret.slice(0, -1), `${secret}a`, secret.toUpperCase(), 'x']) {
      const answer = await visitorOf(edge).get(`/_edge/portal/${other}`);
      expect([other, answer.status]).toEqual([other, 404]);
      expect(answer.body).toContain('This link is not valid');
      expect(answer.body).not.toContain('app.example');
      const form = { link: other };
      expect((await visitorOf(edge).post('/_edge/portal', { form })).status).toBe(404);
    }
    expect((await visitorOf(edge).post('/_edge/portal', { form: {} })).status).toBe(404);
    expect((await press(visitorOf(edge), path)).status).toBe(303);
  });

  test('cannot be guessed at: an address that tries eleven in a minute has to wait', async () => {
    await timeLeftInMinute();
    const path = await makeLink();
    const headers = { 'CF-Connecting-IP': '203.0.113.18' };
    const guess = `/_edge/portal/ea_pl_${'A'.repeat(43)}`;
    for (let count = 1; count <= 10; count += 1) {
      expect((await visitorOf(edge).get(guess, { headers })).status).toBe(404);
    }
    const refused = await visitorOf(edge).get(guess, { headers });
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '60']);
    // The right one as well, so that it does not stand out.
    expect((await visitorOf(edge).get(path, { headers })).status).toBe(429);
    expect((await visitorOf(edge).get(path)).status).toBe(200);
  });

  test('is in D1, in logs and in what it leads to in no readable form', async () => {
    const visitor = await openPortal();
    const path = await makeLink();
    await visitorOf(edge).get(path);
    await visitorOf(edge).post(path, { form: {} });
    const secrets = [path.slice(-43, -4), visitor.cookie?.slice(-43, -4) ?? ''];
    const everything = JSON.stringify([await linksInD1(), edge.logs]);
    for (const secret of secrets) expect(everything).not.toContain(secret);
  });

  test('is the same in spite of a list that changed, but leads back no more', async () => {
    const path = await makeLink();
    const rows = await linksInD1();
    const { storage: _, ...vars } = { storage: null, PORTAL_RETURN_URLS: 'https://other.example' };
    edge = await redeploy(vars, rows);
    const shown = await visitorOf(edge).get(path);
    expect(shown.status).toBe(200);
    expect(shown.body).not.toContain('app.example');
  });
});

/** Deploys with other settings over the links of the last deployment. */
async function redeploy(
  vars: Record<string, string>,
  rows: readonly Readonly<Record<string, unknown>>[],
): Promise<Deployment> {
  const next = await deploy({ vars });
  for (const row of rows) {
    const names = Object.keys(row);
    const places = names.map((_, index) => `?${index + 1}`);
    await env.DB.prepare(`INSERT INTO portal_sessions (${names}) VALUES (${places})`)
      .bind(...names.map((name) => row[name] ?? null))
      .run();
  }
  return next;
}

describe('a link and its session end with the credential of the operator who made them', () => {
  const entries = async (...scopes: (keyof typeof tokens)[]) =>
    JSON.stringify(await Promise.all(scopes.map(entryOf)));

  test.each([
    [
      'the admin token is replaced',
      'admin',
      { ADMIN_TOKEN: 'another-token-of-32-characters-0123' },
    ],
    ['the entry is removed', 'keys', { ADMIN_TOKENS: ['everything'] }],
    ['the entry may only read now', 'keys', { ADMIN_TOKENS: 'read-only' }],
  ] as const)('if %s', async (_name, by, change) => {
    const both = { ...portalVars, ADMIN_TOKENS: await entries('keys', 'everything') };
    edge = await deploy({ vars: both });
    const token = by === 'admin' ? edge.adminToken : tokens.keys;
    const visitor = await openPortal({}, token);
    const path = await makeLink({}, token);
    const rows = await linksInD1();

    edge = await redeploy(both, rows);
    const shown = await rebind(visitor).get('/_edge/');
    expect(shown.status).toBe(200);
    expect((await visitorOf(edge).get(path)).status).toBe(200);

    const adminTokens =
      'ADMIN_TOKENS' in change
        ? change.ADMIN_TOKENS === 'read-only'
          ? JSON.stringify([{ ...(await entryOf('keys')), scopes: ['read'] }])
          : await entries('everything')
        : both.ADMIN_TOKENS;
    const vars = { ...both, ...change, ADMIN_TOKENS: adminTokens } as Record<string, string>;
    edge = await redeploy(vars, rows);
    const refused = await rebind(visitor).get('/_edge/');
    expect(refused.status).toBe(403);
    expect(refused.body).toContain('Your session has ended');
    expect((await visitorOf(edge).get(path)).status).toBe(404);
  });

  function rebind(visitor: Visitor): Visitor {
    return visitorOf(edge, visitor.cookie);
  }
});

describe('a session of the portal', () => {
  test('shows and changes the keys of its owner alone, and the audit says so', async () => {
    const own = await edge.createKey({ name: 'Own key', owner: 'acct_1' });
    const other = await edge.createKey({ name: 'Key of another', owner: 'acct_2' });
    const ownerless = await edge.createKey({ name: 'Key without owner' });
    const visitor = await openPortal();
    const list = await visitor.get('/_edge/');
    expect(list.body).toContain('Own key');
    expect(list.body).not.toContain('Key of another');
    expect(list.body).not.toContain('Key without owner');
    for (const { id } of [other, ownerless]) {
      expect((await visitor.get(`/_edge/keys/${id}`)).status).toBe(404);
    }
    const shown = await visitor.get(`/_edge/keys/${own.id}`);
    expect(shown.body).not.toContain('Suspend');
    const created = await visitor.submit('/_edge/keys/new', '/_edge/keys', {
      name: 'From the portal',
    });
    expect(created.status).toBe(201);
    const [key] = await edge.query("SELECT owner FROM keys WHERE name = 'From the portal'");
    expect(key).toEqual({ owner: 'acct_1' });
    const [line] = await edge.query(
      "SELECT actor FROM audit WHERE owner = 'acct_1' ORDER BY id DESC",
    );
    expect(line).toEqual({ actor: 'portal:acct_1' });
  });

  test('cannot be widened by what the browser sends', async () => {
    const other = await edge.createKey({ name: 'Key of another', owner: 'acct_2' });
    const visitor = await openPortal();
    const forms = hiddenFields((await visitor.get('/_edge/keys/new')).body, '/_edge/keys');
    const form = { ...forms, name: 'Mine', owner: 'acct_2' };
    await visitor.post('/_edge/keys', { form });
    await expect(
      edge.query("SELECT owner FROM keys WHERE name = 'Mine' AND owner <> 'acct_1'"),
    ).resolves.toEqual([]);
    for (const action of ['disable', 'suspend', 'delete', 'roll']) {
      const path = `/_edge/keys/${other.id}/${action}`;
      const answer = await visitor.post(path, { form: { ...forms, name: 'Key of another' } });
      expect([400, 404]).toContain(answer.status);
    }
    for (const query of ['owner=acct_2', 'q=Key+of+another', 'state=revoked']) {
      expect((await visitor.get(`/_edge/?${query}`)).body).not.toContain(other.id);
    }
    expect((await visitor.get('/_edge/audit?owner=acct_2')).body).not.toContain(other.id);
    await expect(
      edge.query('SELECT enabled, suspended FROM keys WHERE id = ?1', other.id),
    ).resolves.toEqual([{ enabled: 1, suspended: 0 }]);
  });

  test('needs the token of its forms, as every session does', async () => {
    const visitor = await openPortal();
    const stranger = await openPortal();
    const foreign = hiddenFields((await stranger.get('/_edge/keys/new')).body, '/_edge/keys');
    for (const form of [{ name: 'a' }, { ...foreign, name: 'a' }]) {
      expect((await visitor.post('/_edge/keys', { form })).status).toBe(403);
    }
  });

  test('lasts as long as the link says from its use on, and no longer', async () => {
    const path = await makeLink({ expiresInSeconds: 120 });
    passTime(50_000);
    const visitor = visitorOf(edge);
    visitor.cookie = cookieOf(await press(visitor, path));
    passTime(119_000);
    expect((await visitor.get('/_edge/')).status).toBe(200);
    passTime(1_000);
    const ended = await visitor.get('/_edge/');
    expect(ended.status).toBe(403);
    expect(ended.body).toContain('Your session has ended');
    expect(ended.body).toContain(`href="${returnUrl}"`);
    const sent = await visitor.post('/_edge/keys', { form: { name: 'too late' } });
    expect([sent.status, sent.body.includes('Your session has ended')]).toEqual([403, true]);
    await expect(edge.query('SELECT * FROM keys')).resolves.toEqual([]);
  });

  test('ends by signing out, for every copy of its cookie, and leads back', async () => {
    const visitor = await openPortal();
    const left = await visitor.submit('/_edge/', '/_edge/sign-out');
    expect(left.status).toBe(200);
    expect(left.body).toContain('You are signed out');
    expect(left.body).toContain(`href="${returnUrl}"`);
    expect((await visitorOf(edge, visitor.cookie).get('/_edge/')).status).toBe(403);
  });

  test('shows the way back and no form for the admin token to another site', async () => {
    const visitor = await openPortal();
    expect((await visitor.get('/_edge/')).body).toContain(
      `<a href="${returnUrl}">Back to app.example</a>`,
    );
    // A strict cookie is not sent from there, but with the next request.
    const arrived = await visitor.get('/_edge/', { cookie: null, site: 'cross-site' });
    expect(arrived.body).toContain('content="0;url=/_edge/"');
  });

  test('takes precedence over the operator of the same browser, until either signs in again', async () => {
    const operator = await signIn(edge);
    const customer = await openPortal();
    const both = visitorOf(edge, `${operator.cookie}; ${customer.cookie}`);
    expect((await both.get('/_edge/')).body).toContain('Back to app.example');
    const answer = await both.post('/_edge/sign-in', { form: { token: edge.adminToken } });
    expect(answer.cookies).toEqual([
      expect.stringMatching(/^__Host-edge-session=./),
      '__Host-edge-portal=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict',
    ]);
    // After the session of the link has ended, the operator is the operator again.
    await customer.submit('/_edge/', '/_edge/sign-out');
    const operators = await both.get('/_edge/');
    expect(operators.status).toBe(200);
    expect(operators.body).not.toContain('Back to');
  });

  test.each([
    ['nothing', ''],
    ['a secret of no session', `ea_ps_${'A'.repeat(43)}`],
    ['the secret of the link', null],
    ['a session of the operator', 'eyJhbGciOiJIUzI1NiJ9.e30.c2ln'],
  ])('is not opened by %s', async (_name, value) => {
    const path = await makeLink();
    const secret = value ?? path.replace('/_edge/portal/', '');
    const answer = await visitorOf(edge, `__Host-edge-portal=${secret}`).get('/_edge/');
    expect([303, 403]).toContain(answer.status);
    expect(answer.body).not.toContain('Create API key');
  });

  test('is found among cookies of its name that others planted', async () => {
    const { cookie } = await openPortal();
    const planted = Array.from({ length: 3 }, () => `__Host-edge-portal=ea_ps_${'B'.repeat(43)}`);
    const visitor = visitorOf(edge, [...planted, cookie, planted[0]].join('; '));
    expect((await visitor.get('/_edge/')).body).toContain('Back to app.example');
  });

  test('works where the operator has no ADMIN_TOKEN', async () => {
    const vars = {
      ...portalVars,
      ADMIN_TOKEN: '',
      ADMIN_TOKENS: JSON.stringify([await entryOf('keys')]),
    };
    edge = await deploy({ vars });
    const visitor = await openPortal({}, tokens.keys);
    expect((await visitor.get('/_edge/')).status).toBe(200);
  });

  test('works for a person whom the issuer makes an operator', async () => {
    const issuer = await generateKeyPair('ES256');
    const people = {
      MANAGE_JWT_ISSUER: 'https://issuer.example',
      MANAGE_JWT_AUDIENCE: 'edge',
      MANAGE_JWT_JWKS_URL: 'https://issuer.example/jwks',
      MANAGE_JWT_OPERATOR_CLAIM: 'scopes',
    };
    edge = await deploy({ vars: { ...portalVars, ...people } });
    const jwk = { ...(await exportJWK(issuer.publicKey)), kid: 'k', alg: 'ES256' };
    vi.mocked(globalThis.fetch).mockImplementation(async () => Response.json({ keys: [jwk] }));
    const sign = (claims: object) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'k' })
        .setIssuer(people.MANAGE_JWT_ISSUER)
        .setAudience(people.MANAGE_JWT_AUDIENCE)
        .setSubject('alice')
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(issuer.privateKey);
    const visitor = await openPortal({}, await sign({ scopes: 'keys' }));
    expect((await visitor.get('/_edge/')).status).toBe(200);
    const body = { owner: 'alice', returnUrl };
    const person = await bearer(await sign({}))('POST', '/portal-sessions', { body });
    expectProblem(person, 403, 'operator_only');
  });
});

describe('the portal', () => {
  test('is not there without its setting, and sessions of before open nothing', async () => {
    const visitor = await openPortal();
    const path = await makeLink();
    edge = await redeploy({}, await linksInD1());
    expect((await visitorOf(edge).get(path)).status).toBe(404);
    expect((await visitorOf(edge).post('/_edge/portal', { form: { link: 'a' } })).status).toBe(404);
    const answer = await visitorOf(edge, visitor.cookie).get('/_edge/');
    expect(answer.headers['location']).toBe('/_edge/sign-in?to=%2F_edge%2F');
  });

  test('tells customers who return by a bookmark where they open it, on the page to sign in', async () => {
    const signInPage = async () => (await visitorOf(edge).get('/_edge/sign-in')).body;
    expect(await signInPage()).toContain('Does another site lead you to your API keys?');
    edge = await redeploy({ ...portalVars, PORTAL_NAME: 'Acme <Video>' }, []);
    expect(await signInPage()).toContain(
      'Are you a customer of Acme &lt;Video&gt;? Open this page',
    );
    edge = await redeploy({}, []);
    expect(await signInPage()).not.toContain('from there again');
  });

  test('is on the management host alone', async () => {
    edge = await deploy({ vars: { ...portalVars, MANAGE_HOST: 'manage.test' } });
    const elsewhere = await edge.call({ target: `/_edge/portal/ea_pl_${'A'.repeat(43)}` });
    expect(JSON.parse(elsewhere.body)).toMatchObject({ code: 'not_found' });
    const answer = await edge.call({
      method: 'POST',
      host: 'manage.test',
      target: '/_edge/v1/portal-sessions',
      headers: [
        ['Authorization', `Bearer ${edge.adminToken}`],
        ['Content-Type', 'application/json'],
      ],
      body: JSON.stringify({ owner: 'acct_1', returnUrl }),
    });
    expect(JSON.parse(answer.body).url).toMatch(/^https:\/\/manage\.test\/_edge\/portal\/ea_pl_/);
  });

  test('has the look of the settings, in its own style sheet and by its policy', async () => {
    const vars = {
      ...portalVars,
      PORTAL_NAME: 'Acme </title><script>',
      PORTAL_LOGO: 'https://cdn.example/$&/logo.svg?v=1',
      PORTAL_ACCENT_COLOR: '#0a7f5a',
      PORTAL_BAR_COLOR: '#102030',
    };
    edge = await deploy({ vars });
    const visitor = await openPortal();
    const shown = await visitor.get('/_edge/');
    expect(shown.body).toContain('Acme &lt;/title&gt;&lt;script&gt;');
    expect(shown.body).not.toContain('</title><script>');
    expect(shown.body).toContain('src="https://cdn.example/$&amp;/logo.svg?v=1"');
    const policy = shown.headers['content-security-policy'];
    expect(policy).toContain("img-src 'self' https://cdn.example/$&/logo.svg;");
    expect(policy).toContain("style-src 'self';");
    const [, href = ''] =
      /href="(\/_edge\/assets\/portal\.[0-9a-f]{8}\.css)"/.exec(shown.body) ?? [];
    const css = await visitor.get(href);
    expect([css.status, css.headers['content-type']]).toEqual([200, 'text/css; charset=utf-8']);
    expect(css.body).toContain('background: #102030');
    // The operator's page has the product's own look and policy.
    const operators = await (await signIn(edge)).get('/_edge/');
    expect(operators.body).not.toContain('cdn.example');
    expect(operators.headers['content-security-policy']).not.toContain('cdn.example');
    expect(
      (await visitorOf(edge).get('/_edge/assets/portal.00000000.css')).headers['cache-control'],
    ).toBe('no-store');
  });

  test('forgets links and sessions a day after their end, and not before', async () => {
    await makeLink();
    await openPortal({ expiresInSeconds: 3600 });
    const day = 24 * 60 * MINUTE_MS;
    const left = async (afterMs: number) => {
      await trimPortalSessions(env.DB, Date.now() + afterMs);
      return (await linksInD1()).length;
    };
    await expect(left(day)).resolves.toBe(2);
    await expect(left(day + 2 * MINUTE_MS)).resolves.toBe(1);
    await expect(left(day + 59 * MINUTE_MS)).resolves.toBe(1);
    await expect(left(day + 61 * MINUTE_MS)).resolves.toBe(0);
  });
});
