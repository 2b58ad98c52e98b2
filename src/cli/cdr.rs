//! `cdr`: the records of calls, for people, spreadsheets and programs.

use super::{
    moment::{Since, utc},
    office::Office,
    output::{self, Row},
};
use crate::{
    model::ExtensionNumber,
    store::{CallFilter, CallRow, unix_ms},
};
use serde::{Serialize, Serializer as _, ser::SerializeSeq};
use std::io;

/// So many rows are read at a time.
const PAGE_ROWS: u32 = 1000;

#[derive(clap::Subcommand)]
pub enum CdrCommand {
    /// Show calls, oldest first; those that are up have no end yet. Feature codes are no calls: see `sasayaki audit list`
    List {
        /// Calls that began at this moment or later: a duration like 2h or 7d, a date, or a date and time (local, or with
        /// its offset)
        #[arg(long, value_name = "T")]
        since: Option<Since>,
        /// Calls that began before this moment
        #[arg(long, value_name = "T")]
        until: Option<Since>,
        /// Calls from or to this extension
        #[arg(long, value_name = "NUMBER")]
        extension: Option<ExtensionNumber>,
        /// Print JSON instead of a table
        #[arg(long, conflicts_with = "csv")]
        json: bool,
        /// Print CSV (RFC 4180) with a header row
        #[arg(long)]
        csv: bool,
    },
}

impl CdrCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        let CdrCommand::List { since, until, extension, json, csv } = self;
        let now_ms = unix_ms();
        let filter = CallFilter {
            since_ms: since.map_or(0, |since| since.unix_ms(now_ms)),
            until_ms: until.map_or(u64::MAX, |until| until.unix_ms(now_ms)),
            extension,
        };
        let pages = Pages { office, filter, last: None };
        match (json, csv) {
            (true, _) => print_json(pages).await,
            (false, true) => print_csv(pages).await,
            (false, false) => print_table(pages).await,
        }
    }
}

/// Reads the wanted calls page by page: there may be more than memory holds.
struct Pages<'a> {
    office: &'a Office,
    filter: CallFilter,
    last: Option<CallRow>,
}

impl Pages<'_> {
    /// An empty page is the end.
    async fn next(&mut self) -> anyhow::Result<Vec<Line>> {
        let page = self.office.store.call_rows(&self.filter, self.last.as_ref(), PAGE_ROWS).await?;
        if let Some(last) = page.last() {
            self.last = Some(last.clone());
        }
        Ok(page.into_iter().map(Line::of).collect())
    }
}

async fn print_table(mut pages: Pages<'_>) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            return output::say(&output::table(&lines));
        }
        lines.extend(page);
    }
}

async fn print_json(mut pages: Pages<'_>) -> anyhow::Result<()> {
    let mut json = serde_json::Serializer::pretty(io::stdout());
    let mut rows = json.serialize_seq(None)?;
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            break;
        }
        page.iter().try_for_each(|line| rows.serialize_element(line))?;
    }
    rows.end()?;
    output::say("")
}

async fn print_csv(mut pages: Pages<'_>) -> anyhow::Result<()> {
    let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(io::stdout());
    csv.write_record(COLUMNS)?;
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            return Ok(csv.flush()?);
        }
        page.iter().try_for_each(|line| csv.serialize(line))?;
    }
}

/// The header row of the CSV, and the keys of the JSON: the fields of `Line`.
const COLUMNS: [&str; 14] = [
    "id",
    "caller",
    "caller_trunk",
    "callee",
    "callee_trunk",
    "begun",
    "answered",
    "ended",
    "talked_ms",
    "cause",
    "ended_by",
    "sip_status",
    "caller_codec",
    "callee_codec",
];

/// One call. Times are RFC 3339 in UTC.
#[derive(Serialize)]
struct Line {
    id: String,
    caller: String,
    caller_trunk: Option<String>,
    callee: String,
    callee_trunk: Option<String>,
    begun: String,
    answered: Option<String>,
    ended: Option<String>,
    /// From answer to end.
    talked_ms: Option<u64>,
    cause: Option<String>,
    ended_by: Option<String>,
    sip_status: Option<u16>,
    caller_codec: Option<String>,
    callee_codec: Option<String>,
}

impl Line {
    fn of(row: CallRow) -> Self {
        Self {
            id: row.id,
            caller: row.caller,
            caller_trunk: row.caller_trunk,
            callee: row.callee,
            callee_trunk: row.callee_trunk,
            begun: utc(row.begun_at_ms),
            answered: row.answered_at_ms.map(utc),
            ended: row.ended_at_ms.map(utc),
            talked_ms: row.answered_at_ms.zip(row.ended_at_ms).map(|(from_ms, to_ms)| to_ms.saturating_sub(from_ms)),
            cause: row.cause,
            ended_by: row.ended_by,
            sip_status: row.sip_status,
            caller_codec: row.caller_codec,
            callee_codec: row.callee_codec,
        }
    }
}

impl Row for Line {
    const HEADINGS: &'static [&'static str] = &["BEGUN", "CALLER", "CALLEE", "TALKED", "CAUSE", "ENDED BY", "CODECS"];

    fn cells(&self) -> Vec<String> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let codecs: Vec<&str> =
            [&self.caller_codec, &self.callee_codec].into_iter().flatten().map(String::as_str).collect();
        vec![
            self.begun.clone(),
            self.caller.clone(),
            self.callee.clone(),
            self.talked_ms.map(|ms| format!("{}.{} s", ms / 1000, ms % 1000 / 100)).unwrap_or_default(),
            text(&self.cause),
            text(&self.ended_by),
            codecs.join(" "),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_row_names_the_fields() {
        let line = Line::of(CallRow {
            id: "01".to_owned(),
            caller: "200".to_owned(),
            caller_trunk: None,
            callee: "0312345678".to_owned(),
            callee_trunk: Some("ntt".to_owned()),
            begun_at_ms: 1_000,
            answered_at_ms: Some(2_000),
            ended_at_ms: Some(5_250),
            cause: Some("hung-up".to_owned()),
            ended_by: Some("callee".to_owned()),
            sip_status: None,
            caller_codec: Some("PCMU".to_owned()),
            callee_codec: Some("PCMA".to_owned()),
        });
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.serialize(&line).unwrap();
        let text = String::from_utf8(csv.into_inner().unwrap()).unwrap();
        assert_eq!(text.lines().next().unwrap(), COLUMNS.join(","));
        insta::assert_snapshot!(text.lines().nth(1).unwrap(), @"01,200,,0312345678,ntt,1970-01-01T00:00:01.000Z,1970-01-01T00:00:02.000Z,1970-01-01T00:00:05.250Z,3250,hung-up,callee,,PCMU,PCMA");
        assert_eq!(line.cells()[3], "3.2 s");
    }
}
