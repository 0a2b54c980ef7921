/** Bundles Workers as `wrangler deploy` would. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** The folder that holds `package.json`, `wrangler.toml` and `schema.sql`. */
export const projectRoot = fileURLToPath(new URL('../', import.meta.url));

/** Runs wrangler in the project's folder. Throws with all that it said when it fails. */
export async function wrangler(commandLine: readonly string[]): Promise<string> {
  const packageFile = createRequire(import.meta.url).resolve('wrangler/package.json');
  const script = join(dirname(packageFile), 'bin/wrangler.js');
  const child = spawn(process.execPath, [script, ...commandLine], {
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
  if (exitCode !== 0) throw new Error(`wrangler ${commandLine.join(' ')} failed\n${output}`);
  return output;
}

/** Builds what `wrangler deploy` would upload. `root`: the folder of another checkout. */
export async function bundleEdge(folder: string, root = projectRoot): Promise<void> {
  const config = join(root, 'wrangler.toml');
  await wrangler(['deploy', '--config', config, '--dry-run', '--outdir', folder]);
}

/** The part of esbuild that is used. */
type Esbuild = {
  build(options: object): Promise<{ outputFiles: { text: string }[] }>;
};

type Resolver = {
  onResolve(
    asked: { filter: RegExp },
    answer: (module: {
      kind: string;
      path: string;
    }) => { path: string; external: true } | undefined,
  ): void;
};

/** The goal for the gateway's part of the bundle, gzipped, in bytes. */
export const GATEWAY_MAX_BYTES = 50 * 1024;

/** Sizes of a bundle in bytes, as it is and as it is uploaded. */
export function sizesOf(source: string): { raw: number; gzipped: number } {
  return { raw: Buffer.byteLength(source), gzipped: gzipSync(source).byteLength };
}

/**
 * The part of the edge that every request may run: the entry without what it loads on demand, and without the
 * list of public suffixes, which is read if a wildcard is judged. Bundled with wrangler's options.
 */
export async function gatewaySource(root = projectRoot): Promise<string> {
  // The one that wrangler bundles with, and so brings along.
  const requireOfWrangler = createRequire(createRequire(import.meta.url).resolve('wrangler'));
  const esbuild = requireOfWrangler('esbuild') as Esbuild;
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(root, 'src/index.ts')],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    write: false,
    plugins: [
      {
        name: 'leave out what is loaded on demand',
        setup({ onResolve }: Resolver) {
          onResolve({ filter: /./ }, ({ kind, path }) =>
            kind === 'dynamic-import' || path.endsWith('/public-suffix-data.ts')
              ? { path, external: true }
              : undefined,
          );
        },
      },
    ],
  });
  return outputFiles[0]?.text ?? '';
}

/** The same for a Worker without a configuration file, to `folder/index.js`. */
export async function bundleWorker(
  folder: string,
  entry: string,
  compatibilityDate: string,
  more: readonly string[] = [],
): Promise<void> {
  // The empty configuration keeps wrangler from reading the edge's own.
  await wrangler([
    'deploy',
    entry,
    '--config',
    join(projectRoot, 'bench/contenders/wrangler.toml'),
    '--compatibility-date',
    compatibilityDate,
    '--dry-run',
    '--outdir',
    folder,
    ...more,
  ]);
}
