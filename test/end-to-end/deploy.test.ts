/** `npm run deploy` with wrangler itself against a stand-in for Cloudflare's API. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseDeployArguments } from '../../scripts/deploy/arguments.ts';
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
});
afterEach(async () => {
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
  const creating =
    /^(?:POST \/(?:d1\/database|storage\/kv\/namespaces|queues)|P\w+ \/workers\/scripts\/[^/]+(?:\/versions)?)$/;
  const changes = cloudflare.calls.filter((call) => creating.test(call));
  return { exitCode, output: outputs.join(''), changes };
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

describe('a deployment', () => {
  test('creates everything once, applies migrations, deploys, and says what is to do', async () => {
    const first = await deploy();
    expect(first.exitCode, first.output).toBe(0);
    expect(first.changes).toEqual([...create, upload]);
    expect(first.output).not.toContain('ERROR');
    expect(first.output).toContain('created  KV namespace edge-authorizer-keys, bound as KEYS');
    expect(first.output).toContain('npx wrangler secret put ADMIN_TOKEN');
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

  test('that failed half-way can be repeated, whatever it had made', async () => {
    cloudflare.forbidden = /^PUT \/workers/;
    const failed = await deploy();
    expect([failed.exitCode, failed.changes]).toEqual([1, [...create, upload]]);
    cloudflare.forbidden = null;
    // wrangler by itself never gets past the namespace that is there.
    const alone = await run('npx', ['wrangler', 'deploy', '--config', config()]);
    expect(alone.output).toContain('10014');
    const repeated = await deploy();
    expect(repeated.exitCode, repeated.output).toBe(0);
    expect(repeated.changes).toEqual([upload]);
  });

  test('goes on where another one stopped, at each step', async () => {
    for (const step of create.slice(1)) {
      cloudflare.forbidden = new RegExp(`^${step}$`);
      expect((await deploy()).exitCode).toBe(1);
    }
    cloudflare.forbidden = null;
    const { exitCode, output, changes } = await deploy();
    expect([exitCode, changes], output).toEqual([0, ['POST /queues', upload]]);
  });

  test('finds the namespace on a later page', async () => {
    for (let count = 0; count < 150; count++)
      cloudflare.namespaces.set(`id-${count}`, `a-${count}`);
    cloudflare.namespaces.set('id-of-ours', 'edge-authorizer-keys');
    expect((await deploy('--schema-only')).changes).not.toContain('POST /storage/kv/namespaces');
  });

  test('of an environment has stores and a Worker of its own', async () => {
    const document = await readFile(join(projectRoot, 'docs/operating.md'), 'utf8');
    const [, staging = ''] = /^```toml\n(\[env\.staging\]\n[\s\S]*?)^```$/m.exec(document) ?? [];
    const here = staging
      .replace(/^routes = .*$/m, '')
      .replace(/^database_name = .*$/m, '$&\nmigrations_dir = "../../migrations"');
    await writeConfig((top) => `${top}\n${here}`);
    const { exitCode, output } = await deploy('--env', 'staging');
    expect(exitCode, output).toBe(0);
    expect([...cloudflare.databases.values()].map(({ name }) => name)).toEqual([
      'edge-authorizer-staging',
    ]);
    expect([...cloudflare.namespaces.values()]).toEqual(['edge-authorizer-staging-keys']);
    expect([...cloudflare.queues]).toEqual(['edge-authorizer-staging-usage']);
    expect([...cloudflare.scripts.keys()]).toEqual(['edge-authorizer-staging']);
    expect(output).toContain('wrangler secret put ADMIN_TOKEN --env staging');
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
    expect((await deploy('--schema-only')).exitCode).toBe(0);
    expect([...cloudflare.databases.values()].map(({ name }) => name)).toEqual(['my-keys']);
  });

  test('after a deployment is an error, and nothing is created or deployed', async () => {
    await deploy();
    await rename();
    const { exitCode, output, changes } = await deploy();
    expect([exitCode, changes]).toEqual([1, []]);
    expect(output).toContain('the deployed Worker uses "edge-authorizer"');
    // On purpose: it is there.
    cloudflare.addDatabase('my-keys');
    expect((await deploy()).exitCode).toBe(0);
    expect(appliedTo('my-keys')).toEqual(migrations);
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
