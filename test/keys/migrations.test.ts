/// <reference types="vite/types/importMeta.d.ts" />
/**
 * The schema of D1 from one version to the next: the migrations result in the schema of `schema.sql`,
 * and a database of any age, with what was in it, works under the Worker of today once they were applied.
 */

import { env } from 'cloudflare:workers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hashToken, importTagKey, type KeyKind, makeToken } from '../../src/core/key/token.ts';
import type { Deployment } from '../contract/deployment.ts';
import { applySchema, applySql, deploy, emptyStorage } from '../support/workers.ts';

const migrations = Object.entries(
  import.meta.glob<string>('../../migrations/*.sql', {
    query: '?raw',
    import: 'default',
    eager: true,
  }),
)
  .map(([path, script]) => ({ name: path.replace('../../migrations/', ''), script }))
  .sort((left, right) => (left.name < right.name ? -1 : 1));

/** The first schema.sql that there was, as it was. */
const [firstSchema = ''] = Object.values(
  import.meta.glob<string>('./first-schema.sql', {
    query: '?raw',
    import: 'default',
    eager: true,
  }),
);

/** Applies what D1 has not had, as `wrangler d1 migrations apply` does. */
async function migrate(upTo = migrations.length): Promise<void> {
  await applySql(`CREATE TABLE IF NOT EXISTS d1_migrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
  )`);
  const applied = await appliedMigrations();
  for (const { name, script } of migrations.slice(0, upTo)) {
    if (applied.includes(name)) continue;
    await applySql(`${script}; INSERT INTO d1_migrations (name) VALUES ('${name}')`);
  }
}

async function appliedMigrations(): Promise<readonly unknown[]> {
  return (await query('SELECT name FROM d1_migrations ORDER BY id')).map(({ name }) => name);
}

/** As a deployment made it before there were migrations. */
async function makeAged(upTo: number): Promise<void> {
  await migrate(upTo);
  await applySql('DROP TABLE d1_migrations');
}

describe('the migrations', () => {
  beforeEach(emptyStorage);

  test('are numbered one by one, so that wrangler applies them in order', () => {
    expect(migrations.length).toBeGreaterThan(0);
    for (const [index, { name }] of migrations.entries()) {
      expect(name).toMatch(new RegExp(`^${String(index + 1).padStart(4, '0')}_[a-z_]+\\.sql$`));
    }
  });

  test('result in the schema of schema.sql', async () => {
    await applySchema();
    const described = await schemaOfD1();
    await emptyStorage();
    await migrate();
    expect(await schemaOfD1()).toEqual(described);
    // The comparison is not one of nothing with nothing.
    expect(Object.keys(described)).toEqual(
      expect.arrayContaining(['table keys', 'table audit', 'index audit_by_key']),
    );
  });

  test('begin with the schema that came first', async () => {
    await applySql(firstSchema);
    const first = await schemaOfD1();
    await emptyStorage();
    await makeAged(1);
    expect(await schemaOfD1()).toEqual(first);
  });

  test('have all been had by what schema.sql makes, and by nothing else that it is applied to', async () => {
    await applySql(firstSchema);
    await applySchema();
    expect(await appliedMigrations()).toEqual([]);
    await emptyStorage();
    await applySchema();
    expect(await appliedMigrations()).toEqual(migrations.map(({ name }) => name));
  });

  test('also mend what schema.sql was applied to again', async () => {
    await applySchema();
    const described = await schemaOfD1();
    await emptyStorage();
    await applySql(firstSchema);
    await applySchema();
    expect(await schemaOfD1()).not.toEqual(described);
    await migrate();
    expect(await schemaOfD1()).toEqual(described);
  });

  test('and schema.sql may be applied again, in any order, without harm', async () => {
    await applySchema();
    const described = await schemaOfD1();
    await fill({ marks: true, usage: true, audit: true, sessions: true });
    const rows = await everyRow();
    expect(rows['changes']?.length).toBeGreaterThan(0);

    await applySchema();
    await migrate();
    await applySchema();
    await migrate();
    expect(await schemaOfD1()).toEqual(described);
    expect(await everyRow()).toEqual(rows);
  });

  test('do not give out again a seq of the log, nor an id of the audit', async () => {
    await applySchema();
    await fill({ marks: true, usage: true, audit: true, sessions: true });
    const [before] = await query(`SELECT (SELECT max(seq) FROM changes) AS seq,
                                         (SELECT max(id) FROM audit) AS id`);
    await migrate();
    await env.DB.batch([
      env.DB.prepare(`INSERT INTO changes (pattern, changed_at_ms) VALUES ('*', 0)`),
      env.DB.prepare(`INSERT INTO audit (at_ms, actor, action, key_id, request_id)
                      VALUES (0, '', '', '', '')`),
    ]);
    const [after] = await query(`SELECT (SELECT max(seq) FROM changes) AS seq,
                                        (SELECT max(id) FROM audit) AS id`);
    expect(after).toEqual({ seq: Number(before?.['seq']) + 1, id: Number(before?.['id']) + 1 });
  });
});

/** Databases as deployments made them, by what they hold. */
const ages: readonly {
  readonly age: string;
  readonly make: () => Promise<void>;
  readonly holds: Contents;
}[] = [
  {
    age: 'the first schema.sql',
    make: () => applySql(firstSchema),
    holds: { marks: false, usage: false, audit: false, sessions: false },
  },
  {
    age: 'the schema.sql that brought usage',
    make: () => makeAged(2),
    holds: { marks: false, usage: true, audit: false, sessions: false },
  },
  {
    age: 'the schema.sql that brought the audit',
    make: () => makeAged(3),
    holds: { marks: false, usage: true, audit: true, sessions: false },
  },
  {
    age: 'the schema.sql that brought marks',
    make: () => makeAged(4),
    holds: { marks: true, usage: true, audit: true, sessions: false },
  },
  {
    age: 'the schema.sql that brought signing out',
    make: () => makeAged(5),
    holds: { marks: true, usage: true, audit: true, sessions: true },
  },
  {
    age: 'the schema.sql that brought migrations',
    make: () => makeAged(6),
    holds: { marks: true, usage: true, audit: true, sessions: true },
  },
  {
    age: 'the schema.sql of today',
    make: () => applySchema(),
    holds: { marks: true, usage: true, audit: true, sessions: true },
  },
];

// One database for each age: the tests read it, and the last one also edits it.
describe.each(ages)('a database made by $age', ({ make, holds }) => {
  let deployment: Deployment;
  let tokens: Tokens;
  let before: Rows;
  let after: Rows;

  beforeAll(async () => {
    deployment = await deploy();
    await emptyStorage();
    await make();
    tokens = await fill(holds);
    before = await everyRow();
    await migrate();
    after = await everyRow();
  });
  afterAll(() => deployment.dispose());

  test('refuses afterwards what it refused, and lets in what it let in', async () => {
    const answers: Record<string, number> = {};
    for (const [name, token] of Object.entries(tokens)) {
      answers[name] = (await call(token, originOf(name))).status;
    }
    expect(answers).toEqual({
      'cors, revoked': 401,
      'backend, expired': 401,
      'backend, disabled': 401,
      'rolled, out of grace': 401,
      'backend, from a page': 403,
      'cors, from another page': 403,
      backend: 200,
      'cors, restricted': 200,
      'cors, full access': 200,
      'cors, rules': 200,
      'rolled, in grace': 200,
      'rolled, new': 200,
      imported: 200,
    });
    const unknown = await call('ea_sk_unknown', undefined);
    expect(unknown.status).toBe(401);
  });

  test('keeps every row', () => {
    for (const [table, rows] of Object.entries(before)) {
      // With the columns that have come since.
      expect(after[table], table).toEqual(rows.map((row) => expect.objectContaining(row)));
    }
  });

  test('grants the preflights of the origins that live keys list', async () => {
    expect((await preflight('https://app.example')).status).toBe(204);
    expect((await preflight('https://nowhere.example')).status).toBe(403);
  });

  test('still shows the usage that it had counted, where it counted', async () => {
    const answer = await manage('GET', `/keys/${idOf('backend')}/usage?days=30`);
    expect(answer.status).toBe(200);
    expect(answer.body.includes('"requests":7')).toBe(holds.usage);
  });

  test('is managed by the Worker of today: keys change, and the change counts', async () => {
    const token = tokens['backend'];
    expect((await call(token, undefined)).status).toBe(200);
    const revoked = await manage('DELETE', `/keys/${idOf('backend')}`);
    expect(revoked.status).toBe(204);
    expect((await call(token, undefined)).status).toBe(401);

    const rolled = await manage('POST', `/keys/${idOf('rules')}/roll`, { graceSeconds: 0 });
    expect(rolled.status).toBe(200);
    const created = await deployment.createKey({ name: 'made after it' });
    expect((await call(created.token, undefined)).status).toBe(200);

    const audit = await manage('GET', '/audit');
    const { entries } = JSON.parse(audit.body) as { entries: { action: string }[] };
    expect(entries.map(({ action }) => action)).toEqual([
      'create',
      'roll',
      'revoke',
      ...(holds.audit ? ['create'] : []),
    ]);
  });

  function call(token: string | undefined, origin: string | undefined) {
    return deployment.call({
      target: '/api/stream/1',
      headers: [
        ['Authorization', `Bearer ${token}`],
        ...(origin === undefined ? [] : [['Origin', origin] as const]),
      ],
    });
  }

  function preflight(origin: string) {
    return deployment.call({
      method: 'OPTIONS',
      target: '/api/stream',
      headers: [
        ['Origin', origin],
        ['Access-Control-Request-Method', 'POST'],
      ],
    });
  }

  function manage(method: string, path: string, body?: object) {
    return deployment.call({
      method,
      target: `/_edge/v1${path}`,
      headers: [
        ['Authorization', `Bearer ${deployment.adminToken}`],
        ['Content-Type', 'application/json'],
      ],
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
});

/** A key's id, as management takes it. */
function idOf(name: string): string {
  return `key_${name.padEnd(22, '0')}`;
}

function originOf(name: string): string | undefined {
  if (name.includes('another page')) return 'https://other.example';
  return name.startsWith('cors') || name.includes('from a page')
    ? 'https://app.example'
    : undefined;
}

/** Which of the later tables and columns a database has. */
interface Contents {
  readonly marks: boolean;
  readonly usage: boolean;
  readonly audit: boolean;
  readonly sessions: boolean;
}
type Tokens = Readonly<Record<string, string>>;
type Rows = Record<string, readonly Record<string, unknown>[]>;

const PAST_MS = 1_000;
const FUTURE_MS = 4_000_000_000_000;
const NEVER_MS = Number.MAX_SAFE_INTEGER;

/** Puts keys of every kind into D1, as the Worker of that age did. Returns their tokens, by what they are. */
async function fill(holds: Contents): Promise<Tokens> {
  const [setting] = await query(`SELECT value FROM settings WHERE name = 'token_tag_key'`);
  const tagKey = await importTagKey(String(setting?.['value']));
  const fillRandom = (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes);
  const statements: D1PreparedStatement[] = [];
  const newToken = (kind: KeyKind) => makeToken({ prefix: 'ea', kind, tagKey, fillRandom });

  function insert(table: string, row: Record<string, string | number | null>): void {
    const names = Object.keys(row);
    statements.push(
      env.DB.prepare(
        `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
      ).bind(...Object.values(row)),
    );
  }
  async function addToken(keyId: string, token: string, columns = {}): Promise<string> {
    const token_hash = await hashToken(token);
    insert('tokens', { token_hash, key_id: keyId, created_at_ms: 1, ...columns });
    insert('changes', { token_hash, changed_at_ms: 1 });
    insert('replica_writes', { token_hash, due_seq: 1, due_at_ms: 1 });
    return token;
  }
  async function addKey(
    id: string,
    kind: KeyKind,
    columns: Record<string, string | number | null> = {},
  ): Promise<string> {
    const listed = kind === 'cors' ? { allowed_origins: '["https://app.example"]' } : {};
    insert('keys', { id, name: id, kind, hint: '', created_at_ms: 1, ...listed, ...columns });
    if (kind === 'cors' && columns['revoked_at_ms'] === undefined) {
      insert('origins', { pattern: 'https://app.example', expires_at_ms: NEVER_MS, key_id: id });
      insert('changes', { pattern: 'https://app.example', changed_at_ms: 1 });
    }
    return addToken(id, await newToken(kind));
  }

  const rules = '[{"methods":["get"],"resources":["/api/stream/:id"]}]';
  const backend = await addKey(idOf('backend'), 'backend', { owner: 'acct_1' });
  const restricted = await addKey(idOf('cors'), 'cors');
  const tokens: Tokens = {
    'cors, revoked': await addKey(idOf('revoked'), 'cors', { revoked_at_ms: PAST_MS }),
    'backend, expired': await addKey(idOf('expired'), 'backend', { expires_at_ms: PAST_MS }),
    'backend, disabled': await addKey(idOf('disabled'), 'backend', { enabled: 0 }),
    'rolled, new': await addKey(idOf('rolled'), 'backend'),
    'rolled, in grace': await addToken(idOf('rolled'), await newToken('backend'), {
      expires_at_ms: FUTURE_MS,
    }),
    'rolled, out of grace': await addToken(idOf('rolled'), await newToken('backend'), {
      expires_at_ms: PAST_MS,
    }),
    'backend, from a page': backend,
    'cors, from another page': restricted,
    backend,
    'cors, restricted': restricted,
    'cors, full access': await addKey(idOf('full'), 'cors', { full_access: 1 }),
    'cors, rules': await addKey(idOf('rules'), 'cors', { rules }),
    imported: await importKey(),
  };

  async function importKey(): Promise<string> {
    insert('keys', { id: idOf('imported'), name: '', kind: 'backend', hint: '', created_at_ms: 1 });
    return addToken(idOf('imported'), '5c7e9a0e-6f4d-4c59-9f0b-3e6f0d6b7a11', { imported: 1 });
  }

  if (holds.usage) {
    const day = new Date().toISOString().slice(0, 10);
    insert('usage_daily', { key_id: idOf('backend'), day, outcome: 'allowed', requests: 7 });
    insert('usage_batches', { batch_id: '0000000000001-a', received_at_ms: 1 });
    insert('refused_origins', {
      key_id: idOf('cors'),
      origin: 'https://other.example',
      code: 'origin_not_allowed',
      last_at_ms: 1,
      count: 1,
    });
  }
  if (holds.audit) {
    insert('audit', {
      at_ms: 1,
      actor: 'operator',
      action: 'create',
      key_id: idOf('backend'),
      owner: 'acct_1',
      request_id: 'request',
    });
    insert('idempotency', {
      caller: 'operator',
      key_hash: 'a',
      request_hash: 'b',
      answer: '{}',
      expires_at_ms: FUTURE_MS,
    });
  }
  if (holds.sessions) insert('ended_sessions', { id: 'session', until_ms: FUTURE_MS });
  await env.DB.batch(statements);
  return tokens;
}

/** Returns the parts of D1, by kind and name, without the layout of their SQL. */
async function schemaOfD1(): Promise<Record<string, string>> {
  const rows = await query(
    `SELECT type, name, sql FROM sqlite_schema
      WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*' ORDER BY name`,
  );
  return Object.fromEntries(
    rows.map(({ type, name, sql }) => [
      `${type} ${name}`,
      String(sql)
        .replace(/--.*$/gm, '')
        .replace(/"/g, '')
        .replace(/\s+/g, ' ')
        .replace(/ ?([(),]) ?/g, '$1'),
    ]),
  );
}

/** Every row of every table, in the order of its first column. */
async function everyRow(): Promise<Rows> {
  const all: Rows = {};
  for (const name of Object.keys(await schemaOfD1())) {
    const [, table] = /^table (\w+)$/.exec(name) ?? [];
    if (table !== undefined) all[table] = await query(`SELECT * FROM ${table} ORDER BY 1, 2`);
  }
  return all;
}

async function query(statement: string): Promise<readonly Record<string, unknown>[]> {
  return (await env.DB.prepare(statement).all()).results;
}
