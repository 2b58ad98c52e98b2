//! The rows of `docs/dtmf.md` in small: sounds made here from fixed seeds, so that no change lets a row slip unseen.

use super::{InBand, tone};
use crate::model::Digit;
use std::f32::consts::TAU;

const KEYS: &str = "D73A52#1864C9B0*";

/// SplitMix64: the same sounds on every machine.
struct Dice(u64);

impl Dice {
    fn below_one(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.below_one()
    }

    /// Normal enough, with a mean square of one.
    fn noise(&mut self) -> f32 {
        (0..12).map(|_| self.below_one()).sum::<f32>() - 6.0
    }
}

/// G.711: a full-scale sine is at +3.14 dBm0.
fn peak(dbm0: f32) -> f32 {
    0.696_63 * 32767.0 * 10f32.powf(dbm0 / 20.0)
}

fn gain(db: f32) -> f32 {
    10f32.powf(db / 20.0)
}

fn sine(dice: &mut Dice, hz: f32, ms: f32, peak: f32) -> Vec<f32> {
    let phase = dice.between(0.0, TAU);
    (0..(ms * 8.0) as usize).map(|n| peak * (TAU * hz * n as f32 / 8000.0 + phase).sin()).collect()
}

fn add(to: &mut [f32], sound: &[f32]) {
    to.iter_mut().zip(sound).for_each(|(sample, more)| *sample += more);
}

/// How a key is pressed.
#[derive(Clone, Copy)]
struct Touch {
    on_ms: f32,
    off_ms: f32,
    low_dbm0: f32,
    high_dbm0: f32,
    low_off: f32,
    high_off: f32,
    hz_off: f32,
}

const PLAIN: Touch =
    Touch { on_ms: 50.0, off_ms: 50.0, low_dbm0: -10.0, high_dbm0: -10.0, low_off: 0.0, high_off: 0.0, hz_off: 0.0 };

fn press(dice: &mut Dice, key: char, touch: Touch) -> Vec<f32> {
    let [low, high] = tone::frequencies(Digit::try_from(key).unwrap()).map(|hz| hz as f32);
    let moved = |hz: f32, off: f32| hz * (1.0 + off) + touch.hz_off * off.signum();
    let mut sound = sine(dice, moved(low, touch.low_off), touch.on_ms, peak(touch.low_dbm0));
    let other = sine(dice, moved(high, touch.high_off), touch.on_ms, peak(touch.high_dbm0));
    add(&mut sound, &other);
    sound
}

/// All keys, with up to 13 ms more in each pause so that tones fall on all phases of the hops.
fn entry(dice: &mut Dice, touch: Touch) -> Vec<f32> {
    let mut sound = vec![0.0; 1600];
    for key in KEYS.chars() {
        sound.extend(press(dice, key, touch));
        let pause = touch.off_ms + dice.between(0.0, 13.0);
        sound.extend(vec![0.0; (pause * 8.0) as usize]);
    }
    sound.extend([0.0; 1600]);
    sound
}

fn heard(sound: &[f32]) -> String {
    let mut ear = InBand::default();
    let samples: Vec<i16> = sound.iter().map(|sample| sample.round() as i16).collect();
    samples.chunks(160).filter_map(|frame| ear.hear(frame)).map(Digit::as_char).collect()
}

#[track_caller]
fn all_heard(sound: &[f32]) {
    assert_eq!(heard(sound), KEYS);
}

#[test]
fn keys_up_to_one_and_a_half_percent_and_two_hertz_off_are_heard_and_from_three_and_a_half_none() {
    let mut dice = Dice(1);
    for (low, high) in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)] {
        let off = |part: f32, hz_off| Touch { low_off: part * low, high_off: part * high, hz_off, ..PLAIN };
        all_heard(&entry(&mut dice, off(0.015, 2.0)));
        assert_eq!(heard(&entry(&mut dice, Touch { on_ms: 100.0, ..off(0.035, 0.0) })), "");
    }
}

#[test]
fn twist_of_8_db_and_of_5_db_reverse_is_borne() {
    all_heard(&entry(&mut Dice(2), Touch { high_dbm0: -18.0, ..PLAIN }));
    all_heard(&entry(&mut Dice(3), Touch { low_dbm0: -15.0, ..PLAIN }));
}

#[test]
fn tones_of_34_ms_are_keys_and_of_23_ms_are_not() {
    all_heard(&entry(&mut Dice(4), Touch { on_ms: 34.0, ..PLAIN }));
    assert_eq!(heard(&entry(&mut Dice(5), Touch { on_ms: 23.0, ..PLAIN })), "");
}

#[test]
fn keys_are_heard_from_minus_3_to_minus_48_dbm0_and_none_at_minus_55() {
    for level in [-3.0, -20.0, -36.0, -48.0, -55.0] {
        let sound = entry(&mut Dice(6), Touch { low_dbm0: level, high_dbm0: level, ..PLAIN });
        assert_eq!(heard(&sound), if level < -50.0 { "" } else { KEYS }, "{level}");
    }
}

#[test]
fn an_interruption_of_12_ms_or_a_lost_frame_does_not_part_a_press_and_a_pause_of_40_ms_does() {
    let mut dice = Dice(7);
    for (gap_ms, presses) in [(12, "5"), (20, "5"), (40, "55")] {
        let long = Touch { on_ms: 60.0, ..PLAIN };
        let parts = [press(&mut dice, '5', long), vec![0.0; gap_ms * 8], press(&mut dice, '5', long), vec![0.0; 800]];
        assert_eq!(heard(&parts.concat()), presses, "{gap_ms} ms");
    }
}

/// What is heard when this part of the frames does not come: by an ear that is told of it, and by one that is not.
fn heard_with_losses(dice: &mut Dice, sound: &[f32], part: f32) -> [String; 2] {
    let (mut told, mut untold) = (InBand::default(), InBand::default());
    let mut heard = [String::new(), String::new()];
    let mut lost = 0;
    for frame in sound.chunks(160) {
        let mut frame: Vec<i16> = frame.iter().map(|sample| sample.round() as i16).collect();
        if dice.below_one() < part {
            lost += frame.len();
            frame.fill(0);
        } else {
            told.lost(std::mem::take(&mut lost));
            heard[0].extend(told.hear(&frame).map(Digit::as_char));
        }
        heard[1].extend(untold.hear(&frame).map(Digit::as_char));
    }
    heard
}

#[test]
fn an_ear_that_is_told_of_a_tenth_of_the_frames_lost_hears_every_key_once() {
    let mut dice = Dice(16);
    let (mut told_wrong, mut untold_wrong) = (0, 0);
    for on_ms in [100.0, 160.0].repeat(20) {
        let sound = entry(&mut dice, Touch { on_ms, off_ms: 100.0, ..PLAIN });
        let [told, untold] = heard_with_losses(&mut dice, &sound, 0.1);
        told_wrong += usize::from(told != KEYS);
        untold_wrong += usize::from(untold != KEYS);
    }
    assert!(told_wrong <= 1, "{told_wrong} of 40 entries; in one, three frames of one key are lost");
    assert!(untold_wrong >= 10, "losses that do little harm prove nothing: {untold_wrong} of 40");
}

/// This part of the frames is lost, and the one before is there in their place: what gateways do.
fn with_repeats(dice: &mut Dice, sound: &[f32], part: f32) -> Vec<f32> {
    let mut last = vec![0.0; 160];
    sound
        .chunks(160)
        .flat_map(|frame| {
            if frame.len() < last.len() || dice.below_one() >= part {
                last = frame.to_vec();
            }
            last.clone()
        })
        .collect()
}

#[test]
fn frames_repeated_for_lost_ones_are_taken_for_lost() {
    let mut dice = Dice(18);
    for on_ms in [100.0, 160.0].repeat(20) {
        let sound = entry(&mut dice, Touch { on_ms, off_ms: 100.0, ..PLAIN });
        all_heard(&with_repeats(&mut dice, &sound, 0.1));
    }
}

/// A tone of 400 Hz is the same again every 2.5 ms: as a frame repeated, for as long as it sounds.
#[test]
fn a_tone_that_repeats_itself_parts_two_presses() {
    let mut dice = Dice(19);
    let touch = Touch { on_ms: 100.0, ..PLAIN };
    let tone: Vec<f32> = (0..2400).map(|n| peak(-25.0) * (TAU * (n % 20) as f32 / 20.0).sin()).collect();
    let parts = [press(&mut dice, '5', touch), tone, press(&mut dice, '5', touch), vec![0.0; 800]];
    assert_eq!(heard(&parts.concat()), "55");
}

/// Two presses of one key, and so many samples lost from some place on.
fn twice_with_a_loss(pause_ms: usize, from: usize, lost: usize) -> String {
    let mut dice = Dice(17);
    let touch = Touch { on_ms: 100.0, ..PLAIN };
    let parts = [press(&mut dice, '5', touch), vec![0.0; pause_ms * 8], press(&mut dice, '5', touch), vec![0.0; 800]];
    let samples: Vec<i16> = parts.concat().iter().map(|sample| *sample as i16).collect();
    let mut ear = InBand::default();
    let mut heard = String::new();
    let mut hear = |ear: &mut InBand, part: &[i16]| {
        heard.extend(part.chunks(160).filter_map(|frame| ear.hear(frame)).map(Digit::as_char));
    };
    hear(&mut ear, &samples[..from]);
    ear.lost(lost);
    hear(&mut ear, &samples[from + lost..]);
    heard
}

#[test]
fn a_frame_lost_in_or_beside_a_pause_does_not_hide_it() {
    for from in 640..1280 {
        assert_eq!(twice_with_a_loss(45, from, 160), "55", "from {from} on");
    }
}

#[test]
fn a_loss_that_may_hide_a_pause_parts_two_presses() {
    for from in 400..800 {
        assert_eq!(twice_with_a_loss(45, from, 640), "55", "from {from} on");
    }
}

#[test]
fn white_noise_7_db_below_the_tones_is_borne() {
    let mut dice = Dice(8);
    let mut sound = entry(&mut dice, Touch { low_dbm0: -12.0, high_dbm0: -12.0, ..PLAIN });
    sound.iter_mut().for_each(|sample| *sample += peak(-12.0) * gain(-7.0) * dice.noise());
    all_heard(&sound);
}

#[test]
fn dial_tones_12_db_above_the_tones_are_borne() {
    for dial in [&[350.0, 440.0][..], &[400.0], &[425.0]] {
        let mut dice = Dice(9);
        let mut sound = entry(&mut dice, Touch { low_dbm0: -16.0, high_dbm0: -16.0, ..PLAIN });
        for hz in dial {
            let dial = sine(&mut dice, *hz, sound.len() as f32 / 8.0, peak(-4.0));
            add(&mut sound, &dial);
        }
        all_heard(&sound);
    }
}

#[test]
fn hum_an_offset_and_clipping_are_borne() {
    let mut dice = Dice(10);
    for hz in [50.0, 60.0, 180.0, 0.0] {
        let mut sound = entry(&mut dice, Touch { low_dbm0: -20.0, high_dbm0: -20.0, ..PLAIN });
        let hum = sine(&mut dice, hz, sound.len() as f32 / 8.0, peak(-8.0));
        add(&mut sound, &hum);
        all_heard(&sound);
    }
    let loud = entry(&mut dice, Touch { on_ms: 60.0, off_ms: 60.0, low_dbm0: 9.0, high_dbm0: 9.0, ..PLAIN });
    all_heard(&loud.iter().map(|sample| sample.clamp(-32768.0, 32767.0)).collect::<Vec<_>>());
}

#[test]
fn an_echo_10_db_down_is_no_key_of_its_own() {
    for delay_ms in [10, 40, 80] {
        let dry = entry(&mut Dice(11), Touch { on_ms: 80.0, off_ms: 120.0, ..PLAIN });
        let mut sound = dry.clone();
        let echo: Vec<f32> = dry.iter().map(|sample| sample * gain(-10.0)).collect();
        add(&mut sound[delay_ms * 8..], &echo);
        all_heard(&sound);
    }
}

/// A key as a codec that predicts each tone from the one before (GSM) may leave it: its high tone goes through these heights, in
/// steps of 5 ms, and then stays as it is.
fn predicted(dice: &mut Dice, key: char, ms: f32, heights: &[f32]) -> Vec<f32> {
    let [low, high] = tone::frequencies(Digit::try_from(key).unwrap()).map(|hz| hz as f32);
    let mut sound = sine(dice, low, ms, peak(-10.0));
    let mut other = sine(dice, high, ms, peak(-10.0));
    for (n, sample) in other.iter_mut().enumerate() {
        let step = n as f32 / 40.0;
        let height = |at: usize| heights[at.min(heights.len() - 1)];
        let (now, next) = (height(step as usize), height(step as usize + 1));
        *sample *= now + step.fract() * (next - now);
    }
    add(&mut sound, &other);
    sound
}

#[test]
fn a_key_of_60_ms_whose_tone_a_codec_turns_over_is_heard() {
    let mut dice = Dice(20);
    let turned = [0.0, 1.2, 1.0, 0.8, 0.5, 0.2, -0.2, -0.5, -0.8, -1.0];
    for (key, lead) in KEYS.chars().cycle().zip(0..40) {
        let sound = [vec![0.0; 800 + lead], predicted(&mut dice, key, 60.0, &turned), vec![0.0; 800]];
        assert_eq!(heard(&sound.concat()), key.to_string(), "{lead}");
    }
}

#[test]
fn a_key_whose_tone_a_codec_begins_too_strong_is_heard_once_and_again_when_pressed_again() {
    let mut dice = Dice(21);
    let strong = [&[3.0; 8][..], &[2.0, 1.0, 0.8], &[0.6; 10], &[1.0]].concat();
    for lead in 0..40 {
        let press = predicted(&mut dice, '6', 200.0, &strong);
        let again = predicted(&mut dice, '6', 100.0, &[0.9]);
        let sound = [vec![0.0; 800 + lead], press, vec![0.0; 800], again, vec![0.0; 800]];
        assert_eq!(heard(&sound.concat()), "66", "{lead}");
    }
}

#[test]
fn a_key_that_something_comes_near_to_while_it_is_held_is_one_press() {
    let mut dice = Dice(22);
    for (near_hz, lead) in [852.0, 697.0, 1209.0, 1477.0].into_iter().cycle().zip(0..40) {
        let mut sound = press(&mut dice, '5', Touch { on_ms: 250.0, ..PLAIN });
        let near = sine(&mut dice, near_hz, 80.0, peak(-10.0) * gain(-3.0));
        add(&mut sound[560..], &near);
        assert_eq!(heard(&[vec![0.0; 800 + lead], sound, vec![0.0; 800]].concat()), "5", "{near_hz} Hz");
    }
}

/// Vowels whose two strongest harmonics stand where a key's tones would: long, steady, with a comb between them.
fn vowels(dice: &mut Dice, count: usize) -> Vec<f32> {
    let mut sound = Vec::new();
    for _ in 0..count {
        let row = tone::ROWS_HZ[dice.between(0.0, 3.99) as usize] as f32;
        let pitch = row / dice.between(2.0, 5.99).floor() * dice.between(0.985, 1.015);
        let ms = dice.between(120.0, 400.0);
        let column = tone::COLUMNS_HZ[dice.between(0.0, 3.99) as usize] as f32;
        let mut note = vec![0.0; (ms * 8.0) as usize];
        for harmonic in 1..(3600.0 / pitch) as usize {
            let hz = pitch * harmonic as f32;
            let formants = [(row, 60.0), (column, 80.0)];
            let height: f32 = formants.iter().map(|(at, width)| 1.0 / (1.0 + ((hz - at) / width).powi(2)).sqrt()).sum();
            let wave = sine(dice, hz, ms, 3000.0 * height);
            add(&mut note, &wave);
        }
        sound.extend(note);
        sound.extend(vec![0.0; (dice.between(0.0, 100.0) * 8.0) as usize]);
    }
    sound
}

#[test]
fn vowels_are_no_keys() {
    assert_eq!(heard(&vowels(&mut Dice(12), 150)), "");
}

#[test]
fn keys_are_heard_through_a_voice_10_db_below() {
    let mut dice = Dice(13);
    let mut sound = entry(&mut dice, Touch { on_ms: 120.0, off_ms: 80.0, ..PLAIN });
    let mut voice = vowels(&mut dice, 25);
    let strength = (voice.iter().map(|sample| sample * sample).sum::<f32>() / voice.len() as f32).sqrt();
    voice.iter_mut().for_each(|sample| *sample *= peak(-10.0) * gain(-10.0) / strength);
    add(&mut sound, &voice);
    all_heard(&sound);
}

#[test]
fn a_third_tone_or_strong_harmonics_make_it_no_key() {
    let mut dice = Dice(14);
    for key in KEYS.chars() {
        for (hz, part_db) in [(560.0, -3.0), (1070.0, -3.0), (1900.0, -3.0), (2900.0, 0.0)] {
            let mut sound = press(&mut dice, key, Touch { on_ms: 200.0, ..PLAIN });
            let third = sine(&mut dice, hz, 200.0, peak(-10.0 + part_db));
            add(&mut sound, &third);
            assert_eq!(heard(&[vec![0.0; 800], sound, vec![0.0; 800]].concat()), "", "{hz} Hz");
        }
    }
}

#[test]
fn a_key_is_told_within_33_ms_of_its_beginning() {
    let mut dice = Dice(15);
    for lead in 0..40 {
        let mut ear = InBand::default();
        let sound = [vec![0.0; 800 + lead], press(&mut dice, '8', PLAIN)].concat();
        let mut told = sound.chunks(8).map(|ms| ear.hear(&ms.iter().map(|s| *s as i16).collect::<Vec<_>>()).is_some());
        let ms = told.position(|told| told).unwrap();
        assert!(ms <= 133 + lead / 8, "{ms}");
    }
}
