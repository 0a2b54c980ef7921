/**
 * Changes to many keys at once, in slices.
 */

import { afterAll, beforeEach, describe, expect, it, test, vi } from 'vitest';
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

let edge: Deployment;
let operator: Client;

beforeEach(async () => {
  edge = await deploy();
  operator = clientOf(edge);
});

afterAll(() => edge.dispose());

async function create(document: object): Promise<Document> {
  const answer = await operator('POST', '/keys', { body: { name: 'a key', ...document } });
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
}

const bulk = (body: object) => operator('POST', '/keys/bulk', { body });

/** Repeats a call to its end. Returns the names of the keys that changed. */
async function toTheEnd(body: object): Promise<readonly string[]> {
  const names: string[] = [];
  let cursor: string | null = null;
  do {
    const answer = await bulk({ ...body, ...(cursor === null ? {} : { cursor }) });
    expect(answer.status, answer.text).toBe(200);
    names.push(...answer.body.changed.map(({ name }: Document) => name));
    cursor = answer.body.nextCursor;
  } while (cursor !== null);
  return names.toSorted();
}

/** Makes the next call wait for its turn. Returns what resolves once it has listed the keys and waits. */
async function waitingFor(ms: number): Promise<() => Promise<unknown>> {
  const until = String(Date.now() + ms);
  await edge.query(
    `INSERT OR REPLACE INTO settings (name, value) VALUES ('bulk_lines_until_ms', ?)`,
    until,
  );
  return () =>
    vi.waitUntil(async () => {
      const [row] = await edge.query(
        `SELECT value FROM settings WHERE name = 'bulk_lines_until_ms'`,
      );
      return row?.['value'] !== until;
    });
}

describe('POST /keys/bulk refuses, and changes nothing,', () => {
  test.for([
    ['without an action', { filter: { owner: 'a' } }, ['action']],
    ['an unknown action', { action: 'roll', filter: { owner: 'a' } }, ['action']],
    ['without a filter', { action: 'revoke' }, ['filter']],
    ['an empty filter', { action: 'revoke', filter: {} }, ['filter']],
    ['an unknown filter', { action: 'revoke', filter: { name: 'a' } }, ['filter.name']],
    ['an empty owner', { action: 'revoke', filter: { owner: '' } }, ['filter.owner']],
    ['revoked keys', { action: 'enable', filter: { state: 'revoked' } }, ['filter.state']],
    ['no keys', { action: 'revoke', filter: { owner: 'a' }, limit: 0 }, ['limit']],
    ['too many keys', { action: 'revoke', filter: { owner: 'a' }, limit: 51 }, ['limit']],
    ['a foreign cursor', { action: 'revoke', filter: { owner: 'a' }, cursor: 'x' }, ['cursor']],
  ] as const)('%s', async ([, body, paths]) => {
    await create({ owner: 'a' });
    const before = await snapshot();
    const answer = await bulk(body);
    expectProblem(answer, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(answer))).toEqual(paths);
    expect(await snapshot()).toEqual(before);
  });

  it('without credentials', async () => {
    const stranger = clientOf(edge, {});
    const answer = await stranger('POST', '/keys/bulk', {
      body: { action: 'revoke', filter: { owner: 'a' } },
    });
    expectProblem(answer, 401, 'missing_credentials');
  });
});

describe('POST /keys/bulk', () => {
  it('names what would change in a dry run, and changes nothing', async () => {
    await create({ name: 'one', owner: 'acct_1' });
    await create({ name: 'two', owner: 'acct_1' });
    await create({ name: 'other', owner: 'acct_2' });
    const before = await snapshot();
    const { body } = await bulk({ action: 'revoke', filter: { owner: 'acct_1' }, dryRun: true });
    expect(body.changed.map(({ name }: Document) => name)).toEqual(['two', 'one']);
    expect(body).toMatchObject({ nextCursor: null, total: 2, totalIsExact: true });
    expect(await snapshot()).toEqual(before);
  });

  it('revokes the keys of one owner, slice by slice, with a line in the audit for each', async () => {
    const keys = [];
    for (let index = 0; index < 5; index++) {
      keys.push(await create({ name: `n${index}`, owner: 'acct_1' }));
    }
    const other = await create({ owner: 'acct_2' });
    expect(await toTheEnd({ action: 'revoke', filter: { owner: 'acct_1' }, limit: 2 })).toEqual([
      'n0',
      'n1',
      'n2',
      'n3',
      'n4',
    ]);
    for (const { token } of keys) expect(await tryToken(edge, token)).toBe('401 invalid_key');
    expect(await tryToken(edge, other.token)).toBe('200');
    const { entries } = (await operator('GET', '/audit?action=revoke')).body;
    expect(entries.map(({ keyId }: Document) => keyId).toSorted()).toEqual(
      keys.map(({ id }) => id).toSorted(),
    );
    // Once more: there is nothing left to do.
    expect(await toTheEnd({ action: 'revoke', filter: { owner: 'acct_1' } })).toEqual([]);
  });

  test.for([
    ['disable', 'enable', 'enabled', false],
    ['suspend', 'unsuspend', 'suspended', true],
  ] as const)('%ss keys and ends that, and leaves alone what is so already', async (row) => {
    const [action, ending, member, value] = row;
    const page = await create({ access: { cors: { allowedOrigins: ['https://a.example'] } } });
    await create({ name: 'is so' }).then(({ id }) =>
      operator('PATCH', `/keys/${id}`, { body: { [member]: value } }),
    );
    expect(await toTheEnd({ action, filter: { state: 'live' } })).toEqual(['a key']);
    expect(await toTheEnd({ action, filter: { search: 'a key' } })).toEqual([]);
    expect(await tryToken(edge, page.token)).toBe('401 invalid_key');
    expect((await operator('GET', `/keys/${page.id}`)).body[member]).toBe(value);
    expect(await toTheEnd({ action: ending, filter: { search: 'a key' } })).toEqual(['a key']);
    expect(await tryToken(edge, page.token, { origin: 'https://a.example' })).toBe('200');
    const { entries } = (await operator('GET', `/audit?keyId=${page.id}&action=edit`)).body;
    expect(entries).toHaveLength(2);
  });

  it.each([
    ['in one call', [{ owner: 'acct_1' }]],
    ['in calls at the same time', ['a', 'b', 'c'].map((tag) => ({ tag }))],
  ])('writes at most 100 lines of the change log a second, %s', async (_name, filters) => {
    for (const tag of ['a', 'b', 'c']) {
      await create({
        owner: 'acct_1',
        tags: [tag],
        access: {
          cors: {
            allowedOrigins: Array.from({ length: 29 }, (_, n) => `https://n${n}.example`),
          },
        },
      });
    }
    const [{ seq }] = (await edge.query('SELECT max(seq) AS seq FROM changes')) as [
      { seq: number },
    ];
    const startMs = Date.now();
    const calls = filters.map((filter) => toTheEnd({ action: 'disable', filter }));
    expect((await Promise.all(calls)).flat()).toHaveLength(3);
    const seconds = (Date.now() - startMs) / 1000;
    const lines = await edge.query(`SELECT seq FROM changes WHERE seq > ${seq}`);
    expect(lines).toHaveLength(90);
    // The wait of a slower machine is longer.
    expect(lines.length / seconds).toBeLessThanOrEqual(100);
  });

  it('ends early if other calls are far ahead, and says when to come back', async () => {
    const [first, second] = [await create({ tags: ['far'] }), await create({ tags: ['far'] })];
    const reserve = (seconds: number) =>
      edge.query(
        `INSERT OR REPLACE INTO settings (name, value) VALUES ('bulk_lines_until_ms', ?)`,
        String(Date.now() + seconds * 1000),
      );
    await reserve(45);
    const body = { action: 'revoke', filter: { tag: 'far' } };
    const refused = await bulk(body);
    expectProblem(refused, 429, 'rate_limited');
    expect(refused.headers['retry-after']).toBe('30');
    for (const { id } of [first, second]) {
      expect((await operator('GET', `/keys/${id}`)).body.revokedAt).toBeNull();
    }
    // A time that is further ahead than all waits is one of a clock that was wrong.
    await reserve(3600);
    expect(await toTheEnd(body)).toHaveLength(2);
  });

  it('ends after some seconds, however many lines its keys have, and is continued', async () => {
    for (const name of ['n0', 'n1']) await create({ name, tags: ['slow'] });
    const body = { action: 'revoke', filter: { tag: 'slow' } };
    const isWaiting = await waitingFor(1_500);
    const call = bulk(body);
    await isWaiting();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 11_000 });
    const first = (await call).body;
    vi.useRealTimers();
    expect(first.changed).toHaveLength(1);
    const rest = await toTheEnd({ ...body, cursor: first.nextCursor });
    expect([first.changed[0].name, ...rest].toSorted()).toEqual(['n0', 'n1']);
  });

  test.for([
    ['does not leave it any longer', { enabled: true }, []],
    ['still leaves it', { name: 'renamed' }, ['a key']],
  ] as const)('does to a key that is edited meanwhile what its filter says: it %s', async (row) => {
    const [, edit, changed] = row;
    const { id } = await create({ tags: ['late'] });
    await operator('PATCH', `/keys/${id}`, { body: { enabled: false } });
    const isWaiting = await waitingFor(1_500);
    const call = toTheEnd({ action: 'revoke', filter: { tag: 'late', state: 'disabled' } });
    await isWaiting();
    expect((await operator('PATCH', `/keys/${id}`, { body: edit })).status).toBe(200);
    expect(await call).toEqual(changed);
    const { revokedAt } = (await operator('GET', `/keys/${id}`)).body;
    expect(revokedAt === null).toBe(changed.length === 0);
  });
});
