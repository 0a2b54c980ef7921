/** The command line against a server that answers as a test says: lists, repeats, edits and questions. */

import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyDocument as key, runAgainst } from '../support/node/run-against.ts';
import { runCli } from '../support/node/run-cli.ts';
import { type Answerer, answerJson, problem } from '../support/node/stand-in-edge.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-commands-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A list of 250 keys in pages of at most 100, after an empty page that is not the last. */
const manyKeys: Answerer = (response, { path }) => {
  const query = new URL(path, 'http://edge').searchParams;
  const start = Number(query.get('cursor') ?? -1);
  if (start === -1) return answerJson(response, 200, { keys: [], nextCursor: '0' });
  const end = Math.min(start + Number(query.get('limit')), 250);
  const keys = Array.from({ length: end - start }, (_, index) => ({
    ...key,
    id: `key_${start + index}`,
  }));
  answerJson(response, 200, { keys, nextCursor: end === 250 ? null : String(end) });
};

describe('keys list', () => {
  test('says on standard error that there are more, and gives machines the cursor', async () => {
    const people = await runAgainst(manyKeys, ['keys', 'list', '--limit', '120']);
    expect(people.stdout.split('\n')).toHaveLength(1 + 120 + 1);
    expect(people.stderr).toMatch(/^These are the first 120 keys, and there are more: take --all/);
    const machines = await runAgainst(manyKeys, ['keys', 'list', '--limit', '120', '--json']);
    const { keys, nextCursor } = JSON.parse(machines.stdout);
    expect([keys.length, nextCursor]).toEqual([120, '120']);
    const rest = ['keys', 'list', '--cursor', '120', '--all', '--json'];
    const next = JSON.parse((await runAgainst(manyKeys, rest)).stdout);
    expect([next.keys[0].id, next.keys.length, next.nextCursor]).toEqual(['key_120', 130, null]);
  });

  test('lists everything with --all, and then says nothing more', async () => {
    const { stdout, stderr } = await runAgainst(manyKeys, ['keys', 'list', '--all', '--json']);
    expect(JSON.parse(stdout).keys).toHaveLength(250);
    expect(stderr).toBe('');
  });
});

describe('--timeout and --header', () => {
  test('limit the wait, and are sent', async () => {
    const silent = await runAgainst(() => undefined, ['keys', 'list', '--timeout', '0.2']);
    expect(silent).toMatchObject({ exitCode: 1, stdout: '' });
    expect(silent.stderr).toContain('no answer within 0.2 s');
    const access = [
      '--header',
      'CF-Access-Client-Id: abc',
      '--header',
      'CF-Access-Client-Secret:d:e',
    ];
    const { asked } = await runAgainst(manyKeys, ['keys', 'list', ...access]);
    expect(asked[0]?.headers).toMatchObject({
      'cf-access-client-id': 'abc',
      'cf-access-client-secret': 'd:e',
      authorization: 'Bearer secret',
    });
  });

  test.each(['no colon', ': x', 'a b: x', 'Authorization: Bearer x', 'a: b\r\nc: d', 'a: ü'])(
    'refuse %j',
    async (header) => {
      const { exitCode, asked } = await runAgainst(manyKeys, ['keys', 'list', '--header', header]);
      expect([exitCode, asked]).toEqual([2, []]);
    },
  );
});

describe('keys create', () => {
  const created: Answerer = (response) => answerJson(response, 201, { ...key, token: 'ea_sk_x' });
  const now = () => Date.parse('2030-01-01T00:00:00Z');

  test.each([
    ['30d', '2030-01-31T00:00:00.000Z'],
    ['12h', '2030-01-01T12:00:00.000Z'],
    ['90m', '2030-01-01T01:30:00.000Z'],
    ['1w1d', '2030-01-09T00:00:00.000Z'],
    ['45S', '2030-01-01T00:00:45.000Z'],
  ])('takes --expires-in %s', async (duration, expiresAt) => {
    const args = ['keys', 'create', '--name', 'x', '--expires-in', duration];
    const { asked } = await runAgainst(created, args, { now });
    expect(JSON.parse(asked[0]?.body ?? '')).toMatchObject({ expiresAt });
  });

  test.each(['', '30', 'd', '0d', '-1d', '1.5h', '1y', '1 d', '999999999w', '30d?'])(
    'refuses --expires-in %j',
    async (duration) => {
      const args = ['keys', 'create', '--name', 'x', '--expires-in', duration];
      const { exitCode, asked } = await runAgainst(created, args);
      expect([exitCode, asked]).toEqual([2, []]);
    },
  );

  test('turns --allow into rules', async () => {
    const allow = [
      '--allow',
      'GET /api/asset/:id',
      '--allow',
      'get,PATCH  /api/stream/:id',
      '--allow',
      '* /files/*',
    ];
    const { asked } = await runAgainst(created, ['keys', 'create', '--name', 'x', ...allow]);
    expect(JSON.parse(asked[0]?.body ?? '').access).toEqual({
      rules: [
        { methods: ['get'], resources: ['/api/asset/:id'] },
        { methods: ['get', 'patch'], resources: ['/api/stream/:id'] },
        { methods: ['*'], resources: ['/files/*'] },
      ],
    });
  });

  test.each([
    ['a rule without a method', ['--allow', '/api/asset/:id']],
    ['a rule without a path', ['--allow', 'GET']],
    ['a rule with a relative path', ['--allow', 'GET api']],
    ['a rule and a file of rules', ['--allow', 'GET /a', '--rules', 'rules.json']],
    ['two expiries', ['--expires-in', '1d', '--expires-at', '2030-01-31T12:00:00Z']],
  ])('refuses %s', async (_name, args) => {
    const { exitCode, asked } = await runAgainst(created, [
      'keys',
      'create',
      '--name',
      'x',
      ...args,
    ]);
    expect([exitCode, asked]).toEqual([2, []]);
  });
});

describe('keys edit', () => {
  test('is made again from the current key, if another change was faster', async () => {
    let name = 'first';
    const { exitCode, asked } = await runAgainst(
      (response, { method }, count) => {
        response.setHeader('ETag', `"${name}"`);
        if (method === 'GET') return answerJson(response, 200, { ...key, name });
        name = 'second';
        if (count === 1) answerJson(response, 412, problem(412, 'precondition_failed'));
        else answerJson(response, 200, key);
      },
      ['keys', 'edit', 'key_1', '--disable'],
    );
    expect(exitCode).toBe(0);
    expect(asked.map(({ method, headers }) => [method, headers['if-match']])).toEqual([
      ['GET', undefined],
      ['PATCH', '"first"'],
      ['GET', undefined],
      ['PATCH', '"second"'],
    ]);
  });

  test.each([
    ['--no-rules', '--allow', 'GET /a'],
    ['--allow', 'GET /a', '--no-rules'],
  ])('refuses %s together with %s', async (...args) => {
    const { exitCode, asked } = await runAgainst(manyKeys, ['keys', 'edit', 'key_1', ...args]);
    expect([exitCode, asked]).toEqual([2, []]);
  });
});

describe('keys revoke', () => {
  const revocable: Answerer = (response, { method }) => {
    if (method === 'GET') answerJson(response, 200, key);
    else response.writeHead(204).end();
  };
  const methods = (asked: { method: string }[]) => asked.map(({ method }) => method);

  test.each(['revoke', 'delete', 'rm'])('asks on a terminal, as %s', async (name) => {
    for (const [answer, exitCode] of [
      ['y\n', 0],
      ['YES\n', 0],
      ['\n', 5],
      ['n\n', 5],
      ['', 5],
    ] as const) {
      const terminal = { isTerminal: true, stdin: answer };
      const result = await runAgainst(revocable, ['keys', name, 'key_1'], terminal);
      expect(result.stderr).toContain('Revoke key_1 (My page) for good?');
      expect(result.exitCode, JSON.stringify(answer)).toBe(exitCode);
      expect(methods(result.asked)).toEqual(exitCode === 0 ? ['GET', 'DELETE'] : ['GET']);
    }
  });

  test('needs neither question nor terminal if the command line confirms it', async () => {
    for (const sure of [['--yes'], ['-y'], ['--name', 'My page']]) {
      const result = await runAgainst(revocable, ['keys', 'revoke', 'key_1', ...sure]);
      expect(result).toMatchObject({ exitCode: 0, stdout: 'Revoked key_1 (My page)\n' });
    }
    const unsure = await runAgainst(revocable, ['keys', 'revoke', 'key_1'], { stdin: 'y\n' });
    expect(unsure).toMatchObject({ exitCode: 2, asked: [] });
    const other = await runAgainst(revocable, ['keys', 'revoke', 'key_1', '--name', 'x', '--yes']);
    expect([other.exitCode, methods(other.asked)]).toEqual([5, ['GET']]);
  });

  test('is done when its first answer got lost', async () => {
    const { exitCode, asked } = await runAgainst(
      (response, { method }, count) => {
        if (method === 'GET') answerJson(response, 200, key);
        else if (count === 1) response.destroy();
        else answerJson(response, 404, problem(404, 'not_found'));
      },
      ['keys', 'revoke', 'key_1', '--yes'],
    );
    expect([exitCode, methods(asked)]).toEqual([0, ['GET', 'DELETE', 'DELETE']]);
  });
});

describe('keys import', () => {
  const importing: Answerer = (response, { body }) => {
    const { keys } = JSON.parse(body);
    answerJson(response, 201, { imported: keys.length, keys });
  };
  const fileOf = async (content: string | Uint8Array) => {
    const file = join(folder, `${Math.random()}.json`);
    await writeFile(file, content);
    return file;
  };
  const rowsOf = (asked: { body: string }[]) =>
    asked.map(({ body }) => JSON.parse(body).keys.length);

  test('cuts its calls by bytes as well as by rows', async () => {
    const long = 'x'.repeat(5_000);
    const rows = Array.from({ length: 300 }, (_, index) => ({
      name: long,
      token: `token-${index}`,
    }));
    const { asked, stdout } = await runAgainst(importing, [
      'keys',
      'import',
      await fileOf(JSON.stringify(rows)),
    ]);
    expect(stdout).toBe('Imported 300 keys\n');
    expect(rowsOf(asked).reduce((sum, count) => sum + count)).toBe(300);
    for (const { body } of asked) expect(Buffer.byteLength(body)).toBeLessThan(1024 * 1024);
    const few = [
      'keys',
      'import',
      await fileOf(JSON.stringify(rows.slice(0, 5))),
      '--rows-per-call',
      '2',
    ];
    expect(rowsOf((await runAgainst(importing, few)).asked)).toEqual([2, 2, 1]);
  });

  test('sends a row that is too long in a call of its own', async () => {
    const rows = [{ name: 'a' }, { name: 'x'.repeat(2_000_000) }, { name: 'b' }];
    const { asked } = await runAgainst(importing, [
      'keys',
      'import',
      await fileOf(JSON.stringify(rows)),
    ]);
    expect(rowsOf(asked)).toEqual([1, 1, 1]);
  });

  test('asks the edge to skip what it has, and counts it', async () => {
    const skipping: Answerer = (response) =>
      answerJson(response, 201, { imported: 1, keys: [key] });
    const file = await fileOf(JSON.stringify([{ name: 'a' }, { name: 'b' }, { name: 'c' }]));
    const skipped = await runAgainst(skipping, ['keys', 'import', file, '--skip-existing']);
    expect(JSON.parse(skipped.asked[0]?.body ?? '')).toMatchObject({ onConflict: 'skip' });
    expect(skipped.stdout).toBe('Imported 1 key, skipped 2 that exist already\n');
    const plain = await runAgainst(importing, ['keys', 'import', file]);
    expect(JSON.parse(plain.asked[0]?.body ?? '')).not.toHaveProperty('onConflict');
  });

  test.each<[string, (text: string) => Uint8Array]>([
    ['no byte order mark', (text) => Buffer.from(text)],
    ['one of UTF-8', (text) => Buffer.from(`\u{feff}${text}`)],
    ['one of UTF-16', (text) => Buffer.from(`\u{feff}${text}`, 'utf16le')],
    [
      'one of UTF-16, the other way round',
      (text) => Buffer.from(`\u{feff}${text}`, 'utf16le').swap16(),
    ],
  ])('reads a file with %s', async (_name, encode) => {
    const file = await fileOf(encode('[{"name":"Schlüssel"}]'));
    const { asked } = await runAgainst(importing, ['keys', 'import', file]);
    expect(JSON.parse(asked[0]?.body ?? '').keys).toEqual([{ name: 'Schlüssel' }]);
  });

  test('refuses a file that is no text, without repeating it', async () => {
    const file = await fileOf(Uint8Array.of(0x5b, 0x22, 0xff, 0x22, 0x5d));
    const { exitCode, stderr, asked } = await runAgainst(importing, ['keys', 'import', file]);
    expect([exitCode, asked]).toEqual([2, []]);
    expect(stderr).toContain(`Cannot read ${file}`);
  });
});

describe('self', () => {
  const self = {
    id: 'key_1',
    name: 'Nightly job',
    owner: 'acct_1',
    kind: 'backend',
    level: 'backend',
    access: null,
    routes: null,
    expiresAt: null,
  };

  test('prints what a key may do', async () => {
    const { stdout } = await runAgainst(
      (response) => answerJson(response, 200, self),
      ['self', 'show'],
    );
    expect(stdout).toMatch(/access +backend\nmay call +everything\n/);
    const page = { ...self, name: undefined, routes: [{ methods: ['GET'], path: '/api/x' }] };
    const asPage = await runAgainst(
      (response) => answerJson(response, 200, page),
      ['self', 'show'],
    );
    expect(asPage.stdout).not.toContain('name');
    expect(asPage.stdout).toMatch(/may call +GET \/api\/x\n/);
  });

  test('revokes only if the caller is sure, and only what the edge lets it', async () => {
    const revoked: Answerer = (response, { method }) =>
      method === 'GET' ? answerJson(response, 200, self) : response.writeHead(204).end();
    const unsure = await runAgainst(revoked, ['self', 'revoke']);
    expect([unsure.exitCode, unsure.asked]).toEqual([2, []]);
    const sure = await runAgainst(revoked, ['self', 'revoke', '--yes']);
    expect([sure.exitCode, sure.stdout]).toEqual([0, 'Revoked key_1\n']);
    expect(sure.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /_edge/v1/self',
      'DELETE /_edge/v1/self',
    ]);
    const refused: Answerer = (response, { method }) =>
      method === 'GET'
        ? answerJson(response, 200, self)
        : answerJson(response, 403, problem(403, 'backend_key_required'));
    expect((await runAgainst(refused, ['self', 'revoke', '--yes'])).exitCode).toBe(3);
  });
});

describe('admin-token', () => {
  const hashOf = (token: string) => createHash('sha256').update(token).digest('hex');

  test('prints a token, and the entry with its hash', async () => {
    const { stdout } = await runCli(['admin-token', '--name', 'ci', '--scope', 'read'], {});
    const token = /^ea_op_\w{43}$/m.exec(stdout)?.[0] ?? '';
    const entry = JSON.parse(/^\{.*\}$/m.exec(stdout)?.[0] ?? '');
    expect(entry).toEqual({ name: 'ci', sha256: hashOf(token), scopes: ['read'] });
    expect(stdout).not.toContain('The whole list');
  });

  test('adds to the list in the environment, for a rotation', async () => {
    const before = [{ name: 'ci', sha256: 'a'.repeat(64), scopes: ['keys'] }];
    const args = ['admin-token', '--name', 'ci', '--scope', 'keys', '--scope', 'read', '--json'];
    const { stdout } = await runCli(args, { env: { ADMIN_TOKENS: JSON.stringify(before) } });
    const { token, entry, adminTokens } = JSON.parse(stdout);
    expect(entry).toEqual({ name: 'ci', sha256: hashOf(token), scopes: ['read', 'keys'] });
    expect(adminTokens).toEqual([...before, entry]);
  });

  test.each([
    [['--scope', 'read'], {}, /required option '--name/],
    [['--name', 'ci'], {}, /required option '--scope/],
    [
      ['--name', 'ci', '--scope', 'write', '--scope', 'all'],
      {},
      /the scope "write", "all": use read/,
    ],
    [['--name', 'a:b', '--scope', 'read'], {}, /Cannot use "a:b" as a name/],
    [['--name', 'ci', '--scope', 'read'], { ADMIN_TOKENS: '{}' }, /Cannot add to the ADMIN_TOKENS/],
  ])('refuses %j with %j', async (args, env, message) => {
    const { exitCode, stdout, stderr } = await runCli(['admin-token', ...args], { env });
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });
});
