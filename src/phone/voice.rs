use crate::media::codec::{FRAME_SAMPLES, Frame, SAMPLE_RATE, SILENT_FRAME};
use std::{f64::consts::TAU, sync::Arc};

/// What a phone says.
#[derive(Clone)]
pub enum Voice {
    Silence,
    /// A sine, on and off in turn; an `off_ms` of 0 sounds without end. The level is relative to a full-scale sine.
    Tone {
        hz: f64,
        dbfs: f64,
        on_ms: u32,
        off_ms: u32,
    },
    /// 8 kHz samples: once, or again and again.
    Samples {
        samples: Arc<[i16]>,
        repeat: bool,
    },
}

/// A voice and how far it has come.
pub struct Speaker {
    voice: Voice,
    position: usize,
}

impl Speaker {
    pub fn new(voice: Voice) -> Self {
        Self { voice, position: 0 }
    }

    pub fn next_frame(&mut self) -> Frame {
        let mut frame = SILENT_FRAME;
        for (offset, sample) in frame.iter_mut().enumerate() {
            *sample = self.voice.sample(self.position + offset);
        }
        self.position += FRAME_SAMPLES;
        frame
    }
}

impl Voice {
    fn sample(&self, position: usize) -> i16 {
        match self {
            Voice::Silence => 0,
            Voice::Tone { hz, dbfs, on_ms, off_ms } => {
                let per_ms = SAMPLE_RATE as usize / 1000;
                let (on, off) = (*on_ms as usize * per_ms, *off_ms as usize * per_ms);
                if off > 0 && position % (on + off) >= on {
                    return 0;
                }
                let amplitude = f64::from(i16::MAX) * 10f64.powf(dbfs / 20.0);
                (amplitude * (TAU * hz * position as f64 / f64::from(SAMPLE_RATE)).sin()) as i16
            }
            Voice::Samples { samples, .. } if samples.is_empty() => 0,
            Voice::Samples { samples, repeat: true } => samples[position % samples.len()],
            Voice::Samples { samples, repeat: false } => samples.get(position).copied().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speak(voice: Voice, frames: usize) -> Vec<i16> {
        let mut speaker = Speaker::new(voice);
        (0..frames).flat_map(|_| speaker.next_frame()).collect()
    }

    #[test]
    fn a_tone_keeps_its_rhythm_and_its_level() {
        let said = speak(Voice::Tone { hz: 500.0, dbfs: -6.0, on_ms: 40, off_ms: 20 }, 6);
        let loud = |range: std::ops::Range<usize>| said[range].iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!((16_300..16_500).contains(&loud(0..320)));
        assert_eq!(loud(320..480), 0);
        assert!(loud(480..800) > 16_000);
    }

    #[test]
    fn samples_are_said_once_or_again() {
        let samples: Arc<[i16]> = Arc::new([7, 8, 9]);
        let once = speak(Voice::Samples { samples: Arc::clone(&samples), repeat: false }, 1);
        assert_eq!(once[..5], [7, 8, 9, 0, 0]);
        let again = speak(Voice::Samples { samples, repeat: true }, 1);
        assert_eq!(again[..5], [7, 8, 9, 7, 8]);
    }
}
