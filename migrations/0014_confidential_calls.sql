-- Calls that nobody may listen to (再発信), and the recent calls of one extension.
ALTER TABLE call_record ADD COLUMN confidential BIGINT NOT NULL DEFAULT 0;
CREATE INDEX call_record_caller ON call_record (caller, begun_at_ms);
CREATE INDEX call_record_callee ON call_record (callee, begun_at_ms);
