-- The waiting events by age, for a list that reads no more of them than it shows.
CREATE INDEX IF NOT EXISTS events_waiting_by_age ON events (id) WHERE state = 'waiting';
