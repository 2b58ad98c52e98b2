//! What a party says, and what the other party heard of it.

use std::{f64::consts::TAU, fs, ops::Range, path::Path};

pub const RATE: u32 = 8000;
/// The level of every party's tone, relative to a sine at full scale.
pub const TONE_DB: f64 = -16.0;
/// A tone this loud for a second is heard.
pub const HEARD_DB: f64 = -26.0;
/// A tone that nowhere reaches this is not there (A4).
pub const ABSENT_DB: f64 = -70.0;

/// Tones that no harmonic and no third-order product of one another comes near.
pub const AGENT_HZ: f64 = 523.0;
pub const CUSTOMER_HZ: f64 = 1187.0;
pub const SUPERVISOR_HZ: f64 = 1733.0;
pub const SECOND_SUPERVISOR_HZ: f64 = 2657.0;

const DIGIT_DB: f64 = -12.0;
const DIGIT_SECONDS: f64 = 0.1;
const WINDOW_SECONDS: f64 = 1.0;

/// What a party says, piece by piece.
#[derive(Clone, Default)]
pub struct Sound(Vec<Piece>);

#[derive(Clone)]
struct Piece {
    /// Each in Hz, with its level in dB.
    tones: Vec<(f64, f64)>,
    seconds: f64,
}

impl Sound {
    pub fn tone(self, hz: f64, seconds: f64) -> Self {
        self.mixed(&[(hz, TONE_DB)], seconds)
    }

    pub fn silence(self, seconds: f64) -> Self {
        self.mixed(&[], seconds)
    }

    /// Keypad tones (ITU-T Q.23), 100 ms each with 100 ms between.
    pub fn digits(self, keys: &str) -> Self {
        keys.chars().fold(self, |sound, key| {
            let (low, high) = key_tones(key);
            sound.mixed(&[(low, DIGIT_DB), (high, DIGIT_DB)], DIGIT_SECONDS).silence(DIGIT_SECONDS)
        })
    }

    fn mixed(mut self, tones: &[(f64, f64)], seconds: f64) -> Self {
        self.0.push(Piece { tones: tones.to_vec(), seconds });
        self
    }

    /// So many samples a second.
    fn samples(&self, rate: u32) -> impl Iterator<Item = i16> {
        self.0.iter().flat_map(move |piece| {
            let samples = (piece.seconds * f64::from(rate)) as u32;
            (0..samples).map(move |at| {
                let seconds = f64::from(at) / f64::from(rate);
                let tone = |(hz, db): &(f64, f64)| amplitude(*db) * (TAU * hz * seconds).sin();
                (piece.tones.iter().map(tone).sum::<f64>() * f64::from(i16::MAX)).round() as i16
            })
        })
    }

    pub fn write(&self, path: &Path, rate: u32) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = hound::WavWriter::create(path, spec).unwrap();
        self.samples(rate).for_each(|sample| file.write_sample(sample).unwrap());
        file.finalize().unwrap();
    }
}

fn key_tones(key: char) -> (f64, f64) {
    const ROWS: [(&str, f64); 4] = [("123A", 697.0), ("456B", 770.0), ("789C", 852.0), ("*0#D", 941.0)];
    const COLUMNS: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
    ROWS.iter().find_map(|(keys, low)| keys.find(key).map(|column| (*low, COLUMNS[column]))).unwrap()
}

fn amplitude(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

/// What one phone heard in one call.
pub struct Recording {
    samples: Vec<f64>,
}

impl Recording {
    /// Reads a WAV of 16-bit samples; one that is still being written counts as far as it goes. Of several channels the
    /// first, and of a rate above 8 kHz every so many samples, since our tones lie far below.
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let chunk = |name: &[u8]| bytes.windows(4).position(|window| window == name).expect("a whole WAV") + 8;
        let (format, data) = (chunk(b"fmt "), chunk(b"data"));
        let channels = usize::from(u16::from_le_bytes(bytes[format + 2..format + 4].try_into().unwrap()));
        let rate = u32::from_le_bytes(bytes[format + 4..format + 8].try_into().unwrap());
        let step = 2 * channels * (rate / RATE) as usize;
        let samples = bytes.get(data..).unwrap_or_default().chunks_exact(step);
        let samples = samples.map(|step| f64::from(i16::from_le_bytes([step[0], step[1]])) / f64::from(i16::MAX));
        Self { samples: samples.collect() }
    }

    pub fn from_sound(sound: &Sound) -> Self {
        Self::of(&sound.samples(RATE).collect::<Vec<_>>())
    }

    /// Samples at 8 kHz.
    pub fn of(samples: &[i16]) -> Self {
        Self { samples: samples.iter().map(|sample| f64::from(*sample) / f64::from(i16::MAX)).collect() }
    }

    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(RATE)
    }

    /// Its end alone: after prompts and tones, which hold every frequency.
    pub fn last(mut self, seconds: f64) -> Self {
        let kept = (seconds * f64::from(RATE)) as usize;
        self.samples.drain(..self.samples.len().saturating_sub(kept));
        self
    }

    /// The level of `hz` in the loudest second, in dB of a full-scale sine.
    pub fn loudest_db(&self, hz: f64) -> f64 {
        self.levels(hz).fold(f64::NEG_INFINITY, f64::max)
    }

    /// For how many seconds, about, `hz` was heard.
    pub fn seconds_of(&self, hz: f64) -> f64 {
        let loud = self.levels(hz).filter(|level| *level > HEARD_DB).count();
        loud as f64 * WINDOW_SECONDS / 2.0
    }

    pub fn hears(&self, hz: f64) -> bool {
        self.loudest_db(hz) > HEARD_DB
    }

    pub fn lacks(&self, hz: f64) -> bool {
        self.loudest_db(hz) < ABSENT_DB
    }

    fn levels(&self, hz: f64) -> impl Iterator<Item = f64> {
        let window = (WINDOW_SECONDS * f64::from(RATE)) as usize;
        let starts = (0..self.samples.len()).step_by(window / 2);
        starts.map(move |start| self.level_db(hz, start..(start + window).min(self.samples.len())))
    }

    /// One Goertzel bin under a Hann window, so that a neighbour's tone does not spill into it.
    fn level_db(&self, hz: f64, range: Range<usize>) -> f64 {
        let samples = &self.samples[range];
        let length = samples.len() as f64;
        let coefficient = 2.0 * (TAU * hz / f64::from(RATE)).cos();
        let (mut before, mut last) = (0.0, 0.0);
        for (at, sample) in samples.iter().enumerate() {
            let hann = 0.5 - 0.5 * (TAU * at as f64 / length).cos();
            (before, last) = (last, sample * hann + coefficient * last - before);
        }
        let power = last * last + before * before - coefficient * last * before;
        let window = (WINDOW_SECONDS * f64::from(RATE)).max(length);
        20.0 * (power.max(0.0).sqrt() / (window / 4.0)).max(1e-9).log10()
    }
}

#[test]
fn a_tone_is_measured_at_its_level_and_nowhere_else() {
    let sound = Sound::default().silence(0.3).tone(AGENT_HZ, 3.0);
    let heard = Recording::from_sound(&sound);
    assert!((heard.loudest_db(AGENT_HZ) - TONE_DB).abs() < 0.5);
    for other in [CUSTOMER_HZ, SUPERVISOR_HZ, SECOND_SUPERVISOR_HZ] {
        assert!(heard.lacks(other), "{other} Hz: {} dB", heard.loudest_db(other));
    }
    assert!((2.0..=3.5).contains(&heard.seconds_of(AGENT_HZ)));
}
