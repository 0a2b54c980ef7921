/**
 * One poll of the change log, shared by the isolates of a data centre through the Cache API.
 *
 * An entry holds the whole window of the log, so that a fresh isolate needs nothing else. There are two
 * of it: one lives for `FEED_CACHE_SECONDS`, the other for `FEED_CACHE_LONG_SECONDS`. Both are written
 * only if their poll was quick, so a reader knows how old they can be without comparing clocks; the log
 * reader counts that age into the lease. Where the Cache API
 * stores nothing (on workers.dev, say), every isolate polls D1 by itself.
 */

import { FEED_CACHE_LONG_SECONDS, FEED_CACHE_SECONDS } from '../limits.ts';
import type { ChangeLine, FeedCache, LogPosition, SharedEntry, Subject } from '../types.ts';

// A host that no request can name, so that no caller can read this entry of the cache.
const ENTRIES_URL = 'https://feed.edge-authorizer.internal/v2/';

/** A poll as JSON. The lines are three columns, because a thousand small objects parse slowly. */
interface Entry {
  readonly startedAtMs: number;
  readonly after: LogPosition;
  readonly seqs: readonly number[];
  readonly marks: readonly number[];
  readonly subjects: readonly Subject[];
  readonly tagKeyHex: string;
  readonly hasImportedTokens: boolean;
}

/**
 * The shared poll in a named cache. Reads and writes reject when the Cache API does.
 *
 * All Workers of a zone may see the same cache, so `deployment` has to distinguish this one, with this
 * D1, from all others. If it is `null`, because it is unknown, nothing is shared.
 */
export function createFeedCache(open: () => Promise<Cache>, deployment: string | null): FeedCache {
  if (deployment === null) return { get: async () => null, put: async () => {} };
  const urlOf = (name: SharedEntry) => `${ENTRIES_URL}${encodeURIComponent(deployment)}/${name}`;
  return {
    async get(name) {
      const response = await (await open()).match(urlOf(name));
      if (!response) return null;
      const entry = await response.json<Entry>();
      const { startedAtMs, after, seqs, marks, subjects, tagKeyHex, hasImportedTokens } = entry;
      // The rows were written together and are equally long.
      const lines = seqs.map(
        (seq, index): ChangeLine => ({ seq, mark: marks[index]!, subject: subjects[index]! }),
      );
      const head = lines.at(-1) ?? after;
      return { startedAtMs, feed: { after, head, lines, tagKeyHex, hasImportedTokens } };
    },

    async put({ startedAtMs, feed: { after, lines, tagKeyHex, hasImportedTokens } }) {
      const entry: Entry = {
        startedAtMs,
        after: { seq: after.seq, mark: after.mark },
        seqs: lines.map(({ seq }) => seq),
        marks: lines.map(({ mark }) => mark),
        subjects: lines.map(({ subject }) => subject),
        tagKeyHex,
        hasImportedTokens,
      };
      const text = JSON.stringify(entry);
      const cache = await open();
      const write = (name: SharedEntry, seconds: number) => {
        const headers = {
          'content-type': 'application/json',
          'cache-control': `max-age=${seconds}`,
        };
        return cache.put(urlOf(name), new Response(text, { headers }));
      };
      await Promise.all([
        write('short', FEED_CACHE_SECONDS),
        write('long', FEED_CACHE_LONG_SECONDS),
      ]);
    },
  };
}
