//! `sasayaki bench`: what this machine can carry, measured here and now. A file for each benchmark.

mod dtmf;
mod sip;

/// What can be measured.
#[derive(clap::Subcommand)]
pub enum BenchCommand {
    /// Channels of audio that one core can listen to for digits, in turns with spandsp when that is installed
    Dtmf(dtmf::Args),
    /// Registrations and calls that an engine carries on this machine, and what they cost it
    Sip(sip::Args),
}

pub async fn run(which: Option<BenchCommand>) -> anyhow::Result<()> {
    match which {
        None => {
            dtmf::run(&dtmf::Args::default())?;
            sip::run(sip::Args::default()).await
        }
        Some(BenchCommand::Dtmf(args)) => dtmf::run(&args),
        Some(BenchCommand::Sip(args)) => sip::run(args).await,
    }
}
