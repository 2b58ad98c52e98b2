//! A trunk is registered with before the registration runs out (RFC 3261 §10.2), and asked by OPTIONS whether it is there
//! (§11): one that does not answer is passed over until it does.

use super::{
    Embedded, Now, Trouble, Trunk, TrunkEntry,
    signed::{Account, Signed},
};
use crate::{
    model::TrunkName,
    sip::{Contacts, Flow, Method, NameAddr, Request, Response},
    switch::embedded::{Purpose, leg::MediaPorts},
};
use std::time::{Duration, Instant};

/// What we ask a registrar for; it may grant another.
const EXPIRES_S: u32 = 3600;

/// The most that is believed of a grant.
const MAX_EXPIRES_S: u32 = 24 * 3600;

/// How long after a registration failed it is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// The same when the account was refused: trying more often would have it locked.
const RETRY_ACCOUNT: Duration = Duration::from_secs(300);

/// How often a trunk is asked whether it is there; it keeps the way through a NAT open, too.
const PING_EVERY: Duration = Duration::from_secs(30);

/// The same while it is not, at first; twice as long each time that it does not answer.
const PING_WHEN_DOWN: Duration = Duration::from_secs(10);

/// At most (RFC 5626 §4.5 has the pattern).
const PING_WHEN_DOWN_MAX: Duration = Duration::from_secs(120);

/// How soon after a connection was lost the next one is opened: who closes each at once is not called in a circle.
const RECONNECT: Duration = Duration::from_secs(1);

/// How long it may take over its answer.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Registration {
    call_id: String,
    cseq: u32,
    expires_s: u32,
    state: State,
}

enum State {
    /// Not one to register with.
    Off,
    Due(Instant),
    Asked,
    Held {
        renew_at: Instant,
        until: Instant,
    },
    /// Asked to renew what still holds.
    Renewing {
        until: Instant,
    },
}

pub(super) enum Ping {
    Due(Instant),
    Asked { until: Instant },
}

impl Registration {
    pub fn is_held(&self) -> bool {
        matches!(self.state, State::Held { .. } | State::Renewing { .. })
    }

    /// Whether the registrar may know of us.
    fn may_stand(&self) -> bool {
        matches!(self.state, State::Asked | State::Held { .. } | State::Renewing { .. })
    }

    /// What was tried in vain is tried now.
    fn hurry(&mut self, now: Instant) {
        if let State::Due(at) = &mut self.state {
            *at = now.min(*at);
        }
    }

    fn due(&self) -> Option<Instant> {
        match self.state {
            State::Due(at) => Some(at),
            State::Held { renew_at, .. } => Some(renew_at),
            State::Renewing { until } => Some(until),
            State::Off | State::Asked => None,
        }
    }
}

impl Trunk {
    pub(super) fn new(now: Instant, entry: TrunkEntry) -> Self {
        let state = if entry.trunk.registers && entry.flow.is_some() { State::Due(now) } else { State::Off };
        let trouble = entry.flow.is_none().then_some(Trouble::NoAddress);
        Self {
            registration: Registration { call_id: String::new(), cseq: 0, expires_s: EXPIRES_S, state },
            ping: Ping::Due(now),
            unanswered: 0,
            session: Default::default(),
            reachable: entry.flow.is_none().then_some(false),
            trouble,
            entry,
        }
    }

    /// A REGISTER for as long as that; 0 takes back the one before. `tokens` are for its From tag and, the first time, its
    /// Call-ID.
    fn register(&mut self, contact: &str, tokens: [String; 2], expires_s: u32) -> Request {
        let [tag, call_id] = tokens;
        let registration = &mut self.registration;
        registration.cseq += 1;
        if registration.call_id.is_empty() {
            registration.call_id = call_id;
        }
        let mut request = Request::new(Method::Register, format!("sip:{}", self.entry.trunk.domain()));
        let address_of_record = self.entry.address_of_record();
        request.headers.push("From", NameAddr::new(&*address_of_record).with_param("tag", &tag));
        request.headers.push("To", NameAddr::new(address_of_record));
        request.headers.push("Call-ID", &registration.call_id);
        request.headers.push("CSeq", format!("{} REGISTER", registration.cseq));
        request.headers.push("Contact", format!("<{contact}>"));
        request.headers.push("Expires", expires_s);
        request
    }

    fn next_wake(&self) -> Option<Instant> {
        self.entry.flow?;
        let ping = match self.ping {
            Ping::Due(at) | Ping::Asked { until: at } => at,
        };
        Some(self.registration.due().map_or(ping, |due| due.min(ping)))
    }

    pub(super) fn is_up(&mut self, now: Instant) {
        self.reachable = Some(true);
        self.unanswered = 0;
        if self.trouble == Some(Trouble::NoAnswer) {
            self.registration.hurry(now);
        }
        if matches!(self.trouble, Some(Trouble::NoAnswer | Trouble::Unavailable(_))) {
            self.trouble = None;
        }
    }

    pub(super) fn is_down(&mut self, now: Instant, trouble: Trouble) {
        if self.reachable != Some(false) {
            tracing::warn!(event = "trunk-down", trunk = %self.name(), %trouble);
        }
        self.reachable = Some(false);
        self.trouble = Some(trouble);
        let doubled = PING_WHEN_DOWN * 2_u32.saturating_pow(self.unanswered);
        self.ping = Ping::Due(now + doubled.min(PING_WHEN_DOWN_MAX));
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// A registrar knows us by the connection that we registered on (RFC 5626 §3.3), so that goes with it.
    fn connection_lost(&mut self, now: Instant) {
        if self.reachable != Some(false) {
            self.ping = Ping::Due(now + RECONNECT);
        }
        if self.registration.is_held() {
            self.registration.state = State::Due(now + RECONNECT);
        }
    }
}

impl<P: MediaPorts> Embedded<P> {
    pub(in super::super) fn next_upkeep(&self) -> Option<Instant> {
        self.trunks.0.values().filter_map(Trunk::next_wake).min()
    }

    pub(in super::super) fn tend_trunks(&mut self, now: Now) {
        let due = |trunk: &&Trunk| trunk.next_wake().is_some_and(|at| at <= now.instant);
        let due: Vec<_> = self.trunks.0.values().filter(due).map(|trunk| trunk.name().clone()).collect();
        for name in due {
            self.tend_registration(now, &name);
            self.tend_ping(now, &name);
        }
    }

    /// The connection to a trunk is opened again, unless the trunk is known to be down: then when it is asked next.
    pub(in super::super) fn trunk_connection_lost(&mut self, now: Now, flow: Flow) {
        let lost = |trunk: &&mut Trunk| flow.transport.is_reliable() && trunk.entry.flow == Some(flow);
        self.trunks.0.values_mut().filter(lost).for_each(|trunk| trunk.connection_lost(now.instant));
    }

    fn tend_registration(&mut self, now: Now, name: &TrunkName) {
        let Some(trunk) = self.trunks.get_mut(name) else { return };
        let Some(flow) = trunk.entry.flow.filter(|_| trunk.registration.due().is_some_and(|at| at <= now.instant))
        else {
            return;
        };
        trunk.registration.state = match trunk.registration.state {
            State::Held { until, .. } => State::Renewing { until },
            State::Off | State::Due(_) | State::Asked | State::Renewing { .. } => State::Asked,
        };
        self.send_register(now, name, flow);
    }

    fn send_register(&mut self, now: Now, name: &TrunkName, flow: Flow) {
        let contact = self.trunk_contact(name, flow);
        let tokens = [self.entropy.token(), self.entropy.token()];
        let Some(trunk) = self.trunks.get_mut(name) else { return };
        let request = trunk.register(&contact, tokens, trunk.registration.expires_s);
        let (tx, _) = self.send(now, request, flow);
        self.by_client_tx.insert(tx, Purpose::Register { trunk: name.clone() });
    }

    /// No new calls are wanted: every registrar is told. The trunks stay within reach for the calls that are up.
    pub(in super::super) fn unregister_everywhere(&mut self, now: Now) {
        for name in self.trunks.0.keys().cloned().collect::<Vec<_>>() {
            self.unregister(now, Account::Of(name));
        }
    }

    /// A registrar that may know of us is told that we are there no more (RFC 3261 §10.2.2), and not asked again.
    pub(super) fn unregister(&mut self, now: Now, mut account: Account) {
        let Some(trunk) = account.trunk(&mut self.trunks) else { return };
        let stood = trunk.registration.may_stand();
        trunk.registration.state = State::Off;
        let Some(flow) = trunk.entry.flow.filter(|_| stood) else { return };
        let name = trunk.name().clone();
        let contact = self.trunk_contact(&name, flow);
        let tokens = [self.entropy.token(), self.entropy.token()];
        let Some(trunk) = account.trunk(&mut self.trunks) else { return };
        let request = trunk.register(&contact, tokens, 0);
        let (tx, _) = self.send_signed(now, Signed::new(account, request, flow));
        self.by_client_tx.insert(tx, Purpose::Unregister);
    }

    /// The URI under which a trunk calls us: its name tells it from others of the same address.
    pub(super) fn trunk_contact(&self, name: &TrunkName, flow: Flow) -> String {
        self.contact(flow, false).replacen("sip:", &format!("sip:{name}@"), 1)
    }

    pub(in super::super) fn register_response(&mut self, now: Now, name: &TrunkName, response: &Response) {
        let asked = |trunk: &&mut Trunk| !matches!(trunk.registration.state, State::Off);
        let Some(trunk) = self.trunks.get_mut(name).filter(asked) else { return };
        if let Ok(cseq) = response.headers.cseq() {
            trunk.registration.cseq = trunk.registration.cseq.max(cseq.number);
        }
        match response.code {
            200..=299 => {
                let granted =
                    Duration::from_secs(granted_s(response, name).unwrap_or(trunk.registration.expires_s).into());
                trunk.registration.state =
                    State::Held { renew_at: now.instant + granted * 4 / 5, until: now.instant + granted };
                trunk.trouble = None;
                trunk.is_up(now.instant);
            }
            423 if let Some(longer) = longer_expires(response, trunk.registration.expires_s) => {
                trunk.registration.expires_s = longer;
                trunk.registration.state = State::Due(now.instant);
            }
            401 | 403 | 407 => self.registration_failed(now, name, Trouble::AccountRefused),
            code => self.registration_failed(now, name, Trouble::RegistrationRefused(code)),
        }
    }

    pub(in super::super) fn registration_failed(&mut self, now: Now, name: &TrunkName, trouble: Trouble) {
        let Some(trunk) = self.trunks.get_mut(name) else { return };
        if trunk.trouble != Some(trouble) {
            tracing::warn!(event = "trunk-unregistered", trunk = %name, %trouble);
        }
        trunk.trouble = Some(trouble);
        let retry = now.instant + if trouble == Trouble::AccountRefused { RETRY_ACCOUNT } else { RETRY };
        trunk.registration.state = match trunk.registration.state {
            State::Renewing { until } | State::Held { until, .. } if until > retry => {
                State::Held { renew_at: retry, until }
            }
            State::Off => State::Off,
            State::Due(_) | State::Asked | State::Held { .. } | State::Renewing { .. } => State::Due(retry),
        };
    }

    fn tend_ping(&mut self, now: Now, name: &TrunkName) {
        let Some(trunk) = self.trunks.get_mut(name) else { return };
        let Some(flow) = trunk.entry.flow else { return };
        match trunk.ping {
            Ping::Due(at) if at <= now.instant => {
                trunk.ping = Ping::Asked { until: now.instant + PING_TIMEOUT };
                self.send_ping(now, name, flow);
            }
            Ping::Asked { until } if until <= now.instant => trunk.is_down(now.instant, Trouble::NoAnswer),
            Ping::Due(_) | Ping::Asked { .. } => {}
        }
    }

    fn send_ping(&mut self, now: Now, name: &TrunkName, flow: Flow) {
        let Some(trunk) = self.trunks.get(name) else { return };
        let uri = format!("sip:{}", trunk.entry.trunk.domain());
        let us = NameAddr::new(trunk.entry.address_of_record());
        let request = self.outside_dialog(Method::Options, &*uri, us, NameAddr::new(&*uri));
        let tx = self.endpoint.request(now.instant, request, flow);
        self.by_client_tx.insert(tx, Purpose::Ping { trunk: name.clone() });
    }

    /// Any answer says that it is there, but for the one that says it is not ready for calls.
    pub(in super::super) fn ping_response(&mut self, now: Now, name: &TrunkName, code: u16) {
        let Some(trunk) = self.trunks.get_mut(name) else { return };
        match code {
            408 => trunk.is_down(now.instant, Trouble::NoAnswer),
            503 => trunk.is_down(now.instant, Trouble::Unavailable(503)),
            _ => {
                trunk.is_up(now.instant);
                trunk.ping = Ping::Due(now.instant + PING_EVERY);
            }
        }
    }
}

impl TrunkEntry {
    /// Whether a registration of the one is replaced by that of the other.
    pub(super) fn registers_as(&self, other: &TrunkEntry) -> bool {
        other.trunk.registers && self.flow == other.flow && self.address_of_record() == other.address_of_record()
    }

    /// Who we are there.
    pub(super) fn address_of_record(&self) -> String {
        let user = self.trunk.user.as_deref().unwrap_or(self.trunk.name.as_str());
        format!("sip:{user}@{}", self.trunk.domain())
    }
}

/// What a registrar for whom we ask too little would take.
fn longer_expires(response: &Response, asked: u32) -> Option<u32> {
    let least = response.headers.get("Min-Expires")?.trim().parse().ok()?;
    (asked < least && least <= MAX_EXPIRES_S).then_some(least)
}

/// The seconds granted to our contact, or to all.
fn granted_s(response: &Response, name: &TrunkName) -> Option<u32> {
    let ours = |contact: &NameAddr| contact.parsed_uri().is_ok_and(|uri| uri.user.as_deref() == Some(name.as_str()));
    let of_contact = match response.headers.contacts().ok()? {
        Some(Contacts::These(contacts)) => contacts.iter().find(|contact| ours(contact)).and_then(NameAddr::expires),
        Some(Contacts::All) | None => None,
    };
    let granted = of_contact.or(response.headers.expires().ok()?)?;
    Some(granted.clamp(1, MAX_EXPIRES_S))
}
