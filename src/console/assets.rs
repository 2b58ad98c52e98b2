use super::problem::Problem;
use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

const SCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: &[(&str, &str, &str)] = &[
    ("style.css", "text/css; charset=utf-8", include_str!("assets/style.css")),
    ("listen.js", SCRIPT, include_str!("assets/listen.js")),
    ("live.js", SCRIPT, include_str!("assets/live.js")),
    ("monitor.js", SCRIPT, include_str!("assets/monitor.js")),
    ("seats.js", SCRIPT, include_str!("assets/seats.js")),
    ("text.js", SCRIPT, include_str!("assets/text.js")),
];

/// What pages are dressed in. Whatever is asked for is looked up in a list; no path is ever followed.
pub async fn asset(Path(file): Path<String>) -> Result<Response, Problem> {
    let found = ASSETS.iter().find(|(name, _, _)| *name == file);
    let (_, kind, text) = found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such file"))?;
    Ok(([(header::CONTENT_TYPE, *kind)], *text).into_response())
}
