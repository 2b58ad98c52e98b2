//! Tones made by calculation: the chime ピコン (B1, B2), and plain tones to tell parties apart.

use super::codec::SAMPLE_RATE;
use std::f64::consts::{PI, TAU};

/// Two falling-away notes a fourth apart, clear of every DTMF frequency (697–941 and 1209–1633 Hz) and its doubles.
pub const CHIME_NOTES_HZ: [f64; 2] = [2050.0, 2733.0];
const CHIME_NOTE_MS: u32 = 170;
const CHIME_ATTACK_MS: f64 = 4.0;
const CHIME_DECAY_MS: f64 = 70.0;
/// The level of a full-scale sine in dBm0 (ITU-T G.711, table 5: µ-law).
const FULL_SCALE_DBM0: f64 = 3.17;
const CHIME_LEVEL_DBM0: f64 = -18.0;
const RING_BACK_HZ: f64 = 400.0;
const RING_BACK_WAVER_HZ: f64 = 16.0;
const RING_BACK_LEVEL_DBM0: f64 = -16.0;

/// ピコン, at 8 kHz: 340 ms whose level while it sounds is about −18 dBm0.
pub fn chime() -> Vec<i16> {
    let note =
        |hz| Note { hz, length_ms: CHIME_NOTE_MS, attack_ms: CHIME_ATTACK_MS, decay_ms: CHIME_DECAY_MS, octave: 0.0 };
    let samples: Vec<f64> = CHIME_NOTES_HZ.iter().flat_map(|&hz| note(hz).samples()).collect();
    at_level(&samples, CHIME_LEVEL_DBM0 - FULL_SCALE_DBM0)
}

/// 呼出音, at 8 kHz: one second of ringing, two of silence, as a Japanese exchange gives it (400 Hz, wavering 16 times a
/// second).
pub fn ring_back() -> Vec<i16> {
    let second = 8000;
    let ringing: Vec<f64> = (0..second)
        .map(|n| TAU * n as f64 / second as f64)
        .map(|turn| (1.0 + (RING_BACK_WAVER_HZ * turn).cos()) / 2.0 * (RING_BACK_HZ * turn).sin())
        .collect();
    let mut samples = at_level(&ringing, RING_BACK_LEVEL_DBM0 - FULL_SCALE_DBM0);
    samples.resize(3 * second, 0);
    samples
}

/// The same sound, as strong as a sine of `dbfs`.
pub(super) fn at_level(samples: &[f64], dbfs: f64) -> Vec<i16> {
    let rms = (samples.iter().map(|s| s * s).sum::<f64>() / samples.len().max(1) as f64).sqrt();
    let scale = if rms > 0.0 { sine_rms(dbfs) / rms } else { 0.0 };
    samples.iter().map(|sample| to_sample(sample * scale)).collect()
}

/// A sine of `dbfs` relative to a full-scale sine.
pub fn sine(hz: f64, dbfs: f64, sample_rate: u32, samples: usize) -> Vec<i16> {
    let amplitude = amplitude(dbfs);
    (0..samples).map(|n| to_sample(amplitude * (TAU * hz * n as f64 / f64::from(sample_rate)).sin())).collect()
}

/// A note that is struck and dies away, the octave above it so loud beside it.
pub(super) struct Note {
    pub hz: f64,
    pub length_ms: u32,
    pub attack_ms: f64,
    pub decay_ms: f64,
    pub octave: f64,
}

impl Note {
    /// At 8 kHz.
    pub fn samples(self) -> impl Iterator<Item = f64> {
        let total_ms = f64::from(self.length_ms);
        (0..self.length_ms * SAMPLE_RATE / 1000).map(move |n| {
            let ms = f64::from(n) * 1000.0 / f64::from(SAMPLE_RATE);
            let rise = (ms / self.attack_ms).min(1.0);
            let release = ((total_ms - ms) / self.attack_ms).min(1.0);
            let turn = TAU * self.hz * ms / 1000.0;
            rise * release * (-ms / self.decay_ms).exp() * (turn.sin() + self.octave * (2.0 * turn).sin())
        })
    }
}

fn amplitude(dbfs: f64) -> f64 {
    f64::from(i16::MAX) * 10f64.powf(dbfs / 20.0)
}

fn sine_rms(dbfs: f64) -> f64 {
    amplitude(dbfs) / 2f64.sqrt()
}

fn to_sample(value: f64) -> i16 {
    value.round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
}

/// The power of `hz` in `samples` (Goertzel), in dB relative to a full-scale sine. For tests, self-test and demo.
pub fn level_of(hz: f64, sample_rate: u32, samples: &[i16]) -> f64 {
    let length = samples.len().max(1) as f64;
    // A Hann window: without it a loud neighbour leaks into the bin.
    let window = |n: usize| 1.0 - (TAU * (n as f64 + 0.5) / length).cos();
    let windowed = samples.iter().enumerate().map(|(n, &sample)| (f64::from(sample) * window(n)) as f32);
    let magnitude = goertzel_nostd::Parameters::new(hz as f32, sample_rate, samples.len()).mag(windowed);
    let full_scale = f64::from(i16::MAX) * length / 2.0;
    20.0 * (f64::from(magnitude) / full_scale).max(1e-9).log10()
}

/// One sample of a low-pass of `cutoff` (a fraction of the sample rate) at `distance` from its centre: a windowed sinc.
pub(super) fn windowed_sinc(cutoff: f64, distance: f64, half_width: f64) -> f64 {
    if distance.abs() >= half_width {
        return 0.0;
    }
    let sinc = if distance == 0.0 { 2.0 * cutoff } else { (TAU * cutoff * distance).sin() / (PI * distance) };
    let phase = PI * distance / half_width;
    sinc * (0.42 + 0.5 * phase.cos() + 0.08 * (2.0 * phase).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DTMF_HZ: [f64; 8] = [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0];

    #[test]
    fn the_chime_is_short_soft_and_no_key() {
        let chime = chime();
        assert!(chime.len() <= 3200, "at most 400 ms");
        for hz in DTMF_HZ {
            assert!(level_of(hz, SAMPLE_RATE, &chime) < -50.0, "{hz} Hz");
        }
        let rms = (chime.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / chime.len() as f64).sqrt();
        assert!((rms / sine_rms(CHIME_LEVEL_DBM0 - FULL_SCALE_DBM0) - 1.0).abs() < 0.05);
        assert!(chime.iter().all(|s| s.unsigned_abs() < 20_000));
    }

    #[test]
    fn a_tone_is_found_where_it_is_and_nowhere_else() {
        let tone = sine(440.0, -10.0, SAMPLE_RATE, 8000);
        assert!((level_of(440.0, SAMPLE_RATE, &tone) + 10.0).abs() < 0.5);
        assert!(level_of(1000.0, SAMPLE_RATE, &tone) < -80.0);
    }
}
