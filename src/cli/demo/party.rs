//! The phones of the three parties in the demo, and their voices.

pub use crate::phone::Party;

use crate::{media::codec::SAMPLE_RATE, phone::Voice};
use std::f64::consts::{PI, TAU};

/// The level of every voice while it sounds, relative to a full-scale sine.
const LEVEL_DBFS: f64 = -12.0;
/// Each note swells and fades this long: a note cut off is heard at every frequency.
const FADE_MS: f64 = 20.0;
const SECOND: usize = SAMPLE_RATE as usize;

impl Party {
    pub fn extension(self) -> &'static str {
        match self {
            Party::Supervisor => "3000",
            Party::Agent => "1000",
            Party::Customer => "2000",
        }
    }

    /// One second, to be repeated: short notes, one long note, or triplets.
    pub fn voice(self) -> Voice {
        let notes: &[(usize, usize)] = match self {
            Party::Agent => &[(0, 150), (250, 400), (500, 650), (750, 900)],
            Party::Customer => &[(0, 750)],
            Party::Supervisor => &[(0, 90), (120, 210), (240, 330), (500, 590), (620, 710), (740, 830)],
        };
        let samples = (0..SECOND).map(|at| self.sample(at, notes)).collect();
        Voice::Samples { samples, repeat: true }
    }

    /// The pitch is a whole number of hertz, so that one second joins the next without a click.
    fn sample(self, at: usize, notes_ms: &[(usize, usize)]) -> i16 {
        let ms = at as f64 * 1000.0 / f64::from(SAMPLE_RATE);
        let swell: f64 = notes_ms.iter().map(|&(from, to)| fade(ms - from as f64).min(fade(to as f64 - ms))).sum();
        let amplitude = f64::from(i16::MAX) * 10f64.powf(LEVEL_DBFS / 20.0);
        (amplitude * swell * (TAU * self.hz() * ms / 1000.0).sin()) as i16
    }
}

/// From 0 at an edge to 1 well within.
fn fade(ms_from_edge: f64) -> f64 {
    (1.0 - (PI * (ms_from_edge / FADE_MS).clamp(0.0, 1.0)).cos()) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dtmf::Receiver,
        media::{
            codec::{Decoder, Encoder, FRAME_SAMPLES},
            tone::level_of,
        },
        model::Codec,
    };

    /// What a phone hears of these voices together.
    fn heard(parties: &[Party], codec: Codec) -> Vec<i16> {
        let voices: Vec<_> = parties.iter().map(|party| samples(*party)).collect();
        let sum: Vec<i16> = (0..SECOND).map(|at| voices.iter().map(|voice| voice[at]).sum()).collect();
        let (mut payload, mut decoded) = (vec![0; SECOND], vec![0; SECOND]);
        Decoder::new(codec).decode(Encoder::new(codec).encode(&sum, &mut payload), &mut decoded).repeat(2)
    }

    fn samples(party: Party) -> std::sync::Arc<[i16]> {
        match party.voice() {
            Voice::Samples { samples, .. } => samples,
            Voice::Silence | Voice::Tone { .. } => panic!("a voice is samples"),
        }
    }

    #[test]
    fn no_voice_and_no_two_voices_sound_like_another() {
        use Party::{Agent, Customer, Supervisor};
        let companies: [&[Party]; 6] =
            [&[Supervisor], &[Agent], &[Customer], &[Agent, Customer], &[Customer, Supervisor], &[Agent, Supervisor]];
        for (company, codec) in
            companies.into_iter().flat_map(|company| [Codec::Pcmu, Codec::Pcma].map(|codec| (company, codec)))
        {
            let heard = heard(company, codec);
            for party in Party::ALL {
                let level = level_of(party.hz(), SAMPLE_RATE, &heard);
                let present = company.contains(&party);
                assert_eq!(level > -30.0, present, "{party:?} in {company:?}: {level:.1} dBFS");
                assert!(present || level < -84.0, "{party:?} in {company:?}: {level:.1} dBFS");
            }
        }
    }

    #[test]
    fn no_voice_presses_a_key() {
        #[expect(clippy::disallowed_methods, reason = "an anchor for virtual time")]
        let now = std::time::Instant::now();
        for party in Party::ALL {
            let mut receiver = Receiver::new();
            let voice = samples(party).repeat(5);
            voice.chunks(FRAME_SAMPLES).for_each(|frame| receiver.audio(now, frame));
            assert!(receiver.poll(now).is_none(), "{party:?}");
        }
    }
}
