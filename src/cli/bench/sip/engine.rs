//! The engine that is measured: a process of its own, in a folder that goes with it.

use super::phone::Pair;
use crate::{
    cli::office,
    model::{Entropy, Name, Secret, SrtpPolicy},
    store::{self, Actor, NewExtension, Store, keys::os_random},
};
use anyhow::{Context, bail};
use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    ops::Sub,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::time;

const DOMAIN: &str = "bench.invalid";
/// The first caller and the first callee.
const CALLERS: usize = 1000;
const CALLEES: usize = 2000;
/// In which the kernel counts a process's time.
const TICKS_PER_SECOND: u64 = 100;
const MAX_ATTEMPTS: u32 = 600;

/// Time of the engine's process.
#[derive(Clone, Copy, Default)]
pub struct Cpu {
    pub all: Duration,
    /// Of `all`, in the thread of the media.
    pub media: Duration,
    /// Of `all`, in the threads of SQLite.
    pub store: Duration,
}

pub struct Engine {
    child: Child,
    pub sip: SocketAddr,
    folder: PathBuf,
    password: Secret,
    pairs: usize,
}

impl Engine {
    pub async fn start(pairs: usize) -> anyhow::Result<Self> {
        let mut entropy = Entropy::from_seed(os_random());
        let folder = env::temp_dir().join(format!("sasayaki-bench-{}", entropy.token()));
        office::make_folder(&folder)?;
        let password = Secret::new(entropy.token());
        add_phones(&folder, pairs, &password).await?;
        // Free a moment ago, which is all that can be known.
        let sip = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let file = folder.join("sasayaki.toml");
        fs::write(&file, configuration(sip))?;
        let program = env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(&file).args(["--drain", "0"]).current_dir(&folder);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let engine = Self { child, sip, folder, password, pairs };
        engine.wait_until_it_answers().await?;
        Ok(engine)
    }

    async fn wait_until_it_answers(&self) -> anyhow::Result<()> {
        let mut phone = Pair::new(self.sip, DOMAIN, 0, ["ping", "ping"], &self.password).await?;
        let mut clock = time::interval(Duration::from_millis(50));
        for _ in 0..MAX_ATTEMPTS {
            clock.tick().await;
            if phone.ping().await.is_ok() {
                return Ok(());
            }
        }
        bail!("the engine to be measured does not answer on {}", self.sip)
    }

    /// The phones; all callees are registered and stand by.
    pub async fn pairs(&self) -> anyhow::Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for index in 0..self.pairs {
            let (caller, callee) = ((CALLERS + index).to_string(), (CALLEES + index).to_string());
            let mut pair = Pair::new(self.sip, DOMAIN, index, [&caller, &callee], &self.password).await?;
            pair.stand_by().await.with_context(|| format!("extension {callee} registers"))?;
            pairs.push(pair);
        }
        Ok(pairs)
    }

    /// What the process has used so far, in user and in kernel mode.
    pub fn cpu(&self) -> anyhow::Result<Cpu> {
        let process = format!("/proc/{}", self.child.id());
        let mut cpu = Cpu { all: used(&format!("{process}/stat"))?, ..Cpu::default() };
        for thread in fs::read_dir(format!("{process}/task"))? {
            let thread = thread?.path().display().to_string();
            // A thread may be gone by now.
            let (Ok(name), Ok(used)) = (fs::read_to_string(format!("{thread}/comm")), used(&format!("{thread}/stat")))
            else {
                continue;
            };
            match name.trim_end() {
                "media" => cpu.media += used,
                name if name.starts_with("sqlx") => cpu.store += used,
                _ => {}
            }
        }
        Ok(cpu)
    }

    /// Bytes that are in memory.
    pub fn memory(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).context("the engine is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kilobytes = line.split_whitespace().next().and_then(|field| field.parse::<u64>().ok());
        Ok(kilobytes.context("VmRSS is no number")? * 1024)
    }
}

/// By `/proc/…/stat` of a process or a thread.
fn used(stat: &str) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(stat).context("the engine is gone")?;
    let (_, fields) = stat.rsplit_once(')').context("a process without a name")?;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let less = |after: Duration, before| after.saturating_sub(before);
        Self {
            all: less(self.all, before.all),
            media: less(self.media, before.media),
            store: less(self.store, before.store),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It is ours and measured; whatever cannot be ended or removed is left to the system.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

async fn add_phones(folder: &Path, pairs: usize, password: &Secret) -> anyhow::Result<()> {
    let data = folder.join("data");
    office::make_folder(&data)?;
    let url = format!("sqlite:{}", data.join("sasayaki.db").display());
    let store = Store::open(store::Options::new(&url, &data, data.join("pepper.key"), DOMAIN)).await?;
    for number in [CALLERS, CALLEES].into_iter().flat_map(|first| first..first + pairs) {
        let (number, password) = (number.to_string().parse()?, password.clone().try_into()?);
        let new = NewExtension { number, name: Name::default(), protected: false, password, srtp: SrtpPolicy::Off };
        store.add_extension(&Actor::cli(), new).await?;
    }
    store.close().await;
    Ok(())
}

fn configuration(sip: SocketAddr) -> String {
    format!(
        "data_dir = \"data\"\n[sip]\nlisten = [\"udp:{sip}\"]\ndomain = \"{DOMAIN}\"\n[rtp]\nlisten = \"127.0.0.1\"\n\
         ports = [30000, 59998]\n[console]\nlisten = \"\"\n[log]\nlevel = \"error\"\n"
    )
}
