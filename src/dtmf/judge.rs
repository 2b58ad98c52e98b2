//! Is it a key? The cheap tests come first; what is left is measured in every way, and must fit one of a few cases.

use super::{
    bank::{self, Bins, TONES},
    company::{Company, Traits},
    inband::Past,
    spectrum::mean_square,
    track::{LINE_HOPS, Presence, Track},
};

/// The two tones of a key as indices of the bank.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub low: usize,
    pub high: usize,
}

/// A key that sounds, and the peaks of its tones.
#[derive(Clone, Copy)]
pub struct Sound {
    pub key: Key,
    pub low: f32,
    pub high: f32,
}

/// The strongest row and column of the last 20 ms, when they stand out and are in balance.
pub fn strongest(past: &Past) -> Option<Key> {
    let powers = powers_of_20_ms(past);
    let low = leader(&powers, 0)?;
    let high = leader(&powers, 4)?;
    let (row, column) = (powers[low], powers[high]);
    let audible = row.min(column) >= 0.5 * MIN_PEAK * MIN_PEAK;
    let balanced = row <= MAX_NORMAL_TWIST * column && column <= MAX_REVERSE_TWIST * row;
    (audible && balanced).then_some(Key { low, high })
}

/// Whether both tones of a key are the strongest of their groups, however near others come.
pub fn leads(past: &Past, key: Key) -> bool {
    let powers = powers_of_20_ms(past);
    loudest(&powers, 0) == key.low && loudest(&powers, 4) == key.high
}

fn powers_of_20_ms(past: &Past) -> [f32; TONES] {
    let (first, second, third) = (past.bins(2), past.bins(1), past.bins(0));
    std::array::from_fn(|tone| power_of_20_ms(first, second, third, tone))
}

/// Three windows of 10 ms, weighed 1 : 2 : 1, see as sharply as one of 20 ms.
fn power_of_20_ms(first: &Bins, second: &Bins, third: &Bins, tone: usize) -> f32 {
    let re = 0.5 * second.re[tone] + 0.25 * (first.re[tone] + third.re[tone]);
    let im = 0.5 * second.im[tone] + 0.25 * (first.im[tone] + third.im[tone]);
    re * re + im * im
}

/// The strongest of the four tones from `first` on, when no other comes near.
fn leader(powers: &[f32; TONES], first: usize) -> Option<usize> {
    let best = loudest(powers, first);
    let alone = (first..first + 4).all(|tone| tone == best || powers[tone] <= MAX_NEIGHBOUR * powers[best]);
    alone.then_some(best)
}

fn loudest(powers: &[f32; TONES], first: usize) -> usize {
    let louder = |best: usize, tone: usize| if powers[tone] > powers[best] { tone } else { best };
    (first + 1..first + 4).fold(first, louder)
}

/// Why it is no key.
#[derive(Clone, Copy)]
pub enum Refusal {
    /// It may be one when it lasts.
    NotYet,
    /// It stays none, however long it lasts, unless so much of its company goes, as a part of the power of the two tones.
    UnlessGone(f32),
}

/// How much sounds in all in the last 20 ms, as a part of the power of the two tones: cheap, and enough to see company go.
pub fn fullness(past: &Past, key: Key) -> f32 {
    let (first, second, third) = (past.bins(2), past.bins(1), past.bins(0));
    let pair = 0.5 * (power_of_20_ms(first, second, third, key.low) + power_of_20_ms(first, second, third, key.high));
    past.samples(0).map_or(0.0, |samples| mean_square(samples) / pair.max(f32::MIN_POSITIVE))
}

/// The key, when it has sounded for long enough, truly enough and alone enough.
pub fn judge(past: &Past, key: Key) -> Result<Sound, Refusal> {
    let low = Track::of(past, key.low);
    let high = Track::of(past, key.high);
    let presence = Presence::of(&low, &high);
    if presence.sum < MIN_HOPS || presence.hops < LINE_HOPS || low.peak.min(high.peak) < MIN_PEAK {
        return Err(Refusal::NotYet);
    }
    let (low_line, high_line) = (low.line(past), high.line(past));
    let (low_hz, high_hz) = (bank::hz(key.low), bank::hz(key.high));
    let off = (low_line.off_hz.abs() / low_hz).max(high_line.off_hz.abs() / high_hz);
    let unrest = low_line.unrest.max(high_line.unrest);
    let possible = CASES.iter().filter(|case| case.may_fit_tones(&presence, off, unrest));
    let refusal = |rest: f32, traits: &Traits| {
        let excess = possible.clone().map(|case| case.excess(rest, traits)).fold(f32::INFINITY, f32::min);
        if excess > CLEARLY { Refusal::UnlessGone(excess) } else { Refusal::NotYet }
    };
    let cases = possible.clone().filter(|case| case.fits_tones(&presence, off, unrest));
    let most = cases.clone().map(|case| case.rest).reduce(f32::max).ok_or(Refusal::NotYet)?;
    let (low_hz, high_hz) = (low_hz + low_line.off_hz, high_hz + high_line.off_hz);
    let company = Company::of(past, low_hz, high_hz, &presence, most).map_err(|rest| refusal(rest, &Traits::NONE))?;
    let rest = company.rest;
    let sound = Sound { key, low: low.peak, high: high.peak };
    if cases.clone().any(|case| case.bears_anything() && rest <= case.rest) {
        return Ok(sound);
    }
    let traits = company.traits(low_hz, high_hz);
    let evident = cases.clone().any(|case| case.excess(rest, &traits) <= 0.0);
    if evident { Ok(sound) } else { Err(refusal(rest, &traits)) }
}

/// What a key may look like. The worse its company, the longer and the truer it has to be. The rows named below are those that
/// fall without the case.
struct Case {
    /// At least so much presence, in hops of 5 ms.
    hops: f32,
    /// At most so far from the frequencies of the key, as a part of them.
    off: f32,
    /// At most so much unrest of the phases, in radians.
    unrest: f32,
    /// At most such company.
    rest: f32,
    third: f32,
    comb: f32,
    /// Whether the tones must have begun as a switch makes them begin.
    switched: bool,
}

impl Case {
    fn fits_tones(&self, presence: &Presence, off: f32, unrest: f32) -> bool {
        presence.sum >= self.hops && off <= self.off && unrest <= self.unrest
    }

    /// Whether these tones may come to fit when they last: how they began stays, and so does what a straight line is off.
    fn may_fit_tones(&self, presence: &Presence, off: f32, unrest: f32) -> bool {
        (!self.switched || presence.rise.is_some_and(|hops| hops <= 1)) && (off <= self.off || unrest > STRAIGHT)
    }

    /// How much of the company is more than it bears, as a part of the two tones.
    fn excess(&self, rest: f32, traits: &Traits) -> f32 {
        (rest - self.rest).max(traits.third - self.third).max(traits.comb - self.comb)
    }

    /// Whether so little is left that it does not matter what it is.
    fn bears_anything(&self) -> bool {
        self.third == ANY && self.comb == ANY
    }
}

const CASES: [Case; 7] = [
    // Two tones and nothing else, as a telephone sends them. Row: frequency.
    Case { hops: MIN_HOPS, off: MAX_OFF, unrest: 0.06, rest: 0.012, third: ANY, comb: ANY, switched: false },
    // A dial tone or a line with some noise. Row: latency.
    Case { hops: MIN_HOPS, off: 0.012, unrest: 0.15, rest: 0.06, third: ANY, comb: 0.02, switched: false },
    // A speech codec lets tones flutter, but adds little. Rows: GSM, prompt leak.
    Case { hops: 5.2, off: 0.006, unrest: MAX_UNREST, rest: 0.10, third: 0.10, comb: 0.0125, switched: false },
    // It may turn one over in the middle. Row: GSM.
    Case { hops: 8.0, off: 0.015, unrest: TURNED, rest: 0.05, third: 0.05, comb: 0.01, switched: false },
    // Noise, or a prompt that comes back as an echo. Rows: white and pink noise, prompt leak.
    Case { hops: 5.6, off: 0.0105, unrest: 0.16, rest: 0.30, third: 0.12, comb: 0.02, switched: false },
    // A prompt beside a tone, which sways with it. Row: prompt leak.
    Case { hops: 9.0, off: 0.0085, unrest: 0.25, rest: 0.20, third: 0.11, comb: 0.022, switched: false },
    // A prompt that happens to hold one harmonic for long. Row: prompt leak.
    Case { hops: 8.0, off: 0.008, unrest: 0.15, rest: 0.35, third: 0.155, comb: 0.08, switched: true },
];

const ANY: f32 = f32::INFINITY;
/// −51 dBm0: half-way between what must be heard (−48) and what must not (−55). Row: dynamic range.
const MIN_PEAK: f32 = 64.0;
/// 9.5 dB, the high tone weaker: lines do that. Q.24 and ETSI ask for 8. Row: normal twist.
const MAX_NORMAL_TWIST: f32 = 9.0;
/// 6.5 dB, the low tone weaker. Q.24 and ETSI ask for 4. Row: reverse twist.
const MAX_REVERSE_TWIST: f32 = 4.5;
/// −4.6 dB. A tone 2 % off spills −10 dB into its neighbour; noise adds to that. Rows: frequency, white noise.
const MAX_NEIGHBOUR: f32 = 0.35;
/// 24.5 ms, known 27 ms after the tone began. Rows: tone accepted and rejected, latency.
const MIN_HOPS: f32 = 4.9;
/// Between 1.5 % + 2 Hz, which must be heard, and 3.5 %, which must not (Q.24). Rows: frequency, vowels.
const MAX_OFF: f32 = 0.0225;
/// In radians: more and there is no line through the phases. Rows: GSM, near-DTMF.
const MAX_UNREST: f32 = 0.4;
/// In radians, of a line through phases of which a codec has turned some over. Rows: GSM, near-DTMF.
const TURNED: f32 = 0.7;
/// In radians, as of two tones and nothing else: what such a line is off is true to 1 Hz. Row: channels.
const STRAIGHT: f32 = 0.06;
/// −17 dB: what is above a bound by less may be below it at the next look. Rows: noise, channels.
const CLEARLY: f32 = 0.02;
