/**
 * The deployment that wrangler.toml describes, and the same file with the ids of its stores.
 *
 * The ids go into a file of their own that exists while wrangler runs: wrangler.toml stays as it is, and
 * fits every account.
 */

import { rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  unstable_readConfig as readConfig,
  experimental_readRawConfig as readRawConfig,
  type Unstable_Config as WranglerConfig,
} from 'wrangler';

/** A store that a binding names. */
export interface Store {
  binding: string;
  /** The name that it is found by, and created under. */
  name: string;
  /** The id in the file; then nothing is looked for. */
  id: string | undefined;
}

/** A database, and the folder of its migrations. */
export interface Database extends Store {
  migrationsDir: string;
}

/** One environment of wrangler.toml. */
export interface Deployment {
  configPath: string;
  /** The name of the Worker. */
  name: string;
  env: string | undefined;
  accountId: string | undefined;
  databases: Database[];
  namespaces: Store[];
  queues: string[];
  vars: Record<string, unknown>;
  /** The names of all bindings to stores, queues and limiters. */
  bindings: string[];
  /** Selects this environment, as arguments to wrangler. */
  selection: string[];
}

/** Reads an environment, or the top level. Throws if the file or the environment is not there. */
export function readDeployment(file: string, env: string | undefined): Deployment {
  const configPath = resolve(file);
  const config: WranglerConfig = readConfig({ config: configPath, ...(env ? { env } : {}) });
  const { name } = config;
  if (name === undefined) throw new Error(`Cannot deploy: ${configPath} names no Worker`);
  const { producers = [], consumers = [] } = config.queues;
  return {
    configPath,
    name,
    env,
    accountId: config.account_id,
    databases: config.d1_databases.map(
      ({ binding, database_name, database_id, migrations_dir }) => ({
        binding,
        name: database_name ?? provisionedName(name, binding),
        id: database_id,
        migrationsDir: resolve(dirname(configPath), migrations_dir ?? 'migrations'),
      }),
    ),
    namespaces: config.kv_namespaces.map(({ binding, id }) => ({
      binding,
      name: provisionedName(name, binding),
      id,
    })),
    queues: [
      ...new Set([
        ...producers.map(({ binding, queue }) => queue ?? provisionedName(name, binding)),
        ...consumers.map(({ queue }) => queue),
      ]),
    ],
    vars: config.vars,
    bindings: [
      ...[...config.d1_databases, ...config.kv_namespaces, ...producers].map(
        ({ binding }) => binding,
      ),
      // Limiters were unsafe bindings before wrangler knew them, and still may be.
      ...[...config.ratelimits, ...(config.unsafe.bindings ?? [])].map(({ name }) => name),
      ...config.analytics_engine_datasets.map(({ binding }) => binding),
    ],
    selection: selectionOf(configPath, env),
  };
}

/** The name that wrangler itself gives a store without one, so that its stores are found again. */
function provisionedName(worker: string, binding: string): string {
  return `${worker}-${binding.toLowerCase().replaceAll('_', '-')}`;
}

function selectionOf(configPath: string, env: string | undefined): string[] {
  return ['--config', configPath, ...(env ? ['--env', env] : [])];
}

/** Writes the file with ids beside wrangler.toml, because paths in it are relative. */
export async function writeConfigWithIds(
  deployment: Deployment,
  ids: ReadonlyMap<string, string>,
): Promise<{ selection: string[]; remove(): Promise<void> }> {
  const { configPath, env } = deployment;
  const { rawConfig } = readRawConfig({ config: configPath });
  const scope = env ? rawConfig.env?.[env] : rawConfig;
  for (const database of scope?.d1_databases ?? []) {
    const id = ids.get(database.binding);
    if (id !== undefined) database.database_id = id;
  }
  for (const namespace of scope?.kv_namespaces ?? []) {
    const id = ids.get(namespace.binding);
    if (id !== undefined) namespace.id = id;
  }
  const withIds = join(dirname(configPath), 'wrangler.deploy.json');
  await writeFile(withIds, JSON.stringify(rawConfig, null, 2));
  return { selection: selectionOf(withIds, env), remove: () => rm(withIds, { force: true }) };
}
