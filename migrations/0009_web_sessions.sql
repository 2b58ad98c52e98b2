-- Who is signed in to the web pages. Of the cookie only its SHA-256 is kept.
CREATE TABLE web_session (
    token_hash TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    begun_at_ms BIGINT NOT NULL,
    seen_at_ms BIGINT NOT NULL
);
CREATE INDEX web_session_account ON web_session (account);
