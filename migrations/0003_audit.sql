-- The audit, the answers that are kept for repeated requests, and lists of keys that do not slow
-- down with every key that was revoked.

DROP INDEX IF EXISTS keys_by_age;
DROP INDEX IF EXISTS keys_by_owner;
CREATE INDEX IF NOT EXISTS keys_by_age ON keys (created_at_ms DESC, id DESC)
  WHERE revoked_at_ms IS NULL;
CREATE INDEX IF NOT EXISTS keys_by_owner ON keys (owner, created_at_ms DESC, id DESC)
  WHERE revoked_at_ms IS NULL;

CREATE TABLE IF NOT EXISTS audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  key_id TEXT NOT NULL REFERENCES keys (id),
  owner TEXT,
  before TEXT,
  after TEXT,
  request_id TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS audit_by_key ON audit (key_id, id DESC);
CREATE INDEX IF NOT EXISTS audit_by_owner ON audit (owner, id DESC);

CREATE TABLE IF NOT EXISTS idempotency (
  caller TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  answer TEXT NOT NULL,
  sealed_token TEXT,
  expires_at_ms INTEGER NOT NULL,
  PRIMARY KEY (caller, key_hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS idempotency_by_expiry ON idempotency (expires_at_ms);
