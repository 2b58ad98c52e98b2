//! `audit`: the trail of every attempt, start, change and end.

use super::{
    moment::{Since, utc},
    office::Office,
    output::{self, Format, Row},
};
use crate::store::{AuditRow, unix_ms};
use serde::Serialize;

#[derive(clap::Subcommand)]
pub enum AuditCommand {
    /// Show the trail, oldest first
    List {
        /// From this moment on: a duration like 2h or 7d, a date, or a date and time (local, or with its offset)
        #[arg(long, value_name = "T")]
        since: Option<Since>,
        #[command(flatten)]
        format: Format,
    },
}

impl AuditCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        match self {
            AuditCommand::List { since, format } => list(office, since, format).await,
        }
    }
}

async fn list(office: &Office, since: Option<Since>, format: Format) -> anyhow::Result<()> {
    let from_ms = since.map_or(0, |since| since.unix_ms(unix_ms()));
    let accounts = office.store.accounts().await?;
    let login_of = |id: &String| accounts.iter().find(|account| account.id.to_string() == *id);
    let rows = office.store.audit_rows(from_ms, None, u32::MAX).await?;
    let lines: Vec<Line> = rows
        .into_iter()
        .map(|row| Line {
            time: utc(row.at_ms),
            login: row.account.as_ref().and_then(login_of).map(|account| account.login.clone()),
            row,
        })
        .collect();
    output::list(&lines, format)
}

/// A row of the trail, with what makes it readable.
#[derive(Serialize)]
struct Line {
    time: String,
    /// While the account exists.
    login: Option<String>,
    #[serde(flatten)]
    row: AuditRow,
}

impl Row for Line {
    const HEADINGS: &'static [&'static str] =
        &["TIME", "KIND", "OUTCOME", "ACCOUNT", "SOURCE", "MODE", "TARGET", "DETAIL"];

    fn cells(&self) -> Vec<String> {
        let row = &self.row;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        vec![
            self.time.clone(),
            row.kind.clone(),
            row.outcome.clone(),
            text(if self.login.is_some() { &self.login } else { &row.account }),
            row.source.clone(),
            text(&row.mode),
            text(&row.target),
            row.detail.clone(),
        ]
    }
}
