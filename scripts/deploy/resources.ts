/**
 * Finds or creates the stores of a deployment. Everything is looked for by name first, so that whatever
 * an earlier attempt has left is used again.
 */

import { type Cloudflare, CloudflareError } from './cloudflare.ts';
import type { Deployment, Store } from './config.ts';

/** The location of a new database. */
export interface Placement {
  location: string | undefined;
  jurisdiction: string | undefined;
}

/** The ids of stores by their bindings, and a line about each for people. */
export interface Resources {
  ids: ReadonlyMap<string, string>;
  report: string[];
}

/** A binding of the Worker that is deployed, as far as it is read here. */
export interface LiveBinding {
  type: string;
  name: string;
  text?: string;
  id?: string;
  database_id?: string;
  namespace_id?: string;
}

/** Finds or creates everything. Throws before anything is created if a database was renamed. */
export async function findOrCreateResources(
  cloudflare: Cloudflare,
  deployment: Deployment,
  placement: Placement,
): Promise<Resources> {
  const live = await liveBindings(cloudflare, deployment.name);
  const found = await Promise.all(
    deployment.databases.map(async (store) => ({
      store,
      id: store.id ?? (await findDatabase(cloudflare, store.name)),
    })),
  );
  for (const { store, id } of found) if (id === null) await refuseRename(cloudflare, store, live);

  const ids = new Map<string, string>();
  const report: string[] = [];
  for (const { store, id } of found) {
    const isNew = id === null;
    ids.set(store.binding, id ?? (await createDatabase(cloudflare, store.name, placement)));
    report.push(lineOf(isNew, 'D1 database', store.name, store.binding));
  }
  for (const store of deployment.namespaces) {
    const id = store.id ?? (await findNamespace(cloudflare, store, live));
    const isNew = id === null;
    ids.set(store.binding, id ?? (await createNamespace(cloudflare, store.name)));
    report.push(lineOf(isNew, 'KV namespace', store.name, store.binding));
  }
  for (const queue of deployment.queues) {
    const isNew = !(await isQueue(cloudflare, queue));
    if (isNew) await cloudflare.call('POST', '/queues', { queue_name: queue });
    report.push(lineOf(isNew, 'Queue', queue, null));
  }
  return { ids, report };
}

/** Reads the current bindings of the Worker of this name; none before the first deployment. */
export async function liveBindings(
  cloudflare: Cloudflare,
  worker: string,
): Promise<readonly LiveBinding[]> {
  const path = `/workers/scripts/${encodeURIComponent(worker)}/settings`;
  const settings = (await unlessMissing(cloudflare.call('GET', path))) as {
    bindings?: LiveBinding[];
  } | null;
  return settings?.bindings ?? [];
}

function lineOf(isNew: boolean, kind: string, name: string, binding: string | null): string {
  const bound = binding === null ? '' : `, bound as ${binding}`;
  return `  ${isNew ? 'created' : 'found  '}  ${kind} ${name}${bound}`;
}

async function findDatabase(cloudflare: Cloudflare, name: string): Promise<string | null> {
  const path = `/d1/database/${encodeURIComponent(name)}`;
  const found = (await unlessMissing(cloudflare.call('GET', path))) as { uuid: string } | null;
  return found?.uuid ?? null;
}

/**
 * Refuses to make an empty database for a Worker that has another one: all keys would be gone. D1 has no
 * way to rename a database, so a changed name in the file is a mistake or a move.
 */
async function refuseRename(
  cloudflare: Cloudflare,
  { binding, name }: Store,
  live: readonly LiveBinding[],
): Promise<void> {
  const bound = live.find((one) => one.type === 'd1' && one.name === binding);
  const id = bound?.database_id ?? bound?.id;
  if (id === undefined) return;
  const path = `/d1/database/${id}`;
  const found = (await unlessMissing(cloudflare.call('GET', path))) as { name: string } | null;
  if (found === null) return;
  throw new Error(
    `Cannot deploy: wrangler.toml names the database ${JSON.stringify(name)}, which does not exist, and the deployed Worker uses ${JSON.stringify(found.name)}. ` +
      `Set database_name back to ${JSON.stringify(found.name)}. To move to a new database on purpose, create it first: npx wrangler d1 create ${name} --update-config=false`,
  );
}

async function createDatabase(
  cloudflare: Cloudflare,
  name: string,
  { location, jurisdiction }: Placement,
): Promise<string> {
  const body = {
    name,
    ...(location === undefined ? {} : { primary_location_hint: location }),
    ...(jurisdiction === undefined ? {} : { jurisdiction }),
  };
  return ((await cloudflare.call('POST', '/d1/database', body)) as { uuid: string }).uuid;
}

/** The namespace that the Worker uses today, or else the one with this title. */
async function findNamespace(
  cloudflare: Cloudflare,
  { binding, name }: Store,
  live: readonly LiveBinding[],
): Promise<string | null> {
  const bound = live.find((one) => one.type === 'kv_namespace' && one.name === binding);
  if (bound?.namespace_id !== undefined) return bound.namespace_id;
  const perPage = 100;
  for (let page = 1; ; page++) {
    const query = new URLSearchParams({
      per_page: String(perPage),
      order: 'title',
      direction: 'asc',
      page: String(page),
    });
    const path = `/storage/kv/namespaces?${query}`;
    const namespaces = (await cloudflare.call('GET', path)) as { id: string; title: string }[];
    const found = namespaces.find(({ title }) => title === name);
    if (found !== undefined) return found.id;
    if (namespaces.length < perPage) return null;
  }
}

async function createNamespace(cloudflare: Cloudflare, title: string): Promise<string> {
  const created = await cloudflare.call('POST', '/storage/kv/namespaces', { title });
  return (created as { id: string }).id;
}

async function isQueue(cloudflare: Cloudflare, name: string): Promise<boolean> {
  const path = `/queues?${new URLSearchParams({ name, page: '1' })}`;
  const queues = (await cloudflare.call('GET', path)) as { queue_name: string }[];
  return queues.some(({ queue_name }) => queue_name === name);
}

/** `null` for an answer 404. */
async function unlessMissing(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof CloudflareError && error.status === 404) return null;
    throw error;
  }
}
