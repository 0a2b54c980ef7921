/** The command line in this process, against a real edge. `package.test.ts` runs it as a process. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { usageTable } from '../../src/cli/tables.ts';
import { USAGE_DAYS_MAX } from '../../src/core/limits.ts';
import { projectRoot } from '../support/node/build-bundle.ts';
import { request } from '../support/node/raw-http.ts';
import { type CliRun, runCli } from '../support/node/run-cli.ts';
import { type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

let upstream: Upstream;
let edge: Edge;
let folder: string;

beforeAll(async () => {
  upstream = await startUpstream();
  edge = await serveEdge({ upstreamUrl: upstream.url });
  folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-cli-'));
});
afterAll(async () => {
  await edge?.dispose();
  await upstream?.dispose();
  await rm(folder, { recursive: true, force: true });
});

function run(args: string[], env: Record<string, string> = {}, stdin = ''): Promise<CliRun> {
  const connection = { EDGE_AUTHORIZER_URL: edge.url, EDGE_AUTHORIZER_TOKEN: edge.adminToken };
  return runCli(args, { env: { ...connection, ...env }, stdin });
}

async function runJson(args: string[]): Promise<Record<string, unknown>> {
  const { exitCode, stdout, stderr } = await run([...args, '--json']);
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout);
}

async function jsonFile(value: unknown): Promise<string> {
  const file = join(folder, `${Math.random()}.json`);
  await writeFile(file, JSON.stringify(value));
  return file;
}

async function statusWith(token: string): Promise<number | undefined> {
  const headers: [string, string][] = [['Authorization', `Bearer ${token}`]];
  return (await request(edge.port, { target: '/api/task/1', headers })).status;
}

describe('--version', () => {
  it('prints the version of the package, and needs no edge', async () => {
    const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8'));
    const result = await run(['--version'], { EDGE_AUTHORIZER_URL: '', EDGE_AUTHORIZER_TOKEN: '' });
    expect(result).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('a command that fails', () => {
  it.each([
    ['no command', [], 2, 'Usage'],
    ['an unknown command', ['keys', 'mak'], 2, 'unknown command'],
    ['an unknown option', ['keys', 'list', '--toke', 'x'], 2, 'unknown option'],
    ['a missing name', ['keys', 'create'], 2, '--name'],
    ['an unknown option, before a missing name', ['keys', 'create', '--nme', 'x'], 2, '--nme'],
    ['an empty owner', ['keys', 'list', '--owner', ''], 2, "'--owner <owner>' has an empty value"],
    ['an empty id', ['keys', 'show', ''], 2, "argument 'id' is empty"],
    ['an id that climbs', ['keys', 'revoke', '..', '--yes'], 2, '".." is not an id'],
    ['all and a limit', ['keys', 'list', '--all', '--limit', '2'], 2, 'cannot be used with'],
    ['a limit that is no number', ['keys', 'list', '--limit', 'x'], 2, 'whole number'],
    ['a limit of nothing', ['keys', 'list', '--limit', '0'], 2, 'of at least 1.'],
    ['a key that is not there', ['keys', 'show', 'key_nothing'], 4, 'Cannot find'],
    [
      'an invalid origin',
      ['keys', 'create', '--name', 'x', '--origin', 'a.example'],
      5,
      'https://a.example',
    ],
    [
      'full access without an origin',
      ['keys', 'create', '--name', 'x', '--full-access'],
      2,
      '--origin',
    ],
    [
      'an expiry and none',
      ['keys', 'edit', 'key_x', '--never-expires', '--expires-at', '2030-01-31T12:00:00Z'],
      2,
      'cannot be used with',
    ],
    ['on and off', ['keys', 'edit', 'key_x', '--enable', '--disable'], 2, 'cannot be used with'],
    [
      'full access and none',
      ['keys', 'edit', 'key_x', '--full-access', '--no-full-access'],
      2,
      "option '--no-full-access' cannot be used with option '--full-access'",
    ],
    [
      'no full access and full',
      ['keys', 'edit', 'key_x', '--no-full-access', '--full-access'],
      2,
      "option '--no-full-access' cannot be used with option '--full-access'",
    ],
    [
      'full access, and none, which a new key has anyway',
      ['keys', 'create', '--name', 'x', '--full-access', '--no-full-access'],
      2,
      "unknown option '--no-full-access'",
    ],
    [
      'rules and none',
      ['keys', 'edit', 'key_x', '--rules', '/nowhere.json', '--no-rules'],
      2,
      "option '--no-rules' cannot be used with option '--rules <file>'",
    ],
    ['usage of no days', ['keys', 'usage', 'key_x', '--days', '0'], 2, 'from 1 to 366.'],
    [
      'usage of more days than are kept',
      ['keys', 'usage', 'key_x', '--days', String(USAGE_DAYS_MAX + 1)],
      2,
      'from 1 to 366.',
    ],
    [
      'usage of as many days as are kept, of a key that is not there',
      ['keys', 'usage', 'key_nothing', '--days', String(USAGE_DAYS_MAX)],
      4,
      'Cannot find',
    ],
    [
      'an edge that does not speak HTTP',
      ['keys', 'list', '--url', 'ftp://edge.example'],
      2,
      'Cannot use "ftp://edge.example" as the URL of the edge: it must begin with http:// or https://',
    ],
    [
      'an edge without a scheme',
      ['keys', 'list', '--url', 'localhost:8787'],
      2,
      'Cannot use "localhost:8787" as the URL of the edge: it must begin with http:// or https://',
    ],
    [
      'an edge that is no URL',
      ['keys', 'list', '--url', 'nonsense'],
      2,
      'Cannot use "nonsense" as the URL of the edge: it is not a URL',
    ],
    ['a request without a key', ['keys', 'explain', '--path', '/'], 2, '--token-stdin'],
    [
      'a token that is missing',
      ['keys', 'explain', '--path', '/', '--token-stdin'],
      2,
      'holds none',
    ],
    [
      'a key and a token',
      ['keys', 'explain', '--path', '/', '--token-stdin', '--key', 'key_x'],
      2,
      'cannot be used with',
    ],
    ['a file that is not there', ['keys', 'import', '/nowhere.json'], 2, '/nowhere.json'],
  ])('%s', async (_name, args, exitCode, words) => {
    const result = await run(args);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stdout + result.stderr).toContain(words);
  });

  it('without an edge, a token, or an answer says which', async () => {
    expect(await run(['keys', 'list'], { EDGE_AUTHORIZER_URL: 'edge' })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('EDGE_AUTHORIZER_URL'),
    });
    expect(await run(['keys', 'list'], { EDGE_AUTHORIZER_TOKEN: '' })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('EDGE_AUTHORIZER_TOKEN'),
    });
    expect(await run(['keys', 'list'], { EDGE_AUTHORIZER_TOKEN: 'wrong' })).toMatchObject({
      exitCode: 3,
      stdout: '',
    });
    // A port that no fetch may use: https://fetch.spec.whatwg.org/#port-blocking
    const nowhere = await run(['keys', 'list', '--url', 'http://127.0.0.1:9']);
    expect(nowhere).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Cannot reach') });
  });

  it('with the address of something else says so, whatever that answers', async () => {
    const answers: readonly [status: number, type: string, body: string][] = [
      [404, 'text/html', '<h1>Not Found</h1>'],
      [404, 'application/json', '{"errors":["Not found"]}'],
      [401, 'text/plain', 'Who are you'],
      [200, 'application/json', '{"headers":{}}'],
      [200, 'text/html', ''],
    ];
    for (const [status, type, body] of answers) {
      const other = createServer((_, response) => {
        response.writeHead(status, { 'Content-Type': type }).end(body);
      });
      await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening));
      const origin = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
      const result = await run(['keys', 'list', '--url', origin]);
      other.close();
      expect(result).toMatchObject({ exitCode: 1, stdout: '' });
      expect(result.stderr).toBe(
        `No edge answers at ${origin}: /_edge/v1/keys was answered with ${status} and ${type}, not as an edge does it. Check the URL\n`,
      );
    }
  });

  it('prints the problem as JSON where that was asked for, and nothing of the token', async () => {
    const result = await run(['keys', 'create', '--name', 'x', '--origin', 'a.example', '--json']);
    expect(JSON.parse(result.stdout)).toMatchObject({ code: 'invalid_fields', status: 422 });
    expect(result.stdout + result.stderr).not.toContain(edge.adminToken);
  });
});

describe('the life of a key', () => {
  it('is made, shown, edited, rolled and revoked', async () => {
    const made = await runJson([
      ...['keys', 'create', '--name', 'My page', '--owner', 'acct_1'],
      ...['--origin', 'https://a.example', '--origin', 'https://b.example'],
    ]);
    const id = String(made['id']);
    expect(made['access']).toEqual({
      cors: { allowedOrigins: ['https://a.example', 'https://b.example'], fullAccess: false },
    });
    expect(await statusWith(String(made['token']))).toBe(200);

    const shown = await run(['keys', 'show', id]);
    expect(shown.stdout).toContain('https://b.example');
    expect(shown.stdout).toContain('restricted');
    expect(shown.stdout).not.toContain(String(made['token']));

    const edited = await runJson([
      ...['keys', 'edit', id, '--name', 'Our page'],
      ...['--remove-origin', 'https://a.example', '--add-origin', 'https://c.example'],
    ]);
    expect(edited).toMatchObject({
      name: 'Our page',
      access: { cors: { allowedOrigins: ['https://b.example', 'https://c.example'] } },
    });
    expect(await runJson(['keys', 'edit', id, '--disable'])).toMatchObject({ enabled: false });
    expect(await statusWith(String(made['token']))).toBe(401);
    await runJson(['keys', 'edit', id, '--enable']);

    const rolled = await runJson(['keys', 'roll', id, '--grace-seconds', '60']);
    expect(rolled['token']).not.toBe(made['token']);
    expect(await statusWith(String(made['token']))).toBe(200);
    expect(await statusWith(String(rolled['token']))).toBe(200);

    const wrongName = await run(['keys', 'revoke', id, '--name', 'My page']);
    expect(wrongName).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('"Our page"') });
    expect((await run(['keys', 'revoke', id, '--name', 'Our page'])).exitCode).toBe(0);
    expect(await statusWith(String(rolled['token']))).toBe(401);
    // It stays readable, and cannot be changed.
    const revoked = await run(['keys', 'show', id]);
    expect([revoked.exitCode, revoked.stdout]).toEqual([
      0,
      expect.stringMatching(/state +revoked/),
    ]);
    expect((await run(['keys', 'edit', id, '--name', 'Again'])).exitCode).toBe(4);
  });

  it('is rolled with a day for the token before, unless it should end at once', async () => {
    const { id, token } = await edge.createKey({ name: 'backend' });
    const rolled = await run(['keys', 'roll', id]);
    const [, end = ''] = /^The token before it works until (\S+)$/m.exec(rolled.stdout) ?? [];
    const hoursLeft = (Date.parse(end) - Date.now()) / (60 * 60 * 1000);
    expect(hoursLeft).toBeGreaterThan(23.9);
    expect(hoursLeft).toBeLessThanOrEqual(24);
    expect(await statusWith(token)).toBe(200);
    expect((await run(['keys', 'show', id])).stdout).toContain(`older token  until ${end}\n`);

    const leaked = await run(['keys', 'roll', id, '--grace-seconds', '0']);
    expect(leaked.stdout).toMatch(/^The token before it has ended$/m);
    expect(leaked.stdout).not.toContain('older token');
    expect(await statusWith(token)).toBe(401);

    const expiresAt = new Date(Date.now() + 60 * 60 * 1000).toISOString();
    await runJson(['keys', 'edit', id, '--expires-at', expiresAt]);
    const expiring = await run(['keys', 'roll', id]);
    expect(expiring.stdout).toContain(`The token before it works until ${expiresAt}`);
  });

  it('loses an origin however it is written, and none that it does not list', async () => {
    const { id } = await edge.createKey({
      name: 'page',
      access: { cors: { allowedOrigins: ['https://app.example', 'https://b.example'] } },
    });
    const edited = await runJson([
      'keys',
      'edit',
      id,
      '--remove-origin',
      'HTTPS://App.Example:443/',
    ]);
    expect(edited['access']).toMatchObject({ cors: { allowedOrigins: ['https://b.example'] } });
    for (const typo of ['https://app.example', 'b.example']) {
      expect(await run(['keys', 'edit', id, '--remove-origin', typo])).toMatchObject({
        exitCode: 2,
        stderr: `Cannot remove origin "${typo}": the key does not list it. It lists https://b.example\n`,
      });
    }
    const replaced = ['--origin', 'https://c.example', '--add-origin', 'https://d.example'];
    expect(await run(['keys', 'edit', id, ...replaced])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('cannot be used with'),
    });
  });

  it('gets rules of its own and loses them, beside its origins', async () => {
    const page = await edge.createKey({
      name: 'page',
      access: { cors: { allowedOrigins: ['https://a.example'], fullAccess: true } },
    });
    const rules = [{ methods: ['get'], resources: ['/api/asset/:id'] }];
    const file = await jsonFile(rules);
    const wide = await run(['keys', 'edit', page.id, '--rules', file]);
    expect(wide).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('full access') });
    const cors = { allowedOrigins: ['https://a.example'], fullAccess: false };
    const ruled = ['keys', 'edit', page.id, '--rules', file, '--no-full-access'];
    expect(await runJson(ruled)).toMatchObject({ access: { cors, rules } });
    expect(await runJson(['keys', 'edit', page.id, '--add-origin', '*'])).toMatchObject({
      access: { cors: { allowedOrigins: ['https://a.example', '*'] }, rules },
    });
    const opened = await runJson(['keys', 'edit', page.id, '--no-rules', '--full-access']);
    expect(opened['access']).toEqual({
      cors: { allowedOrigins: ['https://a.example', '*'], fullAccess: true },
    });

    const backend = await edge.createKey({ name: 'backend' });
    const none = await run(['keys', 'edit', backend.id, '--rules', await jsonFile(null)]);
    expect(none).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('not a JSON list') });
    expect(await runJson(['keys', 'edit', backend.id, '--rules', file])).toMatchObject({
      access: { rules },
    });
    expect(await runJson(['keys', 'edit', backend.id, '--no-rules'])).toMatchObject({
      access: null,
    });
    for (const option of ['--full-access', '--no-full-access']) {
      const refused = await run(['keys', 'edit', backend.id, option]);
      expect(refused).toMatchObject({
        exitCode: 2,
        stderr: expect.stringMatching(/a backend key/),
      });
    }
    const turned = await run(['keys', 'edit', backend.id, '--add-origin', 'https://a.example']);
    expect(turned).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('backends') });
  });

  it('is shown with its rules, one a line', async () => {
    const rules = [
      { methods: ['get', 'patch'], resources: ['/api/asset/:id', '/api/stream/:id'] },
      { methods: ['*'], resources: ['/files/*'] },
    ];
    const created = ['keys', 'create', '--name', 'ruled', '--rules', await jsonFile(rules)];
    const lines = [
      'access     rules',
      'rules      GET, PATCH /api/asset/:id, /api/stream/:id',
      '           * /files/*',
      'state      live',
    ].join('\n');
    expect((await run(created)).stdout).toContain(`\n${lines}\n`);
    const { id } = await runJson(created);
    expect((await run(['keys', 'show', String(id)])).stdout).toContain(`\n${lines}\n`);
    expect(await runJson(['keys', 'show', String(id)])).toMatchObject({ access: { rules } });
  });

  it('is listed by owner and name, over several pages', async () => {
    for (let count = 0; count < 3; count++) {
      await edge.createKey({ name: `listed ${count}`, owner: 'acct_list' });
    }
    const { keys } = await runJson(['keys', 'list', '--owner', 'acct_list', '--limit', '2']);
    expect(keys).toMatchObject([{ name: 'listed 2' }, { name: 'listed 1' }]);
    const found = await run(['keys', 'list', '--search', 'listed 0']);
    expect(found.stdout).toContain('listed 0');
    expect(found.stdout).not.toContain('listed 1');
  });

  it('leaves its changes in the audit, newest first and over several pages', async () => {
    const { id } = await edge.createKey({ name: 'audited' });
    for (let count = 1; count <= 100; count++) {
      await edge.manage('PATCH', `/keys/${id}`, { name: `audited ${count}` });
    }
    expect((await run(['keys', 'revoke', id, '--name', 'audited 100'])).exitCode).toBe(0);
    const { entries } = await runJson(['audit', '--key', id, '--limit', '101']);
    const actions = (entries as { action: string }[]).map(({ action }) => action);
    expect(actions).toEqual(['revoke', ...Array.from({ length: 100 }, () => 'edit')]);
    const newest = await run(['audit', '--limit', '1']);
    expect(newest.stdout).toMatch(
      new RegExp(`^AT .*\\n[0-9TZ:.-]+ +revoke +${id} +audited 100 +operator\\n$`),
    );
    expect((await run(['audit', '--key', `key_${'0'.repeat(22)}`])).stdout).toBe('No changes\n');
  });

  it('is explained and counted', async () => {
    const key = await edge.createKey({
      name: 'page',
      access: { cors: { allowedOrigins: ['https://a.example'] } },
    });
    const explained = await runJson([
      ...['keys', 'explain', '--key', key.id, '--path', '/api/stream'],
      ...['--origin', 'https://a.example'],
    ]);
    expect(explained).toMatchObject({ allowed: false, code: 'route_not_allowed' });
    const allowed = await run(['keys', 'explain', '--key', key.id, '--path', '/api/stream/1']);
    expect(allowed.stdout).toContain('Allowed: forwarded');
    const refused = await run(['keys', 'explain', '--key', key.id, '--path', '/api/stream']);
    expect(refused.stdout).toMatch(/NO +route/);
    expect(refused.stdout).toContain('Refused: 403 route_not_allowed');
    const missed = ['--path', `/api/stream/${'x'.repeat(100)}/nothing`];
    const { stdout } = await run(['keys', 'explain', '--key', key.id, ...missed]);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(stdout.replace(/\s+/g, ' ').match(/Call this one from a backend/g)).toHaveLength(1);
    const asked = ['keys', 'explain', '--token-stdin', '--path', '/api/stream'];
    const byToken = await run([...asked, '--json'], {}, `${key.token}\n`);
    expect(JSON.parse(byToken.stdout)).toMatchObject({ keyId: key.id, code: 'route_not_allowed' });
    const cutShort = await run(asked, {}, `${key.token.slice(0, -1)}\n`);
    expect(cutShort.stdout).toContain('no key has this token');
    expect(cutShort.stdout).not.toContain(key.token.slice(0, -1));
    await statusWith(key.token);
    await expect
      .poll(async () => (await run(['keys', 'usage', key.id])).stdout, {
        timeout: 40_000,
        interval: 1000,
      })
      .toContain('allowed');
    const overview = await run(['usage', '--key', key.id, '--period', '24h']);
    expect(overview.stdout).toMatch(/^OUTCOME SINCE 20.* REQUESTS\nallowed +\d/);
    expect(overview.stdout).toContain('ENDPOINT');
  });
});

describe('usageTable()', () => {
  it('lists the outcomes of every day and of the sums in one order', () => {
    const document = {
      usage: [
        { day: '2030-01-30', outcome: 'denied:invalid_key', requests: 1, clientRequests: 0 },
        { day: '2030-01-31', outcome: 'allowed', requests: 2, clientRequests: 1 },
        { day: '2030-01-31', outcome: 'denied:invalid_key', requests: 3, clientRequests: 0 },
      ],
      totals: { 'denied:invalid_key': 4, allowed: 2 },
      clientTotals: { allowed: 1 },
    };
    const rows = usageTable(document)
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    expect(rows).toEqual([
      ['DAY', 'OUTCOME', 'REQUESTS', 'WITH CLIENT TOKENS'],
      ['2030-01-31', 'allowed', '2', '1'],
      ['2030-01-31', 'denied:invalid_key', '3', '0'],
      ['2030-01-30', 'denied:invalid_key', '1', '0'],
      ['total', 'allowed', '2', '1'],
      ['total', 'denied:invalid_key', '4', '0'],
    ]);
    // Most keys give no client tokens, and an older edge does not report them.
    expect(usageTable({ ...document, clientTotals: {} })).not.toContain('CLIENT');
  });
});

describe('import', () => {
  it('brings existing tokens over in calls of 500', async () => {
    const rows = Array.from({ length: 501 }, (_, index) => ({
      name: `imported ${index}`,
      token: `old-store-token-of-decent-length-${String(index).padStart(4, '0')}`,
    }));
    const { exitCode, stdout, stderr } = await run(['keys', 'import', await jsonFile(rows)]);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain('Imported 501 keys');
    expect(await statusWith(rows[500]?.token ?? '')).toBe(200);
  });

  it('reads the file from standard input where it is called "-"', async () => {
    const token = 'piped-store-token-of-decent-length';
    const piped = JSON.stringify([{ name: 'piped', token }]);
    const result = await run(['keys', 'import', '-'], {}, piped);
    expect(result).toMatchObject({ exitCode: 0, stdout: 'Imported 1 key\n' });
    expect(await statusWith(token)).toBe(200);
    const help = await run(['keys', 'import', '--help']);
    expect(help.stdout).toContain('"-" reads standard input');
  });

  it.each([
    ['nothing', '', 'Cannot read standard input: Unexpected end of JSON input'],
    ['a token', 'store-token-1', "Cannot read standard input: Unexpected token 's'"],
    [
      'a list with a token in no quotes',
      '[{"name":"piped","token":store-token-1}]',
      "Cannot read standard input: Unexpected token 's'",
    ],
    [
      'one key',
      '{"name":"piped","token":"store-token-1"}',
      'Cannot use standard input: it is not a JSON list',
    ],
  ])('refuses standard input that holds %s, without repeating it', async (_, piped, message) => {
    const result = await run(['keys', 'import', '-'], {}, piped);
    expect(result).toMatchObject({ exitCode: 2, stdout: '', stderr: `${message}\n` });
  });

  it('says how far it came when a call is refused, and which rows are at fault', async () => {
    const rows = Array.from({ length: 501 }, (_, index) => ({
      name: 'second import',
      token: `second-store-token-of-decent-length-${String(index).padStart(4, '0')}`,
    }));
    const broken = { name: '', token: 'short' };
    const first = await run(['keys', 'import', await jsonFile([rows[0], broken])]);
    expect(first.exitCode).toBe(5);
    expect(first.stderr).toContain(
      'Imported nothing: the edge refused rows 1 to 2. Below, keys[0] is row 1 of the file\n',
    );
    expect(first.stderr).toContain('keys[1].name');
    const later = await run(['keys', 'import', await jsonFile([...rows.slice(0, 500), broken])]);
    expect(later.exitCode).toBe(5);
    expect(later.stderr).toContain(
      'Imported rows 1 to 500 of 501: the edge refused row 501. Below, keys[0] is row 501 of the file\n',
    );
    expect(later.stderr).not.toContain('short"');

    const lost = ['--url', 'http://127.0.0.1:9'];
    const unknown = await run(['keys', 'import', await jsonFile([rows[500]]), ...lost]);
    expect(unknown).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(
        /^Cannot tell whether the edge took row 1\. Repeat it with --skip-existing\nCannot reach/,
      ),
    });
  });
});
