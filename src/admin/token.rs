use super::moment::utc;
use crate::{model::Scope, store::TokenRow};
use serde::Serialize;

/// A token as it is listed. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, Serialize)]
pub struct TokenLine {
    pub id: String,
    /// Whose it is.
    pub login: String,
    /// What it is for.
    pub name: String,
    pub scopes: Vec<&'static str>,
    pub made: String,
    pub expires: String,
    /// To the minute; `None`: never.
    pub used: Option<String>,
}

impl From<TokenRow> for TokenLine {
    fn from(row: TokenRow) -> Self {
        Self {
            id: row.id.to_string(),
            login: row.login,
            name: row.name,
            scopes: row.scopes.into_iter().map(Scope::as_str).collect(),
            made: utc(row.made_at_ms),
            expires: utc(row.expires_at_ms),
            used: row.used_at_ms.map(utc),
        }
    }
}
