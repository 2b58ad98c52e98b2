//! `sasayaki bench dtmf`: how many channels of audio one core can listen to for digits, in turns with spandsp.

mod sounds;
mod spandsp;

use crate::cli::{
    dtmf as recordings,
    output::{self, Format, Row},
};
use crate::dtmf::InBand;
use serde::Serialize;
use sounds::Sound;
use spandsp::Spandsp;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

#[derive(Default, clap::Args)]
pub struct Args {
    /// Recordings, 8 or 16 kHz mono; without them, a minute each of several kinds of sound
    wav: Vec<PathBuf>,
    #[command(flatten)]
    format: Format,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let sounds = match args.wav.as_slice() {
        [] => sounds::all()?,
        files => files.iter().map(|file| recorded(file)).collect::<anyhow::Result<_>>()?,
    };
    let spandsp = Spandsp::build().map_err(|error| output::note(&output::told(&error))).ok();
    let measured: Vec<_> = sounds
        .iter()
        .map(|sound| {
            output::note(&format!("listening to {}", sound.0));
            measure(sound, spandsp.as_ref(), AUDIO_SECONDS)
        })
        .collect::<anyhow::Result<_>>()?;
    output::list(&measured, args.format)
}

fn recorded(file: &Path) -> anyhow::Result<Sound> {
    let name = file.display().to_string();
    let samples = recordings::read(file).map_err(|error| error.context(name.clone()))?;
    anyhow::ensure!(!samples.is_empty(), "{name}: no audio to listen to");
    Ok((name, samples))
}

/// One kind of sound: the medians of all turns, and how far the ratios lie apart.
#[derive(Serialize)]
struct Measured {
    sound: String,
    channels_per_core: u64,
    spandsp_channels_per_core: Option<u64>,
    /// Above one: less processor time than spandsp takes.
    ratio: Option<f64>,
    ratio_least: Option<f64>,
    ratio_most: Option<f64>,
}

impl Row for Measured {
    const HEADINGS: &'static [&'static str] = &["SOUND", "CHANNELS PER CORE", "SPANDSP", "RATIO", "LEAST TO MOST"];

    fn cells(&self) -> Vec<String> {
        let ratio = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        vec![
            self.sound.clone(),
            self.channels_per_core.to_string(),
            self.spandsp_channels_per_core.map_or("-".to_owned(), |channels| channels.to_string()),
            ratio(self.ratio),
            format!("{} to {}", ratio(self.ratio_least), ratio(self.ratio_most)),
        ]
    }
}

/// Listens in turns, each time to so many seconds of the sound.
fn measure((name, samples): &Sound, spandsp: Option<&Spandsp>, seconds: f64) -> anyhow::Result<Measured> {
    let once = samples.len() as f64 / 8000.0;
    let times = (seconds / once).ceil().max(1.0) as u32;
    let channels = |time: Duration| once * f64::from(times) / time.as_secs_f64().max(f64::MIN_POSITIVE);
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.push(channels(listen(samples, times)));
        if let Some(spandsp) = spandsp {
            theirs.push(channels(spandsp.time(samples, times)?));
            ratios.extend(ours.last().zip(theirs.last()).map(|(ours, theirs)| ours / theirs));
        }
    }
    ratios.sort_by(f64::total_cmp);
    Ok(Measured {
        sound: name.clone(),
        channels_per_core: median(&mut ours).unwrap_or_default() as u64,
        spandsp_channels_per_core: median(&mut theirs).map(|channels| channels as u64),
        ratio: median(&mut ratios),
        ratio_least: ratios.first().copied(),
        ratio_most: ratios.last().copied(),
    })
}

/// The processor time of listening so many times, 20 ms at a time.
fn listen(samples: &[i16], times: u32) -> Duration {
    let begun = processor_time();
    for _ in 0..times {
        let mut ear = InBand::default();
        for frame in samples.chunks(FRAME) {
            std::hint::black_box(ear.hear(frame).is_some());
        }
    }
    processor_time().saturating_sub(begun)
}

/// What this thread has had of the processor.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

const FRAME: usize = 160;
/// Audio listened to in each turn.
const AUDIO_SECONDS: f64 = 3600.0;
const TURNS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_sound_lasts_a_minute_and_none_but_the_first_is_silent() {
        for (n, (name, samples)) in sounds::all().unwrap().into_iter().enumerate() {
            assert_eq!(samples.len(), 480_000, "{name}");
            assert_eq!(n == 0, samples.iter().all(|sample| *sample == 0), "{name}");
        }
    }

    #[test]
    fn without_spandsp_our_own_figure_is_told_and_nothing_is_compared() {
        let measured = measure(&("keys".to_owned(), sounds::keypad_entry()), None, 1.0).unwrap();
        assert!(measured.channels_per_core > 0);
        assert_eq!(measured.cells()[2..], ["-", "-", "- to -"]);
    }

    #[test]
    fn the_median_of_five_is_the_third() {
        assert_eq!(median(&mut [5.0, 1.0, 4.0, 2.0, 3.0]), Some(3.0));
        assert_eq!(median(&mut []), None);
    }
}
