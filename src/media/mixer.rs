//! The sum of what one listener hears: in 32 bits, clamped once, not divided by the number of sources.

use super::rate::{AnyFrame, MAX_FRAME_SAMPLES};

pub struct Mix([i32; MAX_FRAME_SAMPLES]);

impl Default for Mix {
    fn default() -> Self {
        Self([0; MAX_FRAME_SAMPLES])
    }
}

impl Mix {
    pub fn add(&mut self, frame: &[i16]) {
        for (sum, sample) in self.0.iter_mut().zip(frame) {
            *sum += i32::from(*sample);
        }
    }

    pub fn clamp(self) -> AnyFrame {
        self.0.map(|sum| sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loud_sources_clamp_only_at_the_end() {
        let mut mix = Mix::default();
        for level in [30_000, 30_000, -30_000] {
            mix.add(&[level; MAX_FRAME_SAMPLES]);
        }
        assert_eq!(mix.clamp(), [30_000; MAX_FRAME_SAMPLES]);
        let mut mix = Mix::default();
        mix.add(&[-30_000; MAX_FRAME_SAMPLES]);
        mix.add(&[-30_000; MAX_FRAME_SAMPLES]);
        assert_eq!(mix.clamp(), [i16::MIN; MAX_FRAME_SAMPLES]);
    }
}
