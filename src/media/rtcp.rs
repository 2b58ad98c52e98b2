//! The reports of one leg (RFC 3550 §6): when the next one is due, what it says, and what the peer's own reports told.
//!
//! In: what was received, what was sent, the peer's datagrams, the time. Out: the bytes of compound packets. The clock of our
//! reports is the age of the leg: nobody needs to know the time of this house, and the CNAME is random (RFC 7022 §4.2).

use super::reception::Reception;
use rtcp_types::{
    Bye, Compound, ReceiverReport, ReportBlock, RtcpPacket, RtcpPacketParser, RtcpPacketWriterExt, Sdes, SdesChunk,
    SdesItem, SenderReport,
};
use std::time::{Duration, Instant};

/// The time between two reports, but for the random factor (§6.2).
const INTERVAL: Duration = Duration::from_secs(5);

/// Makes up for the random factor's pull toward shorter intervals (§6.3.1): e − 3/2.
const COMPENSATION: f64 = 1.218_28;

/// A round trip beyond this is a mistake of the peer.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(30);

/// Phones count their delay in whole milliseconds, so that on a short way it may be longer than it was: by 10 ms at most, in units of
/// 1/65536 s. Then the way took no time that could be told.
const CLOCK_GRAIN: u32 = 0x1_0000 / 100;

/// The largest compound packet of ours is far smaller.
pub const MAX_REPORT_BYTES: usize = 256;

/// RFC 5761 §4: on a port that carries both, these second bytes are RTCP.
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

pub struct Reports {
    begun: Instant,
    due: Instant,
    cname: String,
    /// Packets sent when we last reported: who has sent none since is a receiver.
    sent_before: u64,
    /// The peer's last sender report.
    heard: Option<Heard>,
    told: Option<Told>,
    round_trip: Option<Duration>,
}

/// The middle of a sender report's timestamp, and when it came.
#[derive(Clone, Copy)]
struct Heard {
    timestamp: u32,
    at: Instant,
}

/// What the peer tells of the stream that it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub lost: u64,
    /// In timestamp units.
    pub jitter: u32,
}

/// What we have sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub ssrc: u32,
    pub packets: u64,
    pub octets: u64,
    /// The timestamp that audio made now would have.
    pub timestamp: u32,
}

/// Whether a datagram that came to a port for both is RTCP.
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.get(1).is_some_and(|second| RTCP_TYPES.contains(second))
}

impl Reports {
    /// The first report comes early (§6.2). `random` serves the CNAME and the first interval.
    pub fn new(now: Instant, random: u128) -> Self {
        Self {
            begun: now,
            due: now + interval(INTERVAL / 2, random as u32),
            cname: format!("{:024x}", random >> 32),
            sent_before: 0,
            heard: None,
            told: None,
            round_trip: None,
        }
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    pub fn told(&self) -> Option<Told> {
        self.told
    }

    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// The report of now, and when the next one is due.
    pub fn report<'b>(
        &mut self,
        now: Instant,
        random: u32,
        sent: Sent,
        reception: &mut Reception,
        buffer: &'b mut [u8; MAX_REPORT_BYTES],
    ) -> Option<&'b [u8]> {
        self.due = now + interval(INTERVAL, random);
        let compound = self.compound(now, sent, reception);
        let length = compound.write_into(buffer).ok()?;
        buffer.get(..length)
    }

    /// The last report, which says that we leave (§6.6).
    pub fn farewell<'b>(
        &mut self,
        now: Instant,
        sent: Sent,
        reception: &mut Reception,
        buffer: &'b mut [u8; MAX_REPORT_BYTES],
    ) -> Option<&'b [u8]> {
        let compound = self.compound(now, sent, reception).add_packet(Bye::builder().add_source(sent.ssrc));
        let length = compound.write_into(buffer).ok()?;
        buffer.get(..length)
    }

    /// Takes what the peer reports. `false`, and nothing taken, when it is no compound packet that begins with a report.
    pub fn hear(&mut self, now: Instant, ssrc: u32, datagram: &[u8]) -> bool {
        let mut packets = Packets(datagram);
        let Some(first) = packets.next() else { return false };
        let blocks = match first.get(1) {
            Some(&SenderReport::PACKET_TYPE) => {
                let Ok(report) = SenderReport::parse(first) else { return false };
                self.heard = Some(Heard { timestamp: middle(report.ntp_timestamp()), at: now });
                report.report_blocks().find(|block| block.ssrc() == ssrc)
            }
            Some(&ReceiverReport::PACKET_TYPE) => {
                let Ok(report) = ReceiverReport::parse(first) else { return false };
                report.report_blocks().find(|block| block.ssrc() == ssrc)
            }
            Some(_) | None => return false,
        };
        if let Some(block) = blocks {
            self.take(now, &block);
        }
        true
    }

    fn take(&mut self, now: Instant, block: &ReportBlock) {
        // Twenty-four bits with a sign: packets that came twice may make it negative (§6.4.1).
        let lost = (block.cumulative_lost() << 8) as i32 >> 8;
        self.told = Some(Told { lost: u64::try_from(lost).unwrap_or(0), jitter: block.interarrival_jitter() });
        let last = block.last_sender_report_timestamp();
        if last == 0 {
            return;
        }
        let delay = block.delay_since_last_sender_report_timestamp();
        let units = middle(self.clock(now)).wrapping_sub(last).wrapping_sub(delay);
        let units = if units.wrapping_neg() <= CLOCK_GRAIN { 0 } else { units };
        let round_trip = Duration::from_micros(u64::from(units) * 1_000_000 / 0x1_0000);
        if round_trip <= MAX_ROUND_TRIP {
            self.round_trip = Some(round_trip);
        }
    }

    fn compound(
        &mut self,
        now: Instant,
        sent: Sent,
        reception: &mut Reception,
    ) -> rtcp_types::CompoundBuilder<'static> {
        let block = reception.block().map(|block| {
            let heard = self.heard;
            let delay = heard.map_or(0, |heard| middle(fixed(now.saturating_duration_since(heard.at))));
            ReportBlock::builder(block.ssrc)
                .fraction_lost(block.fraction_lost)
                .cumulative_lost(block.lost.min(0x7f_ffff))
                .extended_sequence_number(block.highest)
                .interarrival_jitter(block.jitter)
                .last_sender_report_timestamp(heard.map_or(0, |heard| heard.timestamp))
                .delay_since_last_sender_report_timestamp(delay)
        });
        let name = SdesItem::builder(SdesItem::CNAME, &self.cname).into_owned();
        let names = Sdes::builder().add_chunk(SdesChunk::builder(sent.ssrc).add_item_owned(name));
        let has_sent = std::mem::replace(&mut self.sent_before, sent.packets) != sent.packets;
        let compound = Compound::builder();
        let compound = match has_sent {
            true => {
                let report = SenderReport::builder(sent.ssrc)
                    .ntp_timestamp(self.clock(now))
                    .rtp_timestamp(sent.timestamp)
                    .packet_count(sent.packets as u32)
                    .octet_count(sent.octets as u32);
                compound.add_packet(block.into_iter().fold(report, |report, block| report.add_report_block(block)))
            }
            false => {
                let report = ReceiverReport::builder(sent.ssrc);
                compound.add_packet(block.into_iter().fold(report, |report, block| report.add_report_block(block)))
            }
        };
        compound.add_packet(names)
    }

    /// Our time in the reports, as NTP writes it: the age of the leg (§4), and never 0, which would say that there is none.
    fn clock(&self, now: Instant) -> u64 {
        fixed(now.saturating_duration_since(self.begun) + Duration::from_secs(1))
    }
}

/// The packets of a compound packet, by their length fields; a broken one ends it.
struct Packets<'a>(&'a [u8]);

impl<'a> Iterator for Packets<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let [_, _, high, low, ..] = self.0 else { return None };
        let length = 4 * (usize::from(u16::from_be_bytes([*high, *low])) + 1);
        let (packet, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(packet)
    }
}

/// 32 bits of seconds and 32 of their fraction.
fn fixed(duration: Duration) -> u64 {
    (duration.as_secs() << 32) | ((u64::from(duration.subsec_nanos()) << 32) / 1_000_000_000)
}

/// The middle 32 bits: seconds and their 65536ths (§4).
fn middle(fixed: u64) -> u32 {
    (fixed >> 16) as u32
}

/// From half of it to one and a half, by chance (§6.2).
fn interval(mean: Duration, random: u32) -> Duration {
    mean.mul_f64((0.5 + f64::from(random) / f64::from(u32::MAX)) / COMPENSATION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn begun() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
        Instant::now()
    }

    /// One end of a leg: it has sent `packets` under `ssrc`.
    struct End {
        reports: Reports,
        reception: Reception,
        sent: Sent,
    }

    impl End {
        fn new(now: Instant, ssrc: u32, packets: u64) -> Self {
            let sent = Sent { ssrc, packets, octets: packets * 160, timestamp: 77 };
            Self { reports: Reports::new(now, u128::from(ssrc) << 64), reception: Reception::default(), sent }
        }

        fn report(&mut self, now: Instant) -> Vec<u8> {
            let mut buffer = [0; MAX_REPORT_BYTES];
            self.reports.report(now, 0, self.sent, &mut self.reception, &mut buffer).unwrap().to_vec()
        }
    }

    #[test]
    fn two_ends_learn_what_the_other_hears_and_how_long_the_way_is() {
        let at = begun();
        let (mut here, mut there) = (End::new(at, 1, 100), End::new(at, 2, 100));
        for n in (0..100u32).filter(|n| n % 10 != 3) {
            there.reception.note(at + 20 * MS * n, 1, n as u16, Some(n * 160), 8000);
        }
        // 30 ms there, 400 ms of thought, 50 ms back.
        let question = here.report(at + 3000 * MS);
        assert!(there.reports.hear(at + 3030 * MS, 2, &question));
        let answer = there.report(at + 3430 * MS);
        assert!(here.reports.hear(at + 3480 * MS, 1, &answer));
        assert_eq!(here.reports.told(), Some(Told { lost: 10, jitter: 0 }));
        let round_trip = here.reports.round_trip().unwrap();
        assert!(round_trip.abs_diff(80 * MS) < MS, "{round_trip:?}");
        assert_eq!(there.reports.told(), None, "it was told of no stream of its own");
    }

    #[test]
    fn a_delay_that_a_phone_has_rounded_up_is_a_way_of_no_time() {
        let at = begun();
        // 0.2 ms on the way, both ways together; a delay of 5000 ms is told as so much, or as one or 20 more.
        for (told_ms, round_trip) in [(5000, Some(200)), (5001, Some(0)), (5020, None)] {
            let mut end = End::new(at, 1, 100);
            let question = end.report(at + 3000 * MS);
            let sent = middle(SenderReport::parse(Packets(&question).next().unwrap()).unwrap().ntp_timestamp());
            let delay = (told_ms << 16) / 1000;
            let block = ReportBlock::builder(1)
                .last_sender_report_timestamp(sent)
                .delay_since_last_sender_report_timestamp(delay);
            let mut bytes = [0; 64];
            let length = ReceiverReport::builder(9).add_report_block(block).write_into(&mut bytes).unwrap();
            assert!(end.reports.hear(at + 8000 * MS + Duration::from_micros(200), 1, &bytes[..length]));
            let found = end.reports.round_trip().map(|trip| trip.as_micros());
            assert_eq!(found.is_some(), round_trip.is_some(), "{told_ms}: {found:?}");
            assert!(
                found.zip(round_trip).is_none_or(|(found, wanted)| found.abs_diff(wanted) < 40),
                "{told_ms}: {found:?}"
            );
        }
    }

    #[test]
    fn who_sends_reports_as_a_sender_and_who_has_stopped_as_a_receiver() {
        let at = begun();
        let mut end = End::new(at, 1, 5);
        let first = end.report(at);
        assert_eq!((first[1], Packets(&first).count()), (SenderReport::PACKET_TYPE, 2));
        assert_eq!(end.report(at)[1], ReceiverReport::PACKET_TYPE);
        end.sent.packets += 1;
        assert_eq!(end.report(at)[1], SenderReport::PACKET_TYPE);
        let mut buffer = [0; MAX_REPORT_BYTES];
        let last = end.reports.farewell(at, end.sent, &mut end.reception, &mut buffer).unwrap();
        let types: Vec<u8> = Packets(last).map(|packet| packet[1]).collect();
        assert_eq!(types, [ReceiverReport::PACKET_TYPE, Sdes::PACKET_TYPE, Bye::PACKET_TYPE]);
        assert!(Packets(last).all(is_rtcp));
    }

    #[test]
    fn the_first_report_comes_early_and_the_others_spread_around_five_seconds() {
        let at = begun();
        let seconds = |random| interval(INTERVAL, random).as_secs_f64();
        assert!((seconds(0) - 2.052).abs() < 0.001 && (seconds(u32::MAX) - 6.156).abs() < 0.001);
        let mut reports = Reports::new(at, 0);
        assert!(!reports.is_due(at + 1000 * MS) && reports.is_due(at + 1100 * MS));
        let (mut reception, mut buffer) = (Reception::default(), [0; MAX_REPORT_BYTES]);
        let sent = Sent { ssrc: 1, packets: 0, octets: 0, timestamp: 0 };
        reports.report(at + 1100 * MS, u32::MAX, sent, &mut reception, &mut buffer).unwrap();
        assert!(!reports.is_due(at + 7000 * MS) && reports.is_due(at + 7300 * MS));
    }

    #[test]
    fn a_report_names_nothing_of_this_house() {
        let at = begun();
        let (mut one, mut other) = (End::new(at, 1, 1), End::new(at, 2, 1));
        let name = |report: &[u8]| Packets(report).nth(1).unwrap()[10..34].to_vec();
        let names = [name(&one.report(at)), name(&other.report(at))];
        assert!(names[0] != names[1] && names.iter().flatten().all(u8::is_ascii_hexdigit));
    }

    #[test]
    fn negative_losses_and_impossible_round_trips_are_not_believed() {
        let at = begun();
        let mut end = End::new(at, 1, 1);
        let block = ReportBlock::builder(1).cumulative_lost(0xff_fffe).last_sender_report_timestamp(0x8000_0000);
        let mut bytes = [0; 64];
        let length = ReceiverReport::builder(9).add_report_block(block).write_into(&mut bytes).unwrap();
        assert!(end.reports.hear(at, 1, &bytes[..length]));
        assert_eq!((end.reports.told().unwrap().lost, end.reports.round_trip()), (0, None));
    }

    proptest! {
        #[test]
        fn garbage_is_never_believed_beyond_its_bounds(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 200u8..205) {
            let at = begun();
            let mut end = End::new(at, 1, 1);
            let mut bytes = bytes;
            if let [first, second, ..] = bytes.as_mut_slice() {
                (*first, *second) = (*first & 0x3f | 0x80, kind);
            }
            end.reports.hear(at + 5000 * MS, 1, &bytes);
            prop_assert!(end.reports.round_trip().is_none_or(|trip| trip <= MAX_ROUND_TRIP));
            end.report(at + 5001 * MS);
        }

        #[test]
        fn a_report_that_is_cut_short_is_no_report(cut in 0usize..52) {
            let at = begun();
            let (mut end, mut other) = (End::new(at, 1, 1), End::new(at, 2, 1));
            other.reception.note(at, 1, 1, Some(1), 8000);
            let report = other.report(at);
            prop_assert!(!end.reports.hear(at, 1, &report[..cut]));
            prop_assert!(end.reports.told().is_none());
        }
    }
}
