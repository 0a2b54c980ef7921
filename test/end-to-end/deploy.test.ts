/** `npm run deploy` with wrangler itself against a stand-in for Cloudflare's API. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseDeployArguments } from '../../scripts/deploy/arguments.ts';
import { connectToCloudflare } from '../../scripts/deploy/cloudflare.ts';
import { readDeployment } from '../../scripts/deploy/config.ts';
import { findOrCreateResources, type Resources } from '../../scripts/deploy/resources.ts';
import { WRANGLER } from '../../scripts/deploy/wrangler.ts';
import { projectRoot } from '../support/node/build-bundle.ts';
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
  // Quicker to bundle than the edge, with the bindings of the edge.
  await writeFile(join(folder, 'worker.js'), 'export default { fetch: () => new Response() };');
  await writeConfig((config) => config);
  vi.stubEnv('CLOUDFLARE_API_BASE_URL', cloudflare.url);
  vi.stubEnv('CLOUDFLARE_API_TOKEN', 'token');
  vi.stubEnv('CLOUDFLARE_ACCOUNT_ID', ACCOUNT);
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
    .replace('main = "src/index.ts"', 'main = "worker.js"')
    .replace(/^database_name = .*$/m, '$&\nmigrations_dir = "../../migrations"');
  await writeFile(join(folder, 'wrangler.toml'), change(here));
}

interface Run {
  exitCode: number;
  output: string;
  /** The calls that create or upload something. */
  changes: string[];
}

/** The environment of a deployment. `CI` switches wrangler's questions off, as it does in CI. */
function environment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    CI: '1',
    NO_COLOR: '1',
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    WRANGLER_LOG_PATH: join(folder, 'logs'),
    CLOUDFLARE_API_BASE_URL: cloudflare.url,
    CLOUDFLARE_API_TOKEN: 'token',
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
  };
}

async function run(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv = environment(),
  stdin = '',
): Promise<Run> {
  cloudflare.calls.length = 0;
  const child = spawn(command, args, { cwd: projectRoot, env });
  child.stdin.end(stdin);
  const [[exitCode], ...outputs] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { exitCode, output: outputs.join(''), changes: changesOf(cloudflare.calls) };
}

function changesOf(calls: readonly string[]): string[] {
  const creating =
    /^(?:POST \/(?:d1\/database|storage\/kv\/namespaces|queues)|P\w+ \/workers\/scripts\/[^/]+(?:\/versions)?)$/;
  return calls.filter((call) => creating.test(call));
}

const config = () => join(folder, 'wrangler.toml');
const deploy = (...args: string[]) =>
  run(process.execPath, [join(projectRoot, 'scripts/deploy.ts'), '--config', config(), ...args]);

/** The names of the migrations that a database has. */
function appliedTo(name: string): unknown[] {
  const database = [...cloudflare.databases.values()].find((one) => one.name === name);
  return (database?.sql.prepare('SELECT name FROM d1_migrations ORDER BY id').all() ?? []).map(
    (row) => row['name'],
  );
}

const create = ['POST /d1/database', 'POST /storage/kv/namespaces', 'POST /queues'];
const upload = 'PUT /workers/scripts/edge-authorizer';
const uploadAgain = 'POST /workers/scripts/edge-authorizer/versions';

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
    const failed = await deploy();
    expect([failed.exitCode, failed.changes]).toEqual([1, [...create, upload]]);
    expect(failed.output).toContain('created  KV namespace edge-authorizer-keys, bound as KEYS');
    cloudflare.forbidden = null;
    // wrangler by itself never gets past the namespace that is there.
    const alone = await run(process.execPath, [WRANGLER, 'deploy', '--config', config()]);
    expect(alone.output).toContain('10014');

    const repeated = await deploy();
    expect(repeated.exitCode, repeated.output).toBe(0);
    expect(repeated.changes).toEqual([upload]);
    expect(appliedTo('edge-authorizer')).toEqual(migrations);
    const [namespaceId] = [...cloudflare.namespaces.keys()];
    expect(cloudflare.scripts.get('edge-authorizer')).toContainEqual(
      expect.objectContaining({ type: 'kv_namespace', name: 'KEYS', namespace_id: namespaceId }),
    );

    const again = await deploy();
    expect(again.exitCode, again.output).toBe(0);
    expect(again.changes).toEqual([uploadAgain]);
    expect(again.output).toContain('found    D1 database edge-authorizer, bound as DB');
    expect(await readdir(folder)).not.toContain('wrangler.deploy.json');
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
    const { exitCode, output } = await deploy('--env', 'staging');
    expect(exitCode, output).toBe(0);
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
    const { exitCode, output } = await deploy();
    expect(exitCode).toBe(1);
    expect(output).toContain('The API token needs the permission Workers KV Storage: Edit');
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
    const { exitCode, output, changes } = await deploy();
    expect([exitCode, changes]).toEqual([1, []]);
    expect(output).toContain('the deployed Worker uses "edge-authorizer"');
    // On purpose: it is there.
    const mine = cloudflare.addDatabase('my-keys');
    expect((await findOrCreate()).ids.get('DB')).toBe(mine);
  });
});

describe('migrations', () => {
  test('that are declined end the deployment with an error', async () => {
    // A terminal, on which wrangler asks: https://docs.python.org/3/library/pty.html
    const { CI: _, ...env } = environment();
    const script = join(projectRoot, 'scripts/deploy.ts');
    const command = JSON.stringify([process.execPath, script, '--config', config()]);
    const answers = `
import os, pty, sys, json
command = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0: os.execv(command[0], command)
seen = b''
answered = False
while True:
    try: chunk = os.read(terminal, 4096)
    except OSError: break
    if not chunk: break
    seen += chunk
    if not answered and b'continue?' in seen:
        answered = True
        os.write(terminal, b'n\\r')
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
    const declined = await run('python3', ['-c', answers, command], env);
    expect(declined.output).toContain('continue?');
    expect(declined.output).toContain('migrations are still to be applied');
    expect(declined.exitCode).toBe(1);
    expect(declined.changes).not.toContain(upload);
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
