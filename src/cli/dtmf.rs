//! `sasayaki dtmf WAV…`: what the in-band detector hears in recordings.

use crate::{
    dtmf::InBand,
    media::clip::{self, halve_rate},
    model::Digit,
};
use anyhow::Context;
use std::{
    fs::File,
    io::{BufReader, Write},
    path::{Path, PathBuf},
};

/// Prints `@MS DIGIT` for every digit, MS being the audio consumed when it was reported, fed 20 ms at a time.
/// Of several files each line begins with `FILE: `. A file that cannot be read ends the command.
pub fn run(files: &[PathBuf], out: &mut impl Write) -> anyhow::Result<()> {
    for file in files {
        let samples = read(file).with_context(|| file.display().to_string())?;
        for (ms, digit) in digits(&samples) {
            if files.len() > 1 {
                write!(out, "{}: ", file.display())?;
            }
            writeln!(out, "@{ms} {}", digit.as_char())?;
        }
    }
    Ok(())
}

fn digits(samples: &[i16]) -> impl Iterator<Item = (usize, Digit)> {
    let mut detector = InBand::default();
    let mut consumed = 0;
    samples.chunks(CHUNK_SAMPLES).filter_map(move |chunk| {
        consumed += chunk.len();
        detector.hear(chunk).map(|digit| (consumed.div_ceil(SAMPLES_PER_MS), digit))
    })
}

/// The samples of a recording at 8 kHz. An error says what to do.
pub fn read(file: &Path) -> anyhow::Result<Vec<i16>> {
    let opened = File::open(file).context("cannot be read")?;
    let reader = hound::WavReader::new(BufReader::new(opened));
    let reader = reader.map_err(|_| anyhow::anyhow!("is not a WAV file; {CONVERT}"))?;
    let spec = reader.spec();
    let kind = if spec.sample_format == hound::SampleFormat::Float { "floating point" } else { "integers" };
    let right = spec.channels == 1 && spec.bits_per_sample == 16 && spec.sample_format == hound::SampleFormat::Int;
    anyhow::ensure!(
        right && [RATE, clip::FILE_SAMPLE_RATE].contains(&spec.sample_rate),
        "is {} Hz, {} channel(s), {} bits ({kind}); {CONVERT}",
        spec.sample_rate,
        spec.channels,
        spec.bits_per_sample
    );
    let (declared, rate) = (reader.len(), spec.sample_rate);
    let samples: Vec<i16> = reader.into_samples().map_while(Result::ok).collect();
    anyhow::ensure!(
        samples.len() == declared as usize,
        "is cut short: {} of {declared} samples are there; record or copy it again",
        samples.len()
    );
    anyhow::ensure!(
        samples.len() >= (rate as usize * MIN_MS).div_ceil(1000),
        "holds {} sample(s): no key is shorter than {MIN_MS} ms; record it again",
        samples.len()
    );
    Ok(if rate == RATE { samples } else { halve_rate(&samples) })
}

const CONVERT: &str = "make it 8 or 16 kHz, mono, 16 bits, as by `sox FILE -r 8000 -c 1 -b 16 -e signed NEW.wav`";
/// What is shorter is no key for any receiver (ITU-T Q.24).
const MIN_MS: usize = 23;
const RATE: u32 = 8000;
const SAMPLES_PER_MS: usize = 8;
const CHUNK_SAMPLES: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::tone;
    use std::time::Duration;

    fn recording(folder: &Path, name: &str, rate: u32, channels: u16) -> PathBuf {
        let file = folder.join(name);
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&file, spec).unwrap();
        let pause = vec![0; rate as usize / 10];
        for key in ['7', '#'] {
            let press = tone::key_press(Digit::try_from(key).unwrap(), -10.0, Duration::from_millis(100), rate);
            pause.iter().chain(&press).for_each(|sample| writer.write_sample(*sample).unwrap());
        }
        writer.finalize().unwrap();
        file
    }

    fn printed(files: &[PathBuf]) -> anyhow::Result<String> {
        let mut out = Vec::new();
        run(files, &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    #[test]
    fn digits_are_printed_with_the_time_consumed_at_either_rate() {
        let folder = tempfile::tempdir().unwrap();
        let narrow = recording(folder.path(), "narrow.wav", 8000, 1);
        let wide = recording(folder.path(), "wide.wav", 16_000, 1);
        assert_eq!(printed(&[narrow]).unwrap(), "@140 7\n@340 #\n");
        assert_eq!(printed(&[wide]).unwrap(), "@140 7\n@340 #\n");
    }

    #[test]
    fn of_several_files_each_line_names_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = recording(folder.path(), "a.wav", 8000, 1);
        let name = file.display().to_string();
        let expected = format!("{name}: @140 7\n{name}: @340 #\n");
        assert_eq!(printed(&[file.clone(), file]).unwrap(), expected.repeat(2));
    }

    #[test]
    fn a_file_of_another_kind_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let stereo = recording(folder.path(), "stereo.wav", 8000, 2);
        let text = folder.path().join("text.wav");
        std::fs::write(&text, "not audio").unwrap();
        let refusal = |file: PathBuf| format!("{:#}", printed(&[file]).unwrap_err());
        assert!(refusal(stereo).contains("is 8000 Hz, 2 channel(s), 16 bits (integers); make it"));
        assert!(refusal(text).contains("text.wav: is not a WAV file; make it"));
        assert!(refusal(folder.path().join("none.wav")).contains("none.wav: cannot be read"));
    }
}
