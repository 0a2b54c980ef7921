/** Named operators: what each scope may do, by the table of endpoints, and what the audit calls them. */

import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { hashToken } from '../../src/core/key/token.ts';
import {
  admittedCallers,
  isForOwners,
  type OperatorScope,
  operatorScopes,
  scopesFor,
} from '../../src/core/operators/operator-scopes.ts';
import { makeOperatorToken } from '../../src/core/operators/operator-tokens.ts';
import { operations } from '../../src/manage/api.ts';
import type { Operation } from '../../src/manage/operation.ts';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { type Client, clientOf, type Document, expectProblem } from './client.ts';

const newToken = () => makeOperatorToken((bytes) => crypto.getRandomValues(bytes));
const tokens: Readonly<Record<OperatorScope, string>> = {
  read: newToken(),
  keys: newToken(),
  everything: newToken(),
};
/** The token that takes the place of that of `keys`. */
const nextToken = newToken();

const people = {
  MANAGE_JWT_ISSUER: 'https://issuer.example',
  MANAGE_JWT_AUDIENCE: 'edge',
  MANAGE_JWT_JWKS_URL: 'https://issuer.example/jwks',
  MANAGE_JWT_OWNER_CLAIM: 'account',
  MANAGE_JWT_OPERATOR_CLAIM: 'custom.edge',
};

let edge: Deployment;
let issuer: CryptoKeyPair;
let adminTokens: string;
const bearer = (token: string) =>
  clientOf(edge, { Authorization: `Bearer ${token}`, 'CF-Connecting-IP': '192.0.2.78' });

async function personWith(claims: object): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(people.MANAGE_JWT_ISSUER)
    .setAudience(people.MANAGE_JWT_AUDIENCE)
    .setSubject('alice')
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(issuer.privateKey);
}

beforeAll(async () => {
  issuer = (await generateKeyPair('ES256')) as CryptoKeyPair;
  const jwk = { ...(await exportJWK(issuer.publicKey)), kid: 'k', alg: 'ES256' };
  const entries = Object.entries(tokens).map(async ([scope, token]) => ({
    name: scope,
    sha256: await hashToken(token),
    scopes: [scope],
  }));
  const next = { name: 'keys', sha256: await hashToken(nextToken), scopes: ['keys'] };
  adminTokens = JSON.stringify([...(await Promise.all(entries)), next]);
  edge = await deploy({ vars: { ADMIN_TOKENS: adminTokens, ...people } });
  const upstream = vi.mocked(globalThis.fetch).getMockImplementation();
  vi.mocked(globalThis.fetch).mockImplementation(async (input, init) =>
    String(input).startsWith('https://issuer.example')
      ? Response.json({ keys: [jwk] })
      : upstream!(input, init),
  );
});
afterAll(() => edge.dispose());

const managed = operations.filter(({ door }) => door === undefined);

/** Sends a request that is good enough to be judged, and tells what became of it. */
async function tryOperation(client: Client, { method, path, body }: Operation) {
  const options = body === undefined ? {} : { body: {} };
  const answer = await client(method, path.replace('{id}', 'key_0000000000000000000000'), options);
  return answer;
}

describe('the table of endpoints', () => {
  test('has a row for each endpoint of management, for the metrics, and no other', () => {
    expect([...managed.map(({ name }) => name), 'readMetrics'].toSorted()).toEqual(
      Object.keys(admittedCallers).toSorted(),
    );
  });

  test('denies what it does not list to all but operators with everything', () => {
    expect(scopesFor('anEndpointOfTomorrow')).toEqual(['everything']);
    expect(scopesFor('constructor')).toEqual(['everything']);
    expect(isForOwners('toString')).toBe(false);
  });

  test('lets the scope "read" change nothing', () => {
    const changing = managed.filter(
      ({ method, name }) => method !== 'GET' && name !== 'explainRequest',
    );
    expect(changing.length).toBeGreaterThan(4);
    for (const { name } of changing)
      expect([name, scopesFor(name)]).toEqual([name, expect.not.arrayContaining(['read'])]);
  });

  test.each(
    managed.flatMap((operation) =>
      operatorScopes.map((scope) => [operation.name, scope, operation] as const),
    ),
  )('is what the API does: %s with the scope %s', async (name, scope, operation) => {
    const answer = await tryOperation(bearer(tokens[scope]), operation);
    const enough = scopesFor(name);
    if (enough.includes(scope)) {
      expect([200, 404, 422]).toContain(answer.status);
      return;
    }
    expectProblem(answer, 403, 'insufficient_scope');
    expect(answer.headers['www-authenticate']).toBe(
      `Bearer error="insufficient_scope", scope="${enough.join(' ')}"`,
    );
    expect(edge.logs.join('\n')).toContain(`"cause":"operator:${scope}: ${name}"`);
  });

  test('is what the OpenAPI document says', async () => {
    const { body: api } = await clientOf(edge, {})('GET', '/openapi.json');
    for (const { name, method, path } of managed) {
      const { security } = api.paths[path][method.toLowerCase()];
      const ofOperators = security.flatMap((one: Document) => one.operatorToken ?? []);
      expect([name, ofOperators]).toEqual([name, scopesFor(name)]);
      const ofPeople = security.flatMap((one: Document) =>
        one.personToken ? [one.personToken] : [],
      );
      expect(ofPeople).toEqual(isForOwners(name) ? [[]] : scopesFor(name).map((scope) => [scope]));
    }
  });

  test.each(managed.map((operation) => [operation.name, operation] as const))(
    'says which refusals of people and their pages there are: %s',
    async (_name, operation) => {
      const { path, method } = operation;
      const { body: api } = await clientOf(edge, {})('GET', '/openapi.json');
      const { examples } =
        api.paths[path][method.toLowerCase()].responses[403].content['application/json'];
      const token = await personWith({ account: 'acct_1' });
      const person = await tryOperation(bearer(token), operation);
      const page = clientOf(edge, { 'Cf-Access-Jwt-Assertion': token, 'Sec-Fetch-Mode': 'cors' });
      const refusals = [person, await tryOperation(page, operation)].filter(
        ({ status }) => status === 403,
      );
      expect(refusals.map(({ body }) => body.code)).toContain('cross_site_request');
      for (const { body } of refusals) expect(Object.keys(examples)).toContain(body.code);
    },
  );
});

describe('a named operator', () => {
  test('is refused with a token that no entry has, as any other', async () => {
    for (const token of [newToken(), tokens.read.slice(0, -1), await hashToken(tokens.read)]) {
      expectProblem(await bearer(token)('GET', '/keys'), 401, 'invalid_credentials');
    }
    expect(edge.logs.join('\n')).not.toContain(tokens.read.slice(0, 20));
  });

  test('is named by the audit, with both tokens of a rotation', async () => {
    const first = await bearer(tokens.keys)('POST', '/keys', { body: { name: 'a' } });
    const second = await bearer(nextToken)('PATCH', `/keys/${first.body.id}`, {
      body: { name: 'b' },
    });
    expect([first.status, second.status]).toEqual([201, 200]);
    await clientOf(edge)('DELETE', `/keys/${first.body.id}`);
    const audit = await bearer(tokens.read)('GET', `/audit?keyId=${first.body.id}`);
    expect(audit.body.entries.map(({ actor }: Document) => actor)).toEqual([
      'operator',
      'operator:keys',
      'operator:keys',
    ]);
  });

  test('suffices for management to be on, without ADMIN_TOKEN', async () => {
    const { env } = await import('cloudflare:workers');
    const { createExecutionContext } = await import('cloudflare:test');
    const { default: worker } = await import('../../src/index.ts');
    const vars = { ADMIN_TOKEN: '', ADMIN_TOKENS: adminTokens };
    const ask = (path: string) =>
      worker.fetch(
        new Request(`https://edge.test/_edge/v1${path}`, {
          headers: { Authorization: `Bearer ${tokens.read}` },
        }) as never,
        { ...env, ...vars },
        createExecutionContext(),
      );
    expect((await ask('/keys')).status).toBe(200);
  });

  test('cannot become an API key', async () => {
    const keys = [
      { name: 'n', token: tokens.read },
      { name: 'm', tokenHash: await hashToken(tokens.keys) },
    ];
    const answer = await bearer(tokens.everything)('POST', '/keys/import', { body: { keys } });
    expectProblem(answer, 422, 'invalid_fields');
    expect(answer.body.problems.map(({ reason }: Document) => reason)).toEqual([
      'it is an admin token',
      'it is an admin token',
    ]);
  });
});

describe('a person of the provider', () => {
  test.each([
    ['a claim that is not there', {}, null],
    ['a claim at another place', { edge: ['everything'] }, null],
    ['a value that is no scope', { custom: { edge: ['admin', 'Everything', 7] } }, null],
    ['an object', { custom: { edge: { everything: true } } }, null],
    ['a list in a text', { custom: { edge: '["everything"]' } }, null],
    ['a list', { custom: { edge: ['staff', 'read'] } }, 'read'],
    ['a text', { custom: { edge: 'staff everything' } }, 'everything'],
    ['a claim whose name has the dot', { 'custom.edge': ['read'] }, 'read'],
  ] as const)('is an operator by %s: %j', async (_, claims, scope) => {
    const client = bearer(await personWith({ ...claims, account: 'acct_1' }));
    // Only operators may name an owner.
    const others = await client('GET', '/keys?owner=acct_2');
    if (scope === null) expectProblem(others, 422, 'invalid_fields');
    else expect(others.status).toBe(200);
    const created = await client('POST', '/keys', { body: { name: 'a', owner: 'acct_2' } });
    if (scope === null) expectProblem(created, 422, 'invalid_fields');
    else if (scope === 'read') expectProblem(created, 403, 'insufficient_scope');
    else expect(created.status).toBe(201);
  });

  test('is named by the audit apart from people who manage their own keys', async () => {
    const client = bearer(await personWith({ custom: { edge: 'everything' } }));
    const { body } = await client('POST', '/keys', { body: { name: 'a', owner: 'acct_2' } });
    const audit = await client('GET', `/audit?keyId=${body.id}`);
    expect(audit.body.entries[0].actor).toBe('operator:person:alice');
  });
});
