//! Tells what happens, line by line, as it happens.

use super::super::output::say;
use std::{
    env,
    io::{IsTerminal, stdout},
    time::Instant,
};

/// The columns before what is told.
const MARGIN: &str = "                 ";

pub struct Narrator {
    begun: Instant,
    colours: bool,
}

impl Narrator {
    pub fn start() -> Self {
        let wanted = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { begun: now(), colours: wanted && stdout().is_terminal() }
    }

    /// One party's doing, at this moment; further lines stand below the first.
    pub fn tell(&self, who: &str, what: &str) -> anyhow::Result<()> {
        let seconds = now().duration_since(self.begun).as_secs_f64();
        let what = what.replace('\n', &format!("\n{MARGIN}"));
        say(&format!("{} {} {what}", self.dim(&format!("{seconds:5.1}")), self.bold(&format!("{who:<10}"))))
    }

    pub fn heading(&self, text: &str) -> anyhow::Result<()> {
        say(&format!("\n{}\n", self.bold(text)))
    }

    pub fn show(&self, text: &str) -> anyhow::Result<()> {
        say(text)
    }

    fn dim(&self, text: &str) -> String {
        self.styled("2", text)
    }

    fn bold(&self, text: &str) -> String {
        self.styled("1", text)
    }

    fn styled(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the demo lives in real time")]
    Instant::now()
}
