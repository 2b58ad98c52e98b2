//! The switch: what joins phones into calls, and lets a supervisor's leg be attached to one.
//!
//! In: a few commands. Out: a few events, and a view of the calls that are up. A driver stands behind it; `embedded` is
//! our own B2BUA. The port never speaks of matrices or SIP, so another PBX can stand behind it too.
//! Absent on purpose: rights, sign-in, prompts' order. The switch carries out; the desk decides.

pub mod embedded;
mod status;

pub use status::CallStatus;

use crate::{
    dialplan::FeatureDial,
    model::{CallId, Digit, ExtensionNumber, Hearing, LegId, Mode, Party, Prompt, Refusal, SessionId, Side, TrunkName},
};

pub enum Command {
    /// Ring the phones of an extension from 9999, for a leg that the desk has named.
    CallBack {
        leg: LegId,
        extension: ExtensionNumber,
    },
    /// Answer a leg that dialled a feature code.
    Answer {
        leg: LegId,
    },
    /// Play to one leg alone, in place of what it is being played.
    Play {
        leg: LegId,
        ticket: u64,
        clips: Vec<Prompt>,
    },
    StopPlaying {
        leg: LegId,
    },
    /// Let a leg that was called back call `number`, as if its phone had dialled it.
    Connect {
        leg: LegId,
        number: String,
        /// Nobody may ever listen to that call (H6).
        confidential: bool,
    },
    /// Bridge a supervisor's leg onto a call, beside the party on `side`.
    Attach {
        session: SessionId,
        leg: LegId,
        call: CallId,
        side: Side,
        mode: Mode,
        /// Of what the parties say.
        hearing: Hearing,
    },
    SetMode {
        session: SessionId,
        mode: Mode,
    },
    /// Take the supervisor's leg out of the call; the leg stays up and hears nothing.
    Detach {
        session: SessionId,
    },
    /// The start tone for the agent beside whom a session stands.
    Chime {
        session: SessionId,
    },
    HangUp {
        leg: LegId,
    },
}

pub enum Event {
    /// An authenticated phone dialled a feature code. `source` is its digest user name, never From.
    Dialled {
        leg: LegId,
        source: ExtensionNumber,
        /// The mobile trunk that brought its user; `None`: its own phone.
        trunk: Option<TrunkName>,
        feature: FeatureDial,
    },
    /// A feature code that the dial plan itself refused.
    Refused {
        source: ExtensionNumber,
        refusal: Refusal,
    },
    /// Nobody answered the call-back: its leg is no more.
    NotReached {
        leg: LegId,
        why: NotReached,
    },
    /// A leg that was to call somebody calls, as a party of this call; or it was let go, for the reason that a phone would have
    /// been given for dialling that number.
    Connected {
        leg: LegId,
        outcome: Result<CallId, u16>,
    },
    /// The answered leg is ready to be spoken to.
    Answered {
        leg: LegId,
    },
    Digit {
        leg: LegId,
        digit: Digit,
    },
    Played {
        leg: LegId,
        ticket: u64,
    },
    /// The phone of a feature leg hung up, or failed.
    HungUp {
        leg: LegId,
    },
    /// A call is up, and no party holds the other; told again whenever that may be news.
    CallUp {
        caller: Party,
        callee: Party,
    },
    CallEnded {
        call: CallId,
    },
    /// One party of a call was sent elsewhere, or another took its place: the call is over, and a new one follows it.
    Transferred {
        call: CallId,
    },
}

/// Why a phone that was called back is not on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReached {
    /// No such extension, or no phone of it is registered.
    NoPhone,
    Busy,
    /// It rang for 10 s (H4), or nobody was there.
    NoAnswer,
    /// It declined, or sends its callers elsewhere.
    Refused,
    /// There was no room for it here.
    Failed,
}

impl NotReached {
    /// The stable word that stands in the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            NotReached::NoPhone => "no-phone",
            NotReached::Busy => "busy-here",
            NotReached::NoAnswer => "no-answer",
            NotReached::Refused => "call-back-refused",
            NotReached::Failed => "call-back-failed",
        }
    }
}

/// One call as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallView {
    pub id: CallId,
    pub caller: Party,
    pub callee: Party,
    pub state: CallState,
    pub since_unix_ms: u64,
    pub listeners: usize,
    /// Nobody may listen to it (H6).
    pub confidential: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    Ringing,
    Talking,
    OnHold,
}

impl CallView {
    /// The side on which an extension stands. In a call of a phone with itself: the caller's.
    pub fn side_of(&self, number: &ExtensionNumber) -> Option<Side> {
        match number {
            _ if self.caller.is(number) => Some(Side::Caller),
            _ if self.callee.is(number) => Some(Side::Callee),
            _ => None,
        }
    }

    pub fn party(&self, side: Side) -> &Party {
        match side {
            Side::Caller => &self.caller,
            Side::Callee => &self.callee,
        }
    }
}
