use super::pulse::Pulse;
use crate::{
    dtmf,
    media::{self, LegParams},
    model::{CallId, Codec, ExtensionNumber, LegId, Party, Side},
    sip::{ClientTx, Dialog, Flow, Headers, Method, Numbering, Request, ServerTx, SessionTimer, Transport, sdp},
};
use std::{net::SocketAddr, time::Instant};

/// What we ask phones to send, in milliseconds of audio a packet.
const PTIME_MS: u16 = 20;

/// Binds the sockets of a leg and hands them to the media plane: the one effect that cannot wait, since SDP needs the port.
pub trait MediaPorts {
    fn open(&mut self, leg: LegId) -> Result<SocketAddr, NoFreePort>;
}

#[derive(Debug, thiserror::Error)]
#[error("no free RTP port")]
pub struct NoFreePort;

/// One phone's part: its dialog, where it is reached, and its media.
pub(super) struct Leg {
    pub role: Role,
    /// Who it is: an extension by the digest of its call or by the registration that was rung.
    pub party: Party,
    pub flow: Flow,
    /// The INVITE this phone sent and that still waits for its final answer.
    pub invite: Option<(ServerTx, Request)>,
    /// The INVITE of this phone that we answered 200, until its ACK comes: it may get no BYE and no INVITE before.
    pub unacknowledged: Option<ServerTx>,
    /// Of the reliable provisional responses to `invite`.
    pub numbering: Numbering,
    /// A response to `invite` that waits for the PRACK of the one before: its code, and whether media begin with it.
    pub held: Option<(u16, bool)>,
    /// Our re-INVITE that refreshes the session.
    pub refreshing: Option<ClientTx>,
    pub session: SessionTimer,
    /// What the phone's Allow says of UPDATE.
    pub takes_update: bool,
    /// Why we hang up, where it is told (RFC 3326).
    pub bye_reason: Option<&'static str>,
    /// None while a called phone has not answered.
    pub dialog: Option<Dialog>,
    pub media: LegMedia,
    pub pulse: Pulse,
}

pub(super) enum Role {
    Party {
        call: CallId,
        side: Side,
    },
    /// At the desk.
    Guest {
        origin: Origin,
        /// Whose phone it is, registered or mobile.
        extension: ExtensionNumber,
    },
}

/// How a phone came to the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It dialled a feature code; whether the ACK of our 200 has come.
    Dialled { acknowledged: bool },
    /// It is rung from 9999, or answered that.
    CalledBack,
}

/// What was offered, answered and agreed on one leg.
pub(super) struct LegMedia {
    local: SocketAddr,
    origin: sdp::Origin,
    /// What the phone declared last, in an offer or an answer.
    pub remote: Option<sdp::Description>,
    pub codec: Option<Codec>,
    /// The phone has been told of the codec in an early answer, and may read no second one.
    pub codec_told: bool,
    /// The phone has said a key by SIP INFO.
    pub keys_by_info: bool,
    /// Our offer went out in a response; the ACK, or the PRACK, brings the answer.
    pub awaits_answer: bool,
    /// Offer and answer were exchanged reliably before the 200, which then repeats neither (RFC 6337 §3.1.1).
    pub settled: bool,
    keying: sdp::Keying,
}

/// What stands between a phone and us, to come back to.
pub(super) struct Agreement {
    remote: Option<sdp::Description>,
    codec: Option<Codec>,
    keys: Option<sdp::Agreed>,
}

/// Why a description is not taken: 488.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unmet {
    Codec,
    Keying(sdp::KeyingRefused),
}

impl Unmet {
    pub fn as_str(self) -> &'static str {
        match self {
            Unmet::Codec => "no codec in common",
            Unmet::Keying(sdp::KeyingRefused::Off) => "SRTP is off for this phone",
            Unmet::Keying(sdp::KeyingRefused::Required) => "SRTP is required of this phone",
            Unmet::Keying(sdp::KeyingRefused::NotOffered) => "the answer accepts no key that was offered",
        }
    }
}

impl Leg {
    /// Without a dialog yet.
    pub fn new(now: Instant, random: u32, role: Role, party: Party, flow: Flow, media: LegMedia) -> Self {
        let pulse = Pulse::new(now);
        Self {
            role,
            party,
            flow,
            invite: None,
            unacknowledged: None,
            numbering: Numbering::new(random),
            held: None,
            refreshing: None,
            session: SessionTimer::default(),
            takes_update: false,
            bye_reason: None,
            dialog: None,
            media,
            pulse,
        }
    }

    /// Whether it was answered, and nobody waits for an answer.
    pub fn is_up(&self) -> bool {
        self.invite.is_none() && self.dialog.is_some()
    }

    /// Whether what comes on `flow` is of this phone, as far as an address can tell. What is said under TLS is not continued
    /// in the clear.
    pub fn is_reached_by(&self, flow: Flow) -> bool {
        let as_safe = self.flow.transport != Transport::Tls || flow.transport == Transport::Tls;
        self.flow.remote.ip() == flow.remote.ip() && as_safe
    }

    /// The INVITE of the phone that waits for our answer, or whose 200 waits for the ACK.
    pub fn open_invite(&self) -> Option<ServerTx> {
        self.invite.as_ref().map(|(tx, _)| *tx).or(self.unacknowledged)
    }

    /// Whether an INVITE is under way, the phone's own that waits for its ACK or ours that refreshes the session: it may get no
    /// other meanwhile.
    pub fn is_amid_invite(&self) -> bool {
        self.unacknowledged.is_some() || self.refreshing.is_some()
    }

    /// What the phone says that it takes: methods, and bodies of requests in the dialog (RFC 3261 §13.2.1).
    pub fn heed_abilities(&mut self, headers: &Headers) {
        self.takes_update = headers.tokens("Allow").any(|method| method == Method::Update.as_str());
        self.media.keys_by_info |= headers.tokens("Accept").any(dtmf::is_info_type);
    }

    /// The extension that stands at the desk.
    pub fn guest(&self) -> Option<&ExtensionNumber> {
        match &self.role {
            Role::Guest { extension, .. } => Some(extension),
            Role::Party { .. } => None,
        }
    }

    /// Tells the media plane what was agreed.
    pub fn configure(&self, id: LegId, peer: Option<LegId>) -> Option<[media::Command; 2]> {
        let (remote, codec) = (&self.media.remote.as_ref()?.session, self.media.codec?);
        let params = LegParams {
            remote: remote.remote,
            signalled: self.flow.remote.ip(),
            rtcp: remote.rtcp,
            codec,
            payload_type: remote.payload_type(codec).unwrap_or(codec.payload_type()),
            own_payload_type: remote.own_payload_type(codec),
            ptime_ms: remote.ptime.unwrap_or(PTIME_MS),
            events: remote.events_beside(codec),
            info: self.media.keys_by_info,
            send: remote.direction.receives(),
            receive: remote.direction.sends(),
            peer,
        };
        let secure = media::Command::Secure { leg: id, keys: self.media.keying.keys().cloned() };
        Some([secure, media::Command::Configure { leg: id, params }])
    }
}

impl LegMedia {
    pub fn new(local: SocketAddr, session_id: u64, keying: sdp::Keying) -> Self {
        Self {
            local,
            origin: sdp::Origin::new(session_id),
            remote: None,
            codec: None,
            codec_told: false,
            keys_by_info: false,
            awaits_answer: false,
            settled: false,
            keying,
        }
    }

    /// Another phone is rung in place of the one that described itself.
    pub fn forget_answer(&mut self) {
        (self.remote, self.codec) = (None, None);
    }

    /// As the phone sees it.
    pub fn direction(&self) -> sdp::Direction {
        self.remote.as_ref().map_or(sdp::Direction::SendRecv, |remote| remote.session.direction)
    }

    pub fn has_events(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| !remote.session.events.is_empty())
    }

    /// Those of `ours` that the phone speaks, in its order.
    pub fn shared(&self, ours: &[Codec]) -> Vec<Codec> {
        self.remote.iter().flat_map(|remote| shared(&remote.session, ours)).collect()
    }

    /// Takes an offer of the phone, and agrees on `preferred` if it speaks that, else on its own first choice. What cannot
    /// be met changes nothing.
    pub fn take_offer(
        &mut self,
        mut offer: sdp::Description,
        ours: &[Codec],
        preferred: Option<Codec>,
    ) -> Result<(), Unmet> {
        offer.choose(|session| !shared(session, ours).is_empty() && self.keying.accepts(session));
        let shared = shared(&offer.session, ours);
        let preferred = preferred.filter(|codec| shared.contains(codec));
        let codec = preferred.or_else(|| shared.first().copied()).ok_or(Unmet::Codec)?;
        self.keying.take_offer(&offer.session).map_err(Unmet::Keying)?;
        (self.remote, self.codec) = (Some(offer), Some(codec));
        Ok(())
    }

    /// Takes the phone's answer to our offer, and agrees on its first choice. What cannot be used changes nothing.
    pub fn take_answer(&mut self, answer: sdp::Description, ours: &[Codec]) -> Result<Codec, Unmet> {
        let codec = shared(&answer.session, ours).first().copied().ok_or(Unmet::Codec)?;
        self.keying.take_answer(&answer.session).map_err(Unmet::Keying)?;
        (self.remote, self.codec) = (Some(answer), Some(codec));
        Ok(codec)
    }

    pub fn agreement(&self) -> Agreement {
        Agreement { remote: self.remote.clone(), codec: self.codec, keys: self.keying.agreed() }
    }

    pub fn return_to(&mut self, agreement: Agreement) {
        let Agreement { remote, codec, keys } = agreement;
        (self.remote, self.codec) = (remote, codec);
        self.keying.return_to(keys);
    }

    pub fn offer(&mut self, codecs: Vec<Codec>, direction: sdp::Direction) -> Vec<u8> {
        self.origin.advance();
        let secured = self.keying.offer();
        sdp::offer(&self.origin, &self.declaration(codecs, direction, secured), self.remote.as_ref())
    }

    /// What goes into our response to an INVITE: the answer, or an offer where the INVITE had none; the latter only in a
    /// response that surely arrives.
    pub fn describe(&mut self, arrives: bool, codecs: Vec<Codec>, direction: sdp::Direction) -> Option<Vec<u8>> {
        if self.settled {
            return None;
        }
        self.settled = arrives;
        if self.remote.is_some() {
            self.codec_told = true;
            return self.answer(direction);
        }
        self.awaits_answer = arrives;
        self.awaits_answer.then(|| self.offer(codecs, direction))
    }

    /// Answers the offer last taken. `direction` is what we would do; the offer may leave less of it.
    pub fn answer(&mut self, direction: sdp::Direction) -> Option<Vec<u8>> {
        self.origin.advance();
        let local = self.declaration(vec![self.codec?], direction, self.keying.answer());
        sdp::answer(&self.origin, &local, self.remote.as_ref()?)
    }

    /// Always with telephone-events: the other party gets them in whatever form it has.
    fn declaration(&self, codecs: Vec<Codec>, direction: sdp::Direction, secured: sdp::Secured) -> sdp::Local {
        sdp::Local { address: self.local, codecs, events: true, direction, ptime: PTIME_MS, secured }
    }
}

fn shared(session: &sdp::Session, ours: &[Codec]) -> Vec<Codec> {
    session.codecs.iter().map(|(codec, _)| *codec).filter(|codec| ours.contains(codec)).collect()
}
