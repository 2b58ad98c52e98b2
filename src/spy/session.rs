use crate::model::{Digit, EndCause, Mode, Prompt, Settings, ToneAudience};
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

/// How long after one tone the next one sounds, in places where the law asks for it (X10), and who hears it.
pub fn interval_tone(mode: Mode, settings: &Settings) -> Option<(Duration, Chime)> {
    let audience = match settings.monitor_tone_audience {
        ToneAudience::Supervisor => Chime::Supervisor,
        ToneAudience::Both => Chime::SupervisorAndAgent,
    };
    let switched_on = mode == Mode::Monitor && settings.interval_tone_s > 0;
    switched_on.then(|| (Duration::from_secs(settings.interval_tone_s.into()), audience))
}

/// The mode that a key of the supervisor asks for during a session (X1).
pub fn mode_of(key: Digit) -> Option<Mode> {
    match key.as_char() {
        '4' => Some(Mode::Monitor),
        '5' => Some(Mode::Whisper),
        '6' => Some(Mode::Barge),
        _ => None,
    }
}

/// How long a session lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// 通話単位: it ends with the call (C1).
    Call,
    /// エージェント単位: it waits for the agent's next call (C2).
    Agent,
}

/// What befalls a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    CallEnded,
    /// A party of the call was transferred.
    Transferred,
    /// It has no call to wait for.
    NothingToHear,
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
    /// The leg stays up, silent, until the agent's next call (C2).
    Wait,
    HangUp,
    /// The session is over, for this reason: write it down.
    Ended(EndCause),
}

/// A session: live until the first reason to end, then at most one announcement; one that lasts waits between calls.
#[derive(Debug)]
pub struct Session {
    lasting: Lasting,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting,
    Live,
    Parting { until: Instant },
    Over,
}

/// Dialled: it is attached at once, and lasts for the call (C6).
impl Default for Session {
    fn default() -> Self {
        Self { lasting: Lasting::Call, state: State::Live }
    }
}

impl Session {
    /// Started at a screen: on the line, and attached to nothing yet.
    pub fn waiting(lasting: Lasting) -> Self {
        Self { lasting, state: State::Waiting }
    }

    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Live)
    }

    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// What it waited for has come.
    pub fn attached(&mut self) {
        if self.is_waiting() {
            self.state = State::Live;
        }
    }

    pub fn handle(&mut self, now: Instant, happening: Happening) -> Vec<Act> {
        match (&self.state, happening) {
            (State::Live, Happening::CallEnded) => self.leave(EndCause::CallEnded),
            (State::Live, Happening::Transferred) if self.lasting == Lasting::Agent => {
                self.leave(EndCause::Transferred)
            }
            (State::Live, Happening::EndedByAdministrator) => self.end(EndCause::EndedByAdministrator),
            (State::Live, Happening::Shutdown) => self.end(EndCause::Shutdown),
            (State::Live, Happening::Transferred) => self.part(now, EndCause::Transferred, Prompt::EndedByTransfer),
            (State::Live, Happening::RightLost) => self.part(now, EndCause::RightLost, Prompt::EndedByRight),
            (State::Live, Happening::SupervisorHungUp) => {
                self.state = State::Over;
                vec![Act::Detach, Act::Ended(EndCause::SupervisorHungUp)]
            }
            (State::Waiting, Happening::RightLost) => self.announce(now, Prompt::EndedByRight),
            (State::Waiting, Happening::NothingToHear) => self.announce(now, Prompt::Error),
            (State::Waiting, Happening::EndedByAdministrator | Happening::Shutdown) => self.hang_up(),
            (State::Live, Happening::Announced | Happening::NothingToHear)
            | (State::Waiting, Happening::Announced | Happening::CallEnded | Happening::Transferred) => vec![],
            (State::Parting { .. }, Happening::Announced | Happening::Shutdown) => self.hang_up(),
            (State::Waiting | State::Parting { .. }, Happening::SupervisorHungUp) => {
                self.state = State::Over;
                vec![]
            }
            (
                State::Parting { .. },
                Happening::CallEnded
                | Happening::Transferred
                | Happening::NothingToHear
                | Happening::RightLost
                | Happening::EndedByAdministrator,
            )
            | (State::Over, _) => vec![],
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Parting { until } => Some(until),
            State::Waiting | State::Live | State::Over => None,
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Act> {
        match self.state {
            State::Parting { until } if now >= until => self.hang_up(),
            State::Waiting | State::Parting { .. } | State::Live | State::Over => vec![],
        }
    }

    /// The call is over; the session only if it lasts no longer.
    fn leave(&mut self, cause: EndCause) -> Vec<Act> {
        match self.lasting {
            Lasting::Call => self.end(cause),
            Lasting::Agent => {
                self.state = State::Waiting;
                vec![Act::Detach, Act::Ended(cause), Act::Wait]
            }
        }
    }

    fn end(&mut self, cause: EndCause) -> Vec<Act> {
        self.state = State::Over;
        vec![Act::Detach, Act::Ended(cause), Act::HangUp]
    }

    fn part(&mut self, now: Instant, cause: EndCause, prompt: Prompt) -> Vec<Act> {
        let mut acts = vec![Act::Detach, Act::Ended(cause)];
        acts.extend(self.announce(now, prompt));
        acts
    }

    fn announce(&mut self, now: Instant, prompt: Prompt) -> Vec<Act> {
        self.state = State::Parting { until: now + MAX_ANNOUNCEMENT };
        vec![Act::Announce(prompt)]
    }

    fn hang_up(&mut self) -> Vec<Act> {
        self.state = State::Over;
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
    fn one_that_lasts_waits_silent_between_calls_and_ends_when_the_supervisor_or_an_administrator_ends_it() {
        let mut session = Session::waiting(Lasting::Agent);
        for (happening, cause) in
            [(Happening::CallEnded, EndCause::CallEnded), (Happening::Transferred, EndCause::Transferred)]
        {
            session.attached();
            assert!(session.is_live());
            assert_eq!(session.handle(start(), happening), [Act::Detach, Act::Ended(cause), Act::Wait]);
            assert!(session.is_waiting() && session.poll_timeout().is_none());
            assert_eq!(session.handle(start(), Happening::CallEnded), []);
        }
        assert_eq!(session.handle(start(), Happening::EndedByAdministrator), [Act::HangUp]);
        session.attached();
        assert!(!session.is_live());
    }

    #[test]
    fn one_that_has_nothing_to_wait_for_or_loses_its_right_while_it_waits_says_so_and_hangs_up() {
        for (happening, prompt) in
            [(Happening::NothingToHear, Prompt::Error), (Happening::RightLost, Prompt::EndedByRight)]
        {
            let mut session = Session::waiting(Lasting::Call);
            assert_eq!(session.handle(start(), happening), [Act::Announce(prompt)]);
            assert_eq!(session.handle_timeout(start() + MAX_ANNOUNCEMENT), [Act::HangUp]);
        }
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
        fn a_session_detaches_first_and_ends_exactly_once(happenings in proptest::collection::vec(0_u8..8, 1..20)) {
            let now = start();
            let mut session = Session::default();
            let acts: Vec<Act> = happenings.iter().flat_map(|n| session.handle(now, match n {
                0 => Happening::CallEnded,
                1 => Happening::Transferred,
                2 => Happening::RightLost,
                3 => Happening::SupervisorHungUp,
                4 => Happening::EndedByAdministrator,
                5 => Happening::Shutdown,
                6 => Happening::NothingToHear,
                _ => Happening::Announced,
            })).collect();
            let ends = acts.iter().filter(|act| matches!(act, Act::Ended(_))).count();
            prop_assert!(ends <= 1);
            prop_assert_eq!(ends == 1, acts.first() == Some(&Act::Detach));
        }
    }
}
