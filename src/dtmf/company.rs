//! What sounds beside the two tones, and whether it is theirs.
//!
//! The tones are taken out of the last 20 ms, and what is left is measured. A dial tone or a hum that was there before
//! the tones is not held against them. A voice is known by its comb: its strongest harmonics may look like a key, but
//! the others stand at multiples of the same pitch.

use super::{
    inband::Past,
    spectrum::{Folded, GROUP, LINE_HZ, LINES, Quarters, SPAN},
    track::{Presence, TRACK_HOPS},
};

/// What is left of the last 20 ms without the two tones.
pub struct Company {
    left: Quarters,
    lines: [f32; LINES],
    overdriven: bool,
    /// The power of the two tones.
    pair: f32,
    /// All that is left, but for what is low and steady since before the tones, as a part of it.
    pub rest: f32,
}

/// What stands out of it, as parts of the power of the two tones.
pub struct Traits {
    /// The strongest 150 Hz.
    pub third: f32,
    /// What stands on a comb that holds both tones, beyond what chance would put there.
    pub comb: f32,
}

impl Traits {
    /// Of nothing, or not known.
    pub const NONE: Self = Self { third: 0.0, comb: 0.0 };
}

impl Company {
    /// When more is left than `most`, at least so much is left.
    pub fn of(past: &Past, low_hz: f32, high_hz: f32, presence: &Presence, most: f32) -> Result<Self, f32> {
        let now = past.samples::<SPAN>(0).ok_or(0.0)?;
        let mut left = Folded::of(now);
        let pair = 0.5 * (left.take_away(low_hz) + left.take_away(high_hz));
        let pair = pair.max(f32::MIN_POSITIVE);
        let all = left.power();
        let left = left.folded_again();
        let mut lines = [0.0; LINES];
        if all <= NOTHING * pair {
            return Ok(Self { left, lines, overdriven: false, pair, rest: all / pair });
        }
        left.measure(0..LOW_GROUPS, &mut lines);
        let low: f32 = lines[FIRST_LINE..HIGH_LINE].iter().sum();
        let high = all - 0.5 * lines[0] - lines[1..HIGH_LINE].iter().sum::<f32>();
        if high > most * pair {
            return Err(high / pair);
        }
        lines[..FIRST_LINE].fill(0.0);
        let fresh = if low > NOTHING * pair && presence.begins() {
            let before = Before::of(past, presence.hops + 2).ok_or(0.0)?;
            before.take_from(&mut lines);
            before.fresh(low)
        } else {
            low
        };
        let rest = (high + fresh).max(0.0) / pair;
        if rest > most {
            return Err(rest);
        }
        let overdriven = now.iter().filter(|sample| sample.abs() >= CLIPPED).count() >= SPAN / 10;
        Ok(Self { left, lines, overdriven, pair, rest })
    }

    pub fn traits(mut self, low_hz: f32, high_hz: f32) -> Traits {
        if self.rest <= NOTHING {
            return Traits::NONE;
        }
        self.left.measure(LOW_GROUPS..LINES / GROUP, &mut self.lines);
        let third = self.lines.windows(3).map(|three| three.iter().sum()).fold(0.0, f32::max) / self.pair;
        let comb = if self.overdriven { 0.0 } else { comb(&self.lines, low_hz, high_hz) / self.pair };
        Traits { third, comb }
    }
}

/// The low lines in the time before the tones.
struct Before {
    lines: [f32; LINES],
    least: f32,
    most: f32,
}

impl Before {
    fn of(past: &Past, hops: usize) -> Option<Self> {
        let mut before = Self { lines: [0.0; LINES], least: f32::MAX, most: 0.0 };
        for ago in hops..hops + BEFORE_HOPS {
            let mut lines = [0.0; LINES];
            Folded::of(past.samples(ago)?).folded_again().measure(0..LOW_GROUPS, &mut lines);
            let sum = lines[FIRST_LINE..HIGH_LINE].iter().sum();
            before.least = before.least.min(sum);
            before.most = before.most.max(sum);
            for (most, line) in before.lines.iter_mut().zip(lines) {
                *most = most.max(line);
            }
        }
        Some(before)
    }

    fn take_from(&self, lines: &mut [f32; LINES]) {
        for (line, before) in lines.iter_mut().zip(&self.lines).take(HIGH_LINE) {
            *line = (*line - TOLERANCE * before).max(0.0);
        }
    }

    /// What steadiness does not explain of the low power now: a rise, a fall, or unrest before.
    fn fresh(&self, now: f32) -> f32 {
        let risen = now - TOLERANCE * self.most;
        let fallen = self.least / TOLERANCE - now;
        let unsteady = self.most - STEADY * self.least;
        risen.max(fallen).max(unsteady).clamp(0.0, now)
    }
}

/// Tries each pitch of which both tones may be harmonics.
fn comb(lines: &[f32; LINES], low_hz: f32, high_hz: f32) -> f32 {
    let all: f32 = lines.iter().sum();
    let beyond_chance = |pitch: f32| {
        let (mut on, mut covered) = (0.0, 0);
        let mut tooth = pitch / LINE_HZ;
        while tooth < LINES as f32 {
            let near = (tooth - 1.0).ceil() as usize..LINES.min((tooth + 1.0).floor() as usize + 1);
            covered += near.len();
            on += lines[near].iter().sum::<f32>();
            tooth += pitch / LINE_HZ;
        }
        on - all * covered as f32 / (LINES - 1) as f32
    };
    let pitch = |part: u8| {
        let pitch = low_hz / f32::from(part);
        let times = (high_hz / pitch + 0.5).floor();
        let fits = PITCHES_HZ.contains(&pitch) && (high_hz - times * pitch).abs() <= MAX_MISTUNING * high_hz;
        fits.then_some(0.5 * (pitch + high_hz / times))
    };
    (2..8).filter_map(pitch).map(beyond_chance).fold(0.0, f32::max)
}

/// Below 250 Hz is hum, and nothing that tells a voice.
const FIRST_LINE: usize = 5;
/// From 600 Hz on nothing is excused.
const HIGH_LINE: usize = 12;
/// The low lines are all in the first group.
const LOW_GROUPS: usize = HIGH_LINE.div_ceil(GROUP);
/// Less than this part of the tones is not looked into (−20 dB).
const NOTHING: f32 = 0.01;
/// How far before the tones is looked back, from where they began: 45 ms.
const BEFORE_HOPS: usize = 6;
/// 0.8 dB. A steady tone under the curve stays within.
const TOLERANCE: f32 = 1.2;
/// 2.6 dB: two tones 90 Hz apart (350 and 440 Hz) beat by 2.2 dB under the curve.
const STEADY: f32 = 1.8;
/// Deeper voices have a harmonic within every few lines: their comb covers all.
const PITCHES_HZ: std::ops::Range<f32> = 130.0..490.0;
const MAX_MISTUNING: f32 = 0.02;
/// A sample beyond this was cut off by the line.
const CLIPPED: f32 = 32_000.0;

const _: () = assert!(TRACK_HOPS + 2 + BEFORE_HOPS + SPAN / super::bank::HOP <= super::inband::HOPS);
