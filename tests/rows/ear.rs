//! What a phone heard: which prompts, in which order, and whose tone.

use crate::support::audio::Recording;
use sasayaki::{
    media::{
        clip::{FILE_SAMPLE_RATE, halve_rate},
        codec::{self, Decoder, Encoder, FRAME_SAMPLES},
        tone,
    },
    model::{Codec, Prompt},
    phone::Call,
};
use std::{collections::BTreeMap, fs, future::Future, path::Path, time::Duration};

/// The longest a test waits for anything: a prompt, a tone, an end.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough to measure a level.
pub const A_MOMENT: Duration = Duration::from_millis(1100);
const POLL: Duration = Duration::from_millis(20);

/// The tail of what was heard that must hold a tone before it counts as heard.
const TAIL_SAMPLES: usize = 1600;
/// A tone this loud for that long is there.
const PRESENT_DBFS: f64 = -24.0;

/// The music on hold is about 10 dB louder in any second of it; a line without it, far quieter.
pub const MUSIC_DBFS: f64 = -40.0;

/// A frame with a sample this large is worth comparing.
const LOUD: u16 = 300;
/// Lost packets apart, a prompt arrives sample by sample.
const AGREEMENT: f64 = 0.85;
/// By so many of its frames a prompt is looked for: a busy machine may have lost the first.
const ANCHORS: usize = 3;
/// How often a moment is listened to again in which packets are missing.
const MOMENTS: usize = 6;
/// Nothing: less than the smallest step of G.711 but one.
const SILENT: u16 = 16;

const QUICK_MS: u32 = 240;
const QUICK_DBFS: f64 = -14.0;
const QUICK_FIRST_HZ: f64 = 310.0;
const QUICK_STEP_HZ: f64 = 137.0;

/// Every prompt and the chime as a phone on µ-law hears them.
pub struct Prompts(BTreeMap<Prompt, Vec<i16>>);

impl Prompts {
    /// Short tones, one for each prompt, for conversations in which the words do not matter.
    pub fn quick() -> Self {
        let spoken = Prompt::SPOKEN.into_iter().enumerate().map(|(index, prompt)| (prompt, quick_samples(index)));
        Self::as_heard(spoken)
    }

    /// The words themselves, from the repository.
    pub fn spoken(language: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts").join(language);
        Self::as_heard(Prompt::SPOKEN.into_iter().map(|prompt| {
            let file = folder.join(prompt.file_stem()).with_extension("wav");
            let samples = hound::WavReader::open(file).unwrap().into_samples();
            (prompt, samples.collect::<Result<_, _>>().unwrap())
        }))
    }

    /// Writes the quick prompts as a folder of prompts.
    pub fn write_quick(folder: &Path) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: FILE_SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        fs::create_dir_all(folder).unwrap();
        for (index, prompt) in Prompt::SPOKEN.into_iter().enumerate() {
            let mut file =
                hound::WavWriter::create(folder.join(prompt.file_stem()).with_extension("wav"), spec).unwrap();
            quick_samples(index).into_iter().for_each(|sample| file.write_sample(sample).unwrap());
            file.finalize().unwrap();
        }
    }

    pub fn seconds(&self, prompt: Prompt) -> f64 {
        self.0[&prompt].len() as f64 / f64::from(codec::SAMPLE_RATE)
    }

    /// Where in `heard`, from `from` on, the whole prompt begins.
    pub fn position(&self, prompt: Prompt, heard: &[i16], from: usize) -> Option<usize> {
        let (clip, heard_since) = (self.0[&prompt].as_slice(), heard.get(from..)?);
        let frames = clip.chunks_exact(FRAME_SAMPLES).enumerate();
        let worth = frames.filter(|(_, frame)| frame.iter().any(|sample| sample.unsigned_abs() > LOUD)).take(ANCHORS);
        let mut found = worth.filter_map(|(number, frame)| {
            let begin = |at: usize| (from + at).checked_sub(number * FRAME_SAMPLES);
            let matches = heard_since.windows(FRAME_SAMPLES).enumerate().filter(|(_, window)| *window == frame);
            matches.filter_map(|(at, _)| begin(at)).find(|at| agreement(clip, heard, *at) >= AGREEMENT)
        });
        found.next()
    }

    /// How often the prompt was heard.
    pub fn count(&self, prompt: Prompt, heard: &[i16]) -> usize {
        let (mut from, mut count) = (0, 0);
        while let Some(at) = self.position(prompt, heard, from) {
            (from, count) = (at + self.0[&prompt].len(), count + 1);
        }
        count
    }

    fn as_heard(files: impl IntoIterator<Item = (Prompt, Vec<i16>)>) -> Self {
        let spoken = files.into_iter().map(|(prompt, samples)| (prompt, over_the_wire(halve_rate(&samples))));
        Self(spoken.chain([(Prompt::Chime, over_the_wire(tone::chime()))]).collect())
    }
}

/// One phone's ear, which remembers how far it has listened.
pub struct Ear<'a> {
    call: &'a Call,
    prompts: &'a Prompts,
    from: usize,
}

impl<'a> Ear<'a> {
    pub fn new(call: &'a Call, prompts: &'a Prompts) -> Self {
        Self { call, prompts, from: 0 }
    }

    /// Waits until these prompts were heard to their ends, one after the other.
    #[track_caller]
    pub fn hears(&mut self, prompts: &[Prompt]) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            for prompt in prompts {
                let heard = until(|| self.find(*prompt)).await;
                let Some(at) = heard else { panic!("{caller}: {prompt:?} is not heard") };
                self.from = at + self.prompts.0[prompt].len();
            }
        }
    }

    /// What was searched once is not searched again, but for the length of a prompt that may be half heard.
    fn find(&mut self, prompt: Prompt) -> Option<usize> {
        let heard = self.call.heard();
        let found = self.prompts.position(prompt, &heard, self.from);
        if found.is_none() {
            let half_heard = self.prompts.0[&prompt].len() + FRAME_SAMPLES;
            self.from = self.from.max(heard.len().saturating_sub(half_heard));
        }
        found
    }
}

/// Waits until the tone is what is being heard.
#[track_caller]
pub fn hears(call: &Call, hz: f64) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move { assert!(soon(call, hz).await, "{caller}: {hz} Hz at {:.1} dBFS", tail_level(call, hz)) }
}

/// Whether the tone comes to be heard.
pub async fn soon(call: &Call, hz: f64) -> bool {
    until(|| (tail_level(call, hz) > PRESENT_DBFS).then_some(())).await.is_some()
}

fn tail_level(call: &Call, hz: f64) -> f64 {
    let heard = call.heard();
    tone::level_of(hz, codec::SAMPLE_RATE, &heard[heard.len().saturating_sub(TAIL_SAMPLES)..])
}

/// Everything that the phone heard in this call.
pub fn all_of(call: &Call) -> Recording {
    Recording::of(&call.heard())
}

/// What the phone hears from now on: the first moment of which a busy machine has lost nothing, or the last of several.
pub async fn now(call: &Call) -> Recording {
    let mut heard = call.listen(A_MOMENT).await;
    for _ in 1..MOMENTS {
        if !has_holes(&heard) {
            break;
        }
        heard = call.listen(A_MOMENT).await;
    }
    Recording::of(&heard)
}

/// Whether packets are missing in the middle of something.
fn has_holes(heard: &[i16]) -> bool {
    let silent = |frame: &&[i16]| frame.iter().all(|sample| *sample == 0);
    let frames = heard.chunks_exact(FRAME_SAMPLES / 2);
    let (holes, all) = (frames.clone().filter(silent).count(), frames.count());
    holes > 0 && holes < all
}

/// In dB of a full-scale square wave.
pub fn loudness(heard: &[i16]) -> f64 {
    let energy: f64 = heard.iter().map(|sample| (f64::from(*sample) / f64::from(i16::MAX)).powi(2)).sum();
    10.0 * (energy / heard.len().max(1) as f64).max(1e-12).log10()
}

#[track_caller]
pub fn assert_hears(who: &str, heard: &Recording, tones: &[f64]) {
    for hz in tones {
        assert!(heard.hears(*hz), "{who}: {hz} Hz at {:.1} dBFS in {:.1} s", heard.loudest_db(*hz), heard.seconds());
    }
}

#[track_caller]
pub fn assert_lacks(who: &str, heard: &Recording, tones: &[f64]) {
    for hz in tones {
        assert!(heard.lacks(*hz), "{who}: {hz} Hz at {:.1} dBFS in {:.1} s", heard.loudest_db(*hz), heard.seconds());
    }
}

#[track_caller]
pub fn assert_silent(who: &str, heard: &[i16]) {
    let loudest = heard.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    assert!(loudest <= SILENT, "{who}: a sample of {loudest}");
}

/// Asks again until there is an answer.
pub async fn until<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let asking = async {
        let mut clock = tokio::time::interval(POLL);
        loop {
            clock.tick().await;
            if let Some(answer) = ask() {
                return answer;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.ok()
}

fn agreement(clip: &[i16], heard: &[i16], at: usize) -> f64 {
    let Some(heard) = heard.get(at..at + clip.len()) else { return 0.0 };
    let same = clip.iter().zip(heard).filter(|(one, other)| one == other).count();
    same as f64 / clip.len() as f64
}

fn over_the_wire(mut samples: Vec<i16>) -> Vec<i16> {
    samples.resize(samples.len().next_multiple_of(FRAME_SAMPLES), 0);
    let (mut payload, mut heard) = (vec![0; samples.len()], vec![0; samples.len()]);
    Encoder::new(Codec::Pcmu).encode(&samples, &mut payload);
    Decoder::new(Codec::Pcmu).decode(&payload, &mut heard);
    heard
}

/// The tone that a quick prompt is.
pub fn quick_hz(prompt: Prompt) -> f64 {
    let index = Prompt::SPOKEN.iter().position(|spoken| *spoken == prompt).unwrap();
    QUICK_FIRST_HZ + QUICK_STEP_HZ * index as f64
}

fn quick_samples(index: usize) -> Vec<i16> {
    tone::sine(
        quick_hz(Prompt::SPOKEN[index]),
        QUICK_DBFS,
        FILE_SAMPLE_RATE,
        (QUICK_MS * FILE_SAMPLE_RATE / 1000) as usize,
    )
}
