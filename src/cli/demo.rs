//! `demo`: a session of monitoring and one of whispering, on this machine, over real SIP and RTP on loopback.
//!
//! Three phones of the house call through an engine of their own, with a store of its own that goes with it. What is
//! told was heard: a prompt is printed when its samples reach the supervisor's ear, and the table of who heard whom is
//! measured in the recordings. Absent: the visitor's own data; of the configuration only the prompts are taken.

mod ear;
mod house;
mod narrator;
mod party;
mod script;
mod table;

use super::{
    config::{Config, Loaded, Log, LogFormat, LogLevel},
    logging, office, serve,
};
use crate::{media::recorder::Recorder, model::Mode};
use anyhow::{Context, bail, ensure};
use house::House;
use narrator::Narrator;
use script::{Manner, Script, Talk};
use std::{
    fs::{self, File},
    future::Future,
    io::BufWriter,
    path::{Path, PathBuf},
    pin::Pin,
    process::ExitCode,
};
use table::{Heard, Table};

/// Where the recordings go when nobody says: a folder among the data.
const DEFAULT_OUT: &str = "demo";
const ENGLISH: &str = "en";

pub async fn demo(loaded: Loaded, once: bool, out: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    logging::init(Log { format: LogFormat::Text, level: LogLevel::Warn });
    let out = out.unwrap_or_else(|| loaded.config.data_dir.join(DEFAULT_OUT));
    office::make_folder(&out)?;
    let mut stop = Box::pin(serve::stop_signal()?);
    let house = House::open(&loaded.config).await?;
    let shown = show(&house, &loaded.config, once, &out, stop.as_mut()).await;
    house.close().await;
    shown.map(|()| ExitCode::SUCCESS)
}

async fn show(
    house: &House,
    config: &Config,
    once: bool,
    out: &Path,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> anyhow::Result<()> {
    let japanese = config.prompts.language.as_str() != ENGLISH;
    let script = Script { house, narrator: Narrator::start(), japanese };
    let (talk, tables) = tokio::select! {
        performed = perform(&script, out) => performed?,
        () = &mut stop => bail!("interrupted"),
    };
    if !once {
        script.narrator.show(&invitation(house)?)?;
        tokio::select! {
            () = talk.wait_ended() => bail!("the standing call has ended"),
            () = stop => {}
        }
    }
    let wrong: Vec<String> = tables.iter().flat_map(Table::wrong).collect();
    ensure!(wrong.is_empty(), "the table is wrong: {}", wrong.join("; "));
    Ok(())
}

async fn perform(script: &Script<'_>, out: &Path) -> anyhow::Result<(Talk, [Table; 2])> {
    let (address, reason) = (script.house.sip, script.house.port_reason());
    script
        .narrator
        .show(&format!("Sasayaki demo: SIP on {address}{reason}, UDP and TCP; nothing leaves this machine"))?;
    script.narrator.heading("A call")?;
    let talk = script.talk().await?;
    script.narrator.heading("モニタリング (monitor)")?;
    let monitored = session(script, &talk, Mode::Monitor, Manner::Patient, out).await?;
    script.narrator.heading("ささやき (whisper), by a supervisor who types over the prompts")?;
    let whispered = session(script, &talk, Mode::Whisper, Manner::Brisk, out).await?;
    let tables = [monitored, whispered];
    fs::write(out.join("table.txt"), format!("{}\n\n{}\n", tables[0], tables[1]))?;
    fs::write(out.join("table.json"), serde_json::to_string_pretty(&tables)?)?;
    script.narrator.heading("What was measured")?;
    script.narrator.show(&format!("{}\n\n{}\n", tables[0], tables[1]))?;
    script.narrator.show(&format!("In {}: what each of them heard (*.wav), table.txt, table.json", out.display()))?;
    Ok((talk, tables))
}

async fn session(script: &Script<'_>, talk: &Talk, mode: Mode, manner: Manner, out: &Path) -> anyhow::Result<Table> {
    let session = script.session(talk, mode, manner).await?;
    record(mode, &session.whole, out)?;
    Ok(Table::measure(mode, &session.start, &session.listening))
}

fn record(mode: Mode, heard: &Heard, out: &Path) -> anyhow::Result<()> {
    for (party, samples) in heard {
        let path = out.join(format!("{mode}-{}.wav", party.name()));
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut recorder = Recorder::new(BufWriter::new(file))?;
        recorder.record(samples)?;
        recorder.finish()?;
    }
    Ok(())
}

/// What the visitor needs to try it with a softphone.
fn invitation(house: &House) -> anyhow::Result<String> {
    let visitor = &house.visitor;
    let (id, password) = (visitor.keys.dial_id.expose(), visitor.keys.password.expose());
    let code = |mode| house.dialplan.code(mode).context("the dial plan has no code for this mode");
    let (monitor, whisper) = (code(Mode::Monitor)?, code(Mode::Whisper)?);
    let short = house.dialplan.short_dial(Mode::Monitor, &visitor.keys.dial_id, &visitor.keys.password);
    let agent = party::Party::Agent.extension();
    Ok(format!(
        "\nThe call between agent and customer goes on. Listen to it with a softphone on this machine:\n\n\
         \x20 server     {}, UDP or TCP\n\
         \x20 extension  {}\n\
         \x20 password   {}\n\n\
         \x20 1. dial {monitor} to monitor, {whisper} to whisper\n\
         \x20 2. dial-operation ID        {id}#\n\
         \x20 3. dial-operation password  {password}#\n\
         \x20 4. extension                {agent}#\n\n\
         In short: dial {}, then {agent}#. Hang up to leave; Ctrl-C here ends the demo.",
        house.sip,
        visitor.extension,
        visitor.phone_password.expose(),
        short.as_ref().map_or("", |keys| keys.expose()),
    ))
}
