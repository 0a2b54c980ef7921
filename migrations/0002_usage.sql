-- Usage by key and day, the batches that were merged, the origins that keys refused.

CREATE TABLE IF NOT EXISTS usage_daily (
  key_id TEXT NOT NULL,
  day TEXT NOT NULL,
  outcome TEXT NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (key_id, day, outcome)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS usage_daily_by_day ON usage_daily (day);

CREATE TABLE IF NOT EXISTS usage_batches (
  batch_id TEXT PRIMARY KEY,
  received_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS refused_origins (
  key_id TEXT NOT NULL,
  origin TEXT NOT NULL,
  code TEXT NOT NULL,
  last_at_ms INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (key_id, origin)
) STRICT, WITHOUT ROWID;
