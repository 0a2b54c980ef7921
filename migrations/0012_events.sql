-- Events: an outbox that is written in the batch of each change, and the marks of its writers. An older
-- version of the Worker neither reads nor writes these; its changes are collected from the audit later.
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL UNIQUE,
  key_id TEXT NOT NULL,
  owner TEXT,
  number INTEGER NOT NULL,
  type TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  data TEXT NOT NULL,
  audit_id INTEGER,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at_ms INTEGER,
  due_since_ms INTEGER,
  failure TEXT,
  ended_at_ms INTEGER,
  UNIQUE (key_id, number)
) STRICT;

CREATE INDEX IF NOT EXISTS events_due ON events (due_at_ms, id) WHERE due_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS events_waiting ON events (key_id, number) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS events_failed ON events (id) WHERE state = 'failed';
CREATE INDEX IF NOT EXISTS events_by_audit ON events (audit_id) WHERE audit_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS events_by_end ON events (ended_at_ms) WHERE ended_at_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS event_numbers (
  key_id TEXT PRIMARY KEY,
  last_number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event_bookmarks (
  name TEXT PRIMARY KEY,
  audit_id INTEGER,
  until_ms INTEGER,
  key_id TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS key_notices (
  key_id TEXT NOT NULL,
  notice TEXT NOT NULL,
  about_ms INTEGER NOT NULL,
  PRIMARY KEY (key_id, notice)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event_leases (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
