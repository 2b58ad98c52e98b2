use super::{
    desk::Desk,
    page::{Limit, Listing, Page},
    strict::Asked,
};
use crate::{
    admin::{TrailLine, Verdict, moment::Since},
    audit::{Trail, TrailError},
    console::problem::Problem,
    store::{AuditPlace, AuditRow, json},
};
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::str::FromStr;
use tokio::sync::Semaphore;

/// Reading the whole trail is work: one does it at a time.
static READER: Semaphore = Semaphore::const_new(1);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    #[serde(deserialize_with = "json::from_given_text")]
    since: Option<Since>,
    #[serde(deserialize_with = "json::from_text")]
    order: Order,
    #[serde(deserialize_with = "json::from_text")]
    limit: Limit,
    #[serde(deserialize_with = "json::from_given_text")]
    after: Option<AuditPlace>,
}

#[derive(Clone, Copy, Default)]
enum Order {
    #[default]
    Newest,
    Oldest,
}

impl FromStr for Order {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "newest" => Ok(Order::Newest),
            "oldest" => Ok(Order::Oldest),
            _ => Err("expected newest or oldest"),
        }
    }
}

pub async fn list(desk: Desk, Asked(wanted): Asked<Wanted>) -> Listing<TrailLine> {
    let Wanted { since, order, limit, after } = wanted;
    let since_ms = since.map_or(0, |since| since.unix_ms(desk.actor.at_ms));
    let (store, one_more) = (desk.app.store(), limit.rows() + 1);
    let mut rows = match order {
        Order::Newest => store.audit_rows_back(since_ms, after.as_ref(), one_more).await?,
        Order::Oldest => store.audit_rows(since_ms, after.as_ref(), one_more).await?,
    };
    let more = rows.len() > limit.rows() as usize;
    rows.truncate(limit.rows() as usize);
    let next = rows.last().filter(|_| more).map(|row: &AuditRow| row.place().to_string());
    let accounts = store.accounts().await?;
    let items = rows.into_iter().map(|row| TrailLine::new(row, &accounts)).collect();
    Ok(Json(Page { items, next }))
}

/// Whether any row was changed, removed or put in.
pub async fn verify(desk: Desk) -> Result<Response, Problem> {
    let busy = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the trail is being verified already: try again");
    let _place = READER.try_acquire().map_err(|_| busy())?;
    match Trail::new(desk.app.store().clone()).verify(None, |_| {}).await {
        Ok(found) => Ok(Json(Verdict { ok: true, found }).into_response()),
        Err(TrailError::Fault(found)) => Ok(Json(Verdict { ok: false, found }).into_response()),
        Err(TrailError::Store(error)) => Err(error.into()),
        Err(TrailError::File(_)) => Err(Problem::unavailable()),
    }
}
