/**
 * Lists of the API, which come in pages, as sequences of entries.
 */

import type { ManagementClient } from './client.ts';
import { dataOf } from './errors.ts';
import type { Key, ListAuditAnswer, paths } from './schema.ts';

/**
 * The filters of a list. `limit` is the size of a page, and `cursor` is where to begin. A list of keys
 * is also filtered by metadata: `{ 'meta.plan': 'pro' }`.
 */
export type Query<Path extends '/keys' | '/audit'> = NonNullable<
  paths[Path]['get']['parameters']['query']
> &
  (Path extends '/keys' ? { readonly [name: `meta.${string}`]: string } : unknown);

/** Options of one call. */
export interface CallOptions {
  /** Ends the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Yields keys, reading page after page as they are asked for. Throws a `ProblemError` for a refusal. */
export async function* eachKey(
  client: ManagementClient,
  query: Query<'/keys'> = {},
  options: CallOptions = {},
): AsyncGenerator<Key, void, undefined> {
  const pages = follow(async (cursor) => {
    const params = { query: { ...query, ...cursor } };
    return dataOf(await client.GET('/keys', { params, ...options }));
  });
  for await (const { keys } of pages) yield* keys;
}

/** Yields changes of keys, in the same way. */
export async function* eachAuditEntry(
  client: ManagementClient,
  query: Query<'/audit'> = {},
  options: CallOptions = {},
): AsyncGenerator<ListAuditAnswer['entries'][number], void, undefined> {
  const pages = follow(async (cursor) => {
    const params = { query: { ...query, ...cursor } };
    return dataOf(await client.GET('/audit', { params, ...options }));
  });
  for await (const { entries } of pages) yield* entries;
}

/** Yields pages to the last one. A page may be empty and still have a successor. */
async function* follow<Page extends { readonly nextCursor: string | null }>(
  read: (cursor: { cursor?: string }) => Promise<Page>,
): AsyncGenerator<Page, void, undefined> {
  let page = await read({});
  yield page;
  while (page.nextCursor !== null) {
    page = await read({ cursor: page.nextCursor });
    yield page;
  }
}
