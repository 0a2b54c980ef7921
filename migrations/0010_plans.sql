-- Plans: where a key may be used from, what is noted about it for the upstream, its rate limit, and its
-- quota. An older version of the Worker neither reads nor writes these: use them once every isolate runs
-- the new one.

ALTER TABLE keys ADD COLUMN addresses TEXT;
ALTER TABLE keys ADD COLUMN meta TEXT;
ALTER TABLE keys ADD COLUMN tags TEXT;
ALTER TABLE keys ADD COLUMN limit_name TEXT;
ALTER TABLE keys ADD COLUMN limit_by TEXT CHECK ((limit_name IS NULL) = (limit_by IS NULL));
ALTER TABLE keys ADD COLUMN quota_requests INTEGER CHECK (quota_requests > 0);
ALTER TABLE keys ADD COLUMN quota_period TEXT CHECK ((quota_requests IS NULL) = (quota_period IS NULL));
ALTER TABLE keys ADD COLUMN quota_renews_at_ms INTEGER;
