//! `cdr`: the records of calls, for people, spreadsheets and programs.

use super::{
    office::Office,
    output::{self, Row},
};
use crate::{
    admin::{CallLine, Quality, csv_header, csv_of, moment::Since},
    model::ExtensionNumber,
    store::{CallFilter, CallPlace, unix_ms},
};
use serde::{Serializer as _, ser::SerializeSeq};
use std::io::{self, Write};

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
    last: Option<CallPlace>,
}

impl Pages<'_> {
    /// An empty page is the end.
    async fn next(&mut self) -> anyhow::Result<Vec<CallLine>> {
        let page = self.office.store.call_rows(&self.filter, self.last.as_ref(), PAGE_ROWS).await?;
        if let Some(last) = page.last() {
            self.last = Some(last.place());
        }
        Ok(page.into_iter().map(CallLine::of).collect())
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
    let mut rows = json.serialize_seq(None).map_err(io::Error::from)?;
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            break;
        }
        page.iter().try_for_each(|line| rows.serialize_element(line)).map_err(io::Error::from)?;
    }
    rows.end().map_err(io::Error::from)?;
    output::say("")
}

async fn print_csv(mut pages: Pages<'_>) -> anyhow::Result<()> {
    let mut out = io::stdout();
    out.write_all(&csv_header()?)?;
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            return Ok(out.flush()?);
        }
        out.write_all(&csv_of(&page)?)?;
    }
}

impl Row for CallLine {
    const HEADINGS: &'static [&'static str] =
        &["BEGUN", "CALLER", "CALLEE", "TALKED", "CAUSE", "ENDED BY", "CODECS", "MOS"];

    fn cells(&self) -> Vec<String> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let codecs: Vec<&str> =
            [&self.caller_codec, &self.callee_codec].into_iter().flatten().map(String::as_str).collect();
        let mos = [&self.caller_quality, &self.callee_quality].into_iter().filter_map(Quality::mos);
        let mos: Vec<String> = mos.map(|mos| format!("{mos:.2}")).collect();
        vec![
            self.begun.clone(),
            self.caller.clone(),
            self.callee.clone(),
            self.talked_ms.map(|ms| format!("{}.{} s", ms / 1000, ms % 1000 / 100)).unwrap_or_default(),
            text(&self.cause),
            text(&self.ended_by),
            codecs.join(" "),
            mos.join(" "),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::a_call;

    #[test]
    fn a_table_shows_the_worse_direction_of_each_side() {
        assert_eq!(a_call().cells()[3..], ["3.2 s", "hung-up", "callee", "PCMU PCMA", "3.98 4.40"]);
    }
}
