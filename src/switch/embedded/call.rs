//! A call between two phones: what it is, what may refuse it, and what its legs are told of each other's media.

use super::{
    Embedded, Now,
    early::Early,
    leg::{Agreement, Leg, LegMedia, MediaPorts, Role, Unmet},
    transfer::{Succession, Transfer},
    trunk::WayOut,
};
use crate::{
    dialplan::OutsideDial,
    media,
    model::{CallId, Codec, ExtensionNumber, LegId, Party, SessionId, Side, SrtpPolicy},
    sip::{ClientTx, Dialog, Flow, Headers, RELIABLE, Request, Scheme, ServerTx, SessionTimer, Transport, Uri, sdp},
    spy::{Conversation, Hold, Listener},
    switch::Event,
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The most calls that stand at once, whatever the configuration says.
pub(super) const MAX_CALLS: usize = 10_000;

const ALL_LINES_BUSY: Refused = Refused { code: 503, why: Some("as many calls as are allowed are going on") };
const NO_TRUNK: Refused = Refused { code: 503, why: Some("no trunk for this number can be reached") };
const STOPPING: Refused = Refused { code: 503, why: Some("no new calls: the system is stopping") };

pub(super) struct Call {
    pub id: CallId,
    pub caller: LegId,
    pub callee: LegId,
    pub begun_unix_ms: u64,
    /// Since when it is in its present stage.
    pub since_unix_ms: u64,
    pub stage: Stage,
    pub listeners: BTreeMap<SessionId, Listener>,
    /// Its one party is sending the other away.
    pub transfer: Option<Transfer>,
    /// It takes another call's place.
    pub succeeds: Option<Succession>,
    /// Nobody may listen to it, nor to what follows it (H6).
    pub confidential: bool,
    /// When a party on hold that could not be asked back is asked again.
    pub resume_at: Option<Instant>,
}

pub(super) enum Stage {
    /// `early`: the branch whose early media the caller has been given.
    Ringing {
        branches: Vec<Branch>,
        early: Option<ClientTx>,
        deadline: Instant,
        best: u16,
        /// The called phone has sent its callers to another.
        forwarded: bool,
        /// Of a call that goes out.
        way_out: Option<WayOut>,
    },
    Talking {
        renegotiation: Option<Box<Renegotiation>>,
    },
}

/// One contact being rung, or a trunk asked to.
pub(super) struct Branch {
    pub tx: ClientTx,
    pub flow: Flow,
    pub request: Request,
    /// The dialogs that its reliable responses began, one for each phone that rings behind it.
    pub early: Vec<Early>,
}

/// Whom a call is for.
pub(super) enum Target {
    Extension(ExtensionNumber),
    Outside(OutsideDial),
}

impl Target {
    /// Who would be called, over the first trunk if outside.
    pub fn party(&self) -> Option<Party> {
        match self {
            Target::Extension(number) => Some(number.clone().into()),
            Target::Outside(dial) => {
                Some(Party::Outside { trunk: dial.trunks.first()?.clone(), number: Some(dial.number.clone()) })
            }
        }
    }
}

/// How the one who is called is reached.
pub(super) struct Way {
    pub party: Party,
    pub flow: Flow,
    /// Of a call that goes out.
    pub out: Option<WayOut>,
}

/// Why a request is refused, and what people are told beside the code.
pub(super) struct Refused {
    pub code: u16,
    pub why: Option<&'static str>,
}

impl From<Unmet> for Refused {
    fn from(why: Unmet) -> Self {
        Self { code: 488, why: Some(why.as_str()) }
    }
}

impl From<u16> for Refused {
    fn from(code: u16) -> Self {
        Self { code, why: None }
    }
}

/// A change of media on its way from one party to the other.
pub(super) struct Renegotiation {
    pub from: Side,
    /// `None` when it was our own wish.
    pub asked: Option<(ServerTx, Request)>,
    pub client: ClientTx,
    /// When the other party is given up; `None` once it was.
    pub deadline: Option<Instant>,
    /// What stood between the party and us before.
    pub before: Agreement,
}

impl Call {
    /// In which `callee` is yet to be rung.
    pub fn ringing(
        id: CallId,
        caller: LegId,
        callee: LegId,
        now: Now,
        patience: Duration,
        way_out: Option<WayOut>,
    ) -> Self {
        let deadline = now.instant + patience;
        let stage = Stage::Ringing { branches: vec![], early: None, deadline, best: 480, forwarded: false, way_out };
        Self::new(id, caller, callee, now, stage)
    }

    pub fn new(id: CallId, caller: LegId, callee: LegId, now: Now, stage: Stage) -> Self {
        Self {
            id,
            caller,
            callee,
            begun_unix_ms: now.unix_ms,
            since_unix_ms: now.unix_ms,
            stage,
            listeners: BTreeMap::new(),
            transfer: None,
            succeeds: None,
            confidential: false,
            resume_at: None,
        }
    }

    /// Whether it counts among concurrent calls (A6): while it waits to take another one's place, that one does.
    fn counts(&self) -> bool {
        self.succeeds.is_none() || matches!(self.stage, Stage::Talking { .. })
    }

    /// It is up, and nothing about it is being changed.
    pub fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Talking { renegotiation: None }) && self.transfer.is_none()
    }

    pub fn leg(&self, side: Side) -> LegId {
        match side {
            Side::Caller => self.caller,
            Side::Callee => self.callee,
        }
    }

    /// Whether a supervisor may stand in it at all.
    pub fn may_be_heard(&self) -> bool {
        matches!(self.stage, Stage::Talking { .. }) && !self.confidential
    }

    /// Until when a phone may keep the other waiting.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Ringing { deadline, .. } => Some(*deadline),
            Stage::Talking { renegotiation: Some(pending) } => pending.deadline,
            Stage::Talking { renegotiation: None } => self.resume_at,
        }
    }

    /// Until when a trunk may say nothing.
    pub fn silent_until(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Ringing { way_out, .. } => way_out.as_ref()?.silent_until(),
            Stage::Talking { .. } => None,
        }
    }

    /// When it is next to be looked at.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline().into_iter().chain(self.silent_until()).min()
    }

    pub fn conversation(&self, hold: Hold) -> Conversation {
        Conversation { caller: self.caller, callee: self.callee, hold }
    }
}

impl<P: MediaPorts> Embedded<P> {
    pub(super) fn place_call(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        request: Request,
        source: Party,
        target: Target,
    ) {
        let parties = target.party().map(|callee| (source.clone(), callee));
        match self.prepare_call(now, tx, flow, &request, source, target) {
            Ok(id) => self.ring(now, id),
            Err(refused) => {
                let code = refused.code;
                self.respond(now, tx, &request, refused);
                if let Some((caller, callee)) = parties {
                    self.record_refusal(now, caller, callee, code);
                }
            }
        }
    }

    /// Everything that can be refused before a phone rings.
    fn prepare_call(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        request: &Request,
        source: Party,
        target: Target,
    ) -> Result<CallId, Refused> {
        let way = self.way_to(now, flow, target)?;
        let id: CallId = self.ids.make(now.unix_ms);
        let role = Role::Party { call: id, side: Side::Caller };
        let caller = self.incoming_leg(now, tx, flow, request, source, role)?;
        self.begin_call(now, id, caller, way, false).inspect_err(|_| self.close_leg(caller))?;
        Ok(id)
    }

    /// How somebody is reached, if one more call may be. `flow` is the caller's.
    pub(super) fn way_to(&mut self, now: Now, flow: Flow, target: Target) -> Result<Way, Refused> {
        let way = match target {
            Target::Extension(number) => {
                self.can_ring(now, &number)?;
                Way { party: Party::Extension(number), flow, out: None }
            }
            Target::Outside(dial) => {
                let (trunk, flow, way_out) = self.way_out(&dial).ok_or(NO_TRUNK)?;
                Way { party: Party::Outside { trunk, number: Some(dial.number) }, flow, out: Some(way_out) }
            }
        };
        let limit = match self.config.max_concurrent {
            0 => MAX_CALLS,
            some => some.min(MAX_CALLS),
        };
        if self.draining {
            return Err(STOPPING);
        }
        // They are counted only where it may matter.
        if self.calls.len() >= limit && self.calls.values().filter(|call| call.counts()).count() >= limit {
            return Err(ALL_LINES_BUSY);
        }
        Ok(way)
    }

    /// A call of a leg that is there, to somebody who is yet to be rung.
    pub(super) fn begin_call(
        &mut self,
        now: Now,
        id: CallId,
        caller: LegId,
        way: Way,
        confidential: bool,
    ) -> Result<(), Refused> {
        let callee = self.called_leg(now, id, way.party, way.flow)?;
        let call = Call::ringing(id, caller, callee, now, self.config.ring_timeout, way.out);
        self.add_call(Call { confidential, ..call });
        self.record(id, None);
        Ok(())
    }

    /// Whether there is such an extension, and a phone of it to ring.
    pub(super) fn can_ring(&self, now: Now, number: &ExtensionNumber) -> Result<(), u16> {
        if !self.directory.contains(number) {
            return Err(404);
        }
        if self.registrar.contacts_of(number, now.unix_ms).is_empty() {
            return Err(480);
        }
        Ok(())
    }

    /// A leg for a phone that is yet to be rung.
    pub(super) fn called_leg(&mut self, now: Now, call: CallId, party: Party, flow: Flow) -> Result<LegId, u16> {
        let id = self.ids.make(now.unix_ms);
        let media = self.open_media(id, flow, self.policy_of(&party))?;
        let role = Role::Party { call, side: Side::Callee };
        let leg = Leg::new(now.instant, self.entropy.bits() as u32, role, party, flow, media);
        self.legs.insert(id, leg);
        Ok(id)
    }

    /// A leg for a phone that sent us an INVITE, with an offer we can meet or none.
    pub(super) fn incoming_leg(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        request: &Request,
        party: Party,
        role: Role,
    ) -> Result<LegId, Refused> {
        // Without an offer, ours goes out in the 200 (RFC 3261 §13.2.1).
        let offer = read_offer(request)?;
        SessionTimer::check(&request.headers).map_err(|_| 422_u16)?;
        takes_sdp(&request.headers)?;
        let tag = self.entropy.token();
        let dialog = Dialog::uas(request, &tag, &self.contact(flow, speaks_of_sips(request))).map_err(|_| 400_u16)?;
        let id = self.ids.make(now.unix_ms);
        let mut media = self.open_media(id, flow, self.policy_of(&party))?;
        if let Some(offer) = offer
            && let Err(why) = media.take_offer(offer, &self.config.codecs, None)
        {
            self.media(media::Command::Close { leg: id });
            return Err(why.into());
        }
        self.by_dialog.insert(dialog.id().clone(), id);
        self.by_server_tx.insert(tx, id);
        let mut leg = Leg::new(now.instant, self.entropy.bits() as u32, role, party, flow, media);
        leg.invite = Some((tx, request.clone()));
        leg.dialog = Some(dialog);
        leg.heed_abilities(&request.headers);
        self.legs.insert(id, leg);
        Ok(id)
    }

    /// The extension's own; a trunk carries its calls as the network does.
    pub(super) fn policy_of(&self, party: &Party) -> SrtpPolicy {
        let entry = party.extension().and_then(|number| self.directory.get(number));
        entry.map_or(SrtpPolicy::Off, |entry| entry.srtp)
    }

    pub(super) fn open_media(&mut self, leg: LegId, flow: Flow, policy: SrtpPolicy) -> Result<LegMedia, u16> {
        let mut local = self.ports.open(leg).map_err(|_| 503_u16)?;
        if let Some(ip) = self.config.advertise {
            local.set_ip(ip);
        } else if local.ip().is_unspecified() {
            local.set_ip(flow.local.ip());
        }
        let keying = sdp::Keying::new(policy, self.entropy.fork());
        Ok(LegMedia::new(local, u64::from(self.entropy.bits() as u32), keying))
    }

    /// For the phone that talks to `other`: that one's codecs first, so that nothing needs transcoding, then the others
    /// we speak.
    pub(super) fn offered_beside(&self, other: LegId) -> Vec<Codec> {
        let ours = &self.config.codecs;
        let Some(Leg { media, .. }) = self.legs.get(&other) else { return ours.clone() };
        let shared = media.shared(ours);
        let others = ours.iter().filter(|codec| !shared.contains(codec));
        shared.iter().chain(others).copied().collect()
    }

    /// What every INVITE of ours and every answer to one says of us. `sips`: the peer speaks of SIPS.
    pub(super) fn introduce(&self, flow: Flow, sips: bool, headers: &mut Headers) {
        headers.set("Contact", format!("<{}>", self.contact(flow, sips)));
        headers.push("Allow", super::door::ALLOW);
        headers.push("Supported", super::door::SUPPORTED);
    }

    /// The URI under which a phone reaches us on this flow: on TLS a SIPS one where the peer speaks of SIPS.
    pub(super) fn contact(&self, flow: Flow, sips: bool) -> String {
        let mut address = flow.local;
        if let Some(ip) = self.config.advertise {
            address.set_ip(ip);
        }
        match flow.transport {
            Transport::Tls if sips => format!("sips:{address}"),
            transport => format!("sip:{address};transport={}", transport.as_str().to_ascii_lowercase()),
        }
    }

    /// Takes a phone's answer to our offer; `None` when it cannot be used.
    pub(super) fn take_answer(&mut self, id: LegId, body: &[u8]) -> Option<Codec> {
        self.take_description(id, sdp::read(body).ok()?)
    }

    pub(super) fn take_description(&mut self, id: LegId, answer: sdp::Description) -> Option<Codec> {
        self.legs.get_mut(&id)?.media.take_answer(answer, &self.config.codecs).ok()
    }

    /// What we declare to a phone: that it will hear its other party, or the music when that one holds it, and is heard
    /// unless it is on hold.
    pub(super) fn toward(&self, id: LegId) -> sdp::Direction {
        let other = self.beside(id).and_then(|other| self.legs.get(&other));
        other.map_or(sdp::Direction::SendRecv, |leg| sdp::Direction::new(true, leg.media.direction().receives()))
    }

    /// The other party of its call.
    pub(super) fn beside(&self, id: LegId) -> Option<LegId> {
        let (call, side) = self.seat_of(id)?;
        Some(call.leg(side.other()))
    }

    /// The call that a leg is a party of, and on which side.
    pub(super) fn seat_of(&self, id: LegId) -> Option<(&Call, Side)> {
        match self.legs.get(&id)?.role {
            Role::Party { call, side } => Some((self.calls.get(&call)?, side)),
            Role::Guest { .. } => None,
        }
    }

    /// Lets the media of both parties flow, and everybody hear whom they may.
    pub(super) fn join(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        let (caller, callee) = (call.caller, call.callee);
        for (leg, peer) in [(caller, callee), (callee, caller)] {
            self.configure(leg, Some(peer));
        }
        self.hear(id);
        self.tell_it_is_up(id);
    }

    fn tell_it_is_up(&mut self, id: CallId) {
        let up = |call: &&Call| matches!(call.stage, Stage::Talking { .. }) && self.hold(call) == Hold::Off;
        let Some(call) = self.calls.get(&id).filter(up) else { return };
        if let (Some(caller), Some(callee)) = (self.legs.get(&call.caller), self.legs.get(&call.callee)) {
            self.event(Event::CallUp { caller: caller.party.clone(), callee: callee.party.clone() });
        }
    }

    /// Tells the media plane what was agreed with a phone.
    pub(super) fn configure(&mut self, id: LegId, peer: Option<LegId>) {
        let commands = self.legs.get(&id).and_then(|leg| leg.configure(id, peer));
        commands.into_iter().flatten().for_each(|command| self.media(command));
    }

    /// Answers the INVITE of a phone that called us, with our SDP where media begins.
    pub(super) fn answer_invite(&mut self, now: Now, id: LegId, code: u16, with_media: bool) {
        if !self.may_answer(id, code, with_media) {
            return;
        }
        let direction = self.toward(id);
        let codecs = match self.beside(id) {
            Some(other) => self.offered_beside(other),
            None => self.config.codecs.clone(),
        };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some((tx, request)) = &leg.invite else { return };
        let (tx, flow, sips, mut response) = (*tx, leg.flow, speaks_of_sips(request), request.reply(code, ""));
        let Some(dialog) = &leg.dialog else { return };
        if let Ok(to) = request.headers.to() {
            response.headers.set("To", to.with_param("tag", &dialog.id().local_tag));
        }
        let reliable = leg.wants_reliable(code, with_media);
        let with_media = with_media || reliable && leg.media.remote.is_none();
        if with_media && let Some(body) = leg.media.describe(reliable || code >= 200, codecs, direction) {
            response.set_body(sdp::CONTENT_TYPE, body);
        }
        if reliable {
            response.headers.push("Require", RELIABLE);
            response.headers.push("RSeq", leg.numbering.number());
        }
        let answered = (200..300).contains(&code).then(|| request.clone());
        if code >= 200 {
            leg.invite = None;
            leg.unacknowledged = answered.as_ref().map(|_| tx);
        }
        self.presence.touch(leg.party.extension());
        self.forget_invite(Some(tx).filter(|_| code >= 300));
        self.introduce(flow, sips, &mut response.headers);
        if let Some(request) = answered {
            self.accept_session(now, id, &request, &mut response);
        }
        self.endpoint.respond(now.instant, tx, response);
    }
}

/// Whether a caller can read what we would answer (RFC 3261 §20.1, §21.4.7). Without Accept it can.
fn takes_sdp(headers: &Headers) -> Result<(), u16> {
    let mut accepted =
        headers.tokens("Accept").map(|range| range.split(';').next().unwrap_or_default().trim()).peekable();
    let takes =
        |range: &str| ["application/sdp", "application/*", "*/*"].iter().any(|one| one.eq_ignore_ascii_case(range));
    if accepted.peek().is_none() || accepted.any(takes) { Ok(()) } else { Err(406) }
}

/// The offer in a request, where it has one; an error is the status to refuse it with (RFC 3261 §8.2.3, §13.3.1.3).
pub(super) fn read_offer(request: &Request) -> Result<Option<sdp::Description>, u16> {
    if request.body.is_empty() {
        return Ok(None);
    }
    let content_type = request.headers.get("Content-Type").unwrap_or(sdp::CONTENT_TYPE);
    let bare = content_type.split(';').next().unwrap_or_default();
    if !bare.trim().eq_ignore_ascii_case(sdp::CONTENT_TYPE) {
        return Err(415);
    }
    sdp::read(&request.body).map(Some).map_err(|_| 488)
}

/// RFC 3261 §8.1.1.8, §12.1.1.
pub(super) fn speaks_of_sips(request: &Request) -> bool {
    let of_sips = |uri: Uri| uri.scheme == Scheme::Sips;
    let contact = request.headers.contact().ok().and_then(|contact| contact.parsed_uri().ok());
    request.parsed_uri().is_ok_and(of_sips) || contact.is_some_and(of_sips)
}
