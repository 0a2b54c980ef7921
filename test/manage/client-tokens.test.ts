/** Opting in to client tokens, and minting them by API: refusals first. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mintClientToken } from '../../src/client-tokens/client-tokens.ts';
import type { Answer, CreatedKey, Deployment, HeaderLine } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';

const ORIGIN = 'https://app.example';
const clientTokens = {
  allowedOrigins: ['https://App.Example/', 'https://*.preview.example'],
  rules: [{ methods: ['GET'], resources: ['/api/asset/:id'] }],
};

let edge: Deployment;
beforeEach(async () => {
  edge = await deploy();
});
afterEach(() => edge.dispose());

const admin: HeaderLine = ['Authorization', 'Bearer test-admin-token-of-at-least-32-characters'];

function send(
  method: string,
  path: string,
  document: unknown,
  headers: readonly HeaderLine[] = [admin],
): Promise<Answer> {
  const body = document === undefined ? {} : { body: JSON.stringify(document) };
  return edge.call({
    method,
    target: `/_edge/v1${path}`,
    headers: [...headers, ['Content-Type', 'application/json']],
    ...body,
  });
}

function mint(token: string, document: unknown = {}, more: readonly HeaderLine[] = []) {
  return send('POST', '/client-tokens', document, [['Authorization', `Bearer ${token}`], ...more]);
}

function use(token: string, target = '/api/asset/a1'): Promise<Answer> {
  return edge.call({
    target,
    headers: [
      ['Authorization', `Bearer ${token}`],
      ['Origin', ORIGIN],
    ],
  });
}

const parse = (answer: Answer) => JSON.parse(answer.body);
const pathsOf = (answer: Answer) =>
  parse(answer).problems.map(({ path }: { path: string }) => path);
const aParent = (access: object = clientTokens): Promise<CreatedKey> =>
  edge.createKey({ name: 'n', access: { clientTokens: access } });

describe('the opt-in is refused', () => {
  test('on a key with CORS access', async () => {
    const cors = { allowedOrigins: [ORIGIN] };
    const answer = await send('POST', '/keys', { name: 'n', access: { cors, clientTokens } });
    expect(answer.status).toBe(422);
    expect(pathsOf(answer)).toEqual(['access.clientTokens']);
  });

  test('with every problem at once', async () => {
    const answer = await send('POST', '/keys', {
      name: 'n',
      access: {
        clientTokens: {
          allowedOrigins: ['app.example'],
          rules: [{ methods: ['fetch'], resources: ['asset'] }],
          maxTtlSeconds: 3601,
          originOptional: 'yes',
          more: 1,
        },
      },
    });
    expect(answer.status).toBe(422);
    expect(pathsOf(answer).toSorted()).toEqual([
      'access.clientTokens.allowedOrigins[0]',
      'access.clientTokens.maxTtlSeconds',
      'access.clientTokens.more',
      'access.clientTokens.originOptional',
      'access.clientTokens.rules[0].methods[0]',
      'access.clientTokens.rules[0].resources[0]',
    ]);
  });

  test.each([[[]], [undefined]])('without an origin: %j', async (allowedOrigins) => {
    const access = { clientTokens: { allowedOrigins } };
    const answer = await send('POST', '/keys', { name: 'n', access });
    expect(answer.status).toBe(422);
    expect(pathsOf(answer)).toEqual(['access.clientTokens.allowedOrigins']);
  });
});

describe('a key with client tokens', () => {
  test('shows what they may do, canonical and with its defaults', async () => {
    const { token: _, ...key } = await aParent();
    const expected = {
      allowedOrigins: [ORIGIN, 'https://*.preview.example'],
      rules: [{ methods: ['get'], resources: ['/api/asset/:id'] }],
      maxTtlSeconds: 600,
      originOptional: false,
      endConnectionsAtExpiry: true,
    };
    expect(key).toMatchObject({ access: { clientTokens: expected }, clientTokensValidFrom: null });
    const read = await send('GET', `/keys/${key.id}`, undefined);
    expect(parse(read).access).toEqual({ clientTokens: expected });
  });

  test('mints offline at once, and after a roll with the new token', async () => {
    const { id, token } = await aParent();
    expect((await use(await mintClientToken(token))).status).toBe(200);
    const rolled = parse(await send('POST', `/keys/${id}/roll`, { graceSeconds: 0 }));
    expect((await use(await mintClientToken(token))).status).toBe(401);
    expect((await use(await mintClientToken(rolled.token))).status).toBe(200);
  });

  test('signs everyone out with clientTokensValidFrom', async () => {
    const { id, token } = await aParent();
    const minted = await mintClientToken(token);
    expect((await use(minted)).status).toBe(200);
    const now = new Date().toISOString();
    const answer = await send('PATCH', `/keys/${id}`, { clientTokensValidFrom: now });
    expect(parse(answer).clientTokensValidFrom).toBe(now);
    const refused = await use(minted);
    expect(refused.status).toBe(401);
    expect(parse(refused).code).toBe('client_token_expired');
    await send('PATCH', `/keys/${id}`, { clientTokensValidFrom: null });
    expect((await use(minted)).status).toBe(200);
  });

  test('cannot void tokens more than 60 s ahead', async () => {
    const { id } = await aParent();
    const ahead = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
    const answer = await send('PATCH', `/keys/${id}`, { clientTokensValidFrom: ahead(90) });
    expect(answer.status).toBe(422);
    expect(pathsOf(answer)).toEqual(['clientTokensValidFrom']);
    const near = await send('PATCH', `/keys/${id}`, { clientTokensValidFrom: ahead(50) });
    expect(near.status).toBe(200);
  });

  test('has every problem of such a patch reported at once', async () => {
    const { id } = await aParent();
    const clientTokensValidFrom = new Date(Date.now() + 90_000).toISOString();
    const answer = await send('PATCH', `/keys/${id}`, { name: '', clientTokensValidFrom });
    expect(answer.status).toBe(422);
    expect(pathsOf(answer).toSorted()).toEqual(['clientTokensValidFrom', 'name']);
  });

  test('is never one with CORS access, whose tokens cannot be voided', async () => {
    const cors = { allowedOrigins: [ORIGIN] };
    const { id } = await edge.createKey({ name: 'n', access: { cors } });
    const clientTokensValidFrom = new Date().toISOString();
    const answer = await send('PATCH', `/keys/${id}`, { clientTokensValidFrom });
    expect(answer.status).toBe(422);
    expect(pathsOf(answer)).toEqual(['clientTokensValidFrom']);
    const none = await send('PATCH', `/keys/${id}`, { clientTokensValidFrom: null });
    expect(none.status).toBe(200);
  });

  test('stops giving them as soon as it opts out', async () => {
    const { id, token } = await aParent();
    const minted = await mintClientToken(token);
    expect((await use(minted)).status).toBe(200);
    expect((await send('PATCH', `/keys/${id}`, { access: null })).status).toBe(200);
    expect((await use(minted)).status).toBe(401);
    expect((await use(await mintClientToken(token, { sub: 'new' }))).status).toBe(401);
  });
});

describe('minting by API is refused', () => {
  test.each([
    ['without a token', [], 401, 'missing_credentials'],
    ['for the admin token', [admin], 401, 'invalid_key'],
    ['for a mistyped token', [['Authorization', 'Bearer ea_sk_x']], 401, 'invalid_key'],
    ['for two tokens', [['Authorization', 'Bearer a, Bearer b']], 401, 'malformed_credentials'],
  ] as const)('%s', async (_, headers, status, code) => {
    const answer = await send('POST', '/client-tokens', {}, headers as readonly HeaderLine[]);
    expect([answer.status, parse(answer).code]).toEqual([status, code]);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
  });

  test('for a client token, which never mints', async () => {
    const { token } = await aParent();
    const answer = await mint(await mintClientToken(token));
    expect([answer.status, parse(answer).code]).toEqual([403, 'client_tokens_not_enabled']);
  });

  test('for a CORS key', async () => {
    const cors = { allowedOrigins: [ORIGIN] };
    const { token } = await edge.createKey({ name: 'n', access: { cors } });
    const answer = await mint(token);
    expect([answer.status, parse(answer).code]).toEqual([403, 'client_tokens_not_enabled']);
  });

  test('for a backend key that did not opt in', async () => {
    const { token } = await edge.createKey({ name: 'n' });
    const answer = await mint(token);
    expect([answer.status, parse(answer).code]).toEqual([403, 'client_tokens_not_enabled']);
  });

  test('for an imported token, however it opted in', async () => {
    const token = 'imported-token-of-some-length';
    const keys = [{ name: 'n', token, access: { clientTokens } }];
    expect((await send('POST', '/keys/import', { keys })).status).toBe(201);
    const answer = await mint(token);
    expect([answer.status, parse(answer).code]).toEqual([403, 'client_tokens_not_enabled']);
    expect(parse(answer).detail).toMatch(/Roll the key first/);
  });

  test('from a page', async () => {
    const { token } = await aParent();
    const answer = await mint(token, {}, [['Origin', ORIGIN]]);
    expect([answer.status, parse(answer).code]).toEqual([403, 'cors_not_enabled']);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('from an address that the key does not list', async () => {
    const { id, token } = await aParent();
    await send('PATCH', `/keys/${id}`, { access: { addresses: ['203.0.113.0/24'] } });
    const from = (address: string) => mint(token, {}, [['CF-Connecting-IP', address]]);
    const answer = await from('198.51.100.1');
    expect([answer.status, parse(answer).code]).toEqual([403, 'address_not_allowed']);
    expect((await mint(token)).status).toBe(403);
    expect((await from('::ffff:203.0.113.7')).status).toBe(201);
  });

  test('for a key that was revoked or is disabled', async () => {
    const { id, token } = await aParent();
    await send('PATCH', `/keys/${id}`, { enabled: false });
    expect((await mint(token)).status).toBe(401);
    await send('DELETE', `/keys/${id}`, undefined);
    expect((await mint(token)).status).toBe(401);
  });

  test.each<[string, object, string[]]>([
    [
      'of contents',
      {
        ttlSeconds: 601,
        origins: ['https://evil.example', 'https://*.preview.example'],
        rules: [{ methods: ['delete'], resources: ['/api/asset/:id'] }],
        meta: { a: 'x'.repeat(300) },
      },
      ['meta', 'origins[0]', 'origins[1]', 'rules[0]', 'ttlSeconds'],
    ],
    [
      'of structure and of contents',
      {
        ttlSeconds: 601,
        sub: 'a b',
        aud: 'x',
        origins: [7, 'https://evil.example'],
        rules: [{ methods: ['get'] }, { methods: ['get'], resources: ['/api/webhook'] }],
        meta: { a: 1 },
      },
      [
        'aud',
        'meta.a',
        'origins[0]',
        'origins[1]',
        'rules[0].resources',
        'rules[1]',
        'sub',
        'ttlSeconds',
      ],
    ],
    [
      'of rules without meaning',
      { ttlSeconds: 0, rules: [{ methods: ['fetch'], resources: ['a'] }] },
      ['rules[0].methods[0]', 'rules[0].resources[0]', 'ttlSeconds'],
    ],
    ['of lists that are too long', { origins: Array(6).fill(ORIGIN), sub: '' }, ['origins', 'sub']],
    [
      'of an empty list',
      { origins: [], rules: [], ttlSeconds: 1.5 },
      ['origins', 'rules', 'ttlSeconds'],
    ],
    [
      'of a token that would be too long, which has no place of its own',
      {
        sub: 'a b',
        rules: [
          {
            methods: ['get'],
            resources: Array.from({ length: 70 }, (_, at) => `/api/asset/a-long-name-${at}`),
          },
        ],
      },
      ['', 'sub'],
    ],
    ['of a list in the place of the document', [], ['']],
  ])('with every problem at once, and none twice: %s', async (_, document, paths) => {
    const { token } = await aParent();
    const answer = await mint(token, document);
    expect(answer.status).toBe(422);
    expect(pathsOf(answer).toSorted()).toEqual(paths);
    expect(edge.logs.join('\n')).not.toContain(token.slice(6));
  });
});

describe('minting by API', () => {
  test('returns a token that works, and when it ends', async () => {
    const { token } = await aParent();
    const before = Date.now();
    const answer = await mint(token, { ttlSeconds: 60, sub: 'visitor-1' });
    expect(answer.status).toBe(201);
    expect(answer.headers['cache-control']).toBe('no-store');
    const minted = parse(answer);
    expect(Object.keys(minted)).toEqual(['token', 'expiresAt']);
    expect(minted.token).toMatch(/^ea_ct_/);
    expect(Date.parse(minted.expiresAt) - before).toBeLessThanOrEqual(61 * 1000);
    expect((await use(minted.token)).status).toBe(200);
    expect(edge.received[0]?.headers['x-edge-client-subject']).toBe('visitor-1');
    expect(edge.logs.join('\n')).not.toContain(minted.token.slice(6, 60));
    expect(edge.logs.join('\n')).not.toContain(token.slice(6));
  });

  test('keeps metadata of every name', async () => {
    const { token } = await aParent();
    const meta = JSON.parse('{"__proto__":"a","constructor":"b","plan":"free"}');
    const minted = parse(await mint(token, { meta }));
    const payload = minted.token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    expect(atob(payload)).toContain('"meta":{"__proto__":"a","constructor":"b","plan":"free"}');
    expect((await use(minted.token)).status).toBe(200);
  });

  test('needs no body, and lasts as long as the key allows', async () => {
    const { token } = await aParent({ ...clientTokens, maxTtlSeconds: 120 });
    const answer = await edge.call({
      method: 'POST',
      target: '/_edge/v1/client-tokens',
      headers: [['Authorization', `Bearer ${token}`]],
    });
    expect(answer.status).toBe(201);
    expect(Date.parse(parse(answer).expiresAt) - Date.now()).toBeGreaterThan(110 * 1000);
  });

  test('works for a token that was made before its key opted in', async () => {
    const { id, token } = await edge.createKey({ name: 'n' });
    await send('PATCH', `/keys/${id}`, { access: { clientTokens } });
    // Its tag is not that of a token that mints, so the edge cannot recognise offline client tokens.
    expect((await use(await mintClientToken(token))).status).toBe(401);
    const minted = parse(await mint(token));
    expect((await use(minted.token)).status).toBe(200);
    expect((await use(parse(await mint(token)).token)).status).toBe(200);
  });
});
