/// Why a spy session or an IVR conversation was refused. Callers hear E1 or E2; only audit and `explain` see these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    #[error("no such dial-operation ID")]
    UnknownDialId,
    #[error("wrong password")]
    WrongPassword,
    #[error("a one-time code that was used, or is too old")]
    CodeSpent,
    #[error("no dial-operation password set")]
    PasswordUnset,
    #[error("locked out after too many failures")]
    LockedOut,
    #[error("sign-in could not be checked in time")]
    Busy,
    #[error("nothing, or too little, was entered")]
    NoEntry,
    #[error("no such extension")]
    UnknownExtension,
    #[error("no right on this phone terminal, or at a screen on a call center of its agent")]
    NoRight,
    #[error("the right has no such mode")]
    ModeNotGranted,
    #[error("nobody may barge in: the setting `barge` is off")]
    BargeOff,
    #[error("the right does not hold at this hour")]
    OutsideHours,
    #[error("denied by rule")]
    Denied,
    #[error("the extension is protected")]
    Protected,
    #[error("not in a call")]
    NotInCall,
    #[error("the call is on hold")]
    OnHold,
    #[error("the supervisor's own phone")]
    OwnPhone,
    #[error("the supervisor is part of this call")]
    OwnCall,
    #[error("a call that was placed by redial, which nobody may listen to")]
    Confidential,
    #[error("an IVR or a spy leg, not a call")]
    NotSpiable,
    #[error("no dialling from mobile in short form")]
    ShortDialFromMobile,
    #[error("a field of the short dial is missing or too many")]
    ShortDialMalformed,
    #[error("the role may not listen from a screen")]
    RoleNotAllowed,
    #[error("the account has no extension of its own")]
    NoOwnPhone,
    #[error("not the account's own extension")]
    NotOwnPhone,
    #[error("the phone that was called back did not answer")]
    NotReached,
    #[error("the phone to be rung listens to somebody already")]
    PhoneListens,
    #[error("taken back before the phone was answered")]
    TakenBack,
    #[error("no code of the dial plan leads to this mode")]
    NoCode,
    #[error("the store did not answer")]
    StoreUnavailable,
}

impl Refusal {
    /// The stable word that stands in the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::UnknownDialId => "unknown-dial-id",
            Refusal::WrongPassword => "wrong-password",
            Refusal::CodeSpent => "code-spent",
            Refusal::PasswordUnset => "password-unset",
            Refusal::LockedOut => "locked-out",
            Refusal::Busy => "busy",
            Refusal::NoEntry => "no-entry",
            Refusal::UnknownExtension => "unknown-extension",
            Refusal::NoRight => "no-right",
            Refusal::ModeNotGranted => "mode-not-granted",
            Refusal::BargeOff => "barge-off",
            Refusal::OutsideHours => "outside-hours",
            Refusal::Denied => "denied",
            Refusal::Protected => "protected",
            Refusal::NotInCall => "not-in-call",
            Refusal::OnHold => "on-hold",
            Refusal::OwnPhone => "own-phone",
            Refusal::OwnCall => "own-call",
            Refusal::Confidential => "confidential",
            Refusal::NotSpiable => "not-spiable",
            Refusal::ShortDialFromMobile => "short-dial-from-mobile",
            Refusal::ShortDialMalformed => "short-dial-malformed",
            Refusal::RoleNotAllowed => "role-not-allowed",
            Refusal::NoOwnPhone => "no-own-phone",
            Refusal::NotOwnPhone => "not-own-phone",
            Refusal::NotReached => "not-reached",
            Refusal::PhoneListens => "phone-listens",
            Refusal::TakenBack => "taken-back",
            Refusal::NoCode => "no-code",
            Refusal::StoreUnavailable => "store-unavailable",
        }
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// The watched call ended (C1).
    CallEnded,
    /// A party of the call was transferred (C1, D7).
    Transferred,
    /// The right was revoked, denied or ran out of hours.
    RightLost,
    SupervisorHungUp,
    EndedByAdministrator,
    /// The engine is shutting down.
    Shutdown,
    /// Signalling or media of the supervisor's own leg failed.
    LegFailed,
    /// The engine died while the session ran; written at its next start.
    EngineDied,
}

impl EndCause {
    pub fn as_str(self) -> &'static str {
        match self {
            EndCause::CallEnded => "call-ended",
            EndCause::Transferred => "transferred",
            EndCause::RightLost => "right-lost",
            EndCause::SupervisorHungUp => "supervisor-hung-up",
            EndCause::EndedByAdministrator => "ended-by-administrator",
            EndCause::Shutdown => "shutdown",
            EndCause::LegFailed => "leg-failed",
            EndCause::EngineDied => "engine-died",
        }
    }
}
