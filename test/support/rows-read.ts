/**
 * Counts the rows that statements read, as D1 reports them. D1 reports none for `first()`, so that it is
 * answered from `all()` here.
 */

/** A D1 that counts what is read through its sessions. */
export function countRowsRead(db: D1Database): {
  readonly db: D1Database;
  readonly rows: () => number;
  readonly reset: () => void;
} {
  let rows = 0;
  const counting = (statement: D1PreparedStatement): D1PreparedStatement => {
    const all = async () => {
      const result = await statement.all();
      rows += result.meta.rows_read;
      return result;
    };
    return {
      bind: (...values: unknown[]) => counting(statement.bind(...values)),
      all,
      first: async () => (await all()).results[0] ?? null,
    } as unknown as D1PreparedStatement;
  };
  return {
    db: {
      withSession: () => ({ prepare: (text: string) => counting(db.prepare(text)) }),
    } as unknown as D1Database,
    rows: () => rows,
    reset: () => {
      rows = 0;
    },
  };
}
