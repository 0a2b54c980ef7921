/**
 * The position that a read replica's answer is true at, on the real D1: each case is what the replica's log
 * holds, as seen by an isolate whose window ends with one of its lines.
 */

import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, test } from 'vitest';
import { FEED_WINDOW_LINES } from '../../../src/keys/limits.ts';
import { createNearReplica } from '../../../src/keys/stores/near-replica.ts';
import { LOG_START, type LogPosition, type NearRequest } from '../../../src/keys/types.ts';
import { applySchema } from '../../support/workers.ts';

const TOKEN = 'a'.repeat(64);
const OTHER_TOKEN = 'b'.repeat(64);
const PATTERN = 'https://a.example';
const KID = 'k'.repeat(30);
/** The line that the isolate's window ends with. */
const HEAD: LogPosition = { seq: 10, mark: 1010 };

beforeEach(async () => {
  await applySchema();
  const tables = ['minting_tokens', 'origins', 'tokens', 'keys', 'changes'];
  await env.DB.batch([
    ...tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
    env.DB.prepare(
      "INSERT INTO keys (id, name, kind, allowed_origins, hint, created_at_ms) VALUES ('key_1', 'key', 'cors', '[\"https://a.example\"]', '', 0)",
    ),
    env.DB.prepare('INSERT INTO tokens (token_hash, key_id, created_at_ms) VALUES (?, ?, 0)').bind(
      TOKEN,
      'key_1',
    ),
    env.DB.prepare("INSERT INTO origins VALUES (?, 9007199254740991, 'key_1')").bind(PATTERN),
    env.DB.prepare('INSERT INTO minting_tokens VALUES (?, ?, ?)').bind(KID, TOKEN, 'public'),
  ]);
});

interface Line {
  readonly seq: number;
  readonly mark?: number;
  readonly token?: string;
  readonly pattern?: string;
}

async function writeLog(lines: readonly Line[]): Promise<void> {
  if (lines.length === 0) return;
  const insert = env.DB.prepare(
    'INSERT INTO changes (seq, mark, token_hash, pattern, changed_at_ms) VALUES (?, ?, ?, ?, 0)',
  );
  await env.DB.batch(
    lines.map(({ seq, mark = 1000 + seq, token, pattern }) =>
      insert.bind(seq, mark, pattern ? null : (token ?? OTHER_TOKEN), pattern ?? null),
    ),
  );
}

const byToken = { tokenHash: TOKEN };
const byPattern = { patterns: [PATTERN, '*'] };
const byKid = { kid: KID };
type Asked = Omit<NearRequest, 'head'>;

const positions: readonly {
  readonly what: string;
  readonly lines: readonly Line[];
  readonly asked: Asked;
  readonly head?: LogPosition;
  readonly at: LogPosition;
}[] = [
  { what: 'the head is its newest line', lines: [{ seq: 10 }], asked: byToken, at: HEAD },
  {
    what: 'later lines are about others',
    lines: [{ seq: 10 }, { seq: 11 }, { seq: 12, pattern: 'https://b.example' }],
    asked: { ...byToken, ...byPattern, ...byKid },
    at: HEAD,
  },
  {
    what: 'the line at the head names the token itself',
    lines: [{ seq: 9 }, { seq: 10, token: TOKEN }, { seq: 11 }],
    asked: byToken,
    at: HEAD,
  },
  {
    what: 'a later line names the token',
    lines: [{ seq: 10 }, { seq: 11, token: TOKEN }, { seq: 12 }],
    asked: byToken,
    at: { seq: 12, mark: 1012 },
  },
  {
    what: 'a later line names an asked pattern',
    lines: [{ seq: 10 }, { seq: 11, pattern: '*' }],
    asked: byPattern,
    at: { seq: 11, mark: 1011 },
  },
  {
    what: 'a later line names the pattern that is asked alongside the token',
    lines: [{ seq: 10 }, { seq: 11, pattern: PATTERN }],
    asked: { ...byToken, ...byPattern },
    at: { seq: 11, mark: 1011 },
  },
  {
    what: 'a later line names the token that has the kid',
    lines: [{ seq: 10 }, { seq: 11, token: TOKEN }],
    asked: byKid,
    at: { seq: 11, mark: 1011 },
  },
  {
    what: 'it is behind the head',
    lines: [{ seq: 8 }, { seq: 9 }],
    asked: byToken,
    at: { seq: 9, mark: 1009 },
  },
  {
    what: 'housekeeping has dropped the line at the head',
    lines: [{ seq: 11 }, { seq: 12 }],
    asked: byToken,
    at: { seq: 12, mark: 1012 },
  },
  {
    what: 'another line has the seq of the head, after a restore',
    lines: [{ seq: 10, mark: 7 }, { seq: 11 }],
    asked: byToken,
    at: { seq: 11, mark: 1011 },
  },
  {
    what: 'another line has the seq of the head and is the newest',
    lines: [{ seq: 10, mark: 7 }],
    asked: byToken,
    at: { seq: 10, mark: 7 },
  },
  { what: 'its log is empty', lines: [], asked: byToken, at: LOG_START },
  {
    what: 'the isolate knows no line yet',
    lines: [{ seq: 1, token: TOKEN }],
    asked: byToken,
    head: LOG_START,
    at: { seq: 1, mark: 1001 },
  },
  {
    what: 'as many lines follow as a window holds',
    lines: [{ seq: 10 }, { seq: 10 + FEED_WINDOW_LINES }],
    asked: byToken,
    at: HEAD,
  },
  {
    what: 'the last line that a window holds names the token',
    lines: [{ seq: 10 }, { seq: 10 + FEED_WINDOW_LINES, token: TOKEN }],
    asked: byToken,
    at: { seq: 10 + FEED_WINDOW_LINES, mark: 1010 + FEED_WINDOW_LINES },
  },
  {
    what: 'more lines follow than it looks through',
    lines: [{ seq: 10 }, { seq: 11 + FEED_WINDOW_LINES }],
    asked: byToken,
    at: { seq: 11 + FEED_WINDOW_LINES, mark: 1011 + FEED_WINDOW_LINES },
  },
];

describe('the answer of a near replica', () => {
  test.for(positions)('is true at $at.seq if $what', async ({ lines, asked, head, at }) => {
    await writeLog(lines);
    const answer = await createNearReplica(env.DB).read({ ...asked, head: head ?? HEAD });
    expect(answer.at).toEqual(at);
  });

  test('holds what was asked, and nothing else', async () => {
    await writeLog([{ seq: 10 }]);
    const near = createNearReplica(env.DB);
    const known = { id: 'key_1', kind: 'cors' };
    expect(await near.read({ ...byToken, head: HEAD })).toEqual({
      key: expect.objectContaining(known),
      at: HEAD,
      isFromPrimary: true,
    });
    expect(await near.read({ ...byToken, ...byPattern, ...byKid, head: HEAD })).toMatchObject({
      key: known,
      registered: { pattern: PATTERN },
      parent: { tokenHash: TOKEN, key: known },
    });
    expect((await near.read({ tokenHash: OTHER_TOKEN, head: HEAD })).key).toBeNull();
    await env.DB.prepare('UPDATE keys SET revoked_at_ms = 1').run();
    expect((await near.read({ ...byToken, head: HEAD })).key).toBe('revoked');
  });

  test.for([
    { servedByPrimary: true, isFromPrimary: true },
    { servedByPrimary: false, isFromPrimary: false },
    // Outside Cloudflare there is no replica.
    { servedByPrimary: undefined, isFromPrimary: true },
  ])('comes from the primary: served_by_primary is $servedByPrimary', async (row) => {
    await writeLog([{ seq: 10 }]);
    const { db } = watched(row.servedByPrimary);
    const answer = await createNearReplica(db).read({ ...byToken, head: HEAD });
    expect(answer.isFromPrimary).toBe(row.isFromPrimary);
  });

  test('is read in one batch, on whichever instance is nearest', async () => {
    await writeLog([{ seq: 10 }]);
    const { db, seen } = watched(false);
    await createNearReplica(db).read({ ...byToken, ...byPattern, ...byKid, head: HEAD });
    expect(seen).toEqual(['session first-unconstrained', 'batch of 5']);
  });
});

/** The real D1, which notes how it is asked and says which instance answers: only Cloudflare's says that. */
function watched(servedByPrimary: boolean | undefined) {
  const seen: string[] = [];
  const db = {
    prepare: (statement: string) => env.DB.prepare(statement),
    withSession(constraint: string) {
      seen.push(`session ${constraint}`);
      const session = env.DB.withSession(constraint);
      return {
        async batch(statements: D1PreparedStatement[]) {
          seen.push(`batch of ${statements.length}`);
          const results = await session.batch(statements);
          return results.map((result) => ({
            ...result,
            meta: { ...result.meta, served_by_primary: servedByPrimary },
          }));
        },
      };
    },
  };
  return { db: db as unknown as D1Database, seen };
}
