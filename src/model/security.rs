use super::{ExtensionNumber, Refusal, TrunkName};
use std::{fmt::Display, net::IpAddr};

/// Something that whoever guards this machine wants to know: one line of the log, which other programs read. The words and
/// fields are a promise (`docs/security.md`).
///
/// It holds nothing that the other side has written: an extension or a trunk only if it is one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecurityEvent {
    /// A wrong answer to a challenge that was given to this very address, for an extension that exists.
    DigestFailed { extension: ExtensionNumber },
    /// The same for an extension that does not exist.
    UnknownUser,
    /// So many wrong answers that none is looked at any more.
    DigestGuessing,
    /// Credentials of a kind that is not asked for: no nonce count, another realm or algorithm.
    DigestUnusable,
    /// What is no SIP, from where nobody has proven anything.
    Junk,
    /// More messages than a source may send that has proven nothing: what goes beyond is dropped unread.
    RateLimited,
    /// A call to a trunk's account that does not come from the trunk.
    TrunkStranger { trunk: TrunkName },
    /// A sign-in by keypad was refused. `trunk`: the mobile trunk that brought the caller.
    SignInFailed { extension: ExtensionNumber, trunk: Option<TrunkName>, reason: Refusal },
}

impl SecurityEvent {
    /// The stable word of the field `event`.
    pub fn as_str(&self) -> &'static str {
        match self {
            SecurityEvent::DigestFailed { .. } => "digest-failed",
            SecurityEvent::UnknownUser => "unknown-user",
            SecurityEvent::DigestGuessing => "digest-guessing",
            SecurityEvent::DigestUnusable => "digest-unusable",
            SecurityEvent::Junk => "junk",
            SecurityEvent::RateLimited => "rate-limited",
            SecurityEvent::TrunkStranger { .. } => "trunk-stranger",
            SecurityEvent::SignInFailed { reason: Refusal::LockedOut, .. } => "sign-in-locked",
            SecurityEvent::SignInFailed { .. } => "sign-in-failed",
        }
    }

    /// Writes the line. `source` is the address of the socket's other end, `times` how often it happened since the last such
    /// line.
    pub fn report(&self, source: IpAddr, times: u32) {
        let (extension, trunk, reason) = self.details();
        tracing::warn!(
            target: "sasayaki::security",
            event = self.as_str(),
            source_ip = %source,
            times,
            extension = shown(extension),
            trunk = shown(trunk),
            reason = reason.map(Refusal::as_str),
        );
    }

    fn details(&self) -> (Option<&ExtensionNumber>, Option<&TrunkName>, Option<Refusal>) {
        match self {
            SecurityEvent::DigestFailed { extension } => (Some(extension), None, None),
            SecurityEvent::TrunkStranger { trunk } => (None, Some(trunk), None),
            SecurityEvent::SignInFailed { extension, trunk, reason } => {
                (Some(extension), trunk.as_ref(), Some(*reason))
            }
            SecurityEvent::UnknownUser
            | SecurityEvent::DigestGuessing
            | SecurityEvent::DigestUnusable
            | SecurityEvent::Junk
            | SecurityEvent::RateLimited => (None, None, None),
        }
    }
}

fn shown<T: Display>(value: Option<T>) -> Option<tracing::field::DisplayValue<T>> {
    value.map(tracing::field::display)
}
