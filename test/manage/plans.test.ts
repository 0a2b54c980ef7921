/** Plans of keys in the management API: metadata, tags, named limits, quotas. Refusals first. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { type Client, clientOf, type Document, expectProblem, problemsOf } from './client.ts';

const limiters = [{ name: 'pro', binding: 'CLIENT_LIMITER', limit: '1000/60' }];
const plan = {
  meta: { plan: 'pro', team: 'web' },
  tags: ['beta'],
  limit: 'pro',
  limitBy: 'owner',
  quota: { requests: 1000, period: 'day' },
};

let edge: Deployment;
let operator: Client;
beforeAll(async () => {
  const limiter = { limit: async () => ({ success: true }) };
  edge = await deploy({
    vars: { LIMITERS: JSON.stringify(limiters), CLIENT_LIMITER: limiter } as never,
  });
  operator = clientOf(edge);
});
afterAll(() => edge.dispose());

const create = async (more: object): Promise<Document> =>
  (await operator('POST', '/keys', { body: { name: 'a key', ...more } })).body;
const patch = (key: Document, body: object) => operator('PATCH', `/keys/${key.id}`, { body });
const planOf = ({ meta, tags, limit, limitBy, quota }: Document) => ({
  meta,
  tags,
  limit,
  limitBy,
  quota,
});

describe('a plan is refused', () => {
  const rows: readonly (readonly [string, object, object])[] = [
    [
      'with members of other types',
      { meta: 'pro', tags: 'beta', limit: 5, limitBy: 'ip', quota: 1000 },
      {
        meta: { reason: 'it is a string' },
        tags: { reason: 'it is a string' },
        limit: { value: 5 },
        limitBy: { value: 'ip', reason: 'it is not one of the choices' },
        quota: { reason: 'it is a number' },
      },
    ],
    [
      'with lists in their place',
      { meta: [], tags: [5], limit: 'pro', quota: [] },
      {
        meta: { reason: 'it is a list' },
        'tags[0]': { value: 5 },
        quota: { reason: 'it is a list' },
      },
    ],
    [
      'with every problem of every member at once',
      {
        meta: { a: 1, 'b c': 'x', ok: 'y' },
        tags: ['', 'ok'],
        limit: 'gold',
        quota: { requests: 0, period: 'week', cost: 5 },
      },
      {
        'meta.a': { value: 1 },
        'meta.b c': { reason: expect.stringContaining('its name') },
        'tags[0]': { value: '' },
        limit: { value: 'gold', fix: 'Use one of "pro"' },
        'quota.requests': { value: 0 },
        'quota.period': { value: 'week', reason: 'it is not one of the choices' },
        'quota.cost': { reason: 'there is no such field' },
      },
    ],
    [
      'that is too large',
      {
        meta: { a: 'x'.repeat(1017) },
        tags: Array.from({ length: 21 }, (_, n) => `${n}`),
        quota: { requests: 1.5, period: 'day' },
      },
      {
        meta: { value: '1025 bytes' },
        tags: { value: '21 tags' },
        'quota.requests': { value: 1.5 },
      },
    ],
    ['with limitBy alone', { limitBy: 'owner' }, { limitBy: { value: null } }],
    [
      'with a quota of half a kind',
      { quota: { requests: 5 } },
      { 'quota.period': { reason: 'it is missing' } },
    ],
  ];
  it.each(rows)('%s', async (_, members, problems) => {
    const key = await create({});
    const before = await edge.query('SELECT count(*) AS count FROM keys');
    for (const [method, path] of [
      ['POST', '/keys'],
      ['PATCH', `/keys/${key.id}`],
    ] as const) {
      // Together with those of the rest of the document.
      const body = { name: '', access: { addresses: ['x'] }, ...members };
      const answer = await operator(method, path, { body });
      expectProblem(answer, 422, 'invalid_fields');
      const expected = { ...problems, name: { value: '' }, 'access.addresses[0]': { value: 'x' } };
      expect(problemsOf(answer)).toMatchObject(expected);
      expect(Object.keys(problemsOf(answer)).sort()).toEqual(Object.keys(expected).sort());
    }
    expect(await edge.query('SELECT count(*) AS count FROM keys')).toEqual(before);
    const read = (await operator('GET', `/keys/${key.id}`)).body;
    expect([read.name, planOf(read)]).toEqual(['a key', planOf({})]);
  });

  it('in each row of an import', async () => {
    const row = (more: object) => ({ name: 'old', token: crypto.randomUUID(), ...more });
    const keys = [row(plan), row({ meta: { a: 5 } }), row({ limit: 'gold' })];
    const answer = await operator('POST', '/keys/import', { body: { keys } });
    expectProblem(answer, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(answer)).sort()).toEqual(['keys[1].meta.a', 'keys[2].limit']);
  });
});

describe('the list', () => {
  const idsOf = async (query: string) => {
    const { body } = await operator('GET', `/keys?${query}`);
    return body.keys.map(({ id }: Document) => id);
  };

  it.each([
    ['meta.=pro', ['meta.']],
    ['meta.a"b=pro', ['meta.a"b']],
    ['meta.plan=', ['meta.plan']],
    ['meta.plan=a&meta.plan=b', ['meta.plan']],
    ['meta=pro', ['meta']],
    ['tag=', ['tag']],
    ['meta.a%20b=x&sort=size', ['meta.a b', 'sort']],
    ['meta.a=1&meta.b=1&meta.c=1&meta.d=1&meta.e=1&meta.f=1', ['meta.f']],
  ])('refuses the filter %s', async (query, paths) => {
    const answer = await operator('GET', `/keys?${query}`);
    expectProblem(answer, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(answer)).sort()).toEqual([...paths].sort());
  });

  it('filters by metadata and tags, exactly', async () => {
    const meta = { 'list.plan': 'pro', region: 'é "x"' };
    const pro = await create({ meta, tags: ['list-a', 'list-b'] });
    const free = await create({ meta: { 'list.plan': 'free' }, tags: ['x"list-a', 'x,"list-b'] });
    expect(await idsOf('meta.list.plan=pro')).toEqual([pro.id]);
    expect(await idsOf('meta.list.plan=free')).toEqual([free.id]);
    expect(await idsOf('meta.list.plan=Pro')).toEqual([]);
    expect(await idsOf('meta.list=pro')).toEqual([]);
    const both = `meta.list.plan=pro&meta.region=${encodeURIComponent('é "x"')}&tag=list-b`;
    expect(await idsOf(both)).toEqual([pro.id]);
    expect(await idsOf('tag=list-a')).toEqual([pro.id]);
    expect(await idsOf(`tag=${encodeURIComponent('x"list-a')}`)).toEqual([free.id]);
    expect(await idsOf('tag=list')).toEqual([]);
    expect((await operator('GET', '/keys?tag=list-a&total=true')).body.total).toBe(1);
  });
});

describe('a bulk change', () => {
  const changed = (filter: unknown) =>
    operator('POST', '/keys/bulk', { body: { action: 'disable', filter, dryRun: true } });

  it.each([
    [{ meta: 'pro' }, ['filter.meta']],
    [{ meta: {} }, ['filter']],
    [{ meta: { 'a"b': 'pro' } }, ['filter.meta.a"b']],
    [{ meta: { plan: '' } }, ['filter.meta.plan']],
    [{ meta: { plan: [[]] } }, ['filter.meta.plan']],
    [{ 'meta.plan': 5 }, ['filter.meta.plan']],
    [{ meta: { plan: 'pro' }, 'meta.plan': 'pro' }, ['filter.meta.plan']],
    [{ meta: { a: '1', b: '1', c: '1', d: '1', e: '1', f: '1' } }, ['filter.meta.f']],
    [{ meta: { plan: null }, state: 'dead' }, ['filter.meta.plan', 'filter.state']],
  ])('refuses the filter %j', async (filter, paths) => {
    const answer = await changed(filter);
    expectProblem(answer, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(answer)).sort()).toEqual(paths);
  });

  it('filters by metadata and tags as the list does', async () => {
    const pro = await create({ meta: { bulk: 'pro', state: 'revoked' }, tags: ['bulk'] });
    const free = await create({ meta: { bulk: 'free' }, tags: ['bulk'] });
    const idsOf = async (filter: object) =>
      (await changed(filter)).body.changed.map(({ id }: Document) => id);
    expect(await idsOf({ tag: 'bulk' })).toEqual([free.id, pro.id]);
    expect(await idsOf({ meta: { bulk: 'pro' } })).toEqual([pro.id]);
    expect(await idsOf({ 'meta.bulk': 'pro' })).toEqual([pro.id]);
    expect(await idsOf({ meta: { bulk: 'pro' }, 'meta.state': 'revoked' })).toEqual([pro.id]);
    expect(await idsOf({ meta: { bulk: 'pro', state: 'live' } })).toEqual([]);
    const body = { action: 'disable', filter: { meta: { bulk: 'free' } } };
    expect((await operator('POST', '/keys/bulk', { body })).status).toBe(200);
    expect((await operator('GET', `/keys/${free.id}`)).body.enabled).toBe(false);
    expect((await operator('GET', `/keys/${pro.id}`)).body.enabled).toBe(true);
  });
});

describe('the plan of a key', () => {
  it('is returned with it, and absent on keys without one', async () => {
    const key = await create(plan);
    expect(planOf(key)).toEqual(plan);
    expect(planOf((await operator('GET', `/keys/${key.id}`)).body)).toEqual(plan);
    expect(planOf(await create({ meta: {}, tags: [], limit: null, quota: null }))).toEqual(
      planOf({}),
    );
  });

  it('changes member by member, and stays as it is otherwise', async () => {
    const key = await create(plan);
    const changed = async (body: object) => planOf((await patch(key, body)).body);
    expect(await changed({ name: 'renamed' })).toEqual(plan);
    expect(await changed({ meta: { plan: 'free', team: null, seats: '5' } })).toEqual({
      ...plan,
      meta: { plan: 'free', seats: '5' },
    });
    expect((await changed({ tags: ['a', 'b'] })).tags).toEqual(['a', 'b']);
    expect((await changed({ limitBy: 'client' })).limitBy).toBe('client');
    expect(await changed({ limit: 'pro' })).toMatchObject({ limit: 'pro', limitBy: 'client' });
    expect((await changed({ quota: { requests: 5 } })).quota).toEqual({
      requests: 5,
      period: 'day',
    });
    expect(await changed({ meta: null, tags: null, limit: null, quota: null })).toEqual(planOf({}));
    expectProblem(await patch(key, { limitBy: 'key' }), 422, 'invalid_fields');
  });

  it('survives a roll, and is in the audit', async () => {
    const key = await create(plan);
    const rolled = (await operator('POST', `/keys/${key.id}/roll`)).body;
    expect(planOf(rolled)).toEqual(plan);
    await patch(key, { meta: { plan: 'free' } });
    const { entries } = (await operator('GET', `/audit?keyId=${key.id}`)).body;
    expect(entries[0]).toMatchObject({
      action: 'edit',
      before: { meta: { plan: 'pro' } },
      after: { meta: { plan: 'free' }, tags: ['beta'], quota: plan.quota },
    });
  });

  it('holds names that objects have by themselves', async () => {
    const meta = { constructor: 'a', toString: 'b' };
    expect((await create({ meta })).meta).toEqual(meta);
  });
});
