import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, test } from 'vitest';
import { FEED_PAGE_LINES, FEED_WINDOW_LINES } from '../../../src/keys/limits.ts';
import { createKeyStore } from '../../../src/keys/stores/d1.ts';
import { LOG_START } from '../../../src/keys/types.ts';
import { applySchema } from '../../support/workers.ts';

const store = createKeyStore(env.DB);

beforeEach(async () => {
  const tables = ['origins', 'tokens', 'keys', 'changes', 'replica_writes', 'settings'];
  await applySchema();
  await env.DB.batch([
    ...tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
    env.DB.prepare("DELETE FROM sqlite_sequence WHERE name = 'changes'"),
  ]);
  await applySchema();
});

/** Adds lines to the log, as many as wanted. */
async function addLines(count: number): Promise<void> {
  await env.DB.prepare(
    `WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
     INSERT INTO changes (token_hash, changed_at_ms) SELECT printf('%064x', n), 0 FROM number`,
  )
    .bind(count)
    .run();
}

async function addKey(id: string, columns: Record<string, unknown> = {}): Promise<void> {
  const row = { id, name: id, kind: 'backend', hint: '', created_at_ms: 0, ...columns };
  const names = Object.keys(row);
  await env.DB.prepare(
    `INSERT INTO keys (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
  )
    .bind(...Object.values(row))
    .run();
}

async function addToken(tokenHash: string, keyId: string, expiresAtMs: number | null = null) {
  await env.DB.prepare(
    'INSERT INTO tokens (token_hash, key_id, created_at_ms, expires_at_ms) VALUES (?, ?, 0, ?)',
  )
    .bind(tokenHash, keyId, expiresAtMs)
    .run();
}

describe('a page of the log', () => {
  test('starts with the requested line, and continues in order up to its bound', async () => {
    await addLines(FEED_PAGE_LINES + 20);
    const page = await store.readLines(10);
    expect(page).toHaveLength(FEED_PAGE_LINES + 1);
    expect(page[0]).toMatchObject({ seq: 10, mark: expect.any(Number) });
    expect(page.at(-1)?.seq).toBe(10 + FEED_PAGE_LINES);
    expect((await store.readLines(FEED_PAGE_LINES + 20)).map(({ seq }) => seq)).toEqual([
      FEED_PAGE_LINES + 20,
    ]);
  });

  test('starts with a later line if housekeeping has dropped that one', async () => {
    await addLines(20);
    await env.DB.exec('DELETE FROM changes WHERE seq < 15');
    expect((await store.readLines(10))[0]?.seq).toBe(15);
    expect(await store.readLines(21)).toEqual([]);
  });
});

describe('a read of the log', () => {
  test('of an empty one begins and ends where the log does', async () => {
    const { feed } = await store.read({ fromSeq: null });
    expect(feed).toMatchObject({ after: LOG_START, head: LOG_START, lines: [] });
    expect(feed.tagKeyHex).toMatch(/^[0-9a-f]{64}$/);
    expect(feed.hasImportedTokens).toBe(false);
  });

  test('tells all of a short one, in order, every line with a mark of its own', async () => {
    await addLines(5);
    const { feed } = await store.read({ fromSeq: null });
    expect(feed.after).toEqual(LOG_START);
    expect(feed.lines.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(feed.lines.map(({ mark }) => mark)).size).toBe(5);
    for (const { mark } of feed.lines) expect(Number.isSafeInteger(mark)).toBe(true);
    expect(feed.head).toMatchObject({ seq: 5, mark: feed.lines[4]?.mark });
  });

  test.for([
    { what: 'the head', fromSeq: 5, afterSeq: 5, seqs: [] },
    { what: 'an earlier line', fromSeq: 3, afterSeq: 3, seqs: [4, 5] },
    { what: 'the first line', fromSeq: 1, afterSeq: 1, seqs: [2, 3, 4, 5] },
    { what: 'before the first line', fromSeq: 0, afterSeq: 0, seqs: [1, 2, 3, 4, 5] },
    { what: 'a line that is not there any more', fromSeq: 9, afterSeq: 5, seqs: [] },
  ])('from $what says where it begins', async ({ fromSeq, afterSeq, seqs }) => {
    await addLines(5);
    const whole = await store.read({ fromSeq: null });
    const { feed } = await store.read({ fromSeq });
    const mark = whole.feed.lines.find(({ seq }) => seq === afterSeq)?.mark ?? LOG_START.mark;
    expect(feed.after).toMatchObject({ seq: afterSeq, mark });
    expect(feed.lines.map(({ seq }) => seq)).toEqual(seqs);
    expect(feed.head.seq).toBe(5);
  });

  test('tells the newest lines of a long one, and that there are older ones', async () => {
    await addLines(FEED_WINDOW_LINES + 10);
    for (const fromSeq of [null, 0, 5]) {
      const { feed } = await store.read({ fromSeq });
      expect(feed.after.seq).toBe(fromSeq === 5 ? 9 + 1 : 10);
      expect(feed.lines).toHaveLength(FEED_WINDOW_LINES);
      expect(feed.head.seq).toBe(FEED_WINDOW_LINES + 10);
    }
  });

  test('says so when older lines were dropped', async () => {
    await addLines(10);
    await env.DB.prepare('DELETE FROM changes WHERE seq <= 6').run();
    for (const fromSeq of [null, 0, 3]) {
      const { feed } = await store.read({ fromSeq });
      expect(feed.after.seq).toBe(7);
      expect(feed.lines.map(({ seq }) => seq)).toEqual([8, 9, 10]);
    }
  });

  test('names tokens and patterns', async () => {
    await env.DB.prepare(
      `INSERT INTO changes (token_hash, pattern, changed_at_ms)
       VALUES ('${'ab'.repeat(32)}', NULL, 0), (NULL, 'https://a.test', 0)`,
    ).run();
    const { feed } = await store.read({ fromSeq: null });
    expect(feed.lines.map(({ subject }) => subject)).toEqual([
      'token:abababababababab',
      'pattern:https://a.test',
    ]);
  });

  test('tells whether a token was imported', async () => {
    await addKey('key_1');
    await env.DB.prepare(
      "INSERT INTO tokens (token_hash, key_id, created_at_ms, imported) VALUES ('a', 'key_1', 0, 1)",
    ).run();
    expect((await store.read({ fromSeq: null })).feed.hasImportedTokens).toBe(true);
  });

  test.for([
    { what: 'missing', statement: "DELETE FROM settings WHERE name = 'token_tag_key'" },
    {
      what: 'not one',
      statement: "UPDATE settings SET value = 'xyz' WHERE name = 'token_tag_key'",
    },
  ])('rejects when the tag key is $what', async ({ statement }) => {
    await env.DB.prepare(statement).run();
    await expect(store.read({ fromSeq: null })).rejects.toThrow('apply schema.sql');
  });
});

describe('a look-up', () => {
  test('answers for nothing that it was not asked', async () => {
    const answer = await store.read({ fromSeq: null });
    expect('key' in answer || 'registered' in answer).toBe(false);
  });

  test.for([
    { what: 'an unknown token', hash: 'x', expected: null },
    { what: 'a token of a key', hash: 'a', expected: { id: 'key_1' } },
    { what: 'another token of it', hash: 'b', expected: { id: 'key_1' } },
    { what: 'a token of a revoked key', hash: 'c', expected: 'revoked' },
    { what: 'a token of a disabled key', hash: 'd', expected: { id: 'key_3' } },
  ])('finds $what', async ({ hash, expected }) => {
    await addKey('key_1', { owner: 'acct_1' });
    await addKey('key_2', { revoked_at_ms: 5 });
    await addKey('key_3', { enabled: 0 });
    for (const [token, key] of ['a1', 'b1', 'c2', 'd3']) await addToken(`${token}`, `key_${key}`);
    expect(await store.read({ fromSeq: null, tokenHash: hash })).toHaveProperty(
      'key',
      typeof expected === 'object' && expected !== null
        ? expect.objectContaining(expected)
        : expected,
    );
  });

  test('hands a key over as it is stored', async () => {
    await addKey('key_1', {
      owner: 'acct_1',
      kind: 'cors',
      allowed_origins: '["https://a.test"]',
      full_access: 1,
      rules: '[{"methods":["get"],"resources":["/a"]}]',
      expires_at_ms: 50,
    });
    await addToken('a', 'key_1', 40);
    expect((await store.read({ fromSeq: null, tokenHash: 'a' })).key).toEqual({
      id: 'key_1',
      owner: 'acct_1',
      kind: 'cors',
      allowedOrigins: ['https://a.test'],
      fullAccess: true,
      rules: [{ methods: ['get'], resources: ['/a'] }],
      enabled: true,
      expiresAtMs: 40,
    });
  });

  test.for([
    { key: null, token: null, expected: null },
    { key: 50, token: null, expected: 50 },
    { key: null, token: 40, expected: 40 },
    { key: 50, token: 60, expected: 50 },
  ])('ends a key at $key whose token ends at $token', async ({ key, token, expected }) => {
    await addKey('key_1', { expires_at_ms: key });
    await addToken('a', 'key_1', token);
    const { key: found } = await store.read({ fromSeq: null, tokenHash: 'a' });
    expect(found).toHaveProperty('expiresAtMs', expected);
  });

  test.for([
    { what: 'no key lists', patterns: ['https://x.test', '*'], untilMs: null },
    { what: 'one lists for a while', patterns: ['*', 'https://a.test'], untilMs: 50 },
    { what: 'several list', patterns: ['https://b.test'], untilMs: 90 },
    {
      what: 'a pattern of several admits',
      patterns: ['https://a.test', 'https://b.test'],
      untilMs: 90,
    },
    { what: 'is asked for without a pattern', patterns: [], untilMs: null },
    { what: 'is asked for with a quote in it', patterns: [`'"]`], untilMs: null },
  ])('tells how long an origin is registered that $what', async ({ patterns, untilMs }) => {
    await addKey('key_1');
    await addKey('key_2');
    await env.DB.prepare(
      `INSERT INTO origins (pattern, expires_at_ms, key_id)
       VALUES ('https://a.test', 50, 'key_1'), ('https://b.test', 70, 'key_1'),
              ('https://b.test', 90, 'key_2')`,
    ).run();
    const { registered } = await store.read({ fromSeq: null, patterns });
    const pattern = patterns.at(-1);
    expect(registered).toEqual(untilMs === null ? null : { pattern, untilMs });
  });
});
