use super::{Result, Store, row};
use crate::model::{AuditEvent, AuditKind, EndCause, NodeId, Outcome};
use serde::Serialize;
use sqlx::{Any, Transaction, any::AnyRow};

/// One row of the trail as it was written. Texts, so that a row of another version still reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    pub writer_id: String,
    /// From 1 on, without gaps, per writer.
    pub seq: u64,
    pub at_ms: u64,
    pub kind: String,
    pub outcome: String,
    pub account: Option<String>,
    pub source: String,
    pub mode: Option<String>,
    pub target: Option<String>,
    pub call: Option<String>,
    pub session: Option<String>,
    pub detail: String,
}

impl Store {
    /// Appends rows, all or none of them.
    pub async fn append_audit(&self, at_ms: u64, events: &[AuditEvent]) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        append(&mut tx, self.writer, at_ms, events).await?;
        Ok(tx.commit().await?)
    }

    /// Writes the end of every session of this writer that has a start and no end: an engine that was killed could not.
    /// Says how many there were.
    pub async fn end_open_sessions(&self, at_ms: u64, cause: EndCause) -> Result<usize> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query(
            "SELECT account, source, mode, target, call, session FROM audit AS begun
             WHERE writer_id = $1 AND kind = 'start' AND NOT EXISTS
                 (SELECT 1 FROM audit AS ended WHERE ended.session = begun.session AND ended.kind = 'end')
             ORDER BY seq",
        )
        .bind(self.writer.to_string())
        .fetch_all(&mut *tx)
        .await?;
        let ends = rows.iter().map(|line| end_of(line, cause)).collect::<Result<Vec<_>>>()?;
        if !ends.is_empty() {
            append(&mut tx, self.writer, at_ms, &ends).await?;
        }
        tx.commit().await?;
        Ok(ends.len())
    }

    /// Rows from `since_ms` on and after the row `last`, oldest first, at most `limit`.
    pub async fn audit_rows(&self, since_ms: u64, last: Option<&AuditRow>, limit: u32) -> Result<Vec<AuditRow>> {
        let rows = sqlx::query(
            "SELECT writer_id, seq, at_ms, kind, outcome, account, source, mode, target, call, session, detail
             FROM audit WHERE at_ms >= $1 AND (at_ms, writer_id, seq) > ($2, $3, $4)
             ORDER BY at_ms, writer_id, seq LIMIT $5",
        )
        .bind(row::big(since_ms))
        .bind(last.map_or(-1, |last| row::big(last.at_ms)))
        .bind(last.map_or("", |last| last.writer_id.as_str()))
        .bind(last.map_or(0, |last| row::big(last.seq)))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }
}

/// Appends within the transaction that the events tell of. Call it last: it takes the writer's own lock until the commit.
pub(super) async fn append(
    tx: &mut Transaction<'static, Any>,
    writer: NodeId,
    at_ms: u64,
    events: &[AuditEvent],
) -> Result<()> {
    let (last, count) = (format!("audit {writer}"), row::big(events.len() as u64));
    let counter = sqlx::query(
        "INSERT INTO counter (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value RETURNING value",
    )
    .bind(last)
    .bind(count)
    .fetch_one(&mut **tx)
    .await?;
    let first = row::column::<i64>(&counter, "value")? - count + 1;
    for (seq, event) in (first..).zip(events) {
        insert(tx, writer, seq, at_ms, event).await?;
    }
    Ok(())
}

async fn insert(
    tx: &mut Transaction<'static, Any>,
    writer: NodeId,
    seq: i64,
    at_ms: u64,
    event: &AuditEvent,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO audit (writer_id, seq, at_ms, kind, outcome, account, source, mode, target, call, session, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(writer.to_string())
    .bind(seq)
    .bind(row::big(at_ms))
    .bind(event.kind.as_str())
    .bind(event.outcome.as_str())
    .bind(event.account.map(|account| account.to_string()))
    .bind(event.source.as_str())
    .bind(event.mode.map(|mode| mode.as_str()))
    .bind(event.target.as_ref().map(|target| target.to_string()))
    .bind(event.call.map(|call| call.to_string()))
    .bind(event.session.map(|session| session.to_string()))
    .bind(event.detail.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn end_of(start: &AnyRow, cause: EndCause) -> Result<AuditEvent> {
    Ok(AuditEvent {
        kind: AuditKind::End,
        outcome: Outcome::Ok,
        account: row::parsed_option(start, "account")?,
        source: row::column(start, "source")?,
        mode: row::parsed_option(start, "mode")?,
        target: row::parsed_option(start, "target")?,
        call: row::parsed_option(start, "call")?,
        session: row::parsed_option(start, "session")?,
        detail: cause.as_str().to_owned(),
    })
}

fn read(line: &AnyRow) -> Result<AuditRow> {
    Ok(AuditRow {
        writer_id: row::column(line, "writer_id")?,
        seq: row::number(line, "seq")?,
        at_ms: row::number(line, "at_ms")?,
        kind: row::column(line, "kind")?,
        outcome: row::column(line, "outcome")?,
        account: row::column(line, "account")?,
        source: row::column(line, "source")?,
        mode: row::column(line, "mode")?,
        target: row::column(line, "target")?,
        call: row::column(line, "call")?,
        session: row::column(line, "session")?,
        detail: row::column(line, "detail")?,
    })
}
