//! Presence, format and level of every spoken prompt, and of the administrator's music on hold.

use crate::cli::config::{Finding, Prompts};
use crate::engine::prompts;
use crate::{media::clip::MAX_MUSIC_SECONDS, model::Prompt};
use std::path::Path;

const SAMPLE_RATE: u32 = 16_000;

/// Below this a prompt is as good as silent; above it, it shouts beside a voice.
const RMS_DBFS: std::ops::RangeInclusive<f64> = -35.0..=-10.0;

/// After a transfer or a lost right a call may last this much longer (C1).
const MAX_GOODBYE_MS: u64 = 3_000;

pub fn check(chosen: &Prompts) -> Vec<Finding> {
    let spoken = Prompt::SPOKEN.into_iter().map(|prompt| check_one(chosen, prompt));
    spoken.chain(chosen.music.as_deref().map(check_music)).filter_map(Result::err).collect()
}

fn check_music(file: &Path) -> Result<(), Finding> {
    let place = file.display().to_string();
    let bytes = std::fs::read(file).map_err(|error| Finding::error(&place, None, error.to_string()))?;
    let samples = read(&bytes).map_err(|why| Finding::error(&place, None, why))?;
    let seconds = samples.len() as u64 / u64::from(SAMPLE_RATE);
    if seconds > u64::from(MAX_MUSIC_SECONDS) {
        let why = format!("lasts {seconds} s; music on hold may last {MAX_MUSIC_SECONDS} s, then it begins again");
        return Err(Finding::error(place, None, why));
    }
    check_level(place, &samples)
}

fn check_one(chosen: &Prompts, prompt: Prompt) -> Result<(), Finding> {
    let (dir, language) = (chosen.dir.as_deref(), chosen.language.as_str());
    let file = dir.unwrap_or(Path::new("prompts")).join(language).join(prompt.file_stem()).with_extension("wav");
    let place = file.display().to_string();
    let bytes = prompts::wav(dir, language, prompt)
        .map_err(|error| Finding::error(&place, None, format!("{error}; every language needs this prompt")))?;
    let samples = read(&bytes).map_err(|why| Finding::error(&place, None, why))?;
    let duration_ms = samples.len() as u64 * 1000 / u64::from(SAMPLE_RATE);
    if matches!(prompt, Prompt::EndedByTransfer | Prompt::EndedByRight) && duration_ms > MAX_GOODBYE_MS {
        let why = format!("lasts {duration_ms} ms; at most {MAX_GOODBYE_MS} ms may follow the end of a session");
        return Err(Finding::error(place, None, why));
    }
    check_level(place, &samples)
}

fn check_level(place: String, samples: &[i16]) -> Result<(), Finding> {
    match rms_dbfs(samples) {
        level if RMS_DBFS.contains(&level) => Ok(()),
        level => {
            let (low, high) = (RMS_DBFS.start(), RMS_DBFS.end());
            let why = format!("its level is {level:.0} dBFS RMS; between {low:.0} and {high:.0} it is heard well");
            Err(Finding::note(place, None, why))
        }
    }
}

fn read(wav: &[u8]) -> Result<Vec<i16>, String> {
    let reader = hound::WavReader::new(wav).map_err(|error| format!("not a WAV file: {error}"))?;
    let spec = reader.spec();
    let fits = spec.sample_rate == SAMPLE_RATE
        && spec.channels == 1
        && spec.bits_per_sample == 16
        && spec.sample_format == hound::SampleFormat::Int;
    if !fits {
        let (rate, channels, bits) = (spec.sample_rate, spec.channels, spec.bits_per_sample);
        return Err(format!("is {rate} Hz, {channels} channel(s), {bits} bits; must be 16000 Hz, mono, 16 bits"));
    }
    let samples: Vec<i16> =
        reader.into_samples().collect::<Result<_, _>>().map_err(|error| format!("a broken WAV file: {error}"))?;
    if samples.is_empty() { Err("holds no sound".to_owned()) } else { Ok(samples) }
}

fn rms_dbfs(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let full_scale = f64::from(i16::MAX);
    10.0 * (sum / samples.len() as f64 / full_scale.powi(2)).max(1e-12).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_prompts_are_in_order() {
        for language in ["ja", "en"] {
            let language = language.to_owned().try_into().unwrap();
            let told: Vec<String> = check(&Prompts { dir: None, language, music: None })
                .iter()
                .map(|finding| finding.to_string())
                .collect();
            assert!(told.is_empty(), "{told:?}");
        }
    }

    #[test]
    fn a_square_wave_at_full_scale_is_zero_dbfs() {
        assert!(rms_dbfs(&[i16::MAX, -i16::MAX]).abs() < 0.01);
        assert!(rms_dbfs(&[0; 8]) < -100.0);
    }
}
