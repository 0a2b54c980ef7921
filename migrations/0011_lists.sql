-- Lists of keys and of the audit by filters and in orders, each page of which reads a bounded number of rows.
-- An older version of the Worker needs none of these, and keeps them up to date.

CREATE INDEX IF NOT EXISTS keys_by_name ON keys (name COLLATE NOCASE, id)
  WHERE revoked_at_ms IS NULL;
CREATE INDEX IF NOT EXISTS keys_by_use ON keys (last_used_at_ms, id)
  WHERE revoked_at_ms IS NULL;
CREATE INDEX IF NOT EXISTS keys_disabled ON keys (id)
  WHERE revoked_at_ms IS NULL AND enabled = 0;
CREATE INDEX IF NOT EXISTS keys_revoked_by_age ON keys (created_at_ms DESC, id DESC)
  WHERE revoked_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS keys_revoked_by_owner ON keys (owner, created_at_ms DESC, id DESC)
  WHERE revoked_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS keys_revoked_by_name ON keys (name COLLATE NOCASE, id)
  WHERE revoked_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS keys_revoked_by_use ON keys (last_used_at_ms, id)
  WHERE revoked_at_ms IS NOT NULL;

-- Its successor of the same name serves whatever it served.
DROP INDEX IF EXISTS tokens_by_key;
CREATE INDEX tokens_by_key ON tokens (key_id, expires_at_ms);

CREATE INDEX IF NOT EXISTS audit_by_time ON audit (at_ms, id);
