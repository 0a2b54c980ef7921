import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { createAdminStore } from '../../../src/keys/admin/store.ts';
import type {
  AdminStore,
  AuditFilter,
  ChangeNote,
  KeptAnswer,
  ManagedKey,
  ManagedKeys,
} from '../../../src/keys/admin/types.ts';
import { noFilter } from '../../support/no-filter.ts';
import { aKey, freshStorage } from '../../support/workers.ts';

const A = 'https://a.example';
const B = 'https://b.example';
const C = 'https://c.example';
const NEVER = Number.MAX_SAFE_INTEGER;
const NOW = 1_800_000_000_000;
const MINUTE = 60 * 1000;

let store: AdminStore;
let keys: ManagedKeys;

beforeEach(async () => {
  await freshStorage();
  store = createAdminStore(env.DB);
  ({ keys } = store);
});

const page = (overrides: Partial<ManagedKey> = {}) =>
  aKey({ allowedOrigins: [A, B], owner: 'acct_1', ...overrides });

function aNote(overrides: Partial<ChangeNote> = {}): ChangeNote {
  return {
    atMs: NOW,
    actor: 'operator',
    requestId: 'request-1',
    before: null,
    after: null,
    answer: null,
    ...overrides,
  };
}

function aKeptAnswer(overrides: Partial<KeptAnswer> = {}): KeptAnswer {
  return {
    caller: 'operator',
    keyHash: 'k',
    requestHash: 'r',
    answer: '{}',
    sealedToken: null,
    expiresAtMs: NOW + 1,
    ...overrides,
  };
}

async function rows(statement: string): Promise<readonly Record<string, unknown>[]> {
  return (await env.DB.prepare(statement).all()).results;
}

/** The log of changes after a line: hashes and patterns, in order. */
async function logAfter(seq: number): Promise<readonly unknown[]> {
  const lines = await rows(
    `SELECT coalesce(token_hash, pattern) AS subject FROM changes WHERE seq > ${seq} ORDER BY seq`,
  );
  return lines.map(({ subject }) => subject);
}

async function head(): Promise<number> {
  const [row] = await rows('SELECT coalesce(max(seq), 0) AS head FROM changes');
  return row?.['head'] as number;
}

async function index(): Promise<readonly unknown[]> {
  const lines = await rows('SELECT pattern, expires_at_ms FROM origins ORDER BY pattern');
  return lines.map((row) => [row['pattern'], row['expires_at_ms']]);
}

async function everything() {
  const tables = ['keys', 'tokens', 'origins', 'changes', 'replica_writes', 'audit', 'idempotency'];
  return Promise.all(tables.map((table) => rows(`SELECT * FROM ${table}`)));
}

const noAuditFilter: AuditFilter = {
  owner: null,
  keyId: null,
  actor: null,
  action: null,
  sinceMs: null,
  untilMs: null,
};

describe('a change of a key', () => {
  const cases: readonly (readonly [
    name: string,
    before: Partial<ManagedKey>,
    edit: Partial<ManagedKey>,
    logged: readonly string[],
    indexed: readonly unknown[],
  ])[] = [
    [
      'of its name',
      {},
      { name: 'n' },
      ['t1'],
      [
        [A, NEVER],
        [B, NEVER],
      ],
    ],
    [
      'that gains an origin',
      {},
      { allowedOrigins: [A, B, C] },
      [C, 't1'],
      [
        [A, NEVER],
        [B, NEVER],
        [C, NEVER],
      ],
    ],
    ['that loses an origin', {}, { allowedOrigins: [B] }, [A, 't1'], [[B, NEVER]]],
    [
      'that swaps an origin',
      {},
      { allowedOrigins: [C, B] },
      [A, C, 't1'],
      [
        [B, NEVER],
        [C, NEVER],
      ],
    ],
    [
      'of its reach',
      {},
      { fullAccess: true },
      ['t1'],
      [
        [A, NEVER],
        [B, NEVER],
      ],
    ],
    ['that disables it', {}, { enabled: false }, [A, B, 't1'], []],
    [
      'that enables it',
      { enabled: false },
      { enabled: true },
      [A, B, 't1'],
      [
        [A, NEVER],
        [B, NEVER],
      ],
    ],
    [
      'of its origins while it is disabled',
      { enabled: false },
      { allowedOrigins: [C] },
      ['t1'],
      [],
    ],
    [
      'that lets it expire',
      {},
      { expiresAtMs: NOW + 9 },
      [A, B, 't1'],
      [
        [A, NOW + 9],
        [B, NOW + 9],
      ],
    ],
    [
      'that lets it live on',
      { expiresAtMs: 5 },
      { expiresAtMs: null },
      [A, B, 't1'],
      [
        [A, NEVER],
        [B, NEVER],
      ],
    ],
    [
      'of its expiry and its origins',
      { expiresAtMs: 5 },
      { expiresAtMs: 6, allowedOrigins: [B, C] },
      [A, B, C, 't1'],
      [
        [B, 6],
        [C, 6],
      ],
    ],
  ];
  it.each(cases)('%s logs what isolates have to forget', async (_, of, edit, logged, indexed) => {
    const before = page(of);
    await keys.insert(before, { tokenHash: 't1' }, aNote());
    const seq = await head();
    const after = { ...before, ...edit };
    expect(await keys.update(before, after, aNote({ atMs: NOW + 1 }))).toEqual(['t1']);
    expect([...(await logAfter(seq))].sort()).toEqual([...logged].sort());
    expect(await index()).toEqual(indexed);
    expect(await keys.find(before.id)).toEqual({ ...after, version: 2, retiringEndsMs: [] });
    expect(await rows('SELECT * FROM replica_writes')).toEqual([
      { token_hash: 't1', due_seq: await head(), due_at_ms: NOW + 1 },
    ]);
  });

  it('that adds it logs its token and its origins', async () => {
    await keys.insert(page({ expiresAtMs: 7 }), { tokenHash: 't1' }, aNote());
    expect(await logAfter(0)).toEqual([A, B, 't1']);
    expect(await index()).toEqual([
      [A, 7],
      [B, 7],
    ]);
    expect(await rows('SELECT * FROM tokens')).toEqual([
      { token_hash: 't1', key_id: page().id, created_at_ms: NOW, expires_at_ms: null, imported: 0 },
    ]);
  });

  it('that rolls it tells of the old tokens until they end, the last one first', async () => {
    await keys.insert(page(), { tokenHash: 't1' }, aNote());
    const roll = (version: number, tokenHash: string, olderExpireAtMs: number) =>
      keys.roll(page({ version }), page(), { tokenHash, olderExpireAtMs }, aNote());
    await roll(1, 't2', NOW + MINUTE);
    await roll(2, 't3', NOW + 2 * MINUTE);
    const found = async (nowMs: number) => (await keys.find(page().id, nowMs))?.retiringEndsMs;
    expect(await found(NOW)).toEqual([NOW + 2 * MINUTE, NOW + MINUTE]);
    expect(await found(NOW + MINUTE)).toEqual([NOW + 2 * MINUTE]);
    const { keys: listed } = await keys.list({
      filter: { ...noFilter, owner: 'acct_1', search: 'KEY' },
      sort: 'created',
      after: { value: 2, id: '' },
      limit: 9,
      nowMs: NOW + MINUTE,
    });
    expect(listed[0]?.retiringEndsMs).toEqual([NOW + 2 * MINUTE]);
    expect(await found(NOW + 2 * MINUTE)).toEqual([]);
    expect(await keys.livingAmong([page().id, 'key_other'])).toEqual(new Set([page().id]));
  });

  it('that revokes it logs every live token and every origin, and empties the index', async () => {
    await keys.insert(page(), { tokenHash: 't1' }, aNote());
    await keys.roll(page(), page(), { tokenHash: 't2', olderExpireAtMs: NOW + MINUTE }, aNote());
    const seq = await head();
    const hashes = await keys.revoke(page({ version: 2 }), aNote());
    expect([...(hashes ?? [])].sort()).toEqual(['t1', 't2']);
    expect([...(await logAfter(seq))].sort()).toEqual([A, B, 't1', 't2'].sort());
    expect(await index()).toEqual([]);
    expect(await keys.find(page().id)).toMatchObject({ revokedAtMs: NOW, retiringEndsMs: [] });
    expect(await keys.livingAmong([page().id])).toEqual(new Set());
  });

  it('logs no token that has ended, save one that a slow clock may still take', async () => {
    await keys.insert(page(), { tokenHash: 't1' }, aNote());
    await keys.roll(page(), page(), { tokenHash: 't2', olderExpireAtMs: NOW }, aNote());
    const edit = async (version: number, atMs: number) => {
      const seq = await head();
      await keys.update(page({ version }), page({ name: `n${version}` }), aNote({ atMs }));
      return [...(await logAfter(seq))].sort();
    };
    expect(await edit(2, NOW + MINUTE - 1)).toEqual(['t1', 't2']);
    expect(await edit(3, NOW + MINUTE)).toEqual(['t2']);
  });

  it('is in the audit, with who, what, when, and before and after', async () => {
    const note = aNote({ actor: 'person:ann', before: '{"a":1}', after: '{"a":2}' });
    await keys.insert(page(), { tokenHash: 't1' }, note);
    await keys.update(page(), page({ name: 'n' }), note);
    await keys.roll(page({ version: 2 }), page(), { tokenHash: 't2', olderExpireAtMs: 0 }, note);
    await keys.revoke(page({ version: 3 }), note);
    const { lines } = await store.audit.list({ filter: noAuditFilter, beforeId: null, limit: 9 });
    expect(lines.map(({ action }) => action)).toEqual(['revoke', 'roll', 'edit', 'create']);
    expect(lines[2]).toEqual({
      id: 2,
      atMs: NOW,
      actor: 'person:ann',
      action: 'edit',
      keyId: page().id,
      before: '{"a":1}',
      after: '{"a":2}',
      requestId: 'request-1',
      leakUrl: null,
    });
  });
});

describe('a change that was made from an old version', () => {
  const late = aNote({ answer: aKeptAnswer() });
  const changes: readonly (readonly [string, (before: ManagedKey) => Promise<unknown>])[] = [
    [
      'an edit',
      (before) => keys.update(before, { ...before, allowedOrigins: [C], enabled: false }, late),
    ],
    [
      'a roll',
      (before) =>
        keys.roll(before, { ...before, hint: 'x' }, { tokenHash: 't9', olderExpireAtMs: 0 }, late),
    ],
    ['a revocation', (before) => keys.revoke(before, late)],
  ];

  it.each(changes)('has no effect at all: %s', async (_, change) => {
    await keys.insert(page(), { tokenHash: 't1' }, aNote());
    await keys.update(page(), page({ name: 'n' }), aNote());
    const before = await everything();
    expect(await change(page({ version: 1 }))).toBeNull();
    expect(await everything()).toEqual(before);
  });

  it.each(changes)('has no effect on a key that was revoked: %s', async (_, change) => {
    await keys.insert(page(), { tokenHash: 't1' }, aNote());
    await keys.revoke(page(), aNote());
    const before = await everything();
    expect(await change(page({ version: 2 }))).toBeNull();
    expect(await everything()).toEqual(before);
  });

  it('is every one but one of those that run at the same time', async () => {
    await keys.insert(page(), { tokenHash: 't1' }, aNote());
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        keys.update(
          page(),
          page({ name: `n${index}`, allowedOrigins: [`https://n${index}.example`] }),
          aNote(),
        ),
      ),
    );
    expect(results.filter((result) => result !== null)).toEqual([['t1']]);
    const winner = results.findIndex((result) => result !== null);
    expect(await keys.find(page().id)).toMatchObject({ name: `n${winner}`, version: 2 });
    expect(await index()).toEqual([[`https://n${winner}.example`, NEVER]]);
    expect(await rows('SELECT id FROM audit')).toHaveLength(2);
  });
});

describe('kept answers', () => {
  it('roll the whole change back when one is kept under that name', async () => {
    await keys.insert(page(), { tokenHash: 't1' }, aNote({ answer: aKeptAnswer() }));
    const before = await everything();
    const again = page({ id: 'key_1111111111111111111111' });
    await expect(
      keys.insert(again, { tokenHash: 't2' }, aNote({ answer: aKeptAnswer() })),
    ).rejects.toThrow(/UNIQUE/);
    await expect(
      keys.update(page(), page({ name: 'n' }), aNote({ answer: aKeptAnswer() })),
    ).rejects.toThrow(/UNIQUE/);
    expect(await everything()).toEqual(before);
  });

  it('make room once they have expired, their own name first', async () => {
    for (let count = 0; count < 150; count++) {
      await env.DB.prepare("INSERT INTO idempotency VALUES ('operator', ?1, 'r', '{}', NULL, ?2)")
        .bind(`old${count}`, NOW)
        .run();
    }
    await env.DB.prepare("INSERT INTO idempotency VALUES ('operator', 'k', 'r', '{}', NULL, ?1)")
      .bind(NOW)
      .run();
    expect(await store.answers.find('operator', 'k', NOW)).toBeNull();
    await keys.insert(
      page(),
      { tokenHash: 't1' },
      aNote({ answer: aKeptAnswer({ requestHash: 'new' }) }),
    );
    expect(await store.answers.find('operator', 'k', NOW)).toMatchObject({ requestHash: 'new' });
    expect((await rows('SELECT key_hash FROM idempotency')).length).toBeLessThanOrEqual(52);
  });

  it('are those of one caller', async () => {
    await keys.insert(page(), { tokenHash: 't1' }, aNote({ answer: aKeptAnswer() }));
    expect(await store.answers.find('operator', 'k', NOW)).not.toBeNull();
    expect(await store.answers.find('person:ann', 'k', NOW)).toBeNull();
  });
});

describe('an import', () => {
  const imported = (count: number, overrides: (index: number) => Partial<ManagedKey>) =>
    Array.from({ length: count }, (_, index) => ({
      key: aKey({ id: `key_${String(index).padStart(22, '0')}`, ...overrides(index) }),
      tokenHash: `t${index}`,
      isForeign: index % 2 === 0,
      after: `{"n":${index}}`,
    }));

  it('writes every row that a created key has, but no copies that KV is due', async () => {
    await keys.insertImported(
      imported(3, (index) =>
        index === 0
          ? { expiresAtMs: 9, owner: 'acct_1' }
          : { allowedOrigins: [A, `https://n${index}.example`], fullAccess: index === 2 },
      ),
      aNote(),
    );
    const order = { sort: 'created', after: null, limit: 9, nowMs: NOW } as const;
    expect((await keys.list({ filter: noFilter, ...order })).keys).toEqual(
      imported(3, (index) =>
        index === 0
          ? { expiresAtMs: 9, owner: 'acct_1' }
          : { allowedOrigins: [A, `https://n${index}.example`], fullAccess: index === 2 },
      )
        .map(({ key }) => ({ ...key, retiringEndsMs: [] }))
        .reverse(),
    );
    expect([...(await logAfter(0))].sort()).toEqual(
      [A, 'https://n1.example', 'https://n2.example', 't0', 't1', 't2'].sort(),
    );
    expect(await rows('SELECT pattern FROM origins')).toHaveLength(4);
    expect(await rows('SELECT token_hash FROM tokens WHERE imported = 1')).toEqual([
      { token_hash: 't0' },
      { token_hash: 't2' },
    ]);
    // The first reader of a key leaves its copy in KV.
    expect(await rows('SELECT token_hash FROM replica_writes')).toEqual([]);
    const filter = { ...noAuditFilter, owner: 'acct_1' };
    expect((await store.audit.list({ filter, beforeId: null, limit: 9 })).lines).toEqual([
      expect.objectContaining({ action: 'import', before: null, after: '{"n":0}' }),
    ]);
  });

  it('adds nothing when one of its tokens is known', async () => {
    await keys.insert(page({ id: 'key_1111111111111111111111' }), { tokenHash: 't700' }, aNote());
    const before = await everything();
    await expect(
      keys.insertImported(
        imported(1000, () => ({ allowedOrigins: [A] })),
        aNote(),
      ),
    ).rejects.toThrow(/UNIQUE/);
    expect(await everything()).toEqual(before);
    const known = await keys.findByTokens(['t1', 't700', 't2']);
    expect(new Set(known.keys())).toEqual(new Set(['t700']));
  });

  it('of a thousand large rows stays within what D1 binds', async () => {
    const origins = Array.from(
      { length: 20 },
      (_, index) => `https://${'x'.repeat(50)}.n${index}.example`,
    );
    await keys.insertImported(
      imported(1000, () => ({ allowedOrigins: origins, name: '😀'.repeat(100) })),
      aNote(),
    );
    expect(await rows('SELECT count(*) AS count FROM keys')).toEqual([{ count: 1000 }]);
    expect(await rows('SELECT count(*) AS count FROM origins')).toEqual([{ count: 20_000 }]);
    // Each pattern once a part, however many keys list it.
    const [{ count } = {}] = await rows('SELECT count(*) AS count FROM changes WHERE pattern > 0');
    expect(count).toBeLessThanOrEqual(20 * 10);
  });
});
