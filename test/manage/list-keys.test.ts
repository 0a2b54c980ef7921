/**
 * Finding keys: every filter, alone and beside others, in every order, page by page.
 */

import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { type Client, clientOf, type Document, expectProblem, problemsOf } from './client.ts';

let edge: Deployment;
let operator: Client;

const DAY_MS = 24 * 60 * 60 * 1000;
const NOW = Date.now();
const iso = (ms: number) => new Date(ms).toISOString();

/** Keys as rows, of which each differs from the others. */
const rows = [
  { name: 'Web player', owner: 'acct_1', origins: ['https://app.example.com'], usedDaysAgo: 1 },
  { name: 'web player', owner: 'acct_2', origins: ['https://*.example.com'], fullAccess: true },
  { name: 'Ärger mit ÉTÉ', owner: 'acct_1', usedDaysAgo: 40 },
  { name: 'zebra', owner: 'acct_2', enabled: false, usedDaysAgo: 2 },
  { name: 'Suspended', owner: null, suspended: true, origins: ['https://app.example.com'] },
  { name: 'expired', owner: 'acct_1', expiresInDays: -1, usedDaysAgo: 3 },
  { name: 'expires', owner: 'Acct_3', expiresInDays: 5, origins: ['http://localhost:3000'] },
  { name: 'rules', owner: 'acct_1', rules: true, origins: ['*'], usedDaysAgo: 400 },
  { name: 'off and over', owner: 'acct_2', enabled: false, expiresInDays: -2 },
  { name: 'Revoked player', owner: 'acct_1', isRevoked: true, usedDaysAgo: 7 },
  { name: '100% "quoted" \\ text', owner: 'acct_2', origins: ['https://xn--bcher-kva.example'] },
] as const;

type Row = Partial<{
  name: string;
  owner: string | null;
  origins: readonly string[];
  usedDaysAgo: number;
  fullAccess: boolean;
  enabled: boolean;
  suspended: boolean;
  expiresInDays: number;
  rules: boolean;
  isRevoked: boolean;
}>;

afterAll(() => edge.dispose());

beforeAll(async () => {
  edge = await deploy();
  operator = clientOf(edge);
  for (const [index, row] of (rows as readonly Row[]).entries()) {
    const values = [
      `'key_${String(index).padStart(22, '0')}'`,
      `'${row.name}'`,
      row.owner === null ? 'NULL' : `'${row.owner}'`,
      row.origins ? "'cors'" : "'backend'",
      row.origins ? `'${JSON.stringify(row.origins)}'` : 'NULL',
      Number(row.fullAccess ?? false),
      row.rules ? `'[{"methods":["get"],"resources":["/a"]}]'` : 'NULL',
      `'hint_${index}'`,
      NOW - (index % 4) * DAY_MS,
      row.expiresInDays === undefined ? 'NULL' : NOW + row.expiresInDays * DAY_MS,
      Number(row.enabled ?? true),
      Number(row.suspended ?? false),
      row.isRevoked ? NOW : 'NULL',
      row.usedDaysAgo === undefined ? 'NULL' : NOW - row.usedDaysAgo * DAY_MS,
    ];
    await edge.query(
      `INSERT INTO keys (id, name, owner, kind, allowed_origins, full_access, rules, hint,
                         created_at_ms, expires_at_ms, enabled, suspended, revoked_at_ms,
                         last_used_at_ms) VALUES (${values.join(', ')})`,
    );
  }
  await edge.query(
    `INSERT INTO origins (pattern, expires_at_ms, key_id)
     SELECT value, coalesce(expires_at_ms, 9007199254740991), keys.id
       FROM keys, json_each(allowed_origins)
      WHERE revoked_at_ms IS NULL AND enabled = 1 AND suspended = 0`,
  );
});

/** Follows the cursor to the end. */
async function list(query: string, limit = 100): Promise<readonly Document[]> {
  const found: Document[] = [];
  let cursor: string | null = null;
  do {
    const { status, body, text } = await operator(
      'GET',
      `/keys?limit=${limit}&${query}${cursor === null ? '' : `&cursor=${cursor}`}`,
    );
    expect(status, text).toBe(200);
    found.push(...body.keys);
    cursor = body.nextCursor;
  } while (cursor !== null);
  return found;
}

const namesOf = (keys: readonly Document[]) => keys.map(({ name }) => name);

describe('GET /keys refuses', () => {
  test.for([
    ['state=dead', 'state'],
    ['kind=CORS', 'kind'],
    ['access=client', 'access'],
    ['origin=app.example.com', 'origin'],
    [`origin=https://${'a'.repeat(400)}.example`, 'origin'],
    ['usedBefore=yesterday', 'usedBefore'],
    ['expiresBefore=2030-01-01', 'expiresBefore'],
    [`search=${'a'.repeat(201)}`, 'search'],
    ['sort=owner', 'sort'],
    ['total=1', 'total'],
    ['cursor=eyJ4', 'cursor'],
    ['owner=%20', 'owner'],
  ] as const)('%s', async ([query, path]) => {
    const answer = await operator('GET', `/keys?${query}`);
    expectProblem(answer, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(answer))).toEqual([path]);
  });

  it('a cursor of another order', async () => {
    const { body } = await operator('GET', '/keys?sort=name&limit=1');
    const answer = await operator('GET', `/keys?sort=lastUsed&cursor=${body.nextCursor}`);
    expectProblem(answer, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(answer))).toEqual(['cursor']);
  });
});

describe('GET /keys filters', () => {
  test.for([
    [
      'state=live',
      ['Web player', 'web player', 'expires', 'rules', 'Ärger mit ÉTÉ', rows[10].name],
    ],
    ['state=disabled', ['zebra', 'off and over']],
    ['state=suspended', ['Suspended']],
    ['state=expired', ['expired', 'off and over']],
    ['state=revoked', ['Revoked player']],
    ['kind=backend', ['Ärger mit ÉTÉ', 'zebra', 'expired', 'off and over']],
    ['access=backend', ['Ärger mit ÉTÉ', 'zebra', 'expired', 'off and over']],
    ['access=full', ['web player']],
    ['access=rules', ['rules']],
    ['access=restricted', ['Web player', 'Suspended', 'expires', rows[10].name]],
    ['origin=https://APP.example.com:443/', ['Web player', 'Suspended']],
    ['origin=https://*.example.com', ['web player']],
    ['origin=https://other.example.com', []],
    ['origin=*', ['rules']],
    [`usedBefore=${iso(NOW - 30 * DAY_MS)}`, ['Ärger mit ÉTÉ', 'rules']],
    [`expiresBefore=${iso(NOW)}`, ['expired', 'off and over']],
    [`expiresBefore=${iso(NOW + 6 * DAY_MS)}`, ['expired', 'off and over', 'expires']],
    ['owner=acct_1', ['Web player', 'Ärger mit ÉTÉ', 'expired', 'rules']],
    ['owner=acct', []],
    ['owner=acct_1&state=revoked', ['Revoked player']],
    ['owner=acct_2&state=disabled&kind=backend', ['zebra', 'off and over']],
    // Anywhere in the name, whatever the case.
    ['search=PLAYER', ['Web player', 'web player']],
    ['search=été', ['Ärger mit ÉTÉ']],
    ['search=ÄRGER', ['Ärger mit ÉTÉ']],
    ['search=%25%20%22QUOTED', [rows[10].name]],
    ['search=player&state=revoked', ['Revoked player']],
    // At the beginning of the others.
    ['search=key_0000000000000000000003', ['zebra']],
    ['search=KEY_0000000000000000000003', ['zebra']],
    ['search=0003', []],
    ['search=HINT_1', ['web player', rows[10].name]],
    ['search=int_1', []],
    ['search=acct_3', ['expires']],
    ['search=https://APP', ['Web player', 'Suspended']],
    ['search=app.exa', ['Web player', 'Suspended']],
    ['search=example.com', ['web player']],
    ['search=localhost', ['expires']],
    ['search=ocalhost', []],
    ['search=xn--b', [rows[10].name]],
  ] as const)('%s', async ([query, names]) => {
    const encoded = query.replace(/[^\x20-\x7e]/g, encodeURIComponent);
    const expected = names.toSorted();
    expect(namesOf(await list(encoded)).toSorted()).toEqual(expected);
    // In every order, page by page, nothing is lost or comes twice.
    for (const sort of ['created', 'name', 'lastUsed']) {
      expect(namesOf(await list(`${encoded}&sort=${sort}`, 1)).toSorted()).toEqual(expected);
    }
    const { body } = await operator('GET', `/keys?total=true&limit=1&${encoded}`);
    expect(body).toMatchObject({ total: names.length, totalIsExact: true });
  });

  it('says how many there are only if it is asked', async () => {
    expect((await operator('GET', '/keys')).body).not.toHaveProperty('total');
    expect((await operator('GET', '/keys?total=false')).body).not.toHaveProperty('totalIsExact');
  });
});

describe('GET /keys sorts', () => {
  it('by creation, the newest first', async () => {
    const keys = await list('', 2);
    const order = keys.map(({ createdAt, id }) => [createdAt, id].join());
    expect(order).toEqual(order.toSorted().reverse());
    expect(keys).toHaveLength(10);
  });

  it('by name, in whatever case', async () => {
    expect(namesOf(await list('sort=name', 3))).toEqual([
      rows[10].name,
      'expired',
      'expires',
      'off and over',
      'rules',
      'Suspended',
      'Web player',
      'web player',
      'zebra',
      'Ärger mit ÉTÉ',
    ]);
  });

  it('by last use, the most recent first and those that were never used last', async () => {
    const keys = await list('sort=lastUsed', 3);
    expect(namesOf(keys).slice(0, 5)).toEqual([
      'Web player',
      'zebra',
      'expired',
      'Ärger mit ÉTÉ',
      'rules',
    ]);
    expect(keys.slice(5).every(({ lastUsedAt }) => lastUsedAt === null)).toBe(true);
    expect(keys).toHaveLength(10);
  });
});

describe('a revoked key', () => {
  it('is read with the time of its revocation, and not listed by default', async () => {
    const id = `key_${'9'.padStart(22, '0')}`;
    const { body, status } = await operator('GET', `/keys/${id}`);
    expect({ status, revokedAt: body.revokedAt }).toEqual({ status: 200, revokedAt: iso(NOW) });
    expect(namesOf(await list(''))).not.toContain('Revoked player');
  });

  it('cannot be changed any more', async () => {
    const path = `/keys/key_${'9'.padStart(22, '0')}`;
    for (const [method, at, body] of [
      ['PATCH', path, { enabled: true }],
      ['DELETE', path, undefined],
      ['POST', `${path}/roll`, {}],
    ] as const) {
      expectProblem(await operator(method, at, { body }), 404, 'not_found');
    }
  });
});
