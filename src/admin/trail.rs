use super::moment::utc;
use crate::store::{AccountRow, AuditRow};
use serde::Serialize;

/// A row of the trail, with what makes it readable.
#[derive(Clone, Debug, Serialize)]
pub struct TrailLine {
    /// RFC 3339, in UTC.
    pub time: String,
    /// While the account exists.
    pub login: Option<String>,
    #[serde(flatten)]
    pub row: AuditRow,
}

impl TrailLine {
    /// `accounts`: those that there are.
    pub fn new(row: AuditRow, accounts: &[AccountRow]) -> Self {
        let login_of = |id: &String| accounts.iter().find(|account| account.id.to_string() == *id);
        let login = row.account.as_ref().and_then(login_of).map(|account| account.login.clone());
        Self { time: utc(row.at_ms), login, row }
    }
}

/// What programs read of a verification.
#[derive(Serialize)]
pub struct Verdict<T> {
    pub ok: bool,
    /// What was found whole, or the first fault.
    #[serde(flatten)]
    pub found: T,
}
