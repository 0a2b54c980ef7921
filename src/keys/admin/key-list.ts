/**
 * The list of keys as management sees it: filtered, sorted, in pages of bounded cost.
 *
 * A page reads a window of the index that has the order of the list, and leaves out what the filters do
 * not want. If a filter has an index of its own that names few keys, they are read and sorted instead, so
 * that a rare state or a small owner does not take many empty pages. Both ways have the same order, so a
 * cursor of one is good for the other. `test/keys/admin/list-cost.test.ts` holds both to 5,000 rows.
 */

import { type ShownKeyRow, shownColumns, toShownKey } from './rows.ts';
import { containsInAnyCase, startsInAnyCase } from './search-text.ts';
import type { KeyFilter, KeyLists, KeySort, ListPlace } from './types.ts';
import { all, joined, prepare, readWindow, type Sql, sql } from './windows.ts';

/** Rows of an index that one page reads at most, to find what the filters leave and to find where it ended. */
const WINDOW_ROWS = 1_600;
/** Most keys that are read to be sorted. */
const CANDIDATES_MAX = 500;
/** Most keys that are looked at to count them. */
const TOTAL_MAX = 10_000;

/** The list of the keys in this D1. */
export function createKeyLists(db: D1Database): KeyLists {
  const primary = () => db.withSession('first-primary');

  return {
    async list({ filter, sort, after, limit, nowMs }) {
      const session = primary();
      const order = orders[sort];
      const filters = conditionsOf(filter, nowMs);
      const columns = shownColumns('page', nowMs);
      const candidates = candidatesOf(filter, sort, nowMs);
      if (candidates && (await areFew(session, candidates))) {
        const { results } = await prepare(session, [
          sql('WITH page AS MATERIALIZED (SELECT * FROM keys WHERE id IN ('),
          candidates,
          sql('LIMIT ?) AND', CANDIDATES_MAX),
          all([...aliveOrNot(filter), ...ownerOf(filter), ...filters]),
          ...(after ? [sql('AND'), order.after(after)] : []),
          sql(`ORDER BY ${order.by} LIMIT ?) SELECT`, limit + 1),
          columns,
          sql('FROM page'),
        ]).all<ShownKeyRow>();
        const rows = results.slice(0, limit);
        const last = results.length > limit ? rows.at(-1) : undefined;
        return { keys: rows.map(toShownKey), next: last ? order.placeOf(last) : null };
      }
      const source = sourceOf(filter, sort, after);
      const { rows, last } = await readWindow<ShownKeyRow, ListPlace>(session, {
        source: source.sql,
        filters: source.coversOwner ? filters : [...ownerOf(filter), ...filters],
        columns,
        place: order.place,
        placeOf: order.placeOf,
        limit,
        window: WINDOW_ROWS,
      });
      return { keys: rows.map(toShownKey), next: last };
    },

    async count(filter, nowMs) {
      const session = primary();
      const wanted = all([...ownerOf(filter), ...conditionsOf(filter, nowMs)]);
      const candidates = candidatesOf(filter, 'created', nowMs);
      const isFew = candidates !== null && (await areFew(session, candidates));
      const source = isFew
        ? joined(
            [
              sql('SELECT * FROM keys WHERE id IN ('),
              candidates,
              sql(') AND'),
              all(aliveOrNot(filter)),
            ],
            ' ',
          )
        : sourceOf(filter, 'created', null).sql;
      const row = await prepare(session, [
        sql('SELECT count(*) AS scanned, coalesce(sum('),
        wanted,
        sql('), 0) AS found FROM ('),
        source,
        sql('LIMIT ?)', TOTAL_MAX + 1),
      ]).first<{ scanned: number; found: number }>();
      const { scanned = 0, found = 0 } = row ?? {};
      return { total: Math.min(found, TOTAL_MAX), isExact: scanned <= TOTAL_MAX };
    },
  };
}

/** An order of the list. `id` breaks ties, so that a place is exact. */
interface Order {
  readonly by: string;
  /** The columns of a place. */
  readonly place: string;
  readonly placeOf: (row: ShownKeyRow) => ListPlace;
  /** The keys after a place. For few keys: an index does not serve it everywhere. */
  readonly after: (place: ListPlace) => Sql;
}

const orders: Readonly<Record<KeySort, Order>> = {
  created: {
    by: 'created_at_ms DESC, id DESC',
    place: 'created_at_ms, id',
    placeOf: (row) => ({ value: row.created_at_ms, id: row.id }),
    after: ({ value, id }) => sql('(created_at_ms, id) < (?, ?)', value, id),
  },
  name: {
    by: 'name COLLATE NOCASE, id',
    place: 'name, id',
    placeOf: (row) => ({ value: row.name, id: row.id }),
    after: ({ value, id }) => sql('(name, id) > (? COLLATE NOCASE, ?)', value, id),
  },
  // Keys that were never used come last.
  lastUsed: {
    by: 'coalesce(last_used_at_ms, -1) DESC, id DESC',
    place: 'last_used_at_ms, id',
    placeOf: (row) => ({ value: row.last_used_at_ms, id: row.id }),
    after: ({ value, id }) => sql('(coalesce(last_used_at_ms, -1), id) < (?, ?)', value ?? -1, id),
  },
};

/** The indexes in the order of each sort, of keys that live and of revoked ones. */
const indexes = {
  created: { live: 'keys_by_age', revoked: 'keys_revoked_by_age' },
  name: { live: 'keys_by_name', revoked: 'keys_revoked_by_name' },
  lastUsed: { live: 'keys_by_use', revoked: 'keys_revoked_by_use' },
  owner: { live: 'keys_by_owner', revoked: 'keys_revoked_by_owner' },
} as const;

/** The keys after a place by the index that has them in order. */
function sourceOf(
  filter: KeyFilter,
  sort: KeySort,
  after: ListPlace | null,
): { readonly sql: Sql; readonly coversOwner: boolean } {
  const coversOwner = sort === 'created' && filter.owner !== null;
  const which = filter.state === 'revoked' ? 'revoked' : 'live';
  const index = indexes[coversOwner ? 'owner' : sort][which];
  const base = [...aliveOrNot(filter), ...(coversOwner ? ownerOf(filter) : [])];
  const ordered = (conditions: readonly Sql[], by: string) =>
    joined(
      [
        sql(`SELECT * FROM keys INDEXED BY ${index} WHERE`),
        all([...base, ...conditions]),
        sql(`ORDER BY ${by}`),
      ],
      ' ',
    );
  if (sort !== 'lastUsed') {
    const order = orders[sort];
    return { sql: ordered(after ? [order.after(after)] : [], order.by), coversOwner };
  }
  // Two pieces of one index, since a comparison with NULL finds nothing.
  const isNeverUsed = after !== null && after.value === null;
  const used = ordered(
    [
      sql('last_used_at_ms IS NOT NULL'),
      ...(after ? [sql('(last_used_at_ms, id) < (?, ?)', after.value, after.id)] : []),
    ],
    'last_used_at_ms DESC, id DESC',
  );
  const never = ordered(
    [sql('last_used_at_ms IS NULL'), ...(isNeverUsed ? [sql('id < ?', after.id)] : [])],
    'id DESC',
  );
  const pieces = isNeverUsed ? [never] : [used, never];
  const wrapped = pieces.map(({ text, values }) => ({
    text: `SELECT * FROM (${text} LIMIT ${WINDOW_ROWS})`,
    values,
  }));
  return {
    sql: joined([sql('SELECT * FROM ('), joined(wrapped, ' UNION ALL '), sql(')')], ' '),
    coversOwner,
  };
}

/**
 * Ids of the keys that an index names for one of the filters; they may include others. `null`: no filter
 * has an index, or the list is one as it is.
 */
function candidatesOf(filter: KeyFilter, sort: KeySort, nowMs: number): Sql | null {
  const { state, owner, origin, expiresBeforeMs, usedBeforeMs } = filter;
  const hasFilters = conditionsOf(filter, nowMs).length > 0;
  if (state === 'revoked') {
    if (owner !== null) {
      return sort === 'created' && !hasFilters
        ? null
        : sql(
            `SELECT id FROM keys INDEXED BY ${indexes.owner.revoked}
                WHERE revoked_at_ms IS NOT NULL AND owner = ?`,
            owner,
          );
    }
    return hasFilters
      ? sql('SELECT id FROM keys INDEXED BY keys_by_revocation WHERE revoked_at_ms IS NOT NULL')
      : null;
  }
  if (owner !== null) {
    return sort === 'created' && !hasFilters
      ? null
      : sql(
          `SELECT id FROM keys INDEXED BY ${indexes.owner.live}
              WHERE revoked_at_ms IS NULL AND owner = ?`,
          owner,
        );
  }
  if (state === 'disabled') return disabledKeys;
  if (state === 'expired') return expiringBefore(nowMs + 1);
  if (expiresBeforeMs !== null) return expiringBefore(expiresBeforeMs);
  // The index of origins holds keys that are neither disabled nor suspended.
  if (origin !== null && state === 'live') {
    return sql('SELECT key_id AS id FROM origins WHERE pattern = ?', origin);
  }
  if (usedBeforeMs !== null) {
    return sql(
      `SELECT id FROM keys INDEXED BY keys_by_use
        WHERE revoked_at_ms IS NULL AND last_used_at_ms < ?
        UNION ALL
       SELECT id FROM keys INDEXED BY keys_by_use
        WHERE revoked_at_ms IS NULL AND last_used_at_ms IS NULL`,
      usedBeforeMs,
    );
  }
  return null;
}

const disabledKeys = sql(
  'SELECT id FROM keys INDEXED BY keys_disabled WHERE revoked_at_ms IS NULL AND enabled = 0',
);

function expiringBefore(timeMs: number): Sql {
  return sql(
    `SELECT id FROM keys INDEXED BY keys_by_expiry
      WHERE revoked_at_ms IS NULL AND expires_at_ms < ?`,
    timeMs,
  );
}

async function areFew(session: D1DatabaseSession, candidates: Sql): Promise<boolean> {
  const count = await prepare(session, [
    sql('SELECT count(*) AS count FROM (SELECT 1 FROM ('),
    candidates,
    sql(') LIMIT ?)', CANDIDATES_MAX + 1),
  ]).first<{ count: number }>();
  return count !== null && count.count <= CANDIDATES_MAX;
}

function aliveOrNot({ state }: KeyFilter): readonly Sql[] {
  return [sql(state === 'revoked' ? 'revoked_at_ms IS NOT NULL' : 'revoked_at_ms IS NULL')];
}

function ownerOf({ owner }: KeyFilter): readonly Sql[] {
  return owner === null ? [] : [sql('owner = ?', owner)];
}

/** The conditions of the filters, except for the owner and for revocation. */
function conditionsOf(filter: KeyFilter, nowMs: number): readonly Sql[] {
  const { state, kind, access, origin, usedBeforeMs, expiresBeforeMs, search } = filter;
  const given: Sql[] = [];
  if (state !== null && state !== 'revoked') given.push(stateIs(state, nowMs));
  if (kind !== null) given.push(sql('kind = ?', kind));
  if (access !== null) given.push(sql(`${accessLevel} = ?`, access));
  if (origin !== null) {
    // Patterns hold no quotation marks.
    const quoted = JSON.stringify(origin);
    given.push(
      sql(`(instr(allowed_origins, ?) OR instr(${originsOfClientTokens}, ?))`, quoted, quoted),
    );
  }
  if (usedBeforeMs !== null) {
    given.push(sql('coalesce(last_used_at_ms, created_at_ms) < ?', usedBeforeMs));
  }
  if (expiresBeforeMs !== null) given.push(sql('expires_at_ms < ?', expiresBeforeMs));
  if (search !== null) given.push(matches(search));
  given.push(...filter.meta.map(([name, text]) => sql('meta ->> ? = ?', `$."${name}"`, text)));
  if (filter.tag !== null) given.push(hasTag(filter.tag));
  // A comparison with NULL is NULL, which a sum would skip as well.
  return given;
}

/** An element begins after a bracket or a comma; inside of a text, a backslash precedes the quotation mark. */
function hasTag(tag: string): Sql {
  const quoted = JSON.stringify(tag);
  return sql('(instr(tags, ?) = 1 OR instr(tags, ?) > 0)', `[${quoted}`, `,${quoted}`);
}

function stateIs(state: 'live' | 'disabled' | 'suspended' | 'expired', nowMs: number): Sql {
  switch (state) {
    case 'live':
      return sql(
        '(enabled = 1 AND suspended = 0 AND (expires_at_ms IS NULL OR expires_at_ms > ?))',
        nowMs,
      );
    case 'disabled':
      return sql('enabled = 0');
    case 'suspended':
      return sql('suspended = 1');
    case 'expired':
      return sql('expires_at_ms <= ?', nowMs);
  }
}

/** As `accessLevelOf()` has it. */
const accessLevel = `
  (CASE WHEN rules IS NOT NULL AND (kind = 'backend' OR rules ->> '$[0].ruleSet' IS NULL)
        THEN 'rules' WHEN kind = 'backend' THEN 'backend'
        WHEN full_access = 1 THEN 'full' ELSE 'restricted' END)`;
const originsOfClientTokens = `(client_tokens -> 'allowedOrigins')`;

/** Text anywhere in the name, or at the beginning of something that names the key. */
function matches(text: string): Sql {
  const found = [
    containsInAnyCase('name', text),
    ...['id', 'hint', 'owner'].map((column) => startsInAnyCase(column, text)),
  ];
  // Origins are JSON arrays of patterns in lower case, which hold no quotation marks.
  if (!text.includes('"')) {
    for (const list of ['allowed_origins', originsOfClientTokens]) {
      for (const before of ['"', '://', '://*.']) {
        found.push(sql(`instr(${list}, ? || lower(?))`, before, text));
      }
    }
  }
  return joined([sql('('), joined(found, ' OR '), sql(')')], ' ');
}
