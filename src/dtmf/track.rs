//! One tone through the last hops: how strong, how steady, and since when.

use super::{
    bank::{self, HOP},
    inband::Past,
};
use std::f32::consts::TAU;

/// The lengths of one tone, newest first.
pub struct Track {
    tone: usize,
    lengths: [f32; TRACK_HOPS],
    /// Its peak: the median of the newest.
    pub peak: f32,
}

/// The straight line through the phases of the newest hops.
pub struct Line {
    pub off_hz: f32,
    /// Root mean square of what lies beside the line, in radians.
    pub unrest: f32,
}

impl Track {
    pub fn of(past: &Past, tone: usize) -> Self {
        let lengths: [f32; TRACK_HOPS] = std::array::from_fn(|ago| past.bins(ago).at(tone).length());
        let mut newest: [f32; LINE_HOPS] = std::array::from_fn(|ago| lengths[ago]);
        newest.sort_by(f32::total_cmp);
        Self { tone, lengths, peak: newest[LINE_HOPS / 2].max(f32::MIN_POSITIVE) }
    }

    /// A phase counts for as much as its tone is long: what a codec has let sink has none to speak of.
    pub fn line(&self, past: &Past) -> Line {
        let mut phases = [0.0; LINE_HOPS];
        for ago in 1..LINE_HOPS {
            let turn = past.bins(ago - 1).at(self.tone).turn_since(past.bins(ago).at(self.tone));
            phases[ago] = phases[ago - 1] - turn;
        }
        let weights: [f32; LINE_HOPS] = std::array::from_fn(|ago| (self.lengths[ago] / self.peak).min(1.0));
        let all: f32 = weights.iter().sum();
        let mean = |of: &dyn Fn(usize) -> f32| (0..LINE_HOPS).map(|ago| weights[ago] * of(ago)).sum::<f32>() / all;
        let (middle, phase) = (mean(&|ago| ago as f32), mean(&|ago| phases[ago]));
        let time = |ago: usize| middle - ago as f32;
        let slope = mean(&|ago| time(ago) * phases[ago]) / mean(&|ago| time(ago) * time(ago));
        let unrest = mean(&|ago| (phases[ago] - phase - slope * time(ago)).powi(2)).sqrt();
        Line { off_hz: slope / TAU * bank::RATE / HOP as f32, unrest }
    }
}

/// For how long both tones have been there.
pub struct Presence {
    /// The sum of their lengths, in hops. It lags: half a hop of a tone that sounds on is not in it yet.
    pub sum: f32,
    /// Hops back to the oldest in which they are full.
    pub hops: usize,
    /// Hops that the tones took to rise; `None` while their beginning is not in sight.
    pub rise: Option<usize>,
}

impl Presence {
    pub fn of(low: &Track, high: &Track) -> Self {
        let parts = |ago: usize| (low.lengths[ago] / low.peak, high.lengths[ago] / high.peak);
        let part = |ago: usize| parts(ago).0.min(parts(ago).1);
        let dips = |ago: usize| {
            let before = ago + 1..TRACK_HOPS.min(ago + 1 + DIP_HOPS);
            parts(ago).0.max(parts(ago).1) >= FULL && before.into_iter().any(|ago| part(ago) >= GONE)
        };
        let mut presence = Self { sum: 0.0, hops: 0, rise: None };
        for ago in 0..TRACK_HOPS {
            if presence.hops > 0 && part(ago) < GONE && !dips(ago) {
                let full = (0..ago).rev().take_while(|ago| part(*ago) < RISEN).count();
                let faint = (ago..TRACK_HOPS).take_while(|ago| part(*ago) > UNRISEN).count();
                presence.rise = Some(full + faint);
                break;
            }
            if part(ago) > FULL {
                presence.hops = ago + 1;
            }
            presence.sum += part(ago).min(1.0);
        }
        presence
    }

    /// Whether what was before the tones is still in sight.
    pub fn begins(&self) -> bool {
        self.hops < TRACK_HOPS - 1
    }
}

/// 80 ms.
pub const TRACK_HOPS: usize = 16;
/// The line goes through 30 ms.
pub const LINE_HOPS: usize = 5;
/// Parts of the peak: a hop in which a tone is full, and one in which it is gone.
const FULL: f32 = 0.7;
const GONE: f32 = 0.25;
/// 10 ms: while one tone stays full, for so long the other may be gone and is still the same. A codec that predicts a tone from the
/// one before lets it sink and turns it over. Row: GSM.
const DIP_HOPS: usize = 2;
/// A tone that is switched on passes from one to the other within a hop; a voice does not.
const RISEN: f32 = 0.88;
const UNRISEN: f32 = 0.12;
