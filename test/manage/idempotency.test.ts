import { beforeEach, describe, expect, it } from 'vitest';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { type Client, clientOf, expectProblem, snapshot, tryToken } from './client.ts';

const KEY = '4f8a6c1e-6c1b-4b62-9d3e-0f3f6f0c8d11';
const once = { 'Idempotency-Key': KEY };

let edge: Deployment;
let operator: Client;

beforeEach(async () => {
  edge = await deploy();
  operator = clientOf(edge);
});

const count = async (table: string) => (await edge.query(`SELECT * FROM ${table}`)).length;

describe('an Idempotency-Key that cannot be read', () => {
  it.each(['a b', '\x7f', 'x'.repeat(256)])('is refused: %j', async (idempotencyKey) => {
    const answer = await edge.call({
      method: 'POST',
      target: '/_edge/v1/keys',
      headers: [
        ['Authorization', `Bearer ${edge.adminToken}`],
        ['Content-Type', 'application/json'],
        ['Idempotency-Key', idempotencyKey],
      ],
      body: '{"name": "a"}',
    });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'malformed_header' });
    expect(await count('keys')).toBe(0);
  });
});

describe('an Idempotency-Key of another request', () => {
  it.each([
    ['with another body', '/keys', { name: 'b' }],
    ['on another path', '/keys/import', { keys: [{ name: 'a', token: 'some-legacy-token' }] }],
  ])('is refused %s', async (_, path, body) => {
    await operator('POST', '/keys', { body: { name: 'a' }, headers: once });
    const before = await snapshot();
    const answer = await operator('POST', path, { body, headers: once });
    expectProblem(answer, 422, 'idempotency_key_reused');
    expect(await snapshot()).toEqual(before);
  });

  it('is refused for the roll of another key', async () => {
    const first = (await operator('POST', '/keys', { body: { name: 'a' } })).body;
    const second = (await operator('POST', '/keys', { body: { name: 'b' } })).body;
    expect((await operator('POST', `/keys/${first.id}/roll`, { headers: once })).status).toBe(200);
    const answer = await operator('POST', `/keys/${second.id}/roll`, { headers: once });
    expectProblem(answer, 422, 'idempotency_key_reused');
    expect(await tryToken(edge, second.token)).toBe('200');
  });
});

describe('a repeated request', () => {
  it('gets the same answer with the same token, and makes no second key', async () => {
    const request = { body: { name: 'a', owner: 'acct_1' }, headers: once };
    const first = await operator('POST', '/keys', request);
    const before = await snapshot();
    const again = await operator('POST', '/keys', request);
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    for (const name of ['location', 'etag', 'content-type', 'cache-control']) {
      expect(again.headers[name]).toBe(first.headers[name]);
    }
    expect(await snapshot()).toEqual(before);
    expect(await tryToken(edge, again.body.token)).toBe('200');
  });

  it('rolls once, though the version of If-Match is gone by then', async () => {
    const { id } = (await operator('POST', '/keys', { body: { name: 'a' } })).body;
    const request = { body: { graceSeconds: 60 }, headers: { ...once, 'If-Match': '"1"' } };
    const first = await operator('POST', `/keys/${id}/roll`, request);
    const again = await operator('POST', `/keys/${id}/roll`, request);
    expect(again).toMatchObject({ status: 200, body: first.body });
    expect(await count('tokens')).toBe(2);
  });

  it('imports once', async () => {
    const request = { body: { keys: [{ name: 'a', token: 'some-legacy-token' }] }, headers: once };
    const first = await operator('POST', '/keys/import', request);
    const again = await operator('POST', '/keys/import', request);
    expect(first.status, first.text).toBe(201);
    expect(again).toMatchObject({ status: 201, body: first.body });
    expect(await count('keys')).toBe(1);
  });

  it('gets the answer of the first one, whatever became of the key', async () => {
    const request = { body: { name: 'a' }, headers: once };
    const first = await operator('POST', '/keys', request);
    await operator('DELETE', `/keys/${first.body.id}`);
    expect((await operator('POST', '/keys', request)).body).toEqual(first.body);
    expect(await count('keys')).toBe(1);
  });

  it('makes one key when all come at the same time', async () => {
    const request = { body: { name: 'a' }, headers: once };
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => operator('POST', '/keys', request)),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await count('keys')).toBe(1);
    expect(await count('audit')).toBe(1);
  });

  it('rolls once when all come at the same time', async () => {
    const { id } = (await operator('POST', '/keys', { body: { name: 'a' } })).body;
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => operator('POST', `/keys/${id}/roll`, { headers: once })),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(await count('tokens')).toBe(2);
  });

  it('is carried out again after a refusal, which is not kept', async () => {
    const { id } = (await operator('POST', '/keys', { body: { name: 'a' } })).body;
    const request = { body: { graceSeconds: 1 }, headers: { ...once, 'If-Match': '"2"' } };
    expect((await operator('POST', `/keys/${id}/roll`, request)).status).toBe(412);
    await operator('PATCH', `/keys/${id}`, { body: { name: 'b' } });
    expect((await operator('POST', `/keys/${id}/roll`, request)).status).toBe(200);
  });

  it('is carried out again after a day', async () => {
    const request = { body: { name: 'a' }, headers: once };
    const first = await operator('POST', '/keys', request);
    await edge.query('UPDATE idempotency SET expires_at_ms = expires_at_ms - 86400000');
    const again = await operator('POST', '/keys', request);
    expect(again.status).toBe(201);
    expect(again.body.id).not.toBe(first.body.id);
    expect((await operator('POST', '/keys', request)).body).toEqual(again.body);
  });
});

describe('the token of a kept answer', () => {
  it('is in D1 in no readable form', async () => {
    const { body } = await operator('POST', '/keys', { body: { name: 'a' }, headers: once });
    const [row] = await edge.query('SELECT * FROM idempotency');
    expect(row?.['sealed_token']).toMatch(/^[\w-]{43}\.[\w-]{16}\.[\w-]+$/);
    const stored = JSON.stringify(row);
    expect(stored).not.toContain(body.token);
    expect(stored).not.toContain(body.token.slice(10, 20));
    expect(stored).not.toContain(btoa(body.token).slice(0, 20));
    expect(stored).not.toContain(KEY);
  });

  it('cannot be opened under another admin token: 409 says which key it is', async () => {
    const { body } = await operator('POST', '/keys', { body: { name: 'a' }, headers: once });
    const [row] = await edge.query('SELECT * FROM idempotency');
    const other = await deploy({ vars: { ADMIN_TOKEN: 'another-admin-token-of-32-characters' } });
    const columns = [
      'caller',
      'key_hash',
      'request_hash',
      'answer',
      'sealed_token',
      'expires_at_ms',
    ];
    await other.query(
      'INSERT INTO idempotency VALUES (?, ?, ?, ?, ?, ?)',
      ...columns.map((name) => row?.[name] as string),
    );
    const client = clientOf(other, {
      Authorization: 'Bearer another-admin-token-of-32-characters',
    });
    const answer = await client('POST', '/keys', { body: { name: 'a' }, headers: once });
    expectProblem(answer, 409, 'token_not_replayable');
    expect(answer.body.keyId).toBe(body.id);
    expect(answer.text).not.toContain(body.token);
    expect(await other.query('SELECT * FROM keys')).toEqual([]);
  });

  it('cannot be opened once a bit of it has changed', async () => {
    await operator('POST', '/keys', { body: { name: 'a' }, headers: once });
    await edge.query(
      `UPDATE idempotency SET sealed_token =
         iif(sealed_token LIKE 'x%', 'y', 'x') || substr(sealed_token, 2)`,
    );
    const answer = await operator('POST', '/keys', { body: { name: 'a' }, headers: once });
    expectProblem(answer, 409, 'token_not_replayable');
  });
});
