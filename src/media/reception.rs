//! How the packets of a peer come in: what was lost, and how unevenly they came (RFC 3550 §6.4.1, A.1, A.3, A.8).

use std::time::{Duration, Instant};

/// RFC 3550 A.1: a packet further ahead or behind than this is of another sequence, if the next one is too.
const MAX_DROPOUT: u16 = 3000;
const MAX_MISORDER: u16 = 100;

/// A timestamp that is off by more than this began anew, as after a hold: no jitter.
const DISCONTINUITY: Duration = Duration::from_secs(1);

/// What came from one peer, over all the streams it sent.
#[derive(Default)]
pub struct Reception {
    source: Option<Source>,
    /// Of the streams that went before.
    before: Counts,
    jitter: MeanJitter,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub expected: u64,
    pub received: u64,
}

/// What is told of the present stream in a report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub ssrc: u32,
    /// Since the block before, in 256ths.
    pub fraction_lost: u8,
    pub lost: u32,
    pub highest: u32,
    /// In timestamp units.
    pub jitter: u32,
}

struct Source {
    ssrc: u32,
    /// The first and the highest sequence number, extended by the times it went round.
    first: u32,
    highest: u32,
    received: u64,
    /// The next of a sequence that may have begun.
    elsewhere: Option<u16>,
    last: Option<Arrival>,
    /// In sixteenths of timestamp units.
    jitter: u32,
    told: Counts,
}

#[derive(Clone, Copy)]
struct Arrival {
    at: Instant,
    timestamp: u32,
}

#[derive(Default)]
struct MeanJitter {
    sum_us: u64,
    count: u64,
}

impl Reception {
    /// A packet came. `timestamp` is `None` when it says nothing of the time it was made, as telephone-events do.
    pub fn note(&mut self, now: Instant, ssrc: u32, sequence: u16, timestamp: Option<u32>, clock_hz: u32) {
        let source = match &mut self.source {
            Some(source) if source.ssrc == ssrc => source,
            other => {
                let gone = other.take().map_or(Counts::default(), |source| source.counts());
                self.before = self.before.plus(gone);
                other.insert(Source::new(ssrc, sequence))
            }
        };
        if !source.count(sequence) {
            return;
        }
        if let Some(timestamp) = timestamp
            && let Some(jitter) = source.arrive(Arrival { at: now, timestamp }, clock_hz)
        {
            self.jitter.sum_us += u64::from(jitter / 16) * 1_000_000 / u64::from(clock_hz);
            self.jitter.count += 1;
        }
    }

    pub fn counts(&self) -> Counts {
        self.before.plus(self.source.as_ref().map_or(Counts::default(), Source::counts))
    }

    pub fn mean_jitter(&self) -> Duration {
        Duration::from_micros(self.jitter.sum_us.checked_div(self.jitter.count).unwrap_or_default())
    }

    /// The report block of now; what it tells of losses counts from the one before.
    pub fn block(&mut self) -> Option<Block> {
        let source = self.source.as_mut()?;
        let counts = source.counts();
        let since = Counts {
            expected: counts.expected.saturating_sub(source.told.expected),
            received: counts.received.saturating_sub(source.told.received),
        };
        source.told = counts;
        let fraction = (since.lost() * 256).checked_div(since.expected).unwrap_or_default();
        Some(Block {
            ssrc: source.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: u32::try_from(counts.lost()).unwrap_or(u32::MAX),
            highest: source.highest,
            jitter: source.jitter / 16,
        })
    }
}

impl Counts {
    /// Packets that came twice can hide some that never came.
    pub fn lost(self) -> u64 {
        self.expected.saturating_sub(self.received)
    }

    fn plus(self, other: Counts) -> Counts {
        Counts { expected: self.expected + other.expected, received: self.received + other.received }
    }
}

impl Source {
    fn new(ssrc: u32, sequence: u16) -> Self {
        let first = u32::from(sequence);
        Self {
            ssrc,
            first,
            highest: first,
            received: 0,
            elsewhere: None,
            last: None,
            jitter: 0,
            told: Counts::default(),
        }
    }

    /// `false` for a packet that is of no sequence we know.
    fn count(&mut self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead < MAX_DROPOUT {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
        } else if ahead < u16::MAX - MAX_MISORDER {
            if self.elsewhere != Some(sequence) {
                self.elsewhere = Some(sequence.wrapping_add(1));
                return false;
            }
            self.begin_anew(sequence);
        }
        self.elsewhere = None;
        self.received += 1;
        true
    }

    /// The peer has begun another sequence: what was expected and received so far stays.
    fn begin_anew(&mut self, sequence: u16) {
        let expected = u32::try_from(self.counts().expected).unwrap_or(u32::MAX);
        self.highest = (self.highest & 0xffff_0000).wrapping_add(0x1_0000) | u32::from(sequence);
        self.first = self.highest.wrapping_sub(expected);
        self.last = None;
    }

    /// The new jitter, in sixteenths of timestamp units, when two packets can be compared (A.8).
    fn arrive(&mut self, arrival: Arrival, clock_hz: u32) -> Option<u32> {
        let before = self.last.replace(arrival)?;
        let units = |duration: Duration| duration.as_micros() as i64 * i64::from(clock_hz) / 1_000_000;
        let came = units(arrival.at.saturating_duration_since(before.at));
        let made = i64::from(arrival.timestamp.wrapping_sub(before.timestamp) as i32);
        let off = came.abs_diff(made);
        if off > units(DISCONTINUITY).unsigned_abs() {
            return None;
        }
        let off = u32::try_from(off).unwrap_or(u32::MAX);
        self.jitter = (self.jitter + off).saturating_sub((self.jitter + 8) / 16);
        Some(self.jitter)
    }

    fn counts(&self) -> Counts {
        let expected = u64::from(self.highest.wrapping_sub(self.first)) + 1;
        Counts { expected, received: self.received }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: Duration = Duration::from_millis(20);

    struct Rig {
        reception: Reception,
        begun: Instant,
    }

    impl Rig {
        fn new() -> Self {
            #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
            let begun = Instant::now();
            Self { reception: Reception::default(), begun }
        }

        /// The `n`-th packet of a stream, which came so much too late.
        fn came(&mut self, ssrc: u32, n: u32, late: Duration) {
            let timestamp = n.wrapping_mul(160);
            self.reception.note(self.begun + FRAME * n + late, ssrc, n as u16, Some(timestamp), 8000);
        }

        fn counts(&self) -> (u64, u64) {
            (self.reception.counts().received, self.reception.counts().lost())
        }
    }

    #[test]
    fn what_comes_in_time_and_whole_has_neither_loss_nor_jitter() {
        let mut rig = Rig::new();
        (0..100).for_each(|n| rig.came(1, n, Duration::ZERO));
        assert_eq!(rig.counts(), (100, 0));
        assert_eq!(rig.reception.mean_jitter(), Duration::ZERO);
        let block = Block { ssrc: 1, fraction_lost: 0, lost: 0, highest: 99, jitter: 0 };
        assert_eq!(rig.reception.block(), Some(block));
    }

    #[test]
    fn losses_are_told_in_all_and_since_the_block_before() {
        let mut rig = Rig::new();
        (0..100).filter(|n| n % 4 != 1).for_each(|n| rig.came(1, n, Duration::ZERO));
        let block = rig.reception.block().unwrap();
        assert_eq!((block.fraction_lost, block.lost), (64, 25));
        (100..200).for_each(|n| rig.came(1, n, Duration::ZERO));
        let block = rig.reception.block().unwrap();
        assert_eq!((block.fraction_lost, block.lost, block.highest), (0, 25, 199));
    }

    #[test]
    fn every_other_packet_10_ms_late_is_a_jitter_that_nears_10_ms() {
        let mut rig = Rig::new();
        (0..500).for_each(|n| rig.came(1, n, Duration::from_millis(10) * (n % 2)));
        let jitter = rig.reception.block().unwrap().jitter;
        assert!((75..=80).contains(&jitter), "{jitter}");
        let mean = rig.reception.mean_jitter();
        assert!((Duration::from_millis(9)..=Duration::from_millis(10)).contains(&mean), "{mean:?}");
    }

    #[test]
    fn numbers_go_round_come_out_of_order_and_begin_anew() {
        let mut rig = Rig::new();
        (65_500..65_600).for_each(|n| rig.came(1, n, Duration::ZERO));
        assert_eq!(rig.counts(), (100, 0));
        assert_eq!(rig.reception.block().unwrap().highest, 65_599);
        [65_601, 65_600, 65_602].into_iter().for_each(|n| rig.came(1, n, Duration::ZERO));
        assert_eq!(rig.counts(), (103, 0));
        // The peer begins elsewhere: the first packet is not believed, those after it are.
        (80_000..80_011).for_each(|n| rig.came(1, n, Duration::ZERO));
        assert_eq!(rig.counts(), (113, 0));
        (5..10).for_each(|n| rig.came(2, n, Duration::ZERO));
        assert_eq!(rig.counts(), (118, 0), "another stream is added to the one before");
    }

    #[test]
    fn a_clock_that_jumps_is_no_jitter_and_an_event_has_none() {
        let mut rig = Rig::new();
        rig.came(1, 0, Duration::ZERO);
        rig.came(1, 1, Duration::ZERO);
        rig.reception.note(rig.begun + FRAME * 2, 1, 2, Some(4_000_000_000), 8000);
        rig.reception.note(rig.begun + FRAME * 3, 1, 3, None, 8000);
        assert_eq!((rig.counts(), rig.reception.mean_jitter()), ((4, 0), Duration::ZERO));
    }

    proptest! {
        #[test]
        fn nothing_that_comes_makes_it_count_what_did_not(packets in prop::collection::vec(any::<(u8, u16, u32, u16)>(), 0..400)) {
            let mut rig = Rig::new();
            let mut at = rig.begun;
            for (ssrc, sequence, timestamp, pause_ms) in &packets {
                at += Duration::from_millis(u64::from(*pause_ms));
                rig.reception.note(at, u32::from(ssrc % 2), *sequence, Some(*timestamp), 8000);
                rig.reception.block();
            }
            let counts = rig.reception.counts();
            prop_assert!(counts.received <= packets.len() as u64);
            prop_assert!(counts.lost() <= counts.expected);
        }
    }
}
