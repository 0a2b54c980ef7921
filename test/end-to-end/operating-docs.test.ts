/**
 * The environment in docs/operating.md, appended to wrangler.toml and read by wrangler: it has every
 * binding that the top level has, and shares no store with it.
 */

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  unstable_readConfig as readConfig,
  type Unstable_Config as WranglerConfig,
} from 'wrangler';
import { projectRoot } from '../support/node/build-bundle.ts';

let folder: string;
let config: string;

beforeAll(async () => {
  const document = await readFile(join(projectRoot, 'docs/operating.md'), 'utf8');
  const [, environment = ''] = /^```toml\n(\[env\.staging\]\n[\s\S]*?)^```$/m.exec(document) ?? [];
  const topLevel = await readFile(join(projectRoot, 'wrangler.toml'), 'utf8');
  await mkdir(join(projectRoot, 'test-output'), { recursive: true });
  folder = await mkdtemp(join(projectRoot, 'test-output/operating-docs-'));
  config = join(folder, 'wrangler.toml');
  await writeFile(config, `${topLevel}\n${environment}\n[env.bare]\n`);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Returns the file as wrangler reads it, for an environment or the top level. */
function configOf(env?: string): WranglerConfig {
  return readConfig({ config, ...(env === undefined ? {} : { env }) }, { hideWarnings: true });
}

/** Returns the bindings of an environment, by kind. */
function bindingsOf(env?: string) {
  const read = configOf(env);
  return {
    vars: Object.keys(read.vars),
    databases: read.d1_databases.map(({ binding }) => binding),
    namespaces: read.kv_namespaces.map(({ binding }) => binding),
    producers: read.queues.producers?.map(({ binding }) => binding) ?? [],
    consumers: (read.queues.consumers ?? []).map(({ queue: _, ...settings }) => settings),
    limiters: read.ratelimits.map(({ name }) => name),
    version: read.version_metadata?.binding,
  };
}

/** The names of what an environment stores in or counts by. */
function storesOf(env?: string): (string | undefined)[] {
  const read = configOf(env);
  return [
    read.name,
    ...read.d1_databases.map(({ database_name }) => database_name),
    ...(read.queues.producers ?? []).map(({ queue }) => queue),
    ...read.ratelimits.map(({ namespace_id }) => namespace_id),
  ];
}

describe('the environment in docs/operating.md', () => {
  test('inherits no binding by itself: control case', () => {
    expect(bindingsOf('bare')).toMatchObject({ vars: [], databases: [], namespaces: [] });
  });

  test('has every binding and variable that the top level has', () => {
    expect(bindingsOf('staging')).toEqual(bindingsOf());
    expect(bindingsOf().databases).toEqual(['DB']);
  });

  test('shares no store, queue or limiter with the top level', () => {
    const topLevel = new Set(storesOf());
    expect(storesOf('staging').filter((name) => topLevel.has(name))).toEqual([]);
    expect(storesOf('staging').length).toBe(storesOf().length);
  });

  test('sends its queue to the consumer that it has', () => {
    const { queues } = configOf('staging');
    expect(queues.consumers?.map(({ queue }) => queue)).toEqual(
      queues.producers?.map(({ queue }) => queue),
    );
  });
});
