-- Rows of the trail are only added; those that a seal covers may leave.
CREATE TRIGGER audit_stays_as_written BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TRIGGER audit_stays_until_sealed BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM audit_seal AS seal WHERE seal.writer_id = OLD.writer_id AND seal.seq >= OLD.seq)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
