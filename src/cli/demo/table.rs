//! Who heard whom, measured in what was heard, beside what must be heard (rows A1–A4, B1, B2).

use super::{
    super::output::{self, Row},
    party::Party,
};
use crate::{
    media::{
        codec::SAMPLE_RATE,
        tone::{CHIME_NOTES_HZ, level_of},
    },
    model::Mode,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A sound this loud, where it is loudest, was heard.
const HEARD_DBFS: f64 = -45.0;
/// Another's voice that nowhere reaches this is not there (A2, A4).
const ABSENT_DBFS: f64 = -70.0;
/// The same for one's own voice and for the start tone, which would be far louder: where a mix sets in, or a busy machine
/// breaks it off, in the middle of a note, the click is heard a little at every pitch.
const ABSENT_IN_CLICKS_DBFS: f64 = -50.0;
/// Levels are not told below this.
const FLOOR_DBFS: f64 = -99.9;

/// What each party heard in a stretch of time.
pub type Heard = BTreeMap<Party, Vec<i16>>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    Voice(Party),
    StartTone,
}

#[derive(Serialize)]
pub struct Table {
    mode: &'static str,
    rows: Vec<Listener>,
}

/// What one party heard of each sound.
#[derive(Serialize)]
struct Listener {
    listener: &'static str,
    heard: Vec<Level>,
}

#[derive(Serialize)]
struct Level {
    sound: &'static str,
    hz: f64,
    /// Where it is loudest, relative to a full-scale sine.
    dbfs: f64,
    heard: bool,
    expected: bool,
    right: bool,
}

impl Sound {
    const ALL: [Sound; 4] =
        [Sound::Voice(Party::Supervisor), Sound::Voice(Party::Agent), Sound::Voice(Party::Customer), Sound::StartTone];

    fn name(self) -> &'static str {
        match self {
            Sound::Voice(party) => party.name(),
            Sound::StartTone => "start tone",
        }
    }

    /// Its pitch, and how many samples are measured at once: a voice takes a second to say everything.
    fn pitch(self) -> (f64, usize) {
        match self {
            Sound::Voice(party) => (party.hz(), SAMPLE_RATE as usize),
            Sound::StartTone => (CHIME_NOTES_HZ[0], SAMPLE_RATE as usize / 5),
        }
    }
}

impl Table {
    /// The start tone is measured in `start`, the voices in what follows.
    pub fn measure(mode: Mode, start: &Heard, listening: &Heard) -> Self {
        let level = |listener: Party, sound: Sound| {
            let heard = match sound {
                Sound::Voice(_) => listening,
                Sound::StartTone => start,
            };
            let samples = heard.get(&listener).map_or(&[][..], Vec::as_slice);
            Level::of(listener, sound, samples, must_hear(mode, listener, sound))
        };
        let row = |listener: Party| Listener {
            listener: listener.name(),
            heard: Sound::ALL.map(|sound| level(listener, sound)).into(),
        };
        Self { mode: mode.as_str(), rows: Party::ALL.map(row).into() }
    }

    /// What is not as it must be; empty when all is well.
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for row in &self.rows {
            for level in row.heard.iter().filter(|level| !level.right) {
                let must = if level.expected { "must hear it" } else { "must not hear it" };
                let (mode, listener, sound) = (self.mode, row.listener, level.sound);
                wrong.push(format!("{mode}: {listener} has {sound} at {:.1} dBFS and {must}", level.dbfs));
            }
        }
        wrong
    }
}

impl Level {
    fn of(listener: Party, sound: Sound, samples: &[i16], expected: bool) -> Self {
        let dbfs = loudest(sound, samples);
        let absent_dbfs = match sound {
            Sound::Voice(speaker) if speaker != listener => ABSENT_DBFS,
            Sound::Voice(_) | Sound::StartTone => ABSENT_IN_CLICKS_DBFS,
        };
        let right = if expected { dbfs > HEARD_DBFS } else { dbfs < absent_dbfs };
        Self { sound: sound.name(), hz: sound.pitch().0, dbfs, heard: dbfs > HEARD_DBFS, expected, right }
    }

    fn cell(&self) -> String {
        let word = if self.heard { "hears" } else { "–" };
        let mark = if self.right { "" } else { "  WRONG" };
        match self.dbfs <= FLOOR_DBFS {
            true => format!("{word:<5}  below −99{mark}"),
            false => format!("{word:<5} {:>6}{mark}", format!("{:.1}", self.dbfs).replace('-', "−")),
        }
    }
}

impl Row for Listener {
    const HEADINGS: &'static [&'static str] = &["LISTENER", "SUPERVISOR", "AGENT", "CUSTOMER", "START TONE"];

    fn cells(&self) -> Vec<String> {
        std::iter::once(self.listener.to_owned()).chain(self.heard.iter().map(Level::cell)).collect()
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = if self.wrong().is_empty() { "as it must be" } else { "WRONG" };
        writeln!(
            f,
            "Who heard whom: {} (rows listen, columns sound; dBFS; other voices absent: below −70)\n",
            self.mode
        )?;
        writeln!(f, "{}\n", output::table(&self.rows))?;
        write!(f, "{}: {verdict}", self.mode)
    }
}

fn must_hear(mode: Mode, listener: Party, sound: Sound) -> bool {
    match sound {
        Sound::Voice(speaker) => listener.must_hear(speaker, mode),
        // The settings are as they come: no tone for monitoring, one for whispering.
        Sound::StartTone => listener != Party::Customer && mode != Mode::Monitor,
    }
}

fn loudest(sound: Sound, samples: &[i16]) -> f64 {
    let (hz, window) = sound.pitch();
    let last = samples.len().saturating_sub(window);
    let starts = (0..last).step_by(window / 4).chain([last]);
    let stretch = |start: usize| samples.get(start..(start + window).min(samples.len())).unwrap_or_default();
    starts.map(|start| level_of(hz, SAMPLE_RATE, stretch(start))).fold(FLOOR_DBFS, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone::{chime, sine};

    const SAMPLES: usize = 3 * SAMPLE_RATE as usize;

    fn hearing(parties: &[Party]) -> Vec<i16> {
        let mut sum = vec![0; SAMPLES];
        for party in parties {
            let voice = sine(party.hz(), -20.0, SAMPLE_RATE, sum.len());
            sum.iter_mut().zip(voice).for_each(|(sample, add)| *sample += add);
        }
        sum
    }

    fn monitored() -> Heard {
        use Party::{Agent, Customer, Supervisor};
        Heard::from([
            (Supervisor, hearing(&[Agent, Customer])),
            (Agent, hearing(&[Customer])),
            (Customer, hearing(&[Agent])),
        ])
    }

    #[test]
    fn a_silent_supervisor_is_right_for_monitor_and_wrong_for_whisper() {
        assert!(Table::measure(Mode::Monitor, &monitored(), &monitored()).wrong().is_empty());
        let wrong = Table::measure(Mode::Whisper, &monitored(), &monitored()).wrong();
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(wrong.iter().all(|line| line.ends_with("must hear it") && !line.contains("customer")), "{wrong:?}");
    }

    #[test]
    fn a_trace_of_the_supervisor_at_the_customer_is_found() {
        let mut heard = monitored();
        let leak = sine(Party::Supervisor.hz(), -68.0, SAMPLE_RATE, SAMPLES);
        let customer = heard.get_mut(&Party::Customer).unwrap();
        customer.iter_mut().zip(leak).for_each(|(sample, add)| *sample += add);
        let wrong = Table::measure(Mode::Monitor, &heard, &heard).wrong();
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].starts_with("monitor: customer has supervisor at -6"), "{wrong:?}");
    }

    #[test]
    fn the_start_tone_belongs_to_the_whisper() {
        let mut heard = monitored();
        for party in [Party::Supervisor, Party::Agent] {
            let samples = heard.get_mut(&party).unwrap();
            samples.iter_mut().zip(chime()).for_each(|(sample, add)| *sample += add);
        }
        assert_eq!(Table::measure(Mode::Monitor, &heard, &heard).wrong().len(), 2);
        assert_eq!(
            Table::measure(Mode::Whisper, &heard, &heard).wrong().len(),
            1,
            "only the whisper itself is missing"
        );
    }
}
