//! What comes from the network: strangers, floods, losses, events, and legs that come and go.

use super::*;

#[test]
fn comfort_noise_is_silence_and_neither_loss_nor_a_stranger() {
    for whisper in [false, true] {
        let mut room = Room::new(1);
        room.converse();
        if whisper {
            room.whisper(SUPERVISOR);
            room.parties[SUPERVISOR].speaks = false;
        }
        for _ in 0..3 {
            room.parties[CUSTOMER].speaks = true;
            room.run(400);
            room.parties[CUSTOMER].speaks = false;
            let timestamp = room.parties[CUSTOMER].timestamp;
            room.rtp(CUSTOMER, 13, timestamp, &[70]);
            room.run(400);
            room.parties[CUSTOMER].timestamp = timestamp.wrapping_add(400 * 8);
        }
        let numbers: Vec<_> = room.audio_to(AGENT).iter().map(|packet| packet.sequence).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "whisper: {whisper}");
        assert!(room.packets_to(AGENT).iter().all(|packet| packet.payload_type == 0), "whisper: {whisper}");
        assert_eq!(room.plane.statistics(room.leg(CUSTOMER)).unwrap().dropped, 0);
        room.wire.packets.clear();
        room.parties[CUSTOMER].speaks = true;
        room.run(400);
        assert!(room.hears(AGENT, CUSTOMER));
    }
}

#[test]
fn the_first_packet_shows_where_the_peer_is_and_strangers_are_ignored() {
    let mut room = Room::new(0);
    let behind_nat = SocketAddr::from(([198, 51, 100, 7], 61_000));
    let said = room.parties[CUSTOMER].from;
    room.change(CUSTOMER, |params| params.signalled = behind_nat.ip());
    room.converse();
    room.parties[CUSTOMER].speaks = false;
    room.run(100);
    assert!(room.packets_to(CUSTOMER).iter().all(|packet| packet.to == said));
    room.parties[CUSTOMER].from = behind_nat;
    room.parties[CUSTOMER].speaks = true;
    room.run(100);
    assert_eq!(room.packets_to(CUSTOMER).last().unwrap().to, behind_nat);
    let elsewhere = SocketAddr::from(([203, 0, 113, 66], 9));
    room.parties[CUSTOMER].from = elsewhere;
    for _ in 0..2 {
        let heard = room.packets_to(AGENT).len();
        room.run(100);
        assert_eq!((room.packets_to(AGENT).len(), room.packets_to(CUSTOMER).last().unwrap().to), (heard, behind_nat));
        // A re-INVITE latches anew, and still to no stranger.
        room.change(CUSTOMER, |_| {});
    }
    room.parties[CUSTOMER].from = SocketAddr::new(behind_nat.ip(), 62_000);
    room.run(100);
    assert_eq!(room.packets_to(CUSTOMER).last().unwrap().to, room.parties[CUSTOMER].from, "latched anew");
    room.change(CUSTOMER, |params| params.signalled = elsewhere.ip());
    room.parties[CUSTOMER].from = elsewhere;
    room.run(100);
    assert_eq!(room.packets_to(CUSTOMER).last().unwrap().to, elsewhere, "the phone moved, and its signalling too");
}

#[test]
fn events_pass_between_the_parties_alone_relayed_or_mixed() {
    let five = Digit::try_from('5').unwrap();
    for whisper in [false, true] {
        let mut room = Room::new(1);
        room.change(AGENT, |params| params.events = Some(EventFormat { payload_type: 96, ..EVENT }));
        room.converse();
        room.monitor(SUPERVISOR);
        if whisper {
            room.whisper(SUPERVISOR);
        }
        room.run(200);
        for party in [CUSTOMER, SUPERVISOR] {
            for duration in [160, 320, 480] {
                room.event_packet(party, five, duration, duration == 480);
            }
        }
        let token = room.parties[AGENT].token;
        let events: Vec<_> = room.wire.packets.iter().filter(|(_, packet)| packet.payload.len() == 4).collect();
        assert!(events.iter().all(|(to, packet)| *to == token && packet.payload_type == 96));
        assert_eq!(events.len(), 3);
        assert!(events.iter().all(|(_, packet)| packet.timestamp == events[0].1.timestamp), "one event, one timestamp");
        let mut numbers: Vec<_> = room.packets_to(AGENT).iter().map(|packet| packet.sequence).collect();
        let count = numbers.len();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }
}

#[test]
fn digits_are_told_only_of_a_leg_that_listens() {
    let star = Digit::STAR;
    let mut room = Room::new(1);
    room.event_packet(SUPERVISOR, star, 800, true);
    room.plane.info(room.now(), room.leg(SUPERVISOR), star, &mut room.wire);
    assert!(room.wire.events.is_empty());
    room.plane.listen(room.leg(SUPERVISOR), true);
    room.run(2000);
    room.event_packet(SUPERVISOR, star, 800, true);
    assert!(room.wire.events == [Event::Digit { leg: room.leg(SUPERVISOR), digit: star }]);
}

#[test]
fn loss_and_reordering_pass_through_a_relay_as_they_came() {
    let mut room = Room::new(0);
    room.converse();
    room.run(100);
    let start = room.parties[CUSTOMER].sequence;
    for offset in [1, 0, 2, 5, 4] {
        room.parties[CUSTOMER].sequence = start.wrapping_add(offset);
        room.speak(CUSTOMER);
    }
    let numbers: Vec<_> = room.audio_to(AGENT).iter().map(|packet| packet.sequence).collect();
    let base = numbers[4].wrapping_add(1);
    let seen: Vec<_> = numbers[5..].iter().map(|number| number.wrapping_sub(base)).collect();
    assert_eq!(seen, [1, 0, 2, 5, 4]);
}

#[test]
fn a_new_ssrc_goes_on_in_the_same_stream() {
    let mut room = Room::new(0);
    room.converse();
    room.run(100);
    let packet = Packet { payload_type: 0, marker: true, sequence: 9, timestamp: 5, ssrc: 1234, payload: &[1; 160] };
    let bytes = packet.write(&mut [0; 1500]).unwrap().to_vec();
    room.bytes(CUSTOMER, &bytes);
    room.assert_unbroken(AGENT);
    assert_eq!(room.audio_to(AGENT).len(), 6);
}

#[test]
fn a_flood_is_cut_off_and_a_stranger_to_rtp_is_counted() {
    let mut room = Room::new(1);
    room.converse();
    room.whisper(SUPERVISOR);
    room.run(100);
    let sent = room.plane.statistics(room.leg(CUSTOMER)).unwrap().dropped;
    for _ in 0..10_000 {
        room.speak(CUSTOMER);
    }
    let statistics = room.plane.statistics(room.leg(CUSTOMER)).unwrap();
    assert!(statistics.dropped - sent >= 9900, "{statistics:?}");
    room.run(1000);
    for garbage in [&b""[..], b"\x80", b"GET / HTTP/1.1\r\n\r\n", &[0x80; 12], &[0xff; 1400]] {
        room.bytes(AGENT, garbage);
    }
    assert_eq!(room.plane.statistics(room.leg(AGENT)).unwrap().dropped, 5);
}

#[test]
fn a_strangers_flood_silences_nobody() {
    let mut room = Room::new(0);
    room.converse();
    room.run(100);
    let (token, now) = (room.parties[CUSTOMER].token, room.now());
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    let stranger = "203.0.113.9:4000".parse().unwrap();
    for _ in 0..200 {
        room.plane.packet(now, token, stranger, &[0x80; 172], &mut room.wire);
        room.plane.packet(now, token, stranger, &report, &mut room.wire);
    }
    let before = room.plane.statistics(room.leg(CUSTOMER)).unwrap();
    room.speak(CUSTOMER);
    let after = room.plane.statistics(room.leg(CUSTOMER)).unwrap();
    assert_eq!((after.received, after.dropped), (before.received + 1, before.dropped));
}

#[test]
fn legs_are_bounded_and_open_once() {
    let mut room = Room::new(0);
    assert_eq!(room.plane.open(room.leg(AGENT)), Err(OpenError::Twice));
    let mut ids = IdMaker::new(Entropy::from_seed([1; 32]));
    let opened = (0..MAX_LEGS).filter(|n| room.plane.open(ids.make(*n as u64)).is_ok()).count();
    assert_eq!(opened + 2, MAX_LEGS);
    assert_eq!(room.plane.open(ids.make(0)), Err(OpenError::Full));
}

#[test]
fn a_closed_leg_leaves_nothing_behind_and_its_place_is_used_again() {
    let mut room = Room::new(1);
    room.converse();
    room.whisper(SUPERVISOR);
    room.run(200);
    let leg = room.leg(SUPERVISOR);
    let place = room.plane.close(room.now(), leg, &mut room.wire);
    room.run(100);
    assert_eq!(place, Some(room.parties[SUPERVISOR].token));
    assert_eq!(room.plane.open(leg).ok(), place);
    assert_eq!(room.plane.open_legs(), 3);
    room.wire.packets.clear();
    room.run(400);
    assert!(room.hears(AGENT, CUSTOMER) && !room.hears(AGENT, SUPERVISOR));
}
