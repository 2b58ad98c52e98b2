//! `check`: everything that a start would need, looked at without starting.

mod prompts;
mod store;

use super::{
    config::{Config, ConfigError, Finding, ListenAddr, Loaded},
    dialplan_files, output,
};
use crate::tls::{Ending, Identity, Trust};
use std::{net::SocketAddr, process::ExitCode};

/// Prints each finding; status 1 when one of them would keep the engine from working.
pub async fn run(loaded: Result<Loaded, ConfigError>) -> anyhow::Result<ExitCode> {
    let findings = match loaded {
        Ok(loaded) => {
            let findings = find(&loaded).await;
            summarise(&loaded, &findings)?;
            return Ok(status(&findings));
        }
        Err(ConfigError::Findings(findings)) => findings,
        Err(unreadable @ ConfigError::Unreadable { .. }) => return Err(unreadable.into()),
    };
    print(&findings)?;
    Ok(status(&findings))
}

async fn find(loaded: &Loaded) -> Vec<Finding> {
    let config = &loaded.config;
    let mut findings = loaded.notes.clone();
    let plan = dialplan_files::read(config.dialplan_dir.as_deref());
    findings.extend(plan.as_ref().err().into_iter().flatten().cloned());
    findings.extend(prompts::check(&config.prompts));
    findings.extend(certificate(config));
    findings.extend(authorities(config));
    findings.extend(ports(config));
    findings.extend(store::check(config, plan.as_ref().ok()).await);
    findings
}

fn certificate(config: &Config) -> Option<Finding> {
    let files = config.tls.as_ref()?;
    match Identity::load(files.cert.clone(), files.key.clone()) {
        Err(error) => Some(Finding::error("tls", None, error.to_string())),
        Ok(identity) => {
            let (ending, place) = (identity.ending()?, files.cert.display().to_string());
            Some(match ending {
                Ending::Over => Finding::error(place, None, ending.to_string()),
                Ending::In(_) => Finding::note(place, None, ending.to_string()),
            })
        }
    }
}

/// Those that were named; without any of the system only who connects over TLS is kept from working.
fn authorities(config: &Config) -> Option<Finding> {
    let error = config.trust.client_config().err()?;
    match config.trust {
        Trust::File(_) => Some(Finding::error("tls.ca", None, error.to_string())),
        Trust::System => Some(Finding::note("tls.ca", None, error.to_string())),
    }
}

/// Two sockets cannot have one port.
fn ports(config: &Config) -> Vec<Finding> {
    let (rtp, media) = (config.rtp.ports, config.rtp.listen);
    let clashes = |address: &SocketAddr| {
        let same_host = address.ip() == media || address.ip().is_unspecified() || media.is_unspecified();
        same_host && (rtp.first()..=rtp.last()).contains(&address.port())
    };
    let udp = config.sip.listen.iter().filter_map(|listen| match listen {
        ListenAddr::Udp(address) => Some(address),
        ListenAddr::Tcp(_) | ListenAddr::Tls(_) => None,
    });
    let told = |address| format!("sip.listen: udp:{address} lies within rtp.ports; choose a port outside");
    udp.filter(|address| clashes(address)).map(|address| Finding::error("configuration", None, told(address))).collect()
}

fn summarise(loaded: &Loaded, findings: &[Finding]) -> anyhow::Result<()> {
    print(findings)?;
    if findings.iter().any(Finding::is_error) {
        return Ok(());
    }
    let Config { sip, rtp, store_url, dialplan_dir, prompts, .. } = &loaded.config;
    let file = loaded.file.as_ref().map_or("built-in defaults".into(), |file| file.display().to_string());
    let place = |dir: &Option<std::path::PathBuf>| dir.as_ref().map_or("embedded".into(), |d| d.display().to_string());
    output::say(&format!("ok: configuration  {file}"))?;
    output::say(&format!("ok: dial plan      {}", place(dialplan_dir)))?;
    output::say(&format!("ok: prompts        {} ({})", place(&prompts.dir), prompts.language.as_str()))?;
    output::say(&format!("ok: store          {}", store_url.label()))?;
    output::say(&format!("ok: realm          {}", sip.domain))?;
    output::say(&format!("ok: RTP ports      {} calls' worth", rtp.ports.pairs() / 2))
}

fn print(findings: &[Finding]) -> anyhow::Result<()> {
    findings.iter().try_for_each(|finding| output::say(&output::printable(&finding.to_string())))
}

fn status(findings: &[Finding]) -> ExitCode {
    if findings.iter().any(Finding::is_error) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
