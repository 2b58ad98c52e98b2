//! A call out (発信通話): over the first of its trunks that is up and takes it.

use super::{Embedded, Now, Trouble, TrunkEntry};
use crate::{
    dialplan::OutsideDial,
    model::{CallEnding, CallId, OutsideNumber, Party, TrunkIdentity, TrunkName},
    sip::{Flow, Method, NameAddr, Request, sdp},
    switch::embedded::{
        Purpose,
        call::{Branch, Call, Stage},
        leg::{Leg, MediaPorts},
    },
};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// How long a trunk may take to say anything at all about a call before the next one is tried.
const FIRST_WORD_TIMEOUT: Duration = Duration::from_secs(5);

/// What a call that goes out may still try.
pub(in super::super) struct WayOut {
    /// The number as trunks are asked for it.
    sent: OutsideNumber,
    left: VecDeque<TrunkName>,
    /// Until when the present trunk must have said something; `None` once it has.
    silent_until: Option<Instant>,
}

impl WayOut {
    pub fn silent_until(&self) -> Option<Instant> {
        self.silent_until
    }
}

impl<P: MediaPorts> Embedded<P> {
    /// The way that a call to this number takes, with the first trunk that is up and the flow to it.
    pub(in super::super) fn way_out(&self, dial: &OutsideDial) -> Option<(TrunkName, Flow, WayOut)> {
        let up = |name: &TrunkName| self.trunks.get(name).and_then(|trunk| trunk.way_out());
        let (first, flow) = dial.trunks.iter().find_map(|name| Some((name.clone(), up(name)?)))?;
        let left = dial.trunks.iter().skip_while(|name| **name != first).cloned().collect();
        Some((first, flow, WayOut { sent: dial.sent.clone(), left, silent_until: None }))
    }

    /// Sends the INVITE over the next trunk that is up. `false`: none is left.
    pub(in super::super) fn ring_outside(&mut self, now: Now, id: CallId) -> bool {
        while let Some((name, sent)) = self.next_way(id) {
            let Some(flow) = self.trunks.get(&name).and_then(|trunk| trunk.way_out()) else { continue };
            let Some(request) = self.invite_outside(id, &name, &sent, flow) else { return false };
            let (tx, request) = self.send(now, request, flow);
            self.by_client_tx.insert(tx, Purpose::Ring { call: id });
            if let Some(Call { stage: Stage::Ringing { branches, way_out: Some(way), .. }, .. }) =
                self.calls.get_mut(&id)
            {
                branches.push(Branch { tx, flow, request, early: vec![] });
                way.silent_until = Some(now.instant + FIRST_WORD_TIMEOUT);
            }
            self.set_call_alarm(id);
            return true;
        }
        false
    }

    fn next_way(&mut self, id: CallId) -> Option<(TrunkName, OutsideNumber)> {
        let Stage::Ringing { way_out: Some(way), .. } = &mut self.calls.get_mut(&id)?.stage else { return None };
        Some((way.left.pop_front()?, way.sent.clone()))
    }

    fn invite_outside(&mut self, id: CallId, name: &TrunkName, sent: &OutsideNumber, flow: Flow) -> Option<Request> {
        let call = self.calls.get(&id)?;
        let (caller, callee) = (call.caller, call.callee);
        let codecs = self.offered_beside(caller);
        let caller = self.legs.get(&caller)?.party.clone();
        let Leg { party, flow: way, media, .. } = self.legs.get_mut(&callee)?;
        if let Party::Outside { trunk, .. } = party {
            *trunk = name.clone();
        }
        *way = flow;
        let offer = media.offer(codecs, sdp::Direction::SendRecv);
        let entry = &self.trunks.get(name)?.entry;
        let uri = format!("sip:{sent}@{}", entry.trunk.domain());
        let shown = self.shown_number(entry, &caller);
        let asserted = NameAddr::new(format!("sip:{shown}@{}", entry.trunk.domain()));
        let from = match entry.trunk.identity {
            TrunkIdentity::From => asserted.clone(),
            TrunkIdentity::Asserted => NameAddr::new(entry.address_of_record()),
        };
        let identity = entry.trunk.identity;
        let mut request = self.outside_dialog(Method::Invite, &*uri, from, NameAddr::new(&*uri));
        request.headers.push_front("Max-Forwards", 70);
        self.introduce(flow, false, &mut request.headers);
        request.headers.set("Contact", format!("<{}>", self.trunk_contact(name, flow)));
        self.ask_session(id, &mut request);
        match identity {
            TrunkIdentity::From => {}
            TrunkIdentity::Asserted => request.headers.push("P-Asserted-Identity", asserted),
        }
        request.set_body(sdp::CONTENT_TYPE, offer);
        Some(request)
    }

    /// The number that is shown to who is called: the caller's own on that trunk, else the trunk's, else the extension.
    fn shown_number(&self, entry: &TrunkEntry, caller: &Party) -> String {
        let own = caller.extension().and_then(|number| self.dialplan.own_number(&entry.trunk.name, number));
        own.or(entry.trunk.caller_id.as_ref()).map_or_else(|| caller.to_string(), OutsideNumber::to_string)
    }

    /// The trunk has said something; `progress`: more than that it tries, so no other trunk is tried after it.
    pub(in super::super) fn heard_from_trunk(&mut self, id: CallId, progress: bool) {
        if let Some(Call { stage: Stage::Ringing { way_out: Some(way), .. }, .. }) = self.calls.get_mut(&id) {
            way.silent_until = None;
            if progress {
                way.left.clear();
            }
        }
    }

    /// A trunk that says nothing to a call is down; the call goes on over the next.
    pub(in super::super) fn give_up_silent_trunk(&mut self, now: Now, id: CallId) {
        self.abandon_branches(now, id);
        self.heard_from_trunk(id, false);
        self.trunk_is_silent(now, id);
        if !self.ring_outside(now, id) {
            self.give_up(now, id, 503, CallEnding::of_refusal(503));
        }
    }

    /// One trunk would not take a call. `true`: another one is being tried.
    pub(in super::super) fn goes_another_way(&mut self, now: Now, id: CallId, code: u16) -> bool {
        matches!(code, 401 | 407 | 408 | 500..=599) && self.ring_outside(now, id)
    }

    fn trunk_is_silent(&mut self, now: Now, id: CallId) {
        let party = self.calls.get(&id).and_then(|call| self.legs.get(&call.callee)).map(|leg| leg.party.clone());
        if let Some(Party::Outside { trunk, .. }) = party
            && let Some(trunk) = self.trunks.get_mut(&trunk)
        {
            trunk.is_down(now.instant, Trouble::NoAnswer);
        }
    }
}

/// What the caller hears when a trunk would not: that our account was refused, or where else to go, is our own affair.
pub(in super::super) fn told(code: u16) -> u16 {
    match code {
        300..=399 | 401 | 407 | 408 | 500..=599 => 503,
        _ => code,
    }
}

/// Whether a call is one that goes out over trunks.
pub(in super::super) fn goes_out(stage: &Stage) -> bool {
    match stage {
        Stage::Ringing { way_out, .. } => way_out.is_some(),
        Stage::Talking { .. } => false,
    }
}
