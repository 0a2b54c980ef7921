-- Client tokens: the opt-in of a backend key, and the names and public keys of tokens that may mint.
-- An older version of the Worker neither reads nor writes these.

ALTER TABLE keys ADD COLUMN client_tokens TEXT;
ALTER TABLE keys ADD COLUMN client_tokens_valid_from_ms INTEGER;

CREATE TABLE IF NOT EXISTS minting_tokens (
  kid TEXT PRIMARY KEY,
  token_hash TEXT NOT NULL REFERENCES tokens (token_hash) ON DELETE CASCADE,
  public_key TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS minting_tokens_by_token ON minting_tokens (token_hash);
