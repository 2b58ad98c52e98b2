-- Rows of the trail are only added; those that a seal covers may leave.
CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only';
END
$$;

CREATE FUNCTION audit_lets_sealed_rows_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_seal AS seal WHERE seal.writer_id = OLD.writer_id AND seal.seq >= OLD.seq) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only';
END
$$;

CREATE TRIGGER audit_stays_as_written BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuses();
CREATE TRIGGER audit_stays_whole BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses();
CREATE TRIGGER audit_stays_until_sealed BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_lets_sealed_rows_go();
