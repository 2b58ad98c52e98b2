//! The append-only trail of every attempt, start, change and end (X3).
//!
//! In come events; out come rows and their lines of JSON. Rows are numbered per writer without gaps, and a row that tells of
//! a change stands in the change's own transaction (the store sees to both). Absent for now: the hash chain over the rows.

use crate::{
    model::AuditEvent,
    store::{AuditRow, Store, StoreError},
};

/// A page of this many rows is read at a time.
pub const PAGE_ROWS: u32 = 1000;

#[derive(Clone)]
pub struct Trail(Store);

impl Trail {
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// Appends events that belong to no other transaction; all of them or none.
    pub async fn append(&self, at_ms: u64, events: &[AuditEvent]) -> Result<(), StoreError> {
        self.0.append_audit(at_ms, events).await
    }

    /// The first page of rows from `since_ms` on, or the page after `last`, oldest first. An empty page is the end.
    pub async fn page(&self, since_ms: u64, last: Option<&AuditRow>) -> Result<Vec<AuditRow>, StoreError> {
        self.0.audit_rows(since_ms, last, PAGE_ROWS).await
    }

    /// Every row from `since_ms` on, oldest first.
    pub async fn list(&self, since_ms: u64) -> Result<Vec<AuditRow>, StoreError> {
        let mut rows: Vec<AuditRow> = Vec::new();
        loop {
            let page = self.page(since_ms, rows.last()).await?;
            if page.is_empty() {
                return Ok(rows);
            }
            rows.extend(page);
        }
    }
}
