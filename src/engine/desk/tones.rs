//! Tones at intervals while somebody monitors (X10).

use super::{Desk, Guest, LegId, Stage, Start};
use crate::{
    model::{Mode, Settings},
    spy::{self, Chime},
};
use std::time::{Duration, Instant};

/// The tones of a session, as the settings were when its mode began.
pub(super) struct Tones {
    pub next: Instant,
    every: Duration,
    audience: Chime,
}

impl Tones {
    pub fn begin(now: Instant, start: &Start) -> Option<Self> {
        Self::of(now, start.view.mode, &start.settings)
    }

    pub fn of(now: Instant, mode: Mode, settings: &Settings) -> Option<Self> {
        let (every, audience) = spy::interval_tone(mode, settings)?;
        Some(Self { next: now + every, every, audience })
    }
}

impl Desk {
    /// The tone that is due.
    pub(super) fn sound_again(&mut self, now: Instant, leg: LegId) {
        let Some(Guest { stage: Stage::Spying { session, view, tones: Some(tones), .. }, .. }) =
            self.guests.get_mut(&leg)
        else {
            return;
        };
        if session.is_live() && now >= tones.next {
            tones.next = now + tones.every;
            let (id, audience) = (view.id, tones.audience);
            self.sound(leg, id, audience);
        }
    }
}
