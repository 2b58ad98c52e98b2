use super::SessionView;
use crate::model::{AccountId, AuditEvent, AuditKind, EndCause, ExtensionNumber, Mode, Outcome, Refusal};

/// A row about a session that was granted.
pub fn session_row(view: &SessionView, kind: AuditKind, detail: &str) -> AuditEvent {
    AuditEvent {
        kind,
        outcome: Outcome::Ok,
        account: Some(view.account),
        source: view.supervisor.to_string(),
        mode: Some(view.mode),
        target: Some(view.target.clone()),
        call: Some(view.call),
        session: Some(view.id),
        detail: detail.to_owned(),
    }
}

/// A session is over, for this reason.
pub fn end_row(view: &SessionView, cause: EndCause) -> AuditEvent {
    session_row(view, AuditKind::End, cause.as_str())
}

/// A target was named and refused.
pub fn refused_attempt(
    source: &str,
    account: AccountId,
    target: Option<&ExtensionNumber>,
    mode: Mode,
    refusal: Refusal,
) -> AuditEvent {
    AuditEvent {
        account: Some(account),
        mode: Some(mode),
        target: target.cloned(),
        kind: AuditKind::Attempt,
        ..refused_dial(source, refusal)
    }
}

/// A feature code that the dial plan refused: nobody has signed in.
pub fn refused_dial(source: &str, refusal: Refusal) -> AuditEvent {
    AuditEvent {
        kind: AuditKind::SignIn,
        outcome: Outcome::Refused,
        account: None,
        source: source.to_string(),
        mode: None,
        target: None,
        call: None,
        session: None,
        detail: refusal.as_str().to_owned(),
    }
}
