/**
 * The secret that sessions of named operators depend on (`session-key.ts`), kept in D1.
 */

const SECRET_BYTES = 32;

const sql = {
  make: `INSERT OR IGNORE INTO settings (name, value) VALUES ('page_session_secret', ?1)`,
  read: `SELECT value FROM settings WHERE name = 'page_session_secret'`,
} as const;

/**
 * Reads the secret of sessions from D1, and makes it first if it is absent. An isolate reads it once.
 * Rejects if D1 cannot be reached.
 */
export function createSessionSecret(
  db: D1Database,
  fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void,
): () => Promise<string> {
  let known: string | null = null;
  return async () => {
    if (known !== null) return known;
    const bytes = new Uint8Array(SECRET_BYTES);
    fillRandom(bytes);
    const invented = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    // One transaction on the primary: of two isolates that make one, both read the first.
    const results = await db
      .withSession('first-primary')
      .batch<{ value: string }>([db.prepare(sql.make).bind(invented), db.prepare(sql.read)]);
    const value = results[1]?.results[0]?.value;
    if (value === undefined) throw new Error('Cannot read the secret of sessions from D1');
    known = value;
    return value;
  };
}
