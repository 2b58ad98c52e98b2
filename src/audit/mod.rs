//! The append-only trail of every attempt, start, change and end (X3).
//!
//! In come events; out come rows, files of rows, signed heads, and the verdict whether rows are still what was written. Each
//! writer's rows are one chain: numbered without gaps, each with a hash over itself and the row before. Rows are appended by
//! the store, in the transaction of the act that they tell of; here they are read, verified, and carried out as files.
//! `docs/security.md` has the format.

mod file;
mod verify;

pub use file::{FileError, Kind, read_head, write_head};
pub use verify::{Fault, Verified, Verifier};

use crate::{
    model::AuditEvent,
    store::{AuditPlace, AuditRow, Head, Seal, Snapshot, Store, StoreError, Tip, unix_ms},
};
use file::{Exported, Proof, Sealed};
use std::path::Path;

/// A page of this many rows is read at a time.
pub const PAGE_ROWS: u32 = 1000;

#[derive(Clone)]
pub struct Trail(Store);

#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Trail {
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// Appends events that belong to no other transaction; all of them or none.
    pub async fn append(&self, at_ms: u64, events: &[AuditEvent]) -> Result<(), StoreError> {
        self.0.append_audit(at_ms, events).await
    }

    /// The first page of rows from `since_ms` on, or the page after that place, oldest first. An empty page is the end.
    pub async fn page(&self, since_ms: u64, last: Option<&AuditPlace>) -> Result<Vec<AuditRow>, StoreError> {
        self.0.audit_rows(since_ms, last, PAGE_ROWS).await
    }

    /// Every row from `since_ms` on, oldest first.
    pub async fn list(&self, since_ms: u64) -> Result<Vec<AuditRow>, StoreError> {
        let mut rows: Vec<AuditRow> = Vec::new();
        loop {
            let page = self.page(since_ms, rows.last().map(AuditRow::place).as_ref()).await?;
            if page.is_empty() {
                return Ok(rows);
            }
            rows.extend(page);
        }
    }

    /// The ends of all chains as they are now, in one signed word that can be kept elsewhere.
    pub async fn head(&self) -> Result<Head, StoreError> {
        self.0.snapshot().await?.head(unix_ms()).await
    }

    /// Reads every row that stands now; `progress` hears how many were read. `head` is one that was kept elsewhere.
    pub async fn verify(&self, head: Option<&Head>, progress: impl FnMut(u64)) -> Result<Verified, TrailError> {
        self.verify_snapshot(&mut self.0.snapshot().await?, head, progress).await
    }

    async fn verify_snapshot(
        &self,
        snapshot: &mut Snapshot,
        head: Option<&Head>,
        mut progress: impl FnMut(u64),
    ) -> Result<Verified, TrailError> {
        let (ends, seals) = (snapshot.ends().await?, snapshot.seals().await?);
        let mut verifier = Verifier::new(&self.0.public_key(), &ends, &seals, head)?;
        let (mut last, mut count) = (None, 0);
        loop {
            let page = snapshot.rows_after(last.as_ref(), PAGE_ROWS).await?;
            let Some(end) = page.last() else { return Ok(verifier.end()?) };
            last = Some(Tip::of(end));
            page.iter().try_for_each(|row| verifier.row(row))?;
            count += page.len() as u64;
            progress(count);
        }
    }

    /// Whether the rows that a head knows still stand: quick, for it reads no other rows.
    pub async fn still_holds(&self, head: &Head) -> Result<(), TrailError> {
        if !head.is_signed_by(&self.0.public_key()) {
            return Err(Fault::HeadForged.into());
        }
        let mut snapshot = self.0.snapshot().await?;
        let (ends, seals) = (snapshot.ends().await?, snapshot.seals().await?);
        for known in &head.tips {
            let (writer_id, seq) = (known.writer_id.clone(), known.seq);
            let end = ends.iter().flat_map(|end| &end.tips).find(|tip| tip.writer_id == writer_id);
            let sealed = seals.iter().find(|seal| seal.tip.writer_id == writer_id).map_or(0, |seal| seal.tip.seq);
            if end.is_none_or(|end| end.seq < seq) {
                return Err(Fault::RolledBack { writer_id, seq: end.map_or(0, |end| end.seq), known: seq }.into());
            }
            if seq > sealed && snapshot.tip_at(&writer_id, seq).await?.as_ref() != Some(known) {
                return Err(Fault::Rewritten { writer_id, seq }.into());
            }
        }
        Ok(())
    }

    /// Writes every row that stands now, and beside it the head that belongs to them. Says how many rows there were.
    pub async fn export(&self, to: &Path) -> Result<u64, TrailError> {
        let mut file = file::Writer::create(to)?;
        let mut snapshot = self.0.snapshot().await?;
        let proof = Exported { head: snapshot.head(unix_ms()).await?, begins: snapshot.seals().await? };
        let count = write_rows(&mut snapshot, &mut file, |_| true).await?;
        file.finish(&Proof::Exported(proof))?;
        Ok(count)
    }

    /// Moves the rows that are older than that into a file, with the seals that let them go beside it, and says how many.
    /// Nothing leaves that is not whole, and nothing before the file is on disk and reads well. Zero: there is no such row,
    /// and no file.
    pub async fn seal(&self, to: &Path, before_ms: u64) -> Result<u64, TrailError> {
        let mut snapshot = self.0.snapshot().await?;
        self.verify_snapshot(&mut snapshot, None, |_| ()).await?;
        let at_ms = unix_ms();
        let ends = snapshot.sealable(before_ms).await?;
        let seals: Vec<Seal> = ends.into_iter().map(|tip| snapshot.seal(at_ms, tip)).collect();
        if seals.is_empty() {
            return Ok(0);
        }
        let end_of = |writer_id: &str| seals.iter().map(|seal| &seal.tip).find(|tip| tip.writer_id == writer_id);
        let begins = snapshot.seals().await?.into_iter().filter(|seal| end_of(&seal.tip.writer_id).is_some()).collect();
        let mut file = file::Writer::create_new(to)?;
        let goes = |row: &AuditRow| end_of(&row.writer_id).is_some_and(|end| row.seq <= end.seq);
        let count = write_rows(&mut snapshot, &mut file, goes).await?;
        drop(snapshot);
        file.finish(&Proof::Sealed(Sealed { public_key: self.0.public_key(), begins, seals: seals.clone() }))?;
        self.verify_file(to, None)?;
        self.0.let_go(at_ms, &seals, count).await?;
        Ok(count)
    }

    /// Verifies a file of rows by what stands beside it, signed by this store; `head` is one that was kept elsewhere.
    pub fn verify_file(&self, path: &Path, head: Option<&Head>) -> Result<Verified, TrailError> {
        let (rows, proof) = file::read(path)?;
        let key = self.0.public_key();
        let mut verifier = match proof {
            Proof::Exported(Exported { head: end, begins }) => Verifier::new(&key, &[end], &begins, head)?,
            Proof::Sealed(Sealed { begins, seals, .. }) => Verifier::of_sealed(&key, &seals, &begins, head)?,
        };
        for row in rows {
            verifier.row(&row?)?;
        }
        Ok(verifier.end()?)
    }
}

/// Of all rows, by writer and number, those that are wanted; how many there were.
async fn write_rows(
    snapshot: &mut Snapshot,
    file: &mut file::Writer,
    wanted: impl Fn(&AuditRow) -> bool,
) -> Result<u64, TrailError> {
    let (mut last, mut count) = (None, 0);
    loop {
        let page = snapshot.rows_after(last.as_ref(), PAGE_ROWS).await?;
        let Some(end) = page.last() else { return Ok(count) };
        last = Some(Tip::of(end));
        for row in page.iter().filter(|row| wanted(row)) {
            file.row(row)?;
            count += 1;
        }
    }
}
