//! The transaction user's door to SIP: RFC 3261 §8, §9, §17, §18; RFC 3581; RFC 6026.
//!
//! Hand in bytes, wishes and time; then drain `poll_transmit` and `poll_event`, and wake it at `poll_timeout`.

mod index;
#[cfg(test)]
mod tests;

use super::{
    Flow, Headers, Message, Method, Parsed, Rate, RateLimiter, Request, Response, Responses, Transmit, Transport, Via,
    parse_datagram,
    timer::Wakeups,
    transaction::{AckVerdict, CancelVerdict, Client, InviteClient, InviteServer, Key, Out, Server, Transaction, Wake},
};
use crate::model::{Entropy, Source};
use index::{Fingerprint, Index};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

/// How many transactions may live at once; a request beyond them is answered 503.
pub const MAX_TRANSACTIONS: usize = 100_000;
/// What a refused peer is asked to wait.
const RETRY_AFTER_S: u32 = 5;
const DEFAULT_INVITE_RATE: Rate = Rate { burst: 200, interval: Duration::from_millis(10) };
const MAX_FORWARDS: u8 = 70;
const DEFAULT_PORT: u16 = 5060;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerTx(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientTx(u64);

#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// The address that stands in our Via; without it, the flow's local one.
    pub advertise: Option<IpAddr>,
    pub max_transactions: usize,
    /// For INVITEs that open a dialog, by source address; `None`: no limit.
    pub invite_rate: Option<Rate>,
    pub over_rate: OverRate,
}

/// What an INVITE beyond the rate gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverRate {
    /// 503 with Retry-After.
    Refuse,
    Silence,
}

/// What bytes turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    Sense,
    /// Nothing that SIP has a meaning for; a refusal is sent where one can be.
    Junk,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            advertise: None,
            max_transactions: MAX_TRANSACTIONS,
            invite_rate: Some(DEFAULT_INVITE_RATE),
            over_rate: OverRate::Refuse,
        }
    }
}

pub enum Event {
    /// The first time only. `flow` is where it came from. Never an ACK or a CANCEL.
    Request {
        tx: ServerTx,
        flow: Flow,
        request: Request,
    },
    /// The CANCEL is answered; the user answers the INVITE 487.
    Cancelled {
        tx: ServerTx,
    },
    /// The first ACK of a 2xx.
    Ack {
        flow: Flow,
        request: Request,
    },
    /// No PRACK came for a reliable provisional response within 64·T1: the user refuses the INVITE (RFC 3262 §3).
    Unpracked {
        tx: ServerTx,
    },
    /// No ACK came for a 2xx within 64·T1: the user sends BYE (§13.3.1.4).
    Unacked {
        tx: ServerTx,
    },
    /// Every provisional and the final response; of an INVITE also the 2xx of other forks.
    Response {
        tx: ClientTx,
        flow: Flow,
        response: Response,
    },
    /// An INVITE that got a 2xx gets no other one any more (RFC 6026 §7.2).
    Settled {
        tx: ClientTx,
    },
    TimedOut {
        tx: ClientTx,
    },
    TransportFailed {
        tx: ClientTx,
    },
}

pub struct Endpoint {
    config: EndpointConfig,
    entropy: Entropy,
    /// Makes To tags of stateless answers the same for the same request, and foreseeable to nobody.
    tag_secret: u128,
    limiter: Option<RateLimiter<Source>>,
    next_id: u64,
    transactions: BTreeMap<u64, Entry>,
    index: Index,
    /// Client transactions by the flow that they wait on.
    waiting: BTreeSet<(Flow, u64)>,
    wakeups: Wakeups<u64>,
    responses: Responses,
    out: Out,
}

struct Entry {
    transaction: Transaction,
    /// Its rows in the index.
    keys: Vec<Fingerprint>,
}

impl Endpoint {
    pub fn new(config: EndpointConfig, mut entropy: Entropy) -> Self {
        Self {
            tag_secret: entropy.bits(),
            index: Index::new(entropy.bits()),
            limiter: config.invite_rate.map(RateLimiter::new),
            config,
            entropy,
            next_id: 0,
            transactions: BTreeMap::new(),
            waiting: BTreeSet::new(),
            wakeups: Wakeups::default(),
            responses: Responses::default(),
            out: Out::default(),
        }
    }

    /// One datagram, or one framed message of a stream.
    pub fn receive(&mut self, now: Instant, flow: Flow, bytes: &[u8]) -> Received {
        match parse_datagram(bytes) {
            Parsed::Message(Message::Request(request)) => self.receive_request(now, flow, request),
            Parsed::Message(Message::Response(response)) => self.receive_response(now, flow, response),
            Parsed::KeepAlive => {}
            Parsed::Ignore => return Received::Junk,
            Parsed::Reject(response) => {
                self.reject(flow, response);
                return Received::Junk;
            }
        }
        Received::Sense
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.wakeups.due(now) {
            self.step(now, id, |transaction, out| transaction.timeout(now, out));
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wakeups.next()
    }

    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.transmits.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.events.pop_front()
    }

    /// How many requests were answered, and how.
    pub fn responses(&self) -> &Responses {
        &self.responses
    }

    /// How many transactions live.
    pub fn transactions(&self) -> usize {
        self.transactions.len()
    }

    /// Answers a request. A To without a tag gets one, the same for every response to that request; a user that makes a
    /// dialog puts its own. A 2xx to an INVITE is repeated until its ACK, a provisional response with RSeq until its PRACK.
    pub fn respond(&mut self, now: Instant, tx: ServerTx, mut response: Response) {
        self.responses.count(&response);
        self.add_to_tag(&mut response);
        let Some(entry) = self.transactions.get_mut(&tx.0) else { return };
        if let (Transaction::InviteServer(_), true) = (&entry.transaction, response.is_success())
            && let Some(key) = Key::ack(&response.headers)
        {
            entry.keys.push(self.index.insert(&key, tx.0));
        }
        self.step(now, tx.0, |transaction, out| transaction.respond(now, &response, out));
    }

    /// The PRACK came: the provisional response that was sent last is repeated no more.
    pub fn acknowledged(&mut self, now: Instant, tx: ServerTx) {
        self.step(now, tx.0, |transaction, _| match transaction {
            Transaction::InviteServer(invite) => invite.pracked(),
            Transaction::InviteClient(_) | Transaction::Client(_) | Transaction::Server(_) => {}
        });
    }

    /// Answers a request and forgets it (§8.2.7): a challenge must cost us nothing.
    pub fn respond_stateless(&mut self, tx: ServerTx, response: Response) {
        self.responses.count(&response);
        let reply = match self.transactions.get(&tx.0).map(|entry| &entry.transaction) {
            Some(Transaction::InviteServer(transaction)) => transaction.reply_flow(),
            Some(Transaction::Server(transaction)) => transaction.reply_flow(),
            Some(Transaction::InviteClient(_) | Transaction::Client(_)) | None => return,
        };
        self.forget(tx.0);
        self.send_stateless(reply, response);
    }

    /// Sends a request that is no ACK; the top Via is added here, and Max-Forwards where it is missing.
    pub fn request(&mut self, now: Instant, mut request: Request, flow: Flow) -> ClientTx {
        let id = self.new_id();
        self.add_via(&mut request, flow);
        let mut keys: Vec<Key> = Key::client(&request.headers).into_iter().collect();
        let transaction = if request.method == Method::Invite {
            keys.extend(Key::invited(&request));
            Transaction::InviteClient(InviteClient::start(now, ClientTx(id), flow, request, &mut self.out).into())
        } else {
            let bytes = request.to_bytes();
            Transaction::Client(Client::start(now, Some(ClientTx(id)), flow, bytes, &mut self.out).into())
        };
        self.insert(id, transaction, &keys);
        ClientTx(id)
    }

    /// Sends the ACK of a 2xx, and again whenever that 2xx comes again.
    pub fn send_ack(&mut self, mut ack: Request, flow: Flow) {
        let invite = Key::invited(&ack).and_then(|key| self.index.find(&key));
        self.add_via(&mut ack, flow);
        let bytes = ack.to_bytes();
        if let Some(Transaction::InviteClient(transaction)) = invite.and_then(|id| self.transaction(id))
            && let Ok(to) = ack.headers.to()
        {
            transaction.keep_ack(flow, to.tag().unwrap_or_default(), bytes.clone());
        }
        self.out.transmits.push_back(Transmit { flow, bytes });
    }

    /// Cancels an INVITE of ours: now, or when its first provisional response comes (§9.1). A 2xx may still win the race.
    pub fn cancel(&mut self, now: Instant, tx: ClientTx) {
        self.step(now, tx.0, |transaction, out| match transaction {
            Transaction::InviteClient(invite) => invite.cancel(now, out),
            Transaction::Client(_) | Transaction::InviteServer(_) | Transaction::Server(_) => {}
        });
    }

    /// Nothing can be sent on this flow any more: the requests waiting on it have failed.
    pub fn transport_failed(&mut self, now: Instant, flow: Flow) {
        let waiting: Vec<u64> = self.waiting.range((flow, 0)..=(flow, u64::MAX)).map(|(_, id)| *id).collect();
        for id in waiting {
            self.step(now, id, |transaction, out| transaction.transport_failed(out));
        }
    }
}

/// What comes in.
impl Endpoint {
    fn receive_request(&mut self, now: Instant, flow: Flow, mut request: Request) {
        let Some(via) = stamp_top_via(&mut request.headers, flow.remote) else { return };
        let Some(key) = Key::server(&request, &via) else { return };
        let known = self.index.find(&key);
        let reply = reply_flow(flow, &via);
        match (&request.method, known) {
            (Method::Ack, _) => self.receive_ack(now, flow, known, request),
            (Method::Cancel, _) => self.receive_cancel(now, reply, known, &request),
            (_, Some(id)) => self.step(now, id, |transaction, out| transaction.repeated(out)),
            (_, None) => match self.refusal(now, flow, &request) {
                None => self.open(now, flow, reply, key, request),
                Some(Refused::With(response)) => self.send_stateless(reply, response),
                Some(Refused::Silently) => {}
            },
        }
    }

    fn open(&mut self, now: Instant, flow: Flow, reply: Flow, key: Key, request: Request) {
        let id = self.new_id();
        let keys: Vec<Key> = [Some(key), Key::merge(&request)].into_iter().flatten().collect();
        let transaction = if request.method == Method::Invite {
            Transaction::InviteServer(InviteServer::new(now, ServerTx(id), reply, &request.reply(100, "")).into())
        } else {
            Transaction::Server(Server::new(reply).into())
        };
        self.insert(id, transaction, &keys);
        self.out.events.push_back(Event::Request { tx: ServerTx(id), flow, request });
    }

    fn refusal(&mut self, now: Instant, flow: Flow, request: &Request) -> Option<Refused> {
        if Key::merge(request).is_some_and(|key| self.index.find(&key).is_some()) {
            return Some(Refused::With(request.reply(482, "")));
        }
        let busy = || {
            let mut response = request.reply(503, "");
            response.headers.push("Retry-After", RETRY_AFTER_S);
            Refused::With(response)
        };
        if self.transactions.len() >= self.config.max_transactions {
            return Some(busy());
        }
        let opens_dialog = request.method == Method::Invite && Key::merge(request).is_some();
        let limiter = self.limiter.as_mut().filter(|_| opens_dialog)?;
        if limiter.allows(now, &flow.remote.ip().into()) {
            return None;
        }
        Some(match self.config.over_rate {
            OverRate::Refuse => busy(),
            OverRate::Silence => Refused::Silently,
        })
    }

    /// By branch it acknowledges a failure, by its dialog a 2xx; some peers send the latter with the INVITE's branch.
    fn receive_ack(&mut self, now: Instant, flow: Flow, known: Option<u64>, request: Request) {
        let awaited = || Key::ack(&request.headers).and_then(|key| self.index.find(&key));
        let Some(id) = known.or_else(awaited) else { return };
        let mut verdict = AckVerdict::Absorbed;
        self.step(now, id, |transaction, _| {
            if let Transaction::InviteServer(invite) = transaction {
                verdict = invite.acknowledged(now);
            }
        });
        match verdict {
            AckVerdict::ForUser => self.out.events.push_back(Event::Ack { flow, request }),
            AckVerdict::Absorbed => {}
        }
    }

    /// Answered without a transaction: the answer to a repeated CANCEL is the same.
    fn receive_cancel(&mut self, now: Instant, reply: Flow, known: Option<u64>, request: &Request) {
        let mut verdict = None;
        if let Some(id) = known {
            self.step(now, id, |transaction, _| {
                if let Transaction::InviteServer(invite) = transaction {
                    verdict = Some(invite.cancel());
                }
            });
        }
        let code = if verdict.is_some() { 200 } else { 481 };
        self.send_stateless(reply, request.reply(code, ""));
        match (verdict, known) {
            (Some(CancelVerdict::TellUser), Some(id)) => {
                self.out.events.push_back(Event::Cancelled { tx: ServerTx(id) });
            }
            (Some(CancelVerdict::TellUser | CancelVerdict::NoEffect) | None, _) => {}
        }
    }

    fn receive_response(&mut self, now: Instant, flow: Flow, response: Response) {
        let known = Key::client(&response.headers).and_then(|key| self.index.find(&key));
        if let Some(id) = known {
            self.step(now, id, |transaction, out| transaction.receive(now, flow, response, out));
        }
    }

    fn reject(&mut self, flow: Flow, mut response: Response) {
        if let Some(via) = stamp_top_via(&mut response.headers, flow.remote) {
            self.send_stateless(reply_flow(flow, &via), response);
        }
    }
}

enum Refused {
    With(Response),
    Silently,
}

/// The table.
impl Endpoint {
    fn step(&mut self, now: Instant, id: u64, act: impl FnOnce(&mut Transaction, &mut Out)) {
        let Some(entry) = self.transactions.get_mut(&id) else { return };
        act(&mut entry.transaction, &mut self.out);
        match entry.transaction.wake() {
            Wake::At(at) => self.wakeups.set(id, Some(at)),
            Wake::Never => self.wakeups.set(id, None),
            Wake::Ended => self.forget(id),
        }
        while let Some((cancel, flow)) = self.out.cancels.pop_front() {
            self.send_cancel(now, cancel, flow);
        }
    }

    fn send_cancel(&mut self, now: Instant, cancel: Request, flow: Flow) {
        let id = self.new_id();
        let keys: Vec<Key> = Key::client(&cancel.headers).into_iter().collect();
        let client = Client::start(now, None, flow, cancel.to_bytes(), &mut self.out);
        self.insert(id, Transaction::Client(client.into()), &keys);
    }

    fn insert(&mut self, id: u64, transaction: Transaction, keys: &[Key]) {
        self.waiting.extend(transaction.waits_on().map(|flow| (flow, id)));
        let keys = keys.iter().map(|key| self.index.insert(key, id)).collect();
        if let Wake::At(at) = transaction.wake() {
            self.wakeups.set(id, Some(at));
        }
        self.transactions.insert(id, Entry { transaction, keys });
    }

    fn forget(&mut self, id: u64) {
        self.wakeups.set(id, None);
        let Some(entry) = self.transactions.remove(&id) else { return };
        if let Some(flow) = entry.transaction.waits_on() {
            self.waiting.remove(&(flow, id));
        }
        for key in entry.keys {
            self.index.remove(key, id);
        }
    }

    fn transaction(&mut self, id: u64) -> Option<&mut Transaction> {
        self.transactions.get_mut(&id).map(|entry| &mut entry.transaction)
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn add_via(&mut self, request: &mut Request, flow: Flow) {
        let branch = format!("{}{}", super::MAGIC_COOKIE, self.entropy.token());
        let address = self.config.advertise.unwrap_or(flow.local.ip());
        let sent_by = SocketAddr::new(address, flow.local.port());
        request.headers.push_front("Via", Via::new(flow.transport.as_str(), sent_by, &branch));
        if !request.headers.contains("Max-Forwards") {
            request.headers.push("Max-Forwards", MAX_FORWARDS);
        }
    }

    fn send_stateless(&mut self, reply: Flow, mut response: Response) {
        self.add_to_tag(&mut response);
        self.out.transmits.push_back(Transmit { flow: reply, bytes: response.to_bytes() });
    }

    fn add_to_tag(&self, response: &mut Response) {
        if response.code <= 100 {
            return;
        }
        if let Ok(to) = response.headers.to()
            && to.tag().is_none()
        {
            let headers = &response.headers;
            let mut hasher = DefaultHasher::new();
            (self.tag_secret, headers.call_id(), headers.get("From"), headers.get("Via")).hash(&mut hasher);
            let tag = format!("{:016x}", hasher.finish());
            response.headers.set("To", to.with_param("tag", &tag));
        }
    }
}

/// Where the answer goes (§18.2.2, RFC 3581 §4). A stream is answered on itself; `maddr` is not obeyed.
fn reply_flow(flow: Flow, via: &Via) -> Flow {
    match flow.transport {
        Transport::Tcp | Transport::Tls => flow,
        Transport::Udp if via.params.contains("rport") => flow,
        Transport::Udp => {
            let port = via.port.unwrap_or(DEFAULT_PORT);
            Flow { remote: SocketAddr::new(flow.remote.ip(), port), ..flow }
        }
    }
}

/// Writes the source into the top Via, and returns it.
fn stamp_top_via(headers: &mut Headers, source: SocketAddr) -> Option<Via> {
    let mut via = headers.via().ok()?;
    via.mark_source(source);
    headers.set_first("Via", &via);
    Some(via)
}
