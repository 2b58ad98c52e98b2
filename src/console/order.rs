use super::{api::Body, app::App, guard::Visitor, problem::Problem};
use crate::{
    engine::control::{Listen, OrderRow, Request},
    model::{ExtensionNumber, Mode, Refusal},
    store::json,
};
use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;

/// What somebody at a screen wants (F3, F5).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The agent's extension.
    #[serde(deserialize_with = "json::from_text")]
    target: ExtensionNumber,
    /// The phone to be rung; without it or null, the account's own.
    #[serde(default, deserialize_with = "json::from_nullable_text")]
    extension: Option<Option<ExtensionNumber>>,
    #[serde(deserialize_with = "json::from_text")]
    mode: Mode,
    /// その他操作
    #[serde(default)]
    shortcut: bool,
}

/// Has a phone rung from 9999, or says why not; nothing rings for what is refused.
pub async fn order(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<OrderRow>), Problem> {
    let Wanted { target, extension, mode, shortcut } = wanted;
    let extension = extension.flatten();
    let listen = Listen { account: visitor.account.id, extension, target, mode, shortcut };
    let answer = app.engine().ask(Request::Listen(listen)).await;
    match answer.orders.and_then(|orders| orders.into_iter().next()) {
        Some(order) if answer.ok => Ok((StatusCode::ACCEPTED, Json(order))),
        Some(_) | None => Err(refused(answer.error, answer.reason)),
    }
}

/// Ends a session, or an order that rings still (C4).
pub async fn end_session(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let answer = app.engine().ask(Request::EndSession { id }).await;
    if answer.ok { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::new(StatusCode::NOT_FOUND, "no such session")) }
}

/// Takes one's own order back, or ends what became of it.
pub async fn cancel(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let answer = app.engine().ask(Request::CancelOrder { id, account: visitor.account.id }).await;
    let none = || Problem::new(StatusCode::NOT_FOUND, "there is no such order of yours, or it is over");
    answer.ok.then_some(StatusCode::NO_CONTENT).ok_or_else(none)
}

fn refused(error: Option<String>, reason: Option<String>) -> Problem {
    let rights = [
        Refusal::NoRight,
        Refusal::ModeNotGranted,
        Refusal::OutsideHours,
        Refusal::Denied,
        Refusal::Protected,
        Refusal::RoleNotAllowed,
    ];
    let is_right = rights.iter().any(|refusal| reason.as_deref() == Some(refusal.as_str()));
    let status = match (&reason, is_right) {
        (Some(_), true) => StatusCode::FORBIDDEN,
        (Some(_), false) => StatusCode::CONFLICT,
        (None, _) => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, error.unwrap_or_default()).because(reason)
}
