use super::app::App;
use crate::engine::control::Request;
use axum::{extract::State, http::StatusCode};
use std::time::Duration;
use tokio::time::timeout;

/// Who has not answered by then does not answer.
const LIMIT: Duration = Duration::from_secs(2);

/// `ok` when the loop that answers SIP answers, RTP ports are free and the store responds; else what does not.
pub async fn healthz(State(app): State<App>) -> (StatusCode, String) {
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
    let wrong: Vec<String> = [engine, store].into_iter().flatten().collect();
    if wrong.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", wrong.join("\n")))
    }
}
