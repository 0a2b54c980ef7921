-- Every line of the change log gets a mark, by which it is known from another one that has its seq
-- after D1 was restored.
--
-- SQLite adds no column with a default that is drawn, so the table is made anew. A log that has marks
-- keeps them, or every copy of a key would have to be read again: within the inner SELECT, "mark" is
-- the log's own where there is one, and otherwise the drawn one around it.

CREATE TABLE changes_with_marks (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  mark INTEGER NOT NULL DEFAULT (random() & 281474976710655),
  token_hash TEXT,
  pattern TEXT,
  changed_at_ms INTEGER NOT NULL,
  CHECK ((token_hash IS NULL) <> (pattern IS NULL))
) STRICT;

INSERT INTO changes_with_marks (seq, mark, token_hash, pattern, changed_at_ms)
SELECT line.seq, (SELECT mark FROM changes AS same WHERE same.seq = line.seq),
       line.token_hash, line.pattern, line.changed_at_ms
  FROM (SELECT random() & 281474976710655 AS mark) AS drawn
 CROSS JOIN changes AS line;

DROP TABLE changes;
ALTER TABLE changes_with_marks RENAME TO changes;
