//! Rows of the trail that leave the database, and the signed word that they may.

use super::{Result, Seal, Snapshot, Store, StoreError, Tip, audit::seal_of, row};
use crate::model::{AuditEvent, AuditKind, Outcome};
use std::collections::BTreeMap;

impl Snapshot {
    /// Up to where each chain may be sealed: before the first row that is as young as `before_ms`, and before the start of any
    /// session that has no end yet. Chains of which nothing more may go are not among them.
    pub async fn sealable(&mut self, before_ms: u64) -> Result<Vec<Tip>> {
        let first_kept = sqlx::query(
            "SELECT writer_id, MIN(seq) AS seq FROM audit AS kept WHERE at_ms >= $1 OR kind = 'start' AND NOT EXISTS
                 (SELECT 1 FROM audit AS ended WHERE ended.session = kept.session AND ended.kind = 'end')
             GROUP BY writer_id",
        );
        let first_kept = first_kept.bind(row::big(before_ms)).fetch_all(&mut *self.tx).await?;
        let first_kept: BTreeMap<String, u64> = first_kept
            .iter()
            .map(|line| Ok((row::column(line, "writer_id")?, row::number(line, "seq")?)))
            .collect::<Result<_>>()?;
        let mut sealable = Vec::new();
        for end in self.ends().await?.into_iter().flat_map(|end| end.tips) {
            let last = first_kept.get(&end.writer_id).map_or(end.seq, |first| first.saturating_sub(1));
            sealable.extend(self.tip_at(&end.writer_id, last).await?);
        }
        Ok(sealable)
    }

    /// Says that the rows up to this one may leave.
    pub fn seal(&self, at_ms: u64, tip: Tip) -> Seal {
        Seal::signed(&self.store.keys, at_ms, tip)
    }

    /// The newest seal of every chain that has one.
    pub async fn seals(&mut self) -> Result<Vec<Seal>> {
        let seals = sqlx::query(
            "SELECT writer_id, seq, hash, at_ms, signature FROM audit_seal AS seal WHERE seq =
                 (SELECT MAX(seq) FROM audit_seal AS other WHERE other.writer_id = seal.writer_id)
             ORDER BY writer_id",
        );
        seals.fetch_all(&mut *self.tx).await?.iter().map(seal_of).collect()
    }
}

impl Store {
    /// Keeps the seals and lets go of the rows that they cover, which must be so many. The trail says that it was done.
    pub async fn let_go(&self, at_ms: u64, seals: &[Seal], rows: u64) -> Result<()> {
        let mut tx = self.begin().await?;
        let mut gone = 0;
        for Seal { tip, at_ms, signature } in seals {
            sqlx::query("INSERT INTO audit_seal (writer_id, seq, hash, at_ms, signature) VALUES ($1, $2, $3, $4, $5)")
                .bind(tip.writer_id.as_str())
                .bind(row::big(tip.seq))
                .bind(tip.hash.as_str())
                .bind(row::big(*at_ms))
                .bind(signature.as_str())
                .execute(&mut *tx)
                .await?;
            let removed = sqlx::query("DELETE FROM audit WHERE writer_id = $1 AND seq <= $2")
                .bind(tip.writer_id.as_str())
                .bind(row::big(tip.seq))
                .execute(&mut *tx)
                .await?;
            gone += removed.rows_affected();
        }
        if gone != rows {
            return Err(StoreError::TamperedTrail);
        }
        let event = AuditEvent {
            kind: AuditKind::Change,
            outcome: Outcome::Ok,
            account: None,
            source: "cli".to_owned(),
            mode: None,
            target: None,
            call: None,
            session: None,
            detail: format!("audit sealed {rows} rows"),
        };
        self.record(&mut tx, at_ms, &[event]).await?;
        Ok(tx.commit().await?)
    }
}
