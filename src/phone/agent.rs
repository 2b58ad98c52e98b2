//! The phone's own task: it owns the endpoint, the sockets and the calls, and carries out its user's wishes.

mod asked;
mod asking;
mod description;

use super::{
    PhoneConfig, PhoneError, Reply,
    call::{Dialling, Ended, Incoming, Line},
    media::Media,
    payloads::Payloads,
    voice::Speaker,
};
use crate::{
    model::{Digit, Entropy, Secret},
    sip::{
        ClientTx, Dialog, Endpoint, EndpointConfig, Event, Flow, Host, Method, Request, ServerTx,
        sdp::{Keying, Origin},
        transport::{Inbound, Transports},
    },
};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time,
};

/// How many calls a phone holds; an INVITE beyond is answered 486.
const MAX_CALLS: usize = 16;
/// How long to wait when there is nothing to wait for.
const IDLE: Duration = Duration::from_secs(60);
/// How long a phone that is put away waits for its calls to end.
const GOODBYE: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallNo(u64);

/// What the handles ask for.
pub enum Command {
    Register { expires_s: u32, reply: Reply<()> },
    Dial { dialled: Secret, reply: Reply<Dialling> },
    Cancel { call: CallNo },
    Accept { call: CallNo, reply: Reply<()> },
    Reject { call: CallNo, code: u16, reply: Reply<()> },
    HangUp { call: CallNo, reply: Reply<()> },
    Hold { call: CallNo, on: bool, reply: Reply<()> },
    Refer { call: CallNo, number: String, replaces: Option<CallNo>, reply: Reply<()> },
    Info { call: CallNo, digit: Digit, reply: Reply<()> },
}

pub struct Agent {
    config: PhoneConfig,
    endpoint: Endpoint,
    entropy: Entropy,
    transports: Transports,
    inbound: mpsc::Receiver<Inbound>,
    /// The way to the registrar.
    flow: Flow,
    contact: String,
    commands: mpsc::WeakSender<Command>,
    ringing: mpsc::Sender<Incoming>,
    calls: BTreeMap<CallNo, AgentCall>,
    next_call: u64,
    /// Requests of ours that wait for a final response.
    sent: BTreeMap<ClientTx, Sent>,
    registration: Registration,
}

struct Sent {
    request: Request,
    flow: Flow,
    /// One challenge is answered, a second means a wrong password.
    challenged: bool,
    purpose: Purpose,
}

/// What a response is for.
enum Purpose {
    Register { expires_s: u32, reply: Option<Reply<()>> },
    Dial { call: CallNo },
    Hold { call: CallNo, on: bool, reply: Reply<()> },
    Refer { call: CallNo, reply: Reply<()> },
    Info { call: CallNo, reply: Reply<()> },
    Bye { reply: Option<Reply<()>> },
}

struct Registration {
    call_id: String,
    tag: String,
    cseq: u32,
    refresh_at: Option<Instant>,
}

struct AgentCall {
    media: Arc<Media>,
    origin: Origin,
    keying: Keying,
    held: bool,
    /// Who waits for the outcome of a transfer.
    referral: Option<Reply<()>>,
    ended: watch::Sender<Option<Ended>>,
    stage: Stage,
}

enum Stage {
    Dialling { tx: ClientTx, outcome: oneshot::Sender<Result<(), PhoneError>>, progress: watch::Sender<u16> },
    Ringing { tx: ServerTx, request: Box<Request>, flow: Flow, tag: String },
    Up { dialog: Box<Dialog>, flow: Flow, answered: Option<ServerTx> },
}

impl Agent {
    pub fn new(
        mut config: PhoneConfig,
        commands: mpsc::WeakSender<Command>,
        ringing: mpsc::Sender<Incoming>,
    ) -> io::Result<Self> {
        let (transports, inbound) =
            Transports::bind(&[(config.transport, SocketAddr::new(config.ip, 0))], config.tls.clone())?;
        transports.set_peers([(config.registrar, config.registrar.ip().to_string())].into());
        let flow = transports.flow_to(config.transport, config.registrar);
        let flow =
            flow.ok_or_else(|| io::Error::other("the registrar's address is of another family than the phone's"))?;
        let mut entropy = config.entropy.fork();
        let limits = EndpointConfig { invite_rate: None, ..EndpointConfig::default() };
        Ok(Self {
            contact: contact(&config.user, flow),
            endpoint: Endpoint::new(limits, entropy.fork()),
            registration: Registration { call_id: entropy.token(), tag: entropy.token(), cseq: 0, refresh_at: None },
            config,
            entropy,
            transports,
            inbound,
            flow,
            commands,
            ringing,
            calls: BTreeMap::new(),
            next_call: 0,
            sent: BTreeMap::new(),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.flow.local
    }

    /// Until the last handle is gone.
    pub async fn run(mut self, mut wishes: mpsc::Receiver<Command>) {
        loop {
            self.drain();
            let wake = [self.endpoint.poll_timeout(), self.registration.refresh_at].into_iter().flatten().min();
            let wake = wake.unwrap_or_else(|| now() + IDLE);
            tokio::select! {
                inbound = self.inbound.recv() => match inbound {
                    Some(Inbound::Message { flow, bytes }) => {
                        self.endpoint.receive(now(), flow, &bytes);
                    }
                    Some(Inbound::Failed { flow }) => self.endpoint.transport_failed(now(), flow),
                    None => break,
                },
                wish = wishes.recv() => match wish {
                    Some(command) => self.carry_out(command),
                    None => break,
                },
                () = time::sleep_until(wake.into()) => {
                    self.endpoint.handle_timeout(now());
                    self.refresh_registration();
                }
            }
        }
        self.leave().await;
    }

    /// Nobody holds the phone or one of its calls any more: what is still up is hung up.
    async fn leave(&mut self) {
        for call in self.calls.keys().copied().collect::<Vec<_>>() {
            self.cancel(call);
            if let Some((bye, flow)) = self.in_dialog(call, Method::Bye) {
                self.send(bye, flow, Purpose::Bye { reply: None });
            }
            self.end(call, Ended::ByUs);
        }
        let goodbye = async {
            while !self.sent.is_empty() {
                self.drain();
                if let Some(Inbound::Message { flow, bytes }) = self.inbound.recv().await {
                    self.endpoint.receive(now(), flow, &bytes);
                }
                self.drain();
            }
        };
        // Whoever does not answer by then is left.
        let _ = time::timeout(GOODBYE, goodbye).await;
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Register { expires_s, reply } => self.register(expires_s, Some(reply)),
            Command::Dial { dialled, reply } => {
                let dialling = self.dial(&dialled);
                answer(reply, dialling);
            }
            Command::Cancel { call } => self.cancel(call),
            Command::Accept { call, reply } => {
                let accepted = self.accept(call);
                answer(reply, accepted);
            }
            Command::Reject { call, code, reply } => {
                let rejected = self.reject(call, code);
                answer(reply, rejected);
            }
            Command::HangUp { call, reply } => self.hang_up(call, reply),
            Command::Hold { call, on, reply } => self.hold(call, on, reply),
            Command::Refer { call, number, replaces, reply } => self.refer(call, &number, replaces, reply),
            Command::Info { call, digit, reply } => self.info(call, digit, reply),
        }
    }

    fn drain(&mut self) {
        loop {
            while let Some(transmit) = self.endpoint.poll_transmit() {
                self.transports.send(transmit);
            }
            let Some(event) = self.endpoint.poll_event() else { return };
            match event {
                Event::Request { tx, flow, request } => self.asked(tx, flow, request),
                Event::Cancelled { tx } => self.cancelled(tx),
                Event::Ack { request, .. } => self.acknowledged(&request),
                Event::Unacked { tx } => self.unacked(tx),
                Event::Response { tx, flow, response } => self.responded(tx, flow, response),
                Event::Settled { .. } | Event::Unpracked { .. } => {}
                Event::TimedOut { tx } => self.failed(tx, PhoneError::TimedOut),
                Event::TransportFailed { tx } => self.failed(tx, PhoneError::Unreachable),
            }
        }
    }

    fn open_media(&mut self) -> Result<Arc<Media>, PhoneError> {
        let speaker = Speaker::new(self.config.voice.clone());
        let payloads = self.config.keeps_payloads.then(Payloads::default);
        Media::open(self.config.ip, speaker, payloads, &mut self.entropy).map_err(|_| PhoneError::Unreachable)
    }

    fn keying(&mut self) -> Keying {
        Keying::new(self.config.srtp, self.entropy.fork())
    }

    /// Puts a call on the list, and makes what its handle needs.
    fn add_call(
        &mut self,
        media: Arc<Media>,
        origin: Origin,
        keying: Keying,
        stage: Stage,
    ) -> Result<Line, PhoneError> {
        let commands = self.commands.upgrade().ok_or(PhoneError::Gone)?;
        self.next_call += 1;
        let call = CallNo(self.next_call);
        let (ended, seen) = watch::channel(None);
        let known = AgentCall { media: Arc::clone(&media), origin, keying, held: false, referral: None, ended, stage };
        self.calls.insert(call, known);
        Ok(Line { call, commands, media, ended: seen, dtmf: self.config.dtmf })
    }

    fn end(&mut self, call: CallNo, how: Ended) -> Option<Stage> {
        let ended = self.calls.remove(&call)?;
        ended.media.close();
        ended.ended.send_replace(Some(how));
        Some(ended.stage)
    }
}

/// Port 0 is a stream on which nobody can connect: it is reached on the one that it opened.
fn contact(user: &str, flow: Flow) -> String {
    let transport = flow.transport.as_str().to_lowercase();
    match flow.local.port() {
        0 => format!("sip:{user}@{};transport={transport}", Host::from(flow.local.ip())),
        _ => format!("sip:{user}@{};transport={transport}", flow.local),
    }
}

/// Nobody may have asked, or whoever did may be gone.
fn answer<T>(reply: impl Into<Option<Reply<T>>>, result: Result<T, PhoneError>) {
    if let Some(reply) = reply.into() {
        let _ = reply.send(result);
    }
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a phone is shell: it has a clock")]
    Instant::now()
}
