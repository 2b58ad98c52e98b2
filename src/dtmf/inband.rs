//! Dual tones in the audio: ITU-T Q.23 and Q.24, ETSI ES 201 235-3.
//!
//! Samples are gathered into hops of 5 ms. [`bank`] says what each hop holds of the eight frequencies, [`judge`] of
//! which key the last hops are evidence, if of any, and [`press`](super::press) makes presses of that.

use super::{
    bank::{self, Bins, HOP, WINDOW},
    judge,
    press::Presses,
    suspect::Suspect,
};
use crate::model::Digit;

/// Hears the digits of one audio stream at 8 kHz.
pub struct InBand {
    past: Past,
    presses: Presses,
    suspect: Suspect,
    /// How often in a row the last packet was heard again.
    repeats: u32,
}

impl Default for InBand {
    fn default() -> Self {
        Self { past: Past::new(), presses: Presses::default(), suspect: Suspect::default(), repeats: 0 }
    }
}

impl InBand {
    /// Takes the next samples, however many; the digit that became sure within them (the last, if several did).
    pub fn hear(&mut self, mut samples: &[i16]) -> Option<Digit> {
        if self.is_repeated(samples) {
            self.lost(samples.len());
            return None;
        }
        let mut heard = None;
        while !samples.is_empty() {
            samples = self.past.take(samples);
            if self.past.is_hop() {
                heard = self.hop().or(heard);
            }
        }
        heard
    }

    /// Is told that so many samples did not come, which is not a pause: what sounds on both sides of them is one sound.
    /// So much that a pause may hide in it begins anew.
    pub fn lost(&mut self, samples: usize) {
        if samples > MAX_LOST {
            *self = Self::default();
        } else if samples > 0 {
            self.past.tear();
            self.presses.lost(samples.div_ceil(HOP) as u32);
        }
    }

    /// Whether somebody on the way put the last packet once more in the place of one that was lost. No key's tones come back to
    /// the same samples in 10 to 60 ms; what does, over and over, is a tone of its own.
    fn is_repeated(&mut self, samples: &[i16]) -> bool {
        let again = (LEAST_REPEATED..=MAX_LOST).contains(&samples.len()) && self.past.ends_with(samples);
        self.repeats = if again { self.repeats.saturating_add(1) } else { 0 };
        again && self.repeats <= MAX_REPEATS
    }

    /// Whether the key that was heard last is still held.
    pub fn is_held(&self) -> bool {
        self.presses.is_held()
    }

    /// Whether something sounds that a less careful ear may take for a key: two tones of a key have outweighed all else for
    /// some 25 ms.
    pub fn resembles_key(&self) -> bool {
        self.suspect.is_bare()
    }

    fn hop(&mut self) -> Option<Digit> {
        if !self.past.analyse() {
            return None;
        }
        let strongest = judge::strongest(&self.past);
        let held = self.presses.hold(&self.past, strongest);
        self.suspect.watch(&self.past, strongest.filter(|key| Some(*key) != held));
        let key = self.suspect.due()?;
        match judge::judge(&self.past, key) {
            Ok(sound) => self.presses.begin(sound),
            Err(refusal) => {
                self.suspect.refuse(refusal);
                None
            }
        }
    }
}

/// The last 160 ms as samples and as bins.
pub struct Past {
    samples: [f32; ROOM],
    filled: usize,
    bins: [Bins; HOPS],
    newest: usize,
    hop: usize,
    seam: Seam,
}

/// Where the newest window lies to the last place at which samples were lost.
#[derive(Clone, Copy)]
enum Seam {
    /// Beyond it.
    None,
    /// The next one reaches across.
    Across,
    /// The next one is the first beyond.
    Beyond,
}

impl Past {
    fn new() -> Self {
        Self { samples: [0.0; ROOM], filled: KEPT, bins: [Bins::default(); HOPS], newest: 0, hop: 0, seam: Seam::None }
    }

    /// Takes what is missing to a hop; the rest of the samples.
    fn take<'a>(&mut self, samples: &'a [i16]) -> &'a [i16] {
        if self.filled == ROOM {
            self.samples.copy_within(ROOM - KEPT.., 0);
            self.filled = KEPT;
        }
        let missing = HOP - self.filled % HOP;
        let (now, later) = samples.split_at(missing.min(samples.len()));
        for (slot, sample) in self.samples[self.filled..].iter_mut().zip(now) {
            *slot = f32::from(*sample);
        }
        self.filled += now.len();
        later
    }

    /// Whether these very samples came last. Silence is always the same, and no sign of anything.
    fn ends_with(&self, samples: &[i16]) -> bool {
        let last = self.filled.checked_sub(samples.len()).map(|start| &self.samples[start..self.filled]);
        let same = last.is_some_and(|last| last.iter().zip(samples).all(|(old, new)| *old == f32::from(*new)));
        same && samples.windows(2).any(|pair| pair[0] != pair[1])
    }

    fn is_hop(&self) -> bool {
        self.filled.is_multiple_of(HOP)
    }

    /// Takes in the newest hop; `false` when lost samples leave nothing of it to judge.
    fn analyse(&mut self) -> bool {
        self.hop = (self.hop + 1) % bank::HOPS_PER_SECOND;
        let seam = std::mem::replace(&mut self.seam, Seam::None);
        if let Seam::Across = seam {
            let carried_on = self.bins(0).carried_on(self.bins(1));
            self.push(carried_on);
            self.seam = Seam::Beyond;
            return false;
        }
        let loud = |window: &&[f32; WINDOW]| window.iter().any(|sample| sample.abs() >= QUIET);
        let bins = self.samples(0).filter(loud).map(|window| bank::correlate(window, self.hop));
        let bins = bins.unwrap_or_default();
        if let Seam::Beyond = seam {
            self.lead_into(&bins);
        }
        self.push(bins);
        true
    }

    /// What comes next does not follow on what came last. A hop that was begun is dropped.
    fn tear(&mut self) {
        self.filled -= self.filled % HOP;
        self.seam = Seam::Across;
    }

    /// How far a tone turned while nothing came is not known: it is taken to have turned as before.
    fn lead_into(&mut self, bins: &Bins) {
        let turn = bins.turn_since(&self.bins(0).carried_on(self.bins(1)));
        for past in &mut self.bins {
            *past = past.turned(&turn);
        }
    }

    fn push(&mut self, bins: Bins) {
        self.newest = (self.newest + 1) % HOPS;
        self.bins[self.newest] = bins;
    }

    /// The bins of so many hops ago.
    pub fn bins(&self, ago: usize) -> &Bins {
        &self.bins[(self.newest + HOPS - ago % HOPS) % HOPS]
    }

    /// `N` samples, the last of them so many hops ago.
    pub fn samples<const N: usize>(&self, ago: usize) -> Option<&[f32; N]> {
        let end = self.filled.checked_sub(ago * HOP)?;
        self.samples.get(end.checked_sub(N)?..end)?.try_into().ok()
    }
}

/// Hops that are remembered: 80 ms of a tone, and what was 45 ms before it.
pub const HOPS: usize = 32;
/// 60 ms: three frames. A pause between two presses is hardly shorter (40 ms are the least that Q.24 knows), so in more
/// than this there may have been one. Row: frames lost.
const MAX_LOST: usize = 480;
/// 10 ms: the shortest packets that are in use; less is the same by chance. Row: frames repeated.
const LEAST_REPEATED: usize = 80;
/// Gateways repeat the last packet of 20 ms for so long before they fade it out (G.711 Appendix I: 60 ms). Row: frames repeated.
const MAX_REPEATS: u32 = 3;
/// −54 dBm0: no tone that is looked for stays below in a whole window.
const QUIET: f32 = 48.0;
/// Samples that stay when older ones go: enough to look at what was before a tone.
const KEPT: usize = 32 * HOP;
const ROOM: usize = 2 * KEPT;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::tone;
    use proptest::prelude::*;
    use std::time::Duration;

    fn press(key: char, ms: u64) -> Vec<i16> {
        tone::key_press(Digit::try_from(key).unwrap(), -10.0, Duration::from_millis(ms), 8000)
    }

    fn silence(ms: usize) -> Vec<i16> {
        vec![0; ms * 8]
    }

    fn heard(audio: &[i16], piece: usize) -> String {
        let mut detector = InBand::default();
        audio.chunks(piece).filter_map(|samples| detector.hear(samples)).map(Digit::as_char).collect()
    }

    #[test]
    fn every_key_of_40_ms_is_heard_in_pieces_of_any_length() {
        let keys = "123A456B789C*0#D";
        let mut audio: Vec<i16> = keys.chars().flat_map(|key| [silence(43), press(key, 40)].concat()).collect();
        audio.extend(silence(40));
        for piece in [1, 7, 80, 160, 240, 480] {
            assert_eq!(heard(&audio, piece), keys, "{piece}");
        }
    }

    #[test]
    fn a_tone_of_23_ms_is_no_key() {
        let audio: Vec<i16> = (0..20).flat_map(|n| [silence(60 + n % 5), press('5', 23)].concat()).collect();
        assert_eq!(heard(&audio, 160), "");
    }

    #[test]
    fn a_pause_of_40_ms_parts_two_presses_and_one_of_10_ms_does_not() {
        let twice = |pause| [press('5', 60), silence(pause), press('5', 60), silence(40)].concat();
        assert_eq!(heard(&twice(40), 160), "55");
        assert_eq!(heard(&twice(10), 160), "5");
    }

    #[test]
    fn keys_that_roll_into_each_other_are_all_heard() {
        let audio = [press('1', 70), press('2', 70), press('1', 70), silence(20)].concat();
        assert_eq!(heard(&audio, 160), "121");
    }

    #[test]
    fn one_tone_or_a_third_one_is_no_key() {
        let sine =
            |hz: f32| (0..1600).map(move |n| 5000.0 * (std::f32::consts::TAU * hz * n as f32 / bank::RATE).sin());
        let low: Vec<i16> = sine(770.0).map(|x| x as i16).collect();
        let three: Vec<i16> =
            sine(770.0).zip(sine(1336.0)).zip(sine(2200.0)).map(|((a, b), c)| (a + b + c) as i16).collect();
        assert_eq!(heard(&low, 160), "");
        assert_eq!(heard(&three, 160), "");
    }

    /// What is in such company is hardly looked at any more when that goes, but that it goes is seen.
    #[test]
    fn a_key_is_heard_as_soon_as_its_company_goes() {
        let third = |n: usize| 5000.0 * (std::f32::consts::TAU * 2200.0 * n as f32 / bank::RATE).sin();
        let accompanied = |ms: usize| -> Vec<i16> {
            let company = |(n, key): (usize, &i16)| key + if n < ms * 8 { third(n) as i16 } else { 0 };
            press('5', 340).iter().enumerate().map(company).collect()
        };
        assert_eq!(heard(&accompanied(340), 160), "");
        assert_eq!(heard(&accompanied(230), 160), "5");
        assert_eq!(heard(&accompanied(230)[..(230 + 60) * 8], 160), "5");
    }

    #[test]
    fn a_dial_tone_beneath_and_an_offset_do_not_hide_a_key() {
        let dial = |n: usize| 1000.0 * (std::f32::consts::TAU * 400.0 * n as f32 / bank::RATE).sin() + 3000.0;
        let keys = [silence(100), press('9', 60), silence(60), press('#', 60), silence(60)].concat();
        let audio: Vec<i16> = keys.iter().enumerate().map(|(n, key)| key + dial(n) as i16).collect();
        assert_eq!(heard(&audio, 160), "9#");
    }

    proptest! {
        #[test]
        fn no_samples_make_it_other_than_numbers_and_a_key_is_heard_after_them(
            samples: Vec<i16>, piece in 1usize..400, times in 1usize..20, lost in 0usize..600, loud: bool,
        ) {
            let mut ear = InBand::default();
            let noise = |sample: &i16| if loud { sample.saturating_mul(256) } else { *sample };
            let before: Vec<i16> = samples.repeat(times).iter().map(noise).collect();
            for piece in before.chunks(piece) {
                ear.hear(piece);
                let numbers = ear.past.bins.iter().flat_map(|bins| bins.re.iter().chain(&bins.im));
                prop_assert!(numbers.copied().all(f32::is_finite));
                ear.lost(lost);
            }
            let after = [silence(300), press('5', 60)].concat();
            let heard: Vec<Digit> = after.chunks(160).filter_map(|samples| ear.hear(samples)).collect();
            prop_assert!(heard.last().is_some_and(|key| key.as_char() == '5'));
        }

        #[test]
        fn no_samples_make_it_panic(samples: Vec<i16>, piece in 1usize..400) {
            heard(&samples, piece);
            heard(&samples.iter().map(|sample| if *sample < 0 { i16::MIN } else { i16::MAX }).collect::<Vec<_>>(), piece);
        }
    }
}
