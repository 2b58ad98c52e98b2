use super::{AccountId, CallId, ExtensionNumber, Mode, SessionId};

/// What an audit row tells of (X3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditKind {
    SignIn,
    /// A target was named and judged.
    Attempt,
    Start,
    ModeChange,
    End,
    /// An administrator's act: account, right, extension, setting.
    Change,
}

impl AuditKind {
    pub fn as_str(self) -> &'static str {
        match self {
            AuditKind::SignIn => "sign-in",
            AuditKind::Attempt => "attempt",
            AuditKind::Start => "start",
            AuditKind::ModeChange => "mode-change",
            AuditKind::End => "end",
            AuditKind::Change => "change",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    Refused,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Refused => "refused",
        }
    }
}

/// One row to be written. Never holds a digit that was typed as a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    pub kind: AuditKind,
    pub outcome: Outcome,
    /// Who: known only after sign-in.
    pub account: Option<AccountId>,
    /// From where: the digest user name of the phone, `cli`, or an address. Never From.
    pub source: String,
    pub mode: Option<Mode>,
    pub target: Option<ExtensionNumber>,
    pub call: Option<CallId>,
    pub session: Option<SessionId>,
    /// A stable word (`Refusal::as_str`, `EndCause::as_str`) or, for a change, what was changed.
    pub detail: String,
}
