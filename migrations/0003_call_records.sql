-- One row a call between parties, written when it begins and again when it is answered and when it ends.
CREATE TABLE call_record (
    id TEXT PRIMARY KEY,
    node_id TEXT NOT NULL,
    -- Extension numbers, or numbers outside by way of the trunk that is named.
    caller TEXT NOT NULL,
    caller_trunk TEXT,
    callee TEXT NOT NULL,
    callee_trunk TEXT,
    begun_at_ms BIGINT NOT NULL,
    answered_at_ms BIGINT,
    ended_at_ms BIGINT,
    -- Why it ended (a word), and 'caller' or 'callee' if one of them ended it.
    cause TEXT,
    ended_by TEXT,
    -- What the caller was told where nobody answered.
    sip_status BIGINT,
    caller_codec TEXT,
    callee_codec TEXT
);
CREATE INDEX call_record_begun_at_ms ON call_record (begun_at_ms);
CREATE INDEX call_record_ended_at_ms ON call_record (node_id, ended_at_ms);
