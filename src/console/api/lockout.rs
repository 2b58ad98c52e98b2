use super::{
    desk::{Desk, Named},
    page::{Listing, Paging, page},
    strict::Asked,
};
use crate::{
    admin::{Act, moment::utc},
    console::problem::Problem,
    model::Login,
    store::LockoutRow,
};
use axum::http::StatusCode;
use serde::Serialize;

/// A lock that holds.
#[derive(Serialize)]
pub struct Lockout {
    login: String,
    /// `keypad` or `web`.
    by: &'static str,
    /// Of a keypad an extension that the account is known at, of the web an address; `null`: every other.
    source: Option<String>,
    /// RFC 3339, in UTC.
    until: String,
}

pub async fn list(desk: Desk, asked: Asked<Paging>) -> Listing<Lockout> {
    let now_ms = desk.actor.at_ms;
    let keypad = desk.app.store().lockouts(now_ms).await?.into_iter();
    let keypad = keypad.map(|LockoutRow { login, source, until_ms }| Lockout {
        login,
        by: "keypad",
        source: Some(source).filter(|source| !source.is_empty()),
        until: utc(until_ms),
    });
    let web = desk.app.guesses().locked(now_ms).into_iter().map(|(login, source, until_ms)| Lockout {
        login,
        by: "web",
        source: Some(source),
        until: utc(until_ms),
    });
    let name = |lockout: &Lockout| {
        format!("{} {} {}", lockout.login, lockout.by, lockout.source.as_deref().unwrap_or_default())
    };
    page(keypad.chain(web).collect(), asked, name)
}

/// Opens every lock of the account.
pub async fn unlock(desk: Desk, Named(login): Named<Login>) -> Result<StatusCode, Problem> {
    let opened = login.clone();
    desk.carry_out(Act::Unlock(login)).await?;
    desk.app.guesses().forget(opened.as_str());
    Ok(StatusCode::NO_CONTENT)
}
