//! A call in (外線通話): from the address of a trunk, to whom its rules name.

use super::{Embedded, Now, Trunk};
use crate::{
    dialplan::Route,
    model::{ExtensionNumber, OutsideNumber, Party, TrunkName},
    sip::{Flow, NameAddr, Request, ServerTx},
    switch::{
        Event,
        embedded::{call::Target, guest::Caller, leg::MediaPorts},
    },
};
use percent_encoding::percent_decode_str;

impl<P: MediaPorts> Embedded<P> {
    /// The trunk that an INVITE comes from. Of several at one address: the one whose name was called, as it registered, or
    /// the first that has a rule for the number.
    pub(in super::super) fn trunk_of(&self, flow: Flow, request: &Request) -> Option<TrunkName> {
        let here: Vec<&Trunk> = self.trunks.0.values().filter(|trunk| trunk.entry.speaks_on(flow)).collect();
        let user = request.parsed_uri().ok().and_then(|uri| uri.user);
        let named = here.iter().find(|trunk| Some(trunk.name().as_str()) == user.as_deref());
        let meant = || here.iter().find(|trunk| self.is_meant_for_trunk(trunk, request));
        named.or_else(meant).or(here.first()).map(|trunk| trunk.name().clone())
    }

    fn is_meant_for_trunk(&self, trunk: &Trunk, request: &Request) -> bool {
        let called = self.called(trunk.name(), request);
        called.is_some_and(|called| self.dialplan.inbound(trunk.name(), &called).is_some())
    }

    pub(in super::super) fn call_from_trunk(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        request: Request,
        trunk: TrunkName,
    ) {
        if self.trunks.get(&trunk).is_some_and(|trunk| trunk.entry.trunk.mobile) {
            return self.mobile_user_calls(now, tx, flow, &request, trunk);
        }
        let called = self.called(&trunk, &request);
        match called.and_then(|called| self.dialplan.inbound(&trunk, &called)) {
            Some(target) => {
                let number = self.calling(&request).filter(|_| !is_withheld(&request));
                let source = Party::Outside { trunk, number };
                self.place_call(now, tx, flow, request, source, Target::Extension(target));
            }
            None => self.endpoint.respond_stateless(tx, request.reply(404, "")),
        }
    }

    /// D2: to the codes behind the mobile prefix, and to nothing else.
    fn mobile_user_calls(&mut self, now: Now, tx: ServerTx, flow: Flow, request: &Request, trunk: TrunkName) {
        let caller = self.calling(request);
        let Some(extension) = caller.as_ref().and_then(|number| self.mobile_user(number)) else {
            return self.endpoint.respond_stateless(tx, request.reply(403, ""));
        };
        let dialled = self.called_user(&trunk, request).unwrap_or_default();
        match self.dialplan.route(&dialled) {
            Route::Feature(feature) if feature.mobile => {
                let source = Caller { extension, party: Party::Outside { trunk, number: caller } };
                self.arrive(now, tx, flow, request, source, feature);
            }
            Route::Refuse { status, refusal } => {
                self.endpoint.respond_stateless(tx, request.reply(status, ""));
                if let Some(refusal) = refusal {
                    self.event(Event::Refused { source: extension, refusal });
                }
            }
            Route::Feature(_) | Route::Extension(_) | Route::Outside(_) | Route::Unknown => {
                self.endpoint.respond_stateless(tx, request.reply(404, ""));
            }
        }
    }

    fn mobile_user(&self, number: &OutsideNumber) -> Option<ExtensionNumber> {
        self.dialplan.mobile_user(number).filter(|extension| self.directory.contains(extension)).cloned()
    }

    fn called(&self, trunk: &TrunkName, request: &Request) -> Option<OutsideNumber> {
        self.number(&self.called_user(trunk, request)?)
    }

    /// Whom the trunk calls: who was called at our contact stands in P-Called-Party-ID (RFC 7315 §4.2) or in To.
    fn called_user(&self, trunk: &TrunkName, request: &Request) -> Option<String> {
        let user = request.parsed_uri().ok()?.user.filter(|user| user != trunk.as_str());
        user.or_else(|| {
            let party = request.headers.addresses("P-Called-Party-ID").ok().and_then(|ids| ids.into_iter().next());
            party.or_else(|| request.headers.to().ok())?.parsed_uri().ok()?.user
        })
    }

    /// Who calls: as the trunk asserts it (RFC 3325 §9.1), else as From has it.
    fn calling(&self, request: &Request) -> Option<OutsideNumber> {
        let asserted = request.headers.addresses("P-Asserted-Identity").unwrap_or_default();
        let from = request.headers.from().ok();
        let number = |address: &NameAddr| self.number(&address.parsed_uri().ok()?.user?);
        asserted.iter().find_map(number).or_else(|| number(from.as_ref()?))
    }

    /// A number as it is written here, from a user part with whatever parameters.
    fn number(&self, user: &str) -> Option<OutsideNumber> {
        let plain = percent_decode_str(user.split(';').next()?).decode_utf8().ok()?;
        self.dialplan.written_here(&plain)
    }
}

/// RFC 3323 §4.2, RFC 3325 §9.3: the number is for us, not for the phone that rings.
fn is_withheld(request: &Request) -> bool {
    let values = request.headers.all("Privacy").flat_map(|value| value.split(';'));
    values.map(str::trim).any(|value| ["id", "user", "header"].iter().any(|word| value.eq_ignore_ascii_case(word)))
}
