-- Permissions to set up one phone, once: whoever has the token gets a new password for the extension. Only its SHA-256 is kept.
CREATE TABLE set_up (
    token_hash TEXT PRIMARY KEY,
    extension TEXT NOT NULL REFERENCES extension (number) ON DELETE CASCADE,
    expires_at_ms BIGINT NOT NULL
);
