/**
 * The stores of edges as files, with schema.sql in each D1. One D1 is made before all end-to-end tests
 * and then copied: applying the schema takes longer than all the rest of starting an edge.
 */

import { createHash, createHmac } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { projectRoot, runFolder } from './build-bundle.ts';
import { quietMiniflare } from './quiet-miniflare.ts';

/** The stores that wrangler.toml binds, under names of this deployment's own. */
export function storesOf(deployment: string, workerOptions: Record<string, unknown>) {
  const {
    d1Databases = {},
    kvNamespaces = {},
    queueProducers = {},
    queueConsumers = {},
  } = workerOptions as Stores;
  const own = (name: string) => `${deployment}-${name}`;
  return {
    d1Databases: mapValues(d1Databases, (d1) => ({ ...d1, id: own(d1.id) })),
    kvNamespaces: mapValues(kvNamespaces, (kv) => ({ ...kv, id: own(kv.id) })),
    queueProducers: mapValues(queueProducers, (producer) => ({
      ...producer,
      queueName: own(producer.queueName),
    })),
    queueConsumers: Object.fromEntries(
      Object.entries(queueConsumers).map(([queue, consumer]) => [own(queue), consumer]),
    ),
  };
}

type Stores = {
  d1Databases?: Record<string, { id: string }>;
  kvNamespaces?: Record<string, { id: string }>;
  queueProducers?: Record<string, { queueName: string }>;
  queueConsumers?: Record<string, object>;
};

function mapValues<Value, Mapped>(
  record: Record<string, Value>,
  map: (value: Value) => Mapped,
): Record<string, Mapped> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

/** The id of the D1 that is copied. */
const ORIGINAL = 'original';

/** How test files, which run in other processes, learn where the D1 of this run is. */
const folderVariable = 'EDGE_STORAGE_FOLDER';

/** Makes the D1 in the folder of the run, which is removed after it. */
export async function makeOriginalOfRun(): Promise<void> {
  process.env[folderVariable] = await makeOriginal();
}

let made: Promise<string> | null = null;

/** Makes a folder of stores with an empty D1 that has the schema, for each of these ids. */
export async function makeStorage(d1Ids: readonly string[]): Promise<string> {
  // A benchmark has no set-up, and so makes its own.
  made ??= Promise.resolve(process.env[folderVariable] ?? makeOriginal());
  const from = d1Folder(await made);
  const folder = await storageFolder();
  const to = d1Folder(folder);
  await mkdir(to, { recursive: true });
  const original = fileNameOf(ORIGINAL);
  // The file itself, and what SQLite keeps beside it.
  const files = (await readdir(from)).filter((name) => name.startsWith(original));
  if (files.length === 0) throw new Error(`Cannot copy D1: ${from}/${original}* is missing`);
  const copies = d1Ids.flatMap((id) =>
    files.map((name) =>
      copyFile(join(from, name), join(to, name.replace(original, fileNameOf(id)))),
    ),
  );
  await Promise.all(copies);
  return folder;
}

async function makeOriginal(): Promise<string> {
  // Loading wrangler takes most of a second, which other processes save.
  const { unstable_splitSqlQuery: splitSqlQuery } = await import('wrangler');
  const folder = await storageFolder();
  const { workers } = convertV4MiniflareOptions({
    name: 'schema',
    modules: true,
    script: 'export default {};',
    d1Databases: { DB: { id: ORIGINAL } },
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

/** The class of the Durable Objects in which Miniflare keeps D1. */
const D1_OBJECT = 'miniflare-D1DatabaseObject';

function d1Folder(folder: string): string {
  return join(folder, 'd1', D1_OBJECT);
}

/** The start of the names of a D1's files: the id that workerd derives from the name of the Durable Object. */
function fileNameOf(d1Id: string): string {
  const key = createHash('sha256').update(D1_OBJECT).digest();
  const hmac = (text: string | Buffer) =>
    createHmac('sha256', key).update(text).digest().subarray(0, 16);
  const name = hmac(d1Id);
  return Buffer.concat([name, hmac(name)]).toString('hex');
}
