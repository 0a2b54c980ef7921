/** Starts what the edge is measured against. Its packages are not the project's and stay in here. */

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { hashToken } from '../src/core/key/token.ts';
import { bundleWorker, projectRoot } from './bundle.ts';
import { coreUnderTest } from './cores.ts';
import { bundledModules, prepareWorker } from './prepare.ts';
import { cpuSecondsOf, start, stop } from './processes.ts';
import { listedOrigin } from './rows.ts';
import { plainWorker, type Server, serveWorkerd } from './workerd.ts';

/** A running contender, and the token that it accepts. */
export type Contender = { server: Server; token: string };

export type ContenderOptions = { folder: string; upstreamUrl: string; compatibilityDate: string };

const benchFolder = join(projectRoot, 'bench');
const contenders = join(benchFolder, 'contenders');

/** Installs the contenders' packages from `bench/package-lock.json`, the first time. */
export function installPackages(): void {
  if (existsSync(join(benchFolder, 'node_modules/.package-lock.json'))) return;
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: benchFolder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

const recipeToken = 'recipe-token-0123456789-0123456789-0123456789';

/** An afternoon with Hono, its keys in KV: `contenders/recipe.ts`. */
export async function serveRecipe(options: ContenderOptions): Promise<Contender> {
  const bundleFolder = await bundleRecipe(options);
  const { config } = await prepareWorker({
    folder: join(options.folder, 'prepared'),
    worker: {
      ...(await bundledModules(bundleFolder)),
      compatibilityDate: options.compatibilityDate,
      bindings: { UPSTREAM_URL: options.upstreamUrl },
      kvNamespaces: { KEYS: 'recipe' },
    },
    async fill({ miniflare, name }) {
      const keys = await miniflare.getKVNamespace('KEYS', name);
      const key = { id: 'key_recipe', owner: 'acct_bench', origins: [listedOrigin] };
      await keys.put(await hashToken(recipeToken), JSON.stringify(key));
    },
  });
  const server = await serveWorkerd(join(options.folder, 'workerd'), config);
  return { server, token: recipeToken };
}

/** The same with its keys in memory. */
export async function serveRecipeInMemory(options: ContenderOptions): Promise<Contender> {
  const source = await readFile(join(await bundleRecipe(options), 'index.js'), 'utf8');
  const config = plainWorker(source, options.compatibilityDate, {
    UPSTREAM_URL: options.upstreamUrl,
  });
  const server = await serveWorkerd(join(options.folder, 'workerd'), config);
  return { server, token: recipeToken };
}

async function bundleRecipe({ folder, compatibilityDate }: ContenderOptions): Promise<string> {
  const bundleFolder = join(folder, 'bundle');
  await bundleWorker(bundleFolder, join(contenders, 'recipe.ts'), compatibilityDate);
  // The name by which bundles are read. wrangler calls it after its source.
  await rename(join(bundleFolder, 'recipe.js'), join(bundleFolder, 'index.js'));
  return bundleFolder;
}

/** better-auth on D1: `contenders/better-auth.js`. */
export async function serveBetterAuth(options: ContenderOptions): Promise<Contender> {
  const bundleFolder = join(options.folder, 'bundle');
  const flags = ['nodejs_compat'];
  await bundleWorker(bundleFolder, join(contenders, 'better-auth.js'), options.compatibilityDate, [
    '--compatibility-flags',
    ...flags,
  ]);
  const { config, filled: token } = await prepareWorker({
    folder: join(options.folder, 'prepared'),
    worker: {
      ...(await bundledModules(bundleFolder)),
      compatibilityDate: options.compatibilityDate,
      compatibilityFlags: flags,
      bindings: { UPSTREAM_URL: options.upstreamUrl },
      d1Databases: { DB: 'better-auth' },
    },
    async fill({ url }) {
      const response = await fetch(new URL('/set-up', url));
      if (!response.ok) throw new Error(`Cannot set better-auth up: ${await response.text()}`);
      return ((await response.json()) as { token: string }).token;
    },
  });
  return { server: await serveWorkerd(join(options.folder, 'workerd'), config), token };
}

/** Express in Node: `contenders/studio.js`. */
export async function serveStudio(options: ContenderOptions): Promise<Contender> {
  const child = start(coreUnderTest, process.execPath, [join(contenders, 'studio.js')], {
    env: { ...process.env, NODE_ENV: 'production', UPSTREAM_URL: options.upstreamUrl },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout === null || child.pid === undefined) throw new Error('Cannot start Express');
  const { pid } = child;
  for await (const port of createInterface(child.stdout)) {
    const server: Server = {
      url: `http://127.0.0.1:${port}`,
      pid,
      cpuSeconds: () => cpuSecondsOf(pid),
      dispose: () => stop(child),
    };
    return { server, token: 'studio-token-0123456789-0123456789-0123456789' };
  }
  throw new Error('Cannot start Express: it exited');
}
