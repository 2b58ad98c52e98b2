//! The keys of one party as the other one gets them: each in its own form, once, and never those of a supervisor.

use super::*;
use crate::dtmf::{Arrival, InBand, Receiver};

const KEYS: &str = "55#";
/// When each key is pressed, in milliseconds of the customer's clock: at different places in a packet.
const PRESSED_MS: [u32; 3] = [400, 707, 1014];
/// Long enough for all keys to be pressed and said.
const REST_MS: u64 = 2000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Events,
    Info,
    Tones,
}
use Form::{Events, Info, Tones};

/// What came to a party by each carrier.
#[derive(Debug, Default, PartialEq, Eq)]
struct Got {
    events: String,
    info: String,
    tones: String,
}

fn digit(key: char) -> Digit {
    Digit::try_from(key).unwrap()
}

/// The customer says nothing but keys, the others nothing at all.
fn typed<const LENGTH_MS: u32>(party: usize, timestamp: u32) -> i16 {
    let at = timestamp.wrapping_sub(FIRST_TIMESTAMP);
    let pressed = |(from_ms, key): (u32, char)| {
        let within = at.checked_sub(from_ms * 8).filter(|within| *within < LENGTH_MS * 8)?;
        let turn = |hz: f64| (std::f64::consts::TAU * hz * f64::from(within) / 8000.0).sin();
        let sum: f64 = crate::dtmf::tone::frequencies(digit(key)).into_iter().map(turn).sum();
        Some((6000.0 * sum) as i16)
    };
    let mut presses = PRESSED_MS.into_iter().zip(KEYS.chars());
    if party == CUSTOMER { presses.find_map(pressed).unwrap_or(0) } else { 0 }
}

fn silent(_: usize, _: u32) -> i16 {
    0
}

/// A call between a customer and an agent who take keys in these forms.
fn call(codecs: [Codec; 2], forms: [Form; 2], supervisors: usize) -> Room {
    let all: Vec<Codec> = codecs.into_iter().chain(vec![Codec::Pcmu; supervisors]).collect();
    let mut room = Room::with_codecs(&all);
    room.voice = silent;
    for (party, form) in [CUSTOMER, AGENT].into_iter().zip(forms) {
        room.change(party, |params| {
            (params.events, params.info) = (Some(EVENT).filter(|_| form == Events), form == Info);
        });
    }
    room.converse();
    room
}

fn press_event(room: &mut Room, party: usize, key: char) {
    let timestamp = room.parties[party].timestamp;
    for n in 1..=7u16 {
        let [high, low] = (n.min(5) * 160).to_be_bytes();
        let flags = if n < 5 { 10 } else { 0x8a };
        room.rtp(party, EVENT.payload_type, timestamp, &[digit(key).event_code(), flags, high, low]);
        room.run(20);
    }
    room.run(167);
}

fn press_info(room: &mut Room, party: usize, key: char) {
    room.plane.info(room.now(), room.leg(party), digit(key), &mut room.wire);
    room.run(307);
}

fn press_all(room: &mut Room, form: Form) {
    match form {
        Events => KEYS.chars().for_each(|key| press_event(room, CUSTOMER, key)),
        Info => KEYS.chars().for_each(|key| press_info(room, CUSTOMER, key)),
        Tones => room.voice = typed::<100>,
    }
    room.run(REST_MS);
}

fn got(room: &Room, party: usize) -> Got {
    let mut receiver = Receiver::new();
    let mut got = Got::default();
    for packet in room.packets_to(party) {
        let now = room.start + Duration::from_millis(packet.at_ms);
        let Heard { sequence, timestamp, payload, .. } = packet;
        let (sequence, timestamp) = (*sequence, *timestamp);
        if packet.payload_type == EVENT.payload_type {
            receiver.event(now, &Arrival { sequence, timestamp, marker: false, payload });
        } else {
            receiver.packet(sequence);
        }
        got.events.extend(std::iter::from_fn(|| receiver.poll(now)).map(|key| key.digit.as_char()));
    }
    let mut ear = InBand::default();
    let samples = room.samples_to(party);
    got.tones.extend(samples.chunks(160).filter_map(|frame| ear.hear(frame)).map(Digit::as_char));
    let to = room.leg(party);
    got.info.extend(room.wire.events.iter().filter_map(|event| match event {
        Event::Key { leg, digit } if *leg == to => Some(digit.as_char()),
        Event::Key { .. } | Event::Digit { .. } | Event::Played { .. } | Event::Quiet { .. } | Event::Closed { .. } => {
            None
        }
    }));
    got
}

fn only(form: Form) -> Got {
    let mut got = Got::default();
    match form {
        Events => got.events = KEYS.into(),
        Info => got.info = KEYS.into(),
        Tones => got.tones = KEYS.into(),
    }
    got
}

const FORMS: [Form; 3] = [Events, Info, Tones];

#[test]
fn every_key_reaches_the_other_party_once_in_the_form_that_it_takes_and_in_no_other() {
    let codecs = [
        [Codec::Pcmu, Codec::Pcmu],
        [Codec::Pcmu, Codec::Pcma],
        [Codec::G722, Codec::Pcmu],
        [Codec::Pcma, Codec::G722],
    ];
    for (from, to) in FORMS.into_iter().flat_map(|from| FORMS.map(|to| (from, to))) {
        for codecs in codecs {
            let mut room = call(codecs, [from, to], 0);
            press_all(&mut room, from);
            assert_eq!(got(&room, AGENT), only(to), "{from:?} to {to:?}, {codecs:?}");
            assert_eq!(got(&room, CUSTOMER), Got::default(), "and none comes back: {from:?} to {to:?}, {codecs:?}");
        }
    }
}

#[test]
fn a_supervisor_who_listens_changes_nothing() {
    for (from, to) in FORMS.into_iter().flat_map(|from| FORMS.map(|to| (from, to))) {
        let mut room = call([Codec::Pcmu; 2], [from, to], 1);
        room.whisper(SUPERVISOR);
        press_all(&mut room, from);
        assert_eq!(got(&room, AGENT), only(to), "{from:?} to {to:?}");
        assert_eq!(got(&room, SUPERVISOR).events, "", "{from:?} to {to:?}");
        assert_eq!(got(&room, SUPERVISOR).info, "", "{from:?} to {to:?}");
    }
}

#[test]
fn a_tone_that_is_held_is_one_key_in_any_form() {
    for to in FORMS {
        let mut room = call([Codec::Pcmu; 2], [Tones, to], 0);
        room.voice = typed::<250>;
        room.run(400 + REST_MS);
        assert_eq!(got(&room, AGENT), only(to), "{to:?}");
    }
}

#[test]
fn a_key_that_comes_as_event_and_by_info_is_passed_on_once_whichever_is_first() {
    for (to, info_first) in FORMS.into_iter().flat_map(|to| [(to, false), (to, true)]) {
        let mut room = call([Codec::Pcmu; 2], [Events, to], 0);
        room.run(400);
        for key in KEYS.chars() {
            if info_first {
                room.plane.info(room.now(), room.leg(CUSTOMER), digit(key), &mut room.wire);
            }
            press_event(&mut room, CUSTOMER, key);
            if !info_first {
                room.plane.info(room.now(), room.leg(CUSTOMER), digit(key), &mut room.wire);
            }
            room.run(300);
        }
        assert_eq!(got(&room, AGENT), only(to), "{to:?}, INFO first: {info_first}");
    }
}

#[test]
fn a_key_that_comes_by_info_and_as_a_tone_is_passed_on_once() {
    for to in FORMS {
        let mut room = call([Codec::Pcmu; 2], [Info, to], 0);
        room.voice = typed::<100>;
        for (key, at_ms) in KEYS.chars().zip(PRESSED_MS) {
            room.run(u64::from(at_ms) + 120 - room.now_ms);
            room.plane.info(room.now(), room.leg(CUSTOMER), digit(key), &mut room.wire);
        }
        room.run(REST_MS);
        assert_eq!(got(&room, AGENT), only(to), "{to:?}");
    }
}

#[test]
fn keys_typed_faster_than_they_can_be_said_are_said_one_after_the_other() {
    let mut room = call([Codec::Pcmu; 2], [Info, Tones], 0);
    for key in KEYS.chars() {
        room.plane.info(room.now(), room.leg(CUSTOMER), digit(key), &mut room.wire);
    }
    room.run(REST_MS);
    assert_eq!(got(&room, AGENT), only(Tones));
}

#[test]
fn nothing_that_a_supervisor_types_reaches_a_party_in_any_form() {
    for (customer, agent) in FORMS.into_iter().flat_map(|customer| FORMS.map(|agent| (customer, agent))) {
        let mut room = call([Codec::Pcmu; 2], [customer, agent], 1);
        room.whisper(SUPERVISOR);
        for key in KEYS.chars() {
            press_event(&mut room, SUPERVISOR, key);
            press_info(&mut room, SUPERVISOR, key);
        }
        for party in [CUSTOMER, AGENT] {
            assert_eq!(got(&room, party), Got::default(), "{customer:?} and {agent:?}");
        }
    }
}

#[test]
fn who_is_on_hold_gets_no_keys_and_hears_the_other_party_again_after_them() {
    let mut room = call([Codec::Pcmu; 2], [Info, Tones], 0);
    room.change(AGENT, |params| params.send = false);
    press_all(&mut room, Info);
    room.change(AGENT, |params| params.send = true);
    room.run(1000);
    assert_eq!(got(&room, AGENT), Got::default());
    press_info(&mut room, CUSTOMER, '7');
    room.voice = tones;
    room.run(500);
    room.wire.packets.clear();
    room.run(500);
    assert!(room.hears(AGENT, CUSTOMER), "the keypad is put away");
}

#[test]
fn a_stream_with_keys_in_it_has_no_hole_and_no_number_twice() {
    for to in [Events, Tones] {
        let mut room = call([Codec::Pcmu; 2], [Info, to], 0);
        room.run(400);
        press_all(&mut room, Info);
        let numbers: Vec<u16> = room.packets_to(AGENT).iter().map(|packet| packet.sequence).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "{to:?}: {numbers:?}");
    }
}

#[test]
fn the_payload_type_of_events_may_change_in_the_middle_of_a_key() {
    let mut room = call([Codec::Pcmu; 2], [Events, Events], 0);
    room.plane.listen(room.leg(CUSTOMER), true);
    let timestamp = room.parties[CUSTOMER].timestamp;
    for (n, payload_type) in (1..=7u16).zip([101, 101, 101, 97, 97, 97, 97]) {
        if payload_type == 97 {
            room.change(CUSTOMER, |params| {
                params.events = Some(crate::model::EventFormat { payload_type: 97, ..EVENT })
            });
        }
        let [high, low] = (n.min(5) * 160).to_be_bytes();
        room.rtp(CUSTOMER, payload_type, timestamp, &[5, if n < 5 { 10 } else { 0x8a }, high, low]);
        room.run(20);
    }
    room.run(500);
    let heard = room.wire.events.iter().filter(|event| matches!(event, Event::Digit { .. }));
    assert_eq!(heard.count(), 1);
    assert_eq!(got(&room, AGENT), Got { events: "5".into(), ..Got::default() });
    let before = room.wire.events.len();
    room.rtp(CUSTOMER, 101, timestamp.wrapping_add(9000), &[6, 0x8a, 3, 0x20]);
    assert_eq!(room.wire.events.len(), before, "the old number is no event any more");
}
