//! The command line: words, files and standard input come in; typed values go to the other rooms; tables, JSON and an
//! exit status come out. `serve` is the composition root. Absent: SQL, signalling and every decision about rights.

mod account;
mod args;
mod audit;
mod bench;
mod call_center;
mod cdr;
mod check;
pub mod config;
mod control;
mod demo;
mod dial_id;
pub mod dialplan_files;
mod dtmf;
mod explain;
mod extension;
mod live;
pub mod logging;
pub mod office;
mod output;
mod permission;
mod seat;
mod secret_input;
mod selftest;
mod serve;
mod setting;
mod token;
mod trunk;

use args::{Cli, Command};
use clap::Parser;
use office::Office;
use std::{
    env, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Names the configuration file where neither `--config` nor the working directory has one.
const CONFIG_VARIABLE: &str = "SASAYAKI_CONFIG";

/// Runs one command. Status: 0 done, 1 failed (standard error says why and what to do), 2 wrong usage.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(status) => status,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sasayaki: {}", output::told(&error));
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(carry_out(cli.command, cli.config.as_deref()))
}

async fn carry_out(command: Command, named: Option<&Path>) -> anyhow::Result<ExitCode> {
    let environment = env::var_os(CONFIG_VARIABLE).filter(|file| !file.is_empty()).map(PathBuf::from);
    if let Command::Dtmf { files } = command {
        dtmf::run(&files, &mut io::stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Bench { which } = command {
        bench::run(which).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let loaded = config::load(named, environment.as_deref());
    if let Command::Check = command {
        return check::run(loaded).await;
    }
    let loaded = loaded?;
    match command {
        Command::Serve { drain } => serve::serve(loaded, drain).await?,
        Command::Demo { once, out } => return demo::demo(loaded, once, out).await,
        Command::Extension(command) => command.run(&Office::open(loaded.config).await?).await?,
        Command::Account(command) => command.run(&Office::open(loaded.config).await?).await?,
        Command::DialId(command) => command.run(&Office::open(loaded.config).await?).await?,
        Command::Permission(command) => command.run(&Office::open(loaded.config).await?).await?,
        Command::CallCenter(command) => command.run(&Office::open(loaded.config).await?).await?,
        Command::Seat(command) => command.run(&Office::open(loaded.config).await?).await?,
        Command::Setting(command) => command.run(&Office::open(loaded.config).await?).await?,
        Command::Token(command) => command.run(&Office::open(loaded.config).await?).await?,
        Command::Trunk(command) => command.run(&Office::open(loaded.config).await?).await?,
        Command::Audit(command) => return command.run(&Office::open(loaded.config).await?).await,
        Command::Explain(explain) => explain.run(&Office::open(loaded.config).await?).await?,
        Command::Cdr(command) => command.run(&Office::open(loaded.config).await?).await?,
        Command::Calls(live) => live::calls(live, &loaded.config).await?,
        Command::SelfTest(format) => return selftest::run(&loaded.config, format),
        Command::Sessions(sessions) => live::sessions(sessions, &loaded.config).await?,
        Command::Check | Command::Dtmf { .. } | Command::Bench { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Whoever reads our output has seen enough, as in `sasayaki audit list | head`.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
