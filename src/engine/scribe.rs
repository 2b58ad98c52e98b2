//! The one who writes for the engine, in the order in which things happened: audit rows and registrations.

use super::clock;
use crate::{
    model::AuditEvent,
    store::{self, BindingChange, Store},
};
use std::{collections::VecDeque, future::Future, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

/// How many pages may lie on the desk.
const MAX_WAITING: usize = 8192;

/// How many of these places a start leaves free, so that what has begun can always be ended.
const KEPT_FOR_ENDS: usize = 4096;

/// How long after a failure the store is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// How often it is tried when the engine stops.
const LAST_TRIES: u32 = 4;

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
    let mut overdue = Overdue::default();
    loop {
        let page = tokio::select! {
            page = pages.recv() => page,
            () = overdue.due() => {
                overdue.write(&store).await;
                continue;
            }
        };
        match page {
            Some(Page::Audit { at_ms, rows, written: Some(written) }) => {
                // Whoever asked may be gone; the row stands all the same.
                let _ = written.send(begin(&store, at_ms, &rows, &mut overdue).await);
            }
            Some(Page::Audit { at_ms, rows, written: None }) => {
                overdue.add(at_ms, rows);
                overdue.write_if_due(&store).await;
            }
            Some(Page::Binding(change)) => {
                if let Err(error) = store.apply_bindings(&[change]).await {
                    tracing::error!(%error, "a registration could not be kept");
                }
            }
            None => return overdue.write_at_last(&store).await,
        }
    }
}

/// A start is written now or not at all, and never before what happened earlier.
async fn begin(store: &Store, at_ms: u64, rows: &[AuditEvent], overdue: &mut Overdue) -> bool {
    overdue.write_if_due(store).await;
    if !overdue.rows.is_empty() {
        return false;
    }
    let written = store.append_audit(at_ms, rows).await;
    if let Err(error) = &written {
        tracing::error!(event = "audit-refused", %error, "what cannot be written down does not begin");
    }
    written.is_ok()
}

/// What has happened and is not yet written down, oldest first, while the store is away.
#[derive(Default)]
struct Overdue {
    rows: VecDeque<(u64, Vec<AuditEvent>)>,
    /// When the store, which has failed, is tried again.
    again: Option<Instant>,
}

impl Overdue {
    fn add(&mut self, at_ms: u64, rows: Vec<AuditEvent>) {
        if self.rows.len() < MAX_WAITING {
            self.rows.push_back((at_ms, rows));
        } else {
            tracing::error!(event = "audit-lost", rows = rows.len(), "the store has been away too long");
        }
    }

    /// Ready when the store, which has failed, is to be tried again.
    async fn due(&self) {
        match self.again {
            Some(again) => sleep_until(again).await,
            None => std::future::pending().await,
        }
    }

    async fn write_if_due(&mut self, store: &Store) {
        if self.again.is_none_or(|again| again <= clock::now().instant.into()) {
            self.write(store).await;
        }
    }

    async fn write(&mut self, store: &Store) {
        match self.try_to_write(store).await {
            Ok(()) => {
                if self.again.take().is_some() {
                    tracing::info!(event = "audit-written", "the trail is complete again");
                }
            }
            Err(error) => {
                if self.again.is_none() {
                    let rows = self.rows.len();
                    tracing::error!(event = "audit-waits", %error, rows, "rows of the trail wait to be written");
                }
                self.again = Some((clock::now().instant + PAUSE).into());
            }
        }
    }

    async fn try_to_write(&mut self, store: &Store) -> store::Result<()> {
        while let Some((at_ms, rows)) = self.rows.front() {
            store.append_audit(*at_ms, rows).await?;
            self.rows.pop_front();
        }
        Ok(())
    }

    /// The engine stops: it cannot wait for ever.
    async fn write_at_last(&mut self, store: &Store) {
        for _ in 0..LAST_TRIES {
            self.write(store).await;
            if self.rows.is_empty() {
                return;
            }
            #[expect(clippy::disallowed_methods, reason = "a store tells nobody when it is back")]
            sleep(PAUSE).await;
        }
        tracing::error!(event = "audit-lost", rows = self.rows.len(), "the store did not come back before the end");
    }
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
