//! How often something may happen, for each of many who let it happen: token buckets in a bounded table.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How many are told apart; the rest share one bucket.
pub const MAX_SOURCES: usize = 4096;
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// So much at once, and one more in each `interval`.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub burst: u32,
    pub interval: Duration,
}

/// A token bucket for each key.
pub struct RateLimiter<K> {
    rate: Rate,
    buckets: BTreeMap<K, Bucket>,
    crowd: Bucket,
    tidied: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled: Option<Instant>,
    /// Since a token was last taken.
    refused: u32,
}

impl<K: Ord + Clone> RateLimiter<K> {
    pub fn new(rate: Rate) -> Self {
        Self { rate, buckets: BTreeMap::new(), crowd: Bucket::full(rate), tidied: None }
    }

    /// Takes a token.
    pub fn allows(&mut self, now: Instant, key: &K) -> bool {
        self.take(now, key).is_some()
    }

    /// Takes a token, and tells how often there was none since one was taken last.
    pub fn take(&mut self, now: Instant, key: &K) -> Option<u32> {
        let rate = self.rate;
        self.bucket(now, key).take(now, rate)
    }

    /// Whether a token could be taken; none is.
    pub fn would_allow(&self, now: Instant, key: &K) -> bool {
        let rate = self.rate;
        self.buckets.get(key).is_none_or(|bucket| bucket.level(now, rate) >= 1.0)
    }

    fn bucket(&mut self, now: Instant, key: &K) -> &mut Bucket {
        if !self.buckets.contains_key(key) && self.buckets.len() >= MAX_SOURCES {
            self.tidy(now);
            if self.buckets.len() >= MAX_SOURCES {
                return &mut self.crowd;
            }
        }
        self.buckets.entry(key.clone()).or_insert(Bucket::full(self.rate))
    }

    /// Forgets those whose bucket is full again.
    fn tidy(&mut self, now: Instant) {
        if self.tidied.is_some_and(|at| now < at + TIDY_EVERY) {
            return;
        }
        self.tidied = Some(now);
        let rate = self.rate;
        self.buckets.retain(|_, bucket| bucket.level(now, rate) < f64::from(rate.burst));
    }
}

impl Bucket {
    fn full(rate: Rate) -> Self {
        Self { tokens: f64::from(rate.burst), filled: None, refused: 0 }
    }

    fn level(&self, now: Instant, rate: Rate) -> f64 {
        let elapsed = self.filled.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        (self.tokens + elapsed.as_secs_f64() / rate.interval.as_secs_f64()).min(f64::from(rate.burst))
    }

    fn take(&mut self, now: Instant, rate: Rate) -> Option<u32> {
        let level = self.level(now, rate);
        self.filled = Some(now);
        if level >= 1.0 {
            self.tokens = level - 1.0;
            return Some(std::mem::take(&mut self.refused));
        }
        self.tokens = level;
        self.refused = self.refused.saturating_add(1);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Source;
    use std::net::{IpAddr, Ipv4Addr};

    const RATE: Rate = Rate { burst: 3, interval: Duration::from_millis(100) };

    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "an anchor for virtual time")]
        Instant::now()
    }

    fn source(n: usize) -> Source {
        Source::from(IpAddr::V4(Ipv4Addr::from(n as u32)))
    }

    #[test]
    fn a_burst_passes_and_then_only_the_rate() {
        let (mut limiter, now) = (RateLimiter::new(RATE), start());
        let passed = |limiter: &mut RateLimiter<_>, at| (0..10).filter(|_| limiter.allows(at, &source(1))).count();
        assert_eq!(passed(&mut limiter, now), 3);
        assert!(!limiter.would_allow(now, &source(1)) && limiter.would_allow(now, &source(2)));
        assert_eq!(passed(&mut limiter, now + Duration::from_millis(200)), 2);
        assert_eq!(
            limiter.take(now + Duration::from_secs(1), &source(1)),
            Some(8),
            "what was refused is not forgotten"
        );
        assert_eq!(limiter.take(now + Duration::from_secs(1), &source(1)), Some(0));
    }

    #[test]
    fn a_flood_of_sources_shares_one_bucket_and_the_table_stays_bounded() {
        let (mut limiter, now) = (RateLimiter::new(RATE), start());
        let passed = (0..2 * MAX_SOURCES).filter(|n| limiter.allows(now, &source(*n))).count();
        assert_eq!(passed, MAX_SOURCES + 3);
        assert_eq!(limiter.buckets.len(), MAX_SOURCES);
        let later = now + Duration::from_secs(60);
        assert!(limiter.allows(later, &source(3 * MAX_SOURCES)));
        assert!(limiter.buckets.len() < 10);
    }
}
