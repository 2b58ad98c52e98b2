//! Prompts: read once, brought to either rate once, encoded once in G.711, then shared by all calls.

use super::{
    codec::{self, Encoder, FRAME_SAMPLES},
    music,
    rate::{MAX_FRAME_SAMPLES, Rate, Widener},
    tone,
};
use crate::model::{Codec, Prompt};
use std::{collections::BTreeMap, io::Cursor, sync::Arc};

/// What a prompt file must be: 16 kHz, mono, 16 bits.
pub const FILE_SAMPLE_RATE: u32 = 16_000;
/// The longest prompt that is accepted.
pub const MAX_CLIP_SECONDS: u32 = 60;
/// The longest music on hold.
pub const MAX_MUSIC_SECONDS: u32 = 600;

#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    #[error("{file}: the prompt is missing")]
    Missing { file: String },
    #[error("{file}: not a readable WAV file: {cause}")]
    Unreadable { file: String, cause: hound::Error },
    #[error("{file}: a prompt is 16 kHz, mono, 16 bits; this is {rate} Hz, {channels} channel(s), {bits} bits")]
    WrongFormat { file: String, rate: u32, channels: u16, bits: u16 },
    #[error("{file}: longer than {max_seconds} s")]
    TooLong { file: String, max_seconds: u32 },
}

/// One prompt, in whole frames of 20 ms.
pub struct Clip {
    narrow: Vec<i16>,
    wide: Vec<i16>,
    pcmu: Vec<u8>,
    pcma: Vec<u8>,
}

impl Clip {
    /// Of samples at 8 kHz.
    pub fn new(mut samples: Vec<i16>) -> Self {
        samples.resize(samples.len().next_multiple_of(FRAME_SAMPLES), 0);
        let mut wide = vec![0; samples.len() * 2];
        Widener::default().widen(&samples, &mut wide);
        Self::of(samples, wide)
    }

    /// Of samples at 16 kHz.
    pub fn from_wide(mut samples: Vec<i16>) -> Self {
        samples.resize(samples.len().next_multiple_of(MAX_FRAME_SAMPLES), 0);
        Self::of(halve_rate(&samples), samples)
    }

    fn of(narrow: Vec<i16>, wide: Vec<i16>) -> Self {
        let encoded = |codec| {
            let mut payload = vec![0; narrow.len()];
            Encoder::new(codec).encode(&narrow, &mut payload);
            payload
        };
        Self { pcmu: encoded(Codec::Pcmu), pcma: encoded(Codec::Pcma), narrow, wide }
    }

    pub fn frames(&self) -> usize {
        self.narrow.len() / FRAME_SAMPLES
    }

    /// At 8 kHz.
    pub fn samples(&self) -> &[i16] {
        &self.narrow
    }

    pub(super) fn linear(&self, frame: usize, rate: Rate) -> &[i16] {
        let samples = match rate {
            Rate::Narrow => &self.narrow,
            Rate::Wide => &self.wide,
        };
        samples.chunks(rate.frame_samples()).nth(frame).unwrap_or_default()
    }

    /// `None` of a codec whose bytes depend on those before.
    pub(super) fn encoded(&self, frame: usize, codec: Codec) -> Option<&[u8; FRAME_SAMPLES]> {
        let payload = match codec {
            Codec::Pcmu => &self.pcmu,
            Codec::Pcma => &self.pcma,
            Codec::G722 | Codec::Opus => return None,
        };
        payload.as_chunks().0.get(frame).or(codec::silence(codec))
    }
}

/// How loud a prompt is, in dB relative to full scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    pub peak_dbfs: f64,
    pub rms_dbfs: f64,
}

/// Every prompt of one language, the chime, and the music on hold.
pub struct Clips(BTreeMap<Prompt, Arc<Clip>>);

impl Clips {
    /// Reads `<language>/<stem>.wav` for every spoken prompt; the first one that is missing or wrong is the error.
    pub fn load<B: AsRef<[u8]>>(language: &str, read: impl Fn(&str) -> Option<B>) -> Result<Clips, ClipError> {
        let made = [
            (Prompt::Chime, tone::chime()),
            (Prompt::RingBack, tone::ring_back()),
            (Prompt::MusicOnHold, music::tune()),
        ];
        let mut clips = Self::from_samples(made);
        for prompt in Prompt::SPOKEN {
            let file = file_of(language, prompt);
            let samples = read_wav(&file, read(&file), MAX_CLIP_SECONDS)?;
            clips.0.insert(prompt, Arc::new(Clip::from_wide(samples)));
        }
        Ok(clips)
    }

    /// The same, with the administrator's music in place of ours.
    pub fn with_music<B: AsRef<[u8]>>(mut self, file: &str, bytes: Option<B>) -> Result<Clips, ClipError> {
        let samples = read_wav(file, bytes, MAX_MUSIC_SECONDS)?;
        self.0.insert(Prompt::MusicOnHold, Arc::new(Clip::from_wide(samples)));
        Ok(self)
    }

    /// Clips made elsewhere: for tests and tools.
    pub fn from_samples(samples: impl IntoIterator<Item = (Prompt, Vec<i16>)>) -> Clips {
        Clips(samples.into_iter().map(|(prompt, samples)| (prompt, Arc::new(Clip::new(samples)))).collect())
    }

    pub fn get(&self, prompt: Prompt) -> Option<&Arc<Clip>> {
        self.0.get(&prompt)
    }
}

/// Where a prompt lies under the folder of prompts.
pub fn file_of(language: &str, prompt: Prompt) -> String {
    format!("{language}/{}.wav", prompt.file_stem())
}

/// How loud the bytes of a prompt file are, or what is wrong with it.
pub fn measure<B: AsRef<[u8]>>(file: &str, bytes: Option<B>) -> Result<Loudness, ClipError> {
    let samples = read_wav(file, bytes, MAX_CLIP_SECONDS)?;
    let dbfs = |level: f64| 20.0 * (level / f64::from(i16::MAX)).max(1e-6).log10();
    let peak = samples.iter().map(|sample| f64::from(sample.unsigned_abs())).fold(0.0, f64::max);
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    Ok(Loudness { peak_dbfs: dbfs(peak), rms_dbfs: dbfs((energy / samples.len().max(1) as f64).sqrt()) })
}

fn read_wav<B: AsRef<[u8]>>(file: &str, bytes: Option<B>, max_seconds: u32) -> Result<Vec<i16>, ClipError> {
    let file = || file.to_owned();
    let bytes = bytes.ok_or_else(|| ClipError::Missing { file: file() })?;
    let unreadable = |cause| ClipError::Unreadable { file: file(), cause };
    let reader = hound::WavReader::new(Cursor::new(bytes.as_ref())).map_err(unreadable)?;
    let spec = reader.spec();
    let integers = spec.sample_format == hound::SampleFormat::Int;
    if (spec.sample_rate, spec.channels, spec.bits_per_sample, integers) != (FILE_SAMPLE_RATE, 1, 16, true) {
        let (rate, channels, bits) = (spec.sample_rate, spec.channels, spec.bits_per_sample);
        return Err(ClipError::WrongFormat { file: file(), rate, channels, bits });
    }
    if reader.len() > max_seconds * FILE_SAMPLE_RATE {
        return Err(ClipError::TooLong { file: file(), max_seconds });
    }
    reader.into_samples().collect::<Result<_, _>>().map_err(unreadable)
}

/// 16 kHz to 8 kHz behind a low-pass at 3.6 kHz, so that nothing above the telephone band folds back into it.
pub fn halve_rate(samples: &[i16]) -> Vec<i16> {
    const HALF_TAPS: isize = 47;
    const CUTOFF: f64 = 3600.0 / FILE_SAMPLE_RATE as f64;
    let taps: Vec<f64> =
        (-HALF_TAPS..=HALF_TAPS).map(|n| tone::windowed_sinc(CUTOFF, n as f64, HALF_TAPS as f64 + 1.0)).collect();
    let at = |position: isize| usize::try_from(position).ok().and_then(|n| samples.get(n)).copied().unwrap_or(0);
    let filtered = |centre: isize| -> f64 {
        taps.iter().zip(centre - HALF_TAPS..).map(|(tap, position)| tap * f64::from(at(position))).sum()
    };
    (0..samples.len() as isize)
        .step_by(2)
        .map(|centre| filtered(centre).round().clamp(-32768.0, 32767.0) as i16)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
        samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
        writer.finalize().unwrap();
        file.into_inner()
    }

    #[test]
    fn a_prompt_keeps_its_voice_and_loses_what_is_above_the_telephone_band() {
        let low = halve_rate(&tone::sine(1000.0, -6.0, 16_000, 16_000));
        assert!((tone::level_of(1000.0, 8000, &low) + 6.0).abs() < 0.3);
        let high = halve_rate(&tone::sine(5000.0, -6.0, 16_000, 16_000));
        assert!(tone::level_of(3000.0, 8000, &high) < -70.0);
    }

    #[test]
    fn a_whole_language_loads_and_a_missing_file_is_named() {
        let bytes = wav(16_000, 1, &[100; 1000]);
        let clips = Clips::load("ja", |_| Some(bytes.as_slice())).unwrap();
        assert_eq!(clips.get(Prompt::Error).unwrap().frames(), 4);
        assert!(clips.get(Prompt::Chime).unwrap().frames() <= 20);
        let missing = Clips::load("en", |file| (file != "en/password.wav").then_some(bytes.as_slice()));
        assert_eq!(missing.err().unwrap().to_string(), "en/password.wav: the prompt is missing");
    }

    #[test]
    fn a_file_of_another_format_is_refused_in_words() {
        let stereo = wav(44_100, 2, &[0; 64]);
        let error = Clips::load("ja", |_| Some(stereo.as_slice())).err().unwrap();
        let said = "ja/monitor-welcome.wav: a prompt is 16 kHz, mono, 16 bits; this is 44100 Hz, 2 channel(s), 16 bits";
        assert_eq!(error.to_string(), said);
        assert!(matches!(measure("x.wav", Some(b"no wav")), Err(ClipError::Unreadable { .. })));
    }

    #[test]
    fn an_administrators_music_takes_the_place_of_ours() {
        let prompts = wav(16_000, 1, &[100; 1000]);
        let ours = Clips::load("ja", |_| Some(prompts.as_slice())).unwrap();
        assert_eq!(ours.get(Prompt::MusicOnHold).unwrap().samples(), music::tune());
        let longer_than_a_prompt = wav(16_000, 1, &vec![0; 61 * 16_000]);
        let theirs = ours.with_music("hold.wav", Some(longer_than_a_prompt)).unwrap();
        assert_eq!(theirs.get(Prompt::MusicOnHold).unwrap().frames(), 61 * 50);
        let missing = theirs.with_music("hold.wav", None::<Vec<u8>>);
        assert_eq!(missing.err().unwrap().to_string(), "hold.wav: the prompt is missing");
    }

    #[test]
    fn the_level_of_a_prompt_is_measured() {
        let file = wav(16_000, 1, &tone::sine(440.0, -12.0, 16_000, 16_000));
        let loudness = measure("x.wav", Some(file)).unwrap();
        assert!((loudness.peak_dbfs + 12.0).abs() < 0.1 && (loudness.rms_dbfs + 15.0).abs() < 0.1);
    }
}
