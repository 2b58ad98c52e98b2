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
                let sound = self.judge_window();
                heard = self.run.step(sound).or(heard);
            }
        }
        heard
    }

    /// What sounds in the window, if it is a key and nothing else.
    fn judge_window(&mut self) -> Option<Sound> {
        let (tones, total) = self.correlate();
        let before = std::mem::replace(&mut self.last, tones);
        let row = strongest(&tones[..4]);
        let column = 4 + strongest(&tones[4..]);
        if total < MIN_POWER {
            return None;
        }
        let low = measure(row, before[row], tones[row])?;
        let high = measure(column, before[column], tones[column])?;
        let balanced = low.power < high.power * MAX_NORMAL_TWIST && high.power < low.power * MAX_REVERSE_TWIST;
        let audible = low.power.min(high.power) >= MIN_POWER;
        let alone = low.power + high.power >= total * MIN_SHARE;
        (balanced && audible && alone).then_some(Sound { key: Place { row, column: column - 4 }, low, high })
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

/// The tone near frequency `index`, or `None` when it is not near enough.
fn measure(index: usize, before: Complex, now: Complex) -> Option<Tone> {
    let nominal = BANK.frequencies[index];
    let turned = now.angle() - before.angle() - TAU * nominal * HOP as f32 / RATE;
    let turned = turned - TAU * (turned / TAU).round();
    let off_hz = turned * RATE / (TAU * HOP as f32);
    if off_hz.abs() > nominal * MAX_DEVIATION {
        return None;
    }
    let bins = off_hz * WINDOW as f32 / RATE;
    let loss = 1.0 - HANN_DROOP * bins * bins;
    Some(Tone { power: now.power() / (loss * loss), off_hz })
}

fn strongest(tones: &[Complex]) -> usize {
    let louder = |best: usize, at: usize| if tones[at].power() > tones[best].power() { at } else { best };
    (1..tones.len()).fold(0, louder)
}

/// One window in which a key sounds.
#[derive(Clone, Copy)]
struct Sound {
    key: Place,
    low: Tone,
    high: Tone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    row: usize,
    column: usize,
}

#[derive(Clone, Copy)]
struct Tone {
    power: f32,
    off_hz: f32,
}

impl Sound {
    /// Whether both could be one press: a machine holds its pitch and its balance, a voice does not.
    fn steady_since(&self, first: &Sound) -> bool {
        let drift = (self.low.off_hz - first.low.off_hz).abs().max((self.high.off_hz - first.high.off_hz).abs());
        let shift = (self.low.power * first.high.power) / (self.high.power * first.low.power);
        self.key == first.key && drift <= MAX_DRIFT_HZ && shift <= MAX_SHIFT && shift * MAX_SHIFT >= 1.0
    }
}

/// Windows in a row: enough that agree make a digit, enough without its key end it.
#[derive(Default)]
struct Run {
    rising: Option<Rising>,
    pressed: Option<Pressed>,
}

struct Rising {
    first: Sound,
    hits: u8,
    misses: u8,
}

struct Pressed {
    key: Place,
    misses: u8,
}

impl Run {
    fn step(&mut self, sound: Option<Sound>) -> Option<Digit> {
        self.hold(sound.map(|sound| sound.key));
        let held = self.pressed.as_ref().map(|pressed| pressed.key);
        let sound = sound.filter(|sound| held != Some(sound.key));
        let key = self.rise(sound)?;
        self.rising = None;
        self.pressed = Some(Pressed { key, misses: 0 });
        tone::key_at(key.row, key.column)
    }

    /// Lets go of the key that was pressed when it has been missing for long enough.
    fn hold(&mut self, key: Option<Place>) {
        let Some(pressed) = &mut self.pressed else { return };
        pressed.misses = if key == Some(pressed.key) { 0 } else { pressed.misses + 1 };
        if pressed.misses >= RELEASE_MISSES {
            self.pressed = None;
        }
    }

    /// Gathers evidence for the next key; the key, when there is enough.
    fn rise(&mut self, sound: Option<Sound>) -> Option<Place> {
        match (&mut self.rising, sound) {
            (Some(rising), Some(sound)) if sound.steady_since(&rising.first) => {
                rising.hits += 1;
                rising.misses = 0;
                return (rising.hits >= RISE_HITS).then_some(rising.first.key);
            }
            (_, Some(first)) => self.rising = Some(Rising { first, hits: 1, misses: 0 }),
            (Some(rising), None) if rising.misses + 1 < RISE_MISSES => rising.misses += 1,
            (_, None) => self.rising = None,
        }
        None
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
/// 9.5 dB: lines weaken the high tone more.
const MAX_NORMAL_TWIST: f32 = 9.0;
/// 6 dB.
const MAX_REVERSE_TWIST: f32 = 4.0;
/// −45 dBm0: the mean square of a sine with a peak of 129.
const MIN_POWER: f32 = 8_300.0;
/// The two tones hold at least this part of the power.
const MIN_SHARE: f32 = 0.88;
/// Within one press the frequencies stay this close.
const MAX_DRIFT_HZ: f32 = 12.0;
/// 3 dB: within one press, how far the balance of the tones may move.
const MAX_SHIFT: f32 = 2.0;
/// A key is sure after five windows: 35 ms of tone.
const RISE_HITS: u8 = 5;
/// One bad window is forgiven on the way.
const RISE_MISSES: u8 = 2;
/// A key is let go after six windows without it: an interruption of 10 ms is bridged, a pause of 20 ms seen.
const RELEASE_MISSES: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn press(key: char, ms: u64) -> Vec<i16> {
        tone::key_press(Digit::try_from(key).unwrap(), -10.0, Duration::from_millis(ms), 8000)
    }

    fn silence(ms: usize) -> Vec<i16> {
        vec![0; ms * 8]
    }

    fn heard(audio: &[i16], piece: usize) -> String {
        let mut detector = InBand::default();
        audio.chunks(piece).filter_map(|samples| detector.hear(samples)).map(Digit::as_char).collect()
    }

    #[test]
    fn every_key_of_40_ms_is_heard_in_pieces_of_any_length() {
        let keys = "123A456B789C*0#D";
        let mut audio: Vec<i16> = keys.chars().flat_map(|key| [silence(43), press(key, 40)].concat()).collect();
        audio.extend(silence(40));
        for piece in [1, 7, 80, 160, 240, 480] {
            assert_eq!(heard(&audio, piece), keys, "{piece}");
        }
    }

    #[test]
    fn a_tone_of_23_ms_is_no_key() {
        let audio: Vec<i16> = (0..20).flat_map(|n| [silence(60 + n % 5), press('5', 23)].concat()).collect();
        assert_eq!(heard(&audio, 160), "");
    }

    #[test]
    fn a_pause_of_40_ms_parts_two_presses_and_one_of_10_ms_does_not() {
        let twice = |pause| [press('5', 60), silence(pause), press('5', 60), silence(40)].concat();
        assert_eq!(heard(&twice(40), 160), "55");
        assert_eq!(heard(&twice(10), 160), "5");
    }

    #[test]
    fn keys_that_roll_into_each_other_are_all_heard() {
        let audio = [press('1', 70), press('2', 70), press('1', 70), silence(20)].concat();
        assert_eq!(heard(&audio, 160), "121");
    }

    #[test]
    fn one_tone_or_a_third_one_is_no_key() {
        let sine = |hz: f32| (0..1600).map(move |n| 5000.0 * (TAU * hz * n as f32 / RATE).sin());
        let low: Vec<i16> = sine(770.0).map(|x| x as i16).collect();
        let three: Vec<i16> =
            sine(770.0).zip(sine(1336.0)).zip(sine(2200.0)).map(|((a, b), c)| (a + b + c) as i16).collect();
        assert_eq!(heard(&low, 160), "");
        assert_eq!(heard(&three, 160), "");
    }

    #[test]
    fn a_dial_tone_beneath_and_an_offset_do_not_hide_a_key() {
        let dial = |n: usize| 1000.0 * (TAU * 400.0 * n as f32 / RATE).sin() + 3000.0;
        let keys = [silence(100), press('9', 60), silence(60), press('#', 60), silence(60)].concat();
        let audio: Vec<i16> = keys.iter().enumerate().map(|(n, key)| key + dial(n) as i16).collect();
        assert_eq!(heard(&audio, 160), "9#");
    }

    proptest! {
        #[test]
        fn no_samples_make_it_panic(samples: Vec<i16>, piece in 1usize..400) {
            heard(&samples, piece);
            heard(&samples.iter().map(|sample| if *sample < 0 { i16::MIN } else { i16::MAX }).collect::<Vec<_>>(), piece);
        }
    }
}
