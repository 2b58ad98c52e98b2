//! The order of typing: packets overtake each other, and a password is wrong when two of its digits have changed places.

use super::{Carrier, Key};
use crate::model::Digit;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Keys on their way to who listens. One waits while a packet before its own may still be under way.
#[derive(Default)]
pub struct Order {
    newest: Option<u16>,
    /// Bit *n* says that the packet *n* before the newest has come.
    come: u16,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    key: Key,
    /// The packet that brought it, if one did.
    sequence: Option<u16>,
    until: Instant,
}

impl Order {
    /// A packet of the stream has come, of whatever it carries.
    pub fn arrive(&mut self, sequence: u16) {
        let ahead = self.newest.map(|newest| sequence.wrapping_sub(newest) as i16);
        match ahead {
            Some(ahead @ 1..WINDOW) => self.come = self.come << ahead | 1,
            Some(behind @ LAST..=0) => self.come |= 1 << -behind,
            Some(_) | None => self.come = 1,
        }
        if ahead.is_none_or(|ahead| !(LAST..=0).contains(&ahead)) {
            self.newest = Some(sequence);
        }
    }

    /// A key that an event brought; `arrive` was told of its packet.
    pub fn put(&mut self, now: Instant, sequence: u16, digit: Digit) {
        self.push(Waiting {
            key: Key { digit, carrier: Carrier::Event },
            sequence: Some(sequence),
            until: now + PATIENCE,
        });
    }

    /// A key that came by other means waits only for those that came before it.
    pub fn put_now(&mut self, now: Instant, key: Key) {
        self.push(Waiting { key, sequence: None, until: now });
    }

    /// The next key that is due.
    pub fn poll(&mut self, now: Instant) -> Option<Key> {
        let due = |waiting: &&Waiting| now >= waiting.until || waiting.sequence.is_none_or(|at| self.is_complete(at));
        self.waiting.front().filter(due)?;
        self.waiting.pop_front().map(|waiting| waiting.key)
    }

    /// Behind those that were typed before it.
    fn push(&mut self, new: Waiting) {
        if self.waiting.len() >= MAX_WAITING {
            return;
        }
        let later = |waiting: &Waiting| match (waiting.sequence, new.sequence) {
            (Some(waiting), Some(new)) => (new.wrapping_sub(waiting) as i16) < 0,
            (Some(_) | None, None) | (None, Some(_)) => false,
        };
        let place = self.waiting.iter().position(later).unwrap_or(self.waiting.len());
        self.waiting.insert(place, new);
    }

    /// Whether all packets before this one have come, as far back as is known.
    fn is_complete(&self, sequence: u16) -> bool {
        let behind = self.newest.map_or(0, |newest| newest.wrapping_sub(sequence));
        let before = self.come.checked_shr(behind.into()).unwrap_or(u16::MAX);
        before.count_ones() + u32::from(behind).min(u16::BITS) == u16::BITS
    }
}

/// A packet that overtakes another is at most this much too early.
const PATIENCE: Duration = Duration::from_millis(60);
/// Packets that a stream may send in that time, generously.
const WINDOW: i16 = u16::BITS as i16;
const LAST: i16 = 1 - WINDOW;
/// More than can be typed while one waits.
const MAX_WAITING: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn polled(order: &mut Order, now: Instant) -> String {
        std::iter::from_fn(|| order.poll(now)).map(|key| key.digit.as_char()).collect()
    }

    fn stream(from: u16) -> Order {
        let mut order = Order::default();
        (0..20).for_each(|n| order.arrive(from.wrapping_sub(20).wrapping_add(n)));
        order
    }

    #[test]
    fn a_digit_waits_for_nothing_when_no_packet_before_it_is_missing() {
        let (now, mut order) = (origin(), stream(10));
        order.arrive(10);
        order.put(now, 10, Digit::STAR);
        assert_eq!(polled(&mut order, now), "*");
    }

    #[test]
    fn a_digit_that_overtook_another_is_told_after_it() {
        let (now, mut order) = (origin(), stream(65_535));
        order.arrive(1);
        order.put(now, 1, Digit::HASH);
        assert_eq!(polled(&mut order, now), "");
        order.arrive(0);
        order.arrive(65_535);
        order.put(now, 65_535, Digit::STAR);
        assert_eq!(polled(&mut order, now), "*#");
    }

    #[test]
    fn a_packet_that_was_lost_is_waited_for_60_ms() {
        let (now, mut order) = (origin(), stream(10));
        order.arrive(11);
        order.put(now, 11, Digit::HASH);
        assert_eq!(polled(&mut order, now + PATIENCE - Duration::from_millis(1)), "");
        assert_eq!(polled(&mut order, now + PATIENCE), "#");
    }

    #[test]
    fn a_loss_long_past_holds_nothing_up() {
        let (now, mut order) = (origin(), stream(10));
        (11..27).for_each(|sequence| order.arrive(sequence));
        order.put(now, 26, Digit::HASH);
        assert_eq!(polled(&mut order, now), "#");
    }

    #[test]
    fn a_stream_that_begins_anew_starts_from_there() {
        let (now, mut order) = (origin(), stream(10));
        order.arrive(40_000);
        order.put(now, 40_000, Digit::HASH);
        assert_eq!(polled(&mut order, now), "");
        assert_eq!(polled(&mut order, now + PATIENCE), "#");
    }

    #[test]
    fn what_waits_is_bounded() {
        let (now, mut order) = (origin(), Order::default());
        let star = Key { digit: Digit::STAR, carrier: Carrier::Info };
        (0..100).for_each(|_| order.put_now(now, star));
        assert_eq!(polled(&mut order, now).len(), MAX_WAITING);
    }
}
