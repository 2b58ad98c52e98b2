//! The one who keeps the records of calls. Not the scribe: calls are many, and the trail never waits behind them.

use super::tries::{TRIES, tried};
use crate::{model::CallNote, store::Store};
use tokio::{sync::mpsc, task::JoinHandle};

/// How many rows may wait; more are lost.
const MAX_WAITING: usize = 8192;

/// How many of them go into the store together.
const MAX_AT_ONCE: usize = 256;

pub struct Ledger(mpsc::Sender<CallNote>);

impl Ledger {
    /// The task ends when the `Ledger` is gone and all rows are written.
    pub fn start(store: Store) -> (Self, JoinHandle<()>) {
        let (sender, notes) = mpsc::channel(MAX_WAITING);
        #[expect(clippy::disallowed_methods, reason = "the engine owns its tasks")]
        let task = tokio::spawn(keep_all(store, notes));
        (Self(sender), task)
    }

    /// A row that finds no place is made up for by the next row of its call, if one comes.
    pub fn write(&self, note: CallNote) {
        if self.0.try_send(note).is_err() {
            tracing::error!(event = "call-record-lost", "the store is too slow: a call record could not be kept");
        }
    }
}

async fn keep_all(store: Store, mut notes: mpsc::Receiver<CallNote>) {
    let mut tries = TRIES;
    let mut together = Vec::with_capacity(MAX_AT_ONCE);
    while notes.recv_many(&mut together, MAX_AT_ONCE).await > 0 {
        // After rows were lost the next get one try, until the store is back.
        tries = if keep(&store, &together, tries).await { TRIES } else { 1 };
        together.clear();
    }
}

async fn keep(store: &Store, notes: &[CallNote], tries: u32) -> bool {
    let kept = tried(tries, || store.keep_calls(notes)).await;
    if let Err(error) = &kept {
        tracing::error!(event = "call-record-lost", %error, rows = notes.len(), "call records could not be written");
    }
    kept.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{CallId, CallRecord},
        store::{CallFilter, Options},
    };
    use ulid::Ulid;

    fn row(id: u128) -> CallNote {
        let party = |text: &str| text.parse::<crate::model::ExtensionNumber>().unwrap().into();
        CallNote::Row(CallRecord {
            id: CallId::from(Ulid::from(id)),
            caller: party("201"),
            callee: party("202"),
            begun_at_ms: 7,
            answered_at_ms: None,
            caller_codec: None,
            callee_codec: None,
            end: None,
        })
    }

    #[tokio::test]
    async fn what_waits_when_the_ledger_goes_is_written_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("db").display());
        let options = Options::new(url, folder.path(), folder.path().join("key"), "localhost");
        let store = Store::open(options).await.unwrap();
        let (ledger, task) = Ledger::start(store.clone());
        (0..1000).for_each(|id| ledger.write(row(id)));
        drop(ledger);
        task.await.unwrap();
        let all = CallFilter { since_ms: 0, until_ms: u64::MAX, extension: None };
        assert_eq!(store.call_rows(&all, None, 2000).await.unwrap().len(), 1000);
    }
}
