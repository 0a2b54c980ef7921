-- Requests by outcome, for metrics. They count from this migration on. While an older version of the Worker
-- merges usage as well, what it merges is not in them.
CREATE TABLE IF NOT EXISTS usage_totals (
  outcome TEXT PRIMARY KEY,
  requests INTEGER NOT NULL,
  highest INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
