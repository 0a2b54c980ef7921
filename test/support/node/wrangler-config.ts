/**
 * The content of a wrangler.toml, as wrangler itself reads it. Loading wrangler takes most of a second, so that of this
 * repository is read once before all end-to-end tests.
 */

import { join } from 'node:path';
import { projectRoot } from './build-bundle.ts';

export type WranglerConfig = {
  compatibilityDate: string;
  /** The variables. */
  vars: Record<string, unknown>;
  /** The options of a Worker in Miniflare, without those that hold values of `.dev.vars`. */
  workerOptions: Record<string, unknown>;
};

const ours = join(projectRoot, 'wrangler.toml');

/** How test files, which run in other processes, learn what was read. */
const variable = 'EDGE_WRANGLER_CONFIG';

/** Reads the configuration of this repository for all test files. */
export async function readOnce(): Promise<void> {
  process.env[variable] = JSON.stringify(await load(ours));
}

/** Returns what this wrangler.toml says. Default: that of this repository. Throws if it has no compatibility date. */
export async function readWranglerConfig(configPath = ours): Promise<WranglerConfig> {
  const read = process.env[variable];
  return configPath === ours && read !== undefined ? JSON.parse(read) : load(configPath);
}

async function load(configPath: string): Promise<WranglerConfig> {
  const { unstable_getMiniflareWorkerOptions, unstable_readConfig } = await import('wrangler');
  const { compatibility_date: compatibilityDate, vars } = unstable_readConfig({
    config: configPath,
  });
  if (compatibilityDate === undefined) {
    throw new Error(`Cannot serve: ${configPath} has no compatibility_date`);
  }
  // The bindings include the .dev.vars of this machine.
  const { bindings: _, ...workerOptions } =
    unstable_getMiniflareWorkerOptions(configPath).workerOptions;
  return { compatibilityDate, vars, workerOptions };
}
