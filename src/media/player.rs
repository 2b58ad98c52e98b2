//! Clips one after another into one leg, a frame at a time.

use super::{clip::Clip, codec::FRAME_SAMPLES, rate::Rate};
use crate::model::Codec;
use std::sync::Arc;

pub struct Player {
    pub ticket: u64,
    repeats: bool,
    clips: Vec<Arc<Clip>>,
    clip: usize,
    frame: usize,
}

impl Player {
    pub fn new(ticket: u64, clips: Vec<Arc<Clip>>) -> Self {
        let clips = clips.into_iter().filter(|clip| clip.frames() > 0).collect();
        Self { ticket, repeats: false, clips, clip: 0, frame: 0 }
    }

    /// Over and over, from the beginning.
    pub fn repeating(clip: Arc<Clip>) -> Self {
        Self { repeats: true, ..Self::new(0, vec![clip]) }
    }

    /// The frame that is due, to be mixed over something.
    pub fn linear(&self, rate: Rate) -> Option<&[i16]> {
        self.clips.get(self.clip).map(|clip| clip.linear(self.frame, rate))
    }

    /// The frame that is due, ready to send, in a codec whose bytes depend on nothing sent before.
    pub fn encoded(&self, codec: Codec) -> Option<&[u8; FRAME_SAMPLES]> {
        self.clips.get(self.clip)?.encoded(self.frame, codec)
    }

    pub fn advance(&mut self) {
        self.frame += 1;
        if self.clips.get(self.clip).is_some_and(|clip| self.frame >= clip.frames()) {
            (self.clip, self.frame) = (self.clip + 1, 0);
        }
        if self.repeats && self.clip >= self.clips.len() {
            self.clip = 0;
        }
    }

    pub fn is_over(&self) -> bool {
        self.clip >= self.clips.len()
    }
}
