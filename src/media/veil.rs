//! A source without the keys that are pressed in it (X1, X7). What it says is handed on 60 ms late; when a tone stands out as a
//! key's would, all that is still here is silence, and so is what follows until the key is let go.
//!
//! Whether it *is* a key is known 25 to 33 ms after its beginning, and of some only later or never: what no more than resembles
//! one for 25 ms is hidden as well, before any receiver can have heard enough of it.

use super::rate::{AnyFrame, MAX_FRAME_SAMPLES, Narrower, Rate};
use crate::dtmf::InBand;

/// 60 ms are held: three frames and the one that goes.
const HELD: usize = 3;
/// So many frames stay hidden after the last sign of a key.
const AFTER: u32 = 1;
/// 5 ms of narrow samples: so often the ear is asked.
const HOP: usize = 40;

pub(super) struct Veil {
    ear: InBand,
    /// Brings a wide source to the ear's rate.
    narrower: Option<Narrower>,
    /// Oldest first.
    held: [Held; HELD],
    hide: u32,
}

/// A frame, and the moment of the source at which it lies; `None`: silence.
#[derive(Clone, Copy)]
struct Held {
    at: Option<u32>,
    frame: AnyFrame,
}

impl Held {
    const SILENT: Held = Held { at: None, frame: [0; MAX_FRAME_SAMPLES] };
}

impl Veil {
    pub fn new(rate: Rate) -> Self {
        let narrower = (rate == Rate::Wide).then(Narrower::default);
        Self { ear: InBand::default(), narrower, held: [Held::SILENT; HELD], hide: 0 }
    }

    /// Takes the frame of this tick and gives that of 60 ms ago in its place. `pressed`: a key is known to be held by other means.
    pub fn pass(&mut self, frame: &mut [i16], at: Option<u32>, pressed: bool) -> Option<u32> {
        if at.is_none() {
            if self.held.iter().all(|held| held.at.is_none()) {
                (self.ear, self.hide) = (InBand::default(), 0);
                return None;
            }
            frame.fill(0);
        }
        if self.hears_key(frame) || pressed {
            self.held.iter_mut().for_each(|held| held.frame.fill(0));
            self.hide = AFTER + 1;
        }
        if self.hide > 0 {
            self.hide -= 1;
            frame.fill(0);
        }
        self.held.rotate_left(1);
        let [.., newest] = &mut self.held;
        let gone = std::mem::replace(newest, Held { at, frame: [0; MAX_FRAME_SAMPLES] });
        newest.frame.iter_mut().zip(&*frame).for_each(|(slot, sample)| *slot = *sample);
        frame.iter_mut().zip(gone.frame).for_each(|(slot, sample)| *slot = sample);
        gone.at
    }

    fn hears_key(&mut self, frame: &[i16]) -> bool {
        let mut narrow = [0; MAX_FRAME_SAMPLES];
        let samples = match &mut self.narrower {
            Some(narrower) => narrower.narrow(frame, &mut narrow),
            None => frame,
        };
        let mut found = false;
        for hop in samples.chunks(HOP) {
            self.ear.hear(hop);
            found |= self.ear.is_held() || self.ear.resembles_key();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dtmf::tone as key_tone,
        media::{rate::Widener, tone},
        model::Digit,
    };
    use std::time::Duration;

    const KEYS: &str = "159D*0#2";

    /// What is heard through a veil of a source that never pauses.
    fn through(rate: Rate, samples: &[i16], pressed: impl Fn(usize) -> bool) -> Vec<i16> {
        let mut veil = Veil::new(rate);
        let mut heard = samples.to_vec();
        for (n, frame) in heard.chunks_mut(rate.frame_samples()).enumerate() {
            veil.pass(frame, Some(0), pressed(n));
        }
        heard
    }

    fn digits(samples: &[i16]) -> String {
        let mut ear = InBand::default();
        samples.chunks(160).filter_map(|frame| ear.hear(frame)).map(Digit::as_char).collect()
    }

    /// Presses that begin at every place within a frame.
    fn typed(level_dbm0: f64, length_ms: u64) -> Vec<i16> {
        let press = |key| {
            key_tone::key_press(Digit::try_from(key).unwrap(), level_dbm0, Duration::from_millis(length_ms), 8000)
        };
        let press = |(n, key)| [press(key), vec![0; 8 * (60 + 7 * n)]].concat();
        let mut samples: Vec<i16> =
            std::iter::repeat_n(0, 800).chain(KEYS.chars().enumerate().flat_map(press)).collect();
        samples.resize((samples.len() + 1600).next_multiple_of(160), 0);
        samples
    }

    fn with_noise(samples: &[i16], peak: i32) -> Vec<i16> {
        let mut seed = 1u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) as i32 % (2 * peak + 1) - peak
        };
        samples.iter().map(|sample| (i32::from(*sample) + noise()).clamp(-32_768, 32_767) as i16).collect()
    }

    #[test]
    fn no_key_is_heard_whatever_its_level_and_length_and_beneath_noise() {
        for level in [-3.0, -10.0, -20.0, -30.0, -40.0] {
            for length in [30, 40, 50, 65, 100, 400] {
                let samples = typed(level, length);
                let heard = through(Rate::Narrow, &samples, |_| false);
                assert_eq!(
                    (digits(&samples).as_str(), digits(&heard).as_str()),
                    (KEYS, ""),
                    "{level} dBm0, {length} ms"
                );
                assert_eq!(heard, vec![0; heard.len()], "{level} dBm0, {length} ms: not a sample of it");
            }
        }
        for peak in [100, 400, 1000] {
            let samples = with_noise(&typed(-10.0, 60), peak);
            let heard = through(Rate::Narrow, &samples, |_| false);
            assert_eq!((digits(&samples).as_str(), digits(&heard).as_str()), (KEYS, ""), "noise of {peak}");
        }
    }

    #[test]
    fn a_wide_source_keeps_its_keys_as_well() {
        let narrow = typed(-10.0, 60);
        let mut wide = vec![0; 2 * narrow.len()];
        Widener::default().widen(&narrow, &mut wide);
        let heard = through(Rate::Wide, &wide, |_| false);
        assert!(heard.iter().all(|sample| sample.unsigned_abs() < 64));
    }

    #[test]
    fn what_is_no_key_passes_as_it_was_60_ms_later() {
        for hz in [440.0, 770.0, 1209.0, 2050.0] {
            let samples = tone::sine(hz, -10.0, 8000, 16_000);
            let heard = through(Rate::Narrow, &samples, |_| false);
            assert_eq!(heard[480..], samples[..16_000 - 480], "{hz} Hz");
        }
    }

    #[test]
    fn a_key_that_is_known_otherwise_hides_what_led_into_it_and_what_sounds_beside_it() {
        let samples = tone::sine(440.0, -10.0, 8000, 3200);
        let heard = through(Rate::Narrow, &samples, |frame| (5..8).contains(&frame));
        let silent: Vec<usize> =
            (3..20).filter(|n| heard[n * 160..(n + 1) * 160].iter().all(|sample| *sample == 0)).collect();
        assert_eq!(silent, (5..12).collect::<Vec<_>>(), "frames 2 to 8, three later");
    }

    #[test]
    fn a_source_that_falls_silent_is_heard_to_its_end_and_no_longer() {
        let mut veil = Veil::new(Rate::Narrow);
        let mut pass = |sample, at| {
            let mut frame = [sample; 160];
            (veil.pass(&mut frame, at, false), frame[0])
        };
        let ins = [(1, Some(7)), (2, Some(8)), (9, None), (9, None), (9, None), (9, None)];
        let outs = ins.map(|(sample, at)| pass(sample, at));
        assert_eq!(outs[..3], [(None, 0); 3]);
        assert_eq!((outs[3], outs[4], outs[5].0), ((Some(7), 1), (Some(8), 2), None));
    }
}
