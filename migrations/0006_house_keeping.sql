-- What the scheduled run drops is found without reading the rest, and the audit outlives its keys.
--
-- SQLite drops no reference from a table, so the audit is made anew.

CREATE INDEX IF NOT EXISTS keys_by_revocation ON keys (revoked_at_ms, id)
  WHERE revoked_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS keys_by_expiry ON keys (expires_at_ms, id)
  WHERE expires_at_ms IS NOT NULL AND revoked_at_ms IS NULL;
CREATE INDEX IF NOT EXISTS tokens_by_expiry ON tokens (expires_at_ms)
  WHERE expires_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS refused_origins_by_age ON refused_origins (last_at_ms);
CREATE INDEX IF NOT EXISTS ended_sessions_by_end ON ended_sessions (until_ms);

CREATE TABLE audit_without_reference (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  key_id TEXT NOT NULL,
  owner TEXT,
  before TEXT,
  after TEXT,
  request_id TEXT NOT NULL
) STRICT;

INSERT INTO audit_without_reference
       (id, at_ms, actor, action, key_id, owner, before, after, request_id)
SELECT id, at_ms, actor, action, key_id, owner, before, after, request_id FROM audit;

DROP TABLE audit;
ALTER TABLE audit_without_reference RENAME TO audit;

CREATE INDEX audit_by_key ON audit (key_id, id DESC);
CREATE INDEX audit_by_owner ON audit (owner, id DESC);
