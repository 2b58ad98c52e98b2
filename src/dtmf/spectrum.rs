//! 20 ms under a Hann curve, in lines 50 Hz apart: what else sounds beside the two tones.
//!
//! The samples are folded at their centre, since a cosine sees the even half only and a sine the odd one; for the lines
//! they are folded once more at half of that, where every second line is even again. Each fold halves the work.

use super::bank::RATE;
use std::{f32::consts::TAU, f64::consts::TAU as WIDE_TAU, ops::Range, sync::LazyLock};

pub const SPAN: usize = 160;
pub const LINES: usize = SPAN / 2;
pub const LINE_HZ: f32 = RATE / SPAN as f32;

/// Samples under the curve, folded at their centre.
pub struct Folded {
    even: [f32; HALF],
    odd: [f32; HALF],
}

impl Folded {
    pub fn of(samples: &[f32; SPAN]) -> Self {
        let mut folded = Self { even: [0.0; HALF], odd: [0.0; HALF] };
        let hann = &TABLE.hann;
        for n in 0..HALF {
            let (after, before) = (samples[HALF + n], samples[HALF - 1 - n]);
            folded.even[n] = hann[n] * (after + before);
            folded.odd[n] = hann[n] * (after - before);
        }
        folded
    }

    /// Takes a steady tone of this frequency out; its peak, squared.
    pub fn take_away(&mut self, hz: f32) -> f32 {
        let (cos, sin) = waves(hz);
        let (re, im) = (product(&self.even, &cos), product(&self.odd, &sin));
        let hann = &TABLE.hann;
        let (twice_re, twice_im) = (2.0 * re, 2.0 * im);
        for n in 0..HALF {
            self.even[n] -= twice_re * hann[n] * cos[n];
            self.odd[n] -= twice_im * hann[n] * sin[n];
        }
        re * re + im * im
    }

    /// The mean square under the curve.
    pub fn power(&self) -> f32 {
        POWER_SCALE * (product(&self.even, &self.even) + product(&self.odd, &self.odd))
    }

    pub fn folded_again(&self) -> Quarters {
        let mut quarters = Quarters {
            even_cos: [0.0; QUARTER],
            even_sin: [0.0; QUARTER],
            odd_cos: [0.0; QUARTER],
            odd_sin: [0.0; QUARTER],
        };
        for n in 0..QUARTER {
            let (even, far_even) = (self.even[n], self.even[HALF - 1 - n]);
            let (odd, far_odd) = (self.odd[n], self.odd[HALF - 1 - n]);
            (quarters.even_cos[n], quarters.odd_cos[n]) = (even + far_even, even - far_even);
            (quarters.even_sin[n], quarters.odd_sin[n]) = (odd - far_odd, odd + far_odd);
        }
        quarters
    }
}

/// The mean square of samples under the curve, as [`Folded::power`] gives it, for less.
pub fn mean_square(samples: &[f32; SPAN]) -> f32 {
    let mut sums = [0f32; LANES];
    for (samples, weights) in samples.chunks_exact(LANES).zip(TABLE.weights.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += samples[lane] * samples[lane] * weights[lane];
        }
    }
    sums.iter().sum()
}

/// Folded twice: what the cosines and sines of the even lines see, and of the odd ones.
pub struct Quarters {
    even_cos: [f32; QUARTER],
    even_sin: [f32; QUARTER],
    odd_cos: [f32; QUARTER],
    odd_sin: [f32; QUARTER],
}

impl Quarters {
    /// Measures the power of each line of some groups of sixteen; all lines together are the power of the samples.
    pub fn measure(&self, groups: Range<usize>, powers: &mut [f32; LINES]) {
        let powers = powers[groups.start * GROUP..].chunks_exact_mut(GROUP);
        for (powers, table) in powers.zip(&TABLE.lines[groups]) {
            let [even_re, even_im, odd_re, odd_im] = self.correlate(table);
            for (lane, pair) in powers.chunks_exact_mut(2).enumerate() {
                pair[0] = even_re[lane] * even_re[lane] + even_im[lane] * even_im[lane];
                pair[1] = odd_re[lane] * odd_re[lane] + odd_im[lane] * odd_im[lane];
            }
        }
    }

    /// Not inlined: beside the powers, of which each second is an even line, the vectors are not made of neighbours.
    #[inline(never)]
    fn correlate(&self, table: &[Waves; QUARTER]) -> [[f32; LANES]; 4] {
        let mut sums = [[0f32; LANES]; 4];
        for (n, Waves(waves)) in table.iter().enumerate() {
            let samples = [self.even_cos[n], self.even_sin[n], self.odd_cos[n], self.odd_sin[n]];
            for kind in 0..4 {
                for lane in 0..LANES {
                    sums[kind][lane] += samples[kind] * waves[kind][lane];
                }
            }
        }
        sums
    }
}

fn product(a: &[f32; HALF], b: &[f32; HALF]) -> f32 {
    let mut sums = [0f32; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

/// A cosine and a sine of this frequency from the centre on, several samples at a time.
fn waves(hz: f32) -> ([f32; HALF], [f32; HALF]) {
    let (half_im, half_re) = (0.5 * TAU * hz / RATE).sin_cos();
    let half = (half_re, half_im);
    let one = turned(half, half);
    let two = turned(one, one);
    let four = turned(two, two);
    let (turn_re, turn_im) = turned(four, four);
    let (mut cos, mut sin) = ([0.0; HALF], [0.0; HALF]);
    let mut at = half;
    for lane in 0..LANES {
        (cos[lane], sin[lane]) = at;
        at = turned(at, one);
    }
    for first in (LANES..HALF).step_by(LANES) {
        for n in first..first + LANES {
            cos[n] = cos[n - LANES] * turn_re - sin[n - LANES] * turn_im;
            sin[n] = cos[n - LANES] * turn_im + sin[n - LANES] * turn_re;
        }
    }
    (cos, sin)
}

fn turned((re, im): (f32, f32), (by_re, by_im): (f32, f32)) -> (f32, f32) {
    (re * by_re - im * by_im, re * by_im + im * by_re)
}

const HALF: usize = SPAN / 2;
const QUARTER: usize = HALF / 2;
/// Samples, or lines of one kind, at a time.
const LANES: usize = 8;
/// Lines that are measured together: even and odd ones.
pub const GROUP: usize = 2 * LANES;
/// The mean of a squared Hann curve is 3/8, `hann` is scaled, and a fold holds each square twice.
const POWER_SCALE: f32 = (SPAN as f64 / (16.0 * 0.375 * 2.0)) as f32;

struct Table {
    /// The curve from the centre on, scaled so that a sine correlates to its peak.
    hann: [f32; HALF],
    /// The curve squared, from end to end, scaled so that all of it is one.
    weights: [f32; SPAN],
    /// For each sixteen lines, for each distance from the centre.
    lines: [[Waves; QUARTER]; LINES / GROUP],
}

/// Cosines and sines of the even lines, then of the odd ones; aligned as vectors are.
#[repr(align(16))]
struct Waves([[f32; LANES]; 4]);

static TABLE: LazyLock<Box<Table>> = LazyLock::new(|| {
    let span = SPAN as f64;
    let distance = |n: usize| n as f64 + 0.5;
    let hann = |n: usize| (4.0 / span * (0.5 + 0.5 * (WIDE_TAU * distance(n) / span).cos())) as f32;
    let weight = |n: usize| (8.0 / 3.0 / span * (std::f64::consts::PI * (n as f64 + 0.5) / span).sin().powi(4)) as f32;
    // A line and its negative twin share the power; `hann` is scaled.
    let scale = (2.0 / (span * span * 0.375)).sqrt() * span / 4.0;
    let waves = |first: usize, n: usize| {
        let angle = |line: usize| WIDE_TAU * line as f64 * distance(n) / span;
        let cos = |line: usize| (scale * angle(line).cos()) as f32;
        let sin = |line: usize| (scale * angle(line).sin()) as f32;
        Waves([
            std::array::from_fn(|lane| cos(first + 2 * lane)),
            std::array::from_fn(|lane| sin(first + 2 * lane)),
            std::array::from_fn(|lane| cos(first + 2 * lane + 1)),
            std::array::from_fn(|lane| sin(first + 2 * lane + 1)),
        ])
    };
    Box::new(Table {
        hann: std::array::from_fn(hann),
        weights: std::array::from_fn(weight),
        lines: std::array::from_fn(|group| std::array::from_fn(|n| waves(GROUP * group, n))),
    })
});

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f32, peak: f32, phase: f32) -> [f32; SPAN] {
        std::array::from_fn(|n| peak * (TAU * hz * n as f32 / RATE + phase).sin())
    }

    #[test]
    fn the_lines_of_a_sine_stand_at_its_frequency_and_add_up_to_its_power() {
        for line in 3..LINES - 3 {
            let samples = sine(line as f32 * LINE_HZ, 100.0, line as f32);
            let folded = Folded::of(&samples);
            let mut lines = [0.0; LINES];
            folded.folded_again().measure(0..LINES / GROUP, &mut lines);
            let near: f32 = lines[line - 1..=line + 1].iter().sum();
            assert!((near - 5000.0).abs() < 5.0 && lines[line] > 0.6 * near, "line {line}: {near}");
            assert!((folded.power() - 5000.0).abs() < 5.0, "line {line}: {}", folded.power());
            assert!((mean_square(&samples) - 5000.0).abs() < 5.0, "line {line}: {}", mean_square(&samples));
        }
    }

    #[test]
    fn a_tone_that_is_taken_away_leaves_the_other() {
        for phase in 0..12 {
            let (low, high) = (sine(781.0, 1000.0, phase as f32 / 2.0), sine(1333.0, 300.0, phase as f32));
            let mut folded = Folded::of(&std::array::from_fn(|n| low[n] + high[n]));
            assert!((folded.take_away(781.0) - 1e6).abs() < 2e3);
            assert!((folded.power() - 45_000.0).abs() < 500.0);
            assert!((folded.take_away(1333.0) - 9e4).abs() < 1e3);
            assert!(folded.power() < 10.0);
        }
    }
}
