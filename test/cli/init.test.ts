/** `init`: the files that it writes, read by wrangler, and what stays when it is run again. */

import { copyFile, link, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unstable_readConfig as readConfig } from 'wrangler';
import { projectRoot } from '../support/node/build-bundle.ts';
import { type CliProcess, runCli } from '../support/node/run-cli.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-init-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const init = (args: string[], given?: CliProcess) =>
  runCli(['init', '--dir', folder, ...args], given);
const textOf = (name: string) => readFile(join(folder, name), 'utf8');
const varsNow = () =>
  readConfig({ config: join(folder, 'wrangler.toml') }, { hideWarnings: true }).vars;
const asset = { routes: [{ methods: ['GET'], path: '/assets/{id}' }] };

test('writes everything from options, in a folder with nothing in it', async () => {
  const allow = ['--allow', 'GET /assets/:id', '--manage-host', 'keys.example.com'];
  const { exitCode, stdout, stderr } = await init([
    '--upstream',
    'https://api.example.com',
    ...allow,
  ]);
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toContain('in front of https://api.example.com');
  expect(varsNow()).toMatchObject({
    UPSTREAM_URL: 'https://api.example.com',
    MANAGE_HOST: 'keys.example.com',
    RESTRICTED_ROUTES: asset,
  });
  expect(JSON.parse(await textOf('routes.json'))).toMatchObject(asset);
  expect(await textOf('wrangler.toml')).toContain(
    'main = "node_modules/edge-authorizer/src/index.ts"',
  );
  expect(await textOf('.dev.vars')).toMatch(/^ADMIN_TOKEN=[\w-]{43}$/m);
  expect((await stat(join(folder, '.dev.vars'))).mode & 0o777).toBe(0o600);
});

test('keeps what is there when it is run again', async () => {
  await copyFile(join(projectRoot, 'wrangler.toml'), join(folder, 'wrangler.toml'));
  await writeFile(join(folder, '.dev.vars'), 'ADMIN_TOKEN=mine\nOTHER=1');
  await init(['--upstream', 'https://api.example.com', '--allow', 'GET /assets/:id']);
  const first = await Promise.all(['wrangler.toml', 'routes.json', '.dev.vars'].map(textOf));
  expect((await init([])).exitCode).toBe(0);
  expect(await Promise.all(['wrangler.toml', 'routes.json', '.dev.vars'].map(textOf))).toEqual(
    first,
  );
  expect(first[2]).toBe('ADMIN_TOKEN=mine\nOTHER=1');
  // Everything that the repository's file says is still said, comments included.
  const kept = (await readFile(join(projectRoot, 'wrangler.toml'), 'utf8')).split('\n');
  const lines = new Set(first[0]?.split('\n'));
  expect(kept.filter((line) => !lines.has(line))).toEqual(['UPSTREAM_URL = ""']);

  await init(['--upstream', 'https://other.example', '--allow', 'POST /assets']);
  expect(varsNow()).toMatchObject({
    UPSTREAM_URL: 'https://other.example',
    RESTRICTED_ROUTES: { routes: [{ methods: ['POST'], path: '/assets' }] },
  });
});

test('replaces wrangler.toml as a whole, so that no program that watches it reads an empty one', async () => {
  await init(['--upstream', 'https://api.example.com']);
  const before = await textOf('wrangler.toml');
  await link(join(folder, 'wrangler.toml'), join(folder, 'before.toml'));
  expect((await init(['--upstream', 'https://other.example'])).exitCode).toBe(0);
  expect(await textOf('before.toml')).toBe(before);
  expect(varsNow()['UPSTREAM_URL']).toBe('https://other.example');
});

test('makes the folder that it is to write to', async () => {
  const dir = join(folder, 'apps', 'edge');
  const { exitCode, stderr } = await init(['--dir', dir, '--upstream', 'https://api.example.com']);
  expect(exitCode, stderr).toBe(0);
  expect(await textOf('apps/edge/wrangler.toml')).toContain('https://api.example.com');
});

test('puts a routes file into service that was edited by hand', async () => {
  await init(['--upstream', 'https://api.example.com', '--allow', 'GET /assets/:id']);
  const edited = { ...asset, reservedWords: { id: ['all'] } };
  await writeFile(join(folder, 'routes.json'), JSON.stringify(edited));
  expect((await init([])).exitCode).toBe(0);
  expect(varsNow()['RESTRICTED_ROUTES']).toMatchObject(edited);
});

test.each([
  [
    { routes: [{ methods: ['get'], path: '/a/:id' }] },
    ['methods: it is not a method that can be listed ("get"). Use GET', '("/a/:id"). Write it'],
  ],
  [[], ['\n  it is not a JSON object. Write {"routes": ']],
])('quotes what is wrong in the routes file %j', async (routes, texts) => {
  await writeFile(join(folder, 'routes.json'), JSON.stringify(routes));
  const { exitCode, stderr } = await init(['--upstream', 'https://api.example.com']);
  expect(exitCode).toBe(2);
  for (const text of texts) expect(stderr).toContain(text);
});

test('puts rule sets into service beside the routes file, and again after they changed', async () => {
  await init(['--upstream', 'https://api.example.com', '--allow', 'GET /assets/:id']);
  for (const sets of [{ 'acme@1': asset }, { 'acme@1': asset, 'acme@2': asset }]) {
    await writeFile(join(folder, 'rule-sets.json'), JSON.stringify(sets));
    const { exitCode, stdout, stderr } = await init([]);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain(Object.keys(sets).join(', '));
    expect(varsNow()).toMatchObject({ RULE_SETS: sets, RESTRICTED_ROUTES: asset });
  }
  const once = await textOf('wrangler.toml');
  await init([]);
  expect(await textOf('wrangler.toml')).toBe(once);
  await writeFile(join(folder, 'rule-sets.json'), JSON.stringify({ acme: asset }));
  expect(await init([])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('acme@1') });
});

test.each([
  ['http://127.0.0.1:19300', false],
  ['http://localhost:3000/v1', false],
  ['http://192.168.1.5', false],
  ['https://api.example.com', true],
])('says of %j that it can be deployed: %s', async (upstream, isPublic) => {
  const { exitCode, stdout } = await init(['--upstream', upstream]);
  expect(exitCode).toBe(0);
  expect(stdout.includes('npm run deploy to put it into service')).toBe(isPublic);
  expect(stdout.includes('Cloudflare cannot reach this address')).toBe(!isPublic);
});

test('asks on a terminal for the address of the API', async () => {
  await writeFile(join(folder, 'routes.json'), JSON.stringify(asset));
  const answered = await init([], { isTerminal: true, stdin: 'https://api.example.com\n' });
  expect(answered.stderr).toContain('The address of your API');
  expect(varsNow()['UPSTREAM_URL']).toBe('https://api.example.com');
});

test.each([
  ['no address', [], 'give --upstream'],
  [
    'an address without a scheme',
    ['--upstream', 'api.example.com'],
    'Cannot use "api.example.com" as the address of your API: it is not an absolute http or https URL',
  ],
  ['an address with a query', ['--upstream', 'https://a.example/?v=1'], 'Remove everything from'],
  ['an address with credentials', ['--upstream', 'https://me:secret@a.example'], '//***@a.example'],
  ['one without a scheme as well', ['--upstream', 'me:secret@a.example'], '"***@a.example"'],
  [
    'a management host with a scheme',
    ['--upstream', 'https://a.example', '--manage-host', 'https://keys.example.com'],
    'Cannot use "https://keys.example.com" as the management host',
  ],
  [
    'a rule that no route can be',
    ['--upstream', 'https://a.example', '--allow', 'GET /a//b'],
    '--allow',
  ],
])('refuses %s, and writes nothing', async (_name, args, words) => {
  const { exitCode, stderr } = await init(args);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(words)]);
  await expect(stat(join(folder, 'wrangler.toml'))).rejects.toThrow('ENOENT');
});
