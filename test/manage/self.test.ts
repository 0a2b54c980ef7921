/** Keys as their holders see them, and revocation by a holder: refusals first. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mintClientToken } from '../../src/client-tokens/client-tokens.ts';
import { restrictedRoutes } from '../../src/core/routes/restricted-routes.ts';
import type { Answer, Deployment, HeaderLine } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { clientOf, type Document, tryToken } from './client.ts';

const ORIGIN = 'https://app.example';
const OTHER = 'https://other.example';
const cors = { allowedOrigins: [ORIGIN, 'https://*.preview.example'] };
const rules = [{ methods: ['get'], resources: ['/api/asset/:id'] }];

let edge: Deployment;
beforeEach(async () => {
  edge = await deploy();
});
afterEach(() => edge.dispose());

function self(
  method: string,
  token: string | null,
  headers: readonly HeaderLine[] = [],
  query = '',
): Promise<Answer> {
  const authorization = token === null ? [] : [['Authorization', `Bearer ${token}`] as const];
  return edge.call({
    method,
    target: `/_edge/v1/self${query}`,
    headers: [...authorization, ...headers],
  });
}

const parse = (answer: Answer): Document => JSON.parse(answer.body);
const codeOf = (answer: Answer) => [answer.status, answer.headers['x-edge-reason']];
const corsOf = ({ headers }: Answer) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control')));
const from = (origin: string): HeaderLine[] => [['Origin', origin]];

const aPage = () => edge.createKey({ name: 'n', owner: 'acct_1', access: { cors } });
const aParent = () =>
  edge.createKey({ name: 'n', owner: 'acct_1', access: { clientTokens: { ...cors, rules } } });

describe('GET /self is refused', () => {
  test.each([
    ['without a token', null, [], 401, 'missing_credentials'],
    ['for the admin token', 'admin', [], 401, 'invalid_key'],
    ['for an invented token', 'ea_sk_x', [], 401, 'invalid_key'],
    ['for an invented client token', 'ea_ct_a.b.c', from(ORIGIN), 401, 'invalid_key'],
    ['for two tokens', 'a, Bearer b', [], 401, 'malformed_credentials'],
    ['for an invalid origin', 'x', from('app.example'), 403, 'invalid_origin'],
  ] as const)('%s', async (_, token, headers, status, code) => {
    const answer = await self('GET', token === 'admin' ? edge.adminToken : token, headers);
    expect(codeOf(answer)).toEqual([status, code]);
    expect(corsOf(answer)).toEqual({});
    if (status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
  });

  test('from an address that the key does not list, and so is the revocation', async () => {
    const addresses = ['203.0.113.0/24'];
    const page = await edge.createKey({ name: 'n', access: { cors, addresses } });
    const backend = await edge.createKey({ name: 'n', access: { addresses } });
    const at = (address: string): HeaderLine[] => [['CF-Connecting-IP', address]];
    const refused = await self('GET', page.token, [...from(ORIGIN), ...at('198.51.100.1')]);
    expect(codeOf(refused)).toEqual([403, 'address_not_allowed']);
    expect(corsOf(refused)).toMatchObject({ 'access-control-allow-origin': ORIGIN });
    for (const headers of [[], at('198.51.100.1')]) {
      for (const method of ['GET', 'DELETE']) {
        const answer = await self(method, backend.token, headers);
        expect(codeOf(answer)).toEqual([403, 'address_not_allowed']);
      }
    }
    const shown = await self('GET', backend.token, at('::ffff:203.0.113.7'));
    expect(parse(shown).access).toEqual({ addresses });
    expect((await self('DELETE', backend.token, at('203.0.113.7'))).status).toBe(204);
  });

  test('for a key that was revoked, is disabled, suspended or expired', async () => {
    const operator = clientOf(edge);
    const { id, token } = await edge.createKey({ name: 'n' });
    expect((await self('GET', token)).status).toBe(200);
    for (const edit of [
      { enabled: false },
      { enabled: true, suspended: true },
      { suspended: false, expiresAt: '2020-01-01T00:00:00Z' },
    ]) {
      expect((await operator('PATCH', `/keys/${id}`, { body: edit })).status).toBe(200);
      expect(codeOf(await self('GET', token))).toEqual([401, 'invalid_key']);
    }
    await operator('DELETE', `/keys/${id}`);
    expect(codeOf(await self('GET', token))).toEqual([401, 'invalid_key']);
  });

  test('for a backend key in a page, readable by registered origins alone', async () => {
    await aPage();
    const { token } = await edge.createKey({ name: 'n' });
    const registered = await self('GET', token, from(ORIGIN));
    expect(codeOf(registered)).toEqual([403, 'cors_not_enabled']);
    expect(registered.headers['access-control-allow-origin']).toBe(ORIGIN);
    const stranger = await self('GET', token, from(OTHER));
    expect(codeOf(stranger)).toEqual([403, 'cors_not_enabled']);
    expect(corsOf(stranger)).toEqual({});
  });

  test('for a CORS key or a client token from an origin that it does not list', async () => {
    const { token } = await aPage();
    const parent = await aParent();
    const minted = await mintClientToken(parent.token, { origins: [ORIGIN] });
    for (const [one, origin] of [
      [token, OTHER],
      [minted, OTHER],
      [minted, 'https://a.preview.example'],
    ] as const) {
      const answer = await self('GET', one, from(origin));
      expect(codeOf(answer)).toEqual([403, 'origin_not_allowed']);
    }
    expect(codeOf(await self('GET', minted))).toEqual([403, 'origin_required']);
  });

  test('with parameters, readable by the page that sent them', async () => {
    const { token } = await aPage();
    const answer = await self('GET', token, from(ORIGIN), '?a=1&b=2');
    expect(codeOf(answer)).toEqual([422, 'invalid_fields']);
    expect(parse(answer).problems).toHaveLength(2);
    expect(answer.headers['access-control-allow-origin']).toBe(ORIGIN);
  });
});

describe('GET /self', () => {
  test('says of a backend key that it may call everything', async () => {
    const { id, token } = await edge.createKey({
      name: 'Nightly job',
      owner: 'acct_1',
      expiresAt: '2999-01-01T00:00:00Z',
    });
    const answer = await self('GET', token);
    expect(parse(answer)).toEqual({
      id,
      name: 'Nightly job',
      owner: 'acct_1',
      kind: 'backend',
      level: 'backend',
      access: null,
      routes: null,
      expiresAt: '2999-01-01T00:00:00.000Z',
    });
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', vary: 'Origin' });
    expect(corsOf(answer)).toEqual({});
    expect(answer.body).not.toContain(token);
  });

  test('says of a CORS key what it may call, to its pages, without name and owner', async () => {
    const { id, token } = await aPage();
    const answer = await self('GET', token, from('https://a.preview.example'));
    const { routes, ...rest } = parse(answer);
    expect(rest).toEqual({
      id,
      kind: 'cors',
      level: 'restricted',
      access: { cors: { ...cors, fullAccess: false } },
      expiresAt: null,
    });
    expect(routes).toHaveLength(restrictedRoutes.routes.length);
    expect(routes[0]).toEqual({ methods: ['POST'], path: '/api/stream' });
    expect(answer.headers['access-control-allow-origin']).toBe('https://a.preview.example');
    expect(answer.headers['access-control-expose-headers']).toContain('X-Request-Id');
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
    // Anyone can copy the key, and a script sends no Origin.
    expect(parse(await self('GET', token))).toEqual({ ...rest, routes });
  });

  test('says of keys with rules and with full access what they may call', async () => {
    const withRules = await edge.createKey({ name: 'n', access: { cors, rules } });
    expect(parse(await self('GET', withRules.token))).toMatchObject({
      level: 'rules',
      routes: [{ methods: ['GET'], path: '/api/asset/:id' }],
    });
    const full = await edge.createKey({
      name: 'n',
      access: { cors: { ...cors, fullAccess: true } },
    });
    expect(parse(await self('GET', full.token))).toMatchObject({ level: 'full', routes: null });
  });

  test('says of a client token what is left of its key', async () => {
    const { id, token } = await aParent();
    const narrowed = [{ methods: ['get'], resources: ['/api/asset/a1'] }];
    const minted = await mintClientToken(token, {
      sub: 'visitor-1',
      origins: [ORIGIN],
      rules: narrowed,
      ttlSeconds: 60,
    });
    const answer = await self('GET', minted, from(ORIGIN));
    const { expiresAt, ...rest } = parse(answer);
    expect(rest).toEqual({
      id,
      kind: 'client',
      level: 'client',
      access: { cors: { allowedOrigins: [ORIGIN], fullAccess: false }, rules: narrowed },
      routes: [{ methods: ['GET'], path: '/api/asset/a1' }],
      subject: 'visitor-1',
    });
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(61 * 1000);
    const whole = await self('GET', await mintClientToken(token), from(ORIGIN));
    expect(parse(whole).access).toEqual({ cors: { ...cors, fullAccess: false }, rules });
  });

  test('answers the preflight of a registered origin, for reading alone', async () => {
    await aPage();
    const asked: HeaderLine[] = [
      ['Access-Control-Request-Method', 'GET'],
      ['Access-Control-Request-Headers', 'authorization'],
    ];
    const granted = await self('OPTIONS', null, [...from(ORIGIN), ...asked]);
    expect(granted.status).toBe(204);
    expect(corsOf(granted)).toEqual({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-methods': 'GET, HEAD',
      'access-control-allow-headers': 'authorization, content-type',
      'access-control-max-age': '7200',
    });
    const refused = await self('OPTIONS', null, [...from(OTHER), ...asked]);
    expect(codeOf(refused)).toEqual([403, 'origin_not_registered']);
    expect(corsOf(refused)).toEqual({});
    expect(refused.headers['vary']).toContain('Origin');
    expect(codeOf(await self('OPTIONS', null))).toEqual([405, 'method_not_allowed']);
    // No page mints, so its preflight is no business of the edge.
    const mint = { method: 'OPTIONS', target: '/_edge/v1/client-tokens' };
    const minting = await edge.call({ ...mint, headers: [...from(ORIGIN), ...asked] });
    expect(minting.status).toBe(405);
    expect(corsOf(minting)).toEqual({});
  });
});

describe('DELETE /self is refused', () => {
  test.each([
    ['without a token', null, 401, 'missing_credentials'],
    ['for the admin token', 'admin', 401, 'invalid_key'],
    ['for an invented token', 'ea_sk_x', 401, 'invalid_key'],
  ] as const)('%s', async (_, token, status, code) => {
    const answer = await self('DELETE', token === 'admin' ? edge.adminToken : token);
    expect(codeOf(answer)).toEqual([status, code]);
  });

  test('for what strangers hold as well: CORS keys and client tokens', async () => {
    const page = await aPage();
    const full = await edge.createKey({
      name: 'n',
      access: { cors: { ...cors, fullAccess: true } },
    });
    const parent = await aParent();
    const minted = await mintClientToken(parent.token);
    for (const token of [page.token, full.token, minted]) {
      for (const headers of [[], from(ORIGIN)]) {
        const answer = await self('DELETE', token, headers);
        expect(codeOf(answer)).toEqual([403, 'backend_key_required']);
        expect(corsOf(answer)).toEqual({});
      }
    }
    for (const { token } of [page, full]) {
      expect(await tryToken(edge, token, { origin: ORIGIN })).toBe('200');
    }
    expect(await edge.query("SELECT 1 FROM audit WHERE action = 'revoke'")).toEqual([]);
  });

  test('for a backend key in a page', async () => {
    await aPage();
    const { token } = await edge.createKey({ name: 'n' });
    expect(codeOf(await self('DELETE', token, from(ORIGIN)))).toEqual([403, 'cors_not_enabled']);
    expect(await tryToken(edge, token)).toBe('200');
  });
});

describe('DELETE /self', () => {
  test('revokes the key of the token and no other, and the audit says by whom', async () => {
    const other = await edge.createKey({ name: 'other', owner: 'acct_1' });
    const { id, token } = await edge.createKey({ name: 'n', owner: 'acct_1' });
    expect(await tryToken(edge, token)).toBe('200');
    const answer = await self('DELETE', token);
    expect([answer.status, answer.body]).toEqual([204, '']);
    expect(await tryToken(edge, token)).toBe('401 invalid_key');
    expect(await tryToken(edge, other.token)).toBe('200');
    expect(codeOf(await self('DELETE', token))).toEqual([401, 'invalid_key']);
    const audit = await clientOf(edge)('GET', `/audit?keyId=${id}`);
    expect(audit.body.entries[0]).toMatchObject({ action: 'revoke', actor: 'holder', after: null });
    expect(edge.logs.join('\n')).toContain('"event":"key_revoked"');
    expect(edge.logs.join('\n')).not.toContain(token.slice(6));
  });

  test('ends the client tokens of the key, and works with a token in its grace', async () => {
    const { id, token } = await aParent();
    const minted = await mintClientToken(token);
    const rolled = await clientOf(edge)('POST', `/keys/${id}/roll`, { body: { graceSeconds: 60 } });
    expect(await tryToken(edge, minted, { origin: ORIGIN })).toBe('200');
    expect((await self('DELETE', token)).status).toBe(204);
    expect(await tryToken(edge, minted, { origin: ORIGIN })).toBe('401 invalid_key');
    expect(await tryToken(edge, rolled.body.token)).toBe('401 invalid_key');
  });

  test('works without management, and on a host that does not serve it', async () => {
    const { token } = await edge.createKey({ name: 'n' });
    const isolate = await deployBeside({ ADMIN_TOKEN: '', MANAGE_HOST: 'manage.example' });
    expect((await isolate('GET', '/_edge/v1/keys', token)).status).toBe(404);
    expect((await isolate('GET', '/_edge/v1/self', token)).status).toBe(200);
    expect((await isolate('DELETE', '/_edge/v1/self', token)).status).toBe(204);
  });
});

/** Another isolate with other settings, on the same storage. */
async function deployBeside(vars: Readonly<Record<string, string>>) {
  const { env } = await import('cloudflare:workers');
  const { createExecutionContext } = await import('cloudflare:test');
  const { default: worker } = await import('../../src/index.ts');
  const version = { id: crypto.randomUUID(), tag: '', timestamp: '' };
  const bindings = { ...env, USAGE_FLUSH_SECONDS: '0', CF_VERSION_METADATA: version, ...vars };
  return (method: string, path: string, token: string): Promise<Response> => {
    const headers = { Authorization: `Bearer ${token}` };
    const request = new Request(`https://edge.test${path}`, { method, headers });
    return worker.fetch(request as never, bindings, createExecutionContext());
  };
}
