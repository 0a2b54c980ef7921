/** Builds and serves the Workers below `examples/`, as they are configured there. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot, runWrangler } from './build-bundle.ts';
import { bundleWorker } from './bundle-source.ts';
import { type Edge, type EdgeOptions, serveEdge } from './serve-edge.ts';

type ExampleOptions = Omit<EdgeOptions, 'worker' | 'services'> & {
  services?: Record<string, string | { source: string }>;
  /** Without wrangler, an example whose entry is `index.ts` is built in a fifth of the time. Default: true. */
  withWrangler?: boolean;
};

/**
 * Serves the example whose `wrangler.toml` is in this folder below `examples/`, bound to `services`, by
 * the names of their Workers: other examples, or the source of one module.
 */
export async function serveExample(
  name: string,
  { services = {}, withWrangler = true, ...options }: ExampleOptions = {},
): Promise<Edge> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-example-'));
  try {
    // One after the other: each of them fills a core.
    const built: Record<string, { folder: string }> = {};
    for (const [service, example] of Object.entries(services)) {
      const at = join(folder, service);
      built[service] = { folder: at };
      if (typeof example === 'string') await build(example, at);
      else await writeModule(example.source, at);
    }
    const at = join(folder, 'edge');
    const worker = await (withWrangler ? build(name, at) : buildQuickly(name, at));
    return await serveEdge({ ...options, worker, services: built });
  } finally {
    // Miniflare has read the modules by then.
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeModule(source: string, folder: string): Promise<void> {
  await mkdir(folder);
  await writeFile(join(folder, 'index.js'), source);
}

async function build(example: string, folder: string) {
  const configPath = configPathOf(example);
  await runWrangler(['deploy', '--dry-run', '--config', configPath, '--outdir', folder]);
  return { configPath, folder };
}

async function buildQuickly(example: string, folder: string) {
  await writeModule(await bundleWorker(join('examples', example, 'index.ts')), folder);
  return { configPath: configPathOf(example), folder };
}

function configPathOf(example: string): string {
  return join(projectRoot, 'examples', example, 'wrangler.toml');
}
