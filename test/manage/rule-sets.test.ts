/** Rule sets from the API to the gateway: written, shown, listed, explained, and taken away. */

import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mintClientToken } from '../../src/client-tokens/client-tokens.ts';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import {
  type Client,
  clientOf,
  type Document,
  expectProblem,
  problemsOf,
  tryToken,
} from './client.ts';
import { hiddenFields, signIn } from './page/browser.ts';

const acme = {
  routes: [
    { methods: ['GET'], path: '/items/{item}' },
    { methods: ['POST'], path: '/items' },
  ],
  reservedWords: { item: ['admin'] },
};
const vars = { RULE_SETS: JSON.stringify({ 'acme@1': acme }) };
const cors = { allowedOrigins: ['https://app.example'] };
const origin = 'https://app.example';

let edge: Deployment;
let operator: Client;
beforeEach(async () => {
  edge = await deploy({ vars });
  operator = clientOf(edge);
});
afterEach(() => edge.dispose());

const create = async (access: Document) =>
  edge.createKey({ name: 'a key', owner: 'acct_1', access });

/** The same key in a deployment with other settings, by the row that D1 keeps. */
async function redeploy(next: Record<string, string>): Promise<void> {
  const tables = ['keys', 'tokens', 'minting_tokens', 'origins', 'changes', 'settings'] as const;
  const kept = await Promise.all(
    tables.map(async (table) => [table, await edge.query(`SELECT * FROM ${table}`)] as const),
  );
  edge = await deploy({ vars: next });
  operator = clientOf(edge);
  for (const [table, rows] of kept) {
    for (const row of rows) {
      const names = Object.keys(row);
      const places = names.map((_, index) => `?${index + 1}`);
      await env.DB.prepare(`INSERT OR REPLACE INTO ${table} (${names}) VALUES (${places})`)
        .bind(...names.map((name) => row[name] ?? null))
        .run();
    }
  }
}

describe('access.ruleSet', () => {
  test.each([
    ['acme@2', /no such rule set/],
    ['livepeer@2', /no such rule set/],
    ['acme', /a version/],
    ['ACME@1', /a version/],
    ['', /a version/],
    ['__proto__@1', /a version/],
  ])('is refused as %j, with those that there are', async (ruleSet, reason) => {
    const body = { name: 'a key', access: { cors, ruleSet } };
    const answer = await operator('POST', '/keys', { body });
    expectProblem(answer, 422, 'invalid_fields');
    expect(problemsOf(answer)['access.ruleSet'].reason).toMatch(reason);
  });

  test('says what the key may call, at the gateway, to its holder and in explanations', async () => {
    const { id, token } = await create({ cors, ruleSet: 'acme@1' });
    const call = (method: string, path: string) => tryToken(edge, token, { method, path, origin });
    await expect(call('GET', '/items/abc')).resolves.toBe('200');
    await expect(call('POST', '/items')).resolves.toBe('200');
    await expect(call('GET', '/items/Admin')).resolves.toBe('403 route_not_allowed');
    await expect(call('GET', '/api/asset/abc')).resolves.toBe('403 route_not_allowed');

    const shown = await operator('GET', `/keys/${id}`);
    expect(shown.body.access).toEqual({ cors: { ...cors, fullAccess: false }, ruleSet: 'acme@1' });
    const self = await clientOf(edge, { Authorization: `Bearer ${token}` })('GET', '/self');
    expect(self.body).toMatchObject({
      level: 'restricted',
      access: { ruleSet: 'acme@1' },
      routes: acme.routes,
    });
    const request = { keyId: id, method: 'GET', path: '/items/abc', origin };
    const explained = await operator('POST', '/explain', { body: request });
    expect(explained.body).toMatchObject({ allowed: true });
  });

  test('is listed as restricted, and as rules of a backend key', async () => {
    const page = await create({ cors, ruleSet: 'acme@1' });
    const backend = await create({ ruleSet: 'acme@1' });
    for (const [access, id] of [
      ['restricted', page.id],
      ['rules', backend.id],
    ]) {
      const { body } = await operator('GET', `/keys?access=${access}`);
      expect(body.keys.map((key: Document) => key.id)).toEqual([id]);
    }
    await expect(tryToken(edge, backend.token, { path: '/items/abc' })).resolves.toBe('200');
    await expect(tryToken(edge, backend.token)).resolves.toBe('403 route_not_allowed');
  });

  test('is edited: to a set, to rules and back to the restricted routes', async () => {
    const { id, token } = await create({ cors });
    const patch = (access: Document) => operator('PATCH', `/keys/${id}`, { body: { access } });
    const items = () => tryToken(edge, token, { path: '/items/abc', origin });
    await expect(items()).resolves.toBe('403 route_not_allowed');
    expect((await patch({ ruleSet: 'acme@1' })).status).toBe(200);
    await expect(items()).resolves.toBe('200');
    // Origins alone leave the set as it is.
    await patch({ cors: { allowedOrigins: [origin, 'https://b.example'] } });
    await expect(items()).resolves.toBe('200');
    const rules = [{ methods: ['get'], resources: ['/other'] }];
    expectProblem(await patch({ rules }), 422, 'invalid_fields');
    expect((await patch({ rules, ruleSet: null })).status).toBe(200);
    await expect(items()).resolves.toBe('403 route_not_allowed');
    await patch({ rules: null });
    await expect(tryToken(edge, token, { origin })).resolves.toBe('200');
    const { body } = await operator('GET', `/audit?keyId=${id}`);
    expect(body.entries[3]).toMatchObject({ after: { access: { ruleSet: 'acme@1' } } });
  });

  test('is refused of a stored key once the deployment has no such set, and the log says so', async () => {
    const { id, token } = await create({ cors, ruleSet: 'acme@1' });
    const other = await create({ cors });
    await redeploy({ RULE_SETS: JSON.stringify({ 'acme@2': acme }) });
    for (const path of ['/items/abc', '/api/asset/abc', '/']) {
      await expect(tryToken(edge, token, { path, origin })).resolves.toBe('403 route_not_allowed');
    }
    const answer = await edge.call({
      target: '/items/abc',
      headers: [
        ['Authorization', `Bearer ${token}`],
        ['Origin', origin],
      ],
    });
    expect(JSON.parse(answer.body).detail).toContain(
      'the rule set acme@1, which this edge does not have',
    );
    expect(edge.logs.join('\n')).toContain('"cause":"the rule set acme@1 is not configured"');
    const explained = await operator('POST', '/explain', {
      body: { keyId: id, method: 'GET', path: '/items/abc', origin },
    });
    expect(explained.body).toMatchObject({ allowed: false, code: 'route_not_allowed' });
    const self = await clientOf(edge, { Authorization: `Bearer ${token}` })('GET', '/self');
    expect(self.body.routes).toEqual([]);
    // Every other key works as before, and this one can be moved or stopped.
    await expect(tryToken(edge, other.token, { origin })).resolves.toBe('200');
    expect((await operator('PATCH', `/keys/${id}`, { body: { name: 'renamed' } })).status).toBe(
      200,
    );
    const kept = await operator('PATCH', `/keys/${id}`, { body: { access: { cors } } });
    expect(problemsOf(kept)['access.ruleSet'].reason).toMatch(/no such rule set/);
    const body = { access: { ruleSet: 'acme@2' } };
    expect((await operator('PATCH', `/keys/${id}`, { body })).status).toBe(200);
    await expect(tryToken(edge, token, { path: '/items/abc', origin })).resolves.toBe('200');
  });

  test('is stored so that a version that knows no sets allows nothing', async () => {
    await create({ cors, ruleSet: 'acme@1' });
    await expect(edge.query('SELECT rules, full_access FROM keys')).resolves.toEqual([
      { rules: '[{"methods":[],"resources":[],"ruleSet":"acme@1"}]', full_access: 0 },
    ]);
  });
});

test('an import may refer to a rule set, and to one that there is alone', async () => {
  const row = { name: 'imported', token: 'imported-token-0123456789abcdef' };
  const send = (ruleSet: string) =>
    operator('POST', '/keys/import', { body: { keys: [{ ...row, access: { cors, ruleSet } }] } });
  const refused = await send('acme@2');
  expect(refused.status).toBe(422);
  expect(refused.text).toContain('no such rule set');
  expect((await send('acme@1')).status).toBe(201);
  await expect(tryToken(edge, row.token, { path: '/items/abc', origin })).resolves.toBe('200');
});

test('client tokens stay within the rule set of their key', async () => {
  const clientTokens = { ...cors, ruleSet: 'acme@1' };
  const { token, access } = (await create({ clientTokens })) as Document;
  expect(access.clientTokens).toMatchObject({ rules: null, ruleSet: 'acme@1' });
  const mint = (more: object = {}) => mintClientToken(token, { ttlSeconds: 60, ...more });
  const whole = await mint();
  await expect(tryToken(edge, whole, { path: '/items/abc', origin })).resolves.toBe('200');
  await expect(tryToken(edge, whole, { path: '/items/admin', origin })).resolves.toBe(
    '403 route_not_allowed',
  );
  await expect(tryToken(edge, whole, { origin })).resolves.toBe('403 route_not_allowed');
  const wider = await mint({ rules: [{ methods: ['get'], resources: ['/other'] }] });
  await expect(tryToken(edge, wider, { path: '/other', origin })).resolves.toBe('401 invalid_key');
  const self = await clientOf(edge, { Authorization: `Bearer ${whole}`, Origin: origin })(
    'GET',
    '/self',
  );
  expect(self.body).toMatchObject({ access: { ruleSet: 'acme@1' }, routes: acme.routes });
  await redeploy({});
  await expect(tryToken(edge, whole, { path: '/items/abc', origin })).resolves.toBe(
    '403 route_not_allowed',
  );
});

describe('the page', () => {
  test('offers rule sets if the deployment has some, and keeps what the form does not change', async () => {
    const visitor = await signIn(edge);
    const made = await visitor.submit('/_edge/keys/new', '/_edge/keys', {
      name: 'Of a set',
      cors: 'on',
      origins: origin,
      reach: 'set',
      rule_set: 'acme@1',
    });
    expect(made.status, made.body).toBe(201);
    expect(made.body).toContain('/items');
    const { body } = await operator('GET', '/keys');
    const [{ id, access }] = body.keys;
    expect(access.ruleSet).toBe('acme@1');
    const path = `/_edge/keys/${id}`;
    const shown = await visitor.get(path);
    expect(shown.body).toMatch(/<option value="acme@1" selected/);
    const form = hiddenFields(shown.body, path);
    const change = async (fields: Record<string, string>) => {
      const answer = await visitor.post(path, { form: { ...form, ...fields } });
      expect(answer.status, answer.body).toBe(303);
      return (await operator('GET', `/keys/${id}`)).body.access;
    };
    const reach = { name: 'Renamed', origins: origin, reach: 'set', rule_set: 'acme@1' };
    await expect(change(reach)).resolves.toMatchObject({ ruleSet: 'acme@1' });
  });

  test('does not ask for one otherwise', async () => {
    edge = await deploy();
    const shown = await (await signIn(edge)).get('/_edge/keys/new');
    expect(shown.body).not.toContain('rule_set');
  });
});
