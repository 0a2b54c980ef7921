/**
 * Notes that tokens were found in public. The keys stay as they are; the audit says where.
 */

import type { CollectEvents } from './event-outbox.ts';
import { JsonParts } from './rows.ts';
import type { LeakNotes } from './types.ts';

/**
 * Places that are noted for one key. Who holds a token can publish it as often as they like, and the
 * first places say all that its owner has to know.
 */
export const LEAKS_PER_KEY = 20;

const sql = {
  // The key is the same before and after. A statement does not see its own lines: what it is given
  // names a place once.
  note: `
    INSERT INTO audit (at_ms, actor, action, key_id, owner, before, after, request_id, leak_url)
    SELECT ?2, ?3, 'leak', leak.value ->> 'keyId', leak.value ->> 'owner', leak.value ->> 'key',
           leak.value ->> 'key', ?4, leak.value ->> 'url'
      FROM json_each(?1) AS leak
     WHERE NOT EXISTS (SELECT 1 FROM audit
                        WHERE action = 'leak' AND key_id = leak.value ->> 'keyId'
                          AND leak_url IS leak.value ->> 'url')
       AND (SELECT count(*) FROM audit
             WHERE action = 'leak' AND key_id = leak.value ->> 'keyId') < ${LEAKS_PER_KEY}
    RETURNING key_id, leak_url`,
} as const;

/** Notes about leaks in this D1. */
export function createLeakNotes(db: D1Database, collectEvents: CollectEvents): LeakNotes {
  return {
    async note(leaks, { atMs, actor, requestId }) {
      const places = new Map(leaks.map((leak) => [JSON.stringify([leak.keyId, leak.url]), leak]));
      const leakTexts = new JsonParts();
      for (const leak of places.values()) leakTexts.add(JSON.stringify(leak));
      const parts = leakTexts.end();
      if (parts.length === 0) return [];
      const results = await db
        .withSession('first-primary')
        .batch<{ key_id: string; leak_url: string | null }>([
          ...parts.map((part) => db.prepare(sql.note).bind(part, atMs, actor, requestId)),
          ...collectEvents({ atMs, requestId }),
        ]);
      return results
        .flatMap((result) => result.results)
        .map((row) => ({ keyId: row.key_id, url: row.leak_url }));
    },
  };
}
