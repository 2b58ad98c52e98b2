//! The one who keeps the records of calls, for as long as they are to be kept. Not the scribe: calls are many, and the trail
//! never waits behind them.

use super::clock;
use crate::{model::CallNote, store::Store};
use std::time::Duration;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{interval, sleep, timeout},
};

/// How many rows may wait; more are lost.
const MAX_WAITING: usize = 8192;

/// How many of them go into the store together.
const MAX_AT_ONCE: usize = 1024;

/// For how long they are gathered first: a row takes the place of the one before, so a short call writes one.
const GATHER: Duration = Duration::from_millis(200);

/// How often what is too old is looked for.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// How many calls are forgotten together; between two such pieces rows are written.
const MAX_FORGOTTEN: u32 = 500;

/// How long after a failure the store is tried again, and how often when the engine stops.
const PAUSE: Duration = Duration::from_millis(500);
const LAST_TRIES: u32 = 4;

/// What the store refuses so often it will never take.
const MOST_TRIES: u32 = 100_000;

pub struct Ledger(mpsc::Sender<CallNote>);

impl Ledger {
    /// The task ends when the `Ledger` is gone and all rows are written. `keep`: how long a call is remembered after it began;
    /// `None`: for good.
    pub fn start(store: Store, keep: Option<Duration>) -> (Self, JoinHandle<()>) {
        let (sender, notes) = mpsc::channel(MAX_WAITING);
        #[expect(clippy::disallowed_methods, reason = "the engine owns its tasks")]
        let task = tokio::spawn(keep_all(store, notes, keep));
        (Self(sender), task)
    }

    /// A row that finds no place is made up for by the next row of its call, if one comes.
    pub fn write(&self, note: CallNote) {
        if self.0.try_send(note).is_err() {
            tracing::error!(event = "call-record-lost", "the store is too slow: a call record could not be kept");
        }
    }
}

async fn keep_all(store: Store, mut notes: mpsc::Receiver<CallNote>, remembered: Option<Duration>) {
    let mut together = Vec::with_capacity(MAX_AT_ONCE);
    let mut forgetting = interval(FORGET_EVERY);
    loop {
        tokio::select! {
            biased;
            received = notes.recv_many(&mut together, MAX_AT_ONCE) => {
                if received == 0 {
                    return;
                }
                gather(&mut notes, &mut together).await;
                keep(&store, &together, || notes.is_closed()).await;
                together.clear();
            }
            _ = forgetting.tick() => {
                if forget(&store, remembered).await {
                    forgetting.reset_immediately();
                }
            }
        }
    }
}

/// Takes in what comes soon after, unless nothing can come any more.
async fn gather(notes: &mut mpsc::Receiver<CallNote>, together: &mut Vec<CallNote>) {
    let more = async {
        while together.len() < MAX_AT_ONCE && notes.recv_many(together, MAX_AT_ONCE - together.len()).await > 0 {}
    };
    // What came in time is there all the same.
    let _ = timeout(GATHER, more).await;
}

/// One piece of what is older than that; whether there may be more.
async fn forget(store: &Store, remembered: Option<Duration>) -> bool {
    let Some(remembered_ms) = remembered.and_then(|time| u64::try_from(time.as_millis()).ok()) else { return false };
    let before_ms = clock::now().unix_ms.saturating_sub(remembered_ms);
    match store.forget_calls(before_ms, MAX_FORGOTTEN).await {
        Ok(gone) => gone > 0,
        Err(error) => {
            tracing::warn!(event = "call-records-not-forgotten", %error, "another try follows within the hour");
            false
        }
    }
}

/// Rows wait until the store takes them; those that come meanwhile wait behind them. Who is `stopping` cannot wait for ever.
async fn keep(store: &Store, notes: &[CallNote], stopping: impl Fn() -> bool) {
    let mut tries = 0;
    while let Err(error) = store.keep_calls(notes).await {
        tries += 1;
        if tries >= if stopping() { LAST_TRIES } else { MOST_TRIES } {
            tracing::error!(event = "call-record-lost", %error, rows = notes.len(), "call records could not be written");
            return;
        }
        if tries == 1 {
            tracing::error!(event = "call-records-wait", %error, "call records wait to be written");
        }
        #[expect(clippy::disallowed_methods, reason = "a store tells nobody when it is back")]
        sleep(PAUSE).await;
    }
    if tries > 0 {
        tracing::info!(event = "call-records-written", "the call records are complete again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{CallEnd, CallEnding, CallId, CallRecord},
        store::{CallFilter, Options},
    };
    use ulid::Ulid;

    fn row(id: u128) -> CallNote {
        CallNote::Row(record(id))
    }

    fn record(id: u128) -> CallRecord {
        let party = |text: &str| text.parse::<crate::model::ExtensionNumber>().unwrap().into();
        CallRecord {
            id: CallId::from(Ulid::from(id)),
            caller: party("201"),
            callee: party("202"),
            begun_at_ms: 7,
            answered_at_ms: None,
            confidential: false,
            caller_codec: None,
            callee_codec: None,
            end: None,
        }
    }

    async fn store(folder: &tempfile::TempDir) -> Store {
        let url = format!("sqlite:{}", folder.path().join("db").display());
        Store::open(Options::new(url, folder.path(), folder.path().join("key"), "localhost")).await.unwrap()
    }

    async fn kept(store: &Store) -> usize {
        let all = CallFilter { since_ms: 0, until_ms: u64::MAX, extension: None };
        store.call_rows(&all, None, 2000).await.unwrap().len()
    }

    #[tokio::test]
    async fn what_is_too_old_is_forgotten_to_the_last_piece_while_rows_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let end = Some(CallEnd { at_ms: 9, cause: CallEnding::Shutdown, sip_status: None });
        let old = (0..1200).map(|id| CallNote::Row(CallRecord { begun_at_ms: id, end, ..record(id.into()) }));
        store.keep_calls(&old.collect::<Vec<_>>()).await.unwrap();
        let (ledger, _task) = Ledger::start(store.clone(), Some(Duration::from_secs(86_400)));
        ledger.write(CallNote::Row(CallRecord { begun_at_ms: clock::now().unix_ms, end, ..record(5000) }));
        let gone = async {
            let mut look = interval(Duration::from_millis(50));
            while kept(&store).await != 1 {
                look.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
    }

    #[tokio::test]
    async fn what_waits_when_the_ledger_goes_is_written_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let (ledger, task) = Ledger::start(store.clone(), None);
        (0..1000).for_each(|id| ledger.write(row(id)));
        drop(ledger);
        task.await.unwrap();
        assert_eq!(kept(&store).await, 1000);
    }
}
