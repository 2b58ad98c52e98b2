//! The one who writes for the engine, in the order in which things happened: audit rows and registrations.

use super::{
    clock,
    tries::{TRIES, tried},
};
use crate::{
    model::AuditEvent,
    store::{BindingChange, Store},
};
use std::future::Future;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// How many pages may lie on the desk.
const MAX_WAITING: usize = 8192;

/// How many of these places a start leaves free, so that what has begun can always be ended.
const KEPT_FOR_ENDS: usize = 4096;

pub struct Scribe(mpsc::Sender<Page>);

enum Page {
    Audit { at_ms: u64, rows: Vec<AuditEvent>, written: Option<oneshot::Sender<bool>> },
    Binding(BindingChange),
}

impl Scribe {
    /// The task ends when the `Scribe` is gone and all pages are written.
    pub fn start(store: Store) -> (Self, JoinHandle<()>) {
        let (scribe, pages) = Self::new();
        #[expect(clippy::disallowed_methods, reason = "the engine owns its tasks")]
        let task = tokio::spawn(write_all(store, pages));
        (scribe, task)
    }

    fn new() -> (Self, mpsc::Receiver<Page>) {
        let (sender, pages) = mpsc::channel(MAX_WAITING);
        (Self(sender), pages)
    }

    /// Takes its place at once; whether the rows stand is known later. A start that finds no place is refused.
    pub fn write_start(&self, rows: Vec<AuditEvent>) -> impl Future<Output = bool> + Send + use<> {
        let (written, answer) = oneshot::channel();
        if self.0.capacity() > KEPT_FOR_ENDS {
            self.put(Page::Audit { at_ms: clock::now().unix_ms, rows, written: Some(written) });
        }
        async { answer.await.unwrap_or(false) }
    }

    pub fn write(&self, row: AuditEvent) {
        self.put(Page::Audit { at_ms: clock::now().unix_ms, rows: vec![row], written: None });
    }

    /// A registration that finds no place is lost at the next restart only; the phone registers again.
    pub fn keep(&self, binding: BindingChange) {
        if self.0.capacity() > KEPT_FOR_ENDS {
            self.put(Page::Binding(binding));
        }
    }

    fn put(&self, page: Page) {
        if self.0.try_send(page).is_err() {
            tracing::error!(event = "record-lost", "the store is too slow: a record could not be kept");
        }
    }
}

async fn write_all(store: Store, mut pages: mpsc::Receiver<Page>) {
    // After a row was lost each gets one try, until the store is back.
    let mut tries = TRIES;
    while let Some(page) = pages.recv().await {
        match page {
            Page::Audit { at_ms, rows, written: Some(written) } => {
                let done = append(&store, at_ms, &rows, 1).await;
                // Whoever asked may be gone; the row stands all the same.
                let _ = written.send(done);
            }
            Page::Audit { at_ms, rows, written: None } => {
                tries = if append(&store, at_ms, &rows, tries).await { TRIES } else { 1 };
            }
            Page::Binding(change) => {
                if let Err(error) = store.apply_bindings(&[change]).await {
                    tracing::error!(%error, "a registration could not be kept");
                }
            }
        }
    }
}

async fn append(store: &Store, at_ms: u64, rows: &[AuditEvent], tries: u32) -> bool {
    let written = tried(tries, || store.append_audit(at_ms, rows)).await;
    if let Err(error) = &written {
        tracing::error!(event = "audit-lost", %error, rows = rows.len(), "audit rows could not be written");
    }
    written.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AuditKind, Outcome};

    fn row(kind: AuditKind) -> AuditEvent {
        AuditEvent {
            kind,
            outcome: Outcome::Ok,
            account: None,
            source: String::new(),
            mode: None,
            target: None,
            call: None,
            session: None,
            detail: String::new(),
        }
    }

    #[tokio::test]
    async fn an_end_never_overtakes_its_start() {
        let (scribe, mut pages) = Scribe::new();
        let written = scribe.write_start(vec![row(AuditKind::Start)]);
        scribe.write(row(AuditKind::End));
        let kinds = std::iter::from_fn(|| match pages.try_recv().ok()? {
            Page::Audit { rows, .. } => Some(rows[0].kind),
            Page::Binding(_) => None,
        });
        assert_eq!(kinds.collect::<Vec<_>>(), [AuditKind::Start, AuditKind::End]);
        assert!(!written.await, "nobody wrote it");
    }

    #[tokio::test]
    async fn a_desk_that_fills_up_refuses_starts_and_still_takes_ends() {
        let (scribe, pages) = Scribe::new();
        for _ in 0..MAX_WAITING - KEPT_FOR_ENDS {
            scribe.write(row(AuditKind::Attempt));
        }
        assert!(!scribe.write_start(vec![row(AuditKind::Start)]).await);
        for _ in 0..KEPT_FOR_ENDS {
            scribe.write(row(AuditKind::End));
        }
        assert_eq!(pages.len(), MAX_WAITING);
    }
}
