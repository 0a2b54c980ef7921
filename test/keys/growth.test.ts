/**
 * The reads of a cold look-up do not grow with the content of D1: the rows that D1 itself counts and
 * bills are the same with 1,000 keys and with ten times as many, and at night with a million.
 */

import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { parseOrigin, patternsAdmitting } from '../../src/core/origins/web-origin.ts';
import { FEED_WINDOW_LINES } from '../../src/keys/limits.ts';
import { createKeyStore } from '../../src/keys/stores/d1.ts';
import type { DatabaseRequest } from '../../src/keys/types.ts';
import { applySchema } from '../support/workers.ts';

const small = { keys: 1_000, origins: 200 };
const large = inject('isNightly')
  ? { keys: 1_000_000, origins: 200_000 }
  : { keys: 10_000, origins: 2_000 };

const store = createKeyStore(env.DB);
const NEVER_MS = Number.MAX_SAFE_INTEGER;

/** A host with as many labels as a host can have. */
const deepOrigin = `https://${'a.'.repeat(126)}a`;
/** An origin with as many patterns as an origin can have. Everybody lists three of them. */
const deepHost = `${'a.'.repeat(11)}localhost`;
const widestOrigin = `http://aa-b-c-d-e-f-g-h-i-j-kk.${deepHost}`;
const widestWildcard = `http://aa-b-c-*-i-j-kk.${deepHost}`;

const lookUps: Readonly<Record<string, Omit<DatabaseRequest, 'fromSeq'>>> = {
  'a key': { tokenHash: hashOf(500) },
  'a token that does not exist': { tokenHash: 'f'.repeat(64) },
  'a token of a revoked key': { tokenHash: hashOf(-1) },
  'a key and an origin at once': {
    tokenHash: hashOf(501),
    patterns: patternsOf('https://page-7.example'),
  },
  'an origin that a key lists': { patterns: patternsOf('https://page-7.example') },
  'an origin that no key lists': { patterns: patternsOf('https://nowhere.test') },
  'an origin that many dead keys list': { patterns: patternsOf('https://crowded.example') },
  'an origin that many live keys list': { patterns: patternsOf('https://popular.example') },
  'an origin in a wildcard': { patterns: patternsOf('https://x.wild.example') },
  'an origin with 127 labels': { patterns: patternsOf(deepOrigin) },
  'an origin with 34 patterns': { patterns: patternsOf(widestOrigin) },
};

describe('what a look-up reads in D1', () => {
  const rowsRead: Record<'small' | 'large', Map<string, number>> = {
    small: new Map(),
    large: new Map(),
  };

  beforeAll(async () => {
    await applySchema();
    await grow({ keys: 0, origins: 0 }, small);
    await measure(rowsRead.small);
    await grow(small, large);
    await measure(rowsRead.large);
  }, 600_000);

  test.for(Object.keys(lookUps))('is as much with a large D1 as with a small one: %s', (name) => {
    for (const lease of ['cold', 'warm']) {
      const rows = rowsRead.small.get(`${name}, ${lease}`);
      expect(rowsRead.large.get(`${name}, ${lease}`)).toBe(rows);
      // Else this would pass with statements that read nothing.
      expect(rows).toBeGreaterThan(lease === 'cold' ? FEED_WINDOW_LINES : 2);
    }
  });

  test('is a handful of rows for an isolate that knows the log', () => {
    const rows = (name: string) => rowsRead.large.get(`${name}, warm`);
    expect(rows('a key')).toBeLessThanOrEqual(8);
    expect(rows('an origin that a key lists')).toBeLessThanOrEqual(8);
    expect(rows('an origin with 127 labels')).toBeLessThanOrEqual(8);
    expect(patternsOf(widestOrigin)).toHaveLength(34);
    // Three of the statement's own; the others are of reading the log.
    expect(rows('an origin with 34 patterns')).toBeLessThanOrEqual(8);
  });
});

async function measure(rowsRead: Map<string, number>): Promise<void> {
  const { feed } = await store.read({ fromSeq: null });
  for (const [name, asked] of Object.entries(lookUps)) {
    const cold = await store.read({ fromSeq: null, ...asked });
    const warm = await store.read({ fromSeq: feed.head.seq, ...asked });
    rowsRead.set(`${name}, cold`, cold.rowsRead);
    rowsRead.set(`${name}, warm`, warm.rowsRead);
  }
}

/** Fills D1 up from one size to another. Of a hundred keys, one is revoked and one has expired. */
async function grow(from: typeof small, to: typeof small): Promise<void> {
  await env.DB.batch([
    insertNumbers(
      `INSERT INTO keys (id, name, kind, allowed_origins, hint, created_at_ms, expires_at_ms)
       SELECT 'key_' || n, 'a key', 'cors', '["https://page-' || n || '.example"]', '', 0,
              iif(n % 100 = 1, 1, NULL) FROM number`,
      from.keys,
      to.keys,
    ),
    insertNumbers(
      `INSERT INTO tokens (token_hash, key_id, created_at_ms)
       SELECT printf('%064x', n), 'key_' || n, 0 FROM number`,
      from.keys,
      to.keys,
    ),
    insertNumbers(
      `INSERT INTO origins (pattern, expires_at_ms, key_id)
       SELECT 'https://page-' || n || '.example', ${NEVER_MS}, 'key_' || n FROM number`,
      from.origins,
      to.origins,
    ),
    // Dead ones, and those that are in everybody's list.
    ...[
      ["'https://crowded.example'", 'n'],
      ["'*'", 'n'],
      ["'https://popular.example'", String(NEVER_MS)],
      [`'${widestOrigin}'`, 'n'],
      [`'${widestWildcard}'`, String(NEVER_MS)],
      ["'https://*.wild.example'", 'iif(n % 2, n, 9007199254740991)'],
    ].map(([pattern, expiresAtMs]) =>
      insertNumbers(
        `INSERT INTO origins (pattern, expires_at_ms, key_id)
         SELECT ${pattern}, ${expiresAtMs}, 'key_' || n FROM number`,
        from.origins,
        to.origins,
      ),
    ),
    insertNumbers(
      `INSERT INTO changes (token_hash, changed_at_ms) SELECT printf('%064x', n), 0 FROM number`,
      from.keys === 0 ? -FEED_WINDOW_LINES : from.keys,
      to.keys,
    ),
    env.DB.prepare(
      `INSERT OR IGNORE INTO keys (id, name, kind, hint, created_at_ms, revoked_at_ms)
       VALUES ('key_revoked', '', 'backend', '', 0, 1)`,
    ),
    env.DB.prepare(
      `INSERT OR IGNORE INTO tokens (token_hash, key_id, created_at_ms) VALUES (?, 'key_revoked', 0)`,
    ).bind(hashOf(-1)),
  ]);
}

/** A statement over the numbers after one up to another. */
function insertNumbers(statement: string, after: number, upTo: number): D1PreparedStatement {
  return env.DB.prepare(
    `WITH RECURSIVE number (n) AS (SELECT ?1 + 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?2)
     ${statement}`,
  ).bind(after, upTo);
}

function hashOf(number: number): string {
  return number < 0 ? 'e'.repeat(64) : number.toString(16).padStart(64, '0');
}

function patternsOf(value: string): readonly string[] {
  const origin = parseOrigin(value);
  if (!origin) throw new Error(`"${value}" is no origin`);
  return patternsAdmitting(origin);
}
