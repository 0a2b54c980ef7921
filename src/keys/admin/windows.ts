/**
 * Reads of lists in windows: an index in its order, at most so many rows of it at a time, of which filters
 * leave some.
 *
 * So a page costs the same however many rows the filters leave out. It may hold fewer rows than were asked
 * for, or none, and still have a successor. D1 counts a row of an index and the row of the table that it
 * names as one.
 */

/** A value that a statement binds. */
export type Bound = string | number | null;

/** A part of a statement, with the values of its `?`. */
export interface Sql {
  readonly text: string;
  readonly values: readonly Bound[];
}

/** Part of a statement: the values are those of its `?`, in order. */
export function sql(text: string, ...values: readonly Bound[]): Sql {
  return { text, values };
}

/** Parts of a statement, one after the other. */
export function joined(parts: readonly Sql[], separator: string): Sql {
  return {
    text: parts.map(({ text }) => text).join(separator),
    values: parts.flatMap(({ values }) => values),
  };
}

/** All of these conditions. */
export function all(conditions: readonly Sql[]): Sql {
  return conditions.length === 0 ? sql('1') : joined(conditions, ' AND ');
}

/** A statement out of its parts, ready to run. */
export function prepare(db: D1DatabaseSession, parts: readonly Sql[]): D1PreparedStatement {
  const { text, values } = joined(parts, ' ');
  return db.prepare(text).bind(...values);
}

/** A page of a list. */
export interface Page<Row, Place> {
  readonly rows: readonly Row[];
  /** The place after which the next page begins; `null`: the list ends here. */
  readonly last: Place | null;
}

/**
 * Reads up to `limit` rows of a window, in its order. A second statement finds where the window ends, if
 * the rows do not fill the page.
 *
 * `source`: a SELECT of whole rows in order, without LIMIT. `columns`: what is read of the rows that the
 * filters leave, after the limit. `place`: the columns of a row's place.
 */
export async function readWindow<Row, Place>(
  db: D1DatabaseSession,
  list: {
    readonly source: Sql;
    readonly filters: readonly Sql[];
    readonly columns: Sql;
    readonly place: string;
    readonly placeOf: (row: Row) => Place;
    readonly limit: number;
    readonly window: number;
  },
): Promise<Page<Row, Place>> {
  const { source, limit, window } = list;
  // One more than asked for tells whether there is a next page. Without filters, nothing else is read.
  const { results } = await prepare(db, [
    sql('WITH page AS MATERIALIZED (SELECT * FROM ('),
    source,
    sql('LIMIT ?) WHERE', list.filters.length === 0 ? limit + 1 : window),
    all(list.filters),
    sql('LIMIT ?) SELECT', limit + 1),
    list.columns,
    sql('FROM page'),
  ]).all<Row>();
  const rows = results.slice(0, limit);
  const lastRow = rows.at(-1);
  if (results.length > limit && lastRow !== undefined) {
    return { rows, last: list.placeOf(lastRow) };
  }
  if (list.filters.length === 0) return { rows, last: null };
  const end = await prepare(db, [
    sql(`SELECT ${list.place} FROM (`),
    source,
    sql('LIMIT ?) LIMIT 1 OFFSET ?', window, window - 1),
  ]).first<Row>();
  return { rows, last: end && list.placeOf(end) };
}
