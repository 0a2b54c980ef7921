/**
 * Builds the Worker as `wrangler deploy` would, once before all end-to-end tests, so that they run what is
 * deployed rather than what the sources look like.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** The folder that holds `package.json`, `wrangler.toml` and `schema.sql`. */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** How test files, which run in other processes, learn where the bundle of this run is. */
const folderVariable = 'EDGE_BUNDLE_FOLDER';

/** The folder of the bundle and the modules beside it: one of this run's own, or else `dist`. */
export function bundleFolder(): string {
  return process.env[folderVariable] ?? join(projectRoot, 'dist');
}

/** A folder for files of this run, which are removed after it. */
export function runFolder(): string {
  const bundle = process.env[folderVariable];
  return bundle === undefined ? tmpdir() : dirname(bundle);
}

/** The compiled code of wrangler, for every process of this run that loads it. */
export function compileCacheFolder(): string {
  return join(runFolder(), 'compile-cache');
}

/** Makes the folder of the run, and returns what removes it. */
export async function makeRunFolder(): Promise<() => Promise<void>> {
  const run = await mkdtemp(join(tmpdir(), 'edge-authorizer-run-'));
  process.env[folderVariable] = join(run, 'bundle');
  return () => rm(run, { recursive: true, force: true });
}

/** Builds the bundle and prints its size. Throws with all that wrangler said when it fails. */
export async function buildBundle(): Promise<void> {
  const folder = bundleFolder();
  await runWrangler(['deploy', '--dry-run', '--outdir', folder]);
  const bundle = await readFile(join(folder, 'index.js'));
  const gzippedBytes = gzipSync(bundle).byteLength;
  console.log(
    `Worker bundle: ${inKibibytes(bundle.byteLength)}, ${inKibibytes(gzippedBytes)} gzip`,
  );
}

/** Runs wrangler in the project's folder. Throws with all that it said when it fails. */
export async function runWrangler(args: string[]): Promise<void> {
  const packageFile = createRequire(import.meta.url).resolve('wrangler/package.json');
  const wrangler = join(dirname(packageFile), 'bin/wrangler.js');
  const child = spawn(process.execPath, [wrangler, ...args], {
    cwd: projectRoot,
    env: {
      ...process.env,
      WRANGLER_SEND_METRICS: 'false',
      NO_COLOR: '1',
      NODE_COMPILE_CACHE: compileCacheFolder(),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (text: string) => {
    output += text;
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  const [exitCode] = await once(child, 'close');
  if (exitCode !== 0) {
    throw new Error(`Cannot build the Worker: wrangler ${args.join(' ')} failed\n${output}`);
  }
}

function inKibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
