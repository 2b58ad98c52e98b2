//! Writing to a store that may be away for a moment.

use crate::store;
use std::{future::Future, time::Duration};

/// How often a row that nobody waits for is tried, and the pause between: a server may be restarting.
pub const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// Works until it succeeds, at most so often; the last error is told.
pub async fn tried<W: Future<Output = store::Result<()>>>(tries: u32, work: impl Fn() -> W) -> store::Result<()> {
    for _ in 1..tries {
        if work().await.is_ok() {
            return Ok(());
        }
        #[expect(clippy::disallowed_methods, reason = "a store tells nobody when it is back")]
        tokio::time::sleep(PAUSE).await;
    }
    work().await
}
