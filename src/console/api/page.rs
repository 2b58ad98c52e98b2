use super::{super::problem::Problem, strict::Asked};
use crate::store::json;
use axum::Json;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

const USUAL_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

/// How many rows one page holds.
#[derive(Clone, Copy)]
pub struct Limit(u32);

impl Limit {
    pub fn rows(self) -> u32 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(USUAL_LIMIT)
    }
}

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rows = text.parse().ok().filter(|rows| (1..=MAX_LIMIT).contains(rows));
        rows.map(Self).ok_or("expected a number from 1 to 1000")
    }
}

/// Which page of a listing is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct Paging {
    #[serde(deserialize_with = "json::from_text")]
    pub limit: Limit,
    /// What the page before gave as `next`.
    pub after: Option<String>,
}

#[derive(Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// `null`: this page is the last.
    pub next: Option<String>,
}

pub type Listing<T> = Result<Json<Page<T>>, Problem>;

/// One page of what has a name each, in the order of the names.
pub fn page<T>(mut items: Vec<T>, Asked(paging): Asked<Paging>, name: impl Fn(&T) -> String) -> Listing<T> {
    items.sort_by_cached_key(&name);
    if let Some(after) = &paging.after {
        items.retain(|item| name(item) > *after);
    }
    let limit = paging.limit.rows() as usize;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(name);
    Ok(Json(Page { items, next }))
}
