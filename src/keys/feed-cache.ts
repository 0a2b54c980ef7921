/**
 * One poll of the change log, shared by the isolates of a data centre through the Cache API.
 *
 * An entry lives for `FEED_CACHE_SECONDS`, and is written only when its poll was quick, so a reader
 * knows how old it can be without comparing clocks; the directory counts that age into its lease.
 * Where the Cache API stores nothing (on workers.dev, say), every isolate polls D1 by itself.
 */

import { FEED_CACHE_SECONDS } from '../core/limits.ts';
import type { FeedCache, FeedSnapshot } from './types.ts';

// A host that no request can name, so that nobody outside can ask the cache for it.
const ENTRY_URL = 'https://feed.edge-authorizer.internal/v1';

interface Entry {
  readonly feed: FeedSnapshot;
  readonly startedAtMs: number;
}

/** The shared poll in a named cache. Reads and writes reject when the Cache API does. */
export function createFeedCache(open: () => Promise<Cache>): FeedCache {
  return {
    async get() {
      const response = await (await open()).match(ENTRY_URL);
      return response ? await response.json<Entry>() : null;
    },
    async put(feed, startedAtMs) {
      const entry: Entry = { feed, startedAtMs };
      await (await open()).put(
        ENTRY_URL,
        new Response(JSON.stringify(entry), {
          headers: {
            'content-type': 'application/json',
            'cache-control': `max-age=${FEED_CACHE_SECONDS}`,
          },
        }),
      );
    },
  };
}
