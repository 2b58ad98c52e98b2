//! A phone as the RFCs want one: its own transactions, dialogs and manners, with somebody who presses keys by plan.

use super::{super::*, Plan};
use crate::sip::{Numbering, RAck, RELIABLE};
use std::collections::BTreeMap;

/// What somebody does. What makes no sense at the moment is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Ring,
    /// 183 with early media, reliably where the caller knows that.
    RingWithMedia,
    Answer,
    Refuse(u16),
    /// By CANCEL while nobody has answered, else by BYE.
    HangUp,
    /// By BYE, also while it rings (RFC 3261 §15).
    Bye,
    Hold,
    Resume,
    /// UPDATE without an offer.
    Update,
    /// UPDATE with one.
    HoldByUpdate,
    /// REFER to 1002.
    Refer,
}

/// Whoever must wait before it may act tries again after this.
const SOON: Duration = Duration::from_millis(200);

pub struct Phone {
    pub name: &'static str,
    endpoint: Endpoint,
    entropy: Entropy,
    lines: BTreeMap<u32, Line>,
    last_line: u32,
    /// What is done about the next calls of each caller.
    expected: BTreeMap<String, VecDeque<Plan>>,
    sent: BTreeMap<ClientTx, Sent>,
    served: BTreeMap<ServerTx, u32>,
    pub were_up: usize,
    pub offers: bool,
}

struct Line {
    plan: Vec<(Instant, Act)>,
    state: State,
}

enum State {
    Calling {
        tx: ClientTx,
        invite: Request,
        /// Nobody waits for the answer any more.
        over: bool,
        early: Option<(Dialog, Option<u32>)>,
    },
    Ringing {
        tx: ServerTx,
        invite: Request,
        dialog: Dialog,
        numbering: Numbering,
    },
    Up {
        dialog: Dialog,
        /// An INVITE of the switch is not settled: our first 200, or a later one.
        unacknowledged: bool,
        /// Our re-INVITE is on its way.
        asking: bool,
    },
}

/// What a request was for.
enum Sent {
    Invite(u32),
    Reinvite { line: u32, dialog: Box<Dialog>, act: Act },
    Other,
}

impl Phone {
    pub fn new(name: &'static str, mut entropy: Entropy) -> Self {
        let endpoint = Endpoint::new(EndpointConfig::default(), entropy.fork());
        Self {
            name,
            endpoint,
            entropy,
            lines: BTreeMap::new(),
            last_line: 0,
            expected: BTreeMap::new(),
            sent: BTreeMap::new(),
            served: BTreeMap::new(),
            were_up: 0,
            offers: true,
        }
    }

    pub fn expect_a_call(&mut self, caller: &str, plan: Plan) {
        self.expected.entry(caller.to_owned()).or_default().push_back(plan);
    }

    pub fn call(&mut self, now: Instant, target: &str, plan: Plan) {
        let uri = format!("sip:{target}@{DOMAIN}");
        let mut invite = Request::new(Method::Invite, uri.clone());
        invite.headers.push("From", format!("<sip:{}@{DOMAIN}>;tag={}", self.name, self.entropy.token()));
        invite.headers.push("To", format!("<{uri}>"));
        invite.headers.push("Call-ID", self.entropy.token());
        invite.headers.push("CSeq", "1 INVITE");
        invite.headers.push("Contact", self.contact());
        invite.headers.push("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, OPTIONS");
        invite.headers.push("Supported", "100rel, timer");
        if self.offers {
            invite.set_body("application/sdp", sdp_of(self.name, "sendrecv"));
        }
        let tx = self.endpoint.request(now, invite.clone(), flow_from(self.name));
        let line = self.open(now, plan, State::Calling { tx, invite, over: false, early: None });
        self.sent.insert(tx, Sent::Invite(line));
    }

    fn open(&mut self, now: Instant, plan: Plan, state: State) -> u32 {
        self.last_line += 1;
        let plan = plan.into_iter().map(|(after, act)| (now + after, act)).collect();
        self.lines.insert(self.last_line, Line { plan, state });
        self.last_line
    }

    fn contact(&self) -> String {
        format!("<sip:{}@{}>", self.name, address(self.name))
    }

    pub fn receive(&mut self, now: Instant, flow: Flow, bytes: &[u8]) {
        self.endpoint.receive(now, flow, bytes);
        self.drain(now);
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.drain(now);
        for id in self.lines.keys().copied().collect::<Vec<_>>() {
            while let Some(act) = self.due(now, id) {
                self.act(now, id, act);
            }
        }
    }

    fn due(&mut self, now: Instant, id: u32) -> Option<Act> {
        let plan = &mut self.lines.get_mut(&id)?.plan;
        let next = plan.iter().enumerate().filter(|(_, (at, _))| *at <= now).min_by_key(|(_, (at, _))| *at)?.0;
        Some(plan.remove(next).1)
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let acts = self.lines.values().flat_map(|line| line.plan.iter().map(|(at, _)| *at));
        acts.chain(self.endpoint.poll_timeout()).min()
    }

    pub fn transmits(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.endpoint.poll_transmit()).collect()
    }

    pub fn are_up(&self) -> usize {
        self.lines.values().filter(|line| matches!(line.state, State::Up { .. })).count()
    }

    /// What still goes on here.
    pub fn left(&self) -> Option<String> {
        let (lines, transactions) = (self.lines.len(), self.endpoint.transactions());
        (lines + transactions > 0).then(|| format!("{lines} lines and {transactions} transactions"))
    }
}

/// What the person does.
impl Phone {
    fn act(&mut self, now: Instant, id: u32, act: Act) {
        let Some(Line { state, plan }) = self.lines.get_mut(&id) else { return };
        match (state, act) {
            (State::Calling { tx, over, .. }, Act::HangUp) => {
                *over = true;
                self.endpoint.cancel(now, *tx);
            }
            (State::Calling { over, early: Some((dialog, _)), .. }, Act::Bye) => {
                *over = true;
                let bye = dialog.next_request(Method::Bye);
                self.request(now, bye, Sent::Other);
            }
            (State::Ringing { .. }, Act::Ring) => self.answer_ring(now, id, 180, false),
            (State::Ringing { .. }, Act::RingWithMedia) => self.answer_ring(now, id, 183, true),
            (State::Ringing { numbering, .. }, Act::Answer) if numbering.is_unacknowledged() => {
                plan.push((now + SOON, act));
            }
            (State::Ringing { .. }, Act::Answer) => self.answer_ring(now, id, 200, false),
            (State::Ringing { .. }, Act::Refuse(code)) => self.answer_ring(now, id, code, false),
            (State::Ringing { .. }, Act::HangUp) => self.answer_ring(now, id, 486, false),
            // §15: not before the ACK.
            (State::Up { unacknowledged: true, .. }, Act::HangUp | Act::Bye) => plan.push((now + SOON, act)),
            (State::Up { .. }, Act::HangUp | Act::Bye) => self.say_bye(now, id),
            (State::Up { unacknowledged, asking, .. }, Act::Hold | Act::Resume) => {
                if *unacknowledged || *asking {
                    plan.push((now + SOON, act));
                } else {
                    self.reinvite(now, id, act);
                }
            }
            (State::Up { dialog, .. }, Act::Update | Act::HoldByUpdate) => {
                let mut update = dialog.next_request(Method::Update);
                if act == Act::HoldByUpdate {
                    update.set_body("application/sdp", sdp_of(self.name, "sendonly"));
                }
                self.request(now, update, Sent::Other);
            }
            (State::Up { dialog, .. }, Act::Refer) => {
                let mut refer = dialog.next_request(Method::Refer);
                refer.headers.push("Refer-To", format!("<sip:1002@{DOMAIN}>"));
                self.request(now, refer, Sent::Other);
            }
            (State::Calling { .. } | State::Ringing { .. } | State::Up { .. }, _) => {}
        }
    }

    fn request(&mut self, now: Instant, request: Request, sent: Sent) {
        let tx = self.endpoint.request(now, request, flow_from(self.name));
        self.sent.insert(tx, sent);
    }

    fn answer_ring(&mut self, now: Instant, id: u32, code: u16, with_media: bool) {
        let contact = self.contact();
        let Some(Line { state: State::Ringing { tx, invite, dialog, numbering, .. }, .. }) = self.lines.get_mut(&id)
        else {
            return;
        };
        let mut response = invite.reply(code, "");
        response.set_to_tag(&dialog.id().local_tag);
        response.headers.push("Contact", contact);
        response.headers.push("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, OPTIONS");
        if with_media || code == 200 {
            response.set_body("application/sdp", sdp_of(self.name, "sendrecv"));
        }
        if with_media && invite.headers.has_option(RELIABLE) && !numbering.is_unacknowledged() {
            response.headers.push("Require", RELIABLE);
            response.headers.push("RSeq", numbering.number());
        }
        let (tx, dialog) = (*tx, dialog.clone());
        self.endpoint.respond(now, tx, response);
        match code {
            ..=199 => {}
            200..=299 => self.up(id, dialog, true),
            _ => self.end(id),
        }
    }

    fn reinvite(&mut self, now: Instant, id: u32, act: Act) {
        let Some(Line { state: State::Up { dialog, asking, .. }, .. }) = self.lines.get_mut(&id) else { return };
        *asking = true;
        let mut invite = dialog.next_request(Method::Invite);
        let direction = if act == Act::Hold { "sendonly" } else { "sendrecv" };
        invite.set_body("application/sdp", sdp_of(self.name, direction));
        let sent = Sent::Reinvite { line: id, dialog: Box::new(dialog.clone()), act };
        self.request(now, invite, sent);
    }

    fn say_bye(&mut self, now: Instant, id: u32) {
        if let Some(Line { state: State::Up { dialog, .. }, .. }) = self.lines.get_mut(&id) {
            let bye = dialog.next_request(Method::Bye);
            self.request(now, bye, Sent::Other);
        }
        self.end(id);
    }

    fn up(&mut self, id: u32, dialog: Dialog, unacknowledged: bool) {
        self.were_up += 1;
        if let Some(line) = self.lines.get_mut(&id) {
            line.state = State::Up { dialog, unacknowledged, asking: false };
        }
    }

    fn end(&mut self, id: u32) {
        self.lines.remove(&id);
        self.served.retain(|_, line| *line != id);
    }
}

/// What the switch says.
impl Phone {
    fn drain(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                sip::Event::Request { tx, request, .. } => self.asked(now, tx, &request),
                sip::Event::Cancelled { tx } => {
                    if let Some(id) = self.served.get(&tx).copied() {
                        self.answer_ring(now, id, 487, false);
                    }
                }
                sip::Event::Ack { request, .. } => {
                    if let Some(State::Up { unacknowledged, .. }) = self.line_of(&request).map(|(_, state)| state) {
                        *unacknowledged = false;
                    }
                }
                sip::Event::Unacked { tx } | sip::Event::Unpracked { tx } => {
                    if let Some(id) = self.served.get(&tx).copied() {
                        self.answer_ring(now, id, 504, false);
                        self.say_bye(now, id);
                    }
                }
                sip::Event::Response { tx, response, .. } => self.answered(now, tx, &response),
                sip::Event::Settled { tx } => drop(self.sent.remove(&tx)),
                sip::Event::TimedOut { tx } | sip::Event::TransportFailed { tx } => self.unanswered(now, tx),
            }
        }
    }

    fn line_of(&mut self, request: &Request) -> Option<(u32, &mut State)> {
        let wanted = DialogId::of_request(request)?;
        self.lines.iter_mut().find_map(|(id, line)| {
            let dialog = match &line.state {
                State::Calling { early, .. } => &early.as_ref()?.0,
                State::Ringing { dialog, .. } | State::Up { dialog, .. } => dialog,
            };
            (*dialog.id() == wanted).then_some((*id, &mut line.state))
        })
    }

    fn reply(&mut self, now: Instant, tx: ServerTx, request: &Request, code: u16) {
        let mut response = request.reply(code, "");
        response.headers.push("Contact", self.contact());
        if code == 200 && !request.body.is_empty() {
            let held = String::from_utf8_lossy(&request.body).contains("a=sendonly");
            response.set_body("application/sdp", sdp_of(self.name, if held { "recvonly" } else { "sendrecv" }));
        }
        self.endpoint.respond(now, tx, response);
    }

    fn asked(&mut self, now: Instant, tx: ServerTx, request: &Request) {
        if request.headers.to().unwrap().tag().is_none() {
            return match request.method {
                Method::Invite => self.rung(now, tx, request),
                _ => self.reply(now, tx, request, 481),
            };
        }
        let Some((id, state)) = self.line_of(request) else { return self.reply(now, tx, request, 481) };
        let (State::Calling { early: Some((dialog, _)), .. }
        | State::Ringing { dialog, .. }
        | State::Up { dialog, .. }) = state
        else {
            return self.reply(now, tx, request, 481);
        };
        if dialog.accepts(request).is_err() {
            return self.reply(now, tx, request, 500);
        }
        let code = match (&request.method, state) {
            (Method::Bye, State::Up { .. }) => {
                self.end(id);
                200
            }
            (Method::Invite, State::Up { unacknowledged, asking, .. }) if *unacknowledged || *asking => 491,
            (Method::Invite, State::Up { unacknowledged, .. }) => {
                *unacknowledged = true;
                self.served.insert(tx, id);
                200
            }
            (Method::Prack, State::Ringing { invite, numbering, .. }) => {
                let acknowledged =
                    numbering.acknowledge(&request.headers.rack().unwrap(), &invite.headers.cseq().unwrap());
                let invite = self.served.iter().find(|(_, line)| **line == id).map(|(tx, _)| *tx).unwrap();
                match acknowledged {
                    true => {
                        self.endpoint.acknowledged(now, invite);
                        200
                    }
                    false => 481,
                }
            }
            (Method::Update | Method::Options | Method::Info, _) => 200,
            (_, _) => 481,
        };
        self.reply(now, tx, request, code);
    }

    fn rung(&mut self, now: Instant, tx: ServerTx, invite: &Request) {
        let caller = invite.headers.from().unwrap().parsed_uri().unwrap().user.unwrap();
        let plan = self.expected.get_mut(&caller).and_then(VecDeque::pop_front).unwrap_or_default();
        let dialog = Dialog::uas(invite, &self.entropy.token(), &format!("sip:{}@{}", self.name, address(self.name)));
        let numbering = Numbering::new(self.entropy.bits() as u32);
        let state = State::Ringing { tx, invite: invite.clone(), dialog: dialog.unwrap(), numbering };
        let id = self.open(now, plan, state);
        self.served.insert(tx, id);
    }

    fn answered(&mut self, now: Instant, tx: ClientTx, response: &Response) {
        match self.sent.get(&tx) {
            Some(Sent::Invite(line)) => {
                let line = *line;
                self.invite_answered(now, tx, line, response);
            }
            Some(Sent::Reinvite { .. }) if response.code >= 200 => self.reinvite_answered(now, tx, response),
            Some(Sent::Other) if response.code >= 200 => drop(self.sent.remove(&tx)),
            Some(Sent::Reinvite { .. } | Sent::Other) | None => {}
        }
    }

    fn invite_answered(&mut self, now: Instant, tx: ClientTx, id: u32, response: &Response) {
        let Some(Line { state: State::Calling { invite, over, early, .. }, .. }) = self.lines.get_mut(&id) else {
            return;
        };
        let cseq = invite.headers.cseq().unwrap().number;
        let same_fork = |dialog: &Dialog| DialogId::of_response(response).as_ref() == Some(dialog.id());
        match response.code {
            ..=100 => {}
            101..=199 => {
                let fresh = early.take().filter(|(dialog, _)| same_fork(dialog));
                let (mut dialog, mut last) = fresh.unwrap_or_else(|| (Dialog::uac(invite, response).unwrap(), None));
                let rseq = response.reliable_number().filter(|rseq| last.is_none_or(|last| *rseq == last + 1));
                let prack = rseq.map(|rseq| {
                    last = Some(rseq);
                    let mut prack = dialog.next_request(Method::Prack);
                    prack.headers.push("RAck", RAck::of_invite(rseq, cseq));
                    prack
                });
                *early = Some((dialog, last));
                if let Some(prack) = prack {
                    self.request(now, prack, Sent::Other);
                }
            }
            200..=299 => {
                let known = early.take().filter(|(dialog, _)| same_fork(dialog)).map(|(dialog, _)| dialog);
                let mut dialog = known.unwrap_or_else(|| Dialog::uac(invite, response).unwrap());
                dialog.confirm(&response.headers).unwrap();
                let over = *over;
                let mut ack = dialog.ack(cseq);
                if invite.body.is_empty() {
                    ack.set_body("application/sdp", sdp_of(self.name, "sendrecv"));
                }
                self.endpoint.send_ack(ack, flow_from(self.name));
                self.up(id, dialog, false);
                if over {
                    self.say_bye(now, id);
                }
            }
            401 if !*over => {
                self.sent.remove(&tx);
                self.call_with_credentials(now, id, response);
            }
            _ => {
                self.sent.remove(&tx);
                self.end(id);
            }
        }
    }

    fn call_with_credentials(&mut self, now: Instant, id: u32, challenged: &Response) {
        let Some(Line { state: State::Calling { tx, invite, .. }, .. }) = self.lines.get_mut(&id) else { return };
        let (_, challenge) = Challenge::strongest(&challenged.headers).unwrap();
        let secret = ha1(self.name, challenge.algorithm);
        let credentials = digest::authorize(&challenge, self.name, &secret, &invite.method, &invite.uri, "c", 1);
        invite.headers.push(Asker::Server.credentials_header(), credentials);
        invite.headers.set("CSeq", "2 INVITE");
        *tx = self.endpoint.request(now, invite.clone(), flow_from(self.name));
        self.sent.insert(*tx, Sent::Invite(id));
    }

    fn reinvite_answered(&mut self, now: Instant, tx: ClientTx, response: &Response) {
        let Some(Sent::Reinvite { line, dialog, act }) = self.sent.remove(&tx) else { return };
        if response.is_success() {
            let cseq = response.headers.cseq().unwrap().number;
            self.endpoint.send_ack(dialog.ack(cseq), flow_from(self.name));
        }
        let pause = self.glare_pause(&dialog);
        let Some(Line { state: State::Up { asking, .. }, plan }) = self.lines.get_mut(&line) else { return };
        *asking = false;
        match response.code {
            491 => plan.push((now + pause, act)),
            408 | 481 => self.say_bye(now, line),
            _ => {}
        }
    }

    /// RFC 3261 §14.1.
    fn glare_pause(&mut self, dialog: &Dialog) -> Duration {
        let random = self.entropy.bits();
        let steps = if dialog.chose_call_id() { 210 + random % 191 } else { random % 201 };
        Duration::from_millis(10 * steps as u64)
    }

    fn unanswered(&mut self, now: Instant, tx: ClientTx) {
        match self.sent.remove(&tx) {
            Some(Sent::Invite(line)) => self.end(line),
            Some(Sent::Reinvite { line, .. }) => self.say_bye(now, line),
            Some(Sent::Other) | None => {}
        }
    }
}

fn flow_from(phone: &str) -> Flow {
    Flow { transport: Transport::Udp, local: address(phone), remote: SERVER.parse().unwrap() }
}
