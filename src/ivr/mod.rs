//! The conversation after 0070 or 0071 (rows D3–D8, E1, E2, E4): who are you, and whom do you want to hear?
//!
//! In: the call's answer, digits, the end of a prompt, answers to questions, the hang-up, the time.
//! Out: prompts to play, questions for `access` as data, the hang-up.
//! Absent: who may sign in or listen (`access`), how a digit was heard (`dtmf`), what the prompts sound like (`media`),
//! and everything after a session has begun (`spy`).
//!
//! Keys: `#` ends an entry, `*` clears it, `A`–`D` are not heard. A digit during a prompt stops it and counts, from the
//! moment of answer. What is typed while a question is open waits for its answer: after a yes it is the next entry,
//! after a no it is dropped, since it was meant for what would have come after a yes.
//!
//! Tries: a refusal, a time-out and an empty entry each use up one try of the call, of the sign-in or of the extension,
//! and sound alike (E1, E2). Only a whole entry is asked about, so neither silence nor `#` leads towards lockout.

mod machine;
#[cfg(test)]
mod tests;

use crate::model::{AccountId, Digit, Mode, Prompt, Secret};
use std::time::Duration;

pub use machine::Ivr;

/// How long a question may stay unanswered. Then the machine says that it failed and hangs up: whoever
/// should answer is out of order, and a late answer must not be taken for the next question's.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest a prompt may play. Past it the prompt is taken for played, so that a lost `Played` leaves no leg behind.
pub const PROMPT_LIMIT: Duration = Duration::from_secs(60);

/// Row E4, configurable under `[ivr]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IvrConfig {
    /// From a prompt's end to the first digit.
    pub first_digit_timeout: Duration,
    /// Between two digits of one entry.
    pub inter_digit_timeout: Duration,
    /// Tries a call to sign in; time-outs and empty entries count among them.
    pub max_sign_in_attempts: u32,
    /// Tries a call to name an extension; time-outs and empty entries count among them.
    pub max_extension_attempts: u32,
}

impl Default for IvrConfig {
    fn default() -> Self {
        Self {
            first_digit_timeout: Duration::from_secs(10),
            inter_digit_timeout: Duration::from_secs(5),
            max_sign_in_attempts: 3,
            max_extension_attempts: 3,
        }
    }
}

pub enum Input {
    /// The caller has acknowledged our answer and can hear: from here prompts play. Digits count from the answer itself.
    Answered,
    /// A key, from the fused stream.
    Digit(Digit),
    /// The prompts of the last `Play` came to their natural end.
    Played,
    Answer(Answer),
    /// The caller is gone.
    HungUp,
}

pub enum Answer {
    SignedIn(AccountId),
    /// For whatever reason: the caller hears E1.
    SignInRefused,
    /// The session began; the machine is done and the leg belongs to `spy`.
    Attached,
    /// For whatever reason: the caller hears E2.
    TargetRefused,
}

pub enum Output {
    /// Replaces whatever is playing.
    Play(Vec<Prompt>),
    StopPlaying,
    /// One at a time; answered by `Input::Answer`.
    Ask(Query),
    HangUp,
}

pub enum Query {
    SignIn {
        dial_id: Secret,
        password: Secret,
    },
    Attach {
        account: AccountId,
        /// The digits as typed.
        target: Secret,
        mode: Mode,
    },
}
