//! The change feed of the store: what administrators change reaches the engine from here, from whichever process.

use crate::store::{Change, Store};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, mpsc},
    time::{MissedTickBehavior, interval},
};

/// How often the feed is read when nobody pokes.
const INTERVAL: Duration = Duration::from_millis(500);
const MAX_WAITING: usize = 16;

/// Follows the feed until the receiver is dropped. `poke` asks it to look at once.
pub async fn follow(store: Store, poke: Arc<Notify>) -> crate::store::Result<mpsc::Receiver<Vec<Change>>> {
    let seen = store.last_change().await?;
    let (sender, news) = mpsc::channel(MAX_WAITING);
    #[expect(clippy::disallowed_methods, reason = "the engine owns its tasks")]
    tokio::spawn(read_on(store, poke, seen, sender));
    Ok(news)
}

async fn read_on(store: Store, poke: Arc<Notify>, mut seen: u64, sender: mpsc::Sender<Vec<Change>>) {
    let mut tick = interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answers = true;
    loop {
        tokio::select! {
            () = sender.closed() => return,
            _ = tick.tick() => {}
            () = poke.notified() => {}
        }
        let changes = store.changes_since(seen).await;
        if answers != changes.is_ok() {
            answers = changes.is_ok();
            tracing::warn!(answers, "the store's change feed");
        }
        let Ok(changes) = changes else { continue };
        let Some((last, _)) = changes.last() else { continue };
        seen = *last;
        if sender.send(changes.into_iter().map(|(_, change)| change).collect()).await.is_err() {
            return;
        }
    }
}
