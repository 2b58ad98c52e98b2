//! A minute each of what an ear for digits hears in calls, the same on every machine.

use crate::{
    dtmf::tone,
    engine::prompts,
    media::clip::Clips,
    model::{Digit, Prompt},
};
use std::{f32::consts::TAU, time::Duration};

/// What it is, and its samples at 8 kHz.
pub type Sound = (String, Vec<i16>);

pub fn all() -> anyhow::Result<Vec<Sound>> {
    let speech = speech()?;
    let sounds = [
        ("silence", vec![0; SAMPLES]),
        ("keypad entry", keypad_entry()),
        ("keypad entry over a prompt", mixed(&keypad_entry(), &speech)),
        ("speech: the spoken prompts", speech),
        ("noise", noise(&mut Dice(1))),
        ("music: chords", notes(&mut Dice(2), chord)),
        ("sung notes made to be mistaken", notes(&mut Dice(3), sung)),
    ];
    Ok(sounds.map(|(name, samples)| (name.to_owned(), samples)).into())
}

/// Keys of 100 ms, half a second apart.
pub fn keypad_entry() -> Vec<i16> {
    let press = |n: u8| {
        let digit = Digit::from_event_code(n % 16).unwrap_or(Digit::HASH);
        let mut sound = tone::key_press(digit, -10.0, Duration::from_millis(100), RATE);
        sound.resize(RATE as usize / 2, 0);
        sound
    };
    (0..120).flat_map(press).collect()
}

/// Every prompt of both languages, again and again.
fn speech() -> anyhow::Result<Vec<i16>> {
    let mut samples = Vec::new();
    for language in ["ja", "en"] {
        let clips = Clips::load(language, |file| prompts::read(None, file).ok())?;
        samples.extend(Prompt::SPOKEN.iter().filter_map(|prompt| clips.get(*prompt)).flat_map(|clip| clip.samples()));
    }
    anyhow::ensure!(!samples.is_empty(), "the embedded prompts are empty");
    Ok(samples.into_iter().cycle().take(SAMPLES).collect())
}

/// The second sound 10 dB weaker.
fn mixed(first: &[i16], second: &[i16]) -> Vec<i16> {
    first.iter().zip(second).map(|(a, b)| a.saturating_add((f32::from(*b) * 0.316) as i16)).collect()
}

fn noise(dice: &mut Dice) -> Vec<i16> {
    (0..SAMPLES).map(|_| dice.between(-8000.0, 8000.0) as i16).collect()
}

/// Notes of 80 to 500 ms, one after the other; each is a list of frequencies and peaks.
fn notes(dice: &mut Dice, note: fn(&mut Dice) -> Vec<(f32, f32)>) -> Vec<i16> {
    let mut samples = Vec::with_capacity(SAMPLES);
    while samples.len() < SAMPLES {
        let length = dice.between(640.0, 4000.0) as usize;
        let partials: Vec<_> = note(dice).into_iter().map(|(hz, peak)| (hz, peak, dice.between(0.0, TAU))).collect();
        let wave =
            |n: usize, (hz, peak, phase): &(f32, f32, f32)| peak * (TAU * hz * n as f32 / RATE as f32 + phase).sin();
        samples.extend((0..length).map(|n| partials.iter().map(|partial| wave(n, partial)).sum::<f32>() as i16));
    }
    samples.truncate(SAMPLES);
    samples
}

/// Three notes of the tempered scale with two harmonics each.
fn chord(dice: &mut Dice) -> Vec<(f32, f32)> {
    let base = 200.0 * 2f32.powf(dice.between(0.0, 24.0).floor() / 12.0);
    let third = if dice.between(0.0, 1.0) < 0.5 { 3.0 } else { 4.0 };
    let pitches = [0.0, third, 7.0].map(|steps: f32| base * 2f32.powf(steps / 12.0));
    pitches.iter().flat_map(|hz| [(*hz, 3000.0), (2.0 * hz, 1000.0), (3.0 * hz, 500.0)]).filter(audible).collect()
}

/// A voice of which two harmonics stand where a key's tones would, and lead the others by 3 to 14 dB.
fn sung(dice: &mut Dice) -> Vec<(f32, f32)> {
    let column = dice.one_of(tone::COLUMNS_HZ);
    let row = dice.one_of(tone::ROWS_HZ);
    let pitch = row / dice.between(2.0, 5.0).floor() * dice.between(0.99, 1.01);
    let others = 3000.0 * 10f32.powf(dice.between(-14.0, -3.0) / 20.0);
    let leads = |hz: f32| (hz - row).abs() < pitch / 2.0 || (hz - column).abs() < pitch / 2.0;
    let harmonics = (1..=(3600.0 / pitch) as usize).map(|n| n as f32 * pitch);
    harmonics.map(|hz| (hz, if leads(hz) { 3000.0 } else { others })).collect()
}

fn audible((hz, _): &(f32, f32)) -> bool {
    *hz < 3600.0
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn between(&mut self, low: f32, high: f32) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        low + (high - low) * ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }

    fn one_of(&mut self, four: [f64; 4]) -> f32 {
        four[self.between(0.0, 3.99) as usize] as f32
    }
}

const RATE: u32 = 8000;
const SAMPLES: usize = 60 * RATE as usize;
