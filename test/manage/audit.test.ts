import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { type Client, clientOf, type Document, expectProblem, problemsOf } from './client.ts';

let edge: Deployment;
let operator: Client;

beforeAll(async () => {
  edge = await deploy();
  operator = clientOf(edge);
});

afterAll(() => edge.dispose());

const entries = async (query = ''): Promise<readonly Document[]> =>
  (await operator('GET', `/audit?${query}`)).body.entries;

describe('GET /audit', () => {
  it.each(['limit=0', 'cursor=x', 'cursor=0', 'keyId=x', 'owner=%20', 'actor=', 'action=x'])(
    'refuses %s',
    async (query) => {
      const answer = await operator('GET', `/audit?${query}`);
      expectProblem(answer, 422, 'invalid_fields');
      expect(Object.keys(problemsOf(answer))).toEqual([query.split('=')[0]]);
    },
  );

  it('tells of every change who made it, when, in which request, and what it was', async () => {
    const origin = 'https://app.example';
    const created = await operator('POST', '/keys', {
      body: { name: 'a', owner: 'acct_1', access: { cors: { allowedOrigins: [origin] } } },
    });
    const { lastUsedAt, retiringTokens, updatedAt, revokedAt, ...audited } = created.body;
    const { id, token, ...document } = audited;
    const path = `/keys/${id}`;
    const edited = await operator('PATCH', path, { body: { name: 'b', enabled: false } });
    const rolled = await operator('POST', `${path}/roll`, { body: { graceSeconds: 60 } });
    const revoked = await operator('DELETE', path);

    const first = { id, ...document };
    const second = { ...first, name: 'b', enabled: false };
    const third = { ...second, hint: rolled.body.hint };
    const lines = await entries(`keyId=${id}`);
    const expected = [
      ['revoke', third, null, revoked],
      ['roll', second, third, rolled],
      ['edit', first, second, edited],
      ['create', null, first, created],
    ] as const;
    expect(lines).toHaveLength(expected.length);
    for (const [index, [action, before, after, answer]] of expected.entries()) {
      expect(lines[index]).toEqual({
        id: expect.stringMatching(/^\d+$/),
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        actor: 'operator',
        action,
        keyId: id,
        before,
        after,
        requestId: answer.headers['x-request-id'],
        leakUrl: null,
      });
    }
    const all = JSON.stringify(lines);
    for (const secret of [token, rolled.body.token]) expect(all).not.toContain(secret);
    const hashes = await edge.query('SELECT token_hash FROM tokens');
    for (const { token_hash: hash } of hashes) expect(all).not.toContain(hash);
  });

  it('says nothing of what was refused or changed nothing', async () => {
    const { id } = (await operator('POST', '/keys', { body: { name: 'a' } })).body;
    const before = await entries(`keyId=${id}`);
    await operator('PATCH', `/keys/${id}`, { body: { name: '' } });
    await operator('PATCH', `/keys/${id}`, { body: { name: 'a' } });
    await operator('PATCH', `/keys/${id}`, { body: { name: 'c' }, headers: { 'If-Match': '"7"' } });
    expect(await entries(`keyId=${id}`)).toEqual(before);
  });

  it('goes back page by page, every line once', async () => {
    const { id } = (await operator('POST', '/keys', { body: { name: 'n0' } })).body;
    for (let count = 1; count < 6; count++) {
      await operator('PATCH', `/keys/${id}`, { body: { name: `n${count}` } });
    }
    const names: string[] = [];
    let cursor = '';
    do {
      const { body } = await operator(
        'GET',
        `/audit?keyId=${id}&limit=2${cursor && `&cursor=${cursor}`}`,
      );
      names.push(...body.entries.map(({ after }: Document) => after.name));
      cursor = body.nextCursor ?? '';
    } while (cursor !== '');
    expect(names).toEqual(['n5', 'n4', 'n3', 'n2', 'n1', 'n0']);
  });
});
