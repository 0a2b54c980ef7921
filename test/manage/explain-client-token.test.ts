/** Explanations of client tokens: the gateway's answer, and the cause that it keeps from callers. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mintClientToken } from '../../src/client-tokens/client-tokens.ts';
import type { Deployment, HeaderLine } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { type Client, clientOf, type Document } from './client.ts';

const ORIGIN = 'https://app.example';
const clientTokens = {
  allowedOrigins: [ORIGIN],
  rules: [{ methods: ['get', 'post'], resources: ['/api/asset/:id'] }],
  maxTtlSeconds: 600,
};

let edge: Deployment;
let operator: Client;
let key: Document;

beforeAll(async () => {
  edge = await deploy();
  operator = clientOf(edge);
  key = await aKeyWith({ clientTokens });
});

afterAll(() => edge.dispose());

async function aKeyWith(access: object): Promise<Document> {
  return (await operator('POST', '/keys', { body: { name: 'parent', access } })).body;
}

async function patched(change: object): Promise<Document> {
  const parent = await aKeyWith({ clientTokens });
  await operator('PATCH', `/keys/${parent.id}`, { body: change });
  return parent;
}

const minted = (parent: Document, options = {}) => mintClientToken(parent.token, options);
const stepOf = ({ steps }: Document, name: string) =>
  steps.find(({ step }: Document) => step === name);

async function compare(token: string, call: Document = {}) {
  const { method = 'GET', path = '/api/asset/a1', origin = ORIGIN } = call;
  const headers: HeaderLine[] = [['Authorization', `Bearer ${token}`]];
  if (origin !== null) headers.push(['Origin', origin]);
  const answer = await edge.call({ method, target: path, headers });
  const { body } = await operator('POST', '/explain', { body: { method, path, origin, token } });
  expect(body.code).toBe(answer.headers['x-edge-reason'] ?? null);
  expect(body.status).toBe(body.allowed ? null : answer.status);
  expect(JSON.stringify(body)).not.toContain(token.slice(6, 80));
  return body;
}

describe('POST /explain with a client token', () => {
  it.each([
    ['wider rules', { rules: [{ methods: ['get'], resources: ['/*'] }] }, 'rules beyond the key'],
    ['another origin', { origins: ['https://evil.example'] }, 'origins beyond the key'],
    [
      'a longer lifetime',
      { ttlSeconds: 3600 },
      'lifetime too long: 3600 seconds, and its key allows at most 600',
    ],
    ['a time ahead', { issuedAt: new Date(Date.now() + 60_000) }, 'iat is ahead'],
  ])('says that it was widened: %s', async (_, options, cause) => {
    const body = await compare(await minted(key, options));
    expect(body).toMatchObject({ keyId: key.id, code: 'invalid_key', decidedBy: 'key' });
    expect(stepOf(body, 'key').detail).toBe(`the client token is not valid: ${cause}`);
    // What a caller of the gateway reads says nothing of it.
    expect(body.detail).not.toContain(cause);
  });

  it('says that its claims are not those that were signed', async () => {
    const [head, , signature] = (await minted(key)).split('.');
    const [, payload] = (await minted(key, { sub: 'stranger' })).split('.');
    const body = await compare(`${head}.${payload}.${signature}`);
    expect(stepOf(body, 'key').detail).toBe('the client token is not valid: wrong signature');
  });

  it('says that it is malformed, or that no key here minted it', async () => {
    const token = await minted(key);
    const malformed = await compare(`${token}A`);
    expect(malformed.keyId).toBeNull();
    expect(stepOf(malformed, 'key').detail).toBe('the client token is not valid: malformed');
    const invented = await compare(token.replace('ea_ct_', 'eb_ct_'));
    expect(stepOf(invented, 'key').detail).toMatch(/no key of this deployment minted it/);
  });

  it('says when it ended, with the code that asks the page for another', async () => {
    const issuedAt = new Date(Date.now() - 400_000);
    const body = await compare(await minted(key, { issuedAt }));
    expect(body).toMatchObject({ keyId: key.id, code: 'client_token_expired', decidedBy: 'key' });
    expect(stepOf(body, 'key').detail).toMatch(/it ended at 20\d\d-/);
  });

  it('says that its key signed everyone out', async () => {
    const parent = await patched({ clientTokensValidFrom: new Date().toISOString() });
    const body = await compare(await minted(parent));
    expect(body.code).toBe('client_token_expired');
    expect(stepOf(body, 'key').detail).toMatch(/issued before clientTokensValidFrom/);
  });

  it.each([
    ['was disabled', { enabled: false }, /disabled/],
    ['was suspended', { suspended: true }, /suspended/],
    ['has expired', { expiresAt: '2020-01-01T00:00:00Z' }, /expired/],
    ['gives none any more', { access: { clientTokens: null } }, /gives no client tokens/],
  ])('says that its key %s', async (_, change, why) => {
    const body = await compare(await minted(await patched(change)));
    expect(body).toMatchObject({ code: 'invalid_key', decidedBy: 'key' });
    expect(stepOf(body, 'key').detail).toMatch(why);
  });

  it('says that its key was revoked, or rolled', async () => {
    const revoked = await aKeyWith({ clientTokens });
    await operator('DELETE', `/keys/${revoked.id}`);
    expect(stepOf(await compare(await minted(revoked)), 'key').detail).toMatch(/was revoked/);
    const rolled = await aKeyWith({ clientTokens });
    await operator('POST', `/keys/${rolled.id}/roll`);
    expect(stepOf(await compare(await minted(rolled)), 'key').detail).toMatch(/was rolled/);
  });

  it.each([
    ['without an Origin', { origin: null }, 'origin_required', 'allowed_origins'],
    ['elsewhere', { origin: 'https://b.example' }, 'origin_not_allowed', 'allowed_origins'],
    ['beyond its rules', { path: '/api/stream/a1' }, 'route_not_allowed', 'route'],
  ])('names the rule that refuses it: %s', async (_, call, code, decidedBy) => {
    const body = await compare(await minted(key), call);
    expect(body).toMatchObject({ keyId: key.id, code, decidedBy });
    expect(stepOf(body, 'key').detail).toMatch(/^the client token is valid/);
  });

  it('says that it works, and by which route', async () => {
    const body = await compare(await minted(key), { method: 'POST' });
    expect(body).toMatchObject({ keyId: key.id, allowed: true, decidedBy: null });
    expect(stepOf(body, 'route').detail).toMatch(/^allowed by \/api\/asset\//);
  });
});
