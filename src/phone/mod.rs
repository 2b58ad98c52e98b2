//! A small SIP phone, for `demo`, `selftest` and tests: on the wire it is a phone like any other.
//!
//! In come a user's wishes (register, call, accept, press keys, hang up); out go calls, and what was heard in them.
//! Absent on purpose: a sound card, RTCP, more than one codec in a call, and trust in what the other side says.

mod agent;
mod call;
mod heard;
mod media;
mod party;
mod payloads;
mod voice;

pub use call::{Call, Dialling, Ended, Incoming};
pub use heard::MAX_HEARD_SECONDS;
pub use media::{Media as Line, Terms};
pub use party::Party;
pub use payloads::Payloads;
pub use voice::{Speaker, Voice};

use crate::{
    model::{Codec, Entropy, Secret, SrtpPolicy},
    sip::{Transport, transport::Tls},
};
use agent::{Agent, Command};
use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
};
use tokio::sync::{Mutex, mpsc, oneshot};

/// How many wishes may wait for the phone, and how many calls for its user.
const MAX_WAITING: usize = 16;
const REGISTRATION_S: u32 = 300;

/// How keys are said. Only who says them as events takes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtmfWay {
    Rfc4733,
    Info,
    InBand,
}

pub struct PhoneConfig {
    /// User name of the address and of the digest.
    pub user: String,
    pub password: Secret,
    /// Where every request goes that is not part of a call: the registrar, or another phone.
    pub registrar: SocketAddr,
    pub transport: Transport,
    /// For `Transport::Tls`; a phone that accepts no connections needs no certificate of its own.
    pub tls: Tls,
    /// The phone's own address; ports are free ones.
    pub ip: IpAddr,
    /// In order of preference.
    pub codecs: Vec<Codec>,
    pub dtmf: DtmfWay,
    pub srtp: SrtpPolicy,
    pub voice: Voice,
    /// Whether each call keeps its audio byte by byte, for `Call::payloads`.
    pub keeps_payloads: bool,
    pub entropy: Entropy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    #[error("refused with status {0}")]
    Refused(u16),
    #[error("no answer")]
    TimedOut,
    #[error("the other side cannot be reached")]
    Unreachable,
    #[error("the two sides have no codec in common")]
    NoCommonCodec,
    #[error("the call or the phone is gone")]
    Gone,
}

impl PhoneConfig {
    /// A silent phone on UDP with plain RTP that speaks every codec.
    pub fn new(user: impl Into<String>, password: Secret, registrar: SocketAddr, entropy: Entropy) -> Self {
        Self {
            user: user.into(),
            password,
            registrar,
            transport: Transport::Udp,
            tls: Tls::default(),
            ip: registrar.ip(),
            codecs: Codec::ALL.to_vec(),
            dtmf: DtmfWay::Rfc4733,
            srtp: SrtpPolicy::Off,
            voice: Voice::Silence,
            keeps_payloads: false,
            entropy,
        }
    }
}

/// The phone lives as long as this or one of its calls.
pub struct Phone {
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    incoming: Mutex<mpsc::Receiver<Incoming>>,
}

impl Phone {
    /// Must run inside a tokio runtime.
    pub fn start(config: PhoneConfig) -> io::Result<Self> {
        let (commands, wishes) = mpsc::channel(MAX_WAITING);
        let (ringing, incoming) = mpsc::channel(MAX_WAITING);
        let agent = Agent::new(config, commands.downgrade(), ringing)?;
        let address = agent.address();
        spawn(agent.run(wishes));
        Ok(Self { address, commands, incoming: Mutex::new(incoming) })
    }

    /// Where this phone listens for SIP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Registers, and keeps the registration fresh.
    pub async fn register(&self) -> Result<(), PhoneError> {
        self.ask(|reply| Command::Register { expires_s: REGISTRATION_S, reply }).await
    }

    pub async fn unregister(&self) -> Result<(), PhoneError> {
        self.ask(|reply| Command::Register { expires_s: 0, reply }).await
    }

    /// Dials, and waits until the other side answers or refuses. `#` may stand as it is.
    pub async fn call(&self, dialled: &str) -> Result<Call, PhoneError> {
        self.dial(dialled).await?.answered().await
    }

    /// Dials, and returns at once.
    pub async fn dial(&self, dialled: &str) -> Result<Dialling, PhoneError> {
        let dialled = Secret::new(dialled);
        self.ask(|reply| Command::Dial { dialled, reply }).await
    }

    /// The next call that comes in; it rings already. Its caller may have given up by now.
    pub async fn incoming(&self) -> Result<Incoming, PhoneError> {
        self.incoming.lock().await.recv().await.ok_or(PhoneError::Gone)
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, PhoneError> {
        ask(&self.commands, command).await
    }
}

type Reply<T> = oneshot::Sender<Result<T, PhoneError>>;

async fn ask<T>(commands: &mpsc::Sender<Command>, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, PhoneError> {
    let (reply, answer) = oneshot::channel();
    commands.send(command(reply)).await.map_err(|_| PhoneError::Gone)?;
    answer.await.map_err(|_| PhoneError::Gone)?
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    #[expect(clippy::disallowed_methods, reason = "a phone is shell: it runs beside its user")]
    tokio::spawn(task);
}
