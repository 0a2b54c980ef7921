/**
 * Makes a Worker with D1 or KV ready for plain workerd: Miniflare gives it its storage, the caller
 * fills it, and Miniflare's own words for it become workerd's configuration.
 */

import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  convertV4MiniflareOptions,
  Log,
  LogLevel,
  Miniflare,
  type V4MiniflareOptions,
} from 'miniflare';
import { serviceOf, type WorkerdConfig, withoutMiniflare } from './workerd.ts';

/** A Worker while Miniflare runs it: for filling its storage. */
export type Filling = { miniflare: Miniflare; name: string; url: URL };

const name = 'worker';
/** The service of a Worker that was made ready here. */
export const mainService = serviceOf(name);

/**
 * Runs a Worker in Miniflare once, fills its storage, and returns how plain workerd serves it on.
 * `folder` takes the storage and must be kept while it is served. One at a time: an environment variable
 * makes Miniflare write its configuration down.
 */
export async function prepareWorker<Filled>(options: {
  folder: string;
  worker: V4MiniflareOptions;
  fill: (filling: Filling) => Promise<Filled>;
}): Promise<{ config: WorkerdConfig; filled: Filled }> {
  const { folder } = options;
  await mkdir(folder, { recursive: true });
  const { workers } = convertV4MiniflareOptions({
    ...options.worker,
    name,
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
  });
  const dumpPath = join(folder, 'miniflare.json');
  process.env['MINIFLARE_WORKERD_CONFIG_DEBUG'] = dumpPath;
  const miniflare = new Miniflare({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    log: new Log(LogLevel.NONE),
    handleStructuredLogs: () => undefined,
    resourcePersistencePath: join(folder, 'storage'),
    workers,
  });
  try {
    await miniflare.ready;
    delete process.env['MINIFLARE_WORKERD_CONFIG_DEBUG'];
    const url = await miniflare.unsafeGetDirectURL(name);
    const filled = await options.fill({ miniflare, name, url });
    return { config: withoutMiniflare(await readDump(dumpPath), name), filled };
  } finally {
    await miniflare.dispose();
  }
}

/** The modules of a bundle that wrangler wrote, the main one first. */
export async function bundledModules(folder: string) {
  const names = (await readdir(folder)).filter((file) => file.endsWith('.js'));
  names.sort((left, right) => Number(right === 'index.js') - Number(left === 'index.js'));
  return {
    modulesRoot: folder,
    modules: names.map((file) => ({ type: 'ESModule' as const, path: join(folder, file) })),
  };
}

async function readDump(path: string): Promise<WorkerdConfig> {
  return JSON.parse(await readFile(path, 'utf8'), (member, value) =>
    // Void members are lost in JSON, and no other member of a storage is void.
    member === 'durableObjectStorage' && Object.keys(value).length === 0
      ? { inMemory: null }
      : value,
  ) as WorkerdConfig;
}
