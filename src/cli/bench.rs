//! `sasayaki bench`: `sip` stands in a file of its own. `sasayaki bench dtmf`: how many channels of audio one core can listen to, and how that compares with spandsp.

mod sip;

use super::dtmf as recordings;
use crate::{
    dtmf::{InBand, tone},
    model::Digit,
};
use anyhow::Context;
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// What can be measured.
#[derive(clap::Subcommand)]
pub enum BenchCommand {
    /// Channels of audio that one core can listen to for digits
    Dtmf {
        /// 8 or 16 kHz mono; without it, a minute of keypad entry
        wav: Option<PathBuf>,
        /// A program to alternate with, run as `PROGRAM -b TIMES WAV` (the scoring kit's runner for spandsp)
        #[arg(long, value_name = "PROGRAM", requires = "wav")]
        against: Option<PathBuf>,
    },
    /// Registrations and calls that an engine carries on this machine, and what they cost it
    Sip(sip::Args),
}

impl BenchCommand {
    pub async fn run(&self) -> anyhow::Result<()> {
        match self {
            Self::Dtmf { wav, against } => {
                dtmf(wav.as_deref(), against.as_deref(), AUDIO_SECONDS, &mut io::stdout().lock())
            }
            Self::Sip(args) => sip::run(*args).await,
        }
    }
}

/// Listens to a recording (without one: to a minute of keypad entry) again and again, in turns with `against`, a
/// program that takes `-b TIMES WAV` as the scoring kit's runner for spandsp does.
fn dtmf(wav: Option<&Path>, against: Option<&Path>, seconds: f64, out: &mut impl Write) -> anyhow::Result<()> {
    let samples = wav.map_or_else(|| Ok(keypad_entry()), recordings::read)?;
    let audio = samples.len() as f64 / 8000.0;
    anyhow::ensure!(audio > 0.0, "no audio to listen to");
    let rounds = (seconds / audio).ceil() as u32;
    let (mut ours, mut theirs) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..TURNS {
        ours += timed(|| listen(&samples, rounds));
        if let (Some(program), Some(wav)) = (against, wav) {
            theirs += timed_program(program, wav, rounds)?;
        }
    }
    let heard = audio * f64::from(rounds * TURNS);
    writeln!(out, "channels per core: {:.0}", heard / ours.as_secs_f64())?;
    if !theirs.is_zero() {
        writeln!(out, "the other program: {:.0}", heard / theirs.as_secs_f64())?;
        writeln!(out, "ratio: {:.2}", theirs.as_secs_f64() / ours.as_secs_f64())?;
    }
    Ok(())
}

fn listen(samples: &[i16], rounds: u32) {
    for _ in 0..rounds {
        let mut ear = InBand::default();
        for frame in samples.chunks(FRAME) {
            std::hint::black_box(ear.hear(frame).is_some());
        }
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = now();
    work();
    start.elapsed()
}

fn timed_program(program: &Path, wav: &Path, rounds: u32) -> anyhow::Result<Duration> {
    let mut command = Command::new(program);
    command.arg("-b").arg(rounds.to_string()).arg(wav).stdout(Stdio::null());
    let start = now();
    let status = command.status().with_context(|| program.display().to_string())?;
    anyhow::ensure!(status.success(), "{} failed", program.display());
    Ok(start.elapsed())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// A minute of keys, 100 ms each, half a second apart.
fn keypad_entry() -> Vec<i16> {
    let press = |n: u8| {
        let digit = Digit::from_event_code(n % 16).unwrap_or(Digit::HASH);
        let mut sound = tone::key_press(digit, -10.0, Duration::from_millis(100), 8000);
        sound.resize(4000, 0);
        sound
    };
    (0..120).flat_map(press).collect()
}

const FRAME: usize = 160;
/// Audio listened to in each turn.
const AUDIO_SECONDS: f64 = 3600.0;
const TURNS: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_benchmark_tells_channels_per_core() {
        let mut told = Vec::new();
        dtmf(None, None, 1.0, &mut told).unwrap();
        assert!(String::from_utf8(told).unwrap().starts_with("channels per core: "));
    }

    #[test]
    fn a_program_that_cannot_be_started_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let wav = folder.path().join("a.wav");
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&wav, spec).unwrap();
        (0..8000).for_each(|_| writer.write_sample(0i16).unwrap());
        writer.finalize().unwrap();
        let error = dtmf(Some(&wav), Some(Path::new("/nowhere/spandsp_dtmf")), 1.0, &mut Vec::new()).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/spandsp_dtmf"));
    }
}
