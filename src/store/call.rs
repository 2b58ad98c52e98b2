use super::{NotAPlace, Result, Store, row};
use crate::model::{
    CallEnding, CallId, CallNote, CallRecord, Codec, ExtensionNumber, LegQuality, Mos, Party, Side, StreamQuality,
};
use sqlx::{Any, AssertSqlSafe, Transaction, any::AnyRow};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// The record of one call. Texts, so that a row of another version still reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRow {
    pub id: String,
    /// Extension numbers, or numbers outside by way of the trunk that is named.
    pub caller: String,
    pub caller_trunk: Option<String>,
    pub callee: String,
    pub callee_trunk: Option<String>,
    pub begun_at_ms: u64,
    pub answered_at_ms: Option<u64>,
    /// `None` while the call is up.
    pub ended_at_ms: Option<u64>,
    /// `CallEnding::as_str`.
    pub cause: Option<String>,
    /// `caller` or `callee`, if one of them ended it.
    pub ended_by: Option<String>,
    pub sip_status: Option<u16>,
    pub caller_codec: Option<String>,
    pub callee_codec: Option<String>,
    /// Placed by 再発信: nobody could listen to it (H6).
    pub confidential: bool,
    pub caller_quality: LegQuality,
    pub callee_quality: LegQuality,
}

/// Where a row stands among all rows, as a page of them ends there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPlace {
    pub begun_at_ms: u64,
    pub id: String,
}

impl CallRow {
    pub fn place(&self) -> CallPlace {
        CallPlace { begun_at_ms: self.begun_at_ms, id: self.id.clone() }
    }
}

impl fmt::Display for CallPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.begun_at_ms, self.id)
    }
}

impl FromStr for CallPlace {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (begun_at_ms, id) = text.split_once('-').ok_or(NotAPlace)?;
        Ok(Self { begun_at_ms: begun_at_ms.parse().map_err(|_| NotAPlace)?, id: id.to_owned() })
    }
}

/// Which calls are wanted: those that began in `since_ms..until_ms`, of one extension or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFilter {
    pub since_ms: u64,
    pub until_ms: u64,
    /// At either end of the call.
    pub extension: Option<ExtensionNumber>,
}

/// Rows that one statement writes: each statement is a trip to the thread or the server of the database, and SQLite looks for
/// each value's place among all the others.
const ROWS_PER_STATEMENT: usize = 8;

macro_rules! rows {
    ($which:literal) => {
        concat!(
            "SELECT id, caller, caller_trunk, callee, callee_trunk, begun_at_ms, answered_at_ms, ended_at_ms, cause,
    ended_by, sip_status, caller_codec, callee_codec, confidential,
    a.sent_packets AS a_sent_packets, a.sent_lost AS a_sent_lost, a.sent_jitter_us AS a_sent_jitter_us,
    a.sent_mos AS a_sent_mos, a.got_packets AS a_got_packets, a.got_lost AS a_got_lost,
    a.got_jitter_us AS a_got_jitter_us, a.got_mos AS a_got_mos, a.round_trip_us AS a_round_trip_us,
    b.sent_packets AS b_sent_packets, b.sent_lost AS b_sent_lost, b.sent_jitter_us AS b_sent_jitter_us,
    b.sent_mos AS b_sent_mos, b.got_packets AS b_got_packets, b.got_lost AS b_got_lost,
    b.got_jitter_us AS b_got_jitter_us, b.got_mos AS b_got_mos, b.round_trip_us AS b_round_trip_us
    FROM call_record
    LEFT JOIN call_quality AS a ON a.call = id AND a.side = 'caller'
    LEFT JOIN call_quality AS b ON b.call = id AND b.side = 'callee' ",
            $which
        )
    };
}

const ROWS: &str = rows!(
    "WHERE begun_at_ms >= $1 AND begun_at_ms < $2 AND (begun_at_ms, id) > ($3, $4)
    AND ($5 = '' OR ($5 = caller AND caller_trunk IS NULL) OR ($5 = callee AND callee_trunk IS NULL))
    ORDER BY begun_at_ms, id LIMIT $6"
);
const ROW: &str = rows!("WHERE id = $1");
const LATEST: &str = rows!(
    "WHERE (caller = $1 AND caller_trunk IS NULL) OR (callee = $1 AND callee_trunk IS NULL)
    ORDER BY begun_at_ms DESC, id DESC LIMIT $2"
);

impl Store {
    /// Keeps what is told of calls, all of it or nothing. What is told twice counts as it was told last.
    pub async fn keep_calls(&self, notes: &[CallNote]) -> Result<()> {
        let (rows, qualities) = latest(notes);
        if rows.is_empty() && qualities.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for some in rows.chunks(ROWS_PER_STATEMENT) {
            self.keep_rows(&mut tx, some).await?;
        }
        for some in qualities.chunks(ROWS_PER_STATEMENT) {
            keep_qualities(&mut tx, some).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Ends every call of this writer that has no end: an engine that was killed could not. Says how many there were.
    pub async fn end_open_calls(&self, at_ms: u64, cause: CallEnding) -> Result<u64> {
        let ended = sqlx::query(
            "UPDATE call_record SET ended_at_ms = $2, cause = $3, ended_by = $4 WHERE node_id = $1 AND ended_at_ms IS NULL",
        )
        .bind(self.writer.to_string())
        .bind(row::big(at_ms))
        .bind(cause.as_str())
        .bind(cause.by().map(Side::as_str))
        .execute(&self.pool)
        .await?;
        Ok(ended.rows_affected())
    }

    /// Forgets calls that have ended and began before that time, the oldest first and about `limit` of them. Says how many
    /// went; none: there are no more.
    pub async fn forget_calls(&self, before_ms: u64, limit: u32) -> Result<u64> {
        let mut tx = self.begin().await?;
        let next = sqlx::query(
            "SELECT begun_at_ms FROM call_record WHERE begun_at_ms < $1 AND ended_at_ms IS NOT NULL
             ORDER BY begun_at_ms LIMIT 1 OFFSET $2",
        )
        .bind(row::big(before_ms))
        .bind(i64::from(limit))
        .fetch_optional(&mut *tx)
        .await?;
        let before_ms = next.map_or(Ok(before_ms), |line| row::number(&line, "begun_at_ms"))?;
        sqlx::query(
            "DELETE FROM call_quality WHERE call IN
             (SELECT id FROM call_record WHERE begun_at_ms < $1 AND ended_at_ms IS NOT NULL)",
        )
        .bind(row::big(before_ms))
        .execute(&mut *tx)
        .await?;
        let gone = sqlx::query("DELETE FROM call_record WHERE begun_at_ms < $1 AND ended_at_ms IS NOT NULL")
            .bind(row::big(before_ms))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(gone.rows_affected())
    }

    /// The wanted calls after that place, oldest first, at most `limit`.
    pub async fn call_rows(&self, filter: &CallFilter, after: Option<&CallPlace>, limit: u32) -> Result<Vec<CallRow>> {
        // What comes after a row did not begin before it: so the index leads to the page.
        let since_ms = after.map_or(filter.since_ms, |place| place.begun_at_ms.max(filter.since_ms));
        let rows = sqlx::query(ROWS)
            .bind(row::big(since_ms))
            .bind(row::big(filter.until_ms))
            .bind(after.map_or(-1, |place| row::big(place.begun_at_ms)))
            .bind(after.map_or("", |place| place.id.as_str()))
            .bind(filter.extension.as_ref().map_or("", ExtensionNumber::as_str))
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    pub async fn call_row(&self, id: &str) -> Result<Option<CallRow>> {
        let row = sqlx::query(ROW).bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// The calls that an extension had last, the newest first.
    pub async fn latest_calls(&self, extension: &ExtensionNumber, limit: u32) -> Result<Vec<CallRow>> {
        let rows = sqlx::query(LATEST).bind(extension.as_str()).bind(i64::from(limit)).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    async fn keep_rows(&self, tx: &mut Transaction<'static, Any>, records: &[&CallRecord]) -> Result<()> {
        let statement = format!(
            "INSERT INTO call_record (id, node_id, caller, caller_trunk, callee, callee_trunk, begun_at_ms, answered_at_ms,
             ended_at_ms, cause, ended_by, sip_status, caller_codec, callee_codec, confidential)
             VALUES {}
             ON CONFLICT (id) DO UPDATE SET caller = excluded.caller, caller_trunk = excluded.caller_trunk,
             callee = excluded.callee, callee_trunk = excluded.callee_trunk, begun_at_ms = excluded.begun_at_ms,
             answered_at_ms = excluded.answered_at_ms,
             ended_at_ms = excluded.ended_at_ms, cause = excluded.cause, ended_by = excluded.ended_by,
             sip_status = excluded.sip_status, caller_codec = excluded.caller_codec, callee_codec = excluded.callee_codec,
             confidential = excluded.confidential",
            row::placeholders(records.len(), 15)
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for record in records {
            let end = record.end.as_ref();
            query = query
                .bind(record.id.to_string())
                .bind(self.writer.to_string())
                .bind(record.caller.to_string())
                .bind(trunk_of(&record.caller))
                .bind(record.callee.to_string())
                .bind(trunk_of(&record.callee))
                .bind(row::big(record.begun_at_ms))
                .bind(record.answered_at_ms.map(row::big))
                .bind(end.map(|end| row::big(end.at_ms)))
                .bind(end.map(|end| end.cause.as_str()))
                .bind(end.and_then(|end| end.cause.by()).map(Side::as_str))
                .bind(end.and_then(|end| end.sip_status).map(i64::from))
                .bind(record.caller_codec.map(Codec::name))
                .bind(record.callee_codec.map(Codec::name))
                .bind(i64::from(record.confidential));
        }
        query.execute(&mut **tx).await?;
        Ok(())
    }
}

type Quality<'a> = (CallId, Side, &'a LegQuality);

async fn keep_qualities(tx: &mut Transaction<'static, Any>, qualities: &[Quality<'_>]) -> Result<()> {
    let packets = |stream: Option<&StreamQuality>| stream.map(|stream| row::big(stream.packets));
    let lost = |stream: Option<&StreamQuality>| stream.map(|stream| row::big(stream.lost));
    let jitter_us = |stream: Option<&StreamQuality>| stream.map(|stream| i64::from(stream.jitter_us));
    let mos = |stream: Option<&StreamQuality>| stream.map(|stream| i64::from(stream.mos.hundredths()));
    let statement = format!(
        "INSERT INTO call_quality (call, side, sent_packets, sent_lost, sent_jitter_us, sent_mos, got_packets, got_lost,
         got_jitter_us, got_mos, round_trip_us) VALUES {}
         ON CONFLICT (call, side) DO UPDATE SET sent_packets = excluded.sent_packets, sent_lost = excluded.sent_lost,
         sent_jitter_us = excluded.sent_jitter_us, sent_mos = excluded.sent_mos, got_packets = excluded.got_packets,
         got_lost = excluded.got_lost, got_jitter_us = excluded.got_jitter_us, got_mos = excluded.got_mos,
         round_trip_us = excluded.round_trip_us",
        row::placeholders(qualities.len(), 11)
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for (call, side, quality) in qualities {
        let (sent, got) = (quality.here.as_ref(), quality.there.as_ref());
        query = query
            .bind(call.to_string())
            .bind(side.as_str())
            .bind(packets(sent))
            .bind(lost(sent))
            .bind(jitter_us(sent))
            .bind(mos(sent))
            .bind(packets(got))
            .bind(lost(got))
            .bind(jitter_us(got))
            .bind(mos(got))
            .bind(quality.round_trip_us.map(i64::from));
    }
    query.execute(&mut **tx).await?;
    Ok(())
}

/// The last row of each call and the last quality of each leg: one statement writes none twice.
fn latest(notes: &[CallNote]) -> (Vec<&CallRecord>, Vec<Quality<'_>>) {
    let (mut rows, mut qualities) = (BTreeMap::new(), BTreeMap::new());
    for note in notes {
        match note {
            CallNote::Row(record) => {
                rows.insert(record.id, record);
            }
            CallNote::Quality { call, side, quality } => {
                qualities.insert((*call, side.as_str()), (*side, quality));
            }
        }
    }
    let qualities = qualities.into_iter().map(|((call, _), (side, quality))| (call, side, quality));
    (rows.into_values().collect(), qualities.collect())
}

fn trunk_of(party: &Party) -> Option<&str> {
    match party {
        Party::Extension(_) => None,
        Party::Outside { trunk, .. } => Some(trunk.as_str()),
    }
}

fn read(line: &AnyRow) -> Result<CallRow> {
    Ok(CallRow {
        id: row::column(line, "id")?,
        caller: row::column(line, "caller")?,
        caller_trunk: row::column(line, "caller_trunk")?,
        callee: row::column(line, "callee")?,
        callee_trunk: row::column(line, "callee_trunk")?,
        begun_at_ms: row::number(line, "begun_at_ms")?,
        answered_at_ms: row::number_option(line, "answered_at_ms")?,
        ended_at_ms: row::number_option(line, "ended_at_ms")?,
        cause: row::column(line, "cause")?,
        ended_by: row::column(line, "ended_by")?,
        sip_status: row::number_option(line, "sip_status")?,
        caller_codec: row::column(line, "caller_codec")?,
        callee_codec: row::column(line, "callee_codec")?,
        confidential: row::flag(line, "confidential")?,
        caller_quality: LegQuality {
            here: stream(line, ["a_sent_packets", "a_sent_lost", "a_sent_jitter_us", "a_sent_mos"])?,
            there: stream(line, ["a_got_packets", "a_got_lost", "a_got_jitter_us", "a_got_mos"])?,
            round_trip_us: row::number_option(line, "a_round_trip_us")?,
        },
        callee_quality: LegQuality {
            here: stream(line, ["b_sent_packets", "b_sent_lost", "b_sent_jitter_us", "b_sent_mos"])?,
            there: stream(line, ["b_got_packets", "b_got_lost", "b_got_jitter_us", "b_got_mos"])?,
            round_trip_us: row::number_option(line, "b_round_trip_us")?,
        },
    })
}

fn stream(line: &AnyRow, [packets, lost, jitter_us, mos]: [&'static str; 4]) -> Result<Option<StreamQuality>> {
    let Some(packets) = row::number_option(line, packets)? else { return Ok(None) };
    Ok(Some(StreamQuality {
        packets,
        lost: row::number(line, lost)?,
        jitter_us: row::small(line, jitter_us)?,
        mos: Mos::from_hundredths(row::small(line, mos)?),
    }))
}
