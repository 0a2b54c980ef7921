-- edge-authorizer: everything that D1 holds. D1 is the truth; KV and memory are copies of it.
--
-- May be applied again without harm: every statement creates only what is missing.
-- Times are integers in milliseconds since 1970-01-01T00:00:00Z and end in _ms.
-- "Management" is the key-management API (src/manage); "gateway" is the data plane (src/gateway).

-- One row a key. Rows are kept after revocation, so that logs and usage still have a name.
CREATE TABLE IF NOT EXISTS keys (
  -- "key_" and 22 base62 characters. Made by management. Never reused.
  id TEXT PRIMARY KEY,
  -- What its owner calls it, 1 to 200 characters. Written by management.
  name TEXT NOT NULL,
  -- The account the key acts for, visible ASCII. NULL: the provider has no notion of accounts.
  owner TEXT,
  -- Fixed when the key is made: a backend secret never becomes a browser key, nor the reverse.
  kind TEXT NOT NULL CHECK (kind IN ('backend', 'cors')),
  -- JSON array of canonical origin patterns. NULL: a backend key. Never an empty array.
  allowed_origins TEXT CHECK ((kind = 'cors') = (allowed_origins IS NOT NULL)),
  -- 1: a CORS key that may call everything. Always 0 on a backend key, which needs no such leave.
  full_access INTEGER NOT NULL DEFAULT 0 CHECK (full_access IN (0, 1)),
  -- JSON array of {"methods", "resources"}, the key's own route list. NULL: no list of its own.
  rules TEXT,
  -- The start of the token for people to recognise it by, for example "ea_pk_Ab3d".
  hint TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  -- When the key stops by itself. NULL: never.
  expires_at_ms INTEGER,
  -- 0: switched off by its owner, may be switched on again.
  enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  -- When it was revoked, for good. NULL: it was not.
  revoked_at_ms INTEGER,
  -- Last allowed request, coarse. Written by the usage consumer. NULL: not used yet.
  last_used_at_ms INTEGER,
  -- Counts the edits, from 1. Written by management.
  version INTEGER NOT NULL DEFAULT 1
) STRICT;

-- Newest first, in all or for one owner; id breaks ties so that a cursor is exact.
CREATE INDEX IF NOT EXISTS keys_by_age ON keys (created_at_ms DESC, id DESC);
CREATE INDEX IF NOT EXISTS keys_by_owner ON keys (owner, created_at_ms DESC, id DESC);

-- The tokens of a key, as hashes. A rolled key has two until the old one's grace ends.
CREATE TABLE IF NOT EXISTS tokens (
  -- SHA-256 of the token in lower-case hexadecimal. The token itself is stored nowhere.
  token_hash TEXT PRIMARY KEY,
  key_id TEXT NOT NULL REFERENCES keys (id),
  created_at_ms INTEGER NOT NULL,
  -- When this token stops, set by a roll. NULL: as long as its key.
  expires_at_ms INTEGER,
  -- 1: brought from elsewhere, so without our checksum and tag. Written by import.
  imported INTEGER NOT NULL DEFAULT 0 CHECK (imported IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS tokens_by_key ON tokens (key_id);
-- Whether any token was imported at all, in one row read.
CREATE INDEX IF NOT EXISTS tokens_imported ON tokens (imported) WHERE imported = 1;

-- Which origin patterns live keys list. It holds rows of enabled, unrevoked keys alone, ordered so
-- that the longest-lived comes first: a look-up reads one row a pattern, however many keys list it.
CREATE TABLE IF NOT EXISTS origins (
  -- Canonical pattern: "https://a.example", "https://*.a.example" or "*".
  pattern TEXT NOT NULL,
  -- When the key expires. 9007199254740991 (the largest safe integer): never.
  expires_at_ms INTEGER NOT NULL,
  key_id TEXT NOT NULL REFERENCES keys (id),
  PRIMARY KEY (pattern, expires_at_ms DESC, key_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS origins_by_key ON origins (key_id);

-- The change log: append-only, one line for each live token of a changed key and for each origin
-- pattern that a key gained or lost, written in the same batch as the change. Isolates poll it, and
-- a copy of a key counts only if no later line names its token.
CREATE TABLE IF NOT EXISTS changes (
  -- Grows with every line, in the order of commits.
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  -- The changed token. NULL on a line about an origin pattern.
  token_hash TEXT,
  -- The changed origin pattern. NULL on a line about a token.
  pattern TEXT,
  changed_at_ms INTEGER NOT NULL,
  CHECK ((token_hash IS NULL) <> (pattern IS NULL))
) STRICT;

-- Tokens whose KV copy still has to be written. Filled in the batch of the change; a line goes when
-- KV has taken the copy. What stays longer is repeated by the scheduled run.
CREATE TABLE IF NOT EXISTS replica_writes (
  token_hash TEXT PRIMARY KEY,
  -- The log's head when the write became due.
  due_seq INTEGER NOT NULL,
  due_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Single values. Made once, by this file.
CREATE TABLE IF NOT EXISTS settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The key of the tag in our tokens: 32 random bytes in hexadecimal. It lets the edge refuse an
-- invented token without a look-up; it does not authenticate anybody. Changing it invalidates every
-- token that carries a tag.
INSERT OR IGNORE INTO settings (name, value) VALUES ('token_tag_key', lower(hex(randomblob(32))));
