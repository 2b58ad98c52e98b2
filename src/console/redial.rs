//! マイアカウント > 再発信 (H6): the recent calls of an account's own extension, each of which can be placed again. Nobody may
//! listen to a call that was placed here.

use super::{api::Body, app::App, guard::Visitor, page, problem::Problem};
use crate::{
    engine::{control::Request, redial::other_party},
    model::ExtensionNumber,
    store::CallRow,
};
use axum::{
    Extension, Form, Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};

const SHOWN: u32 = 50;

/// One of the account's own calls.
#[derive(Serialize)]
pub struct Recent {
    pub id: String,
    /// The other party.
    pub number: String,
    /// The own extension called, and was not called.
    pub made: bool,
    /// When it began, RFC 3339 in UTC.
    pub begun: String,
    pub answered: bool,
    /// Placed from here: nobody could listen to it.
    pub confidential: bool,
    /// Whether there is a number to call again.
    pub callable: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    call: String,
}

#[derive(Deserialize)]
pub struct Pressed {
    call: String,
}

/// What the page says of the button that was pressed.
pub enum Pressing {
    Placed,
    /// The stable word of why not.
    Refused(String),
}

pub async fn page(
    State(app): State<App>,
    headers: HeaderMap,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Problem> {
    let recent = recent(&app, &visitor).await?;
    Ok(page::redial(StatusCode::OK, &headers, &visitor, recent, None))
}

/// Stays until the own phone has answered, or has not.
pub async fn press(
    State(app): State<App>,
    headers: HeaderMap,
    Extension(visitor): Extension<Visitor>,
    Form(Pressed { call }): Form<Pressed>,
) -> Result<Response, Problem> {
    let (status, pressing) = match place(&app, &visitor, call).await {
        Ok(()) => (StatusCode::OK, Pressing::Placed),
        Err((_, reason)) => (StatusCode::CONFLICT, Pressing::Refused(reason.unwrap_or_default())),
    };
    let recent = recent(&app, &visitor).await?;
    Ok(page::redial(status, &headers, &visitor, recent, Some(pressing)))
}

pub async fn calls(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Json<Vec<Recent>>, Problem> {
    recent(&app, &visitor).await.map(Json)
}

pub async fn redial(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body(Wanted { call }): Body<Wanted>,
) -> Result<StatusCode, Problem> {
    let refused = |(error, reason): (String, _)| Problem::new(StatusCode::CONFLICT, error).because(reason);
    place(&app, &visitor, call).await.map(|()| StatusCode::NO_CONTENT).map_err(refused)
}

/// An error is told for people, and as a stable word.
async fn place(app: &App, visitor: &Visitor, call: String) -> Result<(), (String, Option<String>)> {
    let answer = app.engine().ask(Request::Redial { account: visitor.account.id, call }).await;
    if answer.ok { Ok(()) } else { Err((answer.error.unwrap_or_default(), answer.reason)) }
}

async fn recent(app: &App, visitor: &Visitor) -> Result<Vec<Recent>, Problem> {
    let Some(own) = &visitor.account.extension else { return Ok(vec![]) };
    let rows = app.store().latest_calls(own, SHOWN).await.map_err(|error| {
        tracing::error!(%error, "the recent calls of an account were not read because the store failed");
        Problem::unavailable()
    })?;
    Ok(rows.iter().filter_map(|row| Recent::of(row, own)).collect())
}

impl Recent {
    fn of(row: &CallRow, own: &ExtensionNumber) -> Option<Self> {
        let number = other_party(row, own)?;
        let begun = jiff::Timestamp::from_millisecond(i64::try_from(row.begun_at_ms).ok()?).ok()?;
        Some(Self {
            id: row.id.clone(),
            made: row.caller == own.as_str() && row.caller_trunk.is_none(),
            begun: begun.to_string(),
            answered: row.answered_at_ms.is_some(),
            confidential: row.confidential,
            callable: number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'+'),
            number: number.to_owned(),
        })
    }

    /// When it began, by the clock of the place where the server stands.
    pub fn when(&self) -> String {
        let begun = self.begun.parse::<jiff::Timestamp>().map(|begun| begun.to_zoned(jiff::tz::TimeZone::system()));
        begun.map(|begun| begun.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
    }
}
