/**
 * The rows that a page of the list of keys, of the audit, and a count read in D1, as D1 itself counts and bills
 * them. Among 20,000 keys, and 200,000 at night, no page reads more than 5,000, whatever it filters and however
 * it is sorted.
 */

import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { createAuditLog } from '../../../src/keys/admin/audit.ts';
import { createKeyLists } from '../../../src/keys/admin/key-list.ts';
import {
  type AuditFilter,
  type KeyFilter,
  keySorts,
  keyStates,
  type ListPlace,
} from '../../../src/keys/admin/types.ts';
import { createRandom, pick } from '../../keys-model/random.ts';
import { noFilter } from '../../support/no-filter.ts';
import { countRowsRead } from '../../support/rows-read.ts';
import { applySchema } from '../../support/workers.ts';

const KEYS = inject('isNightly') ? 200_000 : 20_000;
/** Three keys have the name that is searched for: the first, and two more this far apart. */
const NEEDLES_EVERY = KEYS * 0.35;
const ROWS_MAX = 5_000;
const PAGE = 100;
const DAY_MS = 24 * 60 * 60 * 1000;
const NOW = Date.UTC(2030, 0, 1);
const BEGINNING = NOW - 200 * DAY_MS;

/** Values of each filter: what is rare, what is common, and what no key has. */
const filters: readonly Partial<KeyFilter>[] = [
  ...['acct_rare', 'acct_0', 'acct_nobody'].map((owner) => ({ owner })),
  ...keyStates.map((state) => ({ state })),
  ...(['backend', 'cors'] as const).map((kind) => ({ kind })),
  ...(['backend', 'restricted', 'full', 'rules'] as const).map((access) => ({ access })),
  ...['https://rare.example', 'https://common.example', 'https://none.example'].map((origin) => ({
    origin,
  })),
  ...[BEGINNING - 1, NOW].map((usedBeforeMs) => ({ usedBeforeMs })),
  ...[BEGINNING - 1, NOW + DAY_MS].map((expiresBeforeMs) => ({ expiresBeforeMs })),
  { meta: [['plan', 'pro']] },
  { tag: 'beta' },
  ...['needle', 'nothing has it', 'ÄÖÜ', 'k'].map((search) => ({ search })),
];

/** No filter, and each one. */
const singles: readonly KeyFilter[] = [
  noFilter,
  ...filters.map((one) => ({ ...noFilter, ...one })),
];

/** Each two of different kinds. */
const pairs: readonly KeyFilter[] = filters.flatMap((one, index) =>
  filters
    .slice(index + 1)
    .filter((other) => Object.keys(other)[0] !== Object.keys(one)[0])
    .map((other) => ({ ...noFilter, ...one, ...other })),
);

/** Places in the middle of the list. Half of the keys have the same name. */
const middles: Readonly<Record<(typeof keySorts)[number], readonly ListPlace[]>> = {
  created: [{ value: BEGINNING + 100 * DAY_MS, id: keyId(KEYS / 2) }],
  name: [{ value: 'Same', id: keyId(KEYS / 2) }],
  lastUsed: [
    { value: BEGINNING + DAY_MS, id: keyId(1) },
    { value: null, id: keyId(KEYS / 2) },
  ],
};

const counted = countRowsRead(env.DB);
const lists = createKeyLists(counted.db);
const audit = createAuditLog(counted.db);

beforeAll(async () => {
  await applySchema();
  await grow();
}, 120_000);

describe('a page of the list of keys', () => {
  test.for(keySorts)(
    'reads at most 5,000 rows, sorted by %s, for each filter, and at night for each two',
    async (sort) => {
      const worst = { rows: 0, filter: noFilter };
      for (const filter of inject('isNightly') ? [...singles, ...pairs] : singles) {
        const rows = await rowsOf(filter, sort, null);
        if (rows > worst.rows) Object.assign(worst, { rows, filter });
      }
      expect(worst.rows, JSON.stringify(worst)).toBeLessThanOrEqual(ROWS_MAX);
      // Else this would pass with statements that read nothing.
      expect(worst.rows).toBeGreaterThan(PAGE);
    },
  );

  // A filter is a condition on the rows of a window, and names no other rows, so that any number of them
  // costs what one does.
  test.for(keySorts)('reads no more with any set of filters, sorted by %s', async (sort) => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = createRandom(seed);
    const kinds = [...new Set(filters.map((filter) => Object.keys(filter)[0]))];
    const all = 2 ** kinds.length;
    const sets = inject('isNightly')
      ? Array.from({ length: all }, (_, set) => set)
      : Array.from({ length: 60 }, () => Math.floor(random() * all));
    for (const set of sets) {
      const chosen = kinds
        .filter((_, bit) => (set >> bit) & 1)
        .map((kind) =>
          pick(
            random,
            filters.filter((filter) => Object.keys(filter)[0] === kind),
          ),
        );
      const filter: KeyFilter = Object.assign({ ...noFilter }, ...chosen);
      const place = pick(random, [null, ...middles[sort]]);
      const rows = await rowsOf(filter, sort, place);
      const said = JSON.stringify({ seed, filter, place });
      expect(rows, said).toBeLessThanOrEqual(ROWS_MAX);
      expect(rows, said).toBeGreaterThan(0);
    }
  });

  test.for(keySorts)('reads no more in the middle of the list, sorted by %s', async (sort) => {
    for (const filter of singles) {
      for (const place of middles[sort]) {
        const rows = await rowsOf(filter, sort, place);
        expect(rows, JSON.stringify({ filter, place })).toBeLessThanOrEqual(ROWS_MAX);
      }
    }
  });

  test('reads the keys that it shows and their tokens if nothing is filtered', async () => {
    for (const sort of keySorts) {
      const rows = await rowsOf(noFilter, sort, { value: sort === 'name' ? 'Same' : 0, id: '' });
      expect(rows, sort).toBeLessThanOrEqual(13 * PAGE);
    }
  });

  test('finds each of a few keys among all of them, page after page', async () => {
    // This order has two pieces: the keys that were used, and those that were not.
    const found: string[] = [];
    let after: ListPlace | null = null;
    let pages = 0;
    do {
      const filter = { ...noFilter, search: 'NEEDLE' };
      const page = await lists.list({ filter, sort: 'lastUsed', after, limit: PAGE, nowMs: NOW });
      found.push(...page.keys.map(({ id }) => id));
      after = page.next;
      pages += 1;
    } while (after !== null);
    expect(found.toSorted()).toEqual([1, NEEDLES_EVERY + 1, 2 * NEEDLES_EVERY + 1].map(keyId));
    expect(pages).toBeLessThanOrEqual(KEYS / 1_500);
  });
});

describe('a count of keys', () => {
  test('looks at 10,000 keys at most', async () => {
    for (const filter of singles) {
      counted.reset();
      const { total } = await lists.count(filter, NOW);
      expect(counted.rows(), JSON.stringify(filter)).toBeLessThanOrEqual(11_000);
      expect(total).toBeLessThanOrEqual(10_000);
    }
  });

  test('is exact for what an index tells', async () => {
    const counts = async (filter: Partial<KeyFilter>) =>
      await lists.count({ ...noFilter, ...filter }, NOW);
    expect(await counts({})).toEqual({ total: 10_000, isExact: false });
    expect(await counts({ owner: 'acct_rare' })).toEqual({ total: 3, isExact: true });
    const rare = 'https://rare.example';
    expect(await counts({ origin: rare, state: 'live' })).toMatchObject({ isExact: true });
  });
});

describe('a page of the audit', () => {
  const none: AuditFilter = {
    owner: null,
    keyId: null,
    actor: null,
    action: null,
    sinceMs: null,
    untilMs: null,
  };
  const middle = BEGINNING + 100 * DAY_MS;
  const parts: readonly Partial<AuditFilter>[] = [
    ...['acct_rare', 'acct_0', 'acct_nobody'].map((owner) => ({ owner })),
    ...[keyId(1), keyId(2), 'key_unknown'].map((id) => ({ keyId: id })),
    ...['operator', 'person:1', 'stranger'].map((actor) => ({ actor })),
    ...(['create', 'edit', 'leak'] as const).map((action) => ({ action })),
    ...[middle, NOW + DAY_MS].map((sinceMs) => ({ sinceMs })),
    ...[middle, BEGINNING].map((untilMs) => ({ untilMs })),
  ];

  test('reads at most 5,000 rows, for each two filters', async () => {
    for (const [index, one] of parts.entries()) {
      for (const other of parts.slice(index)) {
        const filter = { ...none, ...one, ...other };
        counted.reset();
        await audit.list({ filter, beforeId: null, limit: PAGE });
        expect(counted.rows(), JSON.stringify(filter)).toBeLessThanOrEqual(ROWS_MAX);
      }
    }
  });

  test('reads what it shows if a person asks about a key of theirs', async () => {
    counted.reset();
    const filter = { ...none, owner: 'acct_0', keyId: keyId(7) };
    const { lines } = await audit.list({ filter, beforeId: null, limit: PAGE });
    expect(lines).toHaveLength(1);
    expect(counted.rows()).toBeLessThanOrEqual(10);
  });

  test('goes to a time by an index', async () => {
    const filter = { ...none, sinceMs: middle, untilMs: middle + DAY_MS };
    counted.reset();
    const { lines } = await audit.list({ filter, beforeId: null, limit: PAGE });
    expect(lines).toHaveLength(PAGE);
    expect(lines.every(({ atMs }) => atMs >= middle && atMs < middle + DAY_MS)).toBe(true);
    expect(counted.rows()).toBeLessThanOrEqual(5 * PAGE);
  });
});

async function rowsOf(
  filter: KeyFilter,
  sort: (typeof keySorts)[number],
  after: ListPlace | null,
): Promise<number> {
  counted.reset();
  await lists.list({ filter, sort, after, limit: PAGE, nowMs: NOW });
  return counted.rows();
}

function keyId(number: number): string {
  return `key_${String(number).padStart(22, '0')}`;
}

/** Fills D1. The first key is the oldest. One line of the audit for each. */
async function grow(): Promise<void> {
  const numbers = `
    WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ${KEYS})`;
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO keys (id, name, owner, kind, allowed_origins, full_access, rules, hint,
                         created_at_ms, expires_at_ms, enabled, suspended, revoked_at_ms,
                         last_used_at_ms, meta, tags)
       ${numbers}
       SELECT printf('key_%022d', n),
              iif(n % ${NEEDLES_EVERY} = 1, 'The Needle of ' || n, iif(n % 2, 'Same', 'Key ' || n)),
              iif(n % ${Math.ceil(KEYS / 3)} = 2, 'acct_rare', 'acct_' || (n % 7)),
              iif(n % 5, 'cors', 'backend'),
              iif(n % 5, iif(n % ${KEYS / 4 + 1} = 3, '["https://rare.example"]', '["https://common.example"]'), NULL),
              n % 5 = 1, iif(n % 5 = 2, '[]', NULL), 'ea_pk_abcd',
              ${BEGINNING} + n * ${(200 * DAY_MS) / KEYS}, iif(n % 9 = 4, ${NOW} - n, NULL),
              n % 11 <> 5, n % 10000 = 0, iif(n % 13 = 6, ${NOW} - n, NULL),
              iif(n % 3, ${BEGINNING} + (n * 7919) % ${DAY_MS}, NULL),
              iif(n % 17 = 3, '{"plan":"pro"}', NULL), iif(n % 19 = 3, '["beta"]', NULL)
         FROM number`,
    ),
    env.DB.prepare(
      `INSERT INTO origins (pattern, expires_at_ms, key_id)
       SELECT value, coalesce(expires_at_ms, 9007199254740991), keys.id FROM keys, json_each(allowed_origins)
        WHERE revoked_at_ms IS NULL AND enabled = 1 AND suspended = 0`,
    ),
    // As many tokens as a key may have that work, for those that first pages show.
    env.DB.prepare(
      `INSERT INTO tokens (token_hash, key_id, created_at_ms, expires_at_ms)
       SELECT shown.id || '-' || value, shown.id, 0, ${NOW} + value
         FROM (SELECT id FROM (SELECT id FROM keys ORDER BY created_at_ms DESC LIMIT 3000)
                UNION SELECT id FROM (SELECT id FROM keys ORDER BY last_used_at_ms DESC LIMIT 3000)
                UNION SELECT id FROM (SELECT id FROM keys ORDER BY name COLLATE NOCASE LIMIT 3000)) AS shown,
              json_each('[1,2,3,4,5,6,7,8,9]')`,
    ),
    env.DB.prepare(
      `INSERT INTO audit (at_ms, actor, action, key_id, owner, request_id)
       SELECT created_at_ms, iif(enabled, 'operator', 'person:1'), 'create', id, owner, '' FROM keys
        ORDER BY created_at_ms`,
    ),
    // A key with a long history.
    env.DB.prepare(
      `INSERT INTO audit (at_ms, actor, action, key_id, owner, request_id)
       ${numbers} SELECT ${NOW}, 'operator', 'edit', '${keyId(1)}', 'acct_1', '' FROM number
        WHERE n <= 20000`,
    ),
  ]);
}
