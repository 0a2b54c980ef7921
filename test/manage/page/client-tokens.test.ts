/** Client tokens on the page of a key: opting in, opting out, signing everyone out, and their usage. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mintClientToken } from '../../../src/client-tokens/client-tokens.ts';
import type { CreatedKey, Deployment } from '../../contract/deployment.ts';
import { deploy } from '../../support/workers.ts';
import { snapshot } from '../client.ts';
import { signIn, type Visitor } from './browser.ts';

let edge: Deployment;
let operator: Visitor;
let key: CreatedKey;
let page: string;
beforeEach(async () => {
  edge = await deploy();
  operator = await signIn(edge);
  key = await edge.createKey({ name: 'Web backend' });
  page = `/_edge/keys/${key.id}`;
});
afterEach(() => edge.dispose());

const send = (client_origins: string, more: Record<string, string> = {}) =>
  operator.submit(page, `${page}/client-tokens`, { client_origins, ...more });

const create = (fields: Record<string, string>) =>
  operator.submit('/_edge/keys/new', '/_edge/keys', { name: 'Another backend', ...fields });

async function stored(): Promise<{ allowedOrigins: string[]; maxTtlSeconds: number } | null> {
  const [row] = await edge.query('SELECT client_tokens FROM keys WHERE id = ?1', key.id);
  return JSON.parse(String(row?.['client_tokens'] ?? 'null'));
}

describe('the page of a key', () => {
  it('has no client tokens for a key with CORS access', async () => {
    const cors = { allowedOrigins: ['https://a.example'] };
    const { id } = await edge.createKey({ name: 'Page', access: { cors } });
    const { body } = await operator.get(`/_edge/keys/${id}`);
    expect(body).not.toContain('client-tokens');
    expect(body).not.toContain('Sign out everyone');
  });

  it.each(['', 'app.example', 'https://app.example/path'])(
    'refuses %j as the origins, changes nothing, and keeps the text at its field',
    async (origins) => {
      const before = await snapshot();
      const answer = await send(origins);
      expect(answer.status).toBe(422);
      await expect(snapshot()).resolves.toEqual(before);
      const [, panel = ''] = answer.body.split('id="client-tokens-panel"');
      expect(panel).toContain('id="client-origins-error"');
      expect(panel).toContain(`${origins}</textarea>`);
      const [, settings = ''] = answer.body.split('id="settings"');
      expect(settings.split('</form>')[0]).not.toContain('class="error"');
    },
  );

  it('refuses a form that was shown before another change', async () => {
    const stale = await operator.submit(page, `${page}/client-tokens`, {
      client_origins: 'https://a.example',
      etag: '"0"',
    });
    expect(stale.status).toBe(412);
    await expect(stored()).resolves.toBeNull();
  });

  it('opts in with a warning, edits the origins alone, and opts out', async () => {
    const { body } = await operator.get(page);
    expect(body).toContain('A version of the Worker without client tokens refuses them');
    expect(body).not.toContain('Sign out everyone');

    const answer = await send('https://a.example\nhttps://b.example');
    expect(answer.headers['location']).toBe(`${page}?done=saved`);
    await expect(stored()).resolves.toMatchObject({
      allowedOrigins: ['https://a.example', 'https://b.example'],
      maxTtlSeconds: 600,
    });
    await edge.query(
      `UPDATE keys SET client_tokens = json_set(client_tokens, '$.maxTtlSeconds', 60) WHERE id = ?1`,
      key.id,
    );
    await send('https://c.example');
    await expect(stored()).resolves.toMatchObject({
      allowedOrigins: ['https://c.example'],
      maxTtlSeconds: 60,
    });
    const stopped = await send('https://c.example', { stop: 'yes' });
    expect(stopped.headers['location']).toBe(`${page}?done=tokensStopped`);
    await expect(stored()).resolves.toBeNull();
  });

  it('signs everyone out as of now, and says when that was done', async () => {
    await send('https://a.example');
    const beforeMs = Date.now();
    const answer = await operator.submit(page, `${page}/sign-out-everyone`);
    expect(answer.headers['location']).toBe(`${page}?done=signedOut`);
    const [row] = await edge.query(
      'SELECT client_tokens_valid_from_ms AS at FROM keys WHERE id = ?1',
      key.id,
    );
    expect(Number(row?.['at'])).toBeGreaterThanOrEqual(beforeMs);
    expect(Number(row?.['at'])).toBeLessThanOrEqual(Date.now());
    expect((await operator.get(page)).body).toContain('Last done: ');
  });

  it('says how many requests had a client token, if any had', async () => {
    expect((await operator.get(page)).body).not.toContain('with client tokens, among');
    const day = new Date().toISOString().slice(0, 10);
    const values = [key.id, day, 'allowed'] as const;
    await edge.query('INSERT INTO usage_daily VALUES (?1, ?2, ?3, 7)', ...values);
    await edge.query('INSERT INTO client_usage_daily VALUES (?1, ?2, ?3, 3)', ...values);
    expect((await operator.get(page)).body).toContain('3 requests with client tokens, among');
  });
});

describe('what client tokens may do', () => {
  const rights = {
    client_origins: 'https://a.example',
    client_reach: 'rules',
    client_rules: 'GET /api/asset/:id\nPOST /api/x',
    client_ttl: '120',
    client_origin_optional: 'on',
  };
  const storedRights = {
    allowedOrigins: ['https://a.example'],
    rules: [
      { methods: ['get'], resources: ['/api/asset/:id'] },
      { methods: ['post'], resources: ['/api/x'] },
    ],
    maxTtlSeconds: 120,
    originOptional: true,
    endConnectionsAtExpiry: false,
  };

  it.each([
    ['0', 'It is less than a second'],
    ['3601', 'It is longer than an hour'],
    ['1.5', 'It is not a whole number'],
    ['ten', 'a number of seconds'],
  ])('is refused with a lifetime of %j, together with every other problem', async (ttl, text) => {
    const before = await snapshot();
    const answer = await send('app.example', {
      ...rights,
      client_origins: 'https://a.example\n\napp.example',
      client_rules: 'GET /a\n\nFETCH /b',
      client_ttl: ttl,
    });
    expect(answer.status).toBe(422);
    const [, panel = ''] = answer.body.split('id="client-tokens-panel"');
    const errorsOf = (id: string) => panel.split(`id="${id}-error"`)[1]?.split('</ul>')[0] ?? '';
    expect(errorsOf('client-ttl')).toContain(text);
    expect(errorsOf('client-origins')).toContain('Line 3 &quot;app.example&quot;');
    expect(errorsOf('client-rules')).toContain('Line 3 &quot;fetch&quot;');
    expect(panel).toContain('<details open=""');
    expect(panel).toContain(`value="${ttl}"`);
    await expect(snapshot()).resolves.toEqual(before);
  });

  it('is edited on the page, shown again, and left alone by a form without it', async () => {
    await operator.submit(page, `${page}/client-tokens`, rights);
    await expect(stored()).resolves.toEqual(storedRights);
    const { body } = await operator.get(page);
    expect(body).toContain('GET /api/asset/:id\nPOST /api/x</textarea>');
    expect(body).toMatch(/id="client-own"[^>]*checked=""/);
    expect(body).toMatch(/id="client-optional"[^>]*checked=""/);
    expect(body).not.toMatch(/id="client-end"[^>]*checked=""/);
    await send('https://b.example');
    await expect(stored()).resolves.toEqual({
      ...storedRights,
      allowedOrigins: ['https://b.example'],
    });
    await operator.submit(page, `${page}/client-tokens`, {
      client_origins: 'https://a.example',
      client_reach: 'restricted',
      client_rules: 'GET /api/asset/:id',
      client_ttl: '',
      client_end_connections: 'on',
    });
    await expect(stored()).resolves.toEqual({
      allowedOrigins: ['https://a.example'],
      rules: null,
      maxTtlSeconds: 600,
      originOptional: false,
      endConnectionsAtExpiry: true,
    });
  });

  it('is chosen with a new key', async () => {
    const name = 'With rights from the start';
    const refused = await create({ name, ...rights });
    expect(refused.status).toBe(422);
    expect(refused.body).toContain('Rules of client tokens are chosen, but client tokens');
    const made = await create({ name, client_tokens: 'on', ...rights });
    expect(made.status).toBe(201);
    const [row] = await edge.query('SELECT client_tokens FROM keys WHERE name = ?1', name);
    expect(JSON.parse(String(row?.['client_tokens']))).toEqual(storedRights);
  });
});

describe('a rule set of client tokens', () => {
  const referring = { methods: [], resources: [], ruleSet: 'acme@1' };
  const fields = { client_ttl: '60', client_end_connections: 'on' };
  beforeEach(async () => {
    await edge.dispose();
    const acme = { routes: [{ methods: ['GET'], path: '/items/{item}' }], reservedWords: {} };
    edge = await deploy({ vars: { RULE_SETS: JSON.stringify({ 'acme@1': acme }) } });
    operator = await signIn(edge);
    const clientTokens = { allowedOrigins: ['https://a.example'], ruleSet: 'acme@1' };
    key = await edge.createKey({ name: 'Web backend', access: { clientTokens } });
    page = `/_edge/keys/${key.id}`;
  });

  it.each([
    ['that the deployment does not have', 'gone@1'],
    ['without a name', ''],
  ])('%s is refused at its field, and nothing is changed', async (_name, client_rule_set) => {
    const before = await snapshot();
    const set = { ...fields, client_reach: 'set', client_rule_set };
    const edited = await send('https://a.example', set);
    expect(edited.status).toBe(422);
    expect(edited.body).toContain('id="client-set-error"');
    expect(edited.body).not.toContain('id="client-origins-error"');
    const created = await create({
      client_tokens: 'on',
      client_origins: 'https://a.example',
      ...set,
    });
    expect(created.status).toBe(422);
    expect(created.body).toContain('id="create-client-set-error"');
    await expect(snapshot()).resolves.toEqual(before);
  });

  it('of the key itself has the same field', async () => {
    const before = await snapshot();
    const answer = await operator.submit(page, page, {
      name: 'Web backend',
      reach: 'set',
      rule_set: 'gone@1',
    });
    expect(answer.status).toBe(422);
    expect(answer.body).toContain('id="edit-set-error"');
    expect(answer.body).not.toContain('id="client-set-error"');
    await expect(snapshot()).resolves.toEqual(before);
  });

  it('is refused in a new key without the tick', async () => {
    const answer = await create({
      ...fields,
      client_reach: 'set',
      client_rule_set: 'acme@1',
    });
    expect(answer.status).toBe(422);
    expect(answer.body).toContain('A rule set of client tokens is chosen, but client tokens');
  });

  it('is shown, and replaced by what is chosen', async () => {
    const { body } = await operator.get(page);
    expect(body).toMatch(/id="client-set-choice"[^>]*checked=""/);
    expect(body).toMatch(/<option value="acme@1" selected="">/);

    await send('https://a.example', { ...fields, client_reach: 'restricted' });
    await expect(stored()).resolves.toMatchObject({ rules: null });
    await send('https://a.example', {
      ...fields,
      client_reach: 'set',
      client_rule_set: 'acme@1',
      client_rules: 'GET /a',
    });
    await expect(stored()).resolves.toMatchObject({ rules: [referring] });
    await send('https://a.example', {
      ...fields,
      client_reach: 'rules',
      client_rule_set: 'acme@1',
      client_rules: 'GET /a',
    });
    await expect(stored()).resolves.toMatchObject({
      rules: [{ methods: ['get'], resources: ['/a'] }],
    });
  });

  it('is left by a form of an earlier version, which offers no other', async () => {
    await send('https://b.example', { ...fields, client_reach: 'standard' });
    await expect(stored()).resolves.toMatchObject({
      allowedOrigins: ['https://b.example'],
      maxTtlSeconds: 60,
      rules: [referring],
    });
  });

  it('is chosen with a new key', async () => {
    const made = await create({
      client_tokens: 'on',
      client_origins: 'https://a.example',
      ...fields,
      client_reach: 'set',
      client_rule_set: 'acme@1',
    });
    expect(made.status).toBe(201);
    const [row] = await edge.query(`SELECT client_tokens FROM keys WHERE name = 'Another backend'`);
    expect(JSON.parse(String(row?.['client_tokens']))).toMatchObject({ rules: [referring] });
  });

  it('is not offered if the deployment has only the one that each has', async () => {
    await edge.dispose();
    edge = await deploy();
    operator = await signIn(edge);
    const { body } = await operator.get('/_edge/keys/new');
    expect(body).toContain('id="create-client-standard"');
    expect(body).not.toContain('client_rule_set');
  });
});

describe('the form for a new key', () => {
  it.each([
    ['origins without the tick', { client_origins: 'https://a.example' }],
    ['the tick without origins', { client_tokens: 'on' }],
    [
      'CORS access beside it',
      {
        client_tokens: 'on',
        client_origins: 'https://a.example',
        cors: 'on',
        origins: 'https://a.example',
      },
    ],
  ])('refuses %s at the field, and creates nothing', async (_name, fields) => {
    const before = await snapshot();
    const answer = await create(fields);
    expect(answer.status).toBe(422);
    expect(answer.body).toContain('id="create-client-origins-error"');
    await expect(snapshot()).resolves.toEqual(before);
  });

  it('creates a key that mints offline', async () => {
    const answer = await create({ client_tokens: 'on', client_origins: 'https://a.example' });
    expect(answer.status).toBe(201);
    const [row] = await edge.query(`SELECT client_tokens FROM keys WHERE name = 'Another backend'`);
    expect(JSON.parse(String(row?.['client_tokens']))).toMatchObject({
      allowedOrigins: ['https://a.example'],
    });
    const [, token = ''] = /(ea_sk_[0-9A-Za-z]{44})/.exec(answer.body) ?? [];
    await expect(mintClientToken(token)).resolves.toMatch(/^ea_ct_/);
  });
});
