//! A pair of scripted phones on an address of their own: one calls, the other answers at once. Each message is sent once;
//! on loopback, what has no answer within two seconds has failed.

use crate::{
    model::{Entropy, Secret},
    sip::{CSeq, Dialog, MAGIC_COOKIE, Message, Method, Parsed, Request, Response, Via, digest, parse_datagram, sdp},
    store::keys::os_random,
};
use anyhow::{Context, bail, ensure};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{net::UdpSocket, time};

const PATIENCE: Duration = Duration::from_secs(2);
/// How much audio is in a packet.
const PTIME: Duration = Duration::from_millis(20);
/// An RTP header and 20 ms of PCMU.
const PACKET_BYTES: usize = 12 + 160;
/// Longer than any message here.
const BUFFER_BYTES: usize = 4096;
/// Pairs on one /24 of loopback.
const PAIRS_PER_NET: usize = 200;

pub struct Pair {
    caller: Phone,
    callee: Phone,
    /// How long the callee speaks in each call, in milliseconds.
    talk_ms: Arc<AtomicU64>,
}

/// A call that went well.
pub struct Called {
    /// From the INVITE with credentials to its 200.
    pub setup: Duration,
    /// Packets of audio, in both directions.
    pub sent: u32,
    pub heard: u32,
}

struct Phone {
    user: String,
    domain: &'static str,
    password: Secret,
    wire: Wire,
    audio: Arc<UdpSocket>,
    entropy: Entropy,
}

/// A socket that speaks with the engine alone.
#[derive(Clone)]
struct Wire {
    socket: Arc<UdpSocket>,
    local: SocketAddr,
}

impl Pair {
    /// What one source may ask for in a second is bounded, so each pair has an address of its own.
    pub async fn new(
        engine: SocketAddr,
        domain: &'static str,
        index: usize,
        users: [&str; 2],
        password: &Secret,
    ) -> anyhow::Result<Self> {
        let address = Ipv4Addr::new(127, 1, (index / PAIRS_PER_NET) as u8, (index % PAIRS_PER_NET + 1) as u8);
        let caller = Phone::new(engine, domain, address, users[0], password).await?;
        let callee = Phone::new(engine, domain, address, users[1], password).await?;
        Ok(Self { caller, callee, talk_ms: Arc::default() })
    }

    pub fn address(&self) -> Ipv4Addr {
        match self.caller.wire.local.ip() {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => Ipv4Addr::LOCALHOST,
        }
    }

    pub async fn ping(&mut self) -> anyhow::Result<()> {
        let options = self.caller.request(Method::Options, "ping");
        self.caller.wire.ask(options).await.map(drop)
    }

    /// The caller's phone registers.
    pub async fn register(&mut self) -> anyhow::Result<()> {
        self.caller.register().await
    }

    /// The callee's phone registers, and answers every call from then on.
    pub async fn stand_by(&mut self) -> anyhow::Result<()> {
        self.callee.register().await?;
        let (wire, audio) = (self.callee.wire.clone(), Arc::clone(&self.callee.audio));
        beside(answer(wire, audio, Arc::clone(&self.talk_ms)));
        Ok(())
    }

    /// One whole call: challenge, answer, `talk` with audio both ways, BYE.
    pub async fn call(&mut self, talk: Duration) -> anyhow::Result<Called> {
        self.talk_ms.store(talk.as_millis() as u64, Ordering::Relaxed);
        let caller = &mut self.caller;
        let mut invite = caller.request(Method::Invite, &self.callee.user);
        invite.set_body(sdp::CONTENT_TYPE, description(caller.audio.local_addr()?));
        let challenged = caller.wire.ask(invite.clone()).await?;
        caller.wire.send(acknowledgement(&invite, &challenged)).await?;
        let signed = caller.sign(invite, &challenged)?;
        let begun = super::now();
        let ok = caller.wire.ask(signed.clone()).await?;
        let setup = begun.elapsed();
        ensure!(ok.code == 200, "INVITE: {}", ok.code);
        let mut dialog = Dialog::uac(&signed, &ok)?;
        // What came late for the call before.
        let _ = drain(&caller.audio) + drain(&self.callee.audio);
        caller.wire.send(caller.wire.fresh(dialog.ack(signed.headers.cseq()?.number))).await?;
        let (mut sent, mut heard) = (0, 0);
        if !talk.is_zero() {
            sent = 2 * speak(&caller.audio, sdp::read(&ok.body)?.session.remote, talk).await;
            heard = drain(&caller.audio) + drain(&self.callee.audio);
        }
        let bye = caller.wire.ask(caller.wire.fresh(dialog.next_request(Method::Bye))).await?;
        ensure!(bye.code == 200, "BYE: {}", bye.code);
        Ok(Called { setup, sent, heard })
    }
}

impl Phone {
    async fn new(
        engine: SocketAddr,
        domain: &'static str,
        address: Ipv4Addr,
        user: &str,
        password: &Secret,
    ) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((address, 0)).await?;
        socket.connect(engine).await?;
        Ok(Self {
            user: user.to_owned(),
            domain,
            password: password.clone(),
            wire: Wire { local: socket.local_addr()?, socket: Arc::new(socket) },
            audio: Arc::new(UdpSocket::bind((address, 0)).await?),
            entropy: Entropy::from_seed(os_random()),
        })
    }

    /// A new request outside any dialog.
    fn request(&mut self, method: Method, target: &str) -> Request {
        let (user, domain, local) = (&self.user, self.domain, self.wire.local);
        let of = if method == Method::Register { user } else { target };
        let uri = if method == Method::Register { format!("sip:{domain}") } else { format!("sip:{of}@{domain}") };
        let mut request = Request::new(method.clone(), uri);
        request.headers.push("From", format!("<sip:{user}@{domain}>;tag={}", self.entropy.token()));
        request.headers.push("To", format!("<sip:{of}@{domain}>"));
        request.headers.push("Call-ID", self.entropy.token());
        request.headers.push("CSeq", CSeq { number: 1, method });
        request.headers.push("Contact", format!("<sip:{user}@{local}>"));
        request.headers.push("Max-Forwards", 70);
        self.wire.fresh(request)
    }

    /// The same request again, with what the challenge asks for.
    fn sign(&mut self, mut request: Request, challenged: &Response) -> anyhow::Result<Request> {
        let mut session = digest::Session::default();
        session.learn(challenged).context("no challenge")?;
        session.sign(&mut request, &self.user, &self.password, &self.entropy.token());
        let method = request.method.clone();
        request.headers.set("CSeq", CSeq { number: 2, method });
        request.headers.remove("Via");
        Ok(self.wire.fresh(request))
    }

    async fn register(&mut self) -> anyhow::Result<()> {
        let register = self.request(Method::Register, "");
        let challenged = self.wire.ask(register.clone()).await?;
        let signed = self.sign(register, &challenged)?;
        let answer = self.wire.ask(signed).await?;
        ensure!(answer.code == 200, "REGISTER: {}", answer.code);
        Ok(())
    }
}

impl Wire {
    /// With a transaction of its own.
    fn fresh(&self, mut request: Request) -> Request {
        let branch = format!("{MAGIC_COOKIE}{}", Entropy::from_seed(os_random()).token());
        request.headers.push_front("Via", Via::new("UDP", self.local, &branch));
        request
    }

    async fn send(&self, request: Request) -> anyhow::Result<()> {
        self.socket.send(&request.to_bytes()).await?;
        Ok(())
    }

    /// The final response to a request.
    async fn ask(&self, request: Request) -> anyhow::Result<Response> {
        let (call_id, cseq) = (request.headers.call_id().to_owned(), request.headers.cseq()?);
        self.send(request).await?;
        let answered = async {
            loop {
                if let Message::Response(response) = self.receive().await?
                    && response.code >= 200
                    && response.headers.call_id() == call_id
                    && response.headers.cseq().is_ok_and(|one| one == cseq)
                {
                    return anyhow::Ok(response);
                }
            }
        };
        time::timeout(PATIENCE, answered).await.with_context(|| format!("no answer to {}", cseq.method))?
    }

    async fn receive(&self) -> anyhow::Result<Message> {
        let mut buffer = [0; BUFFER_BYTES];
        let length = self.socket.recv(&mut buffer).await?;
        match parse_datagram(&buffer[..length]) {
            Parsed::Message(message) => Ok(message),
            Parsed::Reject(_) | Parsed::KeepAlive | Parsed::Ignore => bail!("the engine sent nonsense"),
        }
    }
}

/// The callee: says 200 to everything, with media to an INVITE, and speaks when that is acknowledged.
async fn answer(wire: Wire, audio: Arc<UdpSocket>, talk_ms: Arc<AtomicU64>) {
    let mut remote = None;
    loop {
        // A port that is closed for the moment says so here.
        let Ok(Message::Request(request)) = wire.receive().await else { continue };
        let mut response = request.reply(200, "");
        match request.method {
            Method::Invite => {
                remote = sdp::read(&request.body).ok().map(|offer| offer.session.remote);
                response.set_to_tag("callee");
                response.headers.push("Contact", format!("<sip:{}>", wire.local));
                if let Ok(address) = audio.local_addr() {
                    response.set_body(sdp::CONTENT_TYPE, description(address));
                }
            }
            Method::Ack => {
                let talk = Duration::from_millis(talk_ms.load(Ordering::Relaxed));
                if let (Some(remote), false) = (remote, talk.is_zero()) {
                    let audio = Arc::clone(&audio);
                    beside(async move {
                        speak(&audio, remote, talk).await;
                    });
                }
                continue;
            }
            _ => {}
        }
        // What cannot be sent is missed by whoever waits for it.
        let _ = wire.socket.send(&response.to_bytes()).await;
    }
}

/// RFC 3261 §17.1.1.3: of a refusal.
fn acknowledgement(invite: &Request, refusal: &Response) -> Request {
    let mut ack = Request::new(Method::Ack, invite.uri.clone());
    for name in ["Via", "From", "Call-ID", "Max-Forwards"] {
        ack.headers.copy(name, &invite.headers);
    }
    ack.headers.copy("To", &refusal.headers);
    ack.headers.push("CSeq", CSeq { number: 1, method: Method::Ack });
    ack
}

fn description(audio: SocketAddr) -> Vec<u8> {
    let (ip, port) = (audio.ip(), audio.port());
    format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na=sendrecv\r\n")
        .into_bytes()
}

/// Sends PCMU silence, and says how many packets it was.
async fn speak(audio: &UdpSocket, remote: SocketAddr, talk: Duration) -> u32 {
    let count = (talk.as_millis() / PTIME.as_millis()) as u16;
    let mut clock = time::interval(PTIME);
    let mut packet = [0xff; PACKET_BYTES];
    packet[..12].fill(0);
    packet[0] = 0x80;
    for number in 0..count {
        clock.tick().await;
        packet[2..4].copy_from_slice(&number.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(number) * 160).to_be_bytes());
        // Lost is lost.
        let _ = audio.send_to(&packet, remote).await;
    }
    // The last ones of the other side, which began a little later.
    for _ in 0..2 {
        clock.tick().await;
    }
    count.into()
}

/// How many packets have come since the last call.
fn drain(audio: &UdpSocket) -> u32 {
    let mut buffer = [0; BUFFER_BYTES];
    std::iter::from_fn(|| audio.try_recv_from(&mut buffer).ok()).count() as u32
}

fn beside(work: impl Future<Output = ()> + Send + 'static) {
    #[expect(clippy::disallowed_methods, reason = "the phones of a benchmark run side by side")]
    tokio::spawn(work);
}
