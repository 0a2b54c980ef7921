-- Sessions of the page that somebody signed out of.

CREATE TABLE IF NOT EXISTS ended_sessions (
  id TEXT PRIMARY KEY,
  until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
