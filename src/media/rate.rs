//! The two rates of linear samples in the house, and the way from one to the other: a half-band low-pass, so that
//! nothing above the telephone band folds back into it. About 2.4 ms of delay.

use super::tone::windowed_sinc;
use std::sync::LazyLock;

/// The longest frame of the house: 20 ms at 16 kHz.
pub const MAX_FRAME_SAMPLES: usize = 320;

/// A frame of either rate; only the first `Rate::frame_samples` count.
pub type AnyFrame = [i16; MAX_FRAME_SAMPLES];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// 8 kHz.
    Narrow,
    /// 16 kHz.
    Wide,
}

impl Rate {
    pub fn hz(self) -> u32 {
        match self {
            Rate::Narrow => 8000,
            Rate::Wide => 16_000,
        }
    }

    /// 20 ms.
    pub fn frame_samples(self) -> usize {
        match self {
            Rate::Narrow => MAX_FRAME_SAMPLES / 2,
            Rate::Wide => MAX_FRAME_SAMPLES,
        }
    }

    pub fn other(self) -> Rate {
        match self {
            Rate::Narrow => Rate::Wide,
            Rate::Wide => Rate::Narrow,
        }
    }
}

/// Brings a stream to the other rate, piece by piece.
pub enum Converter {
    Widener(Widener),
    Narrower(Narrower),
}

impl Converter {
    pub fn new(from: Rate) -> Self {
        match from {
            Rate::Narrow => Converter::Widener(Widener::default()),
            Rate::Wide => Converter::Narrower(Narrower::default()),
        }
    }

    /// The samples of one frame at the other rate.
    pub fn frame(&mut self, frame: &[i16]) -> AnyFrame {
        let mut converted = [0; MAX_FRAME_SAMPLES];
        match self {
            Converter::Widener(widener) => widener.widen(frame, &mut converted),
            Converter::Narrower(narrower) => narrower.narrow(frame, &mut converted),
        };
        converted
    }
}

/// 8 kHz to 16 kHz.
#[derive(Default)]
pub struct Widener {
    line: Line,
}

impl Widener {
    /// Twice as many samples; what does not fit into `wide` is left out.
    pub fn widen<'w>(&mut self, narrow: &[i16], wide: &'w mut [i16]) -> &'w [i16] {
        let length = wide.len().min(narrow.len() * 2);
        for (pair, sample) in wide.as_chunks_mut::<2>().0.iter_mut().zip(narrow) {
            self.line.push(*sample);
            *pair = [to_sample(self.line.0[CENTRE]), to_sample(2.0 * self.line.between())];
        }
        wide.get(..length).unwrap_or_default()
    }
}

/// 16 kHz to 8 kHz. An odd number of samples in a piece is one too many, and left out.
#[derive(Default)]
pub struct Narrower {
    /// Every second sample, and those between them.
    even: Line,
    odd: Line,
}

impl Narrower {
    /// Half as many samples; what does not fit into `narrow` is left out.
    pub fn narrow<'n>(&mut self, wide: &[i16], narrow: &'n mut [i16]) -> &'n [i16] {
        let length = narrow.len().min(wide.len() / 2);
        for (slot, [even, odd]) in narrow.iter_mut().zip(wide.as_chunks::<2>().0) {
            self.even.push(*even);
            self.odd.push(*odd);
            *slot = to_sample(self.even.0[CENTRE + 1] / 2.0 + self.odd.between());
        }
        narrow.get(..length).unwrap_or_default()
    }
}

const TAPS: usize = 20;
const CENTRE: usize = TAPS - 1;

/// One side of a half-band low-pass at 16 kHz, without its centre (a half) and its zeros.
static HALF_BAND: LazyLock<[f32; TAPS]> = LazyLock::new(|| {
    let tap = |n: usize| windowed_sinc(0.25, (2 * n + 1) as f64, 2.0 * TAPS as f64) as f32;
    std::array::from_fn(tap)
});

/// The last samples of a stream, oldest first.
struct Line([f32; 2 * TAPS]);

impl Default for Line {
    fn default() -> Self {
        Self([0.0; 2 * TAPS])
    }
}

impl Line {
    fn push(&mut self, sample: i16) {
        self.0.copy_within(1.., 0);
        self.0[2 * TAPS - 1] = f32::from(sample);
    }

    /// Half of what the low-passed stream is between its two middle samples.
    fn between(&self) -> f32 {
        let (before, after) = self.0.split_at(TAPS);
        let pairs = before.iter().rev().zip(after);
        HALF_BAND.iter().zip(pairs).map(|(tap, (one, other))| tap * (one + other)).sum()
    }
}

fn to_sample(value: f32) -> i16 {
    // `as` saturates.
    value.round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone::{level_of, sine};

    fn widened(narrow: &[i16]) -> Vec<i16> {
        let mut wide = vec![0; narrow.len() * 2];
        let mut widener = Widener::default();
        // In pieces of no particular length.
        for (piece, out) in narrow.chunks(130).zip(wide.chunks_mut(260)) {
            widener.widen(piece, out);
        }
        wide
    }

    fn narrowed(wide: &[i16]) -> Vec<i16> {
        let mut narrow = vec![0; wide.len() / 2];
        let mut narrower = Narrower::default();
        for (piece, out) in wide.chunks(260).zip(narrow.chunks_mut(130)) {
            narrower.narrow(piece, out);
        }
        narrow
    }

    #[test]
    fn the_telephone_band_passes_either_way_at_its_level() {
        for hz in [100.0, 1000.0, 2500.0, 3400.0] {
            let wide = widened(&sine(hz, -10.0, 8000, 8000));
            assert!((level_of(hz, 16_000, &wide[1000..]) + 10.0).abs() < 0.2, "{hz} Hz");
            let narrow = narrowed(&sine(hz, -10.0, 16_000, 16_000));
            assert!((level_of(hz, 8000, &narrow[500..]) + 10.0).abs() < 0.2, "{hz} Hz");
        }
    }

    #[test]
    fn nothing_is_mirrored_at_4_khz() {
        for hz in [500.0, 2000.0, 3300.0] {
            let wide = widened(&sine(hz, -6.0, 8000, 8000));
            let mirrored = level_of(8000.0 - hz, 16_000, &wide[1000..]);
            assert!(mirrored < -65.0, "{hz} Hz: {mirrored} dB");
            let narrow = narrowed(&sine(8000.0 - hz, -6.0, 16_000, 16_000));
            let mirrored = level_of(hz, 8000, &narrow[500..]);
            assert!(mirrored < -65.0, "{hz} Hz: {mirrored} dB");
        }
    }

    #[test]
    fn the_loudest_samples_saturate_and_odd_pieces_are_borne() {
        let loud = widened(&[i16::MAX, i16::MIN].repeat(200));
        assert_eq!(loud.len(), 800);
        assert_eq!(Narrower::default().narrow(&[1, 2, 3], &mut [0; 9]).len(), 1);
        assert_eq!(Widener::default().widen(&[1, 2, 3], &mut [0; 5]).len(), 5);
    }
}
