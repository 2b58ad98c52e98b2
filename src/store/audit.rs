use super::{Dialect, Head, NotAPlace, Result, Seal, Store, StoreError, Tip, row};
use crate::model::{AuditEvent, AuditKind, EndCause, Outcome};
use serde::{Deserialize, Serialize};
use sqlx::{Any, Transaction, any::AnyRow};
use std::{fmt, str::FromStr};

/// So many rows of a store without a chain are chained at a time.
const OLDER_ROWS_AT_ONCE: u32 = 1000;

/// One row of the trail as it was written. Texts, so that a row of another version still reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What chains it to the row before.
    pub hash: String,
}

impl AuditRow {
    fn unchained(after: &Tip, at_ms: u64, event: &AuditEvent) -> Self {
        Self {
            writer_id: after.writer_id.clone(),
            seq: after.seq + 1,
            at_ms,
            kind: event.kind.as_str().to_owned(),
            outcome: event.outcome.as_str().to_owned(),
            account: event.account.map(|account| account.to_string()),
            source: event.source.clone(),
            mode: event.mode.map(|mode| mode.as_str().to_owned()),
            target: event.target.as_ref().map(|target| target.to_string()),
            call: event.call.map(|call| call.to_string()),
            session: event.session.map(|session| session.to_string()),
            detail: event.detail.clone(),
            hash: String::new(),
        }
    }
}

/// Where a row stands among all rows, as a page of them ends there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPlace {
    pub at_ms: u64,
    pub writer_id: String,
    pub seq: u64,
}

impl AuditRow {
    pub fn place(&self) -> AuditPlace {
        AuditPlace { at_ms: self.at_ms, writer_id: self.writer_id.clone(), seq: self.seq }
    }
}

impl fmt::Display for AuditPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.at_ms, self.writer_id, self.seq)
    }
}

impl FromStr for AuditPlace {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let read = |text: &str| {
            let (at_ms, rest) = text.split_once('-')?;
            let (writer_id, seq) = rest.split_once('-')?;
            Some(Self { at_ms: at_ms.parse().ok()?, writer_id: writer_id.to_owned(), seq: seq.parse().ok()? })
        };
        read(text).ok_or(NotAPlace)
    }
}

impl Store {
    /// Appends rows, all or none of them.
    pub async fn append_audit(&self, at_ms: u64, events: &[AuditEvent]) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        self.record(&mut tx, at_ms, events).await?;
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
            self.record(&mut tx, at_ms, &ends).await?;
        }
        tx.commit().await?;
        Ok(ends.len())
    }

    /// Rows from `since_ms` on and after that place, oldest first, at most `limit`.
    pub async fn audit_rows(&self, since_ms: u64, after: Option<&AuditPlace>, limit: u32) -> Result<Vec<AuditRow>> {
        let rows = sqlx::query(
            "SELECT writer_id, seq, at_ms, kind, outcome, account, source, mode, target, call, session, detail, hash
             FROM audit WHERE at_ms >= $1 AND (at_ms, writer_id, seq) > ($2, $3, $4)
             ORDER BY at_ms, writer_id, seq LIMIT $5",
        )
        .bind(row::big(since_ms))
        .bind(after.map_or(-1, |place| row::big(place.at_ms)))
        .bind(after.map_or("", |place| place.writer_id.as_str()))
        .bind(after.map_or(0, |place| row::big(place.seq)))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// The same backwards: rows from `since_ms` on and before that place, newest first.
    pub async fn audit_rows_back(
        &self,
        since_ms: u64,
        before: Option<&AuditPlace>,
        limit: u32,
    ) -> Result<Vec<AuditRow>> {
        let rows = sqlx::query(
            "SELECT writer_id, seq, at_ms, kind, outcome, account, source, mode, target, call, session, detail, hash
             FROM audit WHERE at_ms >= $1 AND (at_ms, writer_id, seq) < ($2, $3, $4)
             ORDER BY at_ms DESC, writer_id DESC, seq DESC LIMIT $5",
        )
        .bind(row::big(since_ms))
        .bind(before.map_or(i64::MAX, |place| row::big(place.at_ms)))
        .bind(before.map_or("", |place| place.writer_id.as_str()))
        .bind(before.map_or(0, |place| row::big(place.seq)))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }
}

impl Store {
    /// Appends within the transaction that the events tell of. Call it last: it takes the writer's own lock until the commit.
    /// Nothing follows an end that this store did not sign: a signature over it would cover up who was there.
    pub(super) async fn record(
        &self,
        tx: &mut Transaction<'static, Any>,
        at_ms: u64,
        events: &[AuditEvent],
    ) -> Result<()> {
        let mut tip = self.lock_tip(tx).await?;
        for event in events {
            let mut row = AuditRow::unchained(&tip, at_ms, event);
            row.hash = row.hash_after(&tip.hash);
            insert(tx, &row).await?;
            tip = Tip::of(&row);
        }
        self.keep_tip(tx, at_ms, tip).await
    }

    async fn lock_tip(&self, tx: &mut Transaction<'static, Any>) -> Result<Tip> {
        let line = sqlx::query(
            "INSERT INTO audit_tip (writer_id, seq, hash, at_ms, signature) VALUES ($1, 0, '', 0, '')
             ON CONFLICT (writer_id) DO UPDATE SET seq = audit_tip.seq
             RETURNING writer_id, seq, hash, at_ms, signature",
        )
        .bind(self.writer.to_string())
        .fetch_one(&mut **tx)
        .await?;
        let head = self.read_tip(&line)?;
        let tip = head.tips.first().cloned().ok_or(StoreError::TamperedTrail)?;
        let is_ours = tip == Tip::before_any(self.writer.to_string()) || head.is_signed_by(&self.public_key());
        is_ours.then_some(tip).ok_or(StoreError::TamperedTrail)
    }

    async fn keep_tip(&self, tx: &mut Transaction<'static, Any>, at_ms: u64, tip: Tip) -> Result<()> {
        let head = Head::signed(&self.keys, at_ms, vec![tip.clone()]);
        sqlx::query(
            "INSERT INTO audit_tip (writer_id, seq, hash, at_ms, signature) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (writer_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, at_ms = excluded.at_ms,
             signature = excluded.signature",
        )
        .bind(tip.writer_id)
        .bind(row::big(tip.seq))
        .bind(tip.hash)
        .bind(row::big(at_ms))
        .bind(head.signature)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// The tip of one chain as it was signed.
    fn read_tip(&self, line: &AnyRow) -> Result<Head> {
        let (at_ms, signature) = (row::number(line, "at_ms")?, row::column(line, "signature")?);
        Ok(Head::read(&self.keys, at_ms, vec![tip_of(line)?], signature))
    }

    /// Chains the rows of a store that was made before there was a chain, and says so in it: what happened to them until
    /// then nobody can tell.
    pub(super) async fn chain_older_rows(&self, tx: &mut Transaction<'static, Any>) -> Result<()> {
        let mut tip: Option<Tip> = None;
        let mut count = 0;
        loop {
            let rows = rows_after(tx, tip.as_ref(), OLDER_ROWS_AT_ONCE).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let end = tip.take_if(|tip| tip.writer_id != row.writer_id);
                if let Some(end) = end {
                    self.keep_tip(tx, super::unix_ms(), end).await?;
                }
                let hash = row.hash_after(tip.as_ref().map_or("", |tip| &tip.hash));
                sqlx::query("UPDATE audit SET hash = $3 WHERE writer_id = $1 AND seq = $2")
                    .bind(row.writer_id.as_str())
                    .bind(row::big(row.seq))
                    .bind(hash.as_str())
                    .execute(&mut **tx)
                    .await?;
                tip = Some(Tip { writer_id: row.writer_id, seq: row.seq, hash });
                count += 1;
            }
        }
        let Some(end) = tip else { return Ok(()) };
        self.keep_tip(tx, super::unix_ms(), end).await?;
        let event = AuditEvent {
            kind: AuditKind::Change,
            outcome: Outcome::Ok,
            account: None,
            source: "cli".to_owned(),
            mode: None,
            target: None,
            call: None,
            session: None,
            detail: format!("audit chained {count} rows that were there before the chain"),
        };
        self.record(tx, super::unix_ms(), &[event]).await
    }

    /// The trail as it stands at one moment, whatever is written meanwhile.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let statement = match self.dialect {
            Dialect::Sqlite => "BEGIN",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        Ok(Snapshot { tx: self.pool.begin_with(statement).await?, store: self.clone() })
    }
}

/// What one reading of the trail sees: rows, their signed ends, and what was sealed belong together.
pub struct Snapshot {
    pub(super) tx: Transaction<'static, Any>,
    pub(super) store: Store,
}

impl Snapshot {
    /// The signed end of every chain, each as it stands in the store.
    pub async fn ends(&mut self) -> Result<Vec<Head>> {
        let ends = sqlx::query("SELECT writer_id, seq, hash, at_ms, signature FROM audit_tip ORDER BY writer_id");
        let lines = ends.fetch_all(&mut *self.tx).await?;
        lines.iter().map(|line| self.store.read_tip(line)).collect()
    }

    /// The ends of all chains in one signed word. Refused when the store did not sign each of them itself.
    pub async fn head(&mut self, at_ms: u64) -> Result<Head> {
        let (ends, key) = (self.ends().await?, self.store.public_key());
        if !ends.iter().all(|end| end.is_signed_by(&key)) {
            return Err(StoreError::TamperedTrail);
        }
        Ok(Head::signed(&self.store.keys, at_ms, ends.into_iter().flat_map(|end| end.tips).collect()))
    }

    /// The row of this number as a tip, if it stands.
    pub async fn tip_at(&mut self, writer_id: &str, seq: u64) -> Result<Option<Tip>> {
        let found = sqlx::query("SELECT writer_id, seq, hash FROM audit WHERE writer_id = $1 AND seq = $2");
        let line = found.bind(writer_id).bind(row::big(seq)).fetch_optional(&mut *self.tx).await?;
        line.as_ref().map(tip_of).transpose()
    }

    /// Rows by writer and number, after `last`, at most `limit`.
    pub async fn rows_after(&mut self, last: Option<&Tip>, limit: u32) -> Result<Vec<AuditRow>> {
        rows_after(&mut self.tx, last, limit).await
    }
}

async fn rows_after(tx: &mut Transaction<'static, Any>, last: Option<&Tip>, limit: u32) -> Result<Vec<AuditRow>> {
    let rows = sqlx::query(
        "SELECT writer_id, seq, at_ms, kind, outcome, account, source, mode, target, call, session, detail, hash
         FROM audit WHERE (writer_id, seq) > ($1, $2) ORDER BY writer_id, seq LIMIT $3",
    )
    .bind(last.map_or("", |last| last.writer_id.as_str()))
    .bind(last.map_or(i64::MIN, |last| row::big(last.seq)))
    .bind(i64::from(limit))
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(read).collect()
}

async fn insert(tx: &mut Transaction<'static, Any>, row: &AuditRow) -> Result<()> {
    sqlx::query(
        "INSERT INTO audit (writer_id, seq, at_ms, kind, outcome, account, source, mode, target, call, session, detail, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(row.writer_id.as_str())
    .bind(row::big(row.seq))
    .bind(row::big(row.at_ms))
    .bind(row.kind.as_str())
    .bind(row.outcome.as_str())
    .bind(row.account.as_deref())
    .bind(row.source.as_str())
    .bind(row.mode.as_deref())
    .bind(row.target.as_deref())
    .bind(row.call.as_deref())
    .bind(row.session.as_deref())
    .bind(row.detail.as_str())
    .bind(row.hash.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn tip_of(line: &AnyRow) -> Result<Tip> {
    Ok(Tip {
        writer_id: row::column(line, "writer_id")?,
        seq: row::number(line, "seq")?,
        hash: row::column(line, "hash")?,
    })
}

pub(super) fn seal_of(line: &AnyRow) -> Result<Seal> {
    Ok(Seal { tip: tip_of(line)?, at_ms: row::number(line, "at_ms")?, signature: row::column(line, "signature")? })
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
        hash: row::column::<Option<String>>(line, "hash")?.unwrap_or_default(),
    })
}
