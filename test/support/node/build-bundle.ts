/**
 * Builds the Worker as `wrangler deploy` would, once before all end-to-end tests (a Vitest
 * `globalSetup`), so that they run what is deployed rather than what the sources look like.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** The folder that holds `package.json`, `wrangler.toml` and `schema.sql`. */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** Where the bundle and the modules beside it are put. */
export const bundleFolder = join(projectRoot, 'dist');

/** The bundle itself: the main module that Cloudflare would be given. */
export const bundlePath = join(bundleFolder, 'index.js');

/** Builds the bundle and prints its size. Throws with all that wrangler said when it fails. */
export default async function buildBundle(): Promise<void> {
  await runWrangler(['deploy', '--dry-run', '--outdir', bundleFolder]);
  const bundle = await readFile(bundlePath);
  const gzippedBytes = gzipSync(bundle).byteLength;
  console.log(
    `Worker bundle: ${inKibibytes(bundle.byteLength)}, ${inKibibytes(gzippedBytes)} gzip`,
  );
}

async function runWrangler(args: string[]): Promise<void> {
  const packageFile = createRequire(import.meta.url).resolve('wrangler/package.json');
  const wrangler = join(dirname(packageFile), 'bin/wrangler.js');
  const child = spawn(process.execPath, [wrangler, ...args], {
    cwd: projectRoot,
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' },
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
