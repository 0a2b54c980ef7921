/** The settings in wrangler.toml, which `npm run deploy` judges before it does anything. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { settingWarnings } from '../../examples/dev/warnings.ts';
import { readDeployment } from '../../scripts/deploy/config.ts';
import { deploy } from '../../scripts/deploy/deploy.ts';
import { settingFaults, varsOf } from '../../scripts/deploy/setting-faults.ts';
import { unknownSettings } from '../../scripts/deploy/unknown-settings.ts';
import { checkUpstreamReach } from '../../scripts/deploy/upstream-reach.ts';
import { projectRoot } from '../support/node/build-bundle.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-deploy-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Writes the repository's wrangler.toml with more variables, and returns its path. */
async function configWith(vars: string, change = (config: string) => config): Promise<string> {
  const config = await readFile(join(projectRoot, 'wrangler.toml'), 'utf8');
  const file = join(folder, 'wrangler.toml');
  await writeFile(file, change(config.replace('[vars]\n', `[vars]\n${vars}\n`)));
  return file;
}

async function faultsOf(file: string, ...args: string[]): Promise<string> {
  const deployment = readDeployment(file, undefined);
  const vars = varsOf(deployment, args);
  return (await settingFaults({ ...deployment, vars })).join('\n');
}

describe('settings', () => {
  test.each([
    ['nothing but what the repository has', '', []],
    ['a receiver of events, whose secret is at Cloudflare', 'EVENTS_URL = "https://a.example"', []],
    ['signed assertions, whose keys are at Cloudflare', 'ASSERTION = "request"', []],
    ['an address from the command line', '', ['--var', 'UPSTREAM_URL:https://a.example/v1']],
  ])('pass with %s', async (_, vars, args) => {
    expect(await faultsOf(await configWith(vars), ...args)).toBe('');
  });

  test.each([
    ['TOKEN_PREFIX = "My Company"', [], 'TOKEN_PREFIX "My Company": it is not a lower-case letter'],
    ['FEED_REFRESH_SECONDS = 20', [], 'FEED_REFRESH_SECONDS "20": it is larger than MAX_STALE'],
    ['KEY_LIMIT = "100/60"', [], 'KEY_LIMITER: the binding is missing, and KEY_LIMIT is set'],
    ['', ['--var', 'UPSTREAM_URL:a.example'], 'UPSTREAM_URL "a.example": it is not an absolute'],
    ['', ['--var=UPSTREAM_URL:a.example'], 'UPSTREAM_URL "a.example": it is not an absolute'],
  ])('do not pass with %s %j', async (vars, args, words) => {
    expect(await faultsOf(await configWith(vars), ...args)).toContain(`  ${words}`);
  });

  test('pass with a limiter that is bound as wrangler had it before it knew limiters', async () => {
    const table = '\n[[unsafe.bindings]]\nname = "KEY_LIMITER"\ntype = "ratelimit"\n';
    const file = await configWith('KEY_LIMIT = "100/60"', (config) => config + table);
    expect(await faultsOf(file)).toBe('');
  });

  test('do not pass without a binding that is required', async () => {
    const file = await configWith('', (text) => text.replace(/\[\[kv_namespaces\]\]\n.*\n/, ''));
    expect(await faultsOf(file)).toContain('  KEYS: the binding is missing. Add [[kv_namespaces]]');
  });
});

describe('the address of the API', () => {
  /** The sentence that a deployment stops with, or else the lines that it prints before it calls anybody. */
  function judged(url: unknown): string[] {
    const printed: string[] = [];
    try {
      checkUpstreamReach(
        { UPSTREAM_URL: url },
        { print: (text) => void printed.push(text), stdio: 'ignore' },
      );
    } catch (error) {
      printed.push(String(error));
    }
    return printed;
  }

  test.each([
    ['http://127.0.0.1:19300', 'Error: Cannot deploy: UPSTREAM_URL "http://127.0.0.1:19300" is an'],
    ['https://localhost', 'which Cloudflare cannot reach. Set the public address of your API'],
    ['http://api.localhost:3000/v1', 'Error: Cannot deploy'],
    ['http://[::1]', 'Error: Cannot deploy'],
    ['http://192.168.1.5', 'Warning: UPSTREAM_URL "http://192.168.1.5" is an address of a private'],
    ['http://api:3000', 'which Cloudflare reaches through a binding alone'],
  ])('%j is not reached by Cloudflare', (url, words) => {
    expect(judged(url)).toEqual([expect.stringContaining(words)]);
  });

  test.each([['https://api.example.com/v1'], ['https://upstream.invalid'], [''], [undefined]])(
    '%j may be reached',
    (url) => {
      expect(judged(url)).toEqual([]);
    },
  );

  test.each([
    ['UPSTREAM_URL = ""', ['--var', 'UPSTREAM_URL:http://127.0.0.1:19300']],
    ['UPSTREAM_URL = "http://localhost"', []],
  ])('is judged before a deployment calls anybody, with %s %j', async (line, args) => {
    const file = await configWith('', (text) => text.replace('UPSTREAM_URL = ""', line));
    const screen = { print: () => undefined, stdio: 'ignore' } as const;
    await expect(deploy(['--config', file, ...args], screen)).rejects.toThrow(
      'is an address of this machine',
    );
  });
});

describe('a variable that is no setting', () => {
  const timeout =
    'UPSTREAM_TIMEOUT_SECONDS is no setting of the edge. Did you mean UPSTREAM_TIMEOUT_MS?';

  test.each([
    ['', []],
    ['MAX_STALENESS_SECONDS = 20', []],
    ['RULE_SETS = {}\nLIMITERS = []', []],
    ['UPSTREAM_TIMEOUT_SECONDS = 10', [timeout]],
    ['MY_DATABASE = "x"\nTOKEN_PREFIXES = ""', ['MY_DATABASE is no', 'mean TOKEN_PREFIX?']],
  ])('is reported by a deployment and by npm run dev, for %j', async (vars, words) => {
    const file = await configWith(vars);
    const lines = await unknownSettings(readDeployment(file, undefined).vars);
    expect(lines).toEqual(words.map((text) => expect.stringContaining(text)));
    expect(await settingWarnings(file)).toEqual(lines);
  });

  test('has no suggestion if no name is near', async () => {
    expect(await unknownSettings({ constructor: '', MY_DATABASE: '' })).toEqual([
      'constructor is no setting of the edge',
      'MY_DATABASE is no setting of the edge',
    ]);
  });

  test('is looked for in the environment that is deployed, and on the command line', async () => {
    const file = join(folder, 'wrangler.toml');
    await writeFile(file, 'name = "edge"\n[env.staging.vars]\nSTAGING = 1\n');
    const printed: string[] = [];
    const screen = { print: (text: string) => void printed.push(text), stdio: 'ignore' } as const;
    // The file has no stores, so the deployment stops.
    const args = ['--config', file, '--env', 'staging', '--var', 'GIVEN:1'];
    await expect(deploy(args, screen)).rejects.toThrow('Cannot deploy');
    expect(printed).toEqual([
      'Warning: STAGING is no setting of the edge',
      'Warning: GIVEN is no setting of the edge',
    ]);
  });

  test('is not looked for in a file that npm run dev cannot read', async () => {
    const file = join(folder, 'wrangler.toml');
    expect(await settingWarnings(file)).toEqual([]);
    await writeFile(file, '[vars');
    expect(await settingWarnings(file)).toEqual([]);
  });
});

test.each([[], ['--dry-run']])('a deployment %j stops before it calls anybody', async (...args) => {
  const file = await configWith('TOKEN_PREFIX = "My Company"');
  const screen = { print: () => undefined, stdio: 'ignore' } as const;
  await expect(deploy(['--config', file, ...args], screen)).rejects.toThrow(
    /^Cannot deploy: with these settings, .*\n {2}TOKEN_PREFIX/,
  );
});
