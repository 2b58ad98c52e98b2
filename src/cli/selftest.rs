//! `selftest`: who hears whom, tried with three tones through the running engine (X8).

use super::{
    config::Config,
    control,
    output::{self, Format, Row},
};
use crate::engine::control::{Hearing, Request};
use std::process::ExitCode;

/// Prints the table; success only when it is as it must be.
pub fn run(config: &Config, format: Format) -> anyhow::Result<ExitCode> {
    let hearings = control::ask(config, &Request::SelfTest)?.hearings.unwrap_or_default();
    output::list(&hearings, format)?;
    let wrong = hearings.iter().filter(|hearing| !hearing.right).count();
    anyhow::ensure!(!hearings.is_empty(), "the engine tried nothing");
    anyhow::ensure!(wrong == 0, "who hears whom is wrong in {wrong} place(s): stop listening until it is known why");
    Ok(ExitCode::SUCCESS)
}

impl Row for Hearing {
    const HEADINGS: &'static [&'static str] = &["MODE", "LISTENER", "SPEAKER", "DBFS", "MUST HEAR", "VERDICT"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.mode.clone(),
            self.listener.clone(),
            self.speaker.clone(),
            format!("{:.1}", self.dbfs).replace('-', "−"),
            output::yes_no(self.expected),
            if self.right { "right" } else { "WRONG" }.to_owned(),
        ]
    }
}
