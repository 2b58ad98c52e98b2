use super::{CallId, Codec, LegQuality, Party, Side};

/// What is told of a call as it goes on, to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallNote {
    /// The row of the call, in place of the one before.
    Row(CallRecord),
    /// How well the streams of the leg on that side got through; told when the leg is closed.
    Quality { call: CallId, side: Side, quality: LegQuality },
}

/// What is kept of one call, as far as it is known: the row of a call that has begun, was answered, or has ended.
///
/// Calls are between parties. A phone at a feature code and a supervisor's leg are none (A6): the audit trail has them,
/// and so nothing that is typed or dialled there can stand here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    pub id: CallId,
    pub caller: Party,
    pub callee: Party,
    pub begun_at_ms: u64,
    pub answered_at_ms: Option<u64>,
    /// Placed by 再発信: nobody may listen to it (H6).
    pub confidential: bool,
    /// What each party's leg spoke last; none before the answer.
    pub caller_codec: Option<Codec>,
    pub callee_codec: Option<Codec>,
    pub end: Option<CallEnd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallEnd {
    pub at_ms: u64,
    pub cause: CallEnding,
    /// What the caller was told where nobody answered (RFC 3261 §21).
    pub sip_status: Option<u16>,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnding {
    /// By this party, after the answer.
    HungUp(Side),
    /// This party sent the other one to somebody else, or gave up its place: another call follows.
    Transferred(Side),
    /// By the caller, before the answer.
    Cancelled,
    Busy,
    /// The person called would not answer.
    Declined,
    NoAnswer,
    /// No phone of the extension was there to ring.
    Unreachable,
    /// Anything else that kept the call from being answered; the SIP status tells more.
    Failed,
    /// A phone vanished.
    PhoneLost,
    Shutdown,
    /// The engine died while the call was up; written at its next start.
    EngineDied,
}

impl CallEnding {
    /// What the refusal of a phone that was rung means.
    pub fn of_refusal(status: u16) -> Self {
        match status {
            486 | 600 => CallEnding::Busy,
            403 | 603 | 607 => CallEnding::Declined,
            408 | 480 | 487 => CallEnding::NoAnswer,
            _ => CallEnding::Failed,
        }
    }

    /// The stable word that stands in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            CallEnding::HungUp(_) => "hung-up",
            CallEnding::Transferred(_) => "transferred",
            CallEnding::Cancelled => "cancelled",
            CallEnding::Busy => "busy",
            CallEnding::Declined => "declined",
            CallEnding::NoAnswer => "no-answer",
            CallEnding::Unreachable => "unreachable",
            CallEnding::Failed => "failed",
            CallEnding::PhoneLost => "phone-lost",
            CallEnding::Shutdown => "shutdown",
            CallEnding::EngineDied => "engine-died",
        }
    }

    /// Which party ended it, if one did.
    pub fn by(self) -> Option<Side> {
        match self {
            CallEnding::HungUp(side) | CallEnding::Transferred(side) => Some(side),
            CallEnding::Cancelled => Some(Side::Caller),
            CallEnding::Busy | CallEnding::Declined => Some(Side::Callee),
            CallEnding::NoAnswer
            | CallEnding::Unreachable
            | CallEnding::Failed
            | CallEnding::PhoneLost
            | CallEnding::Shutdown
            | CallEnding::EngineDied => None,
        }
    }
}
