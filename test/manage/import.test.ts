import { beforeEach, describe, expect, it } from 'vitest';
import { checksumOf, hashToken } from '../../src/core/key/token.ts';
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
const UUID = '4f8a6c1e-6c1b-4b62-9d3e-0f3f6f0c8d11';

let edge: Deployment;
let operator: Client;

beforeEach(async () => {
  edge = await deploy();
  operator = clientOf(edge);
});

const importKeys = (keys: unknown) => operator('POST', '/keys/import', { body: { keys } });

describe('the index of origins and the change log', () => {
  it('have each pattern of an import, those of client tokens too', async () => {
    const [a, b, c] = ['https://a.example', 'https://b.example', 'https://c.example'];
    const [{ seq }] = (await edge.query('SELECT max(seq) AS seq FROM changes')) as [
      { seq: number | null },
    ];
    const answer = await importKeys([
      { name: 'page', token: 'first-legacy-token', access: { cors: { allowedOrigins: [a, b] } } },
      {
        name: 'minting',
        token: 'second-legacy-token',
        access: { clientTokens: { allowedOrigins: [b, c] } },
        expiresAt: '2040-01-01T00:00:00Z',
      },
      { name: 'backend', token: 'third-legacy-token' },
    ]);
    expect(answer.status, answer.text).toBe(201);
    const index = await edge.query(
      'SELECT pattern, origins.expires_at_ms, name FROM origins JOIN keys ON keys.id = key_id ORDER BY name, pattern',
    );
    const until = Date.UTC(2040, 0, 1);
    expect(index).toEqual([
      { pattern: b, expires_at_ms: until, name: 'minting' },
      { pattern: c, expires_at_ms: until, name: 'minting' },
      { pattern: a, expires_at_ms: Number.MAX_SAFE_INTEGER, name: 'page' },
      { pattern: b, expires_at_ms: Number.MAX_SAFE_INTEGER, name: 'page' },
    ]);
    const lines = await edge.query(
      'SELECT pattern, token_hash FROM changes WHERE seq > ? ORDER BY pattern, token_hash',
      seq ?? 0,
    );
    const hashes = await edge.query('SELECT token_hash FROM tokens ORDER BY token_hash');
    expect(lines).toEqual([
      ...hashes.map((row) => ({ ...row, pattern: null })),
      ...[a, b, c].map((pattern) => ({ pattern, token_hash: null })),
    ]);
  });
});

describe('POST /keys/import refuses', () => {
  const good = { name: 'a', token: 'some-legacy-token' };
  const rows: readonly (readonly [name: string, document: unknown, problems: object])[] = [
    ['nothing', {}, { keys: { reason: 'it is missing' } }],
    ['an empty list', { keys: [] }, { keys: { reason: 'it is empty' } }],
    ['an object in the place of the list', { keys: {} }, { keys: { reason: 'it is an object' } }],
    ['a token in the place of the list', { keys: 'secret' }, { keys: { value: null } }],
    ['a token in the place of the document', 'secret', { '': { value: null } }],
    ['other fields', { keys: [good], owner: 'x' }, { owner: { reason: 'there is no such field' } }],
    [
      'more than a thousand keys, and says nothing of each',
      { keys: Array.from({ length: 1001 }, () => ({})) },
      { keys: { reason: 'it holds more than 1000 keys', fix: 'Import them in several calls' } },
    ],
    [
      'every row that is wrong, in every way that it is',
      {
        keys: [
          good,
          'a-token-in-the-wrong-place',
          null,
          { token: 'some-legacy-token-2', key: 'secret' },
          { name: 'a', token: 'short12' },
          { name: 'a', token: 'x'.repeat(513) },
          { name: 'a', token: 'with a blank' },
          { name: 'a', token: 'with,a,comma' },
          { name: 'a', token: 5 },
          { name: 'a' },
          { name: 'a', token: 'some-legacy-token-3', tokenHash: 'a'.repeat(64) },
          { name: 'a', tokenHash: 'a'.repeat(63) },
          { name: 'a', tokenHash: 'g'.repeat(64) },
          { ...good, createdAt: '2999-01-01T00:00:00Z' },
          { ...good, createdAt: 'x' },
          { ...good, hint: 'a-secret-that-is-too-long' },
          {
            name: '',
            owner: 'a b',
            access: { cors: { allowedOrigins: ['x'] } },
            expiresAt: 'y',
            token: 't',
          },
          good,
        ],
      },
      {
        'keys[1]': { value: null, reason: 'it is a string' },
        'keys[2]': { reason: 'it is null' },
        'keys[3].name': { reason: 'it is missing' },
        'keys[3].key': { value: null, reason: 'there is no such field' },
        'keys[4].token': { value: null, reason: expect.stringContaining('shorter than 8') },
        'keys[5].token': { value: null, reason: expect.stringContaining('longer than 512') },
        'keys[6].token': {
          value: null,
          reason: expect.stringContaining('a character that no Bearer'),
        },
        'keys[7].token': {
          value: null,
          reason: expect.stringContaining('a character that no Bearer'),
        },
        'keys[8].token': { value: null, reason: 'it is a number' },
        'keys[9].token': { reason: 'it is missing' },
        'keys[10].tokenHash': { reason: 'there is a token as well' },
        'keys[11].tokenHash': { value: null, reason: 'it is not a SHA-256 hash' },
        'keys[12].tokenHash': { value: null, reason: 'it is not a SHA-256 hash' },
        'keys[13].createdAt': { reason: 'it is in the future' },
        'keys[14].createdAt': { value: 'x' },
        'keys[15].hint': { value: null, reason: expect.stringContaining('longer than 16') },
        'keys[16].name': { reason: 'it is empty' },
        'keys[16].owner': { value: 'a b' },
        'keys[16].access.cors.allowedOrigins[0]': { value: 'x' },
        'keys[16].expiresAt': { value: 'y' },
        'keys[16].token': { value: null },
      },
    ],
    [
      'a row that could not be stored as one value',
      {
        keys: [
          {
            ...good,
            access: {
              rules: [
                {
                  methods: ['get'],
                  resources: Array.from({ length: 99 }, (_, i) => `/${'x'.repeat(500)}${i}`),
                },
                {
                  methods: ['get'],
                  resources: Array.from({ length: 99 }, (_, i) => `/${'x'.repeat(500)}${i}`),
                },
              ],
            },
          },
        ],
      },
      { 'keys[0]': { reason: expect.stringContaining('larger than 65536') } },
    ],
  ];
  it.each(rows)('%s, and writes nothing', async (_, document, problems) => {
    const before = await snapshot();
    const answer = await operator('POST', '/keys/import', { body: document });
    expectProblem(answer, 422, 'invalid_fields');
    expect(problemsOf(answer)).toMatchObject(problems);
    expect(Object.keys(problemsOf(answer)).sort()).toEqual(Object.keys(problems).sort());
    expect(await snapshot()).toEqual(before);
    for (const token of ['a-token-in-the-wrong-place', 'secret', 'short12', 'with a blank']) {
      expect(answer.text).not.toContain(token);
    }
  });

  it('tokens of our own form that cannot work, with the reason', async () => {
    const { token } = (await operator('POST', '/keys', { body: { name: 'a' } })).body;
    await edge.query('DELETE FROM tokens');
    const signed = token.slice(0, 36);
    const wrongTag = `${signed}00000000`;
    const mistyped = `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`;
    const before = await snapshot();
    const answer = await importKeys([
      { name: 'mistyped', token: mistyped },
      { name: 'invented', token: wrongTag + checksumOf(wrongTag) },
      { name: 'of another kind', token, access: { cors: { allowedOrigins: [ORIGIN] } } },
      { name: 'good', token },
    ]);
    expectProblem(answer, 422, 'invalid_fields');
    expect(problemsOf(answer)).toMatchObject({
      'keys[0].token': { value: null, reason: expect.stringContaining('checksum is wrong') },
      'keys[1].token': { value: null, reason: expect.stringContaining('did not make it') },
      'keys[2].token': { value: null, reason: expect.stringContaining('for backends') },
    });
    expect(Object.keys(problemsOf(answer))).toHaveLength(3);
    expect(await snapshot()).toEqual(before);

    // With the tag and the kind right, a token of ours may come back.
    expect((await importKeys([{ name: 'good', token }])).status).toBe(201);
    expect(await tryToken(edge, token)).toBe('200');
  });

  it('the admin token, plain or hashed', async () => {
    const hash = await hashToken(edge.adminToken);
    const answer = await importKeys([
      { name: 'a', token: edge.adminToken },
      { name: 'b', tokenHash: hash },
      { name: 'c', tokenHash: hash.toUpperCase() },
    ]);
    expectProblem(answer, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(answer))).toEqual([
      'keys[0].token',
      'keys[1].tokenHash',
      'keys[2].tokenHash',
    ]);
    expect(answer.text).not.toContain(edge.adminToken);
  });

  it('another policy for conflicts', async () => {
    const body = { keys: [{ name: 'a', token: UUID }], onConflict: 'replace' };
    const answer = await operator('POST', '/keys/import', { body });
    expectProblem(answer, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(answer))).toEqual(['onConflict']);
  });

  it('no row of a known token if it shall skip those, and imports the others', async () => {
    const { token, id } = (await operator('POST', '/keys', { body: { name: 'a' } })).body;
    await operator('DELETE', `/keys/${id}`);
    const keys = [
      { name: 'first', token: 'skipped-legacy-token-1' },
      { name: 'again', token: 'skipped-legacy-token-1' },
      { name: 'of a revoked key', token },
      { name: 'second', token: 'skipped-legacy-token-2' },
    ];
    const skipping = { body: { keys, onConflict: 'skip' } };
    const answer = await operator('POST', '/keys/import', skipping);
    expect(answer.status, answer.text).toBe(201);
    expect(answer.body).toMatchObject({
      imported: 2,
      skipped: 2,
      keys: [{ name: 'first' }, { name: 'second' }],
    });
    expect(await tryToken(edge, token)).toBe('401 invalid_key');
    const repeated = await operator('POST', '/keys/import', skipping);
    expect(repeated.status, repeated.text).toBe(201);
    expect(repeated.body).toEqual({ imported: 0, skipped: 4, keys: [] });
    expect(await tryToken(edge, 'skipped-legacy-token-1')).toBe('200');
  });

  it('tokens that are known or come twice, with every such row', async () => {
    const { token, id } = (await operator('POST', '/keys', { body: { name: 'a' } })).body;
    await importKeys([{ name: 'old', token: UUID }]);
    await operator('DELETE', `/keys/${id}`);
    const before = await snapshot();
    const answer = await importKeys([
      { name: 'new', token: 'some-legacy-token' },
      { name: 'known', token: UUID },
      { name: 'known by its hash', tokenHash: (await hashToken(UUID)).toUpperCase() },
      { name: 'of a revoked key', token },
      { name: 'again', tokenHash: await hashToken('some-legacy-token') },
    ]);
    expectProblem(answer, 409, 'duplicate_tokens');
    expect(problemsOf(answer)).toEqual({
      'keys[1].token': expect.objectContaining({ reason: 'a key has this token already' }),
      'keys[2].tokenHash': expect.objectContaining({ reason: 'keys[1] has the same token' }),
      'keys[3].token': expect.objectContaining({
        reason: 'it belonged to a key that was revoked',
        fix: 'Remove the row, and create a new key instead',
      }),
      'keys[4].tokenHash': expect.objectContaining({ reason: 'keys[0] has the same token' }),
    });
    expect(await snapshot()).toEqual(before);
  });

  it('one of two imports of the same tokens that come at the same time', async () => {
    const keys = Array.from({ length: 50 }, (_, index) => ({
      name: 'a',
      token: `legacy-${index}`,
    }));
    const answers = await Promise.all([importKeys(keys), importKeys(keys), importKeys(keys)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
    expect(await edge.query('SELECT count(*) AS count FROM keys')).toEqual([{ count: 50 }]);
  });

  it('a body of more than 1 MiB, and takes one of more than 64 KiB', async () => {
    const key = (length: number) => ({
      name: 'a',
      token: 'some-legacy-token',
      hint: 'x'.repeat(length),
    });
    const tooLarge = await importKeys([key(1024 * 1024)]);
    expectProblem(tooLarge, 413, 'body_too_large');
    expect(tooLarge.body.detail).toContain('1048576 bytes');
    expectProblem(await importKeys([key(200), key(900_000)]), 422, 'invalid_fields');
  });
});

describe('POST /keys/import', () => {
  it('makes keys whose tokens go on working, plain or hashed', async () => {
    expect(await tryToken(edge, UUID)).toBe('401 invalid_key');
    const answer = await importKeys([
      {
        name: 'Web player',
        owner: 'acct_1',
        access: { cors: { allowedOrigins: ['HTTPS://APP.example/'] } },
        expiresAt: '2099-01-01T00:00:00Z',
        createdAt: '2021-05-04T10:00:00+02:00',
        token: UUID,
      },
      {
        name: 'Backend',
        tokenHash: (await hashToken('some-legacy-token')).toUpperCase(),
        hint: 'some',
      },
      { name: 'Without a hint', tokenHash: await hashToken('some-other-token') },
    ]);
    expect(answer.status, answer.text).toBe(201);
    expect(answer.body).toEqual({
      imported: 3,
      skipped: 0,
      keys: [
        { id: expect.stringMatching(/^key_/), name: 'Web player', owner: 'acct_1', hint: '4f8a' },
        { id: expect.stringMatching(/^key_/), name: 'Backend', owner: null, hint: 'some' },
        { id: expect.stringMatching(/^key_/), name: 'Without a hint', owner: null, hint: '' },
      ],
    });
    expect(await tryToken(edge, UUID, { origin: ORIGIN })).toBe('200');
    expect(await tryToken(edge, UUID, { origin: 'https://b.example' })).toBe(
      '403 origin_not_allowed',
    );
    expect(await tryToken(edge, 'some-legacy-token', { path: '/anything' })).toBe('200');
    expect(await tryToken(edge, 'some-other-token')).toBe('200');
    expect(await tryToken(edge, 'some-wrong-token')).toBe('401 invalid_key');

    const { body } = await operator('GET', `/keys/${answer.body.keys[0].id}`);
    expect(body).toEqual({
      id: answer.body.keys[0].id,
      name: 'Web player',
      owner: 'acct_1',
      access: { cors: { allowedOrigins: [ORIGIN], fullAccess: false } },
      hint: '4f8a',
      createdAt: '2021-05-04T08:00:00.000Z',
      expiresAt: '2099-01-01T00:00:00.000Z',
      enabled: true,
      lastUsedAt: null,
      suspended: false,
      updatedAt: expect.stringMatching(/Z$/),
      revokedAt: null,
      retiringTokens: [],
    });
    const stored = JSON.stringify([await snapshot(), await edge.copies(), edge.logs]);
    for (const token of [UUID, 'some-legacy-token']) expect(stored).not.toContain(token);
  });

  it('makes keys that can be rolled, edited and revoked as any other', async () => {
    const { body } = await importKeys([
      { name: 'a', token: UUID },
      { name: 'b', token: `${UUID}2` },
    ]);
    const [first, second] = body.keys;
    const rolled = await operator('POST', `/keys/${first.id}/roll`, { body: { graceSeconds: 60 } });
    expect(rolled.body.token).toMatch(/^ea_sk_/);
    expect(await tryToken(edge, UUID)).toBe('200');
    expect(await tryToken(edge, rolled.body.token)).toBe('200');
    await operator('POST', `/keys/${first.id}/roll`, { body: { graceSeconds: 0 } });
    expect(await tryToken(edge, UUID)).toBe('401 invalid_key');
    await operator('DELETE', `/keys/${second.id}`);
    expect(await tryToken(edge, `${UUID}2`)).toBe('401 invalid_key');
  });

  it('takes a thousand keys in one call, in a few statements', async () => {
    const keys = Array.from({ length: 1000 }, (_, index) => ({
      name: `Player ${index} 😀`,
      owner: `acct_${index % 10}`,
      access: { cors: { allowedOrigins: [`https://n${index}.example`, ORIGIN] } },
      token: `${UUID}-${index}`,
    }));
    const answer = await importKeys(keys);
    expect(answer.status, answer.text.slice(0, 500)).toBe(201);
    expect(answer.body.imported).toBe(1000);
    expect(answer.body.keys.map(({ name }: Document) => name)).toEqual(
      keys.map(({ name }) => name),
    );
    expect(await edge.query('SELECT count(*) AS count FROM audit')).toEqual([{ count: 1000 }]);
    for (const index of [0, 499, 999]) {
      const origin = `https://n${index}.example`;
      expect(await tryToken(edge, `${UUID}-${index}`, { origin })).toBe('200');
    }
  });
});
