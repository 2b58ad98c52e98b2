use crate::model::{EndCause, Mode, Prompt, Settings, ToneAudience};
use std::time::{Duration, Instant};

/// How long a parting announcement may last before BYE comes anyway (C1).
pub const MAX_ANNOUNCEMENT: Duration = Duration::from_secs(3);

/// Who hears ピコン when a session starts (B1, B2). The customer never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chime {
    Nobody,
    Supervisor,
    SupervisorAndAgent,
}

pub fn chime(mode: Mode, settings: &Settings) -> Chime {
    match mode {
        Mode::Monitor if !settings.monitor_tone => Chime::Nobody,
        Mode::Monitor => match settings.monitor_tone_audience {
            ToneAudience::Supervisor => Chime::Supervisor,
            ToneAudience::Both => Chime::SupervisorAndAgent,
        },
        Mode::Whisper | Mode::Barge if settings.whisper_tone => Chime::SupervisorAndAgent,
        Mode::Whisper | Mode::Barge => Chime::Nobody,
    }
}

/// What befalls a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    CallEnded,
    /// A party of the call was transferred.
    Transferred,
    RightLost,
    SupervisorHungUp,
    EndedByAdministrator,
    Shutdown,
    /// The parting announcement was played to its end.
    Announced,
}

/// What the session asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Stop both directions at once. The supervisor's leg stays up.
    Detach,
    Announce(Prompt),
    HangUp,
    /// The session is over, for this reason: write it down.
    Ended(EndCause),
}

/// A session per call (C1): live until the first reason to end, then at most one announcement.
#[derive(Debug)]
pub struct Session(State);

#[derive(Debug)]
enum State {
    Live,
    Parting { until: Instant },
    Over,
}

impl Default for Session {
    fn default() -> Self {
        Self(State::Live)
    }
}

impl Session {
    pub fn is_live(&self) -> bool {
        matches!(self.0, State::Live)
    }

    pub fn handle(&mut self, now: Instant, happening: Happening) -> Vec<Act> {
        match (&self.0, happening) {
            (State::Live, Happening::CallEnded) => self.end(EndCause::CallEnded),
            (State::Live, Happening::EndedByAdministrator) => self.end(EndCause::EndedByAdministrator),
            (State::Live, Happening::Shutdown) => self.end(EndCause::Shutdown),
            (State::Live, Happening::Transferred) => self.part(now, EndCause::Transferred, Prompt::EndedByTransfer),
            (State::Live, Happening::RightLost) => self.part(now, EndCause::RightLost, Prompt::EndedByRight),
            (State::Live, Happening::SupervisorHungUp) => {
                self.0 = State::Over;
                vec![Act::Detach, Act::Ended(EndCause::SupervisorHungUp)]
            }
            (State::Live, Happening::Announced) => vec![],
            (State::Parting { .. }, Happening::Announced | Happening::Shutdown) => self.hang_up(),
            (State::Parting { .. }, Happening::SupervisorHungUp) => {
                self.0 = State::Over;
                vec![]
            }
            (
                State::Parting { .. },
                Happening::CallEnded | Happening::Transferred | Happening::RightLost | Happening::EndedByAdministrator,
            )
            | (State::Over, _) => vec![],
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.0 {
            State::Parting { until } => Some(until),
            State::Live | State::Over => None,
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Act> {
        match self.0 {
            State::Parting { until } if now >= until => self.hang_up(),
            State::Parting { .. } | State::Live | State::Over => vec![],
        }
    }

    fn end(&mut self, cause: EndCause) -> Vec<Act> {
        self.0 = State::Over;
        vec![Act::Detach, Act::Ended(cause), Act::HangUp]
    }

    fn part(&mut self, now: Instant, cause: EndCause, prompt: Prompt) -> Vec<Act> {
        self.0 = State::Parting { until: now + MAX_ANNOUNCEMENT };
        vec![Act::Detach, Act::Ended(cause), Act::Announce(prompt)]
    }

    fn hang_up(&mut self) -> Vec<Act> {
        self.0 = State::Over;
        vec![Act::HangUp]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
        Instant::now()
    }

    #[test]
    fn the_session_ends_the_instant_the_call_ends() {
        let acts = Session::default().handle(start(), Happening::CallEnded);
        assert_eq!(acts, [Act::Detach, Act::Ended(EndCause::CallEnded), Act::HangUp]);
    }

    #[test]
    fn a_lost_right_silences_at_once_and_hangs_up_after_the_announcement() {
        let mut session = Session::default();
        let acts = session.handle(start(), Happening::RightLost);
        assert_eq!(acts, [Act::Detach, Act::Ended(EndCause::RightLost), Act::Announce(Prompt::EndedByRight)]);
        assert_eq!(session.handle(start(), Happening::Announced), [Act::HangUp]);
    }

    #[test]
    fn an_announcement_that_does_not_end_is_cut_after_three_seconds() {
        let mut session = Session::default();
        let now = start();
        session.handle(now, Happening::Transferred);
        assert_eq!(session.poll_timeout(), Some(now + MAX_ANNOUNCEMENT));
        assert_eq!(session.handle_timeout(now + MAX_ANNOUNCEMENT), [Act::HangUp]);
    }

    #[test]
    fn the_start_tone_follows_the_settings() {
        let defaults = Settings::default();
        assert_eq!(chime(Mode::Monitor, &defaults), Chime::Nobody);
        assert_eq!(chime(Mode::Whisper, &defaults), Chime::SupervisorAndAgent);
        let both = Settings { monitor_tone: true, monitor_tone_audience: ToneAudience::Both, ..defaults };
        assert_eq!(chime(Mode::Monitor, &both), Chime::SupervisorAndAgent);
        assert_eq!(chime(Mode::Whisper, &Settings { whisper_tone: false, ..defaults }), Chime::Nobody);
    }

    proptest! {
        #[test]
        fn a_session_detaches_first_and_ends_exactly_once(happenings in proptest::collection::vec(0_u8..7, 1..20)) {
            let now = start();
            let mut session = Session::default();
            let acts: Vec<Act> = happenings.iter().flat_map(|n| session.handle(now, match n {
                0 => Happening::CallEnded,
                1 => Happening::Transferred,
                2 => Happening::RightLost,
                3 => Happening::SupervisorHungUp,
                4 => Happening::EndedByAdministrator,
                5 => Happening::Shutdown,
                _ => Happening::Announced,
            })).collect();
            let ends = acts.iter().filter(|act| matches!(act, Act::Ended(_))).count();
            prop_assert!(ends <= 1);
            prop_assert_eq!(ends == 1, acts.first() == Some(&Act::Detach));
        }
    }
}
