//! `cdr`: the records of calls, for people, spreadsheets and programs.

use super::{
    moment::{Since, utc},
    office::Office,
    output::{self, Row},
};
use crate::{
    model::{ExtensionNumber, LegQuality, StreamQuality},
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
    let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(io::stdout());
    csv.write_record(header_row()).map_err(told_by)?;
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            return Ok(csv.flush()?);
        }
        page.iter().try_for_each(|line| csv.serialize(line)).map_err(told_by)?;
    }
}

/// The error of the pipe behind that of the writer: one that was closed is no failure.
fn told_by(error: csv::Error) -> anyhow::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => anyhow::anyhow!("a call record cannot be written as CSV: {other:?}"),
    }
}

/// What the CSV and the JSON call the fields of `Line`, and of the quality of each of its sides.
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

const QUALITY_COLUMNS: [&str; 9] = [
    "sent_packets",
    "sent_lost",
    "sent_jitter_ms",
    "sent_mos",
    "got_packets",
    "got_lost",
    "got_jitter_ms",
    "got_mos",
    "round_trip_ms",
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
    caller_quality: Quality,
    callee_quality: Quality,
}

/// How well the streams of one phone got through. Mean opinion scores are estimates.
#[derive(Serialize)]
struct Quality {
    /// What the phone sent.
    sent_packets: Option<u64>,
    sent_lost: Option<u64>,
    sent_jitter_ms: Option<f64>,
    sent_mos: Option<f64>,
    /// What it got, as its own reports tell; what was lost before it came here is missing there too.
    got_packets: Option<u64>,
    got_lost: Option<u64>,
    got_jitter_ms: Option<f64>,
    got_mos: Option<f64>,
    round_trip_ms: Option<f64>,
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
            caller_quality: Quality::of(&row.caller_quality),
            callee_quality: Quality::of(&row.callee_quality),
        }
    }
}

impl Quality {
    fn of(quality: &LegQuality) -> Self {
        let milliseconds = |microseconds: u32| f64::from(microseconds) / 1000.0;
        let jitter = |stream: StreamQuality| milliseconds(stream.jitter_us);
        let mos = |stream: StreamQuality| f64::from(stream.mos.hundredths()) / 100.0;
        Self {
            sent_packets: quality.here.map(|stream| stream.packets),
            sent_lost: quality.here.map(|stream| stream.lost),
            sent_jitter_ms: quality.here.map(jitter),
            sent_mos: quality.here.map(mos),
            got_packets: quality.there.map(|stream| stream.packets),
            got_lost: quality.there.map(|stream| stream.lost),
            got_jitter_ms: quality.there.map(jitter),
            got_mos: quality.there.map(mos),
            round_trip_ms: quality.round_trip_us.map(milliseconds),
        }
    }

    /// The worse of both directions.
    fn mos(&self) -> Option<f64> {
        [self.sent_mos, self.got_mos].into_iter().flatten().reduce(f64::min)
    }
}

/// In the CSV the quality of each side has its columns among the others: `caller_sent_packets` and so on.
fn header_row() -> Vec<String> {
    let of_side = |side: &'static str| QUALITY_COLUMNS.iter().map(move |column| format!("{side}_{column}"));
    COLUMNS.iter().map(ToString::to_string).chain(of_side("caller")).chain(of_side("callee")).collect()
}

impl Row for Line {
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
    use crate::model::Mos;
    use std::collections::BTreeSet;

    fn line() -> Line {
        let stream =
            |packets, mos| Some(StreamQuality { packets, lost: 3, jitter_us: 1_250, mos: Mos::from_hundredths(mos) });
        Line::of(CallRow {
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
            caller_quality: LegQuality { here: stream(162, 441), there: stream(160, 398), round_trip_us: Some(20_500) },
            callee_quality: LegQuality { here: stream(160, 440), ..LegQuality::default() },
        })
    }

    #[test]
    fn a_row_of_the_csv_has_a_value_or_none_for_each_column() {
        let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        csv.write_record(header_row()).unwrap();
        csv.serialize(line()).unwrap();
        let text = String::from_utf8(csv.into_inner().unwrap()).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(rows[0].len(), rows[1].len());
        let pairs: String =
            rows[0].iter().zip(&rows[1]).map(|(column, value)| format!("{column}: {value}\n")).collect();
        insta::assert_snapshot!(pairs);
    }

    #[test]
    fn the_keys_of_the_json_are_the_columns_of_the_csv() {
        let json = serde_json::to_value(line()).unwrap();
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let columns = COLUMNS.iter().chain(&["caller_quality", "callee_quality"]);
        assert_eq!(keys(&json), columns.map(ToString::to_string).collect());
        assert_eq!(keys(&json["caller_quality"]), QUALITY_COLUMNS.iter().map(ToString::to_string).collect());
    }

    #[test]
    fn a_table_shows_the_worse_direction_of_each_side() {
        assert_eq!(line().cells()[3..], ["3.2 s", "hung-up", "callee", "PCMU PCMA", "3.98 4.40"]);
    }
}
