-- Requests with client tokens, as a part of the requests of their key. An older version of the Worker
-- neither reads nor writes these.

CREATE TABLE IF NOT EXISTS client_usage_daily (
  key_id TEXT NOT NULL,
  day TEXT NOT NULL,
  outcome TEXT NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (key_id, day, outcome)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS client_usage_daily_by_day ON client_usage_daily (day);
