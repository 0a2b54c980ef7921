/**
 * The stores of an edge as files, with schema.sql in its D1. They are made once for a process and then
 * copied: applying the schema takes as long as all the rest of starting an edge.
 */

import { cp, mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { unstable_splitSqlQuery as splitSqlQuery } from 'wrangler';
import { projectRoot, runFolder } from './build-bundle.ts';
import { quietMiniflare } from './quiet-miniflare.ts';

/** The databases of a Worker, by their bindings, as wrangler reads them from its configuration. */
type Databases = Record<string, { id: string }>;

const made = new Map<string, Promise<string>>();

/** Copies the stores of a Worker with an empty `DB` that has the schema into a folder of their own. */
export async function copyStorage(databases: Databases): Promise<string> {
  const name = JSON.stringify(databases);
  const original = made.get(name) ?? makeStorage(databases);
  made.set(name, original);
  const folder = await storageFolder();
  await cp(await original, folder, { recursive: true });
  return folder;
}

async function makeStorage(databases: Databases): Promise<string> {
  const folder = await storageFolder();
  const { workers } = convertV4MiniflareOptions({
    name: 'schema',
    modules: true,
    script: 'export default {};',
    d1Databases: databases,
  });
  const miniflare = new Miniflare({
    ...quietMiniflare,
    resourcePersistencePath: folder,
    workers,
  });
  try {
    const db = await miniflare.getD1Database('DB');
    const schema = await readFile(join(projectRoot, 'schema.sql'), 'utf8');
    await db.batch(splitSqlQuery(schema).map((statement) => db.prepare(statement)));
  } finally {
    await miniflare.dispose();
  }
  return folder;
}

function storageFolder(): Promise<string> {
  return mkdtemp(join(runFolder(), 'storage-'));
}
