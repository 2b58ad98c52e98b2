//! The house of the demo: a folder that goes with it, a store, an engine, and three phones.

use super::{
    super::{
        config::{Config, StoreUrl},
        office, serve,
    },
    ear::CODEC,
    party::Party,
};
use crate::{
    access::{password, right::Grant},
    dialplan::DialPlan,
    engine::{Engine, HeadExport, Options},
    ivr::IvrConfig,
    media::{clip::Clips, ports::Ports},
    model::{Codec, Entropy, Level, ModeSet, Resource, Role, Secret, SrtpPolicy},
    phone::{Phone, PhoneConfig},
    sip::{Transport, digest::Algorithm, transport::Tls},
    store::{self, Actor, NewAccount, NewExtension, Store, keys::os_random},
};
use anyhow::{Context, bail};
use std::{
    env, fs,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::oneshot, task::JoinHandle, time};

/// How long anything may take that ought to happen at once.
pub const PATIENCE: Duration = Duration::from_secs(10);

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SIP_PORT: u16 = 5060;
const RTP_PORTS: (u16, u16) = (20_000, 29_999);
/// How many ports are tried.
const MAX_PORT_ATTEMPTS: usize = 16;
const VISITOR: &str = "visitor";
const VISITOR_EXTENSION: &str = "3001";
const DIAL_ID_DIGITS: u32 = 4;
const PASSWORD_DIGITS: u32 = 6;

pub struct House {
    pub sip: SocketAddr,
    pub dialplan: DialPlan,
    pub clips: Arc<Clips>,
    pub supervisor: Phone,
    pub agent: Phone,
    pub customer: Phone,
    /// What the demo's supervisor keys in.
    pub supervisor_keys: Keys,
    pub visitor: Visitor,
    stop: oneshot::Sender<()>,
    engine: JoinHandle<()>,
    _folder: Folder,
}

/// A dial-operation ID and its password.
pub struct Keys {
    pub dial_id: Secret,
    pub password: Secret,
}

/// What the visitor needs for a softphone and a keypad.
pub struct Visitor {
    pub extension: &'static str,
    pub phone_password: Secret,
    pub keys: Keys,
}

impl House {
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let mut entropy = Entropy::from_seed(os_random());
        let folder = Folder::make(&mut entropy)?;
        let store = open_store(&folder.0).await?;
        let visitor = Visitor {
            extension: VISITOR_EXTENSION,
            phone_password: digits(PASSWORD_DIGITS, &mut entropy),
            keys: Keys::draw(&mut entropy),
        };
        let supervisor_keys = Keys::draw(&mut entropy);
        let password = Secret::new(entropy.token());
        for party in Party::ALL {
            add_extension(&store, party.extension(), party.name(), &password).await?;
        }
        add_extension(&store, visitor.extension, VISITOR, &visitor.phone_password).await?;
        add_supervisor(&store, Party::Supervisor.name(), Party::Supervisor.extension(), &supervisor_keys).await?;
        add_supervisor(&store, VISITOR, visitor.extension, &visitor.keys).await?;

        let clips = Arc::new(serve::clips(config)?);
        let (engine, sip) = start_engine(&store, &clips, &folder.0).await?;
        let (stop, stopped) = oneshot::channel();
        let engine = beside(engine.run(async {
            // Either way it is time.
            let _ = stopped.await;
        }));
        let supervisor = phone(Party::Supervisor, &password, sip, entropy.fork()).await?;
        let agent = phone(Party::Agent, &password, sip, entropy.fork()).await?;
        let customer = phone(Party::Customer, &password, sip, entropy.fork()).await?;
        Ok(Self {
            sip,
            dialplan: DialPlan::default(),
            clips,
            supervisor,
            agent,
            customer,
            supervisor_keys,
            visitor,
            stop,
            engine,
            _folder: folder,
        })
    }

    /// Why it listens where it does, if there is something to say.
    pub fn port_reason(&self) -> String {
        if self.sip.port() == SIP_PORT { String::new() } else { format!(" ({SIP_PORT} is taken)") }
    }

    pub async fn close(self) {
        // An engine that is gone has stopped.
        let _ = self.stop.send(());
        let _ = time::timeout(PATIENCE, self.engine).await;
    }
}

impl Keys {
    fn draw(entropy: &mut Entropy) -> Self {
        let dial_id = digits(DIAL_ID_DIGITS, entropy);
        loop {
            let password = digits(PASSWORD_DIGITS, entropy);
            if password::judge(password.expose(), dial_id.expose()).is_ok() {
                return Self { dial_id, password };
            }
        }
    }
}

/// Says in time that something took too long.
pub async fn in_time<T, E>(what: &str, doing: impl Future<Output = Result<T, E>>) -> anyhow::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let done = time::timeout(PATIENCE, doing).await;
    let done = done.map_err(|_| anyhow::anyhow!("{what}: not within {} s", PATIENCE.as_secs()))?;
    done.with_context(|| what.to_owned())
}

/// On the usual port, or on another when somebody has it.
async fn start_engine(store: &Store, clips: &Arc<Clips>, folder: &Path) -> anyhow::Result<(Engine, SocketAddr)> {
    let mut sip = SocketAddr::new(HERE, SIP_PORT);
    for _ in 0..MAX_PORT_ATTEMPTS {
        match Engine::start(options(sip, Arc::clone(clips), folder)?, store.clone()).await {
            Ok(engine) => return Ok((engine, sip)),
            Err(error) if is_taken(&error) => sip = UdpSocket::bind((HERE, 0))?.local_addr()?,
            Err(error) => return Err(error.context("the demo's engine does not start")),
        }
    }
    bail!("no port of {HERE} is free for SIP over UDP and TCP")
}

fn is_taken(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

fn options(sip: SocketAddr, clips: Arc<Clips>, folder: &Path) -> anyhow::Result<Options> {
    let [low, high, ..] = os_random();
    Ok(Options {
        listen: vec![(Transport::Udp, sip), (Transport::Tcp, sip)],
        tls: Tls::default(),
        domain: sip.ip().to_string(),
        digest: vec![Algorithm::Md5],
        advertise: None,
        rtp: Ports::new(HERE, RTP_PORTS, u16::from_le_bytes([low, high]))?,
        rtp_patience: None,
        codecs: Codec::ALL.to_vec(),
        dialplan: DialPlan::default(),
        clips,
        ivr: IvrConfig::default(),
        max_concurrent: 0,
        keep_calls: None,
        control_socket: folder.join("control.sock"),
        audit: HeadExport::into_folder(folder),
        selftest_every: None,
        drain: Duration::ZERO,
    })
}

async fn open_store(folder: &Path) -> anyhow::Result<Store> {
    let url = StoreUrl::Sqlite(folder.join("demo.db")).to_url();
    let options = store::Options::new(url.expose(), folder, folder.join("pepper.key"), HERE.to_string());
    Store::open(options).await.context("the demo's store cannot be opened")
}

async fn add_extension(store: &Store, number: &str, name: &str, password: &Secret) -> anyhow::Result<()> {
    let (name, password) = (name.parse()?, password.clone().try_into()?);
    let new = NewExtension { number: number.parse()?, name, protected: false, password, srtp: SrtpPolicy::default() };
    Ok(store.add_extension(&Actor::cli(), new).await?)
}

/// Somebody who may listen to the agent's phone.
async fn add_supervisor(store: &Store, login: &str, extension: &str, keys: &Keys) -> anyhow::Result<()> {
    let actor = Actor::cli();
    let account = NewAccount {
        login: login.parse()?,
        role: Role::Supervisor,
        name: login.parse()?,
        extension: Some(extension.parse()?),
        password: keys.password.clone().try_into()?,
    };
    store.add_account(&actor, account).await?;
    store.set_dial_id(&actor, login, keys.dial_id.expose(), keys.password.clone()).await?;
    let resource = Resource::Terminal(Party::Agent.extension().parse()?);
    let grant = Grant { level: Level::Edit, modes: ModeSet::USUAL, hours: None };
    Ok(store.grant(&actor, login, &resource, &grant).await?)
}

async fn phone(party: Party, password: &Secret, registrar: SocketAddr, entropy: Entropy) -> anyhow::Result<Phone> {
    let phone = Phone::start(PhoneConfig {
        codecs: vec![CODEC],
        voice: party.voice(),
        ..PhoneConfig::new(party.extension(), password.clone(), registrar, entropy)
    })?;
    in_time(&format!("the {}'s phone registers", party.name()), phone.register()).await?;
    Ok(phone)
}

fn digits(count: u32, entropy: &mut Entropy) -> Secret {
    Secret::new(format!("{:0width$}", entropy.bits() % 10_u128.pow(count), width = count as usize))
}

/// Goes with everything in it.
struct Folder(PathBuf);

impl Folder {
    fn make(entropy: &mut Entropy) -> anyhow::Result<Self> {
        let folder = Self(env::temp_dir().join(format!("sasayaki-demo-{}", entropy.token())));
        office::make_folder(&folder.0)?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans the folder of temporary things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn beside(work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    #[expect(clippy::disallowed_methods, reason = "the engine runs beside its phones")]
    tokio::spawn(work)
}
