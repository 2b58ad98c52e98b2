-- The hash of a row covers the row and the hash of the row before it: lower-case hexadecimal digits.
ALTER TABLE audit ADD COLUMN hash TEXT;

-- The last row of each writer's chain, signed. Its row lock, held until commit, makes numbers appear in order and without gaps.
CREATE TABLE audit_tip (
    writer_id TEXT PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    signature TEXT NOT NULL
);

-- What left the database for a file, signed: the rows of a writer up to and with `seq`, whose last one had this hash.
CREATE TABLE audit_seal (
    writer_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (writer_id, seq)
);

DELETE FROM counter WHERE name LIKE 'audit %';
