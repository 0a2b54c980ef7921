/**
 * The package as a program's dependency: packed as the workflow of a release packs it, and put below
 * `node_modules`, where Node runs no TypeScript. A link to the checkout would not tell, since its real path
 * is not below any.
 */

import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot } from '../support/node/build-bundle.ts';

const run = promisify(execFile);
/** The package.json of this repository. */
let ours: {
  version: string;
  private: boolean;
  files: string[];
  scripts: { prepare: string };
  dependencies: Record<string, string>;
};
/** A copy of the repository, in which the workflow of a release has run. */
let checkout: string;
let released: unknown;
let program: string;
let installed: string;

beforeAll(async () => {
  ours = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8'));
  checkout = await checkOut();
  await prepare(checkout);
  released = await release(checkout, `v${ours.version}`);

  program = await mkdtemp(join(tmpdir(), 'edge-authorizer-package-'));
  installed = join(program, 'node_modules/edge-authorizer');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', await tarball(), '--strip-components=1', '-C', installed]);
  for (const name of Object.keys(ours.dependencies)) {
    const link = join(program, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(projectRoot, 'node_modules', name), link);
  }
});
afterAll(() =>
  Promise.all([checkout, program].map((folder) => rm(folder, { recursive: true, force: true }))),
);

/** Copies what npm may pack into a folder within the project, where modules are found. */
async function checkOut(): Promise<string> {
  await mkdir(join(projectRoot, 'test-output'), { recursive: true });
  const folder = await mkdtemp(join(projectRoot, 'test-output/package-'));
  for (const entry of await readdir(projectRoot, { withFileTypes: true })) {
    const isBuilt = entry.name === 'lib';
    if (isBuilt || !(entry.isFile() || ours.files.includes(entry.name))) continue;
    await cp(join(projectRoot, entry.name), join(folder, entry.name), { recursive: true });
  }
  return folder;
}

/** Runs the script that npm runs before it packs, without checking types: `npm run types` does. */
async function prepare(folder: string): Promise<void> {
  const bin = join(projectRoot, 'node_modules/.bin');
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}` };
  for (const command of ours.scripts.prepare.split('&&')) {
    await run('sh', ['-c', `${command} --noCheck --singleThreaded`], { cwd: folder, env });
  }
}

/** Runs the commands of the workflow that pack. Returns what failed, or `null`. */
async function release(folder: string, tag: string): Promise<unknown> {
  const workflow = await readFile(join(projectRoot, '.github/workflows/release.yml'), 'utf8');
  const [, block = ''] = /^ {6}- run: \|\n((?: {10}.*\n)+)/m.exec(workflow) ?? [];
  const env = {
    ...process.env,
    GITHUB_REF_NAME: tag,
    GITHUB_REPOSITORY: 'acme/edge-authorizer',
    NPM_PACKAGE: '@acme/edge-authorizer',
  };
  // As GitHub runs it.
  const bash = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', block];
  return run('bash', bash, { cwd: folder, env }).then(
    () => null,
    (failure: unknown) => failure,
  );
}

/** The one file that the release made. Throws with what failed if it made no file. */
async function tarball(): Promise<string> {
  if (released !== null) throw released;
  const [name = ''] = await readdir(join(checkout, 'release'));
  return join(checkout, 'release', name);
}

test('its command runs', async () => {
  const { bin } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  const command = join(installed, bin['edge-authorizer']);
  const { stdout } = await run(process.execPath, [command, 'keys', '--help']);
  expect(stdout).toContain('create [options]');
});

test('its command knows its version', async () => {
  const { bin, version } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  const command = join(installed, bin['edge-authorizer']);
  const { stdout } = await run(process.execPath, [command, '--version']);
  expect(stdout).toBe(`${version}\n`);
});

test('its client is imported by a program', async () => {
  const file = join(program, 'program.mjs');
  await writeFile(
    file,
    `import { createClient } from 'edge-authorizer/client';
     const edge = createClient({ url: 'http://127.0.0.1:9', token: 'x' });
     console.log(Object.keys(edge).filter((name) => name === name.toUpperCase()).sort().join(' '));`,
  );
  const { stdout } = await run(process.execPath, [file]);
  expect(stdout.split(/\s+/)).toEqual(expect.arrayContaining(['DELETE', 'GET', 'PATCH', 'POST']));
});

test('its minter and its verifier are imported by a program', async () => {
  const file = join(program, 'backend.mjs');
  await writeFile(
    file,
    `import { mintClientToken } from 'edge-authorizer/client-tokens';
     import { createVerifier } from 'edge-authorizer/verify';
     const refusals = [];
     try { createVerifier({ jwksUrl: 'https://edge.example/_edge/jwks.json' }); } catch (error) { refusals.push(error.message); }
     const verify = createVerifier({ jwksUrl: 'http://127.0.0.1:9', audience: 'https://api.example' });
     await verify({ method: 'GET', url: '/', headers: {} }).catch((error) => refusals.push(error.reason));
     await mintClientToken('ea_pk_x').catch((error) => refusals.push(error.name));
     console.log(refusals.join('; '));`,
  );
  const { stdout } = await run(process.execPath, [file]);
  expect(stdout).toBe('Cannot verify assertions: audience is not set; missing; TypeError\n');
});

/** A program that calls the API: in Node, in a browser, anywhere. */
const callingProgram = `
import { createClient, dataOf, eachKey, type Key, ProblemError } from 'edge-authorizer/client';
const client = createClient({ url: 'https://edge.example', token: async () => 'x' });
export async function names(signal: AbortSignal): Promise<string[]> {
  const found: string[] = [];
  for await (const key of eachKey(client, { owner: 'acct_1' }, { signal })) found.push(key.name);
  const params = { path: { id: 'key_1' } };
  const key: Key = dataOf(await client.GET('/keys/{id}', { params, signal }));
  // @ts-expect-error: a key has no such member.
  found.push(key.nothing);
  return found;
}
export const isMissing = (error: unknown) =>
  error instanceof ProblemError && error.code === 'not_found';
`;
/** An API behind the edge. */
const verifyingProgram = `
import { createVerifier, UnverifiedRequestError, type VerifiedCaller } from 'edge-authorizer/verify';
const settings: Record<string, string | undefined> = {};
const verify = createVerifier({ jwksUrl: settings['EDGE_JWKS_URL'], audience: settings['EDGE_AUDIENCE'] });
export async function answer(request: Request): Promise<Response> {
  try {
    const caller: VerifiedCaller = await verify(request);
    // @ts-expect-error: a caller has no such member.
    return new Response(caller.nothing);
  } catch (error) {
    if (!(error instanceof UnverifiedRequestError)) throw error;
    return new Response(error.reason, { status: error.status });
  }
}
// @ts-expect-error: without an audience, there is no verifier.
createVerifier({ jwksUrl: 'https://edge.example' });
`;
/** A Worker that is an edge. */
const worker = `
import { createAuthorizer } from 'edge-authorizer';
import type { Env } from 'edge-authorizer/env';
const edge = createAuthorizer({ upstream: 'https://api.example' });
export default { fetch: edge.fetch, queue: edge.queue } satisfies ExportedHandler<Env, string>;
`;
const domTypes = ['--lib', 'es2024,dom,dom.iterable', '--types', ''];
const workersTypes = join(projectRoot, 'node_modules/@cloudflare/workers-types');
const workerTypes = ['--lib', 'es2024', '--types', workersTypes];

test.each([
  [
    'a caller and an API behind the edge',
    'bundler',
    'esnext',
    [callingProgram, verifyingProgram],
    domTypes,
  ],
  [
    'a caller and an API behind the edge',
    'nodenext',
    'nodenext',
    [callingProgram, verifyingProgram],
    domTypes,
  ],
  ['a Worker', 'bundler', 'esnext', [worker], workerTypes],
  ['a Worker', 'nodenext', 'nodenext', [worker], workerTypes],
])(
  'TypeScript finds no error in %s under %s',
  async (_name, resolution, module, sources, types) => {
    const files = sources.map((_, index) =>
      join(program, `${resolution}-${types.length}-${index}.ts`),
    );
    await Promise.all(files.map((file, index) => writeFile(file, sources[index] ?? '')));
    await writeFile(join(program, 'package.json'), '{"type":"module"}');
    const options = ['--strict', '--noEmit', '--target', 'es2024', '--singleThreaded', ...types];
    // Not --skipLibCheck: the declarations of the package itself are to be right. Those of TypeScript are.
    const modules = ['--skipDefaultLibCheck', '--module', module, '--moduleResolution', resolution];
    const tsc = [join(projectRoot, 'node_modules/typescript/bin/tsc'), ...options, ...modules];
    const errors = await run(process.execPath, [...tsc, ...files], { cwd: program }).then(
      () => '',
      ({ stdout }) => stdout,
    );
    expect(errors).toBe('');
  },
);

test('TypeScript in the same place does not run, so that these tests can fail', async () => {
  const command = join(installed, 'src/cli/main.ts');
  await expect(run(process.execPath, [command, '--help'])).rejects.toMatchObject({
    stderr: expect.stringContaining('ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING'),
  });
});

describe('the release', () => {
  test('stops at a tag that is not the version', async () => {
    const folder = await mkdtemp(join(program, 'release-'));
    await cp(join(projectRoot, 'package.json'), join(folder, 'package.json'));
    expect(await release(folder, 'v9.9.9')).not.toBeNull();
    expect(await readdir(folder)).toEqual(['package.json']);
  });

  test('packs under the name and the repository of the publisher, and nothing else changes', async () => {
    // Nothing is published by mistake.
    expect(ours.private).toBe(true);
    const archive = await tarball();
    const { stdout } = await run('tar', ['-xzOf', archive, 'package/package.json']);
    const { private: _, ...others } = ours;
    expect(JSON.parse(stdout)).toEqual({
      ...others,
      name: '@acme/edge-authorizer',
      repository: { type: 'git', url: 'git+https://github.com/acme/edge-authorizer.git' },
    });
    const { stdout: files } = await run('tar', ['-tzf', archive]);
    expect(files).toContain('package/lib/verify/verify.js\n');
  });
});

test('what a Worker needs of it is there', async () => {
  const { exports } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  const entries = Object.values<Record<string, string>>(exports).flatMap(Object.values<string>);
  expect(entries).toHaveLength(2 * Object.keys(exports).length);
  for (const file of [...entries, 'migrations/0001_keys.sql', 'schema.sql']) {
    await readFile(join(installed, file));
  }
});
