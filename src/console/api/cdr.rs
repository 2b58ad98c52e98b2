//! The records of calls, as JSON page by page, or as one CSV (RFC 4180).

use super::{
    desk::Desk,
    page::{Limit, Listing, Page},
    strict::Asked,
};
use crate::{
    admin::{CallLine, csv_header, csv_of, moment::Since},
    model::ExtensionNumber,
    store::{CallFilter, CallPlace, Store, json},
};
use axum::{
    Json,
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream::try_unfold;
use serde::Deserialize;

/// So many rows are read at a time for a CSV.
const CSV_PAGE_ROWS: u32 = 1000;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    #[serde(deserialize_with = "json::from_given_text")]
    since: Option<Since>,
    #[serde(deserialize_with = "json::from_given_text")]
    until: Option<Since>,
    #[serde(deserialize_with = "json::from_given_text")]
    extension: Option<ExtensionNumber>,
    #[serde(deserialize_with = "json::from_text")]
    limit: Limit,
    #[serde(deserialize_with = "json::from_given_text")]
    after: Option<CallPlace>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WantedAsCsv {
    #[serde(deserialize_with = "json::from_given_text")]
    since: Option<Since>,
    #[serde(deserialize_with = "json::from_given_text")]
    until: Option<Since>,
    #[serde(deserialize_with = "json::from_given_text")]
    extension: Option<ExtensionNumber>,
}

fn filter(desk: &Desk, since: Option<Since>, until: Option<Since>, extension: Option<ExtensionNumber>) -> CallFilter {
    let unix_ms = |moment: Since| moment.unix_ms(desk.actor.at_ms);
    CallFilter { since_ms: since.map_or(0, unix_ms), until_ms: until.map_or(u64::MAX, unix_ms), extension }
}

/// Oldest first.
pub async fn list(desk: Desk, Asked(wanted): Asked<Wanted>) -> Listing<CallLine> {
    let Wanted { since, until, extension, limit, after } = wanted;
    let filter = filter(&desk, since, until, extension);
    let mut rows = desk.app.store().call_rows(&filter, after.as_ref(), limit.rows() + 1).await?;
    let more = rows.len() > limit.rows() as usize;
    rows.truncate(limit.rows() as usize);
    let next = rows.last().filter(|_| more).map(|row| row.place().to_string());
    Ok(Json(Page { items: rows.into_iter().map(CallLine::of).collect(), next }))
}

/// All of them in one answer, read as they are sent.
pub async fn csv(desk: Desk, Asked(wanted): Asked<WantedAsCsv>) -> Response {
    let filter = filter(&desk, wanted.since, wanted.until, wanted.extension);
    let begun = Pages { store: desk.app.store().clone(), filter, last: None, begun: false };
    let pages = try_unfold(begun, |mut pages| async move {
        let text = pages.next().await?;
        Ok::<_, anyhow::Error>(text.map(|text| (text, pages)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"calls.csv\""),
    ];
    (headers, Body::from_stream(pages)).into_response()
}

struct Pages {
    store: Store,
    filter: CallFilter,
    last: Option<CallPlace>,
    begun: bool,
}

impl Pages {
    /// `None`: that was all. An error breaks the answer off, so that nobody takes a part for all.
    async fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        if !self.begun {
            self.begun = true;
            return Ok(Some(csv_header()?));
        }
        let page = self.store.call_rows(&self.filter, self.last.as_ref(), CSV_PAGE_ROWS).await?;
        let Some(end) = page.last() else { return Ok(None) };
        self.last = Some(end.place());
        let lines: Vec<CallLine> = page.into_iter().map(CallLine::of).collect();
        Ok(Some(csv_of(&lines)?))
    }
}
