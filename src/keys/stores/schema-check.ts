/**
 * Checks that the database has the schema: the one question that is asked before there are any tables.
 */

/** Returns whether the database was ever migrated. Rejects if D1 does not answer. */
export async function hasSchema(db: D1Database): Promise<boolean> {
  const row = await db
    .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name IN (?, ?, ?) LIMIT 1")
    .bind('keys', 'changes', 'audit')
    .first();
  return row !== null;
}

/** Returns whether D1 failed because it was never migrated. Asks D1 if the error says so. Never rejects. */
export async function isSchemaMissing(db: () => D1Database, error: unknown): Promise<boolean> {
  if (!(error instanceof Error && /\bno such table: /.test(error.message))) return false;
  return hasSchema(db()).then(
    (isThere) => !isThere,
    () => false,
  );
}
