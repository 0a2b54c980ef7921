-- The days of the overview, which count from this migration on. An older version of the Worker neither reads
-- nor writes them: what it merges is not in them.

CREATE TABLE IF NOT EXISTS usage_days (
  scope TEXT NOT NULL,
  day TEXT NOT NULL,
  counts TEXT NOT NULL,
  endpoints TEXT NOT NULL,
  origins TEXT NOT NULL,
  PRIMARY KEY (scope, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS usage_days_by_day ON usage_days (day);
