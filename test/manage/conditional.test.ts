import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import {
  type Client,
  clientOf,
  type Document,
  expectProblem,
  snapshot,
  tryToken,
} from './client.ts';

let edge: Deployment;
let operator: Client;

beforeAll(async () => {
  edge = await deploy();
  operator = clientOf(edge);
});

afterAll(() => edge.dispose());

async function create(): Promise<Document> {
  return (await operator('POST', '/keys', { body: { name: 'a key' } })).body;
}

/** The requests that change a key, as they look on its path. */
const changes = [
  ['PATCH', '', { name: 'new' }, 200],
  ['DELETE', '', undefined, 204],
  ['POST', '/roll', { graceSeconds: 60 }, 200],
] as const;

describe.each(changes)('%s /keys/{id}%s', (method, path, body, good) => {
  it.each(['"1"', '"3"', 'W/"1"', '2', '""', ',', 'x', '"1", "3"', '**', '"2'])(
    'is refused while If-Match is %j and the version 2, and changes nothing',
    async (ifMatch) => {
      const { id, token } = await create();
      await operator('PATCH', `/keys/${id}`, { body: { name: 'second' } });
      const before = await snapshot();
      const answer = await edge.call({
        method,
        target: `/_edge/v1/keys/${id}${path}`,
        headers: [
          ['Authorization', `Bearer ${edge.adminToken}`],
          ['Content-Type', 'application/json'],
          ['If-Match', ifMatch],
        ],
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      expect(answer.status, answer.body).toBe(412);
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'precondition_failed' });
      expect(await snapshot()).toEqual(before);
      expect(await tryToken(edge, token)).toBe('200');
    },
  );

  it.each(['"2"', 'W/"2"', '*', '"1", "2"', '"1" , W/"2"', undefined])(
    'is carried out while If-Match is %j and the version 2',
    async (ifMatch) => {
      const { id } = await create();
      await operator('PATCH', `/keys/${id}`, { body: { name: 'second' } });
      const headers = ifMatch === undefined ? {} : { 'If-Match': ifMatch };
      const answer = await operator(method, `/keys/${id}${path}`, { body, headers });
      expect(answer.status, answer.text).toBe(good);
    },
  );

  it('lets exactly one of several win that were decided on the same version', async () => {
    const { id } = await create();
    const linesBefore = (await edge.query('SELECT id FROM audit')).length;
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        operator(method, `/keys/${id}${path}`, {
          body: method === 'PATCH' ? { name: `n${index}` } : body,
          headers: { 'If-Match': '"1"' },
        }),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort();
    const lost = method === 'DELETE' ? [404, 412] : [412];
    expect(statuses.filter((status) => status === good)).toHaveLength(1);
    expect(statuses.filter((status) => lost.includes(status))).toHaveLength(5);
    expect((await edge.query('SELECT id FROM audit')).length).toBe(linesBefore + 1);
  });
});

describe('without If-Match', () => {
  it('edits of different fields at the same time are all kept', async () => {
    const { id } = await create();
    const edits = [{ name: 'n' }, { enabled: false }, { expiresAt: '2099-01-01T00:00:00.000Z' }];
    const answers = await Promise.all(
      edits.map((body) => operator('PATCH', `/keys/${id}`, { body })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const { body, headers } = await operator('GET', `/keys/${id}`);
    expect(body).toMatchObject(Object.assign({}, ...edits));
    expect(headers['etag']).toMatch(/^"4-/);
  });
});

describe('ETag', () => {
  it('comes with every answer that shows one key, and names its version', async () => {
    const created = await operator('POST', '/keys', { body: { name: 'a key' } });
    expect(created.headers['etag']).toMatch(/^"1-/);
    const path = `/keys/${created.body.id}`;
    const edited = await operator('PATCH', path, { body: { name: 'b' } });
    expect(edited.headers['etag']).toMatch(/^"2-/);
    expect((await operator('POST', `${path}/roll`)).headers['etag']).toMatch(/^"3-/);
    expect((await operator('GET', path)).headers['etag']).toMatch(/^"3-/);
  });

  it('keeps its version when the key is used', async () => {
    const { id } = await create();
    await edge.query('UPDATE keys SET last_used_at_ms = 5 WHERE id = ?', id);
    const answer = await operator('GET', `/keys/${id}`);
    expect(answer.headers['etag']).toMatch(/^"1-/);
    expect(answer.body.lastUsedAt).toBe('1970-01-01T00:00:00.005Z');
    const stale = await operator('PATCH', `/keys/${id}`, {
      body: { name: 'b' },
      headers: { 'If-Match': '"1"' },
    });
    expect(stale.status).toBe(200);
  });

  it('is judged after the document, as every precondition is', async () => {
    const { id } = await create();
    const answer = await operator('PATCH', `/keys/${id}`, {
      body: { name: '' },
      headers: { 'If-Match': '"9"' },
    });
    expectProblem(answer, 422, 'invalid_fields');
  });
});
