use super::{app::App, guard::Visitor, problem::Problem};
use crate::{
    engine::control::{Listen, OrderRow, Request},
    model::{ExtensionNumber, Mode, Refusal},
};
use axum::{
    Extension, Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use serde::Deserialize;

/// What somebody at a screen wants (F3, F5).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The agent's extension.
    target: String,
    /// The phone to be rung; without it, the account's own.
    #[serde(default)]
    extension: Option<String>,
    mode: String,
    /// その他操作
    #[serde(default)]
    shortcut: bool,
}

/// Has a phone rung from 9999, or says why not; nothing rings for what is refused.
pub async fn order(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<(StatusCode, Json<OrderRow>), Problem> {
    let Json(wanted) = wanted.map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
    let number = |text: &str| text.parse::<ExtensionNumber>().map_err(|_| unusable("not an extension number"));
    let listen = Listen {
        account: visitor.account.id,
        extension: wanted.extension.as_deref().map(number).transpose()?,
        target: number(&wanted.target)?,
        mode: wanted.mode.parse::<Mode>().map_err(|error| unusable(&format!("mode: {error}")))?,
        shortcut: wanted.shortcut,
    };
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

fn unusable(detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
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
