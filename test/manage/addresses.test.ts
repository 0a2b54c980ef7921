/** Addresses that keys may be used from, in the management API: refusals first. */

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

async function create(access: object | null): Promise<Document> {
  return (await operator('POST', '/keys', { body: { name: 'a key', access } })).body;
}

describe('addresses are refused', () => {
  const rows: readonly (readonly [string, unknown, object])[] = [
    ['that are no list', '203.0.113.0/24', { 'access.addresses': { reason: 'it is a string' } }],
    ['that are an object', {}, { 'access.addresses': { reason: 'it is an object' } }],
    ['an empty list', [], { 'access.addresses': { reason: 'it must hold 1 to 50 entries' } }],
    [
      'more than 50',
      Array.from({ length: 51 }, (_, n) => `10.0.0.${n}`),
      { 'access.addresses': { value: '51 entries' } },
    ],
    [
      'each that is no block, at once',
      ['203.0.113.0/24', 5, 'office', '10.0.0.0/33', null, 'fe80::1%eth0'],
      {
        'access.addresses[1]': { value: 5 },
        'access.addresses[2]': { value: 'office' },
        'access.addresses[3]': { value: '10.0.0.0/33' },
        'access.addresses[4]': { reason: 'it is null' },
        'access.addresses[5]': { value: 'fe80::1%eth0' },
      },
    ],
  ];
  it.each(rows)('%s', async (_, addresses, problems) => {
    const key = await create({ addresses: ['192.0.2.1'] });
    const before = await edge.query('SELECT count(*) AS count FROM keys');
    for (const [method, path] of [
      ['POST', '/keys'],
      ['PATCH', `/keys/${key.id}`],
    ] as const) {
      const answer = await operator(method, path, { body: { name: '', access: { addresses } } });
      expectProblem(answer, 422, 'invalid_fields');
      // Together with the problems of the other fields.
      const expected = { ...problems, name: { value: '' } };
      expect(problemsOf(answer)).toMatchObject(expected);
      expect(Object.keys(problemsOf(answer)).sort()).toEqual(Object.keys(expected).sort());
    }
    expect(await edge.query('SELECT count(*) AS count FROM keys')).toEqual(before);
    expect((await operator('GET', `/keys/${key.id}`)).body.access).toEqual({
      addresses: ['192.0.2.1/32'],
    });
  });
});

describe('addresses of a key', () => {
  it('are returned in canonical form, and kept by edits of the rest', async () => {
    const key = await create({ addresses: ['203.0.113.7/24', '2001:DB8::/32', '::ffff:10.1.2.3'] });
    const canonical = ['203.0.113.0/24', '2001:db8::/32', '10.1.2.3/32'];
    expect(key.access).toEqual({ addresses: canonical });
    const rules = [{ methods: ['get'], resources: ['/own/:id'] }];
    const patch = (body: object) => operator('PATCH', `/keys/${key.id}`, { body });
    expect((await patch({ name: 'renamed' })).body.access).toEqual({ addresses: canonical });
    expect((await patch({ access: { rules } })).body.access).toEqual({
      rules,
      addresses: canonical,
    });
    expect((await patch({ access: { addresses: ['::1'] } })).body.access).toEqual({
      rules,
      addresses: ['::1/128'],
    });
    expect((await patch({ access: { addresses: null } })).body.access).toEqual({ rules });
    expect((await operator('GET', `/keys/${key.id}`)).body.access).toEqual({ rules });
  });

  it('are in the audit, before and after', async () => {
    const key = await create(null);
    await operator('PATCH', `/keys/${key.id}`, { body: { access: { addresses: ['::1'] } } });
    const { entries } = (await operator('GET', `/audit?keyId=${key.id}`)).body;
    expect(entries[0]).toMatchObject({
      action: 'edit',
      before: { access: null },
      after: { access: { addresses: ['::1/128'] } },
    });
  });

  it('hold within seconds of an edit, in both directions', async () => {
    const key = await create(null);
    const statusFrom = async (address: string) => {
      const headers = [
        ['Authorization', `Bearer ${key.token}`],
        ['CF-Connecting-IP', address],
      ] as const;
      return (await edge.call({ target: '/api/x', headers })).status;
    };
    const allow = async (addresses: readonly string[] | null) =>
      (await operator('PATCH', `/keys/${key.id}`, { body: { access: { addresses } } })).status;
    expect(await statusFrom('198.51.100.1')).toBe(200);
    expect(await allow(['203.0.113.0/24'])).toBe(200);
    expect(await statusFrom('198.51.100.1')).toBe(403);
    expect(await statusFrom('203.0.113.7')).toBe(200);
    expect(await allow(null)).toBe(200);
    expect(await statusFrom('198.51.100.1')).toBe(200);
  });

  it('come along with an import, and are checked in each row', async () => {
    const token = () => crypto.randomUUID();
    const row = (addresses: unknown) => ({ name: 'old', token: token(), access: { addresses } });
    const refused = await operator('POST', '/keys/import', {
      body: { keys: [row(['10.0.0.1/8']), row(['office'])] },
    });
    expectProblem(refused, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(refused))).toEqual(['keys[1].access.addresses[0]']);
    const imported = await operator('POST', '/keys/import', {
      body: { keys: [row(['10.0.0.1/8'])] },
    });
    expect(imported.status).toBe(201);
    const { id } = imported.body.keys[0];
    expect((await operator('GET', `/keys/${id}`)).body.access).toEqual({
      addresses: ['10.0.0.0/8'],
    });
  });
});

describe('the explanation', () => {
  const explain = async (key: Document, more: object, headers = {}) =>
    await operator('POST', '/explain', {
      body: { method: 'GET', path: '/api/x', keyId: key.id, ...more },
      headers,
    });
  const stepOf = (answer: Document) =>
    answer.body.steps.find(({ step }: Document) => step === 'address');

  it('refuses what is no address', async () => {
    const key = await create(null);
    for (const address of ['', 'office', '203.0.113.0/24', '203.0.113.7, 10.0.0.1', 5]) {
      const answer = await explain(key, { address });
      expectProblem(answer, 422, 'invalid_fields');
      expect(Object.keys(problemsOf(answer))).toEqual(['address']);
    }
  });

  it('shows the address as the edge sees it, and the result', async () => {
    const key = await create({ addresses: ['203.0.113.0/24'] });
    const refused = await explain(key, { address: '::ffff:198.51.100.1' });
    expect(refused.body).toMatchObject({
      allowed: false,
      decidedBy: 'address',
      status: 403,
      code: 'address_not_allowed',
      address: '198.51.100.1',
    });
    expect(stepOf(refused)).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('198.51.100.1'),
    });
    const allowed = await explain(key, { address: '::ffff:203.0.113.7' });
    expect(allowed.body).toMatchObject({ allowed: true, address: '203.0.113.7' });
    expect(stepOf(allowed)).toEqual({
      step: 'address',
      outcome: 'passed',
      detail: 'the key lists the address 203.0.113.7',
    });
  });

  it('takes the address that it is asked from, unless another one is given', async () => {
    const key = await create({ addresses: ['203.0.113.0/24'] });
    const from = { 'CF-Connecting-IP': '2001:DB8::1' };
    expect((await explain(key, {}, from)).body).toMatchObject({
      code: 'address_not_allowed',
      address: '2001:db8::1',
    });
    expect((await explain(key, { address: '203.0.113.7' }, from)).body.allowed).toBe(true);
    expect((await explain(key, {})).body).toMatchObject({ allowed: false, address: null });
    const anywhere = await explain(await create(null), {}, from);
    expect(stepOf(anywhere)).toEqual({
      step: 'address',
      outcome: 'skipped',
      detail: 'the key may be used from any address; the edge sees 2001:db8::1',
    });
  });
});
