//! 20 ms under a Hann curve, in lines 50 Hz apart: what else sounds beside the two tones.

use super::bank::RATE;
use std::{f32::consts::TAU, f64::consts::TAU as WIDE_TAU, ops::Range, sync::LazyLock};

pub const SPAN: usize = 160;
pub const LINES: usize = SPAN / 2;
pub const LINE_HZ: f32 = RATE / SPAN as f32;

/// Takes a steady tone of this frequency out of the samples; its peak, squared.
pub fn take_away(samples: &mut [f32; SPAN], hz: f32) -> f32 {
    let (mut cos, mut sin) = ([0.0; SPAN], [0.0; SPAN]);
    waves(hz, &mut cos, &mut sin);
    let (mut re, mut im) = ([0f32; LANES], [0f32; LANES]);
    let parts = samples.chunks_exact(LANES).zip(TABLE.hann.chunks_exact(LANES));
    for ((samples, hann), (cos, sin)) in parts.zip(cos.chunks_exact(LANES).zip(sin.chunks_exact(LANES))) {
        for lane in 0..LANES {
            let weighed = samples[lane] * hann[lane];
            re[lane] += weighed * cos[lane];
            im[lane] += weighed * sin[lane];
        }
    }
    let (re, im): (f32, f32) = (re.iter().sum(), im.iter().sum());
    for ((sample, cos), sin) in samples.iter_mut().zip(&cos).zip(&sin) {
        *sample -= re * cos + im * sin;
    }
    re * re + im * im
}

/// A cosine and a sine of this frequency, several samples at a time.
fn waves(hz: f32, cos: &mut [f32; SPAN], sin: &mut [f32; SPAN]) {
    let step = TAU * hz / RATE;
    let (turn_sin, turn_cos) = (step * LANES as f32).sin_cos();
    let mut re: [f32; LANES] = std::array::from_fn(|lane| (step * lane as f32).cos());
    let mut im: [f32; LANES] = std::array::from_fn(|lane| (step * lane as f32).sin());
    for (cos, sin) in cos.chunks_exact_mut(LANES).zip(sin.chunks_exact_mut(LANES)) {
        cos.copy_from_slice(&re);
        sin.copy_from_slice(&im);
        for lane in 0..LANES {
            let turned = re[lane] * turn_cos - im[lane] * turn_sin;
            im[lane] = re[lane] * turn_sin + im[lane] * turn_cos;
            re[lane] = turned;
        }
    }
}

/// The mean square under the curve.
pub fn power(samples: &[f32; SPAN]) -> f32 {
    let mut sums = [0f32; LANES];
    for (samples, hann) in samples.chunks_exact(LANES).zip(TABLE.hann.chunks_exact(LANES)) {
        for lane in 0..LANES {
            let weighed = samples[lane] * hann[lane];
            sums[lane] += weighed * weighed;
        }
    }
    POWER_SCALE * sums.iter().sum::<f32>()
}

/// The power of each line of a range of eight or a multiple; all lines together are the power of the samples.
pub fn powers(samples: &[f32; SPAN], lines: Range<usize>) -> [f32; LINES] {
    let mut powers = [0.0; LINES];
    for first in lines.step_by(LANES) {
        let (mut re, mut im) = ([0f32; LANES], [0f32; LANES]);
        let (older, newer) = samples.split_at(SPAN / 2);
        let table = &TABLE.lines[first / LANES];
        for ((after, before), row) in newer.iter().zip(older.iter().rev()).zip(table) {
            let even = after + before;
            let odd = after - before;
            for lane in 0..LANES {
                re[lane] += even * row.cos[lane];
                im[lane] += odd * row.sin[lane];
            }
        }
        for lane in 0..LANES {
            powers[first + lane] = re[lane] * re[lane] + im[lane] * im[lane];
        }
    }
    powers
}

const LANES: usize = 8;
/// The mean of a squared Hann curve is 3/8, and `hann` is scaled.
const POWER_SCALE: f32 = (SPAN as f64 / (16.0 * 0.375)) as f32;

struct Table {
    /// The curve, scaled so that a sine correlates to its peak.
    hann: [f32; SPAN],
    /// For each eight lines, for each distance from the centre.
    lines: [[Waves; SPAN / 2]; LINES / LANES],
}

struct Waves {
    cos: [f32; LANES],
    sin: [f32; LANES],
}

static TABLE: LazyLock<Box<Table>> = LazyLock::new(|| {
    let span = SPAN as f64;
    let hann = |distance: f64| 0.5 + 0.5 * (WIDE_TAU * distance / span).cos();
    // A line and its negative twin share the power.
    let scale = (2.0 / (span * span * 0.375)).sqrt();
    let waves = |first: usize, n: usize| {
        let distance = n as f64 + 0.5;
        let height = scale * hann(distance);
        let angle = |lane: usize| WIDE_TAU * (first + lane) as f64 * distance / span;
        Waves {
            cos: std::array::from_fn(|lane| (height * angle(lane).cos()) as f32),
            sin: std::array::from_fn(|lane| (height * angle(lane).sin()) as f32),
        }
    };
    Box::new(Table {
        hann: std::array::from_fn(|n| (4.0 / span * hann(n as f64 + 0.5 - span / 2.0)) as f32),
        lines: std::array::from_fn(|group| std::array::from_fn(|n| waves(group * LANES, n))),
    })
});
