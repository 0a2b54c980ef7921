/** Minting a client token by hand, on the page of a key that gives them: refusals first. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mintClientToken } from '../../../src/client-tokens/client-tokens.ts';
import { readClaims } from '../../../src/core/client-token/claims.ts';
import { readClientToken } from '../../../src/core/client-token/client-token.ts';
import type { Answer, CreatedKey, Deployment } from '../../contract/deployment.ts';
import { deploy } from '../../support/workers.ts';
import { snapshot } from '../client.ts';
import { signIn, type Visitor } from './browser.ts';

const ORIGIN = 'https://app.example';
const clientTokens = {
  allowedOrigins: [ORIGIN, 'https://*.preview.example'],
  rules: [{ methods: ['get', 'patch'], resources: ['/api/asset/:id'] }],
  maxTtlSeconds: 900,
};

let edge: Deployment;
let operator: Visitor;
let key: CreatedKey;
let page: string;
beforeEach(async () => {
  edge = await deploy();
  operator = await signIn(edge);
  key = await edge.createKey({ name: 'Web backend', access: { clientTokens } });
  page = `/_edge/keys/${key.id}`;
});
afterEach(() => edge.dispose());

const send = (fields: Record<string, string>) =>
  operator.submit(page, `${page}/mint`, { api_key: key.token, ttl_seconds: '300', ...fields });

/** The ids of the fields that show a problem. */
const refusedFields = ({ body }: Answer) =>
  [...body.matchAll(/id="(mint-[a-z-]+)-error"/g)].map(([, id]) => id);

const tokenOf = ({ body }: Answer) => /ea_ct_[\w.-]+/.exec(body)?.[0] ?? '';
const claimsOf = (answer: Answer) => readClaims(readClientToken(tokenOf(answer))?.payload ?? '');

describe('the form is not shown', () => {
  it.each<[string, object]>([
    ['for a backend key without client tokens', {}],
    ['for a CORS key', { access: { cors: { allowedOrigins: [ORIGIN] } } }],
  ])('%s, and its address mints nothing', async (_, document) => {
    const other = await edge.createKey({ name: 'n', ...document });
    const { body } = await operator.get(`/_edge/keys/${other.id}`);
    expect(body).not.toContain('Mint a client token');
    const [, formToken = ''] = /name="form_token" value="([^"]+)"/.exec(body) ?? [];
    const refused = await operator.post(`/_edge/keys/${other.id}/mint`, {
      form: { form_token: formToken, api_key: other.token },
    });
    expect(refused.status).toBe(409);
    expect(refused.body).not.toContain('ea_ct_');
  });
});

describe('nothing is minted', () => {
  it('by a form that the page did not show', async () => {
    const answer = await operator.post(`${page}/mint`, { form: { api_key: key.token } });
    expect(answer.status).toBe(403);
    expect(answer.body).not.toContain('ea_ct_');
  });

  it('after the session has ended, and the API key is not kept for later', async () => {
    const answer = await operator.post(`${page}/mint`, {
      cookie: null,
      form: { api_key: key.token, sub: 'visitor-1' },
    });
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('visitor-1');
    expect(answer.body).not.toContain(key.token.slice(6, 40));
  });

  it('with every problem at its field at once, and with all that was typed but the API key', async () => {
    const before = await snapshot();
    const answer = await send({
      api_key: 'ea_sk_mistyped',
      ttl_seconds: '901',
      sub: 'two words',
      origins: 'https://evil.example\nhttps://app.example',
      rules: 'DELETE /api/asset/:id\nFETCH asset',
      meta: 'plan=free\nplan=paid\nnothing',
    });
    expect(answer.status).toBe(422);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(refusedFields(answer)).toEqual([
      'mint-api-key',
      'mint-ttl',
      'mint-sub',
      'mint-origins',
      'mint-rules',
      'mint-meta',
    ]);
    for (const typed of ['901', 'two words', 'https://evil.example', 'FETCH asset', 'plan=paid']) {
      expect(answer.body).toContain(typed);
    }
    expect(answer.body).not.toContain('ea_sk_mistyped');
    expect(answer.body).toMatch(/<details open/);
    expect(answer.body).toContain('No token was minted. Fix the errors shown below.');
    await expect(snapshot()).resolves.toEqual(before);
  });

  it.each<[string, Record<string, string>, string[]]>([
    ['a lifetime that is no number', { ttl_seconds: 'five minutes' }, ['mint-ttl']],
    ['a lifetime with an exponent', { ttl_seconds: '3e2' }, ['mint-ttl']],
    ['a lifetime of nothing', { ttl_seconds: '0' }, ['mint-ttl']],
    ['a pattern of origins', { origins: 'https://*.preview.example' }, ['mint-origins']],
    ['six origins', { origins: `${ORIGIN} `.repeat(6) }, ['mint-origins']],
    ['a rule beyond the key', { rules: 'GET /api/webhook' }, ['mint-rules']],
    ['no API key', { api_key: '' }, ['mint-api-key']],
    ['an API key that no header can hold', { api_key: 'ea_sk_\u{1f511}' }, ['mint-api-key']],
    ['two API keys', { api_key: 'ea_sk_a ea_sk_b' }, ['mint-api-key']],
    [
      'the admin token',
      { api_key: 'test-admin-token-of-at-least-32-characters' },
      ['mint-api-key'],
    ],
  ])('for %s', async (_, fields, expected) => {
    const answer = await send(fields);
    expect(answer.status).toBe(422);
    expect(refusedFields(answer)).toEqual(expected);
    expect(tokenOf(answer)).toBe('');
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    [
      'of another key',
      async () => (await edge.createKey({ name: 'b', access: { clientTokens } })).token,
      /It is the token of another key/,
    ],
    ['of a client token', () => mintClientToken(key.token), /a client token cannot mint/],
    [
      'of a key that is disabled',
      async () => {
        await operator.submit(page, `${page}/disable`);
        return key.token;
      },
      /the API key is not valid/,
    ],
    [
      'that was rolled',
      async () => {
        await operator.submit(page, `${page}/roll`, { grace: '0' });
        return key.token;
      },
      /the API key is not valid/,
    ],
  ])('with a token %s', async (_, makeToken, reason) => {
    const answer = await send({ api_key: await makeToken() });
    expect(answer.status).toBe(422);
    expect(refusedFields(answer)).toEqual(['mint-api-key']);
    expect(answer.body).toMatch(reason);
  });

  it('with an imported token, which has to be rolled first', async () => {
    const token = '8c5e2d37-7a2a-4f7b-9d1e-3f2f3b1a4c55';
    const answered = await edge.call({
      method: 'POST',
      target: '/_edge/v1/keys/import',
      headers: [
        ['Authorization', `Bearer ${edge.adminToken}`],
        ['Content-Type', 'application/json'],
      ],
      body: JSON.stringify({ keys: [{ name: 'Imported', token, access: { clientTokens } }] }),
    });
    expect(answered.status, answered.body).toBe(201);
    const [imported] = await edge.query('SELECT id FROM keys WHERE name = ?1', 'Imported');
    page = `/_edge/keys/${imported?.['id']}`;
    const answer = await send({ api_key: token });
    expect(answer.status).toBe(422);
    expect(answer.body).toMatch(/the token of the key was imported. Roll the key first/);
  });

  it('for a token that would be too long, which is said below the fields', async () => {
    const resources = Array.from({ length: 90 }, (_, at) => `/api/asset/id-of-an-asset-${at}`);
    const answer = await send({ rules: `GET ${resources.join(' ')}`, sub: 'a b' });
    expect(answer.status).toBe(422);
    expect(refusedFields(answer)).toEqual(['mint-sub']);
    expect(answer.body).toMatch(/Token: The token would have \d+ characters of at most 2048/);
  });
});

describe('a token is minted', () => {
  it('with all that was asked for, shown once with examples, and logged nowhere', async () => {
    const answer = await send({
      ttl_seconds: '120',
      sub: 'visitor-1',
      origins: ORIGIN,
      rules: 'GET /api/asset/abc',
      meta: 'plan = free\nteam=zoë=1',
    });
    expect(answer.status).toBe(201);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(claimsOf(answer)).toMatchObject({
      sub: 'visitor-1',
      origins: [ORIGIN],
      rules: [{ methods: ['get'], resources: ['/api/asset/abc'] }],
      meta: { plan: 'free', team: 'zoë=1' },
    });
    const { iat = 0, exp = 0 } = claimsOf(answer) ?? {};
    expect(exp - iat).toBe(120);
    const token = tokenOf(answer);
    expect(answer.body).toContain('data-copy="token-value"');
    expect(answer.body).toContain(`Authorization: &#39;Bearer ${token}&#39;`);
    expect(answer.body).toContain('/api/asset/abc');
    expect(answer.body).toContain(new Date(exp * 1000).toISOString());
    expect(answer.body).not.toContain(key.token.slice(6, 40));
    expect((await operator.get(page)).body).not.toContain(token);

    const log = edge.logs.join('\n');
    expect(log).toContain('client_token_minted');
    expect(log).not.toContain(token.slice(6, 60));
    expect(log).not.toContain(token.slice(-40));
    expect(log).not.toContain(key.token.slice(6));
  });

  it('with what the key allows, if nothing else was typed', async () => {
    const answer = await send({ ttl_seconds: '', api_key: `  ${key.token}\r\n` });
    expect(answer.status).toBe(201);
    const { iat = 0, exp = 0, ...claims } = claimsOf(answer) ?? {};
    expect([exp - iat, claims]).toEqual([900, {}]);
    const used = await edge.call({
      target: '/api/asset/a1',
      headers: [
        ['Authorization', `Bearer ${tokenOf(answer)}`],
        ['Origin', ORIGIN],
      ],
    });
    expect(used.status).toBe(200);
  });
});
