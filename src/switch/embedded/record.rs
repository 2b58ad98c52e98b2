//! What is kept of each call: its row, told anew when it begins, is answered and ends.

use super::{Embedded, Now, Output, call::Stage, leg::MediaPorts};
use crate::model::{CallEnd, CallEnding, CallId, CallNote, CallRecord, LegId, LegQuality, Party, Side};

/// The media thread answers at once, but its events may be lost.
const MAX_CLOSING: usize = 20_000;

impl<P: MediaPorts> Embedded<P> {
    /// Tells the row of a call as it is now; its legs are still there.
    pub(super) fn record(&mut self, id: CallId, end: Option<CallEnd>) {
        let Some(call) = self.calls.get(&id) else { return };
        let (Some(caller), Some(callee)) = (self.legs.get(&call.caller), self.legs.get(&call.callee)) else { return };
        let answered = matches!(call.stage, Stage::Talking { .. });
        let record = CallRecord {
            id,
            caller: caller.party.clone(),
            callee: callee.party.clone(),
            begun_at_ms: call.begun_unix_ms,
            answered_at_ms: answered.then_some(call.since_unix_ms),
            confidential: call.confidential,
            caller_codec: caller.media.codec.filter(|_| answered),
            callee_codec: callee.media.codec.filter(|_| answered),
            end,
        };
        for party in [&record.caller, &record.callee] {
            self.presence.touch(party.extension());
        }
        self.outputs.push_back(Output::Record(CallNote::Row(record)));
    }

    /// A call that was refused before a phone rang. A number that nobody has makes no call, whatever its digits meant.
    pub(super) fn record_refusal(&mut self, now: Now, caller: Party, callee: Party, sip_status: u16) {
        let cause = match sip_status {
            404 => return,
            480 => CallEnding::Unreachable,
            _ => CallEnding::Failed,
        };
        let record = CallRecord {
            id: self.ids.make(now.unix_ms),
            caller,
            callee,
            begun_at_ms: now.unix_ms,
            answered_at_ms: None,
            confidential: false,
            caller_codec: None,
            callee_codec: None,
            end: Some(CallEnd { at_ms: now.unix_ms, cause, sip_status: Some(sip_status) }),
        };
        self.outputs.push_back(Output::Record(CallNote::Row(record)));
    }

    /// The leg of a party is closed; its quality follows.
    pub(super) fn await_quality(&mut self, leg: LegId, call: CallId, side: Side) {
        if self.closing.len() >= MAX_CLOSING {
            self.closing.pop_first();
        }
        self.closing.insert(leg, (call, side));
    }

    pub(super) fn record_quality(&mut self, leg: LegId, quality: LegQuality) {
        if let Some((call, side)) = self.closing.remove(&leg) {
            self.outputs.push_back(Output::Record(CallNote::Quality { call, side, quality }));
        }
    }
}
