use super::{
    Config, Console, DigestAlgorithm, Finding, IvrLimits, ListenAddr, Log, LogFormat, LogLevel, PortRange, Prompts,
    Rtp, Sip, StoreUrl, TlsFiles,
    section::{Section, Source},
    values::CodecName,
};
use crate::{engine::HeadExport, model::Codec, tls::Trust};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};
use toml::de::DeTable;

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "sasayaki.toml";

/// A keypad entry may not wait longer than this.
const MAX_TIMEOUT_MS: u64 = 600_000;

/// A caller may not try more often than this in one call.
const MAX_ATTEMPTS: u8 = 10;

/// A self-test takes a few seconds.
const SELFTEST_AT_LEAST: Duration = Duration::from_secs(60);
const SELFTEST_AT_MOST: Duration = Duration::from_secs(30 * 24 * 3600);

/// A head of the trail that is kept more rarely proves little.
const MAX_HEAD_EVERY_MINUTES: u64 = 7 * 24 * 60;

const MAX_LISTEN_ADDRESSES: usize = 16;

/// A usable configuration, and what is worth knowing about it.
pub struct Loaded {
    pub config: Config,
    /// The file that was read; `None`: built-in defaults.
    pub file: Option<PathBuf>,
    pub notes: Vec<Finding>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{}: {source}; name an existing file with --config", .file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{}", .0.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n"))]
    Findings(Vec<Finding>),
}

/// Reads `named`, else `sasayaki.toml` in the working directory, else `from_environment`, else takes the defaults.
pub fn load(named: Option<&Path>, from_environment: Option<&Path>) -> Result<Loaded, ConfigError> {
    let default = Path::new(DEFAULT_FILE);
    let file = named.or_else(|| default.exists().then_some(default)).or(from_environment);
    let Some(file) = file else {
        return read("built-in defaults", "", Path::new("")).map(|(config, notes)| Loaded {
            config,
            file: None,
            notes,
        });
    };
    let text =
        std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
    let base = file.parent().unwrap_or(Path::new(""));
    let (config, notes) = read(&file.display().to_string(), &text, base)?;
    Ok(Loaded { config, file: Some(file.to_owned()), notes })
}

fn read(name: &str, text: &str, base: &Path) -> Result<(Config, Vec<Finding>), ConfigError> {
    let source = Source { name, text };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut findings: Vec<Finding> = errors.iter().map(|error| source.finding(error)).collect();
    if !findings.is_empty() {
        return Err(ConfigError::Findings(findings));
    }
    let config = Section::top(&source, table.into_inner(), &mut findings, |top| read_config(top, base));
    findings.sort_by_key(|finding| finding.line);
    match findings.iter().any(Finding::is_error) {
        true => Err(ConfigError::Findings(findings)),
        false => Ok((config, findings)),
    }
}

fn read_config(top: &mut Section<'_, '_>, base: &Path) -> Config {
    let data_dir = base.join(top.take("data_dir").unwrap_or(PathBuf::from("data")));
    let (tls, trust) = top.section("tls", |tls| (read_tls(tls, base), read_trust(tls, base)));
    let (max_concurrent_calls, keep_calls) = top.section("calls", read_calls);
    Config {
        sip: top.section("sip", |sip| read_sip(sip, tls.is_some())),
        rtp: top.section("rtp", read_rtp),
        store_url: top.section("store", |store| read_store_url(store, base, &data_dir)),
        dialplan_dir: top.section("dialplan", |dialplan| read_dir(dialplan, base, "dialplan")),
        prompts: top.section("prompts", |prompts| Prompts {
            dir: read_dir(prompts, base, "prompts"),
            language: prompts.take("language").unwrap_or_default(),
            music: read_music(prompts, base),
        }),
        ivr: top.section("ivr", read_ivr),
        max_concurrent_calls,
        keep_calls,
        pepper_file: top.section("security", |security| {
            security.take("pepper_file").map_or(data_dir.join("pepper.key"), |file: PathBuf| base.join(file))
        }),
        audit: top.section("audit", |audit| read_audit(audit, base, &data_dir)),
        console: top.section("console", |console| read_console(console, tls.is_some())),
        selftest_every: top.section("selftest", read_selftest),
        log: top.section("log", |log| Log {
            format: log.take("format").unwrap_or(LogFormat::Text),
            level: log.take("level").unwrap_or(LogLevel::Info),
        }),
        tls,
        trust,
        data_dir,
    }
}

fn read_tls(tls: &mut Section<'_, '_>, base: &Path) -> Option<TlsFiles> {
    match (tls.take::<PathBuf>("cert"), tls.take::<PathBuf>("key")) {
        (Some(cert), Some(key)) => Some(TlsFiles { cert: base.join(cert), key: base.join(key) }),
        (Some(_), None) => {
            tls.error("key", "missing; a certificate needs its key");
            None
        }
        (None, Some(_)) => {
            tls.error("cert", "missing; a key needs its certificate");
            None
        }
        (None, None) => None,
    }
}

fn read_trust(tls: &mut Section<'_, '_>, base: &Path) -> Trust {
    tls.take("ca").map_or(Trust::System, |file: PathBuf| Trust::File(base.join(file)))
}

fn read_sip(sip: &mut Section<'_, '_>, has_tls: bool) -> Sip {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 5060));
    Sip {
        listen: sip
            .take_if("listen", |list: &Vec<ListenAddr>| {
                if list.len() > MAX_LISTEN_ADDRESSES {
                    return Err(format!("at most {MAX_LISTEN_ADDRESSES} addresses"));
                }
                if !has_tls && list.iter().any(|address| matches!(address, ListenAddr::Tls(_))) {
                    return Err("tls: needs a certificate; give [tls] cert and key".to_owned());
                }
                each_once(list, "one address, like udp:127.0.0.1:5060")
            })
            .unwrap_or_else(|| vec![ListenAddr::Udp(loopback), ListenAddr::Tcp(loopback)]),
        domain: sip.take_if("domain", |name: &String| usable_domain(name)).unwrap_or_else(|| "localhost".to_owned()),
        digest: sip
            .take_if("digest", |list: &Vec<DigestAlgorithm>| each_once(list, "MD5 or SHA-256"))
            .unwrap_or_else(|| vec![DigestAlgorithm::Md5]),
        advertise: sip.take("advertise"),
    }
}

fn read_rtp(rtp: &mut Section<'_, '_>) -> Rtp {
    Rtp {
        listen: rtp.take("listen").unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        ports: rtp.take("ports").unwrap_or(PortRange::DEFAULT),
        codecs: read_codecs(rtp),
        inactivity_timeout: read_inactivity(rtp),
    }
}

/// Shorter is no quiet: a report comes every five seconds or so, and may be lost.
fn read_inactivity(rtp: &mut Section<'_, '_>) -> Option<Duration> {
    const LEAST_MS: u64 = 5_000;
    let usable = |ms: &u64| match ms {
        0 | LEAST_MS..=MAX_TIMEOUT_MS => Ok(()),
        _ => Err(format!("{ms} is neither 0, for off, nor within {LEAST_MS} to {MAX_TIMEOUT_MS} milliseconds")),
    };
    rtp.take_if("inactivity_timeout_ms", usable).filter(|ms| *ms > 0).map(Duration::from_millis)
}

fn read_codecs(rtp: &mut Section<'_, '_>) -> Vec<Codec> {
    let usable = |list: &Vec<CodecName>| each_once(list, "PCMU, PCMA, G722 or opus");
    rtp.take_if("codecs", usable).map_or(Codec::ALL.to_vec(), |named| named.into_iter().map(|name| name.0).collect())
}

fn read_store_url(store: &mut Section<'_, '_>, base: &Path, data_dir: &Path) -> StoreUrl {
    store.take("url").map_or(StoreUrl::Sqlite(data_dir.join("sasayaki.db")), |url: StoreUrl| url.based_at(base))
}

/// A named folder must exist; the usual one is used where it stands; else what is embedded.
fn read_dir(section: &mut Section<'_, '_>, base: &Path, usual: &str) -> Option<PathBuf> {
    let is_folder = |dir: &PathBuf| match base.join(dir).is_dir() {
        true => Ok(()),
        false => Err(format!("{}: no such folder; leave the key out for the embedded default", dir.display())),
    };
    let named = section.take_if("dir", is_folder).map(|dir| base.join(dir));
    named.or_else(|| Some(base.join(usual)).filter(|dir| dir.is_dir()))
}

fn read_music(prompts: &mut Section<'_, '_>, base: &Path) -> Option<PathBuf> {
    let is_file = |file: &PathBuf| match base.join(file).is_file() {
        true => Ok(()),
        false => Err(format!("{}: no such file; leave the key out for the tune that is built in", file.display())),
    };
    prompts.take_if("music", is_file).map(|file| base.join(file))
}

fn read_ivr(ivr: &mut Section<'_, '_>) -> IvrLimits {
    IvrLimits {
        first_digit_timeout: read_timeout(ivr, "first_digit_timeout_ms", 10_000),
        inter_digit_timeout: read_timeout(ivr, "inter_digit_timeout_ms", 5_000),
        max_sign_in_attempts: read_attempts(ivr, "max_sign_in_attempts"),
        max_extension_attempts: read_attempts(ivr, "max_extension_attempts"),
    }
}

/// How many calls there may be, and how long their records are kept; 0 is no limit to either.
fn read_calls(calls: &mut Section<'_, '_>) -> (Option<u32>, Option<Duration>) {
    let keep_days = calls.take("keep_days").filter(|days: &u32| *days > 0);
    let keep = keep_days.map(|days| Duration::from_secs(u64::from(days) * 24 * 3600));
    (calls.take("max_concurrent").filter(|limit| *limit > 0), keep)
}

fn read_timeout(ivr: &mut Section<'_, '_>, key: &'static str, usual_ms: u64) -> Duration {
    let usable = |ms: &u64| match ms {
        1..=MAX_TIMEOUT_MS => Ok(()),
        _ => Err(format!("{ms} is not within 1 to {MAX_TIMEOUT_MS} milliseconds")),
    };
    Duration::from_millis(ivr.take_if(key, usable).unwrap_or(usual_ms))
}

fn read_attempts(ivr: &mut Section<'_, '_>, key: &'static str) -> u8 {
    let usable = |attempts: &u8| match attempts {
        1..=MAX_ATTEMPTS => Ok(()),
        _ => Err(format!("{attempts} is not within 1 to {MAX_ATTEMPTS}")),
    };
    ivr.take_if(key, usable).unwrap_or(3)
}

fn read_selftest(selftest: &mut Section<'_, '_>) -> Option<Duration> {
    let every = selftest.take::<String>("every")?;
    let read = every.parse::<jiff::SignedDuration>().ok().and_then(|every| Duration::try_from(every).ok());
    let usable = read.filter(|every| (SELFTEST_AT_LEAST..=SELFTEST_AT_MOST).contains(every));
    if usable.is_none() {
        selftest.error("every", "write how often, like \"1h\" or \"30m\": from 1m to 30d; leave it out for never");
    }
    usable
}

fn read_console(console: &mut Section<'_, '_>, has_tls: bool) -> Console {
    let behind_proxy = console.take("behind_proxy").unwrap_or(false);
    if behind_proxy && has_tls {
        console.note("behind_proxy", "the console leaves TLS to the proxy, though there is a [tls]");
    }
    let is_guarded = has_tls || behind_proxy;
    let Some(listen) = console.take::<String>("listen") else {
        return Console { listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))), behind_proxy };
    };
    if listen.is_empty() {
        return Console { listen: None, behind_proxy };
    }
    let listen = listen.parse::<SocketAddr>();
    match &listen {
        Err(_) => console.error("listen", "write an IP address and a port, like 127.0.0.1:8080, or \"\" for off"),
        Ok(address) if !address.ip().is_loopback() && !is_guarded => {
            console.error("listen", "beyond loopback it needs [tls] or behind_proxy = true");
        }
        Ok(_) => {}
    }
    Console { listen: listen.ok(), behind_proxy }
}

fn read_audit(audit: &mut Section<'_, '_>, base: &Path, data_dir: &Path) -> HeadExport {
    let usual = HeadExport::into_folder(data_dir);
    let has_folder = |file: &PathBuf| match base.join(file).parent().is_some_and(Path::is_dir) {
        true => Ok(()),
        false => Err(format!("{}: there is no such folder; make it first", file.display())),
    };
    let names_program =
        |command: &Vec<String>| match command.first().is_some_and(|program| !program.is_empty()) {
            true => Ok(()),
            false => Err("write a program and its arguments, like [\"ship-head\", \"-q\"]; leave the key out for none"
                .to_owned()),
        };
    let usable = |minutes: &u64| match minutes {
        1..=MAX_HEAD_EVERY_MINUTES => Ok(()),
        _ => Err(format!("{minutes} is not within 1 to {MAX_HEAD_EVERY_MINUTES} minutes")),
    };
    HeadExport {
        file: audit.take_if("head_file", has_folder).map_or(usual.file, |file| base.join(file)),
        command: audit.take_if("head_command", names_program).unwrap_or_default(),
        every: audit
            .take_if("head_every_minutes", usable)
            .map_or(usual.every, |minutes| Duration::from_secs(60 * minutes)),
    }
}

fn usable_domain(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
    match !name.is_empty() && name.len() <= 253 && name.chars().all(plain) {
        true => Ok(()),
        false => Err("write a host name or an IP address, like sip.example.com".to_owned()),
    }
}

fn each_once<T: PartialEq>(list: &[T], example: &str) -> Result<(), String> {
    let twice = list.iter().enumerate().any(|(at, item)| list.iter().take(at).any(|earlier| earlier == item));
    match (list.is_empty(), twice) {
        (true, _) => Err(format!("at least {example}")),
        (false, true) => Err("the same value twice".to_owned()),
        (false, false) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        match read("sasayaki.toml", text, Path::new("/nowhere")) {
            Ok((_, notes)) => notes.iter().map(Finding::to_string).collect(),
            Err(ConfigError::Findings(findings)) => findings.iter().map(Finding::to_string).collect(),
            Err(other) => vec![other.to_string()],
        }
    }

    #[test]
    fn an_empty_file_is_the_documented_default() {
        let (config, notes) = read("sasayaki.toml", "", Path::new("/nowhere")).unwrap_or_else(|e| panic!("{e}"));
        assert!(notes.is_empty());
        assert_eq!(config.data_dir, Path::new("/nowhere/data"));
        let loopback: SocketAddr = "127.0.0.1:5060".parse().unwrap();
        assert_eq!(config.sip.listen, [ListenAddr::Udp(loopback), ListenAddr::Tcp(loopback)]);
        assert_eq!(config.sip.domain, "localhost");
        assert_eq!(config.sip.digest, [DigestAlgorithm::Md5]);
        assert_eq!(
            (config.rtp.ports.first(), config.rtp.ports.last(), config.rtp.ports.pairs()),
            (20_000, 29_999, 5_000)
        );
        assert_eq!((config.rtp.codecs, config.rtp.inactivity_timeout), (Codec::ALL.to_vec(), None));
        assert_eq!(config.store_url.to_url().expose(), "sqlite:/nowhere/data/sasayaki.db");
        assert_eq!(config.pepper_file, Path::new("/nowhere/data/pepper.key"));
        assert_eq!(config.prompts.language.as_str(), "ja");
        assert_eq!(config.ivr.first_digit_timeout, Duration::from_secs(10));
        assert_eq!((config.max_concurrent_calls, config.keep_calls), (None, None));
        assert_eq!(config.log, Log { format: LogFormat::Text, level: LogLevel::Info });
    }

    #[test]
    fn every_slip_is_told_at_once_with_its_line_and_key() {
        let text = "data_dri = \"x\"\n[sip]\nlistn = []\ndigest = [\"MD5\",\n  \"MD6\"]\n[ivr]\nfirst_digit_timeout_ms = \"10\"\n\
                    max_sign_in_attempts = 0\n[colour]\nx = 1\n";
        insta::assert_snapshot!(findings(text).join("\n"));
    }

    #[test]
    fn addresses_that_this_version_cannot_serve_say_so() {
        let text = "[sip]\nlisten = [\"udp:127.0.0.1:5060\",\n\"ws:127.0.0.1:5061\"]\n[console]\nlisten = \"0.0.0.0:80\"\n\
                    [rtp]\ncodecs = [\"opus\", \"GSM\"]\nports = [20001, 20002]\n";
        insta::assert_snapshot!(findings(text).join("\n"));
    }

    #[test]
    fn quiet_on_the_line_is_borne_for_ever_or_for_some_seconds() {
        for (ms, borne) in [(0, None), (5_000, Some(5)), (30_000, Some(30))] {
            let text = format!("[rtp]\ninactivity_timeout_ms = {ms}\n");
            let (config, _) = read("sasayaki.toml", &text, Path::new("/nowhere")).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(config.rtp.inactivity_timeout, borne.map(Duration::from_secs));
        }
        assert_eq!(
            findings("[rtp]\ninactivity_timeout_ms = 20\n"),
            [
                "sasayaki.toml:2: rtp.inactivity_timeout_ms: 20 is neither 0, for off, nor within 5000 to 600000 milliseconds"
            ]
        );
    }

    #[test]
    fn tls_needs_a_certificate_and_its_key() {
        let listen = "[sip]\nlisten = [\"tls:127.0.0.1:5061\"]\n";
        assert_eq!(
            findings(listen),
            ["sasayaki.toml:2: sip.listen: tls: needs a certificate; give [tls] cert and key"]
        );
        let half = "[tls]\ncert = \"cert.pem\"\n";
        assert_eq!(findings(half), ["sasayaki.toml:2: tls.key: missing; a certificate needs its key"]);
        let text = format!("{listen}[tls]\ncert = \"cert.pem\"\nkey = \"/etc/key.pem\"\n");
        let (config, _) = read("sasayaki.toml", &text, Path::new("/nowhere")).unwrap_or_else(|e| panic!("{e}"));
        let files = config.tls.unwrap();
        assert_eq!((files.cert, files.key), ("/nowhere/cert.pem".into(), "/etc/key.pem".into()));
        assert_eq!(config.trust, Trust::System);
        let (config, _) =
            read("sasayaki.toml", "[tls]\nca = \"ca.pem\"\n", Path::new("/nowhere")).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((config.tls.is_none(), config.trust), (true, Trust::File("/nowhere/ca.pem".into())));
    }

    #[test]
    fn a_head_of_the_trail_needs_a_folder_a_program_and_a_schedule() {
        let (config, _) = read("sasayaki.toml", "", Path::new("/nowhere")).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(config.audit, HeadExport::into_folder(Path::new("/nowhere/data")));
        let text = "[audit]\nhead_file = \"no/head\"\nhead_command = []\nhead_every_minutes = 0\n";
        let told = findings(text);
        let keys = [
            "sasayaki.toml:2: audit.head_file: ",
            "sasayaki.toml:3: audit.head_command: ",
            "sasayaki.toml:4: audit.head_every_minutes: ",
        ];
        assert!(told.len() == 3 && told.iter().zip(keys).all(|(told, key)| told.starts_with(key)), "{told:?}");
    }

    #[test]
    fn the_records_of_calls_are_kept_for_as_many_days_as_are_named() {
        let kept = |text: &str| {
            read("sasayaki.toml", text, Path::new("/nowhere")).unwrap_or_else(|e| panic!("{e}")).0.keep_calls
        };
        assert_eq!(kept("[calls]\nkeep_days = 90\n"), Some(Duration::from_secs(7_776_000)));
        assert_eq!(kept("[calls]\nkeep_days = 0\n"), None);
        assert!(findings("[calls]\nkeep_days = -1\n")[0].starts_with("sasayaki.toml:2: calls.keep_days"));
    }

    #[test]
    fn broken_toml_names_its_line() {
        assert!(findings("[sip]\ndomain = \n")[0].starts_with("sasayaki.toml:2: "));
    }

    #[test]
    fn a_finding_about_the_store_never_repeats_its_password() {
        let told = findings("[store]\nurl = \"mysql://user:hunter2@host/db\"\n").join("\n");
        assert!(told.starts_with("sasayaki.toml:2: store.url: ") && !told.contains("hunter2"), "{told}");
    }
}
