-- Links that open the page for one owner, and their sessions. An older version of the Worker ignores them.
CREATE TABLE IF NOT EXISTS portal_sessions (
  link_hash TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  return_url TEXT NOT NULL,
  created_by TEXT NOT NULL,
  session_seconds INTEGER NOT NULL,
  link_expires_at_ms INTEGER NOT NULL,
  session_hash TEXT UNIQUE,
  session_expires_at_ms INTEGER,
  forget_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS portal_sessions_by_end ON portal_sessions (forget_at_ms);
