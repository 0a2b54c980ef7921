-- The audit tells where a token was found in public.

ALTER TABLE audit ADD COLUMN leak_url TEXT;

CREATE INDEX audit_leaks ON audit (key_id, leak_url) WHERE action = 'leak';
