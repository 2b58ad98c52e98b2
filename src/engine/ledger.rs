//! The one who keeps the records of calls. Not the scribe: calls are many, and the trail never waits behind them.

use crate::{model::CallNote, store::Store};
use std::time::Duration;
use tokio::{sync::mpsc, task::JoinHandle};

/// How many rows may wait; more are lost.
const MAX_WAITING: usize = 8192;

/// How many of them go into the store together.
const MAX_AT_ONCE: usize = 256;

/// How often rows are tried, and the pause between: a server may be restarting.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

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
    for left in (0..tries).rev() {
        let Err(error) = store.keep_calls(notes).await else { return true };
        if left == 0 {
            tracing::error!(event = "call-record-lost", %error, rows = notes.len(), "call records could not be written");
        } else {
            #[expect(clippy::disallowed_methods, reason = "a store tells nobody when it is back")]
            tokio::time::sleep(PAUSE).await;
        }
    }
    false
}
