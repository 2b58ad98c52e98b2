//! Keys typed as tones over a network that loses, doubles, delays and falls silent.

use super::*;
use crate::dtmf::tone::key_press;

const KEYS: &str = "0070*1223#";
const PRESS: Duration = Duration::from_millis(100);
const PAUSE_SAMPLES: usize = 800;
const FRAMES_PER_KEY: usize = 10;

/// The keys as frames of 20 ms: 100 ms of each, 100 ms apart.
fn frames() -> Vec<Vec<i16>> {
    let pause = vec![0; PAUSE_SAMPLES];
    let key = |key| [pause.clone(), key_press(Digit::try_from(key).unwrap(), -10.0, PRESS, SAMPLE_RATE)].concat();
    let mut audio: Vec<i16> = KEYS.chars().flat_map(key).collect();
    audio.extend(pause);
    audio.chunks(FRAME_SAMPLES).map(Vec::from).collect()
}

/// What is told when the packets of these frames come, in this order; a number says which packets were sent before.
fn told(packets: impl IntoIterator<Item = (usize, u16)>) -> String {
    let mut room = Room::new(0);
    room.plane.listen(room.leg(CUSTOMER), true);
    let frames = frames();
    let mut encoder = Encoder::new(Codec::Pcmu);
    let (sequence, timestamp) = (room.parties[CUSTOMER].sequence, room.parties[CUSTOMER].timestamp);
    for (frame, number) in packets {
        room.parties[CUSTOMER].sequence = sequence.wrapping_add(number);
        let mut payload = [0; FRAME_SAMPLES];
        let payload = encoder.encode(&frames[frame], &mut payload);
        let at = timestamp.wrapping_add((frame * FRAME_SAMPLES) as u32);
        room.rtp(CUSTOMER, Codec::Pcmu.payload_type(), at, payload);
        room.now_ms += 20;
    }
    let digit = |event: &Event| match event {
        Event::Digit { digit, .. } => Some(digit.as_char()),
        Event::Key { .. } | Event::Played { .. } | Event::Quiet { .. } | Event::Closed { .. } => None,
    };
    room.wire.events.iter().filter_map(digit).collect()
}

fn numbered(frames: impl IntoIterator<Item = usize>) -> impl Iterator<Item = (usize, u16)> {
    frames.into_iter().map(|frame| (frame, frame as u16))
}

#[test]
fn every_key_is_told_once_whichever_frame_of_each_press_is_lost() {
    let count = frames().len();
    for lost in 0..FRAMES_PER_KEY {
        assert_eq!(told(numbered((0..count).filter(|frame| frame % FRAMES_PER_KEY != lost))), KEYS, "{lost}");
    }
}

#[test]
fn two_or_three_frames_lost_in_the_middle_of_a_press_do_not_double_it() {
    let count = frames().len();
    for lost in [6..8, 7..9, 6..9] {
        let long = |frame: &usize| !lost.contains(&(frame % FRAMES_PER_KEY));
        assert_eq!(told(numbered((0..count).filter(long))), KEYS, "{lost:?}");
    }
}

#[test]
fn packets_that_come_twice_or_change_places_change_nothing() {
    let count = frames().len();
    assert_eq!(told(numbered((0..count).flat_map(|frame| [frame, frame]))), KEYS);
    assert_eq!(told(numbered((0..count).map(|frame| (frame ^ 1).min(count - 1)))), KEYS);
}

#[test]
fn a_phone_that_sends_nothing_in_the_pauses_has_its_keys_told_apart() {
    let sounding = (0..frames().len()).filter(|frame| frame % FRAMES_PER_KEY >= 5).zip(0..);
    assert_eq!(told(sounding), KEYS);
}
