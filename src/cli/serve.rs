//! `serve`: from a configuration to a running engine. The composition root.

use super::{
    config::{Config, DigestAlgorithm, ListenAddr, Loaded},
    dialplan_files, logging, office,
};
use crate::{
    console::{self, Console, Registrar, SipDoor},
    engine::{Engine, Options, prompts},
    ivr::IvrConfig,
    media::{clip::Clips, ports::Ports},
    sip::{Transport, digest::Algorithm, transport::Tls},
    store::{Store, keys::os_random},
    tls::Identity,
};
use anyhow::Context;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

pub async fn serve(loaded: Loaded, drain_seconds: u64) -> anyhow::Result<()> {
    let config = loaded.config;
    logging::init(config.log);
    for note in &loaded.notes {
        tracing::info!("{note}");
    }
    let store = office::open_store(&config).await?;
    warn_of_other_realms(&store).await?;
    let engine = Engine::start(options(&config, Duration::from_secs(drain_seconds))?, store.clone()).await?;
    for transport in Transport::ALL {
        if let Some(address) = engine.local(transport) {
            tracing::info!(transport = transport.as_str(), %address, "listening");
        }
    }
    let console = console(&config, store, &engine).await?;
    if let Some(console) = &console {
        tracing::info!(address = %console.local(), "the console is listening");
    }
    // Beside its sockets on the workers of the runtime: what one reads the same takes up, and no thread wakes another for it.
    #[expect(clippy::disallowed_methods, reason = "the composition root starts the engine")]
    let running = tokio::spawn(engine.run(stop_signal()?));
    running.await.context("the engine has panicked")?;
    drop(console);
    Ok(())
}

/// `None`: it is switched off.
async fn console(config: &Config, store: Store, engine: &Engine) -> anyhow::Result<Option<Console>> {
    let Some(listen) = config.console.listen else { return Ok(None) };
    let behind_proxy = config.console.behind_proxy;
    let tls = if behind_proxy { None } else { identity(config)? };
    let dialplan = dialplan_files::required(config.dialplan_dir.as_deref())?;
    let udp = || engine.local(Transport::Udp).map(SipDoor::Udp);
    let sip = udp().or_else(|| engine.local(Transport::Tcp).map(SipDoor::Tcp));
    let options = console::Options { listen, tls, behind_proxy, dialplan, registrar: registrar(config), sip };
    Ok(Some(Console::start(options, store, engine.handle(), engine.turns()).await?))
}

/// Where a softphone that is set up by the console registers: over TLS where there is that, else over TCP or UDP.
fn registrar(config: &Config) -> Registrar {
    let best = config.sip.listen.iter().map(listen).max_by_key(|(transport, _)| match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
    });
    let (transport, address) =
        best.map_or(("udp", SocketAddr::from(([127, 0, 0, 1], 5060))), |(transport, address)| {
            let word = match transport {
                Transport::Udp => "udp",
                Transport::Tcp => "tcp",
                Transport::Tls => "tls",
            };
            (word, address)
        });
    let domain = config.sip.domain.clone();
    let address = match config.sip.advertise {
        Some(advertised) => SocketAddr::new(advertised, address.port()).to_string(),
        None if address.ip().is_unspecified() => format!("{domain}:{}", address.port()),
        None => address.to_string(),
    };
    Registrar { address, transport, domain }
}

/// Everything the engine needs, read and checked.
pub fn options(config: &Config, drain: Duration) -> anyhow::Result<Options> {
    let dialplan = dialplan_files::required(config.dialplan_dir.as_deref())?;
    let ports = (config.rtp.ports.first(), config.rtp.ports.last());
    let [low, high, ..] = os_random();
    Ok(Options {
        listen: config.sip.listen.iter().map(listen).collect(),
        tls: tls(config)?,
        domain: config.sip.domain.clone(),
        digest: config.sip.digest.iter().map(|one| algorithm(*one)).collect(),
        advertise: config.sip.advertise,
        rtp: Ports::new(config.rtp.listen, ports, u16::from_le_bytes([low, high]))?,
        rtp_patience: config.rtp.inactivity_timeout,
        codecs: config.rtp.codecs.clone(),
        dialplan,
        clips: Arc::new(clips(config)?),
        ivr: IvrConfig {
            first_digit_timeout: config.ivr.first_digit_timeout,
            inter_digit_timeout: config.ivr.inter_digit_timeout,
            max_sign_in_attempts: u32::from(config.ivr.max_sign_in_attempts),
            max_extension_attempts: u32::from(config.ivr.max_extension_attempts),
        },
        max_concurrent: config.max_concurrent_calls.map_or(0, |limit| limit as usize),
        keep_calls: config.keep_calls,
        control_socket: config.control_socket(),
        audit: config.audit.clone(),
        selftest_every: config.selftest_every,
        drain,
    })
}

pub fn clips(config: &Config) -> anyhow::Result<Clips> {
    let (dir, language) = (config.prompts.dir.as_deref(), config.prompts.language.as_str());
    let clips = Clips::load(language, |file| prompts::read(dir, file).ok())
        .with_context(|| format!("the prompts of `{language}` cannot be used: run `sasayaki check`"))?;
    match &config.prompts.music {
        None => Ok(clips),
        Some(file) => clips
            .with_music(&file.display().to_string(), std::fs::read(file).ok())
            .context("the music on hold cannot be used: run `sasayaki check`"),
    }
}

/// The certificate is read even where nothing shows it yet: a bad one is better known now.
fn tls(config: &Config) -> anyhow::Result<Tls> {
    let connect = Some(config.trust.clone().into_connect());
    Ok(Tls { accept: identity(config)?.map(|identity| identity.server_config()), connect })
}

/// The certificate shown; `None`: there is none.
fn identity(config: &Config) -> anyhow::Result<Option<Arc<Identity>>> {
    let Some(files) = &config.tls else { return Ok(None) };
    let identity = Identity::load(files.cert.clone(), files.key.clone())?;
    identity.keep_fresh();
    Ok(Some(identity))
}

fn listen(address: &ListenAddr) -> (Transport, SocketAddr) {
    match *address {
        ListenAddr::Udp(address) => (Transport::Udp, address),
        ListenAddr::Tcp(address) => (Transport::Tcp, address),
        ListenAddr::Tls(address) => (Transport::Tls, address),
    }
}

fn algorithm(named: DigestAlgorithm) -> Algorithm {
    match named {
        DigestAlgorithm::Md5 => Algorithm::Md5,
        DigestAlgorithm::Sha256 => Algorithm::Sha256,
    }
}

/// A phone whose secret was given for another realm cannot register: better said at the start than found by the phone.
async fn warn_of_other_realms(store: &Store) -> anyhow::Result<()> {
    if !store.realm_matches().await? {
        tracing::warn!("[sip] domain has changed: set the passwords of the extensions again; see `sasayaki check`");
    }
    Ok(())
}

/// Ready when the process is asked to end.
pub fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
