use super::{
    app::App,
    guard::{Visitor, session_cookie},
    language::Language,
    page,
    problem::Problem,
    server::Peer,
};
use crate::{
    access::screen::{self, Needs},
    model::{Refusal, Secret, SecurityEvent},
    store::{Actor, new_token, token_hash},
};
use axum::{
    Extension, Form,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

/// Longer ones stand for nobody.
const MAX_LOGIN_CHARS: usize = 128;

/// Without `Debug`: it holds a password.
#[derive(Deserialize)]
pub struct Given {
    login: String,
    password: String,
}

/// Signs in, or says no more than that it did not: one run of argon2 either way, and one audit row.
pub async fn sign_in(
    State(app): State<App>,
    Extension(Peer(from)): Extension<Peer>,
    headers: HeaderMap,
    Form(Given { login, password }): Form<Given>,
) -> Result<Response, Problem> {
    let (language, password) = (Language::of(&headers), Secret::new(password));
    if login.chars().count() > MAX_LOGIN_CHARS {
        return Ok(page::not_signed_in(language, StatusCode::UNAUTHORIZED));
    }
    let actor = Actor::now(from.to_string());
    let failed = |error| {
        tracing::error!(%error, "a sign-in at the console was refused because the store failed");
        Problem::unavailable()
    };
    let (found, password) = app.store().check_web_password(&login, password).await.map_err(failed)?;
    let verdict = app.guesses().judge((&login, from), found, password, actor.at_ms);
    app.count_sign_in(&verdict);
    if let Err(reason @ (Refusal::UnknownDialId | Refusal::WrongPassword | Refusal::LockedOut)) = verdict {
        SecurityEvent::WebSignInFailed { reason }.report(from, 1);
    }
    let token = new_token();
    app.store().record_web_sign_in(&actor, found, verdict, &token_hash(&token)).await.map_err(failed)?;
    match verdict {
        Ok(account) => {
            let role = app.store().account(account).await.map_err(failed)?.map(|account| account.role);
            let settings = app.store().settings().await.map_err(failed)?;
            let watches =
                screen::judge(Needs::Watching, role).and_then(|()| screen::offered(Needs::Watching, &settings));
            let first = if watches.is_ok() { "/monitor" } else { "/" };
            Ok(with_cookie(&app, Redirect::to(first).into_response(), token.expose(), ""))
        }
        Err(Refusal::Busy) => Ok(page::not_signed_in(language, StatusCode::SERVICE_UNAVAILABLE)),
        Err(_) => Ok(page::not_signed_in(language, StatusCode::UNAUTHORIZED)),
    }
}

pub async fn sign_out(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Result<Response, Problem> {
    let ended = app.store().end_web_session(&visitor.token_hash()).await;
    ended.map_err(|_| Problem::unavailable())?;
    Ok(signed_out(&app))
}

pub async fn sign_out_everywhere(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Problem> {
    app.store().end_web_sessions(visitor.account.id).await.map_err(|_| Problem::unavailable())?;
    Ok(signed_out(&app))
}

fn signed_out(app: &App) -> Response {
    with_cookie(app, Redirect::to("/sign-in").into_response(), "", "; Max-Age=0")
}

fn with_cookie(app: &App, mut response: Response, value: &str, more: &str) -> Response {
    let secure = if app.is_secure() { "; Secure" } else { "" };
    let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}", session_cookie(app));
    if let Ok(text) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, text);
    }
    response
}
