import { exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPeople, type People } from '../../src/manage/people.ts';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import {
  type Client,
  clientOf,
  type Document,
  expectProblem,
  problemsOf,
  snapshot,
  tryToken,
} from './client.ts';

const ISSUER = 'https://issuer.example';
const AUDIENCE = 'edge';
const JWKS_URL = 'https://issuer.example/jwks.json';
const vars = {
  MANAGE_JWT_ISSUER: ISSUER,
  MANAGE_JWT_AUDIENCE: AUDIENCE,
  MANAGE_JWT_JWKS_URL: JWKS_URL,
};

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
type Algorithm = 'RS256' | 'PS512' | 'ES256' | 'ES384' | 'EdDSA';
const algorithms: readonly Algorithm[] = ['RS256', 'PS512', 'ES256', 'ES384', 'EdDSA'];

let pairs: Record<Algorithm, Pair>;
let stranger: Pair;
let keySet: { keys: Document[] };

beforeAll(async () => {
  const made = await Promise.all(
    algorithms.map((algorithm) => generateKeyPair(algorithm, { extractable: true })),
  );
  pairs = Object.fromEntries(algorithms.map((name, index) => [name, made[index]])) as typeof pairs;
  stranger = await generateKeyPair('ES256');
  keySet = {
    keys: await Promise.all(
      algorithms.map(async (alg) => ({
        ...(await exportJWK(pairs[alg].publicKey)),
        kid: alg,
        alg,
      })),
    ),
  };
});

interface TokenOptions {
  readonly claims?: object;
  readonly header?: Partial<JWTHeaderParameters>;
  readonly key?: Parameters<SignJWT['sign']>[0];
  /** Seconds from now; `null`: no exp. */
  readonly expiresIn?: number | null;
}

function sign({ claims = {}, header = {}, key, expiresIn = 60 }: TokenOptions = {}) {
  const alg = (header.alg ?? 'ES256') as Algorithm;
  const nowSeconds = Math.floor(Date.now() / 1000);
  const all = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'ann',
    ...(expiresIn === null ? {} : { exp: nowSeconds + expiresIn }),
    ...claims,
  };
  return new SignJWT(JSON.parse(JSON.stringify(all)))
    .setProtectedHeader({ alg, kid: alg, ...header })
    .sign(key ?? pairs[alg].privateKey);
}

describe('a token of a person', () => {
  let people: People;
  let fetches: string[];
  let answerKeySet: () => Response;

  beforeEach(() => {
    fetches = [];
    answerKeySet = () => Response.json(keySet);
    people = createPeople(
      {
        issuer: ISSUER,
        audience: AUDIENCE,
        jwksUrl: JWKS_URL,
        ownerClaim: 'sub',
        operatorClaim: null,
      },
      {
        now: () => Date.now(),
        fetch: async (input) => {
          fetches.push(String(input));
          return answerKeySet();
        },
      },
    );
  });

  const hostile: readonly (readonly [name: string, token: () => string | Promise<string>])[] = [
    ['that is no JWT', () => 'abc'],
    ['that is an API key', () => 'ea_sk_k4AchFiuGJl3rBUyKIgj85ydNxsE6JtOk5Fv8y1mSxEb'],
    ['of another issuer', () => sign({ claims: { iss: 'https://other.example' } })],
    ['without an issuer', () => sign({ claims: { iss: undefined } })],
    ['of an issuer that begins alike', () => sign({ claims: { iss: `${ISSUER}/` } })],
    ['for another audience', () => sign({ claims: { aud: 'other' } })],
    ['for other audiences', () => sign({ claims: { aud: ['other', 'edge2'] } })],
    ['without an audience', () => sign({ claims: { aud: undefined } })],
    ['without an expiry', () => sign({ expiresIn: null })],
    ['that has expired', () => sign({ expiresIn: -1 })],
    ['whose expiry is text', () => sign({ expiresIn: null, claims: { exp: '9999999999' } })],
    ['that is not yet valid', () => sign({ claims: { nbf: Math.floor(Date.now() / 1000) + 60 } })],
    ['signed by a stranger', () => sign({ key: stranger.privateKey })],
    [
      'signed by a stranger under a name of our own',
      () => sign({ key: stranger.privateKey, header: { kid: 'ES256' } }),
    ],
    ['of a key that the issuer does not have', () => sign({ header: { kid: 'unknown' } })],
    ['of another key than it names', () => sign({ header: { kid: 'RS256', alg: 'ES256' } })],
    [
      'signed with nothing',
      () =>
        new UnsecuredJWT({ sub: 'ann' })
          .setIssuer(ISSUER)
          .setAudience(AUDIENCE)
          .setExpirationTime('1m')
          .encode(),
    ],
    [
      'signed with a public key as the secret',
      async () =>
        sign({
          header: { alg: 'HS256', kid: 'RS256' },
          key: new TextEncoder().encode(JSON.stringify(await exportJWK(pairs.RS256.publicKey))),
        }),
    ],
    [
      'that brings its own key',
      async () => {
        const pair = await generateKeyPair('ES256', { extractable: true });
        return sign({ key: pair.privateKey, header: { jwk: await exportJWK(pair.publicKey) } });
      },
    ],
    [
      'that says where its key is',
      () => sign({ key: stranger.privateKey, header: { jku: 'https://evil.example/jwks' } }),
    ],
    [
      'with an unknown critical header',
      () =>
        new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: 'ann', exp: 9999999999 })
          .setProtectedHeader({ alg: 'ES256', kid: 'ES256', crit: ['x'], x: 1 })
          .sign(pairs.ES256.privateKey, { crit: { x: true } }),
    ],
    [
      'whose claims were changed',
      async () => {
        const [header, , signature] = (await sign()).split('.');
        const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'bob', exp: 9999999999 };
        return `${header}.${btoa(JSON.stringify(claims)).replaceAll('=', '')}.${signature}`;
      },
    ],
    ['that is longer than any', () => sign({ claims: { pad: 'x'.repeat(9000) } })],
  ];
  it.each(hostile)('is refused %s', async (_, token) => {
    expect(await people.identify(await token())).toMatchObject({ outcome: 'invalid' });
    expect(fetches.every((url) => url === JWKS_URL)).toBe(true);
  });

  it.each(algorithms)('is accepted when it is signed with %s', async (alg) => {
    const token = await sign({ header: { alg } });
    expect(await people.identify(token)).toEqual({
      outcome: 'known',
      owner: 'ann',
      subject: 'ann',
    });
  });

  it.each([[undefined], [null], [''], [5], [['ann']], ['a b'], ['änn'], ['x'.repeat(129)]])(
    'names no account when its claim is %j',
    async (sub) => {
      expect(await people.identify(await sign({ claims: { sub } }))).toEqual({
        outcome: 'no_account',
      });
    },
  );

  it('names its account in the claim that is configured, by its exact name', async () => {
    const named = (ownerClaim: string) =>
      createPeople(
        { issuer: ISSUER, audience: AUDIENCE, jwksUrl: JWKS_URL, ownerClaim, operatorClaim: null },
        { now: () => Date.now(), fetch: async () => Response.json(keySet) },
      );
    const token = await sign({ claims: { 'https://x.example/account': 'acct_1', a: { b: 'c' } } });
    expect(await named('https://x.example/account').identify(token)).toEqual({
      outcome: 'known',
      owner: 'acct_1',
      subject: 'ann',
    });
    for (const claim of ['a.b', 'a', 'toString', '__proto__', 'missing']) {
      expect(await named(claim).identify(token)).toEqual({ outcome: 'no_account' });
    }
  });

  it('is known by its account where it has no subject', async () => {
    const service = createPeople(
      {
        issuer: ISSUER,
        audience: AUDIENCE,
        jwksUrl: JWKS_URL,
        ownerClaim: 'client',
        operatorClaim: null,
      },
      { now: () => Date.now(), fetch: async () => Response.json(keySet) },
    );
    const token = await sign({ claims: { sub: undefined, client: 'ci' } });
    expect(await service.identify(token)).toMatchObject({ owner: 'ci', subject: 'ci' });
  });

  it('costs no fetch while the keys are known, and unknown keys cost few', async () => {
    for (let count = 0; count < 5; count++) await people.identify(await sign());
    expect(fetches).toHaveLength(1);
    for (let count = 0; count < 5; count++) {
      await people.identify(await sign({ header: { kid: `unknown${count}` } }));
    }
    expect(fetches).toHaveLength(1);
  });

  it('is neither accepted nor refused while the keys cannot be fetched', async () => {
    for (const answer of [
      () => new Response('no', { status: 500 }),
      () => new Response('not json'),
      () => Response.json({ keys: 5 }),
      () => {
        throw new TypeError('Network connection lost.');
      },
    ]) {
      answerKeySet = answer;
      expect(await people.identify(await sign())).toMatchObject({ outcome: 'unavailable' });
    }
    answerKeySet = () => Response.json(keySet);
    expect(await people.identify(await sign())).toMatchObject({ outcome: 'known' });
  });
});

describe('who may manage', () => {
  let edge: Deployment;
  afterAll(() => edge.dispose());

  async function open(more: Readonly<Record<string, string>> = {}) {
    edge = await deploy({ vars: { ...vars, ...more } });
    edge.behaviour = { kind: 'reply', body: JSON.stringify(keySet) };
    return edge;
  }

  it('no caller if neither an admin token nor people are configured: everything is 404', async () => {
    edge = await deploy({ vars: { ADMIN_TOKEN: '' } });
    for (const path of ['/keys', '/audit', '/openapi.json', '/explain']) {
      const answer = await clientOf(edge, { Authorization: `Bearer ${edge.adminToken}` })(
        'GET',
        path,
      );
      expectProblem(answer, 404, 'not_found');
    }
  });

  it('is a person alone when there is no admin token', async () => {
    await open({ ADMIN_TOKEN: '' });
    const ann = clientOf(edge, { Authorization: `Bearer ${await sign()}` });
    expect((await ann('GET', '/keys')).status).toBe(200);
    const operator = clientOf(edge, { Authorization: `Bearer ${edge.adminToken}` });
    expectProblem(await operator('GET', '/keys'), 401, 'invalid_credentials');
    const empty = await edge.call({
      target: '/_edge/v1/keys',
      headers: [['Authorization', 'Bearer']],
    });
    expect(empty.status).toBe(401);
  });

  it('no caller with an API key, whatever it may call', async () => {
    await open();
    const key = (await clientOf(edge)('POST', '/keys', { body: { name: 'a' } })).body;
    const answer = await clientOf(edge, { Authorization: `Bearer ${key.token}` })('GET', '/keys');
    expectProblem(answer, 401, 'invalid_credentials');
    expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
    expect(answer.text).not.toContain(key.token);
    expect(edge.logs.join('\n')).not.toContain(key.token);
  });

  const headers: readonly (readonly [string, Record<string, string>, string, string])[] = [
    ['no header', {}, 'missing_credentials', 'Bearer'],
    [
      'another scheme',
      { Authorization: 'Basic YTpi' },
      'malformed_credentials',
      'Bearer error="invalid_request"',
    ],
    [
      'two tokens',
      { Authorization: 'Bearer a, Bearer b' },
      'malformed_credentials',
      'Bearer error="invalid_request"',
    ],
    [
      'a wrong token',
      { Authorization: 'Bearer abc' },
      'invalid_credentials',
      'Bearer error="invalid_token"',
    ],
    [
      'a wrong assertion',
      { 'Cf-Access-Jwt-Assertion': 'a.b.c' },
      'invalid_credentials',
      'Bearer error="invalid_token"',
    ],
  ];
  it.each(headers)('no caller with %s', async (_, credentials, code, challenge) => {
    await open();
    for (const [method, path] of [
      ['GET', '/keys'],
      ['POST', '/keys/import'],
      ['GET', '/nothing'],
    ] as const) {
      const answer = await clientOf(edge, credentials)(method, path);
      expectProblem(answer, 401, code);
      expect(answer.headers['www-authenticate']).toBe(challenge);
    }
  });

  it('is whom Authorization says, and not whom Cloudflare Access adds', async () => {
    await open();
    const assertion = { 'Cf-Access-Jwt-Assertion': await sign() };
    expect((await clientOf(edge, assertion)('GET', '/keys')).status).toBe(200);
    const wrong = clientOf(edge, { ...assertion, Authorization: 'Bearer abc' });
    expectProblem(await wrong('GET', '/keys'), 401, 'invalid_credentials');
    const both = clientOf(edge, { ...assertion, Authorization: `Bearer ${edge.adminToken}` });
    const key = (await both('POST', '/keys', { body: { name: 'a', owner: 'bob' } })).body;
    expect(key.owner).toBe('bob');
  });

  it('no caller with an assertion if people are not configured', async () => {
    edge = await deploy();
    const answer = await clientOf(edge, { 'Cf-Access-Jwt-Assertion': await sign() })(
      'GET',
      '/keys',
    );
    expectProblem(answer, 401, 'missing_credentials');
  });

  const foreign = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' };
  const sites: readonly (readonly [string, Record<string, string>, number])[] = [
    ['a page of another site', foreign, 403],
    ['a page of a sister site', { 'Sec-Fetch-Site': 'same-site' }, 403],
    ['a page of an old browser', { Origin: 'https://evil.example' }, 403],
    ['a sandboxed page of an old browser', { Origin: 'null' }, 403],
    ['its own page', { 'Sec-Fetch-Site': 'same-origin', Origin: 'https://edge.test' }, 200],
    ['its own page in an old browser', { Origin: 'https://edge.test' }, 200],
    [
      'a script of the same origin',
      { 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors', Origin: 'https://edge.test' },
      403,
    ],
    ['the address bar', { 'Sec-Fetch-Site': 'none' }, 200],
    ['a tool', {}, 200],
  ];
  it.each(sites)(
    'who is signed in through Access changes a key by %s, which says %j: %i',
    async (_, headers, status) => {
      await open();
      const assertion = { 'Cf-Access-Jwt-Assertion': await sign() };
      const ann = clientOf(edge, assertion);
      const { id } = (await ann('POST', '/keys', { body: { name: 'a' } })).body;
      // Without a body or a header of its own, a browser sends this without asking first.
      const answer = await ann('POST', `/keys/${id}/roll`, { headers });
      expect(answer.status, answer.text).toBe(status);
      if (status === 403) expectProblem(answer, 403, 'cross_site_request');
      expect((await ann('GET', `/keys/${id}`, { headers: foreign })).status).toBe(200);
      const bearer = clientOf(edge, { Authorization: `Bearer ${edge.adminToken}` });
      expect((await bearer('POST', `/keys/${id}/roll`, { headers })).status).toBe(200);
    },
  );

  it('no caller without an account', async () => {
    await open({ MANAGE_JWT_OWNER_CLAIM: 'email' });
    const answer = await clientOf(edge, { Authorization: `Bearer ${await sign()}` })(
      'GET',
      '/keys',
    );
    expectProblem(answer, 403, 'account_unknown');
    expect(answer.body.detail).toContain('"email"');
  });

  it('the operator alone while the keys of the issuer cannot be fetched: 503 for people', async () => {
    await open();
    edge.behaviour = { kind: 'unreachable' };
    const answer = await clientOf(edge, { Authorization: `Bearer ${await sign()}` })(
      'GET',
      '/keys',
    );
    expectProblem(answer, 503, 'unavailable');
    expect(answer.headers['retry-after']).toBe('5');
    expect((await clientOf(edge)('GET', '/keys')).status).toBe(200);
  });
});

describe('a person', () => {
  let edge: Deployment;
  let operator: Client;
  let ann: Client;
  let own: Document;
  let foreign: Document;

  beforeAll(async () => {
    edge = await deploy({ vars: { ...vars, PEOPLE_MAY_IMPORT: 'true' } });
    edge.behaviour = { kind: 'reply', body: JSON.stringify(keySet) };
    operator = clientOf(edge);
    ann = clientOf(edge, { Authorization: `Bearer ${await sign({ claims: { sub: 'ann' } })}` });
    own = (await ann('POST', '/keys', { body: { name: 'own' } })).body;
    foreign = (await operator('POST', '/keys', { body: { name: 'foreign', owner: 'bob' } })).body;
    await operator('POST', '/keys', { body: { name: 'of no owner' } });
  });

  afterAll(() => edge.dispose());

  const requests = [
    ['GET', '', undefined],
    ['PATCH', '', { name: 'stolen' }],
    ['PATCH', '', { access: { cors: { allowedOrigins: ['*'] } } }],
    ['PATCH', '', 'not an object'],
    ['DELETE', '', undefined],
    ['POST', '/roll', {}],
    ['POST', '/roll', { graceSeconds: -1 }],
    ['GET', '/usage', undefined],
    ['GET', '/refused-origins', undefined],
  ] as const;
  it.each(requests)(
    "gets the same 404 for %s /keys/{id}%s of another's key as for one that there is not",
    async (method, path, body) => {
      const before = await snapshot();
      const missing = 'key_0000000000000000000000';
      const options = { ...(body === undefined ? {} : { body }), headers: { 'If-Match': '"9"' } };
      const [theirs, nobodys] = await Promise.all(
        [foreign.id, missing].map((id) => ann(method, `/keys/${id}${path}`, options)),
      );
      expectProblem(theirs!, 404, 'not_found');
      const blank = ({ text, body: { requestId } }: { text: string; body: Document }, id: string) =>
        text.replaceAll(id, 'ID').replaceAll(requestId, 'REQUEST');
      expect(blank(theirs!, foreign.id)).toBe(blank(nobodys!, missing));
      expect(await snapshot()).toEqual(before);
      expect(await tryToken(edge, foreign.token)).toBe('200');
    },
  );

  it('lists their own keys alone, and refuses another owner', async () => {
    const ids = async (query: string) =>
      (await ann('GET', `/keys${query}`)).body.keys.map(({ id }: Document) => id);
    expect(await ids('')).toEqual([own.id]);
    expect(await ids('?owner=ann')).toEqual([own.id]);
    for (const list of ['/keys', '/audit', '/usage']) {
      const refused = await ann('GET', `${list}?owner=bob`);
      expectProblem(refused, 422, 'invalid_fields');
      expect(Object.keys(problemsOf(refused))).toEqual(['owner']);
    }
    expect(await ids('?search=foreign')).toEqual([]);
    expect((await operator('GET', '/keys')).body.keys.length).toBeGreaterThan(2);
  });

  it('is refused another owner, who is not overruled in silence', async () => {
    const created = await ann('POST', '/keys', { body: { name: 'x', owner: 'bob' } });
    expectProblem(created, 422, 'invalid_fields');
    expect(created.body.problems).toMatchObject([{ path: 'owner' }]);
    const rows = [{ name: 'y', owner: 'bob', token: 'legacy-token-of-22-chars' }];
    const imported = await ann('POST', '/keys/import', { body: { keys: rows } });
    expectProblem(imported, 422, 'invalid_fields');
    expect(imported.body.problems).toMatchObject([{ path: 'keys[0].owner' }]);
  });

  it.each([{}, { owner: 'ann' }, { owner: null }])(
    'owns what they create and import as %j',
    async (owner) => {
      const created = await ann('POST', '/keys', { body: { name: 'x', ...owner } });
      expect(created).toMatchObject({ status: 201, body: { owner: 'ann' } });
      const token = `legacy-token-of-22-chars-${crypto.randomUUID()}`;
      const rows = [{ name: 'y', ...owner, token }];
      const imported = await ann('POST', '/keys/import', { body: { keys: rows } });
      expect(imported).toMatchObject({ status: 201, body: { keys: [{ owner: 'ann' }] } });
      for (const id of [created.body.id, imported.body.keys[0].id]) {
        expect((await ann('DELETE', `/keys/${id}`)).status).toBe(204);
      }
    },
  );

  it('learns that a token belonged to a revoked key only if the key was theirs', async () => {
    const reasonFor = async (owner: string, client: Client) => {
      const rows = [{ name: 'x', owner, token: `legacy-token-long-enough-of-${owner}` }];
      const imported = await client('POST', '/keys/import', { body: { keys: rows } });
      await client('DELETE', `/keys/${imported.body.keys[0].id}`);
      const again = [{ name: 'x', token: rows[0]?.token }];
      const answer = await ann('POST', '/keys/import', { body: { keys: again } });
      expectProblem(answer, 409, 'duplicate_tokens');
      return answer.body.problems[0].reason;
    };
    expect(await reasonFor('ann', ann)).toBe('it belonged to a key that was revoked');
    expect(await reasonFor('bob', operator)).toBe('a key has this token already');
  });

  it('reads, edits, rolls and revokes their own', async () => {
    const { id } = (await ann('POST', '/keys', { body: { name: 'x' } })).body;
    expect((await ann('GET', `/keys/${id}`)).status).toBe(200);
    expect((await ann('PATCH', `/keys/${id}`, { body: { name: 'y' } })).status).toBe(200);
    expect((await ann('POST', `/keys/${id}/roll`)).status).toBe(200);
    expect((await ann('GET', `/keys/${id}/usage`)).status).toBe(200);
    expect((await ann('GET', `/keys/${id}/refused-origins`)).status).toBe(200);
    expect((await ann('DELETE', `/keys/${id}`)).status).toBe(204);
  });

  it('cannot give a key away', async () => {
    const answer = await ann('PATCH', `/keys/${own.id}`, { body: { owner: 'bob' } });
    expectProblem(answer, 422, 'invalid_fields');
  });

  it('reads the audit of their own keys alone, under their own name', async () => {
    const all = (await ann('GET', '/audit')).body.entries;
    expect(all.length).toBeGreaterThan(0);
    expect(all.every(({ actor }: Document) => actor === 'person:ann')).toBe(true);
    expect((await ann('GET', `/audit?keyId=${foreign.id}`)).body.entries).toEqual([]);
    expect((await operator('GET', `/audit?keyId=${foreign.id}`)).body.entries).toHaveLength(1);
  });

  it("learns nothing of another's key by asking why it does not work", async () => {
    const request = { method: 'GET', path: '/x' };
    const byId = await ann('POST', '/explain', { body: { ...request, keyId: foreign.id } });
    expectProblem(byId, 404, 'not_found');
    const byToken = async (token: string) =>
      (await ann('POST', '/explain', { body: { ...request, token } })).body;
    const never = 'a-token-that-never-was';
    expect(await byToken(foreign.token)).toEqual(await byToken(never));
    expect(await byToken(foreign.token)).toMatchObject({ keyId: null, allowed: false });
    expect(await byToken(own.token)).toMatchObject({ keyId: own.id, allowed: true });
  });

  it('gets no answer that was kept for another person', async () => {
    const bob = clientOf(edge, {
      Authorization: `Bearer ${await sign({ claims: { sub: 'bob' } })}`,
    });
    const request = { body: { name: 'z' }, headers: { 'Idempotency-Key': crypto.randomUUID() } };
    const answers = await Promise.all(
      [ann, bob, operator].map((client) => client('POST', '/keys', request)),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(3);
    expect(answers.map(({ body }) => body.owner)).toEqual(['ann', 'bob', null]);
  });
});

describe('a kept token without an admin token', () => {
  it('is repeated for a long Idempotency-Key and not for a short one', async () => {
    const edge = await deploy({ vars: { ...vars, ADMIN_TOKEN: '' } });
    edge.behaviour = { kind: 'reply', body: JSON.stringify(keySet) };
    const ann = clientOf(edge, { Authorization: `Bearer ${await sign()}` });
    const create = (idempotencyKey: string) =>
      ann('POST', '/keys', { body: { name: 'a' }, headers: { 'Idempotency-Key': idempotencyKey } });
    const long = 'x'.repeat(22);
    expect((await create(long)).body).toEqual((await create(long)).body);
    const first = await create('short');
    const again = await create('short');
    expectProblem(again, 409, 'token_not_replayable');
    expect(again.body.keyId).toBe(first.body.id);
    expect(await edge.query('SELECT * FROM keys')).toHaveLength(2);
    vi.restoreAllMocks();
  });
});
