-- Failures are a number that fades, no longer a list of moments: the old columns are left to what ran before.
-- Locks that stand go on.
ALTER TABLE budget ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE budget ADD COLUMN fades_from_ms BIGINT NOT NULL DEFAULT 0;

-- What right passwords may still forgive grows from here.
ALTER TABLE dial_id ADD COLUMN grace_since_ms BIGINT NOT NULL DEFAULT 0;

-- Codes that sign in once in place of the password; kept for a while after that, so that a redial is not taken for a guess.
CREATE TABLE one_time_code (
    account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    -- Keyed by the key file.
    code_hash TEXT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    used_at_ms BIGINT,
    PRIMARY KEY (account, code_hash)
);

CREATE TABLE call_center (
    name TEXT PRIMARY KEY
);

-- The people of a call centre: its agents.
CREATE TABLE call_center_agent (
    call_center TEXT NOT NULL REFERENCES call_center (name) ON DELETE CASCADE,
    account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    PRIMARY KEY (call_center, account)
);
