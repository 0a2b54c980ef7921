/** The overview of usage at the API: who sees whose, for which period, and what is in it. */

import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, test, vi } from 'vitest';
import { DAY_MS, dayOf } from '../../src/usage/batch.ts';
import { spanOf, summarize } from '../../src/usage/period.ts';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { type Client, clientOf, expectProblem, problemsOf } from './client.ts';

let edge: Deployment;
let operator: Client;
let ann: Client;
let ofAnn: string;
let ofBob: string;

const now = new Date();
const today = dayOf(Date.now());
const hour = now.toISOString().slice(11, 13);

beforeAll(async () => {
  const issuer = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(issuer.publicKey)), kid: 'k', alg: 'ES256' };
  edge = await deploy({
    vars: {
      MANAGE_JWT_ISSUER: 'https://issuer.example',
      MANAGE_JWT_AUDIENCE: 'edge',
      MANAGE_JWT_JWKS_URL: 'https://issuer.example/jwks',
      MANAGE_JWT_OWNER_CLAIM: 'account',
    },
  });
  const upstream = vi.mocked(globalThis.fetch).getMockImplementation();
  vi.mocked(globalThis.fetch).mockImplementation(async (input, init) =>
    String(input).startsWith('https://issuer.example')
      ? Response.json({ keys: [jwk] })
      : upstream!(input, init),
  );
  const token = await new SignJWT({ account: 'ann' })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer('https://issuer.example')
    .setAudience('edge')
    .setSubject('ann')
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(issuer.privateKey);
  operator = clientOf(edge);
  ann = clientOf(edge, { Authorization: `Bearer ${token}`, 'CF-Connecting-IP': '192.0.2.79' });
  ofAnn = (await operator('POST', '/keys', { body: { name: 'a', owner: 'ann' } })).body.id;
  ofBob = (await operator('POST', '/keys', { body: { name: 'b', owner: 'bob' } })).body.id;
  const counts = { [`${hour} allowed`]: 5, [`${hour} denied:origin_not_allowed`]: 2 };
  await addDay(
    'owner:ann',
    0,
    counts,
    { 'GET /v1/items/{id}': 4, POST: 1 },
    { 'https://x.example': 2 },
  );
  await addDay(`key:${ofAnn}`, 0, counts, { 'GET /v1/items/{id}': 4, POST: 1 });
  await addDay('owner:bob', 0, { [`${hour} allowed`]: 70 });
  await addDay(`key:${ofBob}`, 0, { [`${hour} allowed`]: 70 });
  await addDay('all', 0, { [`${hour} allowed`]: 75, [`${hour} denied:invalid_key`]: 9 });
  await addDay('all', 6, { '12 allowed': 100, '13 allowed': 20, '14 allowed': -1 });
  await addDay('all', 7, { '12 allowed': 1000 });
  await addDay('all', 89, { '12 allowed': 1 });
});

afterAll(() => edge.dispose());

async function addDay(
  scope: string,
  daysAgo: number,
  counts: Record<string, number>,
  endpoints: Record<string, number> = {},
  origins: Record<string, number> = {},
): Promise<void> {
  await edge.query(
    'INSERT INTO usage_days VALUES (?, ?, ?, ?, ?)',
    scope,
    dayOf(Date.now() - daysAgo * DAY_MS),
    ...[counts, endpoints, origins].map((list) => JSON.stringify(list)),
  );
}

describe('a person', () => {
  test('is refused the usage of another owner, and of a key of another', async () => {
    const refused = await ann('GET', '/usage?owner=bob');
    expectProblem(refused, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(refused))).toEqual(['owner']);
    const theirs = await ann('GET', `/usage?keyId=${ofBob}`);
    expectProblem(theirs, 404, 'not_found');
    const missing = `key_${'0'.repeat(22)}`;
    const { requestId: _, ...nothing } = (await ann('GET', `/usage?keyId=${missing}`)).body;
    const { requestId: __, ...hidden } = theirs.body;
    expect(JSON.stringify(hidden).replaceAll(ofBob, missing)).toBe(JSON.stringify(nothing));
  });

  test.each(['', '?owner=ann', '?period=24h', '?period=90d&owner=ann'])(
    'sees their own alone with %j',
    async (query) => {
      // Times may hold any digits.
      const { from: _, to: __, ...shown } = (await ann('GET', `/usage${query}`)).body;
      expect(shown.totals).toEqual({ allowed: 5, 'denied:origin_not_allowed': 2 });
      expect(JSON.stringify(shown)).not.toContain('70');
    },
  );
});

describe('GET /usage', () => {
  it.each([
    ['period', 'period=1h'],
    ['period', 'period='],
    ['owner', 'owner=%20'],
    ['keyId', 'keyId=key_1'],
    ['days', 'days=7'],
  ])('refuses a bad %s', async (name, query) => {
    const answer = await operator('GET', `/usage?${query}`);
    expectProblem(answer, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(answer))).toEqual([name]);
  });

  it('refuses a key that is not of the owner', async () => {
    expectProblem(await operator('GET', `/usage?owner=bob&keyId=${ofAnn}`), 404, 'not_found');
  });

  it('answers the endpoints, and the origins that were refused', async () => {
    const { body } = await operator('GET', '/usage?owner=ann&period=24h');
    expect(body).toMatchObject({
      period: '24h',
      unit: 'hour',
      usage: [
        { start: `${today}T${hour}:00:00.000Z`, outcome: 'allowed', requests: 5 },
        { outcome: 'denied:origin_not_allowed', requests: 2 },
      ],
      endpoints: [
        { method: 'GET', template: '/v1/items/{id}', requests: 4 },
        { method: 'POST', template: null, requests: 1 },
      ],
      otherEndpointRequests: 0,
      refusedOrigins: [{ origin: 'https://x.example', requests: 2 }],
      otherRefusedOriginRequests: 0,
    });
    expect((await operator('GET', `/usage?keyId=${ofBob}`)).body.totals).toEqual({ allowed: 70 });
  });

  it.each([
    ['24h', { allowed: 75, 'denied:invalid_key': 9 }],
    ['7d', { allowed: 194, 'denied:invalid_key': 9 }],
    ['30d', { allowed: 1194, 'denied:invalid_key': 9 }],
    ['90d', { allowed: 1195, 'denied:invalid_key': 9 }],
  ])('sums up %s of the deployment', async (period, totals) => {
    expect((await operator('GET', `/usage?period=${period}`)).body.totals).toEqual(totals);
  });
});

describe('summarize()', () => {
  const nowMs = Date.parse('2030-01-31T09:30:00Z');
  const aDay = (day: string, parts: object) => ({
    day,
    counts: {},
    endpoints: {},
    origins: {},
    ...parts,
  });

  it('takes the last 24 hours of the two days that they touch', () => {
    const days = [
      aDay('2030-01-30', { counts: { '09 allowed': 1, '10 allowed': 2, '23 allowed': 4 } }),
      aDay('2030-01-31', { counts: { '00 allowed': 8, '09 allowed': 16, '10 allowed': 32 } }),
    ];
    const { points, totals } = summarize(days, spanOf('24h', nowMs), 5);
    expect(totals).toEqual({ allowed: 2 + 4 + 8 + 16 });
    expect(points.map(({ startMs }) => new Date(startMs).toISOString().slice(0, 13))).toEqual([
      '2030-01-30T10',
      '2030-01-30T23',
      '2030-01-31T00',
      '2030-01-31T09',
    ]);
  });

  it('leaves out what is below one, and adds what it does not name', () => {
    const counts = { '09 allowed': -1, '09 upstream_error:upstream_timeout': 1 };
    const endpoints = { 'GET /a': 1, 'GET /b': 2, 'GET /c': 3, other: 10 };
    const summary = summarize([aDay('2030-01-31', { counts, endpoints })], spanOf('7d', nowMs), 2);
    expect(summary.totals).toEqual({ 'upstream_error:upstream_timeout': 1 });
    expect(summary.endpoints).toEqual({
      names: [
        ['GET /c', 3],
        ['GET /b', 2],
      ],
      others: 11,
    });
  });
});
