use super::app::App;
use crate::engine::control::Request;
use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use std::time::Duration;
use tokio::time::timeout;

/// Who has not answered by then does not answer.
const LIMIT: Duration = Duration::from_secs(2);

/// `ok` when the loop that answers SIP answers, RTP ports are free and the store responds; else what does not.
pub async fn healthz(State(app): State<App>) -> (StatusCode, String) {
    let wrong = wrong(&app).await;
    if wrong.is_empty() { (StatusCode::OK, "ok\n".to_owned()) } else { (sick(), format!("{}\n", wrong.join("\n"))) }
}

#[derive(Serialize)]
pub struct Health {
    ok: bool,
    wrong: Vec<String>,
}

/// The same for programs.
pub async fn health(State(app): State<App>) -> (StatusCode, Json<Health>) {
    let wrong = wrong(&app).await;
    let ok = wrong.is_empty();
    (if ok { StatusCode::OK } else { sick() }, Json(Health { ok, wrong }))
}

fn sick() -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}

/// What does not answer.
pub async fn wrong(app: &App) -> Vec<String> {
    let engine = async {
        match timeout(LIMIT, app.engine().ask(Request::Health)).await {
            Ok(answer) if answer.ok => None,
            Ok(answer) => Some(answer.error.unwrap_or_default()),
            Err(_) => Some("the engine does not answer".to_owned()),
        }
    };
    let store = async {
        let answers = timeout(LIMIT, app.store().ping()).await;
        (!matches!(answers, Ok(Ok(())))).then(|| "the store does not answer".to_owned())
    };
    let (engine, store) = tokio::join!(engine, store);
    [engine, store].into_iter().flatten().collect()
}
