//! The music on hold, made by calculation like the chime: nobody's recording, and so nobody's licence.

use super::{
    codec::SAMPLE_RATE,
    tone::{self, Note},
};

/// Four bars of eight quavers, as steps of `SCALE_HZ`; it comes round without a seam.
const MELODY: [[usize; 8]; 4] =
    [[0, 2, 3, 4, 3, 2, 3, 2], [1, 2, 4, 2, 3, 2, 1, 2], [0, 1, 3, 4, 2, 4, 3, 1], [2, 3, 1, 2, 0, 1, 0, 0]];
/// A3, D4, E4, F♯4, A4. Their overtones below end under 900 Hz: no key of a telephone is among them, which needs 1209 Hz and
/// more beside (ITU-T Q.23).
const SCALE_HZ: [f64; 5] = [220.0, 293.66, 329.63, 369.99, 440.0];
const QUAVER_MS: u32 = 400;
/// A note rings on into the next two.
const RING_MS: u32 = 3 * QUAVER_MS;
const DECAY_MS: f64 = 350.0;
const ATTACK_MS: f64 = 12.0;
/// How loud the octave above sounds beside its note.
const OCTAVE: f64 = 0.25;
/// Pleasant under a voice that might come back at any moment.
const LEVEL_DBFS: f64 = -24.0;

/// At 8 kHz, to be repeated.
pub fn tune() -> Vec<i16> {
    let quaver = (QUAVER_MS * SAMPLE_RATE / 1000) as usize;
    let steps: Vec<usize> = MELODY.concat();
    let mut samples = vec![0.0; steps.len() * quaver];
    let length = samples.len();
    for (place, step) in steps.into_iter().enumerate() {
        let hz = SCALE_HZ.get(step).copied().unwrap_or_default();
        let note = Note { hz, length_ms: RING_MS, attack_ms: ATTACK_MS, decay_ms: DECAY_MS, octave: OCTAVE };
        for (n, sound) in note.samples().enumerate() {
            if let Some(sample) = samples.get_mut((place * quaver + n) % length) {
                *sample += sound;
            }
        }
    }
    tone::at_level(&samples, LEVEL_DBFS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf;

    #[test]
    fn the_tune_is_whole_frames_long_and_never_clips() {
        let tune = tune();
        assert_eq!(tune.len() % crate::media::codec::FRAME_SAMPLES, 0);
        let loudest = tune.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((3_000..16_000).contains(&loudest), "{loudest}");
    }

    #[test]
    fn no_exchange_takes_the_tune_for_a_key() {
        let mut ear = dtmf::InBand::default();
        let twice = [tune(), tune()].concat();
        assert!(twice.chunks(160).all(|frame| ear.hear(frame).is_none()));
    }
}
