import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { type Client, clientOf, type Document, expectProblem, snapshot } from './client.ts';

let edge: Deployment;
let operator: Client;
beforeAll(async () => {
  edge = await deploy();
  operator = clientOf(edge);
});

const A = 'https://a.example';
const B = 'https://b.example';
const rules = [{ methods: ['get'], resources: ['/api/x'] }];
const later = '2099-01-01T00:00:00.000Z';
const create = async (more: object): Promise<Document> =>
  (await operator('POST', '/keys', { body: { name: 'a', ...more } })).body;

describe('PATCH is a JSON Merge Patch', () => {
  let key: Document;
  beforeEach(async () => {
    const access = { cors: { allowedOrigins: [A], fullAccess: false }, rules };
    key = await create({ access, expiresAt: later });
  });
  const patch = (body: unknown, headers: Record<string, string> = {}) =>
    operator('PATCH', `/keys/${key.id}`, { body, headers });

  const cors = { allowedOrigins: [A], fullAccess: false };
  const rows: readonly (readonly [patch: object, access: object, rest?: object])[] = [
    [{}, { cors, rules }],
    [{ access: {} }, { cors, rules }],
    [{ access: { cors: {} } }, { cors, rules }],
    [
      { access: { cors: { allowedOrigins: [B] } } },
      { cors: { ...cors, allowedOrigins: [B] }, rules },
    ],
    [{ access: { rules: null } }, { cors }],
    [
      { access: { rules: null, cors: { fullAccess: true } } },
      { cors: { ...cors, fullAccess: true } },
    ],
    [{ access: { cors: { fullAccess: null } } }, { cors, rules }],
    [{ expiresAt: null }, { cors, rules }, { expiresAt: null }],
    [
      { expiresAt: '2020-01-01t00:00:00+01:00' },
      { cors, rules },
      { expiresAt: '2019-12-31T23:00:00.000Z' },
    ],
    [
      { name: 'b', enabled: false },
      { cors, rules },
      { name: 'b', enabled: false, expiresAt: later },
    ],
  ];
  it.each(rows)('%j leaves %j', async (body, access, rest = {}) => {
    const answer = await patch(body);
    expect(answer, answer.text).toMatchObject({ status: 200, body: rest });
    expect(answer.body.access).toEqual(access);
    expect((await operator('GET', `/keys/${key.id}`)).body).toEqual(answer.body);
  });

  const refused: readonly (readonly [patch: unknown, path: string])[] = [
    [{ access: null }, 'access'],
    [{ access: { cors: null } }, 'access'],
    [{ access: { cors: { allowedOrigins: null } } }, 'access.cors.allowedOrigins'],
    [{ access: { cors: { allowedOrigins: [] } } }, 'access.cors.allowedOrigins'],
    [{ access: { cors: { fullAccess: true } } }, 'access.rules'],
    [{ access: { corz: {} } }, 'access.corz'],
    [{ access: { rules: [] } }, 'access.rules'],
    [{ name: null }, 'name'],
    [{ enabled: null }, 'enabled'],
    [{ suspended: null }, 'suspended'],
    [{ owner: 'b' }, 'owner'],
    [null, ''],
    [[], ''],
  ];
  it.each(refused)('%j is refused at %s, and changes nothing', async (body, path) => {
    const before = await snapshot();
    const answer = await patch(body);
    expectProblem(answer, 422, 'invalid_fields');
    expect(answer.body.problems.map((problem: Document) => problem.path)).toEqual([path]);
    expect(await snapshot()).toEqual(before);
  });

  it('also by its own media type', async () => {
    const headers = { 'Content-Type': 'application/merge-patch+json' };
    expect((await patch({ name: 'c' }, headers)).body.name).toBe('c');
    const body = { name: 'a' };
    expectProblem(
      await operator('POST', '/keys', { body, headers }),
      415,
      'unsupported_media_type',
    );
  });

  it('clears the rules of a backend key by access null', async () => {
    const { id } = await create({ access: { rules } });
    const answer = await operator('PATCH', `/keys/${id}`, { body: { access: null } });
    expect(answer).toMatchObject({ status: 200, body: { access: null } });
  });

  it('waits for others, so that fifty at once all succeed or say when to try again', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => patch({ name: `n${index}` })),
    );
    for (const { status, headers } of answers) {
      if (status !== 200) expect([status, headers['retry-after']]).toEqual([409, '1']);
    }
    // 11 of 50 did when the attempts followed each other at once.
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(40);
  });
});

describe('expiresAt', () => {
  it.each(['2020-01-01T00:00:00Z', '1970-01-01T00:00:00+00:00'])(
    'of a new key is not in the past: %s',
    async (expiresAt) => {
      const answer = await operator('POST', '/keys', { body: { name: 'a', expiresAt } });
      expectProblem(answer, 422, 'invalid_fields');
      expect(answer.body.problems).toMatchObject([{ path: 'expiresAt', value: expiresAt }]);
    },
  );

  it('of an imported key may be in the past', async () => {
    const keys = [{ name: 'a', token: 'legacy-token-1', expiresAt: '2020-01-01T00:00:00Z' }];
    expect((await operator('POST', '/keys/import', { body: { keys } })).status).toBe(201);
  });
});

describe('conditions', () => {
  let key: Document;
  let etag: string;
  beforeEach(async () => {
    key = await create({});
    etag = (await operator('GET', `/keys/${key.id}`)).headers['etag'] ?? '';
  });
  const get = (ifNoneMatch: string) =>
    operator('GET', `/keys/${key.id}`, { headers: { 'If-None-Match': ifNoneMatch } });
  const patch = (headers: Record<string, string>) =>
    operator('PATCH', `/keys/${key.id}`, { body: { name: 'b' }, headers });

  it('answer a GET 304 while the key is as it was shown, with its ETag and no body', async () => {
    for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      expect(await get(tag)).toMatchObject({ status: 304, text: '', headers: { etag } });
    }
    expect((await get('"x"')).status).toBe(200);
  });

  it('have a strong tag that covers everything shown, of which If-Match compares the version', async () => {
    expect(etag).toMatch(/^"[^"]+"$/);
    await edge.query('UPDATE keys SET last_used_at_ms = 5 WHERE id = ?', key.id);
    const used = await get(etag);
    expect(used.status).toBe(200);
    expect(used.headers['etag']).not.toBe(etag);
    expect((await patch({ 'If-Match': etag })).status).toBe(200);
    expectProblem(await patch({ 'If-Match': etag }), 412, 'precondition_failed');
  });

  it.each([['*'], ['etag']])('refuse a change under If-None-Match %s', async (tag) => {
    const headers = { 'If-None-Match': tag === 'etag' ? etag : tag };
    expectProblem(await patch(headers), 412, 'precondition_failed');
    const revoked = await operator('DELETE', `/keys/${key.id}`, { headers });
    expectProblem(revoked, 412, 'precondition_failed');
    expect((await patch({ 'If-None-Match': '"x"' })).status).toBe(200);
  });
});
