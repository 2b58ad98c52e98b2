CREATE TABLE trunk (
    name TEXT PRIMARY KEY,
    -- transport:host:port
    address TEXT NOT NULL,
    -- What stands behind the @; null: the host of the address.
    domain TEXT,
    user_name TEXT,
    -- The account's password, sealed; null: none.
    password BYTEA,
    registers BIGINT NOT NULL,
    mobile BIGINT NOT NULL,
    caller_id TEXT,
    -- Where the caller's number goes: 'from' or 'asserted'.
    identity TEXT NOT NULL,
    -- Addresses beside its own from which it calls, parted by spaces.
    sources TEXT NOT NULL
);
