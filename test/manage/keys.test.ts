import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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

const ORIGIN = 'https://app.example';
const cors = { cors: { allowedOrigins: [ORIGIN] } };

let edge: Deployment;
let operator: Client;

// One deployment serves the tests that look at their own key alone; the others begin with `fresh()`.
beforeAll(fresh);

afterAll(() => edge.dispose());

async function fresh(): Promise<void> {
  edge = await deploy();
  operator = clientOf(edge);
}

async function create(document: object = {}): Promise<Document> {
  const answer = await operator('POST', '/keys', { body: { name: 'a key', ...document } });
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
}

describe('POST /keys', () => {
  describe('refuses a document, with every problem at once, and writes nothing', () => {
    const rows: readonly (readonly [name: string, document: unknown, problems: object])[] = [
      [
        'that is a list',
        [],
        { '': { value: null, reason: 'it is a list', fix: 'Send an object with at least a name' } },
      ],
      ['that is null', null, { '': { value: null, reason: 'it is null' } }],
      ['that is a number', 5, { '': { value: 5, reason: 'it is a number' } }],
      [
        'without a name',
        {},
        {
          name: {
            value: null,
            reason: 'it is missing',
            fix: 'Add a string, such as "Production web player"',
          },
        },
      ],
      [
        'whose name is a number',
        { name: 5 },
        {
          name: {
            value: 5,
            reason: 'it is a number',
            fix: 'Send a string, such as "Production web player"',
          },
        },
      ],
      ['whose name is null', { name: null }, { name: { value: null, reason: 'it is null' } }],
      ['whose name is blank', { name: ' \t' }, { name: { reason: 'it is empty' } }],
      [
        'whose name is too long',
        { name: 'x'.repeat(201) },
        { name: { value: `${'x'.repeat(200)}…`, reason: 'it is longer than 200 characters' } },
      ],
      [
        'whose name holds a line break',
        { name: 'a\nb' },
        { name: { reason: 'it holds a control character, or half of one' } },
      ],
      [
        'whose name shows nothing',
        { name: '\u200b' },
        { name: { reason: 'it has no visible character: U+200B shows nothing' } },
      ],
      [
        'whose name turns around the text beside it',
        { name: 'a\u202eb' },
        { name: { reason: 'it holds U+202E, which directs the text around it' } },
      ],
      [
        'whose owner cannot travel in a header',
        { name: 'a', owner: 'a b' },
        {
          owner: { value: 'a b', reason: 'it holds something else than visible ASCII characters' },
        },
      ],
      [
        'whose owner is empty',
        { name: 'a', owner: '' },
        { owner: { reason: 'it is empty', fix: expect.stringContaining('visible ASCII') } },
      ],
      [
        'with fields that there are not',
        { name: 'a', nmae: 'b', enabled: true, access: { cors: null, origins: [] } },
        {
          nmae: {
            value: null,
            reason: 'there is no such field',
            fix: 'Remove it, or use one of name, owner, access, expiresAt, meta, tags, limit, limitBy, quota',
          },
          enabled: { reason: 'there is no such field' },
          'access.origins': { reason: 'there is no such field' },
        },
      ],
      [
        'with a field that every object inherits',
        JSON.parse('{"name": "a", "__proto__": {}, "toString": 1}'),
        {
          ['__proto__']: { reason: 'there is no such field' },
          toString: { reason: 'there is no such field' },
        },
      ],
      [
        'that expires on a day that there is not',
        { name: 'a', expiresAt: '2030-02-30T00:00:00Z' },
        { expiresAt: { value: '2030-02-30T00:00:00Z' } },
      ],
      ...['tomorrow', '2030-01-01', '2030-01-01T00:00:00', '2030-01-01T25:00:00Z', ''].map(
        (expiresAt) =>
          [
            `that expires at ${JSON.stringify(expiresAt)}`,
            { name: 'a', expiresAt },
            {
              expiresAt: {
                value: expiresAt,
                reason: 'it is not an RFC 3339 time with seconds and a zone',
              },
            },
          ] as const,
      ),
      ...['9999-12-31T23:59:59-14:00'].map(
        (expiresAt) =>
          [
            `that expires at ${expiresAt}, in a year of five digits`,
            { name: 'a', expiresAt },
            {
              expiresAt: { value: expiresAt, reason: 'in UTC it is not in the years 0000 to 9999' },
            },
          ] as const,
      ),
      [
        'that expires at a number',
        { name: 'a', expiresAt: 1 },
        { expiresAt: { value: 1, reason: 'it is a number' } },
      ],
      [
        'for pages of no origin',
        { name: 'a', access: { cors: { allowedOrigins: [] } } },
        {
          'access.cors.allowedOrigins': { reason: expect.stringContaining('at least one origin') },
        },
      ],
      [
        'for pages, without a list of origins',
        { name: 'a', access: { cors: {} } },
        {
          'access.cors.allowedOrigins': {
            reason: 'it is missing',
            fix: 'Add a list of origins, such as ["https://app.example.com"]',
          },
        },
      ],
      [
        'with a list where there should be an object',
        { name: 'a', access: { cors: [] } },
        { 'access.cors': { value: null, reason: 'it is a list' } },
      ],
      [
        'with problems everywhere',
        {
          name: '',
          owner: 7,
          access: {
            cors: { allowedOrigins: ['https://a.example/x', 3, '*.example'], fullAccess: 1 },
            rules: [{ methods: ['fetch'], resources: 'all' }, 7],
          },
          expiresAt: false,
        },
        {
          name: { value: '', reason: 'it is empty' },
          owner: { value: 7, reason: 'it is a number' },
          'access.cors.allowedOrigins[0]': { value: 'https://a.example/x' },
          'access.cors.allowedOrigins[1]': { value: 3, reason: 'it is a number' },
          'access.cors.allowedOrigins[2]': { value: '*.example' },
          'access.cors.fullAccess': { value: 1, fix: 'Send true or false' },
          'access.rules[0].methods[0]': { value: 'fetch' },
          'access.rules[0].resources': { value: 'all', reason: 'it is a string' },
          'access.rules[1]': { value: 7, reason: 'it is a number' },
          expiresAt: { value: false, reason: 'it is true or false' },
        },
      ],
    ];
    it.each(rows)('%s', async (_, document, problems) => {
      const before = await snapshot();
      const answer = await operator('POST', '/keys', { text: JSON.stringify(document) });
      expectProblem(answer, 422, 'invalid_fields');
      expect(problemsOf(answer)).toMatchObject(problems);
      expect(Object.keys(problemsOf(answer)).sort()).toEqual(Object.keys(problems).sort());
      expect(answer.body.errors).toHaveLength(Object.keys(problems).length);
      expect(await snapshot()).toEqual(before);
    });
  });

  describe('refuses a body that it cannot read', () => {
    const rows = [
      ['without a media type', '{}', { 'Content-Type': '' }, 415, 'unsupported_media_type'],
      ['of a form', '{}', { 'Content-Type': 'text/plain' }, 415, 'unsupported_media_type'],
      ['that is empty', '', {}, 400, 'malformed_json'],
      ['that is not JSON', '{"name": a-secret}', {}, 400, 'malformed_json'],
      ['that ends too early', '{"name": "a"', {}, 400, 'malformed_json'],
      ['with something behind it', '{"name": "a"} x', {}, 400, 'malformed_json'],
      [
        'that is too large',
        JSON.stringify({ name: 'x'.repeat(64 * 1024) }),
        {},
        413,
        'body_too_large',
      ],
    ] as const;
    it.each(rows)('%s', async (_, text, headers, status, code) => {
      const before = await snapshot();
      const answer = await operator('POST', '/keys', {
        text,
        headers: { 'Content-Type': 'application/json', ...headers },
      });
      expectProblem(answer, status, code);
      expect(answer.text).not.toContain('a-secret');
      expect(await snapshot()).toEqual(before);
    });

    it('that is not UTF-8', async () => {
      const answer = await edge.call({
        method: 'POST',
        target: '/_edge/v1/keys',
        headers: [
          ['Authorization', `Bearer ${edge.adminToken}`],
          ['Content-Type', 'application/json'],
        ],
        body: '{"name": "\xff"}',
      });
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body)).toMatchObject({
        code: 'malformed_json',
        detail: 'Cannot read the body: it is not UTF-8',
      });
    });
  });

  it('never quotes a token that was put into the wrong field', async () => {
    const { token } = await create();
    const answer = await operator('POST', '/keys', {
      body: {
        name: 'a',
        owner: `${token} `,
        [token]: 1,
        access: { cors: { allowedOrigins: [token] } },
      },
    });
    expectProblem(answer, 422, 'invalid_fields');
    expect(answer.text).not.toContain(token);
    expect(edge.logs.join('\n')).not.toContain(token);
  });

  it('answers the key in its canonical form with its token, which works at once', async () => {
    const answer = await operator('POST', '/keys', {
      body: {
        name: 'Production web player',
        owner: 'acct_1',
        access: { cors: { allowedOrigins: ['HTTPS://App.Example:443/', ORIGIN] } },
        expiresAt: '2099-01-31T13:00:00+01:00',
      },
    });
    expect(answer.status).toBe(201);
    const { token, ...key } = answer.body;
    expect(key).toEqual({
      id: expect.stringMatching(/^key_[0-9A-Za-z]{22}$/),
      name: 'Production web player',
      owner: 'acct_1',
      access: { cors: { allowedOrigins: [ORIGIN], fullAccess: false } },
      hint: token.slice(0, 10),
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      expiresAt: '2099-01-31T12:00:00.000Z',
      enabled: true,
      suspended: false,
      updatedAt: key.createdAt,
      revokedAt: null,
      lastUsedAt: null,
      retiringTokens: [],
    });
    expect(token).toMatch(/^ea_pk_/);
    expect(answer.headers).toMatchObject({
      location: `/_edge/v1/keys/${key.id}`,
      etag: '"1-0-0"',
      'cache-control': 'no-store',
    });
    expect(await tryToken(edge, token, { origin: ORIGIN })).toBe('200');
    expect((await operator('GET', `/keys/${key.id}`)).body).toEqual(key);
  });

  it.each([undefined, null, {}, { cors: null }, { cors: null, rules: null }])(
    'makes a backend key for the access %j',
    async (access) => {
      const key = await create({ access });
      expect(key).toMatchObject({ access: null, owner: null, expiresAt: null });
      expect(key.token).toMatch(/^ea_sk_/);
      expect(await tryToken(edge, key.token, { path: '/anything' })).toBe('200');
    },
  );

  it.each([
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
    ['9999-12-31T23:59:59+14:00', '9999-12-31T09:59:59.000Z'],
  ])('makes a key that expires at %s', async (expiresAt, expected) => {
    expect(await create({ expiresAt })).toMatchObject({ expiresAt: expected });
  });

  it('counts characters, however many code units they take', async () => {
    const { name } = await create({ name: '\u{1f511}'.repeat(200) });
    expect([...name]).toHaveLength(200);
    const answer = await operator('POST', '/keys', { body: { name: '\u{1f511}'.repeat(201) } });
    expectProblem(answer, 422, 'invalid_fields');
    expect(problemsOf(answer)).toMatchObject({
      name: { value: `${'\u{1f511}'.repeat(200)}…`, reason: 'it is longer than 200 characters' },
    });
  });

  it('stores neither the token nor anything that it can be made from', async () => {
    await fresh();
    const { token } = await create({ access: cors });
    const stored = JSON.stringify([await snapshot(), await edge.copies()]);
    expect(stored).not.toContain(token);
    expect(stored).not.toContain(token.slice(10));
  });

  it('leaves nothing behind when the last statement of its batch fails', async () => {
    await fresh();
    await edge.query('DROP TABLE audit');
    const answer = await operator('POST', '/keys', { body: { name: 'a', access: cors } });
    expect(answer.status).toBe(500);
    expect(answer.body).toMatchObject({ code: 'internal_error' });
    for (const table of ['keys', 'tokens', 'origins', 'changes', 'replica_writes']) {
      expect(await edge.query(`SELECT * FROM ${table}`)).toEqual([]);
    }
    await fresh();
  });
});

describe('warnings of a key', () => {
  it('are shown for allowed origins that strangers can match, and for no others', async () => {
    const allowedOrigins = ['https://app.example', 'https://my-app-*.vercel.app'];
    const created = await operator('POST', '/keys', {
      body: { name: 'previews', access: { cors: { allowedOrigins } } },
    });
    expect(created.status, created.text).toBe(201);
    expect(created.body.warnings).toEqual([
      {
        origin: 'https://my-app-*.vercel.app',
        warning: expect.stringContaining('strangers can register such names'),
      },
    ]);
    const edited = await operator('PATCH', `/keys/${created.body.id}`, {
      body: { access: { cors: { allowedOrigins: ['https://app.example'] } } },
    });
    expect(edited.status, edited.text).toBe(200);
    expect(edited.body).not.toHaveProperty('warnings');
  });
});

describe('GET /keys', () => {
  beforeEach(fresh);

  it.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1e1', 'limit'],
    ['cursor=x', 'cursor'],
    ['cursor=5.key_x', 'cursor'],
    [`search=${'x'.repeat(201)}`, 'search'],
    [`search=${encodeURIComponent('\u{1f511}'.repeat(201))}`, 'search'],
    ['onwer=acct_1', 'onwer'],
    ['limit=5&limit=6', 'limit'],
  ])('refuses the query %s', async (query, path) => {
    const answer = await operator('GET', `/keys?${query}`);
    expectProblem(answer, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(answer))).toEqual([path]);
  });

  it('lists newest first, page by page, every key once and no revoked one', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 7; index++) ids.unshift((await create({ name: `k${index}` })).id);
    // Ties are broken by the id, so that the cursor is exact.
    await edge.query('UPDATE keys SET created_at_ms = 5 WHERE id IN (?, ?, ?)', ...ids.slice(2, 5));
    await operator('DELETE', `/keys/${ids[1]}`);

    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await operator('GET', `/keys?limit=2${cursor && `&cursor=${cursor}`}`);
      expect(body.keys.length).toBeLessThanOrEqual(2);
      seen.push(...body.keys.map((key: Document) => key.id));
      cursor = body.nextCursor ?? '';
    } while (cursor !== '');
    const tied = ids.slice(2, 5).sort().reverse();
    expect(seen).toEqual([ids[0], ids[5], ids[6], ...tied]);
  });

  it('says that there are no more when the last page is full', async () => {
    await create();
    await create();
    expect((await operator('GET', '/keys?limit=2')).body).toMatchObject({ nextCursor: null });
    expect((await operator('GET', '/keys?limit=1')).body.nextCursor).not.toBeNull();
  });

  it('filters by owner and by text in the name, taken literally', async () => {
    await create({ name: '100% web', owner: 'acct_1' });
    await create({ name: '1000 WEB_x', owner: 'acct_1' });
    await create({ name: 'web\\x', owner: 'acct_2' });
    const names = async (query: string) =>
      (await operator('GET', `/keys?${query}`)).body.keys.map((key: Document) => key.name);
    expect(await names('owner=acct_1')).toEqual(['1000 WEB_x', '100% web']);
    expect(await names('owner=acct')).toEqual([]);
    expect(await names('search=web')).toEqual(['web\\x', '1000 WEB_x', '100% web']);
    expect(await names('search=0%25')).toEqual(['100% web']);
    expect(await names('search=b_x')).toEqual(['1000 WEB_x']);
    expect(await names('search=%5C')).toEqual(['web\\x']);
    expect(await names('search=web&owner=acct_2')).toEqual(['web\\x']);
    expect(await names(`search=${'y'.repeat(200)}`)).toEqual([]);
    expect(await names(`search=${encodeURIComponent('\u{1f511}'.repeat(200))}`)).toEqual([]);
    expect(await names('')).toHaveLength(3);
  });

  it('reads as many rows for a page however many keys there are', async () => {
    await edge.query(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
       INSERT INTO keys (id, name, owner, kind, hint, created_at_ms, revoked_at_ms)
       SELECT printf('key_%022d', i), 'n', 'acct_' || (i % 2), 'backend', 'h', i,
              iif(i > 100, 1, NULL)
         FROM n`,
    );
    for (const condition of ['', "AND owner = 'acct_1'"]) {
      const plan = await edge.query(
        `EXPLAIN QUERY PLAN SELECT id FROM keys WHERE revoked_at_ms IS NULL ${condition}
          AND (created_at_ms, id) < (50, '') ORDER BY created_at_ms DESC, id DESC LIMIT 5`,
      );
      expect(JSON.stringify(plan)).toMatch(/SEARCH keys USING INDEX keys_by_(age|owner)/);
      expect(JSON.stringify(plan)).not.toContain('TEMP B-TREE');
    }
  });
});

describe('a key that is not there', () => {
  const ids = ['key_0000000000000000000000', 'key_', 'x', "key_' OR 1=1 --"];
  const requests = [
    ['PATCH', '', { name: 'b' }],
    ['DELETE', '', undefined],
    ['POST', '/roll', {}],
  ] as const;
  const reads = [
    ['GET', '', undefined],
    ['GET', '/usage', undefined],
    ['GET', '/refused-origins', undefined],
  ] as const;
  const rows = [...requests, ...reads].flatMap(([method, path, body]) =>
    ids.map((id) => [`${method} /keys/${id}${path}`, method, path, body, id] as const),
  );
  it.each(rows)('is 404 for %s', async (_, method, path, body, id) => {
    const answer = await operator(method, `/keys/${encodeURIComponent(id)}${path}`, { body });
    expect(answer.status).toBe(404);
    expect(answer.headers['x-edge-reason']).toBe('not_found');
  });

  it.each(reads)('is readable by %s /keys/{id}%s when it was revoked', async (method, path) => {
    const { id } = await create();
    expect((await operator('DELETE', `/keys/${id}`)).status).toBe(204);
    expect((await operator(method, `/keys/${id}${path}`)).status).toBe(200);
  });

  it.each(requests)(
    'is 404 for %s /keys/{id}%s when it was revoked',
    async (method, path, body) => {
      const { id } = await create();
      expect((await operator('DELETE', `/keys/${id}`)).status).toBe(204);
      expectProblem(await operator(method, `/keys/${id}${path}`, { body }), 404, 'not_found');
    },
  );
});

describe('PATCH /keys/{id}', () => {
  describe('refuses an edit, with every problem at once, and writes nothing', () => {
    const backend = {};
    const page = { access: cors };
    const rows: readonly (readonly [name: string, of: object, edit: unknown, problems: object])[] =
      [
        ['that is a list', backend, [], { '': { reason: 'it is a list' } }],
        ['that takes the name away', backend, { name: null }, { name: { reason: 'it is null' } }],
        [
          'whose enabled is null',
          backend,
          { enabled: null },
          { enabled: { reason: 'it is null' } },
        ],
        [
          'of what is fixed',
          backend,
          {
            id: 'x',
            owner: 'y',
            hint: 'z',
            createdAt: null,
            lastUsedAt: null,
            retiringTokens: [],
            token: 's',
            kind: 'cors',
          },
          Object.fromEntries(
            [
              'id',
              'owner',
              'hint',
              'createdAt',
              'lastUsedAt',
              'retiringTokens',
              'token',
              'kind',
            ].map((name) => [name, { value: null, reason: 'it cannot be changed' }]),
          ),
        ],
        [
          'that makes a backend key one of pages',
          backend,
          { access: cors },
          { 'access.cors': { reason: expect.stringContaining('made for backends') } },
        ],
        [
          'that makes a key of pages a backend key',
          page,
          { access: null },
          { access: { reason: expect.stringContaining('made for pages, and its token never') } },
        ],
        [
          'that makes a key of pages a backend key with rules',
          page,
          { access: { cors: null, rules: [{ methods: ['get'], resources: ['/x'] }] } },
          { access: { reason: expect.stringContaining('made for pages') } },
        ],
        [
          'with several problems',
          page,
          {
            name: '',
            access: { cors: { allowedOrigins: ['x', ORIGIN, 'y'] } },
            expiresAt: 'z',
            a: 1,
          },
          {
            name: { reason: 'it is empty' },
            'access.cors.allowedOrigins[0]': { value: 'x' },
            'access.cors.allowedOrigins[2]': { value: 'y' },
            expiresAt: { value: 'z' },
            a: { reason: 'there is no such field' },
          },
        ],
      ];
    it.each(rows)('%s', async (_, document, edit, problems) => {
      const { id } = await create(document);
      const before = await snapshot();
      const answer = await operator('PATCH', `/keys/${id}`, { text: JSON.stringify(edit) });
      expectProblem(answer, 422, 'invalid_fields');
      expect(problemsOf(answer)).toMatchObject(problems);
      expect(Object.keys(problemsOf(answer)).sort()).toEqual(Object.keys(problems).sort());
      expect(await snapshot()).toEqual(before);
    });
  });

  it('changes what it names and nothing else', async () => {
    const { token: _, ...key } = await create({ access: cors, owner: 'acct_1' });
    const rows = [
      [{ name: 'new' }, { name: 'new' }],
      [{ expiresAt: '2099-01-01T00:00:00Z' }, { expiresAt: '2099-01-01T00:00:00.000Z' }],
      [{ enabled: false }, { enabled: false }],
      [
        { access: { cors: { allowedOrigins: ['https://B.example', '*'], fullAccess: true } } },
        { access: { cors: { allowedOrigins: ['https://b.example', '*'], fullAccess: true } } },
      ],
      // Members of access are replaced one by one.
      [
        {
          access: {
            cors: { allowedOrigins: [ORIGIN], fullAccess: false },
            rules: [{ methods: ['GET'], resources: ['/x/:id'] }],
          },
        },
        {
          access: {
            cors: { allowedOrigins: [ORIGIN], fullAccess: false },
            rules: [{ methods: ['get'], resources: ['/x/:id'] }],
          },
        },
      ],
      [
        { access: { ...cors, rules: null } },
        { access: { cors: { allowedOrigins: [ORIGIN], fullAccess: false } } },
      ],
      [
        { expiresAt: null, enabled: true },
        { expiresAt: null, enabled: true },
      ],
    ] as const;
    let expected: Document = key;
    for (const [index, [edit, change]] of rows.entries()) {
      const answer = await operator('PATCH', `/keys/${key.id}`, { body: edit });
      expect(answer.status, answer.text).toBe(200);
      expected = { ...expected, ...change, updatedAt: answer.body.updatedAt };
      expect(answer.body).toEqual(expected);
      expect(answer.headers['etag']).toBe(`"${index + 2}-0-0"`);
      expect((await operator('GET', `/keys/${key.id}`)).body).toEqual(expected);
    }
  });

  it.each([
    {},
    { name: 'a key' },
    { access: { cors: { allowedOrigins: ['HTTPS://app.example'] } } },
  ])('writes nothing for %j, which changes nothing', async (edit) => {
    const { id } = await create({ access: cors });
    const before = await snapshot();
    const answer = await operator('PATCH', `/keys/${id}`, { body: edit });
    expect(answer).toMatchObject({ status: 200, headers: { etag: '"1-0-0"' } });
    expect(await snapshot()).toEqual(before);
  });

  it('takes effect at the gateway at once', async () => {
    await fresh();
    const { id, token } = await create({ access: cors });
    const edit = async (body: object) =>
      expect((await operator('PATCH', `/keys/${id}`, { body })).status).toBe(200);
    const other = 'https://other.example';
    const preflight = async (origin: string) => {
      const headers = [
        ['Origin', origin],
        ['Access-Control-Request-Method', 'GET'],
      ] as const;
      return (await edge.call({ method: 'OPTIONS', target: '/api/asset/x', headers })).status;
    };

    expect(await tryToken(edge, token, { origin: ORIGIN })).toBe('200');
    await edit({ enabled: false });
    expect(await tryToken(edge, token, { origin: ORIGIN })).toBe('401 invalid_key');
    expect(await preflight(ORIGIN)).toBe(403);
    await edit({ enabled: true });
    expect(await tryToken(edge, token, { origin: ORIGIN })).toBe('200');
    expect(await preflight(ORIGIN)).toBe(204);

    await edit({ access: { cors: { allowedOrigins: [other] } } });
    expect(await tryToken(edge, token, { origin: ORIGIN })).toBe('403 origin_not_allowed');
    expect(await tryToken(edge, token, { origin: other })).toBe('200');
    expect(await preflight(ORIGIN)).toBe(403);
    expect(await preflight(other)).toBe(204);

    const outside = { origin: other, path: '/outside' };
    expect(await tryToken(edge, token, outside)).toBe('403 route_not_allowed');
    await edit({ access: { cors: { allowedOrigins: [other], fullAccess: true } } });
    expect(await tryToken(edge, token, outside)).toBe('200');
    await edit({ expiresAt: '2020-01-01T00:00:00Z' });
    expect(await tryToken(edge, token, outside)).toBe('401 invalid_key');
    expect(await preflight(other)).toBe(403);
    await edit({ expiresAt: '2099-01-01T00:00:00Z' });
    expect(await tryToken(edge, token, outside)).toBe('200');
    expect(await preflight(other)).toBe(204);
  });
});

describe('POST /keys/{id}/roll', () => {
  it.each([
    [{ graceSeconds: -1 }, { value: -1, reason: 'it is negative' }],
    [{ graceSeconds: 1.5 }, { value: 1.5, reason: 'it is not a whole number' }],
    [{ graceSeconds: 2592001 }, { value: 2592001, reason: 'it is longer than 30 days' }],
    [{ graceSeconds: '5' }, { value: '5', reason: 'it is a string' }],
    [{ graceSeconds: null }, { value: null, reason: 'it is null' }],
  ])('refuses %j', async (body, problem) => {
    const { id } = await create();
    const before = await snapshot();
    const answer = await operator('POST', `/keys/${id}/roll`, { body });
    expectProblem(answer, 422, 'invalid_fields');
    expect(problemsOf(answer)).toEqual({ graceSeconds: expect.objectContaining(problem) });
    expect(await snapshot()).toEqual(before);
  });

  it.each([
    ['no body', {}],
    ['an empty object', { body: {} }],
    ['no grace', { body: { graceSeconds: 0 } }],
  ])('ends the old token at once for %s', async (_, options) => {
    const { id, token: old, ...key } = await create({ access: cors });
    expect(await tryToken(edge, old, { origin: ORIGIN })).toBe('200');
    const answer = await operator('POST', `/keys/${id}/roll`, options);
    expect(answer.status, answer.text).toBe(200);
    const { token } = answer.body;
    expect(answer.body).toEqual({
      ...key,
      id,
      hint: token.slice(0, 10),
      token,
      updatedAt: answer.body.updatedAt,
    });
    expect(answer.headers['etag']).toBe('"2-0-0"');
    expect(token).not.toBe(old);
    expect(token).toMatch(/^ea_pk_/);
    expect(await tryToken(edge, old, { origin: ORIGIN })).toBe('401 invalid_key');
    expect(await tryToken(edge, token, { origin: ORIGIN })).toBe('200');
  });

  it('lets the old token live exactly its grace', async () => {
    await fresh();
    const { id, token } = await create();
    const answer = await operator('POST', `/keys/${id}/roll`, { body: { graceSeconds: 3600 } });
    expect(await tryToken(edge, token)).toBe('200');
    expect(await tryToken(edge, answer.body.token)).toBe('200');
    const [line] = (await operator('GET', `/audit?keyId=${id}&limit=1`)).body.entries;
    const tokens = await edge.query('SELECT * FROM tokens ORDER BY created_at_ms, expires_at_ms');
    const ends = tokens.map((row) => row['expires_at_ms']).sort();
    expect(ends).toEqual([Date.parse(line.at) + 3600 * 1000, null]);
  });

  it('never lengthens the grace of a token, and a roll without grace ends them all', async () => {
    await fresh();
    const { id, token: first } = await create();
    const roll = async (graceSeconds: number) =>
      (await operator('POST', `/keys/${id}/roll`, { body: { graceSeconds } })).body.token;
    const ends = async () => {
      const rows = await edge.query('SELECT expires_at_ms FROM tokens WHERE expires_at_ms > 0');
      return rows.map((row) => row['expires_at_ms'] as number).sort((a, b) => a - b);
    };
    const second = await roll(60);
    const [firstEnd] = await ends();
    const third = await roll(3600);
    expect((await ends())[0]).toBe(firstEnd);
    expect((await ends())[1]).toBeGreaterThan(firstEnd as number);
    for (const token of [first, second, third]) expect(await tryToken(edge, token)).toBe('200');

    const fourth = await roll(0);
    for (const token of [first, second, third]) {
      expect(await tryToken(edge, token)).toBe('401 invalid_key');
    }
    expect(await tryToken(edge, fourth)).toBe('200');
  });

  it('tells in every document which old tokens go on, and until when', async () => {
    const { id, retiringTokens } = await create();
    expect(retiringTokens).toEqual([]);
    const roll = async (graceSeconds: number) =>
      (await operator('POST', `/keys/${id}/roll`, { body: { graceSeconds } })).body.retiringTokens;
    const ends = async () => {
      const rows = await edge.query(
        'SELECT expires_at_ms FROM tokens WHERE key_id = ? AND expires_at_ms > ? ORDER BY 1 DESC',
        id,
        Date.now(),
      );
      return rows.map((row) => ({
        endsAt: new Date(row['expires_at_ms'] as number).toISOString(),
      }));
    };
    expect(await roll(3600)).toEqual(await ends());
    expect(await roll(60)).toEqual(await ends());
    expect(await roll(7200)).toEqual(await ends());
    const expected = await ends();
    expect(expected).toHaveLength(3);

    const read = await operator('GET', `/keys/${id}`);
    expect(read.body.retiringTokens).toEqual(expected);
    const edited = await operator('PATCH', `/keys/${id}`, { body: { name: 'edited' } });
    expect(edited.body.retiringTokens).toEqual(expected);
    const listed = (await operator('GET', '/keys')).body.keys;
    expect(listed.find((key: Document) => key.id === id).retiringTokens).toEqual(expected);
    // The audit keeps what a person decided, and not what time does.
    const [line] = (await operator('GET', `/audit?keyId=${id}&limit=1`)).body.entries;
    expect(line.after).not.toHaveProperty('retiringTokens');

    // An end that comes by itself changes the document and not its version.
    await edge.query(
      'UPDATE tokens SET expires_at_ms = ? WHERE key_id = ? AND expires_at_ms = ?',
      Date.now() - 1,
      id,
      Date.parse(expected[0]?.endsAt ?? ''),
    );
    const later = await operator('GET', `/keys/${id}`);
    expect(later.body.retiringTokens).toEqual(expected.slice(1));
    // The tag covers what is shown; its version is the same.
    expect(later.headers['etag']).not.toBe(edited.headers['etag']);
    expect(later.headers['etag']?.split('-')[0]).toBe(edited.headers['etag']?.split('-')[0]);
    expect(await roll(0)).toEqual([]);
    expect((await operator('GET', `/keys/${id}`)).body.retiringTokens).toEqual([]);
  });

  it('refuses a grace while ten tokens work, and takes none', async () => {
    const { id } = await create();
    const roll = (graceSeconds: number) =>
      operator('POST', `/keys/${id}/roll`, { body: { graceSeconds } });
    for (let count = 1; count < 10; count++) expect((await roll(600)).status).toBe(200);
    expectProblem(await roll(600), 409, 'too_many_tokens');
    expect((await roll(0)).status).toBe(200);
    expect((await roll(600)).status).toBe(200);
  });

  it('ends with the key when that is revoked in the grace', async () => {
    const { id, token: old } = await create();
    const { token } = (await operator('POST', `/keys/${id}/roll`, { body: { graceSeconds: 60 } }))
      .body;
    await operator('DELETE', `/keys/${id}`);
    expect(await tryToken(edge, old)).toBe('401 invalid_key');
    expect(await tryToken(edge, token)).toBe('401 invalid_key');
  });
});

describe('DELETE /keys/{id}', () => {
  it('revokes for good, at once, for token and origin', async () => {
    await fresh();
    const { id, token } = await create({ access: cors });
    expect(await tryToken(edge, token, { origin: ORIGIN })).toBe('200');
    const answer = await operator('DELETE', `/keys/${id}`);
    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(await tryToken(edge, token, { origin: ORIGIN })).toBe('401 invalid_key');
    expect(await edge.query('SELECT * FROM origins')).toEqual([]);
    expect((await operator('GET', '/keys')).body.keys).toEqual([]);
  });
});

describe('methods and paths', () => {
  it.each([
    ['PUT', '/keys', 'POST, GET, HEAD'],
    ['DELETE', '/keys', 'POST, GET, HEAD'],
    ['OPTIONS', '/keys', 'POST, GET, HEAD'],
    ['PUT', '/keys/key_0000000000000000000000', 'GET, HEAD, PATCH, DELETE'],
    ['GET', '/keys/key_0000000000000000000000/roll', 'POST'],
    ['PATCH', '/keys/import', 'POST'],
    ['DELETE', '/audit', 'GET, HEAD'],
    ['GET', '/explain', 'POST'],
    ['POST', '/openapi.json', 'GET, HEAD'],
  ])('answers 405 to %s %s', async (method, path, allow) => {
    const answer = await operator(method, path);
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe(allow);
    expect(answer.headers['x-edge-reason']).toBe('method_not_allowed');
  });

  it.each(['/', '', '/key', '/keys/', '/keys/a/b', '/v1/keys'])(
    'answers 404 to %j',
    async (path) => {
      expect((await operator('GET', path)).status).toBe(404);
    },
  );

  it('answers HEAD as GET without its body', async () => {
    const { id } = await create();
    const answer = await operator('HEAD', `/keys/${id}`);
    expect(answer).toMatchObject({ status: 200, text: '', headers: { etag: '"1-0-0"' } });
  });
});
