/**
 * `npm run deploy` with wrangler itself against a stand-in for Cloudflare's API. The deployment runs in this
 * process, and wrangler in those that it starts: each of them takes two CPU seconds to load.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseDeployArguments } from '../../scripts/deploy/arguments.ts';
import { connectToCloudflare } from '../../scripts/deploy/cloudflare.ts';
import { readDeployment } from '../../scripts/deploy/config.ts';
import { deploy } from '../../scripts/deploy/deploy.ts';
import { findOrCreateResources, type Resources } from '../../scripts/deploy/resources.ts';
import { compileCacheFolder, projectRoot } from '../support/node/build-bundle.ts';
import {
  ACCOUNT,
  type StandInCloudflare,
  standInCloudflare,
} from '../support/node/stand-in-cloudflare.ts';

// wrangler takes seconds to start, and a test here runs it several times.
vi.setConfig({ testTimeout: 240_000 });

let cloudflare: StandInCloudflare;
let folder: string;
let migrations: string[];

beforeEach(async () => {
  cloudflare = await standInCloudflare();
  await mkdir(join(projectRoot, 'test-output'), { recursive: true });
  folder = await mkdtemp(join(projectRoot, 'test-output/deploy-'));
  migrations = (await readdir(join(projectRoot, 'migrations'))).sort();
  // One file that esbuild has nothing to do with, with the bindings of the edge.
  await writeFile(join(folder, 'worker.js'), 'export default { fetch: () => new Response() };');
  await writeConfig((config) => config);
  // `CI` switches wrangler's questions off, as it does in CI.
  const variables = {
    CI: '1',
    NO_COLOR: '1',
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    WRANGLER_LOG_PATH: join(folder, 'logs'),
    NODE_COMPILE_CACHE: compileCacheFolder(),
    CLOUDFLARE_API_BASE_URL: cloudflare.url,
    CLOUDFLARE_API_TOKEN: 'token',
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await cloudflare.close();
  await rm(folder, { recursive: true, force: true });
});

/** Writes wrangler.toml as it is in the repository, after a change. */
async function writeConfig(change: (config: string) => string): Promise<void> {
  const config = await readFile(join(projectRoot, 'wrangler.toml'), 'utf8');
  const here = config
    .replace('main = "src/index.ts"', 'main = "worker.js"\nno_bundle = true')
    .replace('minify = true', 'minify = false')
    .replace(/^database_name = .*$/m, '$&\nmigrations_dir = "../../migrations"');
  await writeFile(join(folder, 'wrangler.toml'), change(here));
}

interface Run {
  /** The sentence that a deployment stopped with. */
  error: string | null;
  output: string;
  /** The calls that create or upload something. */
  changes: string[];
}

const config = () => join(folder, 'wrangler.toml');

/** Deploys, and keeps what an operator would see. */
async function run(...args: string[]): Promise<Run> {
  cloudflare.calls.length = 0;
  const path = join(folder, 'output.txt');
  const file = await open(path, 'w');
  let output = '';
  try {
    const screen = {
      print: (text: string) => {
        output += text;
      },
      stdio: ['ignore', file.fd, file.fd] as ['ignore', number, number],
    };
    const error = await deploy(['--config', config(), ...args], screen).then(
      () => null,
      (failure: Error) => failure.message,
    );
    output += await readFile(path, 'utf8');
    return { error, output, changes: changesOf(cloudflare.calls) };
  } finally {
    await file.close();
  }
}

function changesOf(calls: readonly string[]): string[] {
  const creating =
    /^(?:POST \/(?:d1\/database|storage\/kv\/namespaces|queues)|P\w+ \/workers\/scripts\/[^/]+(?:\/versions)?)$/;
  return calls.filter((call) => creating.test(call));
}

/** The names of the migrations that a database has. */
function appliedTo(name: string): unknown[] {
  const database = [...cloudflare.databases.values()].find((one) => one.name === name);
  return (database?.sql.prepare('SELECT name FROM d1_migrations ORDER BY id').all() ?? []).map(
    (row) => row['name'],
  );
}

const create = ['POST /d1/database', 'POST /storage/kv/namespaces', 'POST /queues'];
const upload = 'PUT /workers/scripts/edge-authorizer';

/** The first half of a deployment, in this process: what it finds and creates, without wrangler. */
async function findOrCreate(): Promise<Resources> {
  cloudflare.calls.length = 0;
  const deployment = readDeployment(config(), undefined);
  const api = await connectToCloudflare(deployment.accountId);
  return findOrCreateResources(api, deployment, { location: undefined, jurisdiction: undefined });
}

describe('a deployment', () => {
  test('that failed half-way can be repeated, and creates everything once', async () => {
    cloudflare.forbidden = /^PUT \/workers/;
    const failed = await run();
    expect(failed.error).toContain('wrangler deploy ended with exit code 1');
    expect(failed.changes).toEqual([...create, upload]);
    expect(failed.output).toContain('created  KV namespace edge-authorizer-keys, bound as KEYS');
    cloudflare.forbidden = null;

    const repeated = await run();
    expect(repeated.error, repeated.output).toBeNull();
    expect(repeated.changes).toEqual([upload]);
    expect(repeated.output).toContain('found    D1 database edge-authorizer, bound as DB');
    expect(appliedTo('edge-authorizer')).toEqual(migrations);
    const [namespaceId] = [...cloudflare.namespaces.keys()];
    expect(cloudflare.scripts.get('edge-authorizer')).toContainEqual(
      expect.objectContaining({ type: 'kv_namespace', name: 'KEYS', namespace_id: namespaceId }),
    );
    expect(await readdir(folder)).not.toContain('wrangler.deploy.json');

    const { ids } = await findOrCreate();
    expect(ids.get('KEYS')).toBe(namespaceId);
    expect(changesOf(cloudflare.calls)).toEqual([]);
  });

  test('continues where another one stopped, at each step', async () => {
    for (const step of create.slice(1)) {
      cloudflare.forbidden = new RegExp(`^${step}$`);
      await expect(findOrCreate()).rejects.toThrow(step.slice('POST '.length));
    }
    cloudflare.forbidden = null;
    await findOrCreate();
    expect(changesOf(cloudflare.calls)).toEqual(['POST /queues']);
  });

  test('finds the namespace on a later page', async () => {
    for (let count = 0; count < 150; count++)
      cloudflare.namespaces.set(`id-${count}`, `a-${count}`);
    cloudflare.namespaces.set('id-of-ours', 'edge-authorizer-keys');
    expect((await findOrCreate()).ids.get('KEYS')).toBe('id-of-ours');
    expect(changesOf(cloudflare.calls)).not.toContain('POST /storage/kv/namespaces');
  });

  test('of an environment has stores and a Worker of its own, and says what is to do', async () => {
    const document = await readFile(join(projectRoot, 'docs/operating.md'), 'utf8');
    const [, staging = ''] = /^```toml\n(\[env\.staging\]\n[\s\S]*?)^```$/m.exec(document) ?? [];
    const here = staging
      .replace(/^routes = .*$/m, '')
      .replace(/^database_name = .*$/m, '$&\nmigrations_dir = "../../migrations"');
    await writeConfig((top) => `${top}\n${here}`);
    const { error, output } = await run('--env', 'staging');
    expect(error, output).toBeNull();
    expect(output).not.toContain('ERROR');
    expect([...cloudflare.databases.values()].map(({ name }) => name)).toEqual([
      'edge-authorizer-staging',
    ]);
    expect(appliedTo('edge-authorizer-staging')).toEqual(migrations);
    expect([...cloudflare.namespaces.values()]).toEqual(['edge-authorizer-staging-keys']);
    expect([...cloudflare.queues]).toEqual(['edge-authorizer-staging-usage']);
    expect([...cloudflare.scripts.keys()]).toEqual(['edge-authorizer-staging']);
    expect(output).toContain('npx wrangler secret put ADMIN_TOKEN --env staging');
  });

  test('names the permission that a token lacks', async () => {
    cloudflare.forbidden = /\/storage\/kv\//;
    const { error } = await run();
    expect(error).toContain('The API token needs the permission Workers KV Storage: Edit');
  });
});

describe('a database that was renamed in wrangler.toml', () => {
  const rename = () =>
    writeConfig((top) =>
      top
        .replace(
          /^database_name = .*$/m,
          'database_name = "my-keys"\nmigrations_dir = "../../migrations"',
        )
        .replace(/(migrations_dir.*\n)\1/, '$1'),
    );

  test('before the first deployment is created under that name alone', async () => {
    await rename();
    await findOrCreate();
    expect([...cloudflare.databases.values()].map(({ name }) => name)).toEqual(['my-keys']);
  });

  test('after a deployment is an error, and nothing is created or deployed', async () => {
    const { ids } = await findOrCreate();
    cloudflare.scripts.set('edge-authorizer', [
      { type: 'd1', name: 'DB', database_id: ids.get('DB') },
    ]);
    await rename();
    const { error, changes } = await run();
    expect(error).toContain('the deployed Worker uses "edge-authorizer"');
    expect(changes).toEqual([]);
    // On purpose: it is there.
    const mine = cloudflare.addDatabase('my-keys');
    expect((await findOrCreate()).ids.get('DB')).toBe(mine);
  });
});

describe('migrations', () => {
  test('that are declined end the deployment with an error', async () => {
    // `script` runs the command on a terminal, where wrangler asks: https://man7.org/linux/man-pages/man1/script.1.html
    const { CI: _, ...env } = process.env;
    const deployScript = join(projectRoot, 'scripts/deploy.ts');
    const command = [process.execPath, deployScript, '--config', config()].map(shellWord).join(' ');
    const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    let isAnswered = false;
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      if (isAnswered || !output.includes('continue?')) return;
      isAnswered = true;
      child.stdin.write('n\r');
    });
    const [exitCode] = await once(child, 'close');
    expect(output).toContain('continue?');
    expect(output).toContain('migrations are still to be applied');
    expect(exitCode).toBe(1);
    expect(changesOf(cloudflare.calls)).not.toContain(upload);
    expect(appliedTo('edge-authorizer')).toEqual([]);
  });
});

describe('parseDeployArguments()', () => {
  test.each([
    [[], []],
    [
      ['--env', 'staging', '--var', 'A:b'],
      ['--var', 'A:b'],
    ],
    [['--env=staging', '--minify'], ['--minify']],
    [
      ['--var', 'A:b', '-e', 'staging'],
      ['--var', 'A:b'],
    ],
    [['--location', 'weur', '--dry-run'], ['--dry-run']],
    [['--schema-only'], []],
  ])('leaves of %j to wrangler %j', (args, forWrangler) => {
    expect(parseDeployArguments(args)).toMatchObject({ forWrangler });
  });
});

/** A word of a shell's command, whatever it holds. */
function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
