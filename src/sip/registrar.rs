//! RFC 3261 §10.3: who is reached where.
//!
//! In come REGISTERs of phones that have proven who they are, and the time as Unix milliseconds (bindings outlive a
//! process); out go responses, bindings, and the changes that a store writes down. Absent on purpose: digest, and the
//! store itself.

use super::{Contacts, Flow, NameAddr, Request, Response, Uri};
use crate::model::ExtensionNumber;
use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
};

/// A phone that registers more contacts than this loses the one that would expire first.
pub const MAX_BINDINGS_PER_EXTENSION: usize = 10;

#[derive(Clone, Copy, Debug)]
pub struct RegistrarConfig {
    pub default_expires_s: u32,
    pub min_expires_s: u32,
    pub max_expires_s: u32,
}

impl Default for RegistrarConfig {
    fn default() -> Self {
        Self { default_expires_s: 3600, min_expires_s: 30, max_expires_s: 3600 }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct Binding {
    pub extension: ExtensionNumber,
    pub contact: Uri,
    /// The way the REGISTER came: requests go back on it, so that a phone behind NAT is reached.
    pub flow: Flow,
    pub expires_at_unix_ms: u64,
    /// `+sip.instance` (RFC 5626 §4.1).
    pub instance: Option<String>,
    /// Preference in thousandths, 0 to 1000.
    pub q: u16,
    pub call_id: String,
    pub cseq: u32,
}

/// What a store writes down.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    Upsert(Binding),
    Remove { extension: ExtensionNumber, contact: Uri },
}

#[derive(Default)]
pub struct Registrar {
    config: RegistrarConfig,
    bindings: BTreeMap<ExtensionNumber, Vec<Binding>>,
    changes: VecDeque<Change>,
    /// No binding expires before this.
    sweep_at: Option<u64>,
}

impl Registrar {
    pub fn new(config: RegistrarConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Bindings that an earlier process wrote down.
    pub fn load(&mut self, bindings: Vec<Binding>) {
        for binding in bindings {
            self.sweep_by(binding.expires_at_unix_ms);
            self.bindings.entry(binding.extension.clone()).or_default().push(binding);
        }
    }

    /// Answers a REGISTER of a phone that is known to be `extension`. All of it takes effect, or nothing (§10.3).
    pub fn register(&mut self, now_ms: u64, extension: &ExtensionNumber, flow: Flow, request: &Request) -> Response {
        self.handle_timeout(now_ms);
        let verdict = self.read(now_ms, extension, flow, request);
        match verdict {
            Ok(Wish::Ask) => {}
            Ok(Wish::RemoveAll) => self.remove_all(extension),
            Ok(Wish::Change(wishes)) => wishes.into_iter().for_each(|wish| self.apply(extension, wish)),
            Err(Flaw::TooBrief) => {
                let mut response = request.reply(423, "");
                response.headers.push("Min-Expires", self.config.min_expires_s);
                return response;
            }
            Err(Flaw::Malformed) => return request.reply(400, ""),
            Err(Flaw::OutOfOrder) => return request.reply(500, "Request Out Of Order"),
        }
        self.listing(now_ms, extension, request)
    }

    /// Where an extension is reached now, the preferred first.
    pub fn contacts_of(&self, extension: &ExtensionNumber, now_ms: u64) -> Vec<Binding> {
        let mut contacts: Vec<_> = self.live(extension, now_ms).cloned().collect();
        contacts.sort_by_key(|binding| (std::cmp::Reverse(binding.q), std::cmp::Reverse(binding.expires_at_unix_ms)));
        contacts
    }

    /// The phones behind a NAT, of those whose number is `asked`.
    pub fn behind_nat(&self, now_ms: u64, asked: impl Fn(&ExtensionNumber) -> bool) -> Vec<Binding> {
        let these = self.bindings.keys().filter(|number| asked(number));
        these.flat_map(|number| self.live(number, now_ms)).filter(|binding| binding.is_behind_nat()).cloned().collect()
    }

    pub fn has_phones_behind_nat(&self) -> bool {
        self.bindings.values().flatten().any(Binding::is_behind_nat)
    }

    /// Forgets every binding of an extension that is no more.
    pub fn remove_all(&mut self, extension: &ExtensionNumber) {
        for binding in self.bindings.remove(extension).unwrap_or_default() {
            self.changes.push_back(Change::Remove { extension: binding.extension, contact: binding.contact });
        }
    }

    /// Every binding, also of phones that may have gone.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.values().flatten()
    }

    /// Whether a phone of that extension stands at an address now.
    pub fn stands_at(&self, extension: &ExtensionNumber, address: IpAddr, now_ms: u64) -> bool {
        self.live(extension, now_ms).any(|binding| binding.flow.remote.ip() == address)
    }

    /// Every extension that has a binding.
    pub fn extensions(&self) -> Vec<ExtensionNumber> {
        self.bindings.keys().cloned().collect()
    }

    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// The clock goes on from elsewhere: who stands here stays as long as was granted.
    pub fn clock_was_set(&mut self, by_ms: i64) {
        for binding in self.bindings.values_mut().flatten() {
            binding.expires_at_unix_ms = binding.expires_at_unix_ms.saturating_add_signed(by_ms);
            self.changes.push_back(Change::Upsert(binding.clone()));
        }
        self.sweep_at = self.sweep_at.map(|at| at.saturating_add_signed(by_ms));
    }

    /// When the next binding may expire.
    pub fn poll_timeout(&self) -> Option<u64> {
        self.sweep_at
    }

    pub fn handle_timeout(&mut self, now_ms: u64) {
        if self.sweep_at.is_none_or(|at| now_ms < at) {
            return;
        }
        for held in self.bindings.values_mut() {
            for gone in held.extract_if(.., |binding| binding.expires_at_unix_ms <= now_ms) {
                self.changes.push_back(Change::Remove { extension: gone.extension, contact: gone.contact });
            }
        }
        self.bindings.retain(|_, held| !held.is_empty());
        self.sweep_at = self.bindings.values().flatten().map(|binding| binding.expires_at_unix_ms).min();
    }
}

impl Binding {
    /// It is not where its Contact says: a NAT stands between (RFC 3581). Over a connection the way stays open by itself.
    pub fn is_behind_nat(&self) -> bool {
        !self.flow.transport.is_reliable() && self.contact.socket_address() != Some(self.flow.remote)
    }
}

enum Wish {
    /// No Contact: the phone asks what is there.
    Ask,
    RemoveAll,
    Change(Vec<BindingWish>),
}

enum BindingWish {
    Bind(Binding),
    Unbind(Uri),
}

enum Flaw {
    Malformed,
    /// 423.
    TooBrief,
    /// A CSeq that is not higher than the one that made the binding.
    OutOfOrder,
}

impl Registrar {
    fn read(&self, now_ms: u64, extension: &ExtensionNumber, flow: Flow, request: &Request) -> Result<Wish, Flaw> {
        let headers = &request.headers;
        let expires = headers.expires().map_err(|_| Flaw::Malformed)?;
        let cseq = headers.cseq().map_err(|_| Flaw::Malformed)?.number;
        let order = Order { call_id: headers.call_id(), cseq };
        match headers.contacts().map_err(|_| Flaw::Malformed)? {
            None => Ok(Wish::Ask),
            Some(Contacts::All) if expires != Some(0) => Err(Flaw::Malformed),
            Some(Contacts::All) => {
                let held = self.held(extension);
                if held.iter().any(|binding| order.is_behind(binding)) {
                    Err(Flaw::OutOfOrder)
                } else {
                    Ok(Wish::RemoveAll)
                }
            }
            Some(Contacts::These(contacts)) => {
                let wishes = contacts.into_iter().map(|contact| {
                    let expires_s = self.granted(contact.expires().or(expires))?;
                    self.read_contact(extension, &order, contact, now_ms, expires_s, flow)
                });
                wishes.collect::<Result<_, _>>().map(Wish::Change)
            }
        }
    }

    fn read_contact(
        &self,
        extension: &ExtensionNumber,
        order: &Order<'_>,
        contact: NameAddr,
        now_ms: u64,
        expires_s: u32,
        flow: Flow,
    ) -> Result<BindingWish, Flaw> {
        let uri = contact.parsed_uri().map_err(|_| Flaw::Malformed)?;
        let same = self.held(extension).iter().find(|binding| binding.contact.names_the_same_as(&uri));
        if same.is_some_and(|binding| order.is_behind(binding)) {
            return Err(Flaw::OutOfOrder);
        }
        if expires_s == 0 {
            return Ok(BindingWish::Unbind(uri));
        }
        Ok(BindingWish::Bind(Binding {
            extension: extension.clone(),
            contact: uri,
            flow,
            expires_at_unix_ms: now_ms + u64::from(expires_s) * 1000,
            instance: contact.instance(),
            q: contact.q(),
            call_id: order.call_id.to_owned(),
            cseq: order.cseq,
        }))
    }

    fn granted(&self, wished: Option<u32>) -> Result<u32, Flaw> {
        match wished.unwrap_or(self.config.default_expires_s) {
            0 => Ok(0),
            brief if brief < self.config.min_expires_s => Err(Flaw::TooBrief),
            fit => Ok(fit.min(self.config.max_expires_s)),
        }
    }

    fn apply(&mut self, extension: &ExtensionNumber, wish: BindingWish) {
        match wish {
            BindingWish::Unbind(uri) => self.drop_where(extension, |binding| binding.contact.names_the_same_as(&uri)),
            BindingWish::Bind(new) => {
                // A phone that restarts on another port is still that phone.
                self.drop_where(extension, |old| {
                    let renewed = old.contact.names_the_same_as(&new.contact);
                    (renewed && old.contact != new.contact)
                        || (!renewed && old.instance.is_some() && old.instance == new.instance)
                });
                self.bind(new);
            }
        }
    }

    fn bind(&mut self, new: Binding) {
        self.sweep_by(new.expires_at_unix_ms);
        self.changes.push_back(Change::Upsert(new.clone()));
        let held = self.bindings.entry(new.extension.clone()).or_default();
        match held.iter_mut().find(|old| old.contact == new.contact) {
            Some(old) => *old = new,
            None => held.push(new),
        }
        if held.len() > MAX_BINDINGS_PER_EXTENSION {
            let first = held.iter().enumerate().min_by_key(|(_, binding)| binding.expires_at_unix_ms);
            if let Some(at) = first.map(|(at, _)| at) {
                let gone = held.remove(at);
                self.changes.push_back(Change::Remove { extension: gone.extension, contact: gone.contact });
            }
        }
    }

    fn sweep_by(&mut self, expires_at_unix_ms: u64) {
        self.sweep_at = Some(self.sweep_at.map_or(expires_at_unix_ms, |at| at.min(expires_at_unix_ms)));
    }

    fn drop_where(&mut self, extension: &ExtensionNumber, fits: impl Fn(&Binding) -> bool) {
        let Some(held) = self.bindings.get_mut(extension) else { return };
        for gone in held.extract_if(.., |binding| fits(binding)) {
            self.changes.push_back(Change::Remove { extension: gone.extension, contact: gone.contact });
        }
        if held.is_empty() {
            self.bindings.remove(extension);
        }
    }

    fn listing(&self, now_ms: u64, extension: &ExtensionNumber, request: &Request) -> Response {
        let mut response = request.reply(200, "");
        for binding in self.live(extension, now_ms) {
            let left_s = (binding.expires_at_unix_ms - now_ms) / 1000;
            response.headers.push("Contact", format!("<{}>;expires={left_s}", binding.contact));
        }
        response
    }

    fn held(&self, extension: &ExtensionNumber) -> &[Binding] {
        self.bindings.get(extension).map_or(&[], Vec::as_slice)
    }

    fn live(&self, extension: &ExtensionNumber, now_ms: u64) -> impl Iterator<Item = &Binding> {
        self.held(extension).iter().filter(move |binding| binding.expires_at_unix_ms > now_ms)
    }
}

struct Order<'a> {
    call_id: &'a str,
    cseq: u32,
}

impl Order<'_> {
    fn is_behind(&self, binding: &Binding) -> bool {
        binding.call_id == self.call_id && self.cseq <= binding.cseq
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{Method, Transport};

    const NOW: u64 = 1_700_000_000_000;

    struct Rig {
        registrar: Registrar,
        cseq: u32,
    }

    impl Rig {
        fn new() -> Self {
            Self { registrar: Registrar::default(), cseq: 0 }
        }

        fn request(&mut self, headers: &[(&str, &str)]) -> Request {
            self.cseq += 1;
            let mut request = Request::new(Method::Register, "sip:sip.example");
            request.headers.push("Call-ID", "r");
            request.headers.push("CSeq", format!("{} REGISTER", self.cseq));
            headers.iter().for_each(|(name, value)| request.headers.push(name, value));
            request
        }

        fn register(&mut self, at: u64, headers: &[(&str, &str)]) -> Response {
            let request = self.request(headers);
            self.registrar.register(at, &extension(), flow(), &request)
        }

        fn contacts(&self, at: u64) -> Vec<String> {
            self.registrar.contacts_of(&extension(), at).iter().map(|binding| binding.contact.to_string()).collect()
        }

        fn changes(&mut self) -> Vec<String> {
            std::iter::from_fn(|| self.registrar.poll_change())
                .map(|change| match change {
                    Change::Upsert(binding) => format!("+{}", binding.contact),
                    Change::Remove { contact, .. } => format!("-{contact}"),
                })
                .collect()
        }
    }

    fn extension() -> ExtensionNumber {
        "1000".parse().unwrap()
    }

    fn flow() -> Flow {
        Flow {
            transport: Transport::Udp,
            local: "192.0.2.9:5060".parse().unwrap(),
            remote: "203.0.113.5:40123".parse().unwrap(),
        }
    }

    #[test]
    fn a_binding_lives_as_long_as_it_was_granted_and_is_reached_on_its_flow() {
        let mut rig = Rig::new();
        let response = rig.register(NOW, &[("Contact", "<sip:1000@10.0.0.7:5062>"), ("Expires", "60")]);
        assert_eq!(
            (response.code, response.headers.get("Contact")),
            (200, Some("<sip:1000@10.0.0.7:5062>;expires=60"))
        );
        assert_eq!(rig.registrar.contacts_of(&extension(), NOW + 59_999)[0].flow, flow());
        assert!(rig.contacts(NOW + 60_000).is_empty());
        assert_eq!(rig.registrar.poll_timeout(), Some(NOW + 60_000));
        rig.registrar.handle_timeout(NOW + 60_000);
        assert_eq!(rig.changes(), ["+sip:1000@10.0.0.7:5062", "-sip:1000@10.0.0.7:5062"]);
        assert_eq!(rig.registrar.poll_timeout(), None);
    }

    #[test]
    fn several_contacts_each_with_its_own_life_the_preferred_first() {
        let mut rig = Rig::new();
        let both = "<sip:1000@10.0.0.7>;expires=60;q=0.2, <sip:1000@10.0.0.8>;q=0.9";
        rig.register(NOW, &[("Contact", both), ("Expires", "120")]);
        assert_eq!(rig.contacts(NOW), ["sip:1000@10.0.0.8", "sip:1000@10.0.0.7"]);
        assert_eq!(rig.contacts(NOW + 61_000), ["sip:1000@10.0.0.8"]);
        let asked = rig.register(NOW + 61_000, &[]);
        assert_eq!(asked.headers.all("Contact").collect::<Vec<_>>(), ["<sip:1000@10.0.0.8>;expires=59"]);
    }

    #[test]
    fn zero_unbinds_one_and_a_star_all() {
        let mut rig = Rig::new();
        rig.register(NOW, &[("Contact", "<sip:1000@10.0.0.7>, <sip:1000@10.0.0.8>, <sip:1000@10.0.0.9>")]);
        rig.register(NOW, &[("Contact", "<sip:1000@10.0.0.8>;expires=0")]);
        assert_eq!(rig.contacts(NOW).len(), 2);
        assert_eq!(rig.register(NOW, &[("Contact", "*")]).code, 400);
        assert_eq!(rig.register(NOW, &[("Contact", "*"), ("Expires", "60")]).code, 400);
        assert_eq!(rig.contacts(NOW).len(), 2);
        assert_eq!(rig.register(NOW, &[("Contact", "*"), ("Expires", "0")]).code, 200);
        assert!(rig.contacts(NOW).is_empty());
    }

    #[test]
    fn too_brief_is_423_and_too_long_is_shortened() {
        let mut rig = Rig::new();
        let brief = rig.register(NOW, &[("Contact", "<sip:1000@10.0.0.7>"), ("Expires", "5")]);
        assert_eq!((brief.code, brief.headers.get("Min-Expires")), (423, Some("30")));
        assert!(rig.contacts(NOW).is_empty());
        let long = rig.register(NOW, &[("Contact", "<sip:1000@10.0.0.7>"), ("Expires", "99999999999")]);
        assert_eq!(long.headers.get("Contact"), Some("<sip:1000@10.0.0.7>;expires=3600"));
    }

    #[test]
    fn a_register_out_of_order_changes_nothing() {
        let mut rig = Rig::new();
        let old = rig.request(&[("Contact", "<sip:1000@10.0.0.7>;expires=0")]);
        rig.register(NOW, &[("Contact", "<sip:1000@10.0.0.7>")]);
        assert_eq!(rig.registrar.register(NOW, &extension(), flow(), &old).code, 500);
        assert_eq!(rig.contacts(NOW).len(), 1);
    }

    #[test]
    fn one_bad_contact_spoils_the_whole_request() {
        let mut rig = Rig::new();
        assert_eq!(rig.register(NOW, &[("Contact", "<sip:1000@10.0.0.7>, <sip:1000@10.0.0.8>;expires=1")]).code, 423);
        assert!(rig.contacts(NOW).is_empty() && rig.changes().is_empty());
    }

    #[test]
    fn a_phone_that_restarts_on_another_port_replaces_itself() {
        let mut rig = Rig::new();
        rig.register(NOW, &[("Contact", "<sip:1000@10.0.0.7:1>;+sip.instance=\"<urn:uuid:1>\"")]);
        rig.register(NOW, &[("Contact", "<sip:1000@10.0.0.7:2>;+sip.instance=\"<urn:uuid:1>\"")]);
        assert_eq!(rig.contacts(NOW), ["sip:1000@10.0.0.7:2"]);
        assert_eq!(rig.changes(), ["+sip:1000@10.0.0.7:1", "-sip:1000@10.0.0.7:1", "+sip:1000@10.0.0.7:2"]);
    }

    #[test]
    fn beyond_the_bound_the_first_to_expire_goes() {
        let mut rig = Rig::new();
        for port in 0..=MAX_BINDINGS_PER_EXTENSION {
            let expires = (100 + port).to_string();
            rig.register(NOW, &[("Contact", &format!("<sip:1000@10.0.0.7:{}>", 5000 + port)), ("Expires", &expires)]);
        }
        let contacts = rig.contacts(NOW);
        assert_eq!(contacts.len(), MAX_BINDINGS_PER_EXTENSION);
        assert!(!contacts.contains(&"sip:1000@10.0.0.7:5000".to_owned()));
    }

    #[test]
    fn what_was_written_down_is_found_again() {
        let mut rig = Rig::new();
        rig.register(NOW, &[("Contact", "<sip:1000@10.0.0.7>")]);
        let mut later = Registrar::default();
        later.load(rig.registrar.contacts_of(&extension(), NOW));
        assert_eq!(later.contacts_of(&extension(), NOW).len(), 1);
        assert!(later.poll_change().is_none());
    }
}
