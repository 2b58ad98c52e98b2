//! Our own B2BUA: every call passes through it as two dialogs, with the media anchored between them.
//!
//! Sans-IO. In: SIP from the transports, digits and ends of prompts from the media plane, `Command`s, the time.
//! Out: SIP to send, commands for the media plane, `Event`s, call records and registrations to keep.
//! Who is heard is settled in `gate`, who may call at all in `door`; a call is set up in `call`, `ring` and `early`, changed and ended in `talk`; legs
//! that dialled a feature code, and supervisors attached to a call, live in `guest`, those we ring for that in `callback`, and then let call somebody in `place`; phones that vanished are found out in
//! `pulse`, deadlines in `alarm`; `refresh` keeps sessions alive, `update` is how phones do; `farewell` ends dialogs whose messages cross; the world
//! outside is reached through `trunk`, phones behind a NAT are kept within reach by `nat`; `transfer` lets another call take
//! the place of one; what is kept of a call is made in `record`; phones that watch others are told in `presence`.
//! Absent on purpose: sign-in, rights and prompts (the desk), sockets (`MediaPorts` binds them).

mod alarm;
mod call;
mod callback;
mod directory;
mod door;
mod early;
mod farewell;
mod gate;
mod guest;
mod leg;
mod nat;
mod place;
mod presence;
mod pulse;
mod record;
mod refresh;
mod ring;
mod talk;
#[cfg(test)]
mod tests;
mod transfer;
mod trunk;
mod update;

pub use directory::{Directory, DirectoryEntry};
pub use leg::{MediaPorts, NoFreePort};
pub use trunk::{Trouble, TrunkEntry, TrunkView};

use super::{CallState, CallView, Command, Event};
use crate::{
    dialplan::DialPlan,
    dtmf, media,
    model::{CallEnding, CallId, CallNote, Codec, Entropy, IdMaker, LegId, SessionId, Side, TrunkName},
    sip::{
        self, CSeq, ClientTx, Dialog, DialogId, Endpoint, Flow, Method, NameAddr, Received, Registrar, Request,
        Response, Responses, ServerTx, Transmit, Wakeups,
        digest::{Algorithm, Authenticator},
    },
    spy::{Hold, Listener},
};
use alarm::Alarm;
use call::{Branch, Call, Refused, Stage};
use callback::CallBack;
use farewell::Farewell;
use gate::Gate;
use leg::{Leg, Origin, Role};
use nat::Openings;
use presence::Presence;
use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    time::{Duration, Instant},
};
use trunk::{Signed, Trunks};

/// What the engine's clock says: one reading for deadlines, one for what is shown and stored.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub instant: Instant,
    pub unix_ms: u64,
}

pub struct Config {
    pub domain: String,
    /// What phones are challenged with, in this order; an extension may have its own.
    pub digest: Vec<Algorithm>,
    /// The address for Contact and SDP when it is not the listening one.
    pub advertise: Option<IpAddr>,
    pub codecs: Vec<Codec>,
    /// How long a phone may ring before the caller hears that nobody answers.
    pub ring_timeout: Duration,
    /// 0 = no limit. Counts calls between phones, never a supervisor's leg (A6).
    pub max_concurrent: usize,
}

/// What the switch asks of the shell.
pub enum Output {
    Transmit(Transmit),
    Media(media::Command),
    Event(Event),
    /// To be kept of a call.
    Record(CallNote),
    /// A registration changed and is to be kept.
    Binding(sip::Change),
}

pub struct Embedded<P> {
    config: Config,
    dialplan: DialPlan,
    directory: Directory,
    endpoint: Endpoint,
    registrar: Registrar,
    authenticator: Authenticator,
    gate: Gate,
    ports: P,
    ids: IdMaker,
    entropy: Entropy,
    legs: BTreeMap<LegId, Leg>,
    calls: BTreeMap<CallId, Call>,
    /// Phones that are being called back.
    call_backs: BTreeMap<LegId, CallBack>,
    /// Which call each supervisor is attached to.
    attached: BTreeMap<SessionId, CallId>,
    by_dialog: BTreeMap<DialogId, LegId>,
    farewells: BTreeMap<DialogId, Farewell>,
    /// Whose INVITE it is, until it is refused or acknowledged.
    by_server_tx: BTreeMap<ServerTx, LegId>,
    by_client_tx: BTreeMap<ClientTx, Purpose>,
    presence: Presence,
    alarms: Wakeups<Alarm>,
    /// Legs of calls whose media is being closed: the plane will tell how they were.
    closing: BTreeMap<LegId, (CallId, Side)>,
    openings: Openings,
    trunks: Trunks,
    /// What was sent to a trunk that may ask who we are.
    signed: BTreeMap<ClientTx, Signed>,
    /// When the legs are next asked whether they are still there.
    round_at: Option<Instant>,
    draining: bool,
    outputs: VecDeque<Output>,
}

/// Why a request of ours was sent, and so what its answer means.
enum Purpose {
    /// One contact of a phone that is being rung.
    Ring { call: CallId },
    /// One contact of a phone that is being called back.
    CallBack { leg: LegId },
    /// A ring that was given up, or that somebody else answered: should it answer after all, it is thanked and let go.
    Abandoned { branch: Box<Branch> },
    /// A re-INVITE whose call has ended: should it be accepted, that wants its ACK.
    Outlived { dialog: Box<Dialog> },
    /// A change of media passed on to the other party.
    Renegotiate { call: CallId },
    /// Is the phone still there?
    Pulse { leg: LegId },
    /// A phone that watches an extension is told.
    Notify { subscription: DialogId },
    /// A sign of life for a session timer.
    Refresh { leg: LegId },
    /// We tell a trunk where we are.
    Register { trunk: TrunkName },
    /// We tell a trunk that we are there no more.
    Unregister,
    /// Is the trunk there?
    Ping { trunk: TrunkName },
    /// BYE or INFO: nothing depends on the answer.
    Courtesy,
}

pub struct Parts<P> {
    pub config: Config,
    pub dialplan: DialPlan,
    pub directory: Directory,
    pub endpoint: Endpoint,
    pub registrar: Registrar,
    pub authenticator: Authenticator,
    pub ports: P,
    pub entropy: Entropy,
}

impl<P: MediaPorts> Embedded<P> {
    pub fn new(parts: Parts<P>) -> Self {
        let Parts { config, dialplan, directory, endpoint, registrar, authenticator, ports, mut entropy } = parts;
        let (gate, openings) = (Gate::new(&registrar), Openings::new(&registrar));
        Self {
            config,
            dialplan,
            directory,
            endpoint,
            registrar,
            authenticator,
            gate,
            ports,
            ids: IdMaker::new(entropy.fork()),
            entropy,
            legs: BTreeMap::new(),
            calls: BTreeMap::new(),
            call_backs: BTreeMap::new(),
            attached: BTreeMap::new(),
            by_dialog: BTreeMap::new(),
            farewells: BTreeMap::new(),
            by_server_tx: BTreeMap::new(),
            by_client_tx: BTreeMap::new(),
            presence: Presence::default(),
            alarms: Wakeups::default(),
            closing: BTreeMap::new(),
            openings,
            trunks: Trunks::default(),
            signed: BTreeMap::new(),
            round_at: None,
            draining: false,
            outputs: VecDeque::new(),
        }
    }

    /// One datagram, or one framed message of a stream.
    pub fn receive(&mut self, now: Now, flow: Flow, bytes: &[u8]) {
        if !self.is_heard(now, flow) {
            return;
        }
        if self.endpoint.receive(now.instant, flow, bytes) == Received::Junk {
            self.note_junk(now, flow);
        }
        self.drain_endpoint(now);
    }

    /// Where the other end of a leg is.
    pub fn address_of(&self, leg: LegId) -> Option<IpAddr> {
        self.legs.get(&leg).map(|leg| leg.flow.remote.ip())
    }

    pub fn transport_failed(&mut self, now: Now, flow: Flow) {
        self.doubt(now, flow);
        self.endpoint.transport_failed(now.instant, flow);
        self.drain_endpoint(now);
        self.trunk_connection_lost(now, flow);
    }

    pub fn command(&mut self, now: Now, command: Command) {
        match command {
            Command::CallBack { leg, extension } => self.call_back(now, leg, extension),
            Command::Answer { leg } => self.answer_guest(now, leg),
            Command::Play { leg, ticket, clips } => self.media(media::Command::Play { leg, ticket, clips }),
            Command::StopPlaying { leg } => self.media(media::Command::StopPlaying { leg }),
            Command::Connect { leg, number, confidential } => self.connect_guest(now, leg, &number, confidential),
            Command::Attach { session, leg, call, side, mode, hearing } => {
                self.attach(session, call, Listener { leg, side, mode, of_parties: hearing });
            }
            Command::SetMode { session, mode } => self.set_mode(session, mode),
            Command::Detach { session } => self.detach(session),
            Command::Chime { session } => self.chime(session),
            Command::HangUp { leg } => self.hang_up_guest(now, leg),
        }
        self.drain_endpoint(now);
    }

    pub fn media_event(&mut self, now: Now, event: media::Event) {
        match event {
            media::Event::Key { leg, digit } => {
                self.send_in_dialog(now, leg, Method::Info, Some(dtmf::write_info(digit)));
                self.drain_endpoint(now);
            }
            media::Event::Digit { leg, digit } if self.is_guest(leg) => self.event(Event::Digit { leg, digit }),
            media::Event::Played { leg, ticket } if self.is_guest(leg) => self.event(Event::Played { leg, ticket }),
            media::Event::Played { leg, .. } => self.ring_back_again(leg),
            media::Event::Quiet { leg } => self.gone_quiet(now, leg),
            media::Event::Closed { leg, quality } => self.record_quality(leg, quality),
            media::Event::Digit { .. } => {}
        }
    }

    /// The wall clock was set: calls have lasted no longer or shorter for it, and phones stay reachable.
    pub fn clock_was_set(&mut self, by_ms: i64) {
        for call in self.calls.values_mut() {
            for time in [&mut call.begun_unix_ms, &mut call.since_unix_ms] {
                *time = time.saturating_add_signed(by_ms);
            }
        }
        self.registrar.clock_was_set(by_ms);
        self.authenticator.clock_was_set(by_ms);
        self.gate.clock_was_set(by_ms);
        self.drain_bindings();
    }

    pub fn handle_timeout(&mut self, now: Now) {
        self.endpoint.handle_timeout(now.instant);
        self.registrar.handle_timeout(now.unix_ms);
        self.drain_endpoint(now);
        self.heed_alarms(now);
        self.feel_pulses(now);
        self.end_expired_subscriptions(now);
        self.tend_trunks(now);
        self.keep_ways_open(now);
        self.drain_endpoint(now);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let timers = [
            self.endpoint.poll_timeout(),
            self.next_round(),
            self.alarms.next(),
            self.presence.poll_timeout(),
            self.next_upkeep(),
            self.next_opening(),
        ];
        timers.into_iter().flatten().min()
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How many requests were answered, and how.
    pub fn responses(&self) -> &Responses {
        self.endpoint.responses()
    }

    /// The calls that are up, oldest first.
    pub fn calls(&self) -> Vec<CallView> {
        self.calls.values().filter_map(|call| self.view(call)).collect()
    }

    /// Extensions were added, changed or removed. Who is no more, or was proven by a secret that is no more, rings no more
    /// and listens no more; its calls go on.
    pub fn set_directory(&mut self, now: Now, directory: Directory) {
        let before = std::mem::replace(&mut self.directory, directory);
        for number in self.registrar.extensions() {
            if !self.directory.vouches_as(&before, &number) {
                self.registrar.remove_all(&number);
            }
        }
        self.drain_bindings();
        self.dismiss_strangers(now, &before);
        self.end_subscriptions_of_strangers(now, &before);
        self.drain_endpoint(now);
    }

    /// No new calls from here on, as trunks are told; those that are up end by themselves.
    pub fn drain(&mut self, now: Now) {
        self.draining = true;
        self.unregister_everywhere(now);
        self.drain_endpoint(now);
    }

    pub fn is_idle(&self) -> bool {
        self.legs.is_empty() && self.farewells.is_empty()
    }

    /// Whether all is known of every call that has ended, and every registrar knows that we are gone.
    pub fn is_settled(&self) -> bool {
        self.closing.is_empty() && !self.by_client_tx.values().any(|purpose| matches!(purpose, Purpose::Unregister))
    }

    /// Ends every call, for a shutdown that waits no longer.
    pub fn hang_up_everybody(&mut self, now: Now) {
        for call in self.calls.keys().copied().collect::<Vec<_>>() {
            self.end_call(now, call, CallEnding::Shutdown);
        }
        for leg in self.legs.keys().copied().collect::<Vec<_>>() {
            self.hang_up_guest(now, leg);
        }
        self.end_all_subscriptions(now);
        self.take_all_farewells(now);
        self.drain_endpoint(now);
    }

    fn drain_endpoint(&mut self, now: Now) {
        while let Some(event) = self.endpoint.poll_event() {
            self.sip_event(now, event);
        }
        self.tell_watchers(now);
        while let Some(transmit) = self.endpoint.poll_transmit() {
            self.outputs.push_back(Output::Transmit(transmit));
        }
        self.drain_bindings();
    }

    fn drain_bindings(&mut self) {
        while let Some(change) = self.registrar.poll_change() {
            if let sip::Change::Upsert(binding) = &change {
                self.openings.needed |= binding.is_behind_nat();
            }
            self.outputs.push_back(Output::Binding(change));
        }
    }

    fn sip_event(&mut self, now: Now, event: sip::Event) {
        match event {
            sip::Event::Request { tx, flow, request } => self.request(now, tx, flow, request),
            sip::Event::Cancelled { tx } => self.cancelled(now, tx),
            sip::Event::Ack { flow, request } => self.acknowledged(now, flow, &request),
            sip::Event::Unpracked { tx } => self.unpracked(now, tx),
            sip::Event::Unacked { tx } => self.unacknowledged(now, tx),
            sip::Event::Response { tx, flow, response } => self.response(now, tx, flow, &response),
            sip::Event::Settled { tx } => {
                self.by_client_tx.remove(&tx);
            }
            sip::Event::TimedOut { tx } => self.failed(now, tx, 408),
            sip::Event::TransportFailed { tx } => self.failed(now, tx, 503),
        }
    }

    fn response(&mut self, now: Now, tx: ClientTx, flow: Flow, response: &Response) {
        if self.answers_challenge(now, tx, response) {
            return;
        }
        match self.by_client_tx.get(&tx) {
            Some(&Purpose::Ring { call }) => return self.ring_response(now, call, tx, flow, response),
            Some(&Purpose::CallBack { leg }) => return self.call_back_response(now, leg, tx, flow, response),
            Some(Purpose::Abandoned { .. }) => return self.abandoned_response(now, tx, flow, response),
            // Before its last word an answer matters to a ring alone.
            Some(_) | None if response.is_provisional() => return,
            Some(_) | None => {}
        }
        match self.by_client_tx.remove(&tx) {
            Some(Purpose::Renegotiate { call }) => self.renegotiation_response(now, call, flow, response),
            Some(Purpose::Outlived { dialog }) => self.outlived_response(&dialog, flow, response),
            Some(Purpose::Refresh { leg }) => self.refresh_response(now, leg, tx, flow, response),
            Some(Purpose::Pulse { leg }) => self.pulse_response(now, leg, response),
            Some(Purpose::Notify { subscription }) => self.notify_response(now, &subscription, response),
            Some(Purpose::Register { trunk }) => self.register_response(now, &trunk, response),
            Some(Purpose::Ping { trunk }) => self.ping_response(now, &trunk, response.code),
            Some(
                Purpose::Ring { .. }
                | Purpose::CallBack { .. }
                | Purpose::Abandoned { .. }
                | Purpose::Unregister
                | Purpose::Courtesy,
            )
            | None => {}
        }
    }

    /// A request of ours went unanswered, which is an answer too (RFC 3261 §8.1.3.1).
    fn failed(&mut self, now: Now, tx: ClientTx, code: u16) {
        self.signed.remove(&tx);
        match self.by_client_tx.remove(&tx) {
            Some(Purpose::Ring { call }) => self.branch_failed(now, call, tx, code),
            Some(Purpose::CallBack { leg }) => self.call_back_failed(now, leg, tx, code),
            Some(Purpose::Renegotiate { call }) => self.renegotiation_failed(now, call, code),
            Some(Purpose::Refresh { leg }) => self.refresh_failed(now, leg, code),
            Some(Purpose::Pulse { leg }) => self.no_pulse(now, leg, code),
            Some(Purpose::Notify { subscription }) => self.no_notice(&subscription),
            Some(Purpose::Register { trunk }) => self.registration_failed(now, &trunk, Trouble::NoAnswer),
            Some(Purpose::Ping { trunk }) => self.ping_response(now, &trunk, 408),
            Some(Purpose::Abandoned { .. } | Purpose::Outlived { .. } | Purpose::Unregister | Purpose::Courtesy)
            | None => {}
        }
    }

    fn cancelled(&mut self, now: Now, tx: ServerTx) {
        let Some(id) = self.by_server_tx.get(&tx).copied() else { return self.cancel_renegotiation(now, tx) };
        match self.legs.get(&id).map(|leg| &leg.role) {
            Some(Role::Party { call, side }) => {
                let (call, side) = (*call, *side);
                self.end_call(now, call, CallEnding::HungUp(side));
            }
            Some(Role::Guest { .. }) => self.cancel_guest(now, id),
            None => {}
        }
    }

    /// A 2xx of ours that nobody acknowledged: the dialog is of no use (RFC 3261 §13.3.1.4).
    fn unacknowledged(&mut self, now: Now, tx: ServerTx) {
        if let Some(id) = self.by_server_tx.remove(&tx) {
            self.lose(now, id);
        }
        self.take_farewell_unacknowledged(now, tx);
    }

    fn acknowledged(&mut self, now: Now, flow: Flow, ack: &Request) {
        let Some(dialog) = DialogId::of_request(ack) else { return };
        let Some(id) = self.by_dialog.get(&dialog).copied() else { return self.take_farewell(now, &dialog) };
        let acknowledged = self.legs.get_mut(&id).and_then(|leg| leg.unacknowledged.take());
        self.forget_invite(acknowledged);
        self.take_late_answer(id, flow, ack);
        if self.legs.get(&id).is_some_and(|leg| leg.media.remote.is_none()) {
            return self.lose(now, id);
        }
        if let Some(Leg { role: Role::Guest { origin: Origin::Dialled { acknowledged }, .. }, .. }) =
            self.legs.get_mut(&id)
            && !std::mem::replace(acknowledged, true)
        {
            self.event(Event::Answered { leg: id });
        }
    }

    /// A request of ours that is in no dialog (RFC 3261 §8.1.1).
    fn outside_dialog(&mut self, method: Method, uri: impl Into<String>, from: NameAddr, to: NameAddr) -> Request {
        let cseq = CSeq { number: 1, method: method.clone() };
        let mut request = Request::new(method, uri);
        request.headers.push("From", from.with_param("tag", &self.entropy.token()));
        request.headers.push("To", to);
        request.headers.push("Call-ID", self.entropy.token());
        request.headers.push("CSeq", cseq);
        request
    }

    /// Answers without a dialog, a body or a To tag of its own.
    fn respond(&mut self, now: Now, tx: ServerTx, request: &Request, refused: impl Into<Refused>) {
        let Refused { code, why } = refused.into();
        let mut response = request.reply(code, "");
        match code {
            415 => response.headers.push("Accept", door::ACCEPT),
            422 => response.headers.push("Min-SE", sip::MIN_SE_S),
            _ => {}
        }
        if let Some(why) = why {
            // 399 is for people (RFC 3261 §20.43).
            response.headers.push("Warning", format!("399 {} \"{why}\"", self.config.domain));
        }
        self.endpoint.respond(now.instant, tx, response);
    }

    fn media(&mut self, command: media::Command) {
        self.outputs.push_back(Output::Media(command));
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn view(&self, call: &Call) -> Option<CallView> {
        Some(CallView {
            id: call.id,
            caller: self.legs.get(&call.caller)?.party.clone(),
            callee: self.legs.get(&call.callee)?.party.clone(),
            state: match &call.stage {
                Stage::Ringing { .. } => CallState::Ringing,
                Stage::Talking { .. } if self.hold(call) != Hold::Off => CallState::OnHold,
                Stage::Talking { .. } => CallState::Talking,
            },
            since_unix_ms: call.since_unix_ms,
            listeners: call.listeners.len(),
            confidential: call.confidential,
        })
    }
}
