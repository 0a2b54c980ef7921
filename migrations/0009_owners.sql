-- Owners do not affect each other: what an owner may change in a minute, and keys that the operator
-- suspends. An older version of the Worker neither reads nor writes these: suspend keys once every
-- isolate runs the new one.

ALTER TABLE keys ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1));
ALTER TABLE keys ADD COLUMN updated_at_ms INTEGER;

CREATE TABLE IF NOT EXISTS owner_changes (
  owner TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  changes INTEGER NOT NULL,
  changes_in_minute INTEGER NOT NULL,
  changes_allowed INTEGER NOT NULL,
  live_keys INTEGER NOT NULL,
  live_keys_allowed INTEGER NOT NULL,
  PRIMARY KEY (owner, at_ms, request_id),
  CONSTRAINT owner_changes_a_minute CHECK (changes_in_minute <= changes_allowed),
  CONSTRAINT owner_live_keys CHECK (live_keys <= live_keys_allowed)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS owner_changes_by_age ON owner_changes (at_ms);

CREATE INDEX IF NOT EXISTS tokens_imported_by_expiry ON tokens (expires_at_ms)
  WHERE imported = 1 AND expires_at_ms IS NOT NULL;

-- Tokens of revoked keys no longer keep the look-up of foreign tokens open.
UPDATE tokens SET imported = 0
 WHERE imported = 1 AND key_id IN (SELECT id FROM keys WHERE revoked_at_ms IS NOT NULL);
