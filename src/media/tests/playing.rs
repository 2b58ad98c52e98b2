//! What is played: music on hold, prompts, chimes, and the silence that keeps a way open.

use super::*;

#[test]
fn a_leg_that_hears_nobody_is_kept_alive_with_silence() {
    let mut room = Room::new(1);
    room.run(400);
    assert_eq!(room.payloads_to(SUPERVISOR), vec![vec![0xff; FRAME_SAMPLES]; 20]);
    room.assert_unbroken(SUPERVISOR);
}

#[test]
fn on_hold_nothing_goes_out_and_nothing_comes_in() {
    let mut room = Room::new(1);
    room.converse();
    room.monitor(SUPERVISOR);
    room.run(200);
    room.change(CUSTOMER, |params| (params.send, params.receive) = (false, false));
    room.wire.packets.clear();
    room.run(60);
    room.wire.packets.clear();
    room.run(1000);
    assert!(room.packets_to(CUSTOMER).is_empty());
    assert!(!room.hears(AGENT, CUSTOMER) && !room.hears(SUPERVISOR, CUSTOMER) && room.hears(SUPERVISOR, AGENT));
    room.change(CUSTOMER, |params| (params.send, params.receive) = (true, true));
    room.wire.packets.clear();
    room.run(500);
    assert!(room.hears(AGENT, CUSTOMER) && room.hears(CUSTOMER, AGENT));
}

#[test]
fn who_is_on_hold_hears_the_music_over_and_over_from_its_beginning_and_a_chime_above_it() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let mut room = Room::with_codecs(&[codec, codec]);
        let tune: Vec<i16> = tone::sine(TONES_HZ[4], -12.0, SAMPLE_RATE, 10 * FRAME_SAMPLES);
        room.plane = Plane::new(
            Arc::new(Clips::from_samples([(Prompt::MusicOnHold, tune.clone()), (Prompt::Chime, tone::chime())])),
            Entropy::from_seed([4; 32]),
        );
        for party in [CUSTOMER, AGENT] {
            room.parties[party].token = room.plane.open(room.leg(party)).unwrap();
            room.change(party, |_| {});
        }
        let hold = |room: &mut Room| {
            let mut matrix = HearMatrix::silent([room.leg(CUSTOMER), room.leg(AGENT)]);
            matrix.allow_music(room.leg(CUSTOMER));
            room.plane.hear(room.now(), &matrix, &mut room.wire);
            room.wire.packets.clear();
        };
        room.converse();
        room.run(400);
        for _ in 0..2 {
            hold(&mut room);
            room.run(400);
            let mut payload = vec![0; tune.len()];
            Encoder::new(codec).encode(&tune, &mut payload);
            assert_eq!(room.payloads_to(CUSTOMER).concat(), [payload.as_slice(), &payload].concat());
            assert!(!room.hears(CUSTOMER, AGENT) && !room.hears(AGENT, CUSTOMER));
            hold(&mut room);
            room.run(120);
            assert!(room.wire.events.is_empty(), "music has no end that anybody waits for");
            room.play(CUSTOMER, 1, &[Prompt::Chime]);
            room.wire.packets.clear();
            room.run(160);
            let heard = room.samples_to(CUSTOMER);
            let level = |hz| tone::level_of(hz, SAMPLE_RATE, &heard);
            assert!(level(TONES_HZ[4]) > -15.0 && level(tone::CHIME_NOTES_HZ[0]) > -30.0);
            room.run(400);
            room.wire.events.clear();
            room.converse();
            room.wire.packets.clear();
            room.run(400);
            assert!(room.hears(CUSTOMER, AGENT) && room.hears(AGENT, CUSTOMER));
            assert!(tone::level_of(TONES_HZ[4], SAMPLE_RATE, &room.samples_to(CUSTOMER)) < -60.0);
        }
    }
}

#[test]
fn a_prompt_is_played_to_one_leg_and_its_end_is_told() {
    let mut room = Room::new(1);
    room.converse();
    room.run(200);
    room.wire.packets.clear();
    room.play(SUPERVISOR, 5, &[Prompt::Error, Prompt::Chime]);
    room.run(900);
    assert!(room.hears(SUPERVISOR, 4) && !room.hears(AGENT, 4) && !room.hears(CUSTOMER, 4));
    assert!(room.wire.events.is_empty());
    room.run(600);
    assert!(room.wire.events == [Event::Played { leg: room.leg(SUPERVISOR), ticket: 5 }]);
    room.assert_unbroken(SUPERVISOR);
}

#[test]
fn a_prompt_that_is_stopped_or_replaced_is_never_reported_as_played() {
    let mut room = Room::new(1);
    room.play(SUPERVISOR, 1, &[Prompt::Error]);
    room.run(100);
    room.play(SUPERVISOR, 2, &[Prompt::Error]);
    room.run(100);
    room.plane.stop_playing(room.now(), room.leg(SUPERVISOR), &mut room.wire);
    room.run(3000);
    assert!(room.wire.events.is_empty());
    room.play(SUPERVISOR, 3, &[]);
    room.run(20);
    assert!(room.wire.events == [Event::Played { leg: room.leg(SUPERVISOR), ticket: 3 }]);
}

#[test]
fn a_chime_sounds_over_the_conversation_and_returns_to_relay() {
    let mut room = Room::new(0);
    room.voice = |party, timestamp| if party == CUSTOMER { sawtooth(timestamp) } else { 0 };
    room.converse();
    room.run(300);
    room.play(AGENT, 1, &[Prompt::Chime]);
    room.run(1000);
    room.assert_unbroken(AGENT);
    let heard = room.samples_to(AGENT);
    let differs = |n: &usize| heard[*n] != over_the_wire(sawtooth(FIRST_TIMESTAMP.wrapping_add(*n as u32)));
    let chimed: Vec<usize> = (0..heard.len()).filter(differs).collect();
    assert!(chimed.len() > 1000 && chimed.last().unwrap() - chimed[0] <= 3200, "the chime alone, and in one piece");
}
