//! Dual tones in the audio: ITU-T Q.23, Q.24.
//!
//! A Hann window of 20 ms slides on by 5 ms. Each window is correlated with the eight frequencies; how far the phase of
//! a correlation turns from one window to the next gives the tone's true frequency. A window counts when the two
//! strongest tones are where a key's should be, in balance, and nearly all there is to hear.

use super::tone;
use crate::model::Digit;
use std::{
    f32::consts::{PI, TAU},
    sync::LazyLock,
};

/// Hears the digits of one audio stream at 8 kHz.
pub struct InBand {
    filter: HighPass,
    /// The last `WINDOW` samples, as a ring; `next` is the oldest.
    ring: [f32; WINDOW],
    next: usize,
    until_hop: usize,
    last: [Complex; 8],
    run: Run,
}

impl Default for InBand {
    fn default() -> Self {
        Self {
            filter: HighPass::default(),
            ring: [0.0; WINDOW],
            next: 0,
            until_hop: HOP,
            last: [Complex::default(); 8],
            run: Run::default(),
        }
    }
}

impl InBand {
    /// Takes the next samples, however many; the digit that became sure within them (the last, if several did).
    pub fn hear(&mut self, samples: &[i16]) -> Option<Digit> {
        let mut heard = None;
        for sample in samples {
            self.ring[self.next] = self.filter.step(f32::from(*sample));
            self.next = (self.next + 1) % WINDOW;
            self.until_hop -= 1;
            if self.until_hop == 0 {
                self.until_hop = HOP;
                let key = self.judge_window();
                heard = self.run.step(key).or(heard);
            }
        }
        heard
    }

    /// The key that sounds in the window, if one does.
    fn judge_window(&mut self) -> Option<Place> {
        let (tones, total) = self.correlate();
        let before = std::mem::replace(&mut self.last, tones);
        let row = strongest(&tones[..4]);
        let column = 4 + strongest(&tones[4..]);
        if total < MIN_POWER {
            return None;
        }
        let low = measure(row, before[row], tones[row])?;
        let high = measure(column, before[column], tones[column])?;
        let balanced = low < high * MAX_NORMAL_TWIST && high < low * MAX_REVERSE_TWIST;
        let audible = low.min(high) >= MIN_POWER;
        let alone = low + high >= total * MIN_SHARE;
        (balanced && audible && alone).then_some(Place { row, column: column - 4 })
    }

    /// The windowed correlation with each frequency, and the power of all there is.
    fn correlate(&self) -> ([Complex; 8], f32) {
        let bank = &*BANK;
        let (newer, older) = self.ring.split_at(self.next);
        let mut tones = [Complex::default(); 8];
        let mut energy = 0.0;
        for (n, sample) in older.iter().chain(newer).enumerate() {
            energy += (sample * bank.window[n]).powi(2);
            for (tone, wave) in tones.iter_mut().zip(&bank.waves[n]) {
                tone.re += sample * wave.re;
                tone.im += sample * wave.im;
            }
        }
        (tones, energy / bank.window_energy)
    }
}

/// The power of a tone near frequency `index`, or `None` when it is not near enough.
fn measure(index: usize, before: Complex, now: Complex) -> Option<f32> {
    let nominal = BANK.frequencies[index];
    let turned = now.angle() - before.angle() - TAU * nominal * HOP as f32 / RATE;
    let turned = turned - TAU * (turned / TAU).round();
    let off_hz = turned * RATE / (TAU * HOP as f32);
    if off_hz.abs() > nominal * MAX_DEVIATION {
        return None;
    }
    let bins = off_hz * WINDOW as f32 / RATE;
    let loss = 1.0 - HANN_DROOP * bins * bins;
    Some(now.power() / (loss * loss))
}

fn strongest(tones: &[Complex]) -> usize {
    let louder = |best: usize, at: usize| if tones[at].power() > tones[best].power() { at } else { best };
    (1..tones.len()).fold(0, louder)
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    row: usize,
    column: usize,
}

/// Windows in a row: enough of one key make a digit, enough of none end it.
#[derive(Default)]
enum Run {
    #[default]
    Quiet,
    Rising {
        key: Place,
        hits: u8,
        misses: u8,
    },
    Pressed {
        key: Place,
        other: Option<(Place, u8)>,
        misses: u8,
    },
}

impl Run {
    fn step(&mut self, heard: Option<Place>) -> Option<Digit> {
        let (next, digit) = match (&*self, heard) {
            (Run::Quiet, None) => (Run::Quiet, None),
            (Run::Quiet, Some(key)) => (Run::rising(key), None),
            (Run::Rising { key, hits, .. }, Some(again)) if again == *key => Run::risen(*key, hits + 1),
            (Run::Rising { .. }, Some(key)) => (Run::rising(key), None),
            (Run::Rising { misses, .. }, None) if misses + 1 >= RISE_MISSES => (Run::Quiet, None),
            (Run::Rising { key, hits, misses }, None) => {
                (Run::Rising { key: *key, hits: *hits, misses: misses + 1 }, None)
            }
            (Run::Pressed { key, .. }, Some(again)) if again == *key => (Run::pressed(*key), None),
            (Run::Pressed { key, other: Some((rival, hits)), misses }, Some(again)) if again == *rival => {
                match Run::risen(*rival, hits + 1) {
                    (_, None) => {
                        (Run::Pressed { key: *key, other: Some((*rival, hits + 1)), misses: misses + 1 }, None)
                    }
                    risen => risen,
                }
            }
            (Run::Pressed { key, misses, .. }, Some(rival)) => {
                (Run::Pressed { key: *key, other: Some((rival, 1)), misses: misses + 1 }, None)
            }
            (Run::Pressed { misses, .. }, None) if misses + 1 >= RELEASE_MISSES => (Run::Quiet, None),
            (Run::Pressed { key, misses, .. }, None) => {
                (Run::Pressed { key: *key, other: None, misses: misses + 1 }, None)
            }
        };
        *self = next;
        digit
    }

    fn rising(key: Place) -> Run {
        Run::Rising { key, hits: 1, misses: 0 }
    }

    fn pressed(key: Place) -> Run {
        Run::Pressed { key, other: None, misses: 0 }
    }

    fn risen(key: Place, hits: u8) -> (Run, Option<Digit>) {
        if hits >= RISE_HITS {
            (Run::pressed(key), tone::key_at(key.row, key.column))
        } else {
            (Run::Rising { key, hits, misses: 0 }, None)
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Complex {
    re: f32,
    im: f32,
}

impl Complex {
    fn power(self) -> f32 {
        self.re * self.re + self.im * self.im
    }

    fn angle(self) -> f32 {
        self.im.atan2(self.re)
    }
}

/// A fourth-order Butterworth high-pass: takes away mains hum, direct current and most of a dial tone.
#[derive(Default)]
struct HighPass([Section; 2]);

#[derive(Clone, Copy, Default)]
struct Section {
    first: f32,
    second: f32,
}

impl HighPass {
    fn step(&mut self, sample: f32) -> f32 {
        let bank = &*BANK;
        self.0.iter_mut().zip(&bank.sections).fold(sample, |input, (state, [gain, a1, a2])| {
            let centre = input - a1 * state.first - a2 * state.second;
            let output = gain * (centre - 2.0 * state.first + state.second);
            *state = Section { first: centre, second: state.first };
            output
        })
    }
}

/// The tables that every stream shares.
struct Bank {
    frequencies: [f32; 8],
    window: [f32; WINDOW],
    window_energy: f32,
    waves: [[Complex; 8]; WINDOW],
    /// Gain and the two feedback coefficients of each filter section.
    sections: [[f32; 3]; 2],
}

static BANK: LazyLock<Bank> = LazyLock::new(|| {
    let mut frequencies = [0.0; 8];
    for (slot, hz) in frequencies.iter_mut().zip(tone::ROWS_HZ.iter().chain(&tone::COLUMNS_HZ)) {
        *slot = *hz as f32;
    }
    let hann = |n: usize| 0.5 - 0.5 * (TAU * (n as f32 + 0.5) / WINDOW as f32).cos();
    let window: [f32; WINDOW] = std::array::from_fn(hann);
    // A sine of power p correlates to a power of p.
    let scale = 2f32.sqrt() / window.iter().sum::<f32>();
    let waves = std::array::from_fn(|n| {
        frequencies.map(|hz| {
            let (sin, cos) = (TAU * hz * n as f32 / RATE).sin_cos();
            Complex { re: scale * window[n] * cos, im: -scale * window[n] * sin }
        })
    });
    let window_energy = window.iter().map(|w| w * w).sum();
    Bank { frequencies, window, window_energy, waves, sections: [0.541_196_1, 1.306_563].map(high_pass_section) }
});

fn high_pass_section(quality: f32) -> [f32; 3] {
    let k = (PI * HIGH_PASS_HZ / RATE).tan();
    let norm = 1.0 / (1.0 + k / quality + k * k);
    [norm, 2.0 * (k * k - 1.0) * norm, (1.0 - k / quality + k * k) * norm]
}

const RATE: f32 = 8000.0;
const WINDOW: usize = 160;
const HOP: usize = 40;
const HIGH_PASS_HZ: f32 = 520.0;
/// Half-way between what must be taken (1.5 % + 2 Hz) and what must not (3.5 %).
const MAX_DEVIATION: f32 = 0.0255;
/// The power lost by a tone that stands off the centre, per square of bins.
const HANN_DROOP: f32 = 0.645;
/// 10 dB: lines weaken the high tone more.
const MAX_NORMAL_TWIST: f32 = 10.0;
/// 7 dB.
const MAX_REVERSE_TWIST: f32 = 5.0;
/// −45 dBm0: the mean square of a sine with a peak of 129.
const MIN_POWER: f32 = 8_300.0;
/// The two tones hold at least this part of the power.
const MIN_SHARE: f32 = 0.75;
const RISE_HITS: u8 = 4;
const RISE_MISSES: u8 = 2;
const RELEASE_MISSES: u8 = 4;
