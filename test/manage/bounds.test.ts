import { beforeAll, describe, expect, it } from 'vitest';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { type ApiAnswer, type Client, clientOf, expectProblem } from './client.ts';

const ORIGIN = 'https://app.example';

let edge: Deployment;
let operator: Client;
let id: string;

beforeAll(async () => {
  edge = await deploy();
  operator = clientOf(edge);
  const key = { name: 'a', access: { cors: { allowedOrigins: [ORIGIN] } } };
  ({ id } = (await operator('POST', '/keys', { body: key })).body);
});

const many = <Item>(count: number, item: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => item(index));
/** Fields that no document has, 17 to 21 bytes of JSON each. */
const unknown = (count: number) => Object.fromEntries(many(count, (index) => [`x${index}`, index]));
const origins = (count: number) => many(count, (index) => `nonsense ${index}`);
const access = (allowedOrigins: readonly unknown[]) => ({ cors: { allowedOrigins } });
const rule = { methods: ['get'], resources: ['/api/x'] };

/** Every endpoint that reads a document, with a document that is right but for what is added. */
const documents = {
  create: (more: object) => operator('POST', '/keys', { body: { name: 'a', ...more } }),
  edit: (more: object) => operator('PATCH', `/keys/${id}`, { body: { name: 'b', ...more } }),
  roll: (more: object) => operator('POST', `/keys/${id}/roll`, { body: more }),
  explain: (more: object) =>
    operator('POST', '/explain', { body: { method: 'GET', path: '/', keyId: id, ...more } }),
  import: (more: object) =>
    operator('POST', '/keys/import', { body: { keys: [{ name: 'a' }], ...more } }),
  'a row of an import': (more: object) =>
    operator('POST', '/keys/import', {
      body: { keys: [{ name: 'a', token: 'legacy-token-1', ...more }] },
    }),
  'a query': (more: object) =>
    operator('GET', `/keys?${new URLSearchParams(more as Record<string, string>)}`),
  'the query of an endpoint without parameters': (more: object) =>
    operator('GET', `/keys/${id}?${new URLSearchParams(more as Record<string, string>)}`),
} as const;

function expectBounded(answer: ApiAnswer, count: number): void {
  expectProblem(answer, 422, 'invalid_fields');
  const { problems, errors, moreProblems, detail } = answer.body;
  expect(problems.length).toBeLessThanOrEqual(100);
  expect(problems.length + moreProblems).toBe(count);
  expect(errors).toEqual([...errors.slice(0, problems.length), `${moreProblems} more`]);
  expect(detail).toMatch(new RegExp(`^Cannot accept ${count} values, of which the first is `));
  expect(new TextEncoder().encode(answer.text).length).toBeLessThanOrEqual(64 * 1024);
}

describe('a document with thousands of problems is answered with a hundred, and the number of the others', () => {
  it.each(Object.entries(documents))('%s', async (_name, send) => {
    const answer = await send(unknown(3_000));
    expectBounded(answer, 3_000);
    expect(answer.body.problems).toHaveLength(100);
  });

  it('rows of an import, all together', async () => {
    const keys = many(1_000, () => ({ name: '', token: 'x', access: access(['nonsense']) }));
    expectBounded(await operator('POST', '/keys/import', { body: { keys } }), 3_000);
  });

  it('unknown fields and invalid origins, which slowed an isolate down for seconds', async () => {
    const body = { name: 'a', access: access(origins(500)), ...unknown(3_000) };
    expectBounded(await operator('POST', '/keys', { body }), 3_500);
  });

  it('tokens that an import has twice', async () => {
    const keys = many(1_000, () => ({ name: 'a', token: 'the-same-token' }));
    const { status, body } = await operator('POST', '/keys/import', { body: { keys } });
    expect([status, body.code, body.problems.length, body.moreProblems]).toEqual([
      409,
      'duplicate_tokens',
      100,
      899,
    ]);
  });
});

describe('problems take 64 KiB at most', () => {
  const hostile = '\u0001'.repeat(200);
  const longNames = Object.fromEntries(many(40, (index) => [`${index}${hostile}`, 0]));
  it.each([
    ['names of unknown fields', { name: 'a', ...longNames }],
    ['origins', { name: 'a', access: access(many(45, () => `${hostile}`)) }],
    ['methods', { name: 'a', access: { rules: [{ ...rule, methods: many(45, () => hostile) }] } }],
    ['paths', { name: 'a', access: { rules: [{ ...rule, resources: many(45, () => hostile) }] } }],
  ])('%s that take six times their length', async (_name, body) => {
    const answer = await operator('POST', '/keys', { body });
    expectProblem(answer, 422, 'invalid_fields');
    expect(new TextEncoder().encode(answer.text).length).toBeLessThanOrEqual(64 * 1024);
    expect(answer.body.problems.length).toBeGreaterThan(0);
  });
});

describe('the length of a list is checked before its items', () => {
  const rows: readonly (readonly [name: string, send: () => Promise<ApiAnswer>, path: string])[] = [
    [
      'origins',
      () => documents.create({ access: access(many(501, (index) => (index % 2 ? 5 : 'x'))) }),
      'access.cors.allowedOrigins',
    ],
    [
      'origins of an edit',
      () => documents.edit({ access: access(origins(501)) }),
      'access.cors.allowedOrigins',
    ],
    [
      'rules',
      () => documents.create({ access: { rules: many(101, () => 'nonsense') } }),
      'access.rules',
    ],
    [
      'methods',
      () => documents.create({ access: { rules: [{ ...rule, methods: many(101, () => 5) }] } }),
      'access.rules[0].methods',
    ],
    [
      'paths',
      () => documents.create({ access: { rules: [{ ...rule, resources: many(101, () => 5) }] } }),
      'access.rules[0].resources',
    ],
    ['names of headers', () => documents.explain({ headers: many(101, () => 5) }), 'headers'],
    ['keys of an import', () => documents.import({ keys: many(1_001, () => 5) }), 'keys'],
    [
      'origins in a row of an import',
      () => documents['a row of an import']({ access: access(many(501, () => 5)) }),
      'keys[0].access.cors.allowedOrigins',
    ],
  ];
  it.each(rows)('%s', async (_name, send, path) => {
    const answer = await send();
    expectProblem(answer, 422, 'invalid_fields');
    expect(answer.body.problems.map((problem: { path: string }) => problem.path)).toEqual([path]);
  });
});

describe('a query', () => {
  const rows: readonly (readonly [method: string, path: string, at: string, reason: string])[] = [
    ['GET', '/keys?owner=', 'owner', 'it is empty'],
    ['GET', '/keys?limit=', 'limit', 'it is empty'],
    ['GET', '/keys?ownr=a', 'ownr', 'there is no such field'],
    ['GET', '/keys?owner=a&owner=a', 'owner', 'it is given more than once'],
    ['GET', '/audit?keyId=', 'keyId', 'it is empty'],
    ['POST', '/keys?dry=1', 'dry', 'there is no such field'],
    ['DELETE', '/keys/key_0000000000000000000000?x', 'x', 'it is empty'],
    ['GET', '/keys/key_0000000000000000000000?x=1', 'x', 'there is no such field'],
    ['POST', '/explain?x=1', 'x', 'there is no such field'],
  ];
  it.each(rows)('of %s %s is refused at %s', async (method, path, at, reason) => {
    const answer = await operator(method, path, method === 'POST' ? { body: { name: 'a' } } : {});
    expectProblem(answer, 422, 'invalid_fields');
    expect(answer.body.problems).toMatchObject([{ path: at, reason }]);
  });
});

it('nesting of any depth is refused like any other value', async () => {
  const deep = '['.repeat(30_000) + ']'.repeat(30_000);
  for (const [path, text] of [
    ['/keys', `{"name": ${deep}}`],
    ['/keys', `{"name": "a", "x": ${deep}}`],
    ['/keys/import', `{"keys": [{"name": "a", "x": ${deep}}]}`],
    ['/explain', `{"method": ${deep}}`],
  ] as const) {
    expectProblem(await operator('POST', path, { text }), 422, 'invalid_fields');
  }
});
