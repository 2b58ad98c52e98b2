//! Reports between a leg and its peer, and what is left of them when the leg ends.

use super::*;
use crate::model::{LegQuality, StreamQuality};
use rtcp_types::{Compound, Packet as Rtcp, ReceiverReport, ReportBlock, RtcpPacketWriterExt};

impl Room {
    fn reports_to(&self, party: usize) -> Vec<&Report> {
        let token = self.parties[party].token;
        self.wire.reports.iter().filter(|report| report.leg == token).collect()
    }

    /// The phone of `party` says how it got our stream: so many lost, `jitter_ms` of jitter, and our last report held `held`.
    fn report(&mut self, party: usize, from: SocketAddr, lost: u32, jitter_ms: u32, held: Duration) {
        let ssrc = self.packets_to(party)[0].ssrc;
        let last = self.reports_to(party).last().map_or(0, |report| (sender_report(report).0 >> 16) as u32);
        let block = ReportBlock::builder(ssrc)
            .cumulative_lost(lost)
            .interarrival_jitter(jitter_ms * 8)
            .last_sender_report_timestamp(last)
            .delay_since_last_sender_report_timestamp((held.as_millis() * 65_536 / 1000) as u32);
        let mut bytes = [0; 64];
        let length = ReceiverReport::builder(9).add_report_block(block).write_into(&mut bytes).unwrap();
        let token = self.parties[party].token;
        self.plane.report_came(self.now(), token, from, &bytes[..length]);
    }

    fn close(&mut self, party: usize) -> LegQuality {
        self.plane.close(self.now(), self.leg(party), &mut self.wire).unwrap();
        match self.wire.events.last() {
            Some(Event::Closed { leg, quality }) if *leg == self.leg(party) => *quality,
            Some(_) | None => panic!("the leg says nothing at its end"),
        }
    }
}

/// NTP time, packets and octets of the sender report that a compound packet begins with.
fn sender_report(report: &Report) -> (u64, u32, u32) {
    match Compound::parse(&report.bytes).unwrap().next() {
        Some(Ok(Rtcp::Sr(sr))) => (sr.ntp_timestamp(), sr.packet_count(), sr.octet_count()),
        _ => panic!("not a sender report"),
    }
}

fn rtcp_port(room: &Room, party: usize) -> SocketAddr {
    room.parties[party].params.rtcp
}

#[test]
fn each_leg_reports_to_its_peer_every_few_seconds_on_the_port_for_reports() {
    let mut room = Room::new(0);
    room.converse();
    room.run(30_000);
    for party in [CUSTOMER, AGENT] {
        let (reports, sent) = (room.reports_to(party), room.packets_to(party).len());
        assert!((4..=15).contains(&reports.len()), "{}", reports.len());
        assert!(reports.iter().all(|report| (report.channel, report.to) == (Channel::Rtcp, rtcp_port(&room, party))));
        let (_, packets, octets) = sender_report(reports[reports.len() - 1]);
        assert!(packets as usize <= sent && packets as usize + 350 > sent, "{packets} of {sent}");
        assert_eq!(octets, packets * 160);
    }
}

#[test]
fn one_port_may_be_for_both_and_reports_on_it_are_no_audio() {
    let mut room = Room::new(0);
    room.change(CUSTOMER, |params| params.rtcp = params.remote);
    room.converse();
    room.run(10_000);
    let (reports, from) = (room.reports_to(CUSTOMER), room.parties[CUSTOMER].from);
    assert!(!reports.is_empty());
    assert!(reports.iter().all(|report| (report.channel, report.to) == (Channel::Rtp, from)));
    let (ours, heard) = (reports[0].bytes.clone(), room.packets_to(AGENT).len());
    room.bytes(CUSTOMER, &ours);
    assert_eq!(room.packets_to(AGENT).len(), heard, "it is not relayed");
}

#[test]
fn a_leg_tells_at_its_end_what_was_lost_each_way_and_how_far_away_its_phone_is() {
    let mut room = Room::new(0);
    room.converse();
    for _ in 0..50 {
        room.run(180);
        let party = &mut room.parties[CUSTOMER];
        // One of ten packets is lost on its way here.
        (party.sequence, party.timestamp) = (party.sequence.wrapping_add(1), party.timestamp.wrapping_add(160));
        room.now_ms += 20;
    }
    let waited = room.now_ms;
    while room.reports_to(CUSTOMER).len() < 3 {
        room.run(20);
    }
    assert!(room.now_ms < waited + 10_000);
    room.run(60);
    room.report(CUSTOMER, rtcp_port(&room, CUSTOMER), 25, 4, Duration::from_millis(20));
    let quality = room.close(CUSTOMER);
    let (here, there) = (quality.here.unwrap(), quality.there.unwrap());
    assert_eq!((here.lost, here.jitter_us), (50, 0));
    assert_eq!(room.wire.lost, 50, "and the statistics know");
    assert_eq!(here.packets, u64::from(room.parties[CUSTOMER].sequence.wrapping_sub(65_500)));
    assert_eq!((there.lost, there.jitter_us), (25, 4_000));
    assert_eq!(there.packets, room.packets_to(CUSTOMER).len() as u64);
    let round_trip_ms = quality.round_trip_us.unwrap() / 1000;
    assert!((39..=62).contains(&round_trip_ms), "{round_trip_ms}");
    assert!(here.mos < there.mos && there.mos.hundredths() < 441, "{here:?} {there:?}");
    let StreamQuality { lost, mos, .. } = room.close(AGENT).here.unwrap();
    assert_eq!((lost, mos.hundredths()), (0, 440));
    let farewell = room.reports_to(CUSTOMER).last().unwrap().bytes.clone();
    let byes = Compound::parse(&farewell).unwrap().filter(|packet| matches!(packet, Ok(Rtcp::Bye(_))));
    assert_eq!(byes.count(), 1);
}

#[test]
fn a_leg_that_nothing_came_to_says_nothing_and_takes_no_leave() {
    let mut room = Room::new(0);
    room.parties.iter_mut().for_each(|party| party.speaks = false);
    room.change(CUSTOMER, |params| params.send = false);
    room.run(1_000);
    assert_eq!(room.close(CUSTOMER), LegQuality::default());
    assert!(room.reports_to(CUSTOMER).is_empty());
}

#[test]
fn reports_go_where_the_phones_own_come_from_and_a_strangers_are_not_believed() {
    let mut room = Room::new(0);
    room.converse();
    room.run(5_000);
    let stranger = SocketAddr::from(([198, 51, 100, 9], 4001));
    room.report(CUSTOMER, stranger, 100, 100, Duration::ZERO);
    let translated = SocketAddr::new(room.parties[CUSTOMER].from.ip(), 40_001);
    room.report(AGENT, rtcp_port(&room, AGENT), 1, 1, Duration::ZERO);
    room.report(CUSTOMER, translated, 7, 1, Duration::ZERO);
    room.wire.reports.clear();
    room.run(10_000);
    assert!(room.reports_to(CUSTOMER).iter().all(|report| report.to == translated));
    assert!(!room.reports_to(CUSTOMER).is_empty());
    assert_eq!(room.close(CUSTOMER).there.unwrap().lost, 7);
}

proptest! {
    #[test]
    fn garbage_on_the_port_for_reports_leaves_the_call_unharmed(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..60)) {
        let mut room = Room::new(0);
        room.converse();
        room.run(200);
        let (token, from) = (room.parties[CUSTOMER].token, rtcp_port(&room, CUSTOMER));
        for (n, datagram) in datagrams.iter().enumerate() {
            let mut datagram = datagram.clone();
            if let [first, second, third, ..] = datagram.as_mut_slice() && n % 2 == 0 {
                (*first, *second, *third) = (*first & 0x3f | 0x80, 200 + (n % 8) as u8, 0);
            }
            room.plane.report_came(room.now(), token, from, &datagram);
            room.run(20);
        }
        prop_assert!(room.hears(AGENT, CUSTOMER));
        room.assert_unbroken(AGENT);
        prop_assert_eq!(room.close(CUSTOMER).here.unwrap().lost, 0);
    }
}

/// A phone that is muted, and says nothing of silence, reports all the same.
#[test]
fn who_sends_neither_audio_nor_reports_for_too_long_is_told_of_and_told_of_again() {
    let mut room = Room::new(0).patient_for(Duration::from_secs(5));
    room.converse();
    room.run(1000);
    room.parties[AGENT].speaks = false;
    for _ in 0..4 {
        room.run(4000);
        room.report(AGENT, rtcp_port(&room, AGENT), 0, 0, Duration::ZERO);
    }
    let quiet = |room: &Room| room.wire.events.iter().filter(|event| matches!(event, Event::Quiet { .. })).count();
    assert_eq!(quiet(&room), 0);
    room.run(4900);
    assert_eq!(quiet(&room), 0);
    room.run(200);
    assert_eq!(quiet(&room), 1);
    assert!(matches!(room.wire.events.last(), Some(Event::Quiet { leg }) if *leg == room.leg(AGENT)));
    room.run(5000);
    assert_eq!(quiet(&room), 2);
    room.change(AGENT, |params| params.receive = false);
    room.run(20_000);
    assert_eq!(quiet(&room), 2, "it may not send");
}
