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

-- How well the streams of one leg of a call got through; null where nothing is known. Jitter and round trip in
-- microseconds, mean opinion scores in hundredths.
CREATE TABLE call_quality (
    call TEXT NOT NULL,
    -- 'caller' or 'callee'.
    side TEXT NOT NULL,
    -- What the phone sent, as it came here.
    sent_packets BIGINT,
    sent_lost BIGINT,
    sent_jitter_us BIGINT,
    sent_mos BIGINT,
    -- What was sent to the phone, as its reports tell.
    got_packets BIGINT,
    got_lost BIGINT,
    got_jitter_us BIGINT,
    got_mos BIGINT,
    round_trip_us BIGINT,
    PRIMARY KEY (call, side)
);
