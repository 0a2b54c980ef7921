/**
 * The days of an overview: requests by hour and outcome, endpoints, and refused origins, of the deployment, of
 * each owner and of each key.
 *
 * A day of one of them is one row, whose lists are JSON objects from a name to a number. So a merge writes one
 * row for each key, each owner and the deployment, however many names it holds, and a page that shows 90 days
 * reads at most 91 rows. Names that strangers choose cannot make a row grow: beyond a limit they are counted
 * together. The columns are explained in `schema.sql`.
 */

import { DAY_MS, dayOf, EXTRA_COST, OTHER_NAMES } from './batch.ts';
import {
  DAILY_ORIGIN_MAX_LENGTH,
  ENDPOINTS_PER_DAY,
  REFUSED_ORIGINS_PER_DAY,
  USAGE_TRIMS_PER_RUN,
} from './limits.ts';

/** The counts that an overview is about: the deployment's, an owner's or a key's. */
export type UsageScope =
  | { readonly kind: 'all' }
  | { readonly kind: 'owner'; readonly owner: string }
  | { readonly kind: 'key'; readonly keyId: string };

/** A day of a scope. */
export interface UsageDay {
  /** YYYY-MM-DD in UTC. */
  readonly day: string;
  /** By the hour of the day and the outcome, as "09 allowed". May be below 1 for a moment. */
  readonly counts: Readonly<Record<string, number>>;
  /** Allowed requests by endpoint, as `endpointName` writes it, or `OTHER_NAMES`. */
  readonly endpoints: Readonly<Record<string, number>>;
  /** Refusals by origin, or `OTHER_NAMES`. */
  readonly origins: Readonly<Record<string, number>>;
}

/** The rows of ?1's batches that were not merged before, as (key_id, day, list, name, n). */
const freshItems = `
    fresh AS MATERIALIZED (
      SELECT value AS batch, substr(value ->> '$.id', 1, 13) / 1000 AS closed_at
        FROM json_each(?1)
       WHERE NOT EXISTS (SELECT 1 FROM usage_batches WHERE batch_id = value ->> '$.id')),
    items (key_id, day, list, name, n) AS MATERIALIZED (
      -- A batch is closed a few seconds after its requests, so its time names their hour. One that is closed
      -- after midnight ends the day before.
      SELECT row.value ->> 0, row.value ->> 1, 'counts',
             CASE WHEN row.value ->> 1 = strftime('%Y-%m-%d', closed_at, 'unixepoch')
                  THEN strftime('%H', closed_at, 'unixepoch')
                  WHEN row.value ->> 1 < strftime('%Y-%m-%d', closed_at, 'unixepoch') THEN '23'
                  ELSE '00' END || ' ' || (row.value ->> 2),
             row.value ->> 3
        FROM fresh, json_each(fresh.batch, '$.counts') AS row
       WHERE row.value ->> 2 <> '${EXTRA_COST}'
      UNION ALL
      SELECT row.value ->> 0, row.value ->> 1, 'endpoints', row.value ->> 2, row.value ->> 3
        FROM fresh, json_each(fresh.batch, '$.endpoints') AS row
      UNION ALL
      SELECT row.value ->> 0, strftime('%Y-%m-%d', (row.value ->> 3) / 1000, 'unixepoch'), 'origins',
             iif(length(row.value ->> 1) > ${DAILY_ORIGIN_MAX_LENGTH}, '${OTHER_NAMES}', row.value ->> 1),
             row.value ->> 4
        FROM fresh, json_each(fresh.batch, '$.origins') AS row)`;

/** The names of a list by how frequent they are; "other" is never among those to leave out. */
const placeBy = (partition: string) =>
  `row_number() OVER (PARTITION BY ${partition}name = '${OTHER_NAMES}' ORDER BY n DESC, name)`;

const merge = `
  WITH ${freshItems},
    scoped (scope, day, list, name, n) AS (
      SELECT 'all', day, list, name, sum(n) FROM items GROUP BY 2, 3, 4
      UNION ALL
      SELECT 'owner:' || owner, day, list, items.name, sum(n)
        FROM items JOIN keys ON keys.id = key_id WHERE owner IS NOT NULL GROUP BY 1, 2, 3, 4
      UNION ALL
      SELECT 'key:' || key_id, day, list, items.name, sum(n)
        FROM items JOIN keys ON keys.id = key_id GROUP BY 1, 2, 3, 4),
    placed AS (SELECT *, ${placeBy('scope, day, list, ')} AS place FROM scoped),
    bounded (scope, day, list, name, n) AS (
      SELECT scope, day, list,
             iif(place > CASE list WHEN 'endpoints' THEN ${ENDPOINTS_PER_DAY}
                                   WHEN 'origins' THEN ${REFUSED_ORIGINS_PER_DAY} ELSE 1e9 END,
                 '${OTHER_NAMES}', name),
             sum(n)
        FROM placed GROUP BY 1, 2, 3, 4)
  INSERT INTO usage_days (scope, day, counts, endpoints, origins)
  SELECT scope, day,
         json_group_object(name, n) FILTER (WHERE list = 'counts'),
         json_group_object(name, n) FILTER (WHERE list = 'endpoints'),
         json_group_object(name, n) FILTER (WHERE list = 'origins')
    FROM bounded
   GROUP BY scope, day
      ON CONFLICT (scope, day) DO UPDATE
     SET counts = ${sumOf('counts', 1e9)},
         endpoints = ${sumOf('endpoints', ENDPOINTS_PER_DAY)},
         origins = ${sumOf('origins', REFUSED_ORIGINS_PER_DAY)}`;

/** Adds two JSON objects of numbers. The names beyond the most frequent become "other". */
function sumOf(column: string, most: number): string {
  return `(
    SELECT json_group_object(name, n)
      FROM (SELECT iif(place > ${most}, '${OTHER_NAMES}', name) AS name, sum(n) AS n
              FROM (SELECT *, ${placeBy('')} AS place
                      FROM (SELECT key AS name, sum(value) AS n
                              FROM (SELECT key, value FROM json_each(usage_days.${column})
                                    UNION ALL SELECT key, value FROM json_each(excluded.${column}))
                             GROUP BY key))
             GROUP BY 1))`;
}

const sql = {
  merge,
  read: `
    SELECT day, counts, endpoints, origins FROM usage_days
     WHERE scope = ?1 AND day >= ?2 ORDER BY day`,
  trim: `
    DELETE FROM usage_days WHERE (scope, day) IN (
      SELECT scope, day FROM usage_days WHERE day < ?1 LIMIT ?2)`,
} as const;

/** The statement of a merge that adds to the days, before its batches are noted. `batches` is a JSON array. */
export function dayStatement(db: D1Database, batches: string): D1PreparedStatement {
  return db.prepare(sql.merge).bind(batches);
}

/** The days of a scope from one on, YYYY-MM-DD, oldest first. Days without requests are not in it. */
export async function readUsageDays(
  db: D1Database,
  scope: UsageScope,
  sinceDay: string,
): Promise<readonly UsageDay[]> {
  const { results } = await db
    .prepare(sql.read)
    .bind(nameOf(scope), sinceDay)
    .all<{ day: string; counts: string; endpoints: string; origins: string }>();
  // The merge alone writes these.
  return results.map(({ day, counts, endpoints, origins }) => ({
    day,
    counts: JSON.parse(counts),
    endpoints: JSON.parse(endpoints),
    origins: JSON.parse(origins),
  }));
}

/** The statement that drops old days, a bounded number at once. */
export function trimDaysStatement(
  db: D1Database,
  { nowMs, retentionDays }: { readonly nowMs: number; readonly retentionDays: number },
): D1PreparedStatement {
  return db.prepare(sql.trim).bind(dayOf(nowMs - retentionDays * DAY_MS), USAGE_TRIMS_PER_RUN);
}

function nameOf(scope: UsageScope): string {
  switch (scope.kind) {
    case 'all':
      return 'all';
    case 'owner':
      return `owner:${scope.owner}`;
    case 'key':
      return `key:${scope.keyId}`;
  }
}
