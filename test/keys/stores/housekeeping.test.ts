/**
 * The rows that the scheduled run removes and those that it keeps, on the real D1 and under the whole
 * Worker. In particular, a log without its beginning lets in no key that was revoked there.
 */

import { createExecutionContext, createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import type { Env } from '../../../src/config/env.ts';
import { readConfig } from '../../../src/config/read-config.ts';
import worker from '../../../src/index.ts';
import { FEED_MEMORY_LINES, KEY_TRIMS_PER_RUN, TRIMS_PER_RUN } from '../../../src/keys/limits.ts';
import { ChangeFeed } from '../../../src/keys/lookup/change-feed.ts';
import { createKeyStore } from '../../../src/keys/stores/d1.ts';
import { runHousekeeping } from '../../../src/keys/stores/housekeeping.ts';
import type { LogPosition, Subject } from '../../../src/keys/types.ts';
import type { Deployment } from '../../contract/deployment.ts';
import { createRandom } from '../../keys-model/random.ts';
import { deploy, EDGE_URL, freshStorage } from '../../support/workers.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const NOW_MS = Date.UTC(2026, 10, 26, 12);
const NEVER_MS = Number.MAX_SAFE_INTEGER;
/** The steps of the isolates that poll while the log is trimmed. */
const STEPS = inject('isNightly') ? 1_000 : 150;
const retention = { keyDays: 30, changeDays: 20, auditDays: 10 };
/** The last moment that is kept, and the one before it. */
const kept = (days: number) => NOW_MS - days * DAY_MS;
const old = (days: number) => kept(days) - 1;

const run = () => runHousekeeping(env.DB, { nowMs: NOW_MS, retention });

async function runUntilNothingGoes(): Promise<number> {
  for (let runs = 1; ; runs++) if ((await run()).rowsDropped === 0) return runs;
}

beforeEach(async () => {
  await freshStorage();
});

describe('keys', () => {
  const staying: readonly (readonly [name: string, columns: Columns])[] = [
    ['that work', {}],
    ['that work and were never used', { created_at_ms: 1 }],
    ['that will expire', { expires_at_ms: NOW_MS + 1 }],
    ['that expired just now', { expires_at_ms: NOW_MS }],
    ['that expired as long ago as is kept', { expires_at_ms: kept(30) }],
    ['that were revoked as long ago as is kept', { revoked_at_ms: kept(30) }],
    ['that are disabled, however long', { enabled: 0 }],
    // Whose expiry came first. The end that counts for it is the revocation.
    [
      'that expired long ago and were revoked recently',
      { expires_at_ms: old(30), revoked_at_ms: kept(30) },
    ],
  ];
  test.each(staying)('stay with their tokens and origins: those %s', async (_, columns) => {
    await addKey('key_a', columns);
    await runUntilNothingGoes();
    expect(await count('keys')).toBe(1);
    expect(await count('tokens')).toBe(1);
    expect(await count('origins')).toBe('revoked_at_ms' in columns ? 0 : 1);
  });

  const going: readonly (readonly [name: string, columns: Columns])[] = [
    ['that expired longer ago', { expires_at_ms: old(30) }],
    ['that were revoked longer ago', { revoked_at_ms: old(30) }],
    ['that were revoked longer ago, before their end', { revoked_at_ms: 1, expires_at_ms: NOW_MS }],
    ['that were disabled and expired longer ago', { enabled: 0, expires_at_ms: old(30) }],
  ];
  test.each(going)('go with their tokens and origins: those %s', async (_, columns) => {
    await addKey('key_a', columns);
    await addKey('key_b');
    await run();
    expect(await column('keys', 'id')).toEqual(['key_b']);
    expect(await column('tokens', 'key_id')).toEqual(['key_b']);
    expect(await column('origins', 'key_id')).toEqual(['key_b']);
  });

  test('leave their audit and their usage behind', async () => {
    await addKey('key_a', { revoked_at_ms: old(30) });
    await addAudit(kept(10), 'key_a');
    await insert('usage_daily', {
      key_id: 'key_a',
      day: '2026-01-01',
      outcome: 'allowed',
      requests: 1,
    });
    await run();
    expect(await count('keys')).toBe(0);
    expect(await column('audit', 'key_id')).toEqual(['key_a']);
    expect(await column('usage_daily', 'key_id')).toEqual(['key_a']);
  });

  test('lose a token that a roll ended longer ago, and no other', async () => {
    await addKey('key_a');
    for (const [hash, expires_at_ms] of [
      ['ended', old(30)],
      ['ended recently', kept(30)],
      ['in grace', NOW_MS + 1],
    ] as const) {
      await insert('tokens', {
        token_hash: hash,
        key_id: 'key_a',
        created_at_ms: 1,
        expires_at_ms,
      });
    }
    await run();
    expect(await column('tokens', 'token_hash')).toEqual([
      'ended recently',
      'hash of key_a',
      'in grace',
    ]);
    expect(await count('keys')).toBe(1);
  });

  test('go in bounded numbers, the longest dead first', async () => {
    await env.DB.batch([
      numbers(
        `INSERT INTO keys (id, name, kind, hint, created_at_ms, revoked_at_ms)
         SELECT 'key_' || n, '', 'backend', '', 0, 1000 - n FROM number`,
        250,
      ),
      numbers(
        `INSERT INTO tokens (token_hash, key_id, created_at_ms)
         SELECT 'hash ' || n, 'key_' || n, 0 FROM number`,
        250,
      ),
    ]);
    await run();
    expect(await count('keys')).toBe(250 - KEY_TRIMS_PER_RUN);
    expect(await count('tokens')).toBe(250 - KEY_TRIMS_PER_RUN);
    const [newestLeft] = await query('SELECT max(revoked_at_ms) AS newest FROM keys');
    expect(newestLeft).toEqual({ newest: 999 });
    await runUntilNothingGoes();
    expect(await count('keys')).toBe(0);
    expect(await count('tokens')).toBe(0);
  });
});

describe('the audit', () => {
  test('keeps every line that is not older, and loses every one that is', async () => {
    for (const atMs of [1, old(10), kept(10), NOW_MS]) await addAudit(atMs, 'key_a');
    await run();
    expect(await column('audit', 'at_ms')).toEqual([kept(10), NOW_MS]);
  });

  test('goes in bounded numbers', async () => {
    await numbers(
      `INSERT INTO audit (at_ms, actor, action, key_id, request_id)
       SELECT n, '', '', '', '' FROM number`,
      2 * TRIMS_PER_RUN + 1,
    ).run();
    await run();
    expect(await count('audit')).toBe(TRIMS_PER_RUN + 1);
    await runUntilNothingGoes();
    expect(await count('audit')).toBe(0);
  });
});

test('answers go when they have expired, not before, and in bounded numbers', async () => {
  await insert('idempotency', anAnswer('valid', NOW_MS + 1));
  await numbers(
    `INSERT INTO idempotency (caller, key_hash, request_hash, answer, expires_at_ms)
     SELECT '', 'expired ' || n, '', '', ${NOW_MS} FROM number`,
    TRIMS_PER_RUN + 1,
  ).run();
  await run();
  expect(await count('idempotency')).toBe(2);
  await runUntilNothingGoes();
  expect(await column('idempotency', 'key_hash')).toEqual(['valid']);
});

describe('the change log', () => {
  test('keeps its newest lines, however old they are', async () => {
    await addLines(FEED_MEMORY_LINES + 3, 1);
    await runUntilNothingGoes();
    expect(await column('changes', 'seq')).toEqual(
      Array.from({ length: FEED_MEMORY_LINES }, (_, index) => index + 4),
    );
    const { feed } = await createKeyStore(env.DB).read({ fromSeq: null });
    expect(feed.head.seq).toBe(FEED_MEMORY_LINES + 3);
  });

  test('keeps lines that are not older, and everything after them', async () => {
    await addLines(3, old(20));
    await addLines(1, kept(20));
    // Written by an isolate whose clock is behind. Dropped alone, it would be a hole in the log.
    await addLines(2, 1);
    await addLines(FEED_MEMORY_LINES, NOW_MS);
    await runUntilNothingGoes();
    const [{ first, lines } = {}] = await query(
      'SELECT min(seq) AS first, count(*) AS lines FROM changes',
    );
    expect({ first, lines }).toEqual({ first: 4, lines: FEED_MEMORY_LINES + 3 });
  });

  test('goes in bounded numbers', async () => {
    await addLines(FEED_MEMORY_LINES + 2 * TRIMS_PER_RUN + 1, 1);
    for (const left of [TRIMS_PER_RUN + 1, 1, 0]) {
      await run();
      expect(await count('changes')).toBe(FEED_MEMORY_LINES + left);
    }
    expect((await run()).rowsDropped).toBe(0);
  });

  test('gives out no seq again', async () => {
    await addLines(FEED_MEMORY_LINES + 1, 1);
    await run();
    await addLines(1, NOW_MS);
    expect(await query('SELECT max(seq) AS head FROM changes')).toEqual([
      { head: FEED_MEMORY_LINES + 2 },
    ]);
  });

  test('that lost the line of an isolate makes it start afresh, and hides no change', async () => {
    const store = createKeyStore(env.DB);
    const feed = new ChangeFeed();
    await addLines(1, 1, 'before');
    const first = await store.read({ fromSeq: null });
    feed.apply(first.feed, 1, 2);
    expect(feed.vouchesFor(first.feed.head, ['pattern:revoked'])).toBe(true);

    await addLines(1, 1, 'revoked');
    await addLines(FEED_MEMORY_LINES + 10, 1);
    await runUntilNothingGoes();
    expect(await query(`SELECT 1 FROM changes WHERE pattern = 'revoked'`)).toEqual([]);

    const next = await store.read({ fromSeq: feed.headSeq });
    expect(feed.apply(next.feed, 3, 4)).toBe('restarted');
    expect(feed.vouchesFor(first.feed.head, ['pattern:revoked'])).toBe(false);
    expect(feed.vouchesFor(next.feed.head, ['pattern:revoked'])).toBe(true);
  });

  test('is right for isolates that poll at any time while it is trimmed', async () => {
    const store = createKeyStore(env.DB);
    const random = createRandom(11);
    const pick = (below: number) => Math.floor(random() * below);
    const subjects = Array.from({ length: 5 }, (_, index) => `subject ${index}`);
    const lastChange = new Map<Subject, number>();
    const isolates = Array.from({ length: 3 }, () => new ChangeFeed());
    const copies: { at: LogPosition; subject: Subject }[] = [];
    const outcomes = { vouched: 0, refused: 0, restarted: 0, continued: 0 };
    let dropped = 0;
    let head = 0;
    for (let step = 1; step <= STEPS; step++) {
      const feed = isolates[pick(isolates.length)]!;
      const action = pick(10);
      if (action < 3) {
        const subject = subjects[pick(subjects.length)]!;
        await addLines(1, 1, subject);
        lastChange.set(`pattern:${subject}`, ++head);
      } else if (action === 3) {
        const lines = 500 + pick(FEED_MEMORY_LINES / 2);
        await addLines(lines, 1);
        head += lines;
      } else if (action < 6) {
        dropped += (await run()).rowsDropped;
      } else {
        const known = feed.isKnown ? feed.headSeq : null;
        const answer = await store.read({ fromSeq: known });
        const progress = feed.apply(answer.feed, step, step);
        if (known !== null) outcomes[progress]++;
        // As a key read in the same transaction, put where every isolate finds it.
        const subject: Subject = `pattern:${subjects[pick(subjects.length)]}`;
        copies.push({ at: answer.feed.head, subject });
      }
      for (const { at, subject } of copies) {
        const isVouchedFor = feed.vouchesFor(at, [subject]);
        outcomes[isVouchedFor ? 'vouched' : 'refused']++;
        const changedAt = lastChange.get(subject) ?? 0;
        // Of what came after its head, the isolate has not heard yet.
        const hasChanged = changedAt > at.seq && changedAt <= feed.headSeq;
        if (hasChanged) expect(isVouchedFor).toBe(false);
      }
    }
    // All of it happened, or this would prove nothing.
    expect(dropped).toBeGreaterThan(10 * TRIMS_PER_RUN);
    for (const times of Object.values(outcomes)) expect(times).toBeGreaterThan(5);
  }, 120_000);
});

test('a run with nothing to do reads a handful of rows, however much D1 holds', async () => {
  const much = 5_000;
  await env.DB.batch([
    numbers(
      `INSERT INTO keys (id, name, kind, hint, created_at_ms, expires_at_ms, revoked_at_ms)
       SELECT 'key_' || n, '', 'backend', '', 0, iif(n % 2, ${NOW_MS}, NULL),
              iif(n % 3, NULL, ${NOW_MS}) FROM number`,
      much,
    ),
    numbers(
      `INSERT INTO tokens (token_hash, key_id, created_at_ms, expires_at_ms)
       SELECT 'hash ' || n, 'key_' || n, 0, iif(n % 2, ${NOW_MS}, NULL) FROM number`,
      much,
    ),
    numbers(
      `INSERT INTO audit (at_ms, actor, action, key_id, request_id)
       SELECT ${NOW_MS}, '', '', '', '' FROM number`,
      much,
    ),
    numbers(
      `INSERT INTO idempotency (caller, key_hash, request_hash, answer, expires_at_ms)
       SELECT '', n, '', '', ${NOW_MS + 1} FROM number`,
      much,
    ),
  ]);
  await addLines(FEED_MEMORY_LINES + much, NOW_MS);
  const { rowsRead, rowsDropped } = await run();
  expect(rowsDropped).toBe(0);
  expect(rowsRead).toBeLessThanOrEqual(40);
});

describe('the settings', () => {
  const names = ['KEY_RETENTION_DAYS', 'AUDIT_RETENTION_DAYS', 'CHANGE_RETENTION_DAYS'] as const;
  for (const name of names) {
    test.each(['0', '-1', '1.5', 'for ever', '3661'])(`refuse ${name} = %s`, async (value) => {
      expect(await readConfig({ ...env, [name]: value })).toMatchObject({
        ok: false,
        problems: [{ name, value, reason: 'it is not a whole number from 1 to 3660' }],
      });
    });
  }
});

describe('the scheduled run', () => {
  const nowMs = Date.now();
  const scheduled = (vars: Partial<Env>) =>
    worker.scheduled(createScheduledController(), { ...env, ...vars });
  const threeDaysAgoMs = nowMs - 3 * DAY_MS;

  beforeEach(async () => {
    await addKey('key_a', { revoked_at_ms: threeDaysAgoMs });
    await addAudit(threeDaysAgoMs, 'key_a');
    await addLines(1, threeDaysAgoMs);
    await addLines(FEED_MEMORY_LINES, nowMs);
    await insert('ended_sessions', { id: 'over', until_ms: nowMs - 1 });
    await insert('ended_sessions', { id: 'not over', until_ms: nowMs + DAY_MS });
    await insert('refused_origins', aRefusal('https://old.example', threeDaysAgoMs));
    await insert('refused_origins', aRefusal('https://new.example', nowMs));
  });

  test('drops nothing of all this by default but what has expired', async () => {
    await scheduled({});
    expect(await count('keys')).toBe(1);
    expect(await count('audit')).toBe(1);
    expect(await count('changes')).toBe(FEED_MEMORY_LINES + 1);
    expect(await count('refused_origins')).toBe(2);
    expect(await column('ended_sessions', 'id')).toEqual(['not over']);
  });

  const settings = [
    ['KEY_RETENTION_DAYS', 'keys', 0],
    ['AUDIT_RETENTION_DAYS', 'audit', 0],
    ['CHANGE_RETENTION_DAYS', 'changes', FEED_MEMORY_LINES],
    ['USAGE_RETENTION_DAYS', 'refused_origins', 1],
  ] as const;
  test.each(settings)('drops what %s says', async (name, table, left) => {
    const tables = settings.map(([, other]) => other);
    const before = Object.fromEntries(
      await Promise.all(tables.map(async (other) => [other, await count(other)] as const)),
    );
    await scheduled({ [name]: '2' });
    for (const other of tables) {
      expect(await count(other), other).toBe(other === table ? left : before[other]);
    }
  });

  test('does the rest when a part fails, and tells of the failure', async () => {
    await env.DB.prepare('DROP TABLE idempotency').run();
    await expect(scheduled({ AUDIT_RETENTION_DAYS: '2', KEY_RETENTION_DAYS: '2' })).rejects.toThrow(
      'idempotency',
    );
    expect(await count('audit')).toBe(0);
    expect(await count('keys')).toBe(0);
  });
});

describe('the edge', () => {
  let deployment: Deployment;
  beforeEach(async () => {
    deployment = await deploy();
  });
  afterEach(() => deployment.dispose());

  test('refuses a revoked key whose line, row and tombstone are gone, whatever KV kept', async () => {
    const key = await deployment.createKey({ name: 'to be revoked' });
    expect(await statusInFreshIsolate(key.token)).toBe(200);
    const copies = await vi.waitUntil(async () => {
      const all = Object.entries(await deployment.copies());
      return all.some(([, value]) => value.includes(key.id)) ? all : null;
    });
    const revoked = await deployment.call({
      method: 'DELETE',
      target: `/_edge/v1/keys/${key.id}`,
      headers: [['Authorization', `Bearer ${deployment.adminToken}`]],
    });
    expect(revoked.status).toBe(204);

    await addLines(FEED_MEMORY_LINES, 1);
    const laterMs = Date.now() + 1000 * DAY_MS;
    const days = { keyDays: 1, changeDays: 1, auditDays: 1 };
    for (let left = 1; left > 0; ) {
      left = (await runHousekeeping(env.DB, { nowMs: laterMs, retention: days })).rowsDropped;
    }
    expect(await count('keys')).toBe(0);
    expect(await column('changes', 'token_hash')).toEqual(
      Array.from({ length: FEED_MEMORY_LINES }, () => null),
    );
    // What a data centre may see that has not heard of the tombstone.
    for (const [name, value] of copies) await env.KEYS.put(name, value);
    expect(await statusInFreshIsolate(key.token)).toBe(401);
    // And the isolate that knew the key, and polled from a line that is gone.
    const again = await deployment.call({
      target: '/api/stream/1',
      headers: [['Authorization', `Bearer ${key.token}`]],
    });
    expect(again.status).toBe(401);
  });

  test('lets a key in whose lines are gone', async () => {
    const key = await deployment.createKey({ name: 'in use' });
    await addLines(FEED_MEMORY_LINES, 1);
    await runUntilNothingGoes();
    expect(await statusInFreshIsolate(key.token)).toBe(200);
  });

  async function statusInFreshIsolate(token: string): Promise<number> {
    // A new object is a new isolate to the Worker's entry; an id of its own, a data centre of its own.
    const fresh: Env = {
      ...env,
      CF_VERSION_METADATA: { id: crypto.randomUUID(), tag: '', timestamp: '' },
      USAGE_FLUSH_SECONDS: '0',
      USAGE: { send: async () => ({}) } as unknown as Queue<string>,
    };
    const request = new Request(`${EDGE_URL}/api/stream/1`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    const response = await worker.fetch(request as never, fresh, createExecutionContext());
    await response.text();
    return response.status;
  }
});

type Columns = Readonly<Record<string, string | number | null>>;

/** A CORS key with a token and, unless it was revoked, an origin. */
async function addKey(id: string, columns: Columns = {}): Promise<void> {
  await insert('keys', {
    id,
    name: '',
    kind: 'cors',
    allowed_origins: '["https://app.example"]',
    hint: '',
    created_at_ms: 1,
    ...columns,
  });
  await insert('tokens', { token_hash: `hash of ${id}`, key_id: id, created_at_ms: 1 });
  if ('revoked_at_ms' in columns) return;
  await insert('origins', {
    pattern: 'https://app.example',
    expires_at_ms: columns['expires_at_ms'] ?? NEVER_MS,
    key_id: id,
  });
}

function addAudit(atMs: number, keyId: string): Promise<void> {
  return insert('audit', {
    at_ms: atMs,
    actor: 'operator',
    action: 'edit',
    key_id: keyId,
    request_id: '',
  });
}

/** Lines of the log about a pattern, written at this time. */
async function addLines(lines: number, atMs: number, pattern = 'filler'): Promise<void> {
  await numbers(
    `INSERT INTO changes (pattern, changed_at_ms) SELECT '${pattern}', ${atMs} FROM number`,
    lines,
  ).run();
}

function anAnswer(keyHash: string, expiresAtMs: number): Columns {
  return {
    caller: '',
    key_hash: keyHash,
    request_hash: '',
    answer: '{}',
    expires_at_ms: expiresAtMs,
  };
}

function aRefusal(origin: string, atMs: number): Columns {
  return { key_id: 'key_a', origin, code: 'origin_not_allowed', last_at_ms: atMs, count: 1 };
}

async function insert(table: string, row: Columns): Promise<void> {
  const names = Object.keys(row);
  await env.DB.prepare(
    `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
  )
    .bind(...Object.values(row))
    .run();
}

/** A statement over the numbers from 1 to `upTo`. */
function numbers(statement: string, upTo: number): D1PreparedStatement {
  return env.DB.prepare(
    `WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
     ${statement}`,
  ).bind(upTo);
}

async function count(table: string): Promise<number> {
  const [row] = await query(`SELECT count(*) AS rows FROM ${table}`);
  return Number(row?.['rows']);
}

async function column(table: string, name: string): Promise<readonly unknown[]> {
  const rows = await query(`SELECT ${name} FROM ${table} ORDER BY 1`);
  return rows.map((row) => row[name]);
}

async function query(statement: string): Promise<readonly Record<string, unknown>[]> {
  return (await env.DB.prepare(statement).all()).results;
}
