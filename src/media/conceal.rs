//! What was lost is covered by what was just heard: the last pitch periods go on, ever softer, and what comes after is
//! blended in (after ITU-T G.711 Appendix I, but without its 3.75 ms of delay). One sample in, one out.

use super::rate::Rate;

/// A voice is taken to be between 66 and 200 Hz, as in the Appendix; of a higher one two or more periods are repeated.
const LOWEST_PITCH_MS: usize = 15;
const HIGHEST_PITCH_MS: usize = 5;
/// How much of the past is compared to find the pitch.
const COMPARED_MS: usize = 20;
/// At most so many periods go round; each time one more, since a single one buzzes.
const MAX_PERIODS: usize = 3;
/// What is repeated keeps its level so long, and is gone after `GONE_MS`.
const FULL_MS: usize = 10;
const GONE_MS: usize = 60;
/// How long what comes after is blended in: a quarter of a period, and so much more for each 10 ms that were covered.
const BLEND_MS_PER_10: usize = 4;
const MAX_BLEND_MS: usize = 10;

pub struct Concealer {
    per_ms: usize,
    /// The last samples that were played, as a ring; the oldest at `oldest`.
    past: Box<[i16]>,
    oldest: usize,
    state: State,
}

enum State {
    Hearing,
    Covering(Repetition),
    /// The repetition goes on under what is heard again: `done` of `total` samples.
    Blending {
        repetition: Repetition,
        done: usize,
        total: usize,
    },
}

impl Concealer {
    pub fn new(rate: Rate) -> Self {
        let per_ms = rate.hz() as usize / 1000;
        let longest = LOWEST_PITCH_MS * per_ms;
        let past = vec![0; MAX_PERIODS * longest + longest / 4 + 1].into();
        Self { per_ms, past, oldest: 0, state: State::Hearing }
    }

    /// What came before has nothing to do with what comes.
    pub fn restart(&mut self) {
        self.past.fill(0);
        self.state = State::Hearing;
    }

    /// The next sample to play; `None` is one that did not come.
    pub fn next(&mut self, heard: Option<i16>) -> i16 {
        let played = match heard {
            Some(sample) if matches!(self.state, State::Hearing) => sample,
            _ => self.conceal(heard),
        };
        self.past[self.oldest] = played;
        self.oldest = if self.oldest + 1 < self.past.len() { self.oldest + 1 } else { 0 };
        played
    }

    fn conceal(&mut self, heard: Option<i16>) -> i16 {
        let state = std::mem::replace(&mut self.state, State::Hearing);
        let (played, state) = match heard {
            Some(sample) => self.hear(state, sample),
            None => self.cover(state),
        };
        self.state = state;
        played
    }

    fn hear(&self, state: State, sample: i16) -> (i16, State) {
        let (mut repetition, done, total) = match state {
            State::Hearing => return (sample, State::Hearing),
            State::Covering(repetition) => {
                let total = self.blend_length(&repetition);
                (repetition, 0, total)
            }
            State::Blending { repetition, done, total } => (repetition, done, total),
        };
        let weight = (done + 1) as f32 / (total + 1) as f32;
        let blended = f32::from(sample) * weight + repetition.next(self.per_ms) * (1.0 - weight);
        let done = done + 1;
        let state = if done < total { State::Blending { repetition, done, total } } else { State::Hearing };
        (blended.round() as i16, state)
    }

    fn cover(&self, state: State) -> (i16, State) {
        let mut repetition = match state {
            State::Covering(repetition) => repetition,
            State::Hearing | State::Blending { .. } => Repetition::of(self.past(), self.per_ms),
        };
        let sample = repetition.next(self.per_ms).round() as i16;
        (sample, State::Covering(repetition))
    }

    fn blend_length(&self, repetition: &Repetition) -> usize {
        let covered = repetition.said * BLEND_MS_PER_10 / 10;
        (repetition.quarter + covered).clamp(1, MAX_BLEND_MS * self.per_ms)
    }

    /// Oldest first.
    fn past(&self) -> Vec<f32> {
        let (newer, older) = self.past.split_at(self.oldest);
        older.iter().chain(newer).map(|sample| f32::from(*sample)).collect()
    }
}

/// The end of what was heard, going round.
struct Repetition {
    past: Vec<f32>,
    period: usize,
    quarter: usize,
    /// How much of the past goes round at present, and how much of it is still to be said.
    length: usize,
    left: usize,
    said: usize,
    /// From the first sample that would follow to the one that does, so that there is no step.
    step: f32,
}

impl Repetition {
    fn of(past: Vec<f32>, per_ms: usize) -> Self {
        let period = period(&past, per_ms);
        let back = |samples: usize| past[past.len() - samples];
        let step = back(1) - back(period + 1);
        Self { period, quarter: period / 4, length: period, left: period, said: 0, step, past }
    }

    fn next(&mut self, per_ms: usize) -> f32 {
        let back = |samples: usize| self.past[self.past.len() - samples];
        let longer = (self.length + self.period).min(MAX_PERIODS * self.period);
        let mut sample = back(self.left);
        if self.left <= self.quarter {
            // The end of the round leads into the beginning of the next.
            let weight = self.left as f32 / (self.quarter + 1) as f32;
            sample = sample * weight + back(longer + self.left) * (1.0 - weight);
        }
        if self.said < self.quarter {
            sample += self.step * (1.0 - (self.said + 1) as f32 / (self.quarter + 1) as f32);
        }
        let fading = self.said.saturating_sub(FULL_MS * per_ms) as f32 / ((GONE_MS - FULL_MS) * per_ms) as f32;
        self.said += 1;
        self.left -= 1;
        if self.left == 0 {
            (self.length, self.left) = (longer, longer);
        }
        sample * (1.0 - fading).max(0.0)
    }
}

/// The distance at which the end of the past is most like what was before it.
fn period(past: &[f32], per_ms: usize) -> usize {
    let (end, compared) = (past.len(), COMPARED_MS * per_ms);
    let likeness = |distance: usize| {
        let pairs = past[end - compared..].iter().zip(&past[end - compared - distance..]);
        let (product, energy) =
            pairs.fold((0.0, 1.0), |(product, energy), (now, then)| (product + now * then, energy + then * then));
        product / f32::sqrt(energy)
    };
    let distances = HIGHEST_PITCH_MS * per_ms..=LOWEST_PITCH_MS * per_ms;
    let (mut best, mut most) = (*distances.end(), f32::MIN);
    for distance in distances {
        let likeness = likeness(distance);
        if likeness > most {
            (best, most) = (distance, likeness);
        }
    }
    best
}

const _: () = assert!(COMPARED_MS + LOWEST_PITCH_MS <= MAX_PERIODS * LOWEST_PITCH_MS);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone::sine;
    use proptest::prelude::*;

    /// A voice of a steady pitch: eight harmonics, softer and softer.
    fn vowel(pitch_hz: f64, rate: Rate, ms: usize) -> Vec<i16> {
        let length = ms * rate.hz() as usize / 1000;
        let harmonics: Vec<_> =
            (1..=8).map(|n| sine(pitch_hz * f64::from(n), -14.0 - 3.0 * f64::from(n), rate.hz(), length)).collect();
        (0..length).map(|n| harmonics.iter().map(|harmonic| harmonic[n]).sum()).collect()
    }

    /// The prompt that greets a supervisor: speech, at 16 kHz.
    fn speech() -> Vec<i16> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts/ja/monitor-welcome.wav");
        hound::WavReader::open(file).unwrap().into_samples().collect::<Result<_, _>>().unwrap()
    }

    /// What is heard when every `every`th packet of 20 ms is lost.
    fn concealed(said: &[i16], rate: Rate, every: usize) -> Vec<i16> {
        let mut concealer = Concealer::new(rate);
        let packets = said.chunks(rate.frame_samples()).enumerate();
        packets
            .flat_map(|(n, packet)| {
                let lost = n % every == every - 1;
                packet.iter().map(|sample| concealer.next((!lost).then_some(*sample))).collect::<Vec<_>>()
            })
            .collect()
    }

    fn silenced(said: &[i16], rate: Rate, every: usize) -> Vec<i16> {
        let packets = said.chunks(rate.frame_samples()).enumerate();
        packets
            .flat_map(|(n, packet)| if n % every == every - 1 { vec![0; packet.len()] } else { packet.to_vec() })
            .collect()
    }

    fn power(samples: impl Iterator<Item = f64>) -> f64 {
        samples.map(|sample| sample * sample).sum()
    }

    /// How far the original stands above what differs from it, in dB.
    fn clearness(said: &[i16], heard: &[i16]) -> f64 {
        let error = power(said.iter().zip(heard).map(|(a, b)| f64::from(*a) - f64::from(*b)));
        10.0 * (power(said.iter().map(|a| f64::from(*a))) / error.max(1.0)).log10()
    }

    /// The largest step from one sample to the next.
    fn roughest(samples: &[i16]) -> i32 {
        samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
    }

    #[test]
    fn without_loss_nothing_is_changed() {
        let said = vowel(120.0, Rate::Narrow, 500);
        assert_eq!(concealed(&said, Rate::Narrow, usize::MAX), said);
    }

    #[test]
    fn a_steady_voice_goes_on_through_a_loss_as_if_nothing_had_happened() {
        for rate in [Rate::Narrow, Rate::Wide] {
            for pitch_hz in [70.0, 100.0, 121.0, 187.0, 240.0] {
                let said = vowel(pitch_hz, rate, 2000);
                let (heard, silent) = (concealed(&said, rate, 10), silenced(&said, rate, 10));
                let (with, without) = (clearness(&said, &heard), clearness(&said, &silent));
                assert!(with > without + 5.0, "{pitch_hz} Hz, {rate:?}: {with:.1} dB, with silence {without:.1} dB");
                let (step, own) = (roughest(&heard), roughest(&said));
                assert!(step <= own * 5 / 4, "{pitch_hz} Hz, {rate:?}: a step of {step}, its own are {own}");
            }
        }
    }

    /// How sharp the bends are at both ends of what was lost, on average.
    fn bends(samples: &[i16], rate: Rate, every: usize) -> f64 {
        let frame = rate.frame_samples();
        let lost = (every - 1..samples.len() / frame - 1).step_by(every);
        let bend = |at: usize| f64::from(samples[at]) - 2.0 * f64::from(samples[at - 1]) + f64::from(samples[at - 2]);
        let bends: Vec<f64> = lost.flat_map(|n| [n * frame, (n + 1) * frame]).map(bend).collect();
        (power(bends.iter().copied()) / bends.len() as f64).sqrt()
    }

    #[test]
    fn speech_keeps_its_energy_and_its_smoothness() {
        let (said, rate) = (speech(), Rate::Wide);
        for every in [5, 10, 20] {
            let (heard, silent) = (concealed(&said, rate, every), silenced(&said, rate, every));
            let lost = |samples: &[i16]| -> f64 {
                let packets = samples.chunks(rate.frame_samples()).skip(every - 1).step_by(every);
                packets.map(|packet| power(packet.iter().map(|sample| f64::from(*sample)))).sum()
            };
            let kept = 10.0 * (lost(&heard) / lost(&said)).log10();
            assert!((-1.5..1.5).contains(&kept), "1 of {every} lost: {kept:.1} dB of the energy");
            let [own, with, without] = [&said, &heard, &silent].map(|samples| bends(samples, rate, every));
            assert!(with < own * 1.2 && without > with * 2.0, "1 of {every} lost: {with:.0}, {own:.0}, {without:.0}");
        }
    }

    #[test]
    fn what_does_not_return_fades_away_within_60_ms() {
        let mut concealer = Concealer::new(Rate::Narrow);
        vowel(120.0, Rate::Narrow, 200).into_iter().for_each(|sample| {
            concealer.next(Some(sample));
        });
        let covered: Vec<i16> = (0..800).map(|_| concealer.next(None)).collect();
        let loudest = |samples: &[i16]| samples.iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest(&covered[..80]) > loudest(&covered[240..320]));
        assert!(covered[480..].iter().all(|sample| *sample == 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn no_samples_and_no_loss_make_it_panic(runs in proptest::collection::vec((any::<bool>(), any::<i16>(), 1usize..400), 1..12)) {
            for rate in [Rate::Narrow, Rate::Wide] {
                let mut concealer = Concealer::new(rate);
                for (lost, sample, length) in &runs {
                    (0..*length).for_each(|n| {
                        concealer.next((!lost).then_some(if n % 2 == 0 { *sample } else { i16::MIN }));
                    });
                }
            }
        }
    }
}
