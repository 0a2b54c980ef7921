/** Client tokens at the gateway, with the real D1 and KV: refusals first. */

import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import published from '../../docs/client-token-vectors.json' with { type: 'json' };
import { mintClientToken } from '../../src/client-tokens/client-tokens.ts';
import type { ClientTokenAccess } from '../../src/core/key/key.ts';
import { hashToken, importTagKey, makeToken, mintingIdentityOf } from '../../src/core/key/token.ts';
import { createKeyChanges } from '../../src/keys/admin/changes.ts';
import type { ManagedKey } from '../../src/keys/admin/types.ts';
import type { Answer, Deployment, HeaderLine } from '../contract/deployment.ts';
import { aKey, deploy } from '../support/workers.ts';

const ORIGIN = 'https://app.example';
const access: ClientTokenAccess = {
  allowedOrigins: [ORIGIN, 'https://*.preview.example'],
  rules: [{ methods: ['get', 'patch'], resources: ['/api/asset/:id', '/api/files/*'] }],
  maxTtlSeconds: 600,
  originOptional: false,
  endConnectionsAtExpiry: true,
};

let edge: Deployment;
beforeEach(async () => {
  edge = await deploy();
});
afterEach(() => edge.dispose());

const note = { atMs: 1, actor: 'test', requestId: '', before: null, after: null, answer: null };

/** A backend key that gives client tokens, with its token. */
async function aParent(differences: Partial<ManagedKey> = {}) {
  const [row] = await edge.query("SELECT value FROM settings WHERE name = 'token_tag_key'");
  const tagKey = await importTagKey(String(row?.['value']));
  const fillRandom = (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes);
  const token = await makeToken({
    prefix: 'ea',
    kind: 'backend',
    tagKey,
    fillRandom,
    mintsClientTokens: true,
  });
  const key = aKey({ owner: 'acct_1', clientTokens: access, ...differences });
  const minting = await mintingIdentityOf(token, tagKey);
  await createKeyChanges(env.DB, () => []).insert(
    key,
    { tokenHash: await hashToken(token), minting },
    note,
  );
  return { token, key };
}

function call(
  token: string,
  { method = 'GET', target = '/api/asset/a1', origin = ORIGIN as string | null } = {},
): Promise<Answer> {
  const headers: HeaderLine[] = [['Authorization', `Bearer ${token}`]];
  if (origin !== null) headers.push(['Origin', origin]);
  return edge.call({ method, target, headers });
}

const codeOf = (answer: Answer) => [answer.status, answer.headers['x-edge-reason'] ?? null];

describe('a client token is refused', () => {
  test.each([
    ['no WebSocket', 'GET', undefined],
    ['no WebSocket, by its method', 'POST', 'websocket'],
  ])('among the subprotocols of a request for %s', async (_, method, upgrade) => {
    const { token } = await aParent();
    const bearer = `edge-authorizer.bearer.${await mintClientToken(token)}`;
    const headers: HeaderLine[] = [
      ['Origin', ORIGIN],
      ['Sec-WebSocket-Protocol', `edge-authorizer, ${bearer}`],
      ...(upgrade === undefined ? [] : [['Upgrade', upgrade] as const]),
    ];
    const answer = await edge.call({ method, target: '/api/asset/a1', headers });
    expect(codeOf(answer)).toEqual([401, 'missing_credentials']);
    expect(edge.received).toEqual([]);
  });

  test('when it is malformed, before any storage call', async () => {
    const { token } = await aParent();
    const minted = await mintClientToken(token);
    for (const wrong of [`${minted}A`, minted.slice(0, -1), minted.replace('_ct_', '_ct_A')]) {
      expect(codeOf(await call(wrong))).toEqual([401, 'invalid_key']);
    }
    expect(edge.received).toEqual([]);
  });

  test('when its kid was made under another tag key', async () => {
    await aParent();
    const stranger = await makeToken({
      prefix: 'ea',
      kind: 'backend',
      tagKey: await importTagKey('ab'.repeat(32)),
      fillRandom: (bytes) => crypto.getRandomValues(bytes),
      mintsClientTokens: true,
    });
    expect(codeOf(await call(await mintClientToken(stranger)))).toEqual([401, 'invalid_key']);
  });

  test('when its signature is that of other claims', async () => {
    const { token } = await aParent();
    const [header, , signature] = (await mintClientToken(token)).split('.');
    const [, payload] = (await mintClientToken(token, { ttlSeconds: 17 })).split('.');
    expect(codeOf(await call(`${header}.${payload}.${signature}`))).toEqual([401, 'invalid_key']);
  });

  test('when its key does not give client tokens', async () => {
    const { token } = await aParent({ clientTokens: null });
    expect(codeOf(await call(await mintClientToken(token)))).toEqual([401, 'invalid_key']);
  });

  test.each([
    ['a longer lifetime', { ttlSeconds: 601 }],
    ['another origin', { origins: ['https://evil.example'] }],
    ['a wildcard', { origins: ['https://*.preview.example'] }],
    ['the apex of a wildcard', { origins: ['https://preview.example'] }],
    ['an origin with a slash', { origins: [`${ORIGIN}/`] }],
    ['another method', { rules: [{ methods: ['delete'], resources: ['/api/asset/:id'] }] }],
    ['any method', { rules: [{ methods: ['*'], resources: ['/api/asset/:id'] }] }],
    ['another path', { rules: [{ methods: ['get'], resources: ['/api/stream/:id'] }] }],
    ['more of a path', { rules: [{ methods: ['get'], resources: ['/api/asset/*'] }] }],
    ['everything', { rules: [{ methods: ['get'], resources: ['/*'] }] }],
    ['what is no rule', { rules: [{ methods: ['get'], resources: ['api/asset'] }] }],
  ])('when it asks for more than its key gives: %s', async (_, claims) => {
    const { token } = await aParent();
    const answer = await call(await mintClientToken(token, claims));
    expect(codeOf(answer)).toEqual([401, 'invalid_key']);
    expect(edge.received).toEqual([]);
  });

  test('when it has expired, so that the page can read it', async () => {
    const { token } = await aParent();
    const issuedAt = new Date(Date.now() - 400 * 1000);
    const answer = await call(await mintClientToken(token, { issuedAt }));
    expect(codeOf(answer)).toEqual([401, 'client_token_expired']);
    expect(answer.headers['access-control-allow-origin']).toBe(ORIGIN);
    expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
  });

  test('when its clock is ahead by more than ten seconds', async () => {
    const { token } = await aParent();
    const issuedAt = new Date(Date.now() + 60 * 1000);
    const answer = await call(await mintClientToken(token, { issuedAt }));
    expect(codeOf(answer)).toEqual([401, 'invalid_key']);
  });

  test('from an origin that is not its own', async () => {
    const { token } = await aParent();
    const minted = await mintClientToken(token, { origins: [ORIGIN] });
    const answer = await call(minted, { origin: 'https://a.preview.example' });
    expect(codeOf(answer)).toEqual([403, 'origin_not_allowed']);
  });

  test('without an Origin', async () => {
    const { token } = await aParent();
    const answer = await call(await mintClientToken(token), { origin: null });
    expect(codeOf(answer)).toEqual([403, 'origin_required']);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('without an Origin, if it writes and its key lets reads do without', async () => {
    const clientTokens = { ...access, originOptional: true };
    const { token } = await aParent({ clientTokens });
    const minted = await mintClientToken(token);
    expect((await call(minted, { origin: null })).status).toBe(200);
    const answer = await call(minted, { origin: null, method: 'PATCH' });
    expect(codeOf(answer)).toEqual([403, 'origin_required']);
  });

  test('from an address that its key does not list, so that the page can read it', async () => {
    const { token } = await aParent({ addresses: ['203.0.113.0/24'] });
    const minted = await mintClientToken(token);
    const from = (address: string) =>
      edge.call({
        target: '/api/asset/a1',
        headers: [
          ['Authorization', `Bearer ${minted}`],
          ['Origin', ORIGIN],
          ['CF-Connecting-IP', address],
        ],
      });
    const answer = await from('198.51.100.1');
    expect(codeOf(answer)).toEqual([403, 'address_not_allowed']);
    expect(answer.headers['access-control-allow-origin']).toBe(ORIGIN);
    expect(edge.received).toEqual([]);
    expect((await from('203.0.113.7')).status).toBe(200);
    // Also once it is in memory.
    expect(codeOf(await from('198.51.100.1'))).toEqual([403, 'address_not_allowed']);
  });

  test.each([
    ['a route beyond the key', '/api/stream/s1', {}],
    [
      'a route beyond its own rules',
      '/api/asset/a2',
      { rules: [{ methods: ['get'], resources: ['/api/asset/a1'] }] },
    ],
  ])('on %s', async (_, target, claims) => {
    const { token } = await aParent();
    const answer = await call(await mintClientToken(token, claims), { target });
    expect(codeOf(answer)).toEqual([403, 'route_not_allowed']);
    expect(answer.headers['access-control-allow-origin']).toBe(ORIGIN);
  });

  test('once its key is revoked', async () => {
    const { token, key } = await aParent();
    const minted = await mintClientToken(token);
    expect((await call(minted)).status).toBe(200);
    const answer = await edge.call({
      method: 'DELETE',
      target: `/_edge/v1/keys/${key.id}`,
      headers: [['Authorization', `Bearer ${edge.adminToken}`]],
    });
    expect(answer.status).toBe(204);
    expect(codeOf(await call(minted))).toEqual([401, 'invalid_key']);
    // One that this isolate has not seen, too.
    const fresh = await mintClientToken(token, { sub: 'another' });
    expect(codeOf(await call(fresh))).toEqual([401, 'invalid_key']);
  });

  test('under the restricted table, if its key has no rules for client tokens', async () => {
    const { token } = await aParent({ clientTokens: { ...access, rules: null } });
    const minted = await mintClientToken(token);
    expect((await call(minted, { target: '/api/stream/s1' })).status).toBe(200);
    for (const target of ['/api/stream', '/api/stream/user/x', '/api/stream/deactivate-many']) {
      expect(codeOf(await call(minted, { target }))).toEqual([403, 'route_not_allowed']);
    }
  });

  test('in a place that its key reserves, though its own rule names it', async () => {
    const { token } = await aParent({ clientTokens: { ...access, rules: null } });
    const rules = [{ methods: ['patch'], resources: ['/api/stream/deactivate-many'] }];
    const minted = await mintClientToken(token, { rules });
    const target = '/api/stream/deactivate-many';
    expect(codeOf(await call(minted, { target, method: 'PATCH' }))).toEqual([401, 'invalid_key']);
  });
});

describe('a client token that works', () => {
  test('is known to the upstream as one of its key, with the visitor', async () => {
    const { token, key } = await aParent();
    const minted = await mintClientToken(token, { sub: 'visitor-1', jti: 't1' });
    const answer = await call(minted);
    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-origin']).toBe(ORIGIN);
    const [received] = edge.received;
    expect(received?.headers['x-edge-access']).toBe('client');
    expect(received?.headers['x-edge-key-id']).toBe(key.id);
    expect(received?.headers['x-edge-owner']).toBe('acct_1');
    expect(received?.headers['x-edge-client-subject']).toBe('visitor-1');
    expect(received?.headers['authorization']).toBeUndefined();
  });

  test('names no visitor if it has none, whatever the page sends', async () => {
    const { token } = await aParent();
    await edge.call({
      target: '/api/asset/a1',
      headers: [
        ['Authorization', `Bearer ${await mintClientToken(token)}`],
        ['Origin', ORIGIN],
        ['X-Edge-Client-Subject', 'forged'],
        ['X-Edge-Access', 'backend'],
      ],
    });
    expect(edge.received[0]?.headers['x-edge-client-subject']).toBeUndefined();
    expect(edge.received[0]?.headers['x-edge-access']).toBe('client');
  });

  test('has its origins registered for preflights', async () => {
    await aParent();
    const answer = await edge.call({
      method: 'OPTIONS',
      target: '/api/asset/a1',
      headers: [
        ['Origin', 'https://pr-7.preview.example'],
        ['Access-Control-Request-Method', 'PATCH'],
      ],
    });
    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-max-age']).toBe('7200');
  });

  test('costs no read of D1 or KV once its key is known', async () => {
    const { token } = await aParent();
    expect((await call(await mintClientToken(token))).status).toBe(200);
    await env.DB.exec('DROP TABLE minting_tokens');
    await edge.forgetCopies();
    for (const sub of ['a', 'b', 'c']) {
      expect((await call(await mintClientToken(token, { sub }))).status).toBe(200);
    }
  });

  test('is in no log line, and neither is its API key', async () => {
    const { token } = await aParent();
    const minted = await mintClientToken(token, { ttlSeconds: 601 });
    await call(minted);
    const text = edge.logs.join('\n');
    expect(text).toContain('client token: lifetime too long');
    expect(text).not.toContain(minted.slice(6, 60));
    expect(text).not.toContain(token.slice(6));
  });
});

test.each(published.vectors)(
  'the library makes the published tokens in workerd: $claims',
  async (vector) => {
    const { apiKey, iat, ttlSeconds, claims, token } = vector;
    const options = { ...(claims as object), ttlSeconds, issuedAt: new Date(iat * 1000) };
    expect(await mintClientToken(apiKey, options)).toBe(token);
  },
);
