/**
 * Reads lists of the API, which come in pages, up to as many entries as somebody wants.
 */

import type { ApiClient } from './api-client.ts';

/** The most that the API puts into one page. */
const PAGE_LIMIT_MAX = 100;

/**
 * The first `limit` entries of a list, or all where there are fewer. `member` is what the page calls
 * its entries; filters that are `undefined` are left out.
 */
export async function readPages(
  api: ApiClient,
  list: {
    readonly path: string;
    readonly member: string;
    readonly filters: Readonly<Record<string, string | undefined>>;
    readonly limit: number;
  },
): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({
      limit: String(Math.min(PAGE_LIMIT_MAX, list.limit - found.length)),
    });
    for (const [name, value] of Object.entries({ ...list.filters, cursor: cursor ?? undefined })) {
      if (value !== undefined) query.set(name, value);
    }
    const { json } = await api.send('GET', `${list.path}?${query}`, { expected: list.member });
    const page = json as Record<string, unknown[]> & { nextCursor: string | null };
    found.push(...(page[list.member] ?? []));
    cursor = page.nextCursor;
  } while (cursor !== null && found.length < list.limit);
  return found;
}
