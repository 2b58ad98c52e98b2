use super::moment::utc;
use crate::{
    model::{LegQuality, StreamQuality},
    store::CallRow,
};
use serde::Serialize;

/// What the CSV and the JSON call the fields of `CallLine`, and of the quality of each of its sides.
const COLUMNS: [&str; 15] = [
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
    "confidential",
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
pub struct CallLine {
    pub id: String,
    pub caller: String,
    pub caller_trunk: Option<String>,
    pub callee: String,
    pub callee_trunk: Option<String>,
    pub begun: String,
    pub answered: Option<String>,
    pub ended: Option<String>,
    /// From answer to end.
    pub talked_ms: Option<u64>,
    pub cause: Option<String>,
    pub ended_by: Option<String>,
    pub sip_status: Option<u16>,
    pub caller_codec: Option<String>,
    pub callee_codec: Option<String>,
    /// Placed by 再発信: nobody could listen to it.
    pub confidential: bool,
    pub caller_quality: Quality,
    pub callee_quality: Quality,
}

/// How well the streams of one phone got through. Mean opinion scores are estimates.
#[derive(Serialize)]
pub struct Quality {
    /// What the phone sent.
    pub sent_packets: Option<u64>,
    pub sent_lost: Option<u64>,
    pub sent_jitter_ms: Option<f64>,
    pub sent_mos: Option<f64>,
    /// What it got, as its own reports tell; what was lost before it came here is missing there too.
    pub got_packets: Option<u64>,
    pub got_lost: Option<u64>,
    pub got_jitter_ms: Option<f64>,
    pub got_mos: Option<f64>,
    pub round_trip_ms: Option<f64>,
}

impl CallLine {
    pub fn of(row: CallRow) -> Self {
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
            confidential: row.confidential,
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
    pub fn mos(&self) -> Option<f64> {
        [self.sent_mos, self.got_mos].into_iter().flatten().reduce(f64::min)
    }
}

/// The first row of the CSV. The quality of each side has its columns among the others: `caller_sent_packets` and so on.
pub fn csv_header() -> Result<Vec<u8>, csv::Error> {
    csv_of(&[header_row()])
}

/// The rows of a CSV (RFC 4180), without the first.
pub fn csv_of<T: Serialize>(rows: &[T]) -> Result<Vec<u8>, csv::Error> {
    let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    rows.iter().try_for_each(|row| csv.serialize(row))?;
    csv.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

fn header_row() -> Vec<String> {
    let of_side = |side: &'static str| QUALITY_COLUMNS.iter().map(move |column| format!("{side}_{column}"));
    COLUMNS.iter().map(ToString::to_string).chain(of_side("caller")).chain(of_side("callee")).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::Mos;
    use std::collections::BTreeSet;

    pub(crate) fn line() -> CallLine {
        let stream =
            |packets, mos| Some(StreamQuality { packets, lost: 3, jitter_us: 1_250, mos: Mos::from_hundredths(mos) });
        CallLine::of(CallRow {
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
            confidential: false,
            caller_quality: LegQuality { here: stream(162, 441), there: stream(160, 398), round_trip_us: Some(20_500) },
            callee_quality: LegQuality { here: stream(160, 440), ..LegQuality::default() },
        })
    }

    #[test]
    fn a_row_of_the_csv_has_a_value_or_none_for_each_column() {
        let text = String::from_utf8([csv_header().unwrap(), csv_of(&[line()]).unwrap()].concat()).unwrap();
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
}
