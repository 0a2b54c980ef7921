/** Empties the pool's D1 and KV, which all test files of a worker share. */

import { env } from 'cloudflare:workers';

/**
 * Table by table, and not with `reset()` of the pool, which would cut off what the last deployment
 * still does in the background.
 */
export async function emptyStorage(): Promise<void> {
  // Newest first: a table comes after those that it refers to.
  const { results } = await env.DB.prepare(
    `SELECT name FROM sqlite_master WHERE type = 'table'
        AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*' ORDER BY rowid DESC`,
  ).all<{ name: string }>();
  const drops = results.map(({ name }) => env.DB.prepare(`DROP TABLE ${name}`));
  if (drops.length > 0) await env.DB.batch(drops);
  await emptyReplica();
}

/** Deletes every entry of KV. */
export async function emptyReplica(): Promise<void> {
  const { keys } = await env.KEYS.list();
  await Promise.all(keys.map(({ name }) => env.KEYS.delete(name)));
}
