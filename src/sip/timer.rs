//! RFC 3261 §17.1.1.1 and its table 4. All deadlines of all transactions stand in one table.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// The estimate of a round trip.
pub const T1: Duration = Duration::from_millis(500);
/// The longest pause between two retransmissions of anything but an INVITE.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may linger in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64·T1, the length of timers B, F, H, J, L and M.
pub const TIMEOUT: Duration = Duration::from_secs(32);
/// How long the user of an INVITE server transaction has before 100 is sent for it (§17.2.1).
pub const TRYING_DELAY: Duration = Duration::from_millis(200);

/// Timers A, E and G: the pause doubles from T1 up to a cap.
#[derive(Clone, Copy)]
pub struct Retransmission {
    pub at: Instant,
    pause: Duration,
    cap: Duration,
}

impl Retransmission {
    /// Timer A has no cap: timer B ends it.
    pub fn uncapped(now: Instant) -> Self {
        Self { at: now + T1, pause: T1, cap: Duration::MAX }
    }

    pub fn capped_at_t2(now: Instant) -> Self {
        Self { at: now + T1, pause: T1, cap: T2 }
    }

    /// True when it is time to send again; the next time is then set.
    pub fn is_due(&mut self, now: Instant) -> bool {
        if now < self.at {
            return false;
        }
        self.pause = (self.pause * 2).min(self.cap);
        self.at = now + self.pause;
        true
    }

    /// Timer E once a provisional response came (§17.1.2.2): every T2.
    pub fn slow_down(&mut self) {
        self.pause = T2;
    }
}

/// The next wake-up of each transaction.
pub struct Wakeups<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Instant>,
}

impl<K: Copy + Ord> Wakeups<K> {
    pub fn set(&mut self, key: K, at: Option<Instant>) {
        if let Some(old) = self.by_key.remove(&key) {
            self.by_time.remove(&(old, key));
        }
        if let Some(at) = at {
            self.by_key.insert(key, at);
            self.by_time.insert((at, key));
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// A key whose time has come; it stays until it is set anew.
    pub fn due(&self, now: Instant) -> Option<K> {
        self.by_time.first().filter(|(at, _)| *at <= now).map(|(_, key)| *key)
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.by_time.is_empty() && self.by_key.is_empty()
    }
}

impl<K> Default for Wakeups<K> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }
}
