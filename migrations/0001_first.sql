-- One text for SQLite and PostgreSQL: TEXT, BIGINT and BYTEA, flags as 0 and 1, ids made by us, times in Unix milliseconds.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- One row of each kind of counter. Its row lock, held until commit, makes numbers appear in order and without gaps.
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counter (name, value) VALUES ('change_feed', 0);

CREATE TABLE extension (
    number TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    protected BIGINT NOT NULL,
    ha1_md5 BYTEA NOT NULL,
    ha1_sha256 BYTEA NOT NULL,
    -- The digest realm that both were computed with.
    realm TEXT NOT NULL,
    -- Algorithms offered to this extension, parted by commas; null: as configured.
    digest TEXT
);

CREATE TABLE account (
    id TEXT PRIMARY KEY,
    login TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    extension TEXT REFERENCES extension (number) ON DELETE SET NULL,
    password_hash TEXT NOT NULL
);

CREATE TABLE dial_id (
    account TEXT PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    id TEXT NOT NULL UNIQUE,
    password_hash TEXT
);

CREATE TABLE permission (
    account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    resource TEXT NOT NULL,
    -- 'allow' or 'deny': both may stand, and the denial wins.
    effect TEXT NOT NULL,
    level TEXT,
    modes TEXT,
    hours TEXT,
    PRIMARY KEY (account, resource, effect)
);

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE binding (
    extension TEXT NOT NULL REFERENCES extension (number) ON DELETE CASCADE,
    -- What tells this binding from the others of its extension (RFC 3261 §10.3).
    contact TEXT NOT NULL,
    instance TEXT,
    q BIGINT NOT NULL,
    call_id TEXT NOT NULL,
    cseq BIGINT NOT NULL,
    transport TEXT NOT NULL,
    local_address TEXT NOT NULL,
    remote_address TEXT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    node_id TEXT NOT NULL,
    PRIMARY KEY (extension, contact)
);

-- One budget of failures per account and source. The empty source is the one that all strangers will share.
CREATE TABLE budget (
    account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    -- When the failures that still count happened: milliseconds, parted by spaces, oldest first.
    failed_at_ms TEXT NOT NULL,
    locked_until_ms BIGINT,
    level BIGINT NOT NULL,
    PRIMARY KEY (account, source)
);

-- Sources that have signed in to an account before.
CREATE TABLE known_source (
    account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    last_at_ms BIGINT NOT NULL,
    PRIMARY KEY (account, source)
);

-- References nothing: a row outlives what it tells of.
CREATE TABLE audit (
    writer_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    account TEXT,
    source TEXT NOT NULL,
    mode TEXT,
    target TEXT,
    call TEXT,
    session TEXT,
    detail TEXT NOT NULL,
    PRIMARY KEY (writer_id, seq)
);
CREATE INDEX audit_at_ms ON audit (at_ms);
CREATE INDEX audit_session ON audit (session);

CREATE TABLE change_feed (
    seq BIGINT PRIMARY KEY,
    what TEXT NOT NULL
);
