-- Keys, their tokens and origins, the change log. What the columns mean stands in schema.sql.
--
-- These first ones create only what is missing, because databases that schema.sql made before there
-- were migrations start here too.

CREATE TABLE IF NOT EXISTS keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  owner TEXT,
  kind TEXT NOT NULL CHECK (kind IN ('backend', 'cors')),
  allowed_origins TEXT CHECK ((kind = 'cors') = (allowed_origins IS NOT NULL)),
  full_access INTEGER NOT NULL DEFAULT 0 CHECK (full_access IN (0, 1)),
  rules TEXT,
  hint TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER,
  enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  revoked_at_ms INTEGER,
  last_used_at_ms INTEGER,
  version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX IF NOT EXISTS keys_by_age ON keys (created_at_ms DESC, id DESC);
CREATE INDEX IF NOT EXISTS keys_by_owner ON keys (owner, created_at_ms DESC, id DESC);

CREATE TABLE IF NOT EXISTS tokens (
  token_hash TEXT PRIMARY KEY,
  key_id TEXT NOT NULL REFERENCES keys (id),
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER,
  imported INTEGER NOT NULL DEFAULT 0 CHECK (imported IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS tokens_by_key ON tokens (key_id);
CREATE INDEX IF NOT EXISTS tokens_imported ON tokens (imported) WHERE imported = 1;

CREATE TABLE IF NOT EXISTS origins (
  pattern TEXT NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  key_id TEXT NOT NULL REFERENCES keys (id),
  PRIMARY KEY (pattern, expires_at_ms DESC, key_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS origins_by_key ON origins (key_id);

CREATE TABLE IF NOT EXISTS changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  token_hash TEXT,
  pattern TEXT,
  changed_at_ms INTEGER NOT NULL,
  CHECK ((token_hash IS NULL) <> (pattern IS NULL))
) STRICT;

CREATE TABLE IF NOT EXISTS replica_writes (
  token_hash TEXT PRIMARY KEY,
  due_seq INTEGER NOT NULL,
  due_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO settings (name, value) VALUES ('token_tag_key', lower(hex(randomblob(32))));
