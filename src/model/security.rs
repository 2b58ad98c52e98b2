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
    /// A sign-in to the web pages was refused.
    WebSignInFailed { reason: Refusal },
    /// The head of the audit trail could not be kept elsewhere.
    AuditHeadFailed { detail: String },
    /// The trail is not what its kept head says.
    AuditTampered { detail: String },
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
            SecurityEvent::WebSignInFailed { reason: Refusal::LockedOut } => "web-sign-in-locked",
            SecurityEvent::WebSignInFailed { .. } => "web-sign-in-failed",
            SecurityEvent::AuditHeadFailed { .. } => "audit-head-failed",
            SecurityEvent::AuditTampered { .. } => "audit-tampered",
        }
    }

    /// Writes the line. `source` is the address of the socket's other end, if there is one; `times` how often it happened since
    /// the last such line.
    pub fn report(&self, source: impl Into<Option<IpAddr>>, times: u32) {
        let Details { extension, trunk, reason, detail } = self.details();
        tracing::warn!(
            target: "sasayaki::security",
            event = self.as_str(),
            source_ip = shown(source.into()),
            times,
            extension = shown(extension),
            trunk = shown(trunk),
            reason,
            detail,
        );
    }

    fn details(&self) -> Details<'_> {
        let none = Details::default();
        match self {
            SecurityEvent::DigestFailed { extension } => Details { extension: Some(extension), ..none },
            SecurityEvent::TrunkStranger { trunk } => Details { trunk: Some(trunk), ..none },
            SecurityEvent::SignInFailed { extension, trunk, reason } => {
                Details { extension: Some(extension), trunk: trunk.as_ref(), reason: Some(reason.as_str()), ..none }
            }
            SecurityEvent::WebSignInFailed { reason: Refusal::UnknownDialId } => {
                Details { reason: Some("unknown-login"), ..none }
            }
            SecurityEvent::WebSignInFailed { reason } => Details { reason: Some(reason.as_str()), ..none },
            SecurityEvent::AuditHeadFailed { detail } | SecurityEvent::AuditTampered { detail } => {
                Details { detail: Some(detail), ..none }
            }
            SecurityEvent::UnknownUser
            | SecurityEvent::DigestGuessing
            | SecurityEvent::DigestUnusable
            | SecurityEvent::Junk
            | SecurityEvent::RateLimited => none,
        }
    }
}

/// What some events know beside their name.
#[derive(Default)]
struct Details<'a> {
    extension: Option<&'a ExtensionNumber>,
    trunk: Option<&'a TrunkName>,
    reason: Option<&'static str>,
    detail: Option<&'a str>,
}

fn shown<T: Display>(value: Option<T>) -> Option<tracing::field::DisplayValue<T>> {
    value.map(tracing::field::display)
}
