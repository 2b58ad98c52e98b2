use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// How many sources are told apart; the rest share one bucket.
pub const MAX_SOURCES: usize = 4096;
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// How many INVITEs one source address may open.
#[derive(Clone, Copy, Debug)]
pub struct InviteRate {
    pub per_second: u32,
    pub burst: u32,
}

/// A token bucket for each source address.
pub struct RateLimiter {
    rate: InviteRate,
    buckets: BTreeMap<IpAddr, Bucket>,
    crowd: Bucket,
    tidied: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled: Option<Instant>,
}

impl RateLimiter {
    pub fn new(rate: InviteRate) -> Self {
        Self { rate, buckets: BTreeMap::new(), crowd: Bucket::full(rate), tidied: None }
    }

    pub fn allows(&mut self, now: Instant, source: IpAddr) -> bool {
        if !self.buckets.contains_key(&source) && self.buckets.len() >= MAX_SOURCES {
            self.tidy(now);
            if self.buckets.len() >= MAX_SOURCES {
                return self.crowd.take(now, self.rate);
            }
        }
        self.buckets.entry(source).or_insert(Bucket::full(self.rate)).take(now, self.rate)
    }

    /// Forgets the sources whose bucket is full again.
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
    fn full(rate: InviteRate) -> Self {
        Self { tokens: f64::from(rate.burst), filled: None }
    }

    fn level(&self, now: Instant, rate: InviteRate) -> f64 {
        let elapsed = self.filled.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        (self.tokens + elapsed.as_secs_f64() * f64::from(rate.per_second)).min(f64::from(rate.burst))
    }

    fn take(&mut self, now: Instant, rate: InviteRate) -> bool {
        let level = self.level(now, rate);
        self.filled = Some(now);
        self.tokens = if level >= 1.0 { level - 1.0 } else { level };
        level >= 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const RATE: InviteRate = InviteRate { per_second: 10, burst: 3 };

    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "an anchor for virtual time")]
        Instant::now()
    }

    #[test]
    fn a_burst_passes_and_then_only_the_rate() {
        let (mut limiter, now) = (RateLimiter::new(RATE), start());
        let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let passed = |limiter: &mut RateLimiter, at| (0..10).filter(|_| limiter.allows(at, source)).count();
        assert_eq!(passed(&mut limiter, now), 3);
        assert_eq!(passed(&mut limiter, now + Duration::from_millis(200)), 2);
    }

    #[test]
    fn a_flood_of_sources_shares_one_bucket_and_the_table_stays_bounded() {
        let (mut limiter, now) = (RateLimiter::new(RATE), start());
        let source = |n: usize| IpAddr::V4(Ipv4Addr::from(n as u32));
        let passed = (0..2 * MAX_SOURCES).filter(|n| limiter.allows(now, source(*n))).count();
        assert_eq!(passed, MAX_SOURCES + 3);
        assert_eq!(limiter.buckets.len(), MAX_SOURCES);
        let later = now + Duration::from_secs(60);
        assert!(limiter.allows(later, source(3 * MAX_SOURCES)));
        assert!(limiter.buckets.len() < 10);
    }
}
