//! The one who writes for the engine, in the order in which things happened: audit rows and registrations.

use super::clock;
use crate::{
    model::AuditEvent,
    store::{BindingChange, Store},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// How many pages may lie on the desk. A start that finds no place is refused; any other row is logged as lost.
const MAX_WAITING: usize = 4096;

#[derive(Clone)]
pub struct Scribe(mpsc::Sender<Page>);

enum Page {
    Audit { at_ms: u64, rows: Vec<AuditEvent>, written: Option<oneshot::Sender<bool>> },
    Binding(BindingChange),
}

impl Scribe {
    /// The task ends when every `Scribe` is gone and all pages are written.
    pub fn start(store: Store) -> (Self, JoinHandle<()>) {
        let (sender, pages) = mpsc::channel(MAX_WAITING);
        #[expect(clippy::disallowed_methods, reason = "the engine owns its tasks")]
        let task = tokio::spawn(write_all(store, pages));
        (Self(sender), task)
    }

    /// `false` when the rows could not be written.
    pub async fn write_and_wait(&self, rows: Vec<AuditEvent>) -> bool {
        let (written, answer) = oneshot::channel();
        let page = Page::Audit { at_ms: clock::now().unix_ms, rows, written: Some(written) };
        self.0.send(page).await.is_ok() && answer.await.unwrap_or(false)
    }

    pub fn write(&self, row: AuditEvent) {
        self.put(Page::Audit { at_ms: clock::now().unix_ms, rows: vec![row], written: None });
    }

    pub fn keep(&self, binding: BindingChange) {
        self.put(Page::Binding(binding));
    }

    fn put(&self, page: Page) {
        if self.0.try_send(page).is_err() {
            tracing::error!(event = "record-lost", "the store is too slow: a record could not be kept");
        }
    }
}

async fn write_all(store: Store, mut pages: mpsc::Receiver<Page>) {
    while let Some(page) = pages.recv().await {
        match page {
            Page::Audit { at_ms, rows, written } => {
                let done = store.append_audit(at_ms, &rows).await;
                if let Err(error) = &done {
                    tracing::error!(event = "audit-lost", %error, rows = rows.len(), "audit rows could not be written");
                }
                if let Some(written) = written {
                    // Whoever asked may be gone; the row stands all the same.
                    let _ = written.send(done.is_ok());
                }
            }
            Page::Binding(change) => {
                if let Err(error) = store.apply_bindings(&[change]).await {
                    tracing::error!(%error, "a registration could not be kept");
                }
            }
        }
    }
}
