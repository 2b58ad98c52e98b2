//! `sasayaki bench`: what this machine can carry, measured here and now. A file for each benchmark.

mod dtmf;
mod sign_in;
mod sip;

use std::time::Instant;

/// What can be measured.
#[derive(clap::Subcommand)]
pub enum BenchCommand {
    /// What thousands of strangers' messages a second cost the engine beside calls that talk
    Door(sip::door::Args),
    /// Channels of audio that one core can listen to for digits, in turns with spandsp when that is installed
    Dtmf(dtmf::Args),
    /// Registrations and calls that an engine carries on this machine, and what they cost it
    Sip(sip::Args),
    /// How long a sign-in by keypad takes, by what comes of it
    SignIn(sign_in::Args),
}

pub async fn run(which: Option<BenchCommand>) -> anyhow::Result<()> {
    match which {
        None => {
            dtmf::run(&dtmf::Args::default())?;
            sip::run(sip::Args::default()).await?;
            sip::door::run(sip::door::Args::default()).await?;
            sign_in::run(sign_in::Args::default()).await
        }
        Some(BenchCommand::Dtmf(args)) => dtmf::run(&args),
        Some(BenchCommand::Sip(args)) => sip::run(args).await,
        Some(BenchCommand::Door(args)) => sip::door::run(args).await,
        Some(BenchCommand::SignIn(args)) => sign_in::run(args).await,
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
