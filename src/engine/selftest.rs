//! The leak self-test (X8): three tones through ports, plane and mixer of the running engine, and who heard whom.
//!
//! Three legs are opened beside those of the calls, and three lines send and hear RTP as phones do. What they must hear stands in
//! `phone::Party`, beside `spy`, so that a wrong matrix shows as well as a wrong mixer.

use super::{control::Hearing, ports::LegOpener};
use crate::{
    media::{
        Command, LegParams,
        codec::SAMPLE_RATE,
        port::{Media, Stopped},
        tone::level_of,
    },
    model::{self, Codec, Entropy, HearMatrix, IdMaker, LegId, Mode, Side},
    phone::{Line, Party, Speaker, Terms, Voice},
    spy::{Conversation, Hold, Listener, hear_matrix},
    switch::embedded::{MediaPorts, NoFreePort},
};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

#[derive(Debug, thiserror::Error)]
pub enum NoTest {
    #[error(transparent)]
    Port(#[from] NoFreePort),
    #[error("the self-test's own lines have no sockets: {0}")]
    Line(#[from] io::Error),
    #[error(transparent)]
    Media(#[from] Stopped),
}

/// The legs of supervisor, agent and customer, in this order, and the lines that talk to them. Closed when dropped.
pub struct SelfTest {
    media: Arc<Media>,
    legs: [LegId; 3],
    lines: Vec<Arc<Line>>,
}

impl SelfTest {
    /// Opens legs and lines; each line begins to send its tone.
    pub fn open(ports: &mut LegOpener, media: &Arc<Media>, unix_ms: u64, mut entropy: Entropy) -> Result<Self, NoTest> {
        let mut ids = IdMaker::new(entropy.fork());
        let legs = Party::ALL.map(|_| ids.make(unix_ms));
        let mut test = Self { media: Arc::clone(media), legs, lines: vec![] };
        for (party, leg) in Party::ALL.into_iter().zip(legs) {
            let opened = ports.open(leg)?;
            let own = if opened.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { opened.ip() };
            let voice = Voice::Tone { hz: party.hz(), dbfs: TONE_DBFS, on_ms: 1000, off_ms: 0 };
            let line = Line::open(own, Speaker::new(voice), None, &mut entropy)?;
            let remote = SocketAddr::new(own, opened.port());
            line.agree(
                Terms { remote, codec: CODEC, payload_type: CODEC.payload_type(), events: None, sending: true },
                None,
            );
            let params = LegParams::plain(line.local, CODEC);
            test.lines.push(line);
            media.command(Command::Configure { leg, params })?;
        }
        Ok(test)
    }

    /// Every mode in turn.
    pub async fn run(self) -> Result<Vec<Hearing>, NoTest> {
        let mut hearings = vec![];
        for &mode in Mode::ALL {
            self.media.command(Command::Hear(self.matrix(mode)))?;
            pause(SETTLING).await;
            let begun: Vec<usize> = self.lines.iter().map(|line| line.heard().len()).collect();
            pause(LISTENING).await;
            for ((listener, line), begun) in Party::ALL.into_iter().zip(&self.lines).zip(begun) {
                let heard = line.heard();
                let heard = heard.get(begun..).unwrap_or_default();
                hearings.extend(Party::ALL.map(|speaker| hearing(mode, listener, speaker, heard)));
            }
        }
        Ok(hearings)
    }

    fn matrix(&self, mode: Mode) -> HearMatrix {
        let [supervisor, agent, customer] = self.legs;
        let call = Conversation { caller: customer, callee: agent, hold: Hold::Off };
        let of_parties = model::Hearing::WithoutKeys;
        hear_matrix(&call, &[Listener { leg: supervisor, side: Side::Callee, mode, of_parties }])
    }
}

impl Drop for SelfTest {
    fn drop(&mut self) {
        self.lines.iter().for_each(|line| line.close());
        for leg in self.legs {
            // Without a media thread there is nothing to close.
            let _ = self.media.command(Command::Close { leg });
        }
    }
}

async fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "a self-test listens in real time")]
    tokio::time::sleep(time).await;
}

/// Judges what a listener heard of a speaker.
fn hearing(mode: Mode, listener: Party, speaker: Party, heard: &[i16]) -> Hearing {
    let dbfs = level(speaker.hz(), heard);
    let expected = listener.must_hear(speaker, mode);
    Hearing {
        mode: mode.to_string(),
        listener: listener.name().to_owned(),
        speaker: speaker.name().to_owned(),
        dbfs,
        expected,
        right: if expected { dbfs > HEARD_DBFS } else { dbfs < ABSENT_DBFS },
    }
}

/// The middle one of many short stretches: neither a click of a busy machine nor a packet that it lost changes what is
/// there all the time.
fn level(hz: f64, heard: &[i16]) -> f64 {
    let mut levels: Vec<f64> = heard.chunks_exact(STRETCH).map(|stretch| level_of(hz, SAMPLE_RATE, stretch)).collect();
    levels.sort_by(f64::total_cmp);
    levels.get(levels.len() / 2).copied().unwrap_or(SILENCE_DBFS).max(SILENCE_DBFS)
}

const CODEC: Codec = Codec::Pcmu;
const TONE_DBFS: f64 = -16.0;
/// A tone this loud was heard.
const HEARD_DBFS: f64 = -30.0;
/// A tone weaker than this is not there.
const ABSENT_DBFS: f64 = -60.0;
/// Levels are not told below this.
const SILENCE_DBFS: f64 = -99.9;
/// From a change of who hears whom until every line hears it so, jitter buffer included.
const SETTLING: Duration = Duration::from_millis(400);
const LISTENING: Duration = Duration::from_millis(1600);
/// 200 ms: tells tones apart that lie 100 Hz from each other.
const STRETCH: usize = SAMPLE_RATE as usize / 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone::sine;

    fn sounding(parties: &[(Party, f64)]) -> Vec<i16> {
        let mut sum = vec![0; SAMPLE_RATE as usize];
        for (party, dbfs) in parties {
            let tone = sine(party.hz(), *dbfs, SAMPLE_RATE, sum.len());
            sum.iter_mut().zip(tone).for_each(|(sample, more)| *sample += more);
        }
        sum
    }

    fn right(mode: Mode, listener: Party, heard: &[i16]) -> Vec<bool> {
        Party::ALL.map(|speaker| hearing(mode, listener, speaker, heard).right).into()
    }

    #[test]
    fn a_leak_to_the_customer_is_found_however_faint() {
        let clean = sounding(&[(Party::Agent, -16.0)]);
        assert_eq!(right(Mode::Whisper, Party::Customer, &clean), [true, true, true]);
        let leak = sounding(&[(Party::Agent, -16.0), (Party::Supervisor, -55.0)]);
        assert_eq!(right(Mode::Whisper, Party::Customer, &leak), [false, true, true]);
        assert_eq!(right(Mode::Barge, Party::Customer, &clean), [false, true, true]);
    }

    #[test]
    fn a_supervisor_who_hears_nobody_is_wrong_and_so_is_one_who_hears_nothing_at_all() {
        assert_eq!(right(Mode::Monitor, Party::Supervisor, &sounding(&[])), [true, false, false]);
        assert_eq!(right(Mode::Monitor, Party::Supervisor, &[]), [true, false, false]);
    }

    #[test]
    fn a_click_is_no_leak_and_a_gap_no_silence() {
        let mut heard = sounding(&[(Party::Agent, -16.0)]);
        heard[2_000..2_160].fill(0);
        heard[5_000] = i16::MAX;
        assert_eq!(right(Mode::Monitor, Party::Customer, &heard), [true, true, true]);
    }
}
