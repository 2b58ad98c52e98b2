//! Who hears whom, and what a supervisor who comes and goes does to the streams of the others.

use super::*;

#[test]
fn every_listener_hears_exactly_its_sources() {
    for mask in 0..64u32 {
        let mut room = Room::new(1);
        let all = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
        let pairs: Vec<_> = (0..6).filter(|bit| mask & 1 << bit != 0).map(|bit| all[bit]).collect();
        room.hear(&[0, 1, 2], &pairs);
        room.run(100);
        room.wire.packets.clear();
        room.run(500);
        for (listener, source) in all {
            let allowed = pairs.contains(&(listener, source));
            assert_eq!(room.hears(listener, source), allowed, "{listener} hears {source}, of {pairs:?}");
        }
    }
}

#[test]
fn monitoring_leaves_both_streams_of_the_conversation_byte_identical() {
    let streams = |monitored: bool| {
        let mut room = Room::new(1);
        room.converse();
        room.run(400);
        if monitored {
            room.monitor(SUPERVISOR);
            room.play(SUPERVISOR, 1, &[Prompt::Chime]);
        }
        room.run(1000);
        if monitored {
            assert!(room.hears(SUPERVISOR, CUSTOMER) && room.hears(SUPERVISOR, AGENT));
            room.plane.close(room.now(), room.leg(SUPERVISOR), &mut room.wire);
        }
        room.run(400);
        [CUSTOMER, AGENT].map(|party| room.packets_to(party).into_iter().cloned().collect::<Vec<_>>())
    };
    assert_eq!(streams(true), streams(false));
}

#[test]
fn a_whisper_reaches_the_agent_and_leaves_what_the_customer_gets_byte_identical() {
    let customer_gets = |whispered: bool| {
        let mut room = Room::new(1);
        room.converse();
        room.run(400);
        if whispered {
            room.whisper(SUPERVISOR);
            room.play(AGENT, 1, &[Prompt::Chime]);
            room.play(SUPERVISOR, 2, &[Prompt::Chime]);
        }
        room.run(2000);
        if whispered {
            assert!(room.hears(AGENT, SUPERVISOR) && room.hears(AGENT, CUSTOMER));
            let level = tone::level_of(TONES_HZ[SUPERVISOR], SAMPLE_RATE, &room.samples_to(CUSTOMER));
            assert!(level < -70.0, "{level}");
            room.converse();
            room.hear(&[SUPERVISOR], &[]);
        }
        room.run(400);
        room.packets_to(CUSTOMER).into_iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(customer_gets(true), customer_gets(false));
}

#[test]
fn two_supervisors_do_not_hear_each_other() {
    let mut room = Room::new(2);
    room.converse();
    room.monitor(SUPERVISOR);
    room.monitor(SECOND_SUPERVISOR);
    room.hear(&[AGENT], &[(AGENT, CUSTOMER), (AGENT, SUPERVISOR), (AGENT, SECOND_SUPERVISOR)]);
    room.run(1000);
    assert!(!room.hears(SUPERVISOR, SECOND_SUPERVISOR) && !room.hears(SECOND_SUPERVISOR, SUPERVISOR));
    assert!(room.hears(AGENT, SUPERVISOR) && room.hears(AGENT, SECOND_SUPERVISOR) && room.hears(AGENT, CUSTOMER));
    assert!(!room.hears(CUSTOMER, SUPERVISOR) && !room.hears(CUSTOMER, SECOND_SUPERVISOR));
}

#[test]
fn attaching_and_detaching_a_whisper_loses_and_doubles_nothing() {
    for ptime_ms in [10, 20, 30, 40, 60] {
        for attach_ms in (300..320).step_by(3) {
            let mut room = Room::new(1);
            room.parties[CUSTOMER].ptime_ms = ptime_ms;
            room.parties[SUPERVISOR].speaks = false;
            room.voice = |party, timestamp| if party == CUSTOMER { sawtooth(timestamp) } else { 0 };
            room.converse();
            room.run(attach_ms);
            room.whisper(SUPERVISOR);
            room.run(400 + attach_ms);
            room.converse();
            room.run(400);
            assert_whole(&room, &format!("{ptime_ms} ms packets, attached at {attach_ms} ms"));
        }
    }
}

#[test]
fn a_monitored_call_hands_over_to_the_whisper_from_a_running_ring() {
    for attach_ms in (700..720).step_by(3) {
        let mut room = Room::new(1);
        room.parties[SUPERVISOR].speaks = false;
        room.voice = |party, timestamp| if party == CUSTOMER { sawtooth(timestamp) } else { 0 };
        room.converse();
        room.run(200);
        room.monitor(SUPERVISOR);
        room.run(attach_ms - 200);
        for _ in 0..10 {
            room.whisper(SUPERVISOR);
            room.run(attach_ms / 9);
            room.converse();
            room.run(attach_ms / 11);
        }
        assert_whole(&room, &format!("attached at {attach_ms} ms"));
    }
}

#[test]
fn a_whisper_delays_the_customer_by_at_most_25_ms() {
    let mut room = Room::new(1);
    room.converse();
    room.whisper(SUPERVISOR);
    room.run(1000);
    let first = room.audio_to(AGENT)[0].at_ms;
    assert!(first <= 25, "{first}");
}

#[test]
fn a_whisper_is_heard_though_the_customer_and_the_agent_send_nothing() {
    let mut room = Room::new(1);
    room.parties[CUSTOMER].speaks = false;
    room.parties[AGENT].speaks = false;
    room.converse();
    room.whisper(SUPERVISOR);
    room.run(1000);
    assert!(room.hears(AGENT, SUPERVISOR));
    room.assert_unbroken(AGENT);
}

#[test]
fn a_whisper_after_long_silence_goes_on_in_time_and_not_in_the_past() {
    let mut room = Room::new(1);
    room.converse();
    room.run(100);
    room.parties[CUSTOMER].speaks = false;
    room.run(5000);
    let before = room.audio_to(AGENT).last().unwrap().timestamp;
    room.whisper(SUPERVISOR);
    room.run(400);
    let after = room.audio_to(AGENT).last().unwrap().timestamp;
    let gone = after.wrapping_sub(before) / 8;
    assert!((5200..5500).contains(&gone), "{gone} ms");
}

#[test]
fn parties_of_different_codecs_understand_each_other() {
    let triples = Codec::ALL.map(|customer| Codec::ALL.map(|agent| Codec::ALL.map(|spy| [customer, agent, spy])));
    for codecs in triples.as_flattened().as_flattened() {
        let mut room = Room::with_codecs(codecs);
        room.converse();
        room.whisper(SUPERVISOR);
        room.run(1000);
        for (listener, source, heard) in [
            (CUSTOMER, AGENT, true),
            (AGENT, CUSTOMER, true),
            (AGENT, SUPERVISOR, true),
            (CUSTOMER, SUPERVISOR, false),
            (SUPERVISOR, CUSTOMER, true),
            (SUPERVISOR, AGENT, true),
        ] {
            assert_eq!(room.hears(listener, source), heard, "{listener} {source}: {codecs:?}");
        }
        (CUSTOMER..=SUPERVISOR).for_each(|party| room.assert_unbroken(party));
    }
}

#[test]
fn what_we_make_ourselves_comes_in_packets_as_long_as_the_peer_likes() {
    for codec in Codec::ALL {
        for (ptime_ms, lasts_ms) in [(10, 10), (20, 20), (30, 30), (40, 40), (60, 60), (1, 10), (500, 60)] {
            let lasts_ms = if codec == Codec::Opus && lasts_ms == 30 { 20 } else { lasts_ms };
            let mut room = Room::with_codecs(&[Codec::Pcmu, codec, Codec::G722]);
            room.change(AGENT, |params| params.ptime_ms = ptime_ms);
            room.converse();
            room.whisper(SUPERVISOR);
            room.run(1200);
            let case = format!("{codec:?} in {ptime_ms} ms");
            let units = codec.clock_rate() / 1000 * lasts_ms;
            assert!(
                room.audio_to(AGENT).iter().all(|packet| codec::duration(codec, &packet.payload) == units),
                "{case}"
            );
            room.assert_unbroken(AGENT);
            assert!(room.hears(AGENT, CUSTOMER) && room.hears(AGENT, SUPERVISOR), "{case}");
            room.wire.packets.clear();
            room.play(AGENT, 1, &[Prompt::Error]);
            room.hear(&[AGENT], &[]);
            room.run(600);
            room.assert_unbroken(AGENT);
            assert!(room.hears(AGENT, 4), "{case}: a prompt");
        }
    }
}

#[test]
fn back_from_a_whisper_in_long_packets_nothing_is_lost_or_doubled() {
    for ptime_ms in [10, 30, 40, 60] {
        let mut room = Room::new(1);
        room.parties[SUPERVISOR].speaks = false;
        room.voice = |party, timestamp| if party == CUSTOMER { sawtooth(timestamp) } else { 0 };
        room.change(AGENT, |params| params.ptime_ms = ptime_ms);
        room.converse();
        room.run(300);
        room.whisper(SUPERVISOR);
        room.run(715);
        room.converse();
        room.run(400);
        assert_whole(&room, &format!("{ptime_ms} ms"));
    }
}
