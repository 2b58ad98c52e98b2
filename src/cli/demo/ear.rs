//! An ear at a phone: it knows a prompt or a voice when it hears it.

use super::{house::PATIENCE, party::Party};
use crate::{
    engine::prompts,
    media::{
        clip::Clips,
        codec::{Decoder, Encoder, FRAME_SAMPLES, SAMPLE_RATE},
        tone::level_of,
    },
    model::{Codec, Prompt},
    phone::Call,
};
use anyhow::bail;
use std::{ops::Range, time::Duration};
use tokio::time::{Instant, interval};

/// The codec of the demo's phones.
pub const CODEC: Codec = Codec::Pcmu;

const BLINK: Duration = Duration::from_millis(20);
/// Within so much of its beginning, or of its end, lies what a prompt is known by.
const MARKED_SAMPLES: usize = SAMPLE_RATE as usize / 2;
/// A voice is there when its last so many samples are so loud.
const VOICE_SAMPLES: usize = SAMPLE_RATE as usize / 2;
const VOICE_DBFS: f64 = -40.0;
/// What the system says when it does not do what was asked.
const REFUSALS: [Prompt; 2] = [Prompt::SignInFailed, Prompt::Error];

pub struct Ear<'a> {
    pub call: &'a Call,
    pub clips: &'a Clips,
}

impl Ear<'_> {
    pub fn position(&self) -> usize {
        self.call.heard().len()
    }

    /// Waits until a prompt has begun.
    pub async fn beginning(&self, prompt: Prompt, from: usize) -> anyhow::Result<()> {
        let mark = self.mark(prompt, |length| 0..MARKED_SAMPLES.min(length));
        let what = format!("the prompt `{}` was not heard", prompt.file_stem());
        self.until(&what, from, PATIENCE, |heard| mark.found_in(heard).is_some()).await
    }

    /// Waits until a prompt that has begun is played to its end.
    pub async fn end(&self, prompt: Prompt, from: usize) -> anyhow::Result<()> {
        let mark = self.mark(prompt, |length| length.saturating_sub(MARKED_SAMPLES)..length);
        let what = format!("the prompt `{}` was not heard to its end", prompt.file_stem());
        let limit = self.duration(prompt) + PATIENCE;
        let whole = |heard: &[i16]| mark.found_in(heard).is_some_and(|at| heard.len() >= at + mark.rest);
        self.until(&what, from, limit, whole).await
    }

    /// Waits until a voice is there.
    pub async fn voice(&self, party: Party, from: usize) -> anyhow::Result<()> {
        let what = format!("the {}'s voice was not heard", party.name());
        self.until(&what, from, PATIENCE, |heard| {
            let last = heard.len().checked_sub(VOICE_SAMPLES).and_then(|start| heard.get(start..));
            last.is_some_and(|last| level_of(party.hz(), SAMPLE_RATE, last) > VOICE_DBFS)
        })
        .await
    }

    async fn until(
        &self,
        what: &str,
        from: usize,
        limit: Duration,
        enough: impl Fn(&[i16]) -> bool,
    ) -> anyhow::Result<()> {
        let refusals = REFUSALS.map(|prompt| (prompt, self.mark(prompt, |length| 0..length)));
        let (mut clock, deadline) = (interval(BLINK), now() + limit);
        loop {
            clock.tick().await;
            let heard = self.call.heard();
            let heard = heard.get(from..).unwrap_or_default();
            if enough(heard) {
                return Ok(());
            }
            if let Some((prompt, _)) = refusals.iter().find(|(_, mark)| mark.found_in(heard).is_some()) {
                let said = prompts::texts(*prompt).map_or("", |(japanese, _)| japanese);
                bail!("{what}: the system said 「{said}」 instead");
            }
            if self.call.is_ended() {
                bail!("{what}: the call had ended before");
            }
            if now() >= deadline {
                bail!("{what} within {} s", limit.as_secs());
            }
        }
    }

    fn duration(&self, prompt: Prompt) -> Duration {
        let samples = self.clips.get(prompt).map_or(0, |clip| clip.samples().len());
        Duration::from_secs_f64(samples as f64 / f64::from(SAMPLE_RATE))
    }

    /// The loudest frame in a part of a prompt, as it sounds after the codec.
    fn mark(&self, prompt: Prompt, part: impl Fn(usize) -> Range<usize>) -> Mark {
        let samples = self.clips.get(prompt).map_or(&[][..], |clip| clip.samples());
        let part = part(samples.len());
        let energy = |start: &usize| -> i64 {
            let frame = samples.get(*start..start + FRAME_SAMPLES).unwrap_or_default();
            frame.iter().map(|sample| i64::from(*sample).pow(2)).sum()
        };
        let start = part.step_by(FRAME_SAMPLES).max_by_key(energy).unwrap_or_default();
        let frame = samples.get(start..start + FRAME_SAMPLES).unwrap_or_default();
        let (mut payload, mut decoded) = ([0; FRAME_SAMPLES], [0; FRAME_SAMPLES]);
        let frame = Decoder::new(CODEC).decode(Encoder::new(CODEC).encode(frame, &mut payload), &mut decoded).to_vec();
        Mark { frame, rest: samples.len().saturating_sub(start) }
    }
}

/// By what a prompt is known: one frame of it, and how much of the prompt there is from there.
struct Mark {
    frame: Vec<i16>,
    rest: usize,
}

impl Mark {
    fn found_in(&self, heard: &[i16]) -> Option<usize> {
        // A prompt that is missing has no mark, and is never heard.
        let length = (!self.frame.is_empty()).then_some(self.frame.len())?;
        heard.windows(length).position(|window| window == self.frame)
    }
}

fn now() -> Instant {
    Instant::now()
}
