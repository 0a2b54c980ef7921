import { env } from 'cloudflare:workers';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { createKeyStore } from '../../src/keys/stores/d1.ts';
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

const ISSUER = 'https://issuer.example';
const pair = await generateKeyPair('ES256', { extractable: true });
const keySet = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k', alg: 'ES256' }] };

let edge: Deployment;
let operator: Client;

async function open(vars: Record<string, string> = {}): Promise<void> {
  edge = await deploy({
    vars: {
      MANAGE_JWT_ISSUER: ISSUER,
      MANAGE_JWT_AUDIENCE: 'edge',
      MANAGE_JWT_JWKS_URL: `${ISSUER}/jwks.json`,
      ...vars,
    },
  });
  edge.behaviour = { kind: 'reply', body: JSON.stringify(keySet) };
  operator = clientOf(edge);
}

async function person(sub: string): Promise<Client> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const token = await new SignJWT({ iss: ISSUER, aud: 'edge', sub, exp: nowSeconds + 600 })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .sign(pair.privateKey);
  return clientOf(edge, { Authorization: `Bearer ${token}` });
}

const origins = (count: number, prefix = 'a') =>
  Array.from({ length: count }, (_, index) => `https://${prefix}${index}.example`);
const access = (allowedOrigins: readonly string[]) => ({ cors: { allowedOrigins } });
const create = (client: Client, more: object = {}) =>
  client('POST', '/keys', { body: { name: 'a', ...more } });

/** Everything but what counts the changes, which a refused change does not add to either. */
const state = async () => ({
  keys: await snapshot(),
  counted: await edge.query('SELECT owner, sum(changes) AS changes FROM owner_changes GROUP BY 1'),
});

describe('KEYS_PER_OWNER', () => {
  beforeEach(() => open({ KEYS_PER_OWNER: '3' }));

  it('bounds the live keys of an owner, and no other one', async () => {
    const ann = await person('ann');
    const ids: string[] = [];
    for (let index = 0; index < 3; index++) ids.push((await create(ann)).body.id);
    const before = await state();
    const refused = await create(ann);
    expectProblem(refused, 409, 'quota_of_owner');
    expect(refused.body.detail).toContain('3 live keys');
    expect(await state()).toEqual(before);

    expect((await create(await person('bob'))).status).toBe(201);
    expect((await create(operator, { owner: 'ann' })).status).toBe(201);
    await ann('DELETE', `/keys/${ids[0]}`);
    await ann('DELETE', `/keys/${ids[1]}`);
    expect((await create(ann)).status).toBe(201);
    expectProblem(await create(ann), 409, 'quota_of_owner');
  });

  it('counts disabled and suspended keys, not expired ones, whose revival is bounded too', async () => {
    const ann = await person('ann');
    const soon = { expiresAt: new Date(Date.now() + 60 * 60 * 1000).toISOString() };
    const expired = (await create(ann, soon)).body.id;
    const disabled = (await create(ann)).body.id;
    await create(ann);
    await ann('PATCH', `/keys/${disabled}`, { body: { enabled: false } });
    expectProblem(await create(ann), 409, 'quota_of_owner');
    await ann('PATCH', `/keys/${expired}`, { body: { expiresAt: '2020-01-01T00:00:00Z' } });
    expect((await create(ann)).status).toBe(201);
    const revived = await ann('PATCH', `/keys/${expired}`, { body: { expiresAt: null } });
    expectProblem(revived, 409, 'quota_of_owner');
    expect((await ann('PATCH', `/keys/${expired}`, { body: { name: 'b' } })).status).toBe(200);
  });

  it('holds for requests that arrive together', async () => {
    const ann = await person('ann');
    const answers = await Promise.all(Array.from({ length: 8 }, () => create(ann)));
    expect(answers.map(({ status }) => status).sort()).toEqual([
      201, 201, 201, 409, 409, 409, 409, 409,
    ]);
  });
});

describe('OWNER_CHANGES_PER_MINUTE', () => {
  beforeEach(() => open({ OWNER_CHANGES_PER_MINUTE: '6', KEYS_PER_OWNER: '100' }));

  it('bounds the changes of an owner, says when to come back, and writes nothing', async () => {
    const ann = await person('ann');
    const { id } = (await create(ann)).body;
    for (let index = 0; index < 5; index++) {
      const answer = await ann('PATCH', `/keys/${id}`, { body: { name: `n${index}` } });
      expect(answer.status, answer.text).toBe(200);
    }
    const before = await state();
    for (const refused of [
      await create(ann),
      await ann('PATCH', `/keys/${id}`, { body: { name: 'b' } }),
      await ann('POST', `/keys/${id}/roll`),
    ]) {
      expectProblem(refused, 429, 'rate_limited');
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
    }
    expect(await state()).toEqual(before);
    expect((await ann('GET', '/keys')).status).toBe(200);
    expect((await create(await person('bob'))).status).toBe(201);
    expect((await operator('PATCH', `/keys/${id}`, { body: { name: 'c' } })).status).toBe(200);
  });

  it('counts ten lines of the change log as one more', async () => {
    const ann = await person('ann');
    const { id } = (await create(ann, { access: access(origins(38)) })).body;
    const counted = async () =>
      (await edge.query('SELECT changes FROM owner_changes ORDER BY at_ms, changes DESC')).map(
        ({ changes }) => changes,
      );
    // 38 patterns and a token are 39 lines.
    expect(await counted()).toEqual([4]);
    await edge.query('UPDATE owner_changes SET at_ms = at_ms - 59000');
    // Only what is really added or removed is written: 2 patterns and the token.
    const swapped = access([...origins(37), 'https://b.example']);
    expect((await ann('PATCH', `/keys/${id}`, { body: { access: swapped } })).status).toBe(200);
    expect(await counted()).toEqual([4, 1]);
    const all = await ann('PATCH', `/keys/${id}`, { body: { access: access(origins(38, 'c')) } });
    expectProblem(all, 429, 'rate_limited');
    // The oldest four leave the minute in a second.
    expect(all.headers['retry-after']).toBe('1');
  });

  it('never keeps an owner from revoking a key', async () => {
    const ann = await person('ann');
    const { id, token } = (await create(ann)).body;
    for (let index = 0; index < 5; index++) await create(ann);
    expectProblem(await create(ann), 429, 'rate_limited');
    expect((await ann('DELETE', `/keys/${id}`)).status).toBe(204);
    expect(await tryToken(edge, token)).toBe('401 invalid_key');
  });

  it('holds for requests that arrive together', async () => {
    const ann = await person('ann');
    const answers = await Promise.all(Array.from({ length: 10 }, () => create(ann)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(6);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(4);
  });
});

describe('the origins of a key', () => {
  beforeEach(() => open());

  it('are 50 for an owner and 500 for the operator, and what the operator gave stays', async () => {
    const ann = await person('ann');
    const refused = await create(ann, { access: access(origins(51)) });
    expectProblem(refused, 422, 'invalid_fields');
    expect(refused.body.problems).toMatchObject([
      { path: 'access.cors.allowedOrigins', reason: 'a key may list at most 50 origins' },
    ]);
    expect((await create(ann, { access: access(origins(50)) })).status).toBe(201);
    const made = await create(operator, { owner: 'ann', access: access(origins(500)) });
    expect(made.status).toBe(201);
    const path = `/keys/${made.body.id}`;
    expect((await ann('PATCH', path, { body: { name: 'b' } })).body).toMatchObject({
      name: 'b',
      access: made.body.access,
    });
    const edited = await ann('PATCH', path, { body: { access: access(origins(51)) } });
    expectProblem(edited, 422, 'invalid_fields');
    // A client may send back all of what it has read.
    const again = { name: 'c', access: made.body.access };
    expect((await ann('PATCH', path, { body: again })).body).toMatchObject(again);
    expectProblem(await create(operator, { access: access(origins(501)) }), 422, 'invalid_fields');
  });

  it('are as many as OWNER_ORIGINS_PER_KEY says', async () => {
    await open({ OWNER_ORIGINS_PER_KEY: '2' });
    const ann = await person('ann');
    const clientTokens = { allowedOrigins: origins(3) };
    for (const more of [access(origins(3)), { clientTokens }]) {
      const refused = await create(ann, { access: more });
      expectProblem(refused, 422, 'invalid_fields');
      expect(refused.body.problems).toMatchObject([
        { value: '3 origins', reason: 'a key may list at most 2 origins' },
      ]);
    }
    expect((await create(ann, { access: access(origins(2)) })).status).toBe(201);
  });
});

describe('OWNER_RULE_BYTES_PER_KEY', () => {
  beforeEach(() => open({ OWNER_RULE_BYTES_PER_KEY: '200', PEOPLE_MAY_IMPORT: 'true' }));

  const rules = (count: number) => [
    { methods: ['get'], resources: Array.from({ length: count }, (_, at) => `/files/${at + 10}`) },
  ];
  const bytesOf = (value: unknown) => JSON.stringify(value).length;
  const little = rules(6);
  const tooMuch = rules(16);
  const clientTokens = { allowedOrigins: ['https://a.example'] };

  it('bounds the rules that an owner writes, on every way to write them', async () => {
    expect([bytesOf(little) * 2 > 200, bytesOf(little) < 200, bytesOf(tooMuch) > 200]).toEqual([
      true,
      true,
      true,
    ]);
    const ann = await person('ann');
    const { id } = (await create(ann, { access: { rules: little } })).body;
    const before = await state();
    const refusals = [
      ['access.rules', bytesOf(tooMuch), await create(ann, { access: { rules: tooMuch } })],
      [
        'access.clientTokens.rules',
        bytesOf(tooMuch),
        await create(ann, { access: { clientTokens: { ...clientTokens, rules: tooMuch } } }),
      ],
      [
        'access.rules',
        2 * bytesOf(little),
        await create(ann, {
          access: { rules: little, clientTokens: { ...clientTokens, rules: little } },
        }),
      ],
      [
        'access.rules',
        bytesOf(tooMuch),
        await ann('PATCH', `/keys/${id}`, { body: { access: { rules: tooMuch } } }),
      ],
      [
        'access.rules',
        2 * bytesOf(little),
        await ann('PATCH', `/keys/${id}`, {
          body: { access: { clientTokens: { ...clientTokens, rules: little } } },
        }),
      ],
      [
        'keys[0].access.rules',
        bytesOf(tooMuch),
        await ann('POST', '/keys/import', {
          body: {
            keys: [{ name: 'a', token: 'legacy-token-of-22-chars', access: { rules: tooMuch } }],
          },
        }),
      ],
    ] as const;
    for (const [path, bytes, refused] of refusals) {
      expectProblem(refused, 422, 'invalid_fields');
      expect(refused.body.problems).toEqual([
        {
          path,
          value: `${bytes} bytes`,
          reason:
            'the rules that your account writes into a key may have at most 200 bytes as JSON',
          fix: 'Cover several paths with one, such as "/files/*", use several keys, or ask the operator',
        },
      ]);
    }
    expect(await state()).toEqual(before);
  });

  it('does not bind the operator, whose rules an owner may keep', async () => {
    const made = await create(operator, { owner: 'ann', access: { rules: tooMuch } });
    expect(made.status).toBe(201);
    const ann = await person('ann');
    const path = `/keys/${made.body.id}`;
    for (const body of [
      { name: 'b' },
      { name: 'c', access: made.body.access },
      { access: { clientTokens } },
      { access: { rules: little } },
    ]) {
      const edited = await ann('PATCH', path, { body });
      expect(edited.status, edited.text).toBe(200);
    }
    expectProblem(
      await ann('PATCH', path, { body: { access: { rules: tooMuch } } }),
      422,
      'invalid_fields',
    );
  });
});

describe('an edit', () => {
  beforeEach(() => open());

  it('writes lines and rows of the index only for patterns that are added or removed', async () => {
    const [first = '', ...others] = origins(20);
    const { id } = (await create(operator, { access: access([first, ...others]) })).body;
    const lines = async () =>
      (await edge.query('SELECT pattern FROM changes WHERE pattern IS NOT NULL ORDER BY seq')).map(
        ({ pattern }) => pattern,
      );
    const before = await lines();
    const allowedOrigins = [...others, 'https://new.example'];
    await operator('PATCH', `/keys/${id}`, { body: { access: access(allowedOrigins) } });
    expect((await lines()).slice(before.length).sort()).toEqual(
      [first, 'https://new.example'].sort(),
    );
    const index = await edge.query('SELECT pattern FROM origins ORDER BY pattern');
    expect(index.map(({ pattern }) => pattern)).toEqual([...allowedOrigins].sort());
    await operator('PATCH', `/keys/${id}`, { body: { name: 'b' } });
    expect(await lines()).toHaveLength(before.length + 2);
  });
});

describe('import', () => {
  const rows = (row: object) => ({ body: { keys: [{ name: 'a', ...row }] } });
  const long = 'legacy-token-of-22-chars';

  it('is for the operator', async () => {
    await open();
    const before = await snapshot();
    const refused = await (await person('ann'))('POST', '/keys/import', rows({ token: long }));
    expectProblem(refused, 403, 'operator_only');
    expect(await snapshot()).toEqual(before);
    expect((await operator('POST', '/keys/import', rows({ token: 'short-token' }))).status).toBe(
      201,
    );
  });

  it('is open to owners where PEOPLE_MAY_IMPORT says so, with long plain tokens alone', async () => {
    await open({ PEOPLE_MAY_IMPORT: 'true' });
    const ann = await person('ann');
    for (const [row, path] of [
      [{ token: 'x'.repeat(21) }, 'keys[0].token'],
      [{ tokenHash: 'a'.repeat(64) }, 'keys[0].tokenHash'],
      [{ tokenHash: 'a'.repeat(64), token: long }, 'keys[0].tokenHash'],
      [{ token: long, access: access(origins(51)) }, 'keys[0].access.cors.allowedOrigins'],
    ] as const) {
      const refused = await ann('POST', '/keys/import', rows(row));
      expectProblem(refused, 422, 'invalid_fields');
      expect(refused.body.problems[0].path).toBe(path);
    }
    expect((await ann('POST', '/keys/import', rows({ token: long }))).status).toBe(201);
    expect(await tryToken(edge, long)).toBe('200');
  });

  it('counts its keys and lines against the owner', async () => {
    await open({ PEOPLE_MAY_IMPORT: 'true', KEYS_PER_OWNER: '3', OWNER_CHANGES_PER_MINUTE: '5' });
    const ann = await person('ann');
    const keys = (count: number, more: object = {}) => ({
      body: {
        keys: Array.from({ length: count }, (_, index) => ({
          name: 'a',
          token: `${long}-${count}-${index}`,
          ...more,
        })),
      },
    });
    expectProblem(await ann('POST', '/keys/import', keys(4)), 409, 'quota_of_owner');
    const many = await ann('POST', '/keys/import', keys(2, { access: access(origins(50)) }));
    expectProblem(many, 429, 'rate_limited');
    expect((await ann('POST', '/keys/import', keys(2))).status).toBe(201);
  });
});

describe('tokens of another form than ours are looked up', () => {
  const token = 'a-token-from-elsewhere';
  /** As isolates read it with the change log. */
  const isOpen = async () =>
    (await createKeyStore(env.DB).read({ fromSeq: null })).feed.hasImportedTokens;
  const importOne = async () => {
    const answer = await operator('POST', '/keys/import', {
      body: { keys: [{ name: 'a', token }] },
    });
    return answer.body.keys[0].id as string;
  };
  beforeEach(() => open());

  it('until the key of the last imported one is revoked', async () => {
    const id = await importOne();
    expect([await isOpen(), await tryToken(edge, token)]).toEqual([true, '200']);
    await operator('DELETE', `/keys/${id}`);
    expect([await isOpen(), await tryToken(edge, token)]).toEqual([false, '401 invalid_key']);
  });

  it('until a roll ends the last imported one', async () => {
    const id = await importOne();
    await operator('POST', `/keys/${id}/roll`, { body: { graceSeconds: 60 } });
    expect(await isOpen()).toBe(true);
    await operator('POST', `/keys/${id}/roll`);
    expect([await isOpen(), await tryToken(edge, token)]).toEqual([false, '401 invalid_key']);
  });
});

describe('the plan of a key', () => {
  const plan = {
    meta: { plan: 'pro' },
    tags: ['beta'],
    quota: { requests: 1000, period: 'day' },
  } as const;

  it('is written by the operator alone', async () => {
    const members = { ...plan, limit: 'pro', limitBy: 'key' };
    await open();
    const ann = await person('ann');
    const refused = await create(ann, members);
    expectProblem(refused, 422, 'invalid_fields');
    expect(refused.body.problems.map(({ path }: Document) => path)).toEqual([
      'meta',
      'tags',
      'limit',
      'limitBy',
      'quota',
    ]);
    const { body: key } = await operator('POST', '/keys', {
      body: { name: 'a key', owner: 'ann', ...plan },
    });
    for (const [path, value] of Object.entries({ ...members, meta: { plan: 'max' } })) {
      for (const written of [value, null]) {
        const answer = await ann('PATCH', `/keys/${key.id}`, { body: { [path]: written } });
        expectProblem(answer, 422, 'invalid_fields');
        expect(answer.body.problems[0]).toMatchObject({ path, value: null });
      }
    }
    // Its owner sees it, and keeps it by an edit or a roll.
    const edited = await ann('PATCH', `/keys/${key.id}`, { body: { name: 'renamed' } });
    expect(edited.body).toMatchObject({ name: 'renamed', ...plan });
    expect((await ann('POST', `/keys/${key.id}/roll`)).body).toMatchObject(plan);
  });
});

describe('suspended', () => {
  let key: Document;
  let ann: Client;
  beforeEach(async () => {
    await open();
    ann = await person('ann');
    key = (await create(ann, { access: access(['https://a.example']) })).body;
  });
  const suspend = (suspended: boolean) =>
    operator('PATCH', `/keys/${key.id}`, { body: { suspended } });

  it('is set and cleared by the operator alone, and its owner sees it', async () => {
    expect(key.suspended).toBe(false);
    for (const suspended of [true, false]) {
      const refused = await ann('PATCH', `/keys/${key.id}`, { body: { suspended } });
      expectProblem(refused, 422, 'invalid_fields');
      expect(refused.body.problems).toMatchObject([{ path: 'suspended' }]);
    }
    expect(await suspend(true)).toMatchObject({
      status: 200,
      body: { suspended: true, enabled: true },
    });
    expect((await ann('GET', `/keys/${key.id}`)).body.suspended).toBe(true);
    expect((await ann('GET', '/keys')).body.keys).toMatchObject([{ suspended: true }]);
    // Neither does an owner end it by what is theirs to change.
    await ann('PATCH', `/keys/${key.id}`, { body: { enabled: false } });
    await ann('PATCH', `/keys/${key.id}`, { body: { enabled: true } });
    const rolled = await ann('POST', `/keys/${key.id}/roll`);
    expect(rolled.body).toMatchObject({ suspended: true, enabled: true });
    expect(await tryToken(edge, rolled.body.token)).toBe('401 invalid_key');
    await suspend(false);
    expect((await ann('GET', `/keys/${key.id}`)).body.suspended).toBe(false);
  });

  it('refuses the key like a disabled one, at once, and its origin too', async () => {
    const origin = 'https://a.example';
    const path = '/api/asset/abc';
    expect(await tryToken(edge, key.token, { origin, path })).not.toBe('401 invalid_key');
    await suspend(true);
    expect(await tryToken(edge, key.token, { origin, path })).toBe('401 invalid_key');
    expect(await edge.query('SELECT * FROM origins')).toEqual([]);
    const copies = await edge.copies();
    expect(JSON.stringify(copies)).not.toContain('"enabled":true');
    const explained = await ann('POST', '/explain', {
      body: { method: 'GET', path, origin, keyId: key.id },
    });
    expect(explained.body).toMatchObject({ allowed: false, status: 401, code: 'invalid_key' });
    expect(JSON.stringify(explained.body.steps)).toContain('the operator has suspended the key');
    await suspend(false);
    expect(await tryToken(edge, key.token, { origin, path })).not.toBe('401 invalid_key');
    expect(await edge.query('SELECT * FROM origins')).toHaveLength(1);
  });

  it('is in the audit, by the operator', async () => {
    await suspend(true);
    const [line] = (await ann('GET', '/audit')).body.entries;
    expect(line).toMatchObject({
      actor: 'operator',
      action: 'edit',
      before: { suspended: false },
      after: { suspended: true },
    });
  });
});
