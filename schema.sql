-- edge-authorizer: everything that D1 holds. D1 is the truth; KV and memory are copies of it.
--
-- May be applied again without harm: every statement creates only what is missing. That is what the
-- files in migrations/ come to. A table that an older version made is changed by them alone.
-- Times are integers in milliseconds since 1970-01-01T00:00:00Z and end in _ms.
-- "Management" is the key-management API (src/manage); "gateway" is the data plane (src/gateway).

-- The files in migrations/ that this database has had, as wrangler notes them. Where this file makes
-- everything, it has had them all; where there are keys already, wrangler applies what is missing.
CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
);

INSERT INTO d1_migrations (name)
SELECT value
  FROM json_each('[
    "0001_keys.sql",
    "0002_usage.sql",
    "0003_audit.sql",
    "0004_change_marks.sql",
    "0005_ended_sessions.sql",
    "0006_house_keeping.sql",
    "0007_leaks.sql",
    "0008_client_tokens.sql",
    "0009_owners.sql",
    "0010_plans.sql",
    "0011_lists.sql",
    "0012_events.sql",
    "0013_client_usage.sql",
    "0014_metrics.sql",
    "0015_overview.sql",
    "0016_events_by_age.sql",
    "0017_portal.sql"
  ]')
 WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'keys');

-- One row a key. Rows are kept after revocation or expiry, so that logs and usage still have a name,
-- and dropped by house-keeping after KEY_RETENTION_DAYS. A token without a row is refused as well.
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
  -- JSON array of {"methods", "resources"}, the key's own route list; one entry with "ruleSet" and without
  -- methods refers to a rule set of the deployment. NULL: no list of its own.
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
  -- Last allowed request; later ones within a minute of it are left out. Written by the usage consumer.
  -- NULL: not used yet.
  last_used_at_ms INTEGER,
  -- Counts the edits, from 1. Written by management.
  version INTEGER NOT NULL DEFAULT 1,
  -- JSON object: what the client tokens of a backend key may do. NULL: it gives none.
  client_tokens TEXT,
  -- Client tokens issued before this time are void. NULL: none is. Written by management.
  client_tokens_valid_from_ms INTEGER,
  -- 1: the operator has suspended it. It is refused like a disabled key; its owner cannot clear this.
  suspended INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1)),
  -- When it was last edited, rolled or revoked. NULL: not since it was made, or by an older version.
  updated_at_ms INTEGER,
  -- JSON array of the canonical CIDR blocks that the key may be used from. NULL: from anywhere. Never an
  -- empty array. Written by management, as are the next six.
  addresses TEXT,
  -- JSON object of strings that the upstream receives with each request. NULL: none.
  meta TEXT,
  -- JSON array of strings that the upstream receives with each request. NULL: none.
  tags TEXT,
  -- The entry of the setting LIMITERS that limits the key. NULL: KEY_LIMITER does.
  limit_name TEXT,
  -- What that limit counts by: 'key', 'owner', 'address' or 'client'. NULL without a limit.
  limit_by TEXT CHECK ((limit_name IS NULL) = (limit_by IS NULL)),
  -- How much the key may use in a period, in requests. NULL: as much as it likes.
  quota_requests INTEGER CHECK (quota_requests > 0),
  -- 'day' or 'month', in UTC. NULL without a quota.
  quota_period TEXT CHECK ((quota_requests IS NULL) = (quota_period IS NULL)),
  -- When the quota that is used up renews; the key is refused until then. NULL: it has not been used up
  -- since it was set. Written by the usage consumer, and by management if it changes the quota.
  quota_renews_at_ms INTEGER
) STRICT;

-- Newest first, in all or for one owner; id breaks ties so that a cursor is exact. Without revoked
-- keys, so that a page of the list costs the same however many there were.
CREATE INDEX IF NOT EXISTS keys_by_age ON keys (created_at_ms DESC, id DESC)
  WHERE revoked_at_ms IS NULL;
CREATE INDEX IF NOT EXISTS keys_by_owner ON keys (owner, created_at_ms DESC, id DESC)
  WHERE revoked_at_ms IS NULL;
-- The list by name, whatever the case of ASCII letters, and by last use. Merges of usage write the second for
-- the keys that were used, once a minute.
CREATE INDEX IF NOT EXISTS keys_by_name ON keys (name COLLATE NOCASE, id)
  WHERE revoked_at_ms IS NULL;
CREATE INDEX IF NOT EXISTS keys_by_use ON keys (last_used_at_ms, id)
  WHERE revoked_at_ms IS NULL;
-- The keys that their owners switched off. (None for "suspended": this file may be applied to tables
-- that do not have the column yet.)
CREATE INDEX IF NOT EXISTS keys_disabled ON keys (id)
  WHERE revoked_at_ms IS NULL AND enabled = 0;
-- The same lists of revoked keys. Written when a key is revoked.
CREATE INDEX IF NOT EXISTS keys_revoked_by_age ON keys (created_at_ms DESC, id DESC)
  WHERE revoked_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS keys_revoked_by_owner ON keys (owner, created_at_ms DESC, id DESC)
  WHERE revoked_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS keys_revoked_by_name ON keys (name COLLATE NOCASE, id)
  WHERE revoked_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS keys_revoked_by_use ON keys (last_used_at_ms, id)
  WHERE revoked_at_ms IS NOT NULL;

-- For house-keeping, which drops what ended long ago.
CREATE INDEX IF NOT EXISTS keys_by_revocation ON keys (revoked_at_ms, id)
  WHERE revoked_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS keys_by_expiry ON keys (expires_at_ms, id)
  WHERE expires_at_ms IS NOT NULL AND revoked_at_ms IS NULL;

-- The tokens of a key, as hashes. A rolled key has two until the old one's grace ends. Dropped by
-- house-keeping with their key, and KEY_RETENTION_DAYS after their own end.
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

-- With their ends, so that a page of the list reads those in their grace alone.
CREATE INDEX IF NOT EXISTS tokens_by_key ON tokens (key_id, expires_at_ms);
-- For house-keeping.
CREATE INDEX IF NOT EXISTS tokens_by_expiry ON tokens (expires_at_ms)
  WHERE expires_at_ms IS NOT NULL;
-- Whether any token was imported, in one row read. Revoked tokens and those that a roll ended no longer
-- count: management clears the mark with the change, and house-keeping at the end of a grace.
CREATE INDEX IF NOT EXISTS tokens_imported ON tokens (imported) WHERE imported = 1;
CREATE INDEX IF NOT EXISTS tokens_imported_by_expiry ON tokens (expires_at_ms)
  WHERE imported = 1 AND expires_at_ms IS NOT NULL;

-- The tokens whose holders may mint client tokens, by the name that those carry. Written by management
-- with the token; dropped with it. The public key verifies and cannot mint.
CREATE TABLE IF NOT EXISTS minting_tokens (
  -- 22 base64url characters of a hash of the token's random part, and the 8 of a tag.
  kid TEXT PRIMARY KEY,
  token_hash TEXT NOT NULL REFERENCES tokens (token_hash) ON DELETE CASCADE,
  -- Ed25519, as 43 base64url characters.
  public_key TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- For the cascade, and for a token's own name.
CREATE UNIQUE INDEX IF NOT EXISTS minting_tokens_by_token ON minting_tokens (token_hash);

-- Which origin patterns live keys list. It holds rows of enabled, unrevoked keys alone, those of
-- their client tokens too, ordered so
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
-- a copy of a key counts only if no later line names its token. House-keeping drops lines older than
-- CHANGE_RETENTION_DAYS from the log's beginning, never one between others, nor the newest 8,000.
CREATE TABLE IF NOT EXISTS changes (
  -- Grows with every line, in the order of commits.
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  -- 48 random bits. When D1 is restored to an earlier time, seqs are given out again; by its mark a
  -- line is known from another one that had its seq before.
  mark INTEGER NOT NULL DEFAULT (random() & 281474976710655),
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

-- Requests by key, UTC day and outcome. Written by the usage consumer, which only ever adds up;
-- dropped by house-keeping after USAGE_RETENTION_DAYS.
CREATE TABLE IF NOT EXISTS usage_daily (
  -- A key's id; 'none': requests without a known key, and preflights; 'unattributed': requests with
  -- keys that an isolate could not tell apart any more. So this references nothing.
  key_id TEXT NOT NULL,
  -- The day on which the requests arrived, as YYYY-MM-DD in UTC.
  day TEXT NOT NULL,
  -- 'allowed', 'denied:<code>', 'upstream_error:<code>' or 'preflight_granted'.
  outcome TEXT NOT NULL,
  -- May be below 1 for a moment: a request is counted as allowed when it is sent to the upstream and
  -- moved when that fails, and batches may come in any order. Readers leave such rows out.
  requests INTEGER NOT NULL,
  PRIMARY KEY (key_id, day, outcome)
) STRICT, WITHOUT ROWID;

-- For house-keeping, which drops whole days.
CREATE INDEX IF NOT EXISTS usage_daily_by_day ON usage_daily (day);

-- The requests among those of usage_daily that came with a client token of the key. Written, read and
-- dropped like them. A table of its own (migrations/0013_client_usage.sql): few keys give client tokens.
CREATE TABLE IF NOT EXISTS client_usage_daily (
  -- As in usage_daily.
  key_id TEXT NOT NULL,
  -- As in usage_daily.
  day TEXT NOT NULL,
  -- As in usage_daily.
  outcome TEXT NOT NULL,
  -- May be below 1 for a moment, like those in usage_daily.
  requests INTEGER NOT NULL,
  PRIMARY KEY (key_id, day, outcome)
) STRICT, WITHOUT ROWID;

-- For house-keeping, which drops whole days.
CREATE INDEX IF NOT EXISTS client_usage_daily_by_day ON client_usage_daily (day);

-- Requests by outcome since migration 0014, for metrics. Written by the usage consumer; never dropped.
CREATE TABLE IF NOT EXISTS usage_totals (
  -- As in usage_daily.
  outcome TEXT PRIMARY KEY,
  -- May fall for a moment, as in usage_daily.
  requests INTEGER NOT NULL,
  -- The highest that "requests" was after any merge, at least 0. Metrics show it: a counter never falls.
  highest INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The days of the overview: of the deployment, of each owner and of each key. Written by the usage consumer,
-- one row for each in a merge; dropped by house-keeping after USAGE_RETENTION_DAYS. Lists are JSON objects from
-- a name to a number of requests, so that a merge writes few rows. Holds no path and no token.
CREATE TABLE IF NOT EXISTS usage_days (
  -- 'all', 'owner:' and the owner, or 'key:' and the id. Requests without a known key are in 'all' alone.
  scope TEXT NOT NULL,
  -- As in usage_daily.
  day TEXT NOT NULL,
  -- By hour of the day in UTC and outcome, as '09 allowed'. May be below 1 for a moment, as in usage_daily.
  counts TEXT NOT NULL,
  -- Allowed requests by method and template of the route, as 'GET /v1/items/{id}'; the method alone: they fit
  -- no route of a table. The 50 most frequent, and 'other' for the rest.
  endpoints TEXT NOT NULL,
  -- Refusals by a key because of the origin, by origin. The 20 most frequent, and 'other' for the rest.
  origins TEXT NOT NULL,
  PRIMARY KEY (scope, day)
) STRICT, WITHOUT ROWID;

-- For house-keeping, which drops whole days.
CREATE INDEX IF NOT EXISTS usage_days_by_day ON usage_days (day);

-- Batches of usage that were merged, so that one that comes twice counts once. Written by the usage
-- consumer in the transaction that merges; dropped by house-keeping after a week.
CREATE TABLE IF NOT EXISTS usage_batches (
  -- When the isolate closed the batch, as 13 digits of milliseconds, a hyphen, and a UUID: so in the
  -- order of time, which is how they are dropped.
  batch_id TEXT PRIMARY KEY,
  -- When it was merged.
  received_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Origins that a key refused, the newest 20 of each key, for people who look for the reason of a CORS
-- error. Written by the usage consumer; dropped by house-keeping after USAGE_RETENTION_DAYS.
CREATE TABLE IF NOT EXISTS refused_origins (
  -- No reference: a refusal may be merged after its key is gone.
  key_id TEXT NOT NULL,
  -- As the browser sent it.
  origin TEXT NOT NULL,
  -- 'origin_not_allowed' or 'cors_not_enabled'.
  code TEXT NOT NULL,
  last_at_ms INTEGER NOT NULL,
  -- Refusals while it was among the newest. A flood of made-up origins is counted in part.
  count INTEGER NOT NULL,
  PRIMARY KEY (key_id, origin)
) STRICT, WITHOUT ROWID;

-- For house-keeping.
CREATE INDEX IF NOT EXISTS refused_origins_by_age ON refused_origins (last_at_ms);

-- Who changed what, when. Append-only, written by management in the batch of the change; the oldest
-- lines are dropped by house-keeping after AUDIT_RETENTION_DAYS.
CREATE TABLE IF NOT EXISTS audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  -- 'operator', 'operator:' and the name in ADMIN_TOKENS, 'operator:person:' or 'person:' and the
  -- subject of the JWT, 'holder' (with the key's own token), or 'github secret scanning'.
  actor TEXT NOT NULL,
  -- 'create', 'import', 'edit', 'roll' or 'revoke'; 'leak': a token was found in public, and the key
  -- was left as it is.
  action TEXT NOT NULL,
  -- No reference: the audit may outlive its key.
  key_id TEXT NOT NULL,
  -- The key's owner, who may read the line. NULL: the operator alone may.
  owner TEXT,
  -- The key as JSON, as the API shows it. NULL: it did not exist before, or does not any more.
  -- Neither holds a token or the hash of one.
  before TEXT,
  after TEXT,
  -- Finds the request in the logs.
  request_id TEXT NOT NULL,
  -- Where a token of the key was found in public, as an http or https URL without the token. NULL: that
  -- is not why the line is there, or the place is unknown.
  leak_url TEXT
) STRICT;

CREATE INDEX IF NOT EXISTS audit_by_key ON audit (key_id, id DESC);
CREATE INDEX IF NOT EXISTS audit_by_owner ON audit (owner, id DESC);
-- Where a time is in the order of ids.
CREATE INDEX IF NOT EXISTS audit_by_time ON audit (at_ms, id);
-- Whether a place is known already, and how many of a key are, without reading its other lines.
CREATE INDEX IF NOT EXISTS audit_leaks ON audit (key_id, leak_url) WHERE action = 'leak';

-- What owners who sign in changed in the last minute, for OWNER_CHANGES_PER_MINUTE and KEYS_PER_OWNER.
-- Written in the batch of the change, which a violated limit undoes. The operator's changes are not
-- here. Dropped by the owner's next change and by house-keeping.
CREATE TABLE IF NOT EXISTS owner_changes (
  owner TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  -- What the request counts for: 1, and 1 more for every ten lines of the change log.
  changes INTEGER NOT NULL,
  -- With all others of the minute before, and how many there may be.
  changes_in_minute INTEGER NOT NULL,
  changes_allowed INTEGER NOT NULL,
  -- The owner's live keys after a change that adds some, and how many there may be; else 0.
  live_keys INTEGER NOT NULL,
  live_keys_allowed INTEGER NOT NULL,
  PRIMARY KEY (owner, at_ms, request_id),
  CONSTRAINT owner_changes_a_minute CHECK (changes_in_minute <= changes_allowed),
  CONSTRAINT owner_live_keys CHECK (live_keys <= live_keys_allowed)
) STRICT, WITHOUT ROWID;

-- For house-keeping.
CREATE INDEX IF NOT EXISTS owner_changes_by_age ON owner_changes (at_ms);

-- Answers to requests that carried an Idempotency-Key, for 24 hours. Written by management in the
-- batch of the change, so that a repeated request finds either the answer or an unchanged database.
-- Dropped when they have expired, by management and by house-keeping.
CREATE TABLE IF NOT EXISTS idempotency (
  -- Who asked, as in audit.actor, and for whom, so that no caller gets another one's answer.
  caller TEXT NOT NULL,
  -- SHA-256 of the Idempotency-Key in hexadecimal.
  key_hash TEXT NOT NULL,
  -- SHA-256 of the method, the path and the body in hexadecimal.
  request_hash TEXT NOT NULL,
  -- The answer as JSON: status, headers, and the body without its token.
  answer TEXT NOT NULL,
  -- The token of the answer, encrypted under a key that is derived from the Idempotency-Key and, where
  -- there is one, the admin token. D1 has neither, so it cannot be read here. NULL: no token.
  sealed_token TEXT,
  expires_at_ms INTEGER NOT NULL,
  PRIMARY KEY (caller, key_hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS idempotency_by_expiry ON idempotency (expires_at_ms);

-- Sessions of the page that a person signed out of, until their cookies have expired by themselves.
-- Written by the page; dropped by it and by house-keeping.
CREATE TABLE IF NOT EXISTS ended_sessions (
  -- The id in the session's cookie. Without the signature it opens nothing.
  id TEXT PRIMARY KEY,
  until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- For house-keeping.
CREATE INDEX IF NOT EXISTS ended_sessions_by_end ON ended_sessions (until_ms);

-- Links that open the page for one owner, and the sessions that they became. Written by management and the
-- page; dropped by house-keeping.
CREATE TABLE IF NOT EXISTS portal_sessions (
  -- SHA-256, in lower-case hexadecimal, of the operator's credential and the secret of the link.
  link_hash TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  -- The URL that the page leads back to. Checked against PORTAL_RETURN_URLS again when it is shown.
  return_url TEXT NOT NULL,
  -- The operator who made the link, as the audit calls them.
  created_by TEXT NOT NULL,
  -- How long the session lasts from the use of the link on.
  session_seconds INTEGER NOT NULL,
  link_expires_at_ms INTEGER NOT NULL,
  -- The same hash of the secret in the session's cookie. NULL: the link was not used.
  session_hash TEXT UNIQUE,
  -- When the session ends; signing out sets it to that time. NULL: the link was not used.
  session_expires_at_ms INTEGER,
  -- A day after the end, when house-keeping may drop the row.
  forget_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- For house-keeping.
CREATE INDEX IF NOT EXISTS portal_sessions_by_end ON portal_sessions (forget_at_ms);

-- Events for EVENTS_URL. Written in the batch of each change, from its line in the audit, and by the
-- scheduled run for times that arrive. Without a token. Dropped by house-keeping 30 days after their end.
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  -- "evt_" and 32 hexadecimal digits: the webhook-id of each delivery.
  event_id TEXT NOT NULL UNIQUE,
  -- No reference: an event may be delivered after its key is gone.
  key_id TEXT NOT NULL,
  owner TEXT,
  -- Counts the events of the key, from 1.
  number INTEGER NOT NULL,
  type TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  -- The payload's data as JSON, without keyId and number.
  data TEXT NOT NULL,
  -- The line of the audit that it was made of. NULL: a time arrived.
  audit_id INTEGER,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
  attempts INTEGER NOT NULL DEFAULT 0,
  -- When it is sent next. NULL: it has ended, or an earlier event of its key has not.
  due_at_ms INTEGER,
  -- When it became due first. 24 hours later it is given up.
  due_since_ms INTEGER,
  -- The reason of the last failure, without anything of the response's body. NULL: there was no failure.
  failure TEXT,
  -- When it was delivered or given up. NULL: neither.
  ended_at_ms INTEGER,
  UNIQUE (key_id, number)
) STRICT;

CREATE INDEX IF NOT EXISTS events_due ON events (due_at_ms, id) WHERE due_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS events_waiting ON events (key_id, number) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS events_waiting_by_age ON events (id) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS events_failed ON events (id) WHERE state = 'failed';
CREATE INDEX IF NOT EXISTS events_by_audit ON events (audit_id) WHERE audit_id IS NOT NULL;
-- For house-keeping.
CREATE INDEX IF NOT EXISTS events_by_end ON events (ended_at_ms) WHERE ended_at_ms IS NOT NULL;

-- The number of each key's last event, so that none is given twice after old events are dropped.
CREATE TABLE IF NOT EXISTS event_numbers (
  key_id TEXT PRIMARY KEY,
  last_number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How far events were collected: 'audit' and 'changed' by the line of the audit; 'expiring-7', 'expiring-1'
-- and 'expired' by the time that was reached and a key's id; 'idle' by a key's id alone.
CREATE TABLE IF NOT EXISTS event_bookmarks (
  name TEXT PRIMARY KEY,
  audit_id INTEGER,
  until_ms INTEGER,
  key_id TEXT
) STRICT, WITHOUT ROWID;

-- Times that an event told of already, the latest of each kind. An event is written when a row changes.
CREATE TABLE IF NOT EXISTS key_notices (
  key_id TEXT NOT NULL,
  -- 'key.expiring 7', 'key.expiring 1', 'key.expired', 'key.idle', 'quota.warning', 'quota.exceeded'.
  notice TEXT NOT NULL,
  -- The time that the notice is about.
  about_ms INTEGER NOT NULL,
  PRIMARY KEY (key_id, notice)
) STRICT, WITHOUT ROWID;

-- The one sender of events at a time.
CREATE TABLE IF NOT EXISTS event_leases (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Single values. Made once: 'token_tag_key' by this file, and 'page_session_secret' by the page, with the first
-- session of a named operator. The latter signs such sessions together with the hash of the operator's token.
-- 'bulk_lines_until_ms' is no constant: the time on D1's clock until which bulk changes have reserved lines of
-- the change log. Each of their changes moves it; without it, none is under way.
CREATE TABLE IF NOT EXISTS settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The key of the tag in our tokens: 32 random bytes in hexadecimal. It lets the edge refuse an
-- invented token without a look-up; it does not authenticate anybody. Changing it invalidates every
-- token that carries a tag.
INSERT OR IGNORE INTO settings (name, value) VALUES ('token_tag_key', lower(hex(randomblob(32))));
