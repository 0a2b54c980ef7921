/** Serves `examples/upstream`, the Worker that stands in for a real API, on bare workerd. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot, runWrangler } from './build-bundle.ts';
import { type ServedModule, serveModule } from './serve-edge.ts';

export type ExampleUpstream = ServedModule & {
  /** What it was asked so far, oldest first. `trap` names what no restricted key may reach. */
  seenRequests(): Promise<{ method: string; url: string; trap: string | null; status: number }[]>;
};

/** Builds and serves the example. It starts empty. `bindings`: its `EDGE_*` settings. */
export async function serveExampleUpstream(
  bindings: Record<string, string> = {},
): Promise<ExampleUpstream> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-example-'));
  try {
    const configPath = join(projectRoot, 'examples/upstream/wrangler.toml');
    await runWrangler(['deploy', '--dry-run', '--config', configPath, '--outdir', folder]);
    const script = await readFile(join(folder, 'index.js'), 'utf8');
    const served = await serveModule(script, { bindings });
    return {
      ...served,
      async seenRequests() {
        const response = await fetch(`${served.url}/requests`);
        return (await response.json()).requests;
      },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
