//! Before the door: what a source may do that has proven nothing yet, and how often anybody may guess.
//!
//! A source whose phones have lately proven themselves is heard without limit here, as are trunks; all others share nothing but
//! the size of the tables. What goes beyond the rate is dropped unread.

use super::Now;
use crate::{
    model::{ExtensionNumber, SecurityEvent, Source},
    sip::{MAX_SOURCES, Rate, RateLimiter, Registrar},
};
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

/// Messages of a source that has proven nothing.
const STRANGERS: Rate = Rate { burst: 200, interval: Duration::from_millis(10) };

/// Wrong answers to challenges, of one source. A phone with an old password tries twice a minute.
const GUESSES: Rate = Rate { burst: 20, interval: Duration::from_secs(30) };

/// Lines of one kind in the log about one source.
const LINES: Rate = Rate { burst: 10, interval: Duration::from_secs(1) };

/// How long a proof is remembered, in milliseconds: longer than any registration lives.
const PROOF_LIFETIME_MS: u64 = 2 * 3600 * 1000;

pub(super) struct Gate {
    strangers: RateLimiter<Source>,
    guesses: RateLimiter<Guesser>,
    lines: RateLimiter<(Source, &'static str)>,
    /// Until when each source is no stranger, as Unix milliseconds.
    proven: BTreeMap<Source, u64>,
}

/// Who guesses. A phone that stands there registered has tries of its own: what a neighbour does harms it not.
pub(super) type Guesser = (Source, Option<ExtensionNumber>);

impl Gate {
    /// Phones that were registered before this process began are no strangers.
    pub fn new(registrar: &Registrar) -> Self {
        let known = registrar.bindings().map(|binding| (binding.flow.remote.ip().into(), binding.expires_at_unix_ms));
        Self {
            strangers: RateLimiter::new(STRANGERS),
            guesses: RateLimiter::new(GUESSES),
            lines: RateLimiter::new(LINES),
            proven: known.take(MAX_SOURCES).collect(),
        }
    }

    /// Whether a message is to be read.
    pub fn admits(&mut self, now: Now, address: IpAddr) -> bool {
        if self.is_proven(now, address) || self.strangers.allows(now.instant, &address.into()) {
            return true;
        }
        self.report(now, address, &SecurityEvent::RateLimited);
        false
    }

    pub fn clock_was_set(&mut self, by_ms: i64) {
        self.proven.values_mut().for_each(|until| *until = until.saturating_add_signed(by_ms));
    }

    /// Somebody there knows a secret.
    pub fn proven(&mut self, now: Now, address: IpAddr) {
        let source = Source::from(address);
        if self.proven.len() >= MAX_SOURCES && !self.proven.contains_key(&source) {
            self.proven.retain(|_, until| *until > now.unix_ms);
        }
        if self.proven.len() < MAX_SOURCES || self.proven.contains_key(&source) {
            self.proven.insert(source, now.unix_ms + PROOF_LIFETIME_MS);
        }
    }

    pub fn is_proven(&self, now: Now, address: IpAddr) -> bool {
        self.proven.get(&address.into()).is_some_and(|until| *until > now.unix_ms)
    }

    /// Whether an answer to a challenge is to be looked at.
    pub fn hears_guesses_of(&self, now: Now, guesser: &Guesser) -> bool {
        self.guesses.would_allow(now.instant, guesser)
    }

    pub fn guessed_wrong(&mut self, now: Now, guesser: &Guesser) {
        self.guesses.allows(now.instant, guesser);
    }

    /// Told in the log, as often as the log can bear.
    pub fn report(&mut self, now: Now, address: IpAddr, event: &SecurityEvent) {
        if let Some(untold) = self.lines.take(now.instant, &(address.into(), event.as_str())) {
            event.report(address, untold.saturating_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn gate() -> (Gate, Now) {
        #[expect(clippy::disallowed_methods, reason = "an anchor for virtual time")]
        let instant = Instant::now();
        (Gate::new(&Registrar::default()), Now { instant, unix_ms: 1_700_000_000_000 })
    }

    fn after(now: Now, ms: u64) -> Now {
        Now { instant: now.instant + Duration::from_millis(ms), unix_ms: now.unix_ms + ms }
    }

    fn address(n: usize) -> IpAddr {
        IpAddr::from((n as u32).to_be_bytes())
    }

    #[test]
    fn a_stranger_is_limited_until_it_proves_itself_and_again_when_the_proof_is_old() {
        let (mut gate, now) = gate();
        let heard = |gate: &mut Gate, at| (0..1000).filter(|_| gate.admits(at, address(1))).count();
        assert_eq!(heard(&mut gate, now), 200);
        assert_eq!(heard(&mut gate, after(now, 1000)), 100);
        gate.proven(now, address(1));
        assert_eq!(heard(&mut gate, after(now, 2000)), 1000);
        assert!(!gate.is_proven(now, address(2)));
        assert_eq!(heard(&mut gate, after(now, PROOF_LIFETIME_MS)), 200);
    }

    #[test]
    fn proofs_are_bounded_in_number() {
        let (mut gate, now) = gate();
        (0..2 * MAX_SOURCES).for_each(|n| gate.proven(now, address(n)));
        assert_eq!(gate.proven.len(), MAX_SOURCES);
        gate.proven(after(now, PROOF_LIFETIME_MS), address(3 * MAX_SOURCES));
        assert_eq!(gate.proven.len(), 1);
    }

    #[test]
    fn whoever_guesses_is_unheard_for_a_while_and_a_registered_phone_beside_it_is_not() {
        let (mut gate, now) = gate();
        let stranger: Guesser = (address(1).into(), None);
        let phone: Guesser = (address(1).into(), Some("1000".parse().unwrap()));
        for _ in 0..20 {
            assert!(gate.hears_guesses_of(now, &stranger));
            gate.guessed_wrong(now, &stranger);
        }
        assert!(!gate.hears_guesses_of(now, &stranger));
        assert!(gate.hears_guesses_of(now, &phone));
        assert!(gate.hears_guesses_of(after(now, 30_000), &stranger));
    }
}
