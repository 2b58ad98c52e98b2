use super::{ANSWER_TIMEOUT, Answer, Input, IvrConfig, Output, PROMPT_LIMIT, Query};
use crate::model::{AccountId, Digit, DigitString, Mode, Prompt, Secret, ShortDial};
use std::{collections::VecDeque, time::Instant};

/// One caller's conversation. Feed it, then drain `poll_output` and wake it at `poll_timeout`.
pub struct Ivr {
    config: IvrConfig,
    mode: Mode,
    failed_sign_ins: u32,
    failed_extensions: u32,
    state: State,
    output: VecDeque<Output>,
}

enum State {
    /// Answered by us, but the caller's ACK is still on its way; digits may overtake it.
    Unanswered {
        short: Option<ShortDial>,
        type_ahead: DigitString,
    },
    Entering {
        field: Field,
        typed: DigitString,
        wait: Wait,
    },
    Asking {
        phase: Phase,
        type_ahead: DigitString,
        until: Instant,
    },
    /// The last prompt plays to its end; then the machine hangs up.
    Closing {
        until: Instant,
    },
    Over,
}

/// What the caller is asked to type, with what is known by then.
enum Field {
    DialId,
    Password { dial_id: Secret },
    Extension { account: AccountId },
}

/// What fails when an entry or an answer is not to be had: E1 and the ID again, or E2 and the extension again.
#[derive(Clone, Copy)]
enum Phase {
    SignIn,
    Extension { account: AccountId },
}

#[derive(Clone, Copy)]
enum Wait {
    PromptEnd(Instant),
    Digit(Instant),
}

impl Ivr {
    pub fn new(config: IvrConfig, mode: Mode, short: Option<ShortDial>) -> Self {
        Self {
            config,
            mode,
            failed_sign_ins: 0,
            failed_extensions: 0,
            state: State::Unanswered { short, type_ahead: DigitString::default() },
            output: VecDeque::new(),
        }
    }

    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Answered => self.answered(now),
            Input::Digit(digit) => self.digit(now, digit),
            Input::Played => self.played(now),
            Input::Answer(answer) => self.answer(now, answer),
            Input::HungUp => {
                self.state = State::Over;
                self.output.clear();
            }
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return;
        }
        match &self.state {
            State::Entering { wait: Wait::PromptEnd(_), .. } | State::Closing { .. } => self.played(now),
            State::Entering { field, wait: Wait::Digit(_), .. } => self.fail(now, field.phase()),
            State::Asking { phase, .. } => self.close(now, phase.complaint()),
            State::Unanswered { .. } | State::Over => {}
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Entering { wait: Wait::PromptEnd(until) | Wait::Digit(until), .. }
            | State::Asking { until, .. }
            | State::Closing { until } => Some(*until),
            State::Unanswered { .. } | State::Over => None,
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Nothing more will come out: a session began, or the call is over.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over) && self.output.is_empty()
    }

    fn answered(&mut self, now: Instant) {
        let State::Unanswered { short, type_ahead } = &mut self.state else { return };
        let ahead = type_ahead.take();
        match short.take() {
            Some(ShortDial { id, password }) => {
                self.ask_sign_in(now, id, password);
                self.retype(now, &ahead);
            }
            None => self.prompt_unless_typed(now, Field::DialId, welcome(self.mode), &ahead),
        }
    }

    /// `#` ends an entry, `*` clears it, the letters of the fourth column are not heard.
    fn digit(&mut self, now: Instant, digit: Digit) {
        let clears = digit == Digit::STAR;
        if !(digit.is_decimal() || clears || digit == Digit::HASH) {
            return;
        }
        match &mut self.state {
            State::Entering { typed, wait, .. } => {
                if matches!(wait, Wait::PromptEnd(_)) {
                    self.output.push_back(Output::StopPlaying);
                }
                if digit == Digit::HASH {
                    return self.entered(now);
                }
                if clears {
                    typed.take();
                    *wait = Wait::Digit(now + self.config.first_digit_timeout);
                } else if typed.push(digit) {
                    *wait = Wait::Digit(now + self.config.inter_digit_timeout);
                }
            }
            State::Unanswered { type_ahead, .. } | State::Asking { type_ahead, .. } => {
                type_ahead.push(digit);
            }
            State::Closing { .. } | State::Over => {}
        }
    }

    fn played(&mut self, now: Instant) {
        match &mut self.state {
            State::Entering { wait, .. } => {
                if matches!(wait, Wait::PromptEnd(_)) {
                    *wait = Wait::Digit(now + self.config.first_digit_timeout);
                }
            }
            State::Closing { .. } => {
                self.state = State::Over;
                self.output.push_back(Output::HangUp);
            }
            State::Unanswered { .. } | State::Asking { .. } | State::Over => {}
        }
    }

    fn entered(&mut self, now: Instant) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Entering { field, typed, .. } if typed.is_empty() => self.fail(now, field.phase()),
            State::Entering { field, mut typed, .. } => match field {
                Field::DialId => {
                    self.prompt(now, Field::Password { dial_id: typed.take() }, vec![Prompt::Password]);
                }
                Field::Password { dial_id } => self.ask_sign_in(now, dial_id, typed.take()),
                Field::Extension { account } => {
                    let query = Query::Attach { account, target: typed.take(), mode: self.mode };
                    self.ask(now, Phase::Extension { account }, query);
                }
            },
            other => self.state = other,
        }
    }

    fn answer(&mut self, now: Instant, answer: Answer) {
        let State::Asking { phase, type_ahead, .. } = &mut self.state else { return };
        match (*phase, answer) {
            (Phase::SignIn, Answer::SignedIn(account)) => {
                let ahead = type_ahead.take();
                self.prompt_unless_typed(now, Field::Extension { account }, Prompt::Extension, &ahead);
            }
            (Phase::Extension { .. }, Answer::Attached) => self.state = State::Over,
            // What was typed ahead was meant for what would have followed: it goes with the try.
            (phase @ Phase::SignIn, Answer::SignInRefused)
            | (phase @ Phase::Extension { .. }, Answer::TargetRefused) => self.fail(now, phase),
            (Phase::SignIn, Answer::Attached | Answer::TargetRefused)
            | (Phase::Extension { .. }, Answer::SignedIn(_) | Answer::SignInRefused) => {}
        }
    }

    /// One try of the call is used up (E4).
    fn fail(&mut self, now: Instant, phase: Phase) {
        let (failed, allowed) = match phase {
            Phase::SignIn => (&mut self.failed_sign_ins, self.config.max_sign_in_attempts),
            Phase::Extension { .. } => (&mut self.failed_extensions, self.config.max_extension_attempts),
        };
        *failed += 1;
        if *failed >= allowed {
            return self.close(now, phase.complaint());
        }
        let (field, question) = match phase {
            Phase::SignIn => (Field::DialId, Prompt::DialId),
            Phase::Extension { account } => (Field::Extension { account }, Prompt::Extension),
        };
        self.prompt(now, field, vec![phase.complaint(), question]);
    }

    fn close(&mut self, now: Instant, last_word: Prompt) {
        self.output.push_back(Output::Play(vec![last_word]));
        self.state = State::Closing { until: now + PROMPT_LIMIT };
    }

    fn ask_sign_in(&mut self, now: Instant, dial_id: Secret, password: Secret) {
        self.ask(now, Phase::SignIn, Query::SignIn { dial_id, password });
    }

    fn ask(&mut self, now: Instant, phase: Phase, query: Query) {
        self.output.push_back(Output::Ask(query));
        self.state = State::Asking { phase, type_ahead: DigitString::default(), until: now + ANSWER_TIMEOUT };
    }

    /// A caller who already types is not talked over.
    fn prompt_unless_typed(&mut self, now: Instant, field: Field, prompt: Prompt, ahead: &Secret) {
        if ahead.is_empty() {
            return self.prompt(now, field, vec![prompt]);
        }
        let wait = Wait::Digit(now + self.config.first_digit_timeout);
        self.state = State::Entering { field, typed: DigitString::default(), wait };
        self.retype(now, ahead);
    }

    fn retype(&mut self, now: Instant, ahead: &Secret) {
        for digit in ahead.expose().chars().filter_map(|key| Digit::try_from(key).ok()) {
            self.digit(now, digit);
        }
    }

    fn prompt(&mut self, now: Instant, field: Field, prompts: Vec<Prompt>) {
        self.output.push_back(Output::Play(prompts));
        let wait = Wait::PromptEnd(now + PROMPT_LIMIT);
        self.state = State::Entering { field, typed: DigitString::default(), wait };
    }
}

impl Field {
    fn phase(&self) -> Phase {
        match self {
            Field::DialId | Field::Password { .. } => Phase::SignIn,
            Field::Extension { account } => Phase::Extension { account: *account },
        }
    }
}

impl Phase {
    fn complaint(self) -> Prompt {
        match self {
            Phase::SignIn => Prompt::SignInFailed,
            Phase::Extension { .. } => Prompt::Error,
        }
    }
}

/// Barge is reached by a key within a session, never dialled; were it dialled, whisper's words are the honest ones.
fn welcome(mode: Mode) -> Prompt {
    match mode {
        Mode::Monitor => Prompt::MonitorWelcome,
        Mode::Whisper | Mode::Barge => Prompt::WhisperWelcome,
    }
}
