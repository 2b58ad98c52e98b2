//! Calls that somebody orders at a screen (再発信, H6): their own phone was rung from the call-back number, and now calls
//! whoever was chosen, as if it had dialled. It hears the ringing from us, since no response can tell it.

use super::{
    Embedded, Now,
    call::{Call, Refused, Stage, Target},
    guest::NO_TICKET,
    leg::{Leg, MediaPorts, Role},
};
use crate::{
    dialplan::Route,
    media,
    model::{CallEnding, CallId, ExtensionNumber, LegId, Prompt, Side},
    switch::Event,
};

impl<P: MediaPorts> Embedded<P> {
    /// Whether a phone of `caller` could call that number now; an error is the status that it would be given.
    pub fn may_call(&self, now: Now, caller: &ExtensionNumber, number: &str) -> Result<(), u16> {
        match self.target_of(number)? {
            Target::Extension(number) if number == *caller => Err(486),
            Target::Extension(number) => self.can_ring(now, &number),
            Target::Outside(_) => Ok(()),
        }
    }

    pub(super) fn connect_guest(&mut self, now: Now, leg: LegId, number: &str, confidential: bool) {
        let Some(caller) = self.legs.get(&leg).filter(|leg| leg.guest().is_some()).map(|leg| leg.party.clone()) else {
            return;
        };
        let target = self.target_of(number);
        let callee = target.as_ref().ok().and_then(Target::party);
        match target.map_err(Refused::from).and_then(|target| self.call_from(now, leg, target, confidential)) {
            Ok(call) => {
                self.media(media::Command::Listen { leg, on: false });
                self.event(Event::Connected { leg, outcome: Ok(call) });
                self.ring_back(leg);
                self.ring(now, call);
            }
            Err(Refused { code, .. }) => {
                if let Some(callee) = callee {
                    self.record_refusal(now, caller, callee, code);
                }
                self.hang_up_guest(now, leg);
                self.event(Event::Connected { leg, outcome: Err(code) });
            }
        }
    }

    fn call_from(&mut self, now: Now, caller: LegId, target: Target, confidential: bool) -> Result<CallId, Refused> {
        let flow = self.legs.get(&caller).ok_or(481_u16)?.flow;
        let way = self.way_to(now, flow, target)?;
        let id = self.ids.make(now.unix_ms);
        self.begin_call(now, id, caller, way, confidential)?;
        if let Some(leg) = self.legs.get_mut(&caller) {
            leg.role = Role::Party { call: id, side: Side::Caller };
        }
        Ok(id)
    }

    fn target_of(&self, number: &str) -> Result<Target, u16> {
        match self.dialplan.route(number) {
            Route::Extension(number) => Ok(Target::Extension(number)),
            Route::Outside(dial) => Ok(Target::Outside(dial)),
            Route::Feature(_) | Route::Refuse { .. } => Err(403),
            Route::Unknown => Err(404),
        }
    }

    fn ring_back(&mut self, leg: LegId) {
        self.media(media::Command::Play { leg, ticket: NO_TICKET, clips: vec![Prompt::RingBack] });
    }

    /// One ring is over: the next, while somebody still waits for an answer.
    pub(super) fn ring_back_again(&mut self, leg: LegId) {
        let waits = |(call, side): (&Call, Side)| {
            side == Side::Caller && matches!(call.stage, Stage::Ringing { early: None, .. })
        };
        if self.seat_of(leg).is_some_and(waits) {
            self.ring_back(leg);
        }
    }

    /// The caller hears the other phone itself from here on.
    pub(super) fn stop_ring_back(&mut self, caller: LegId) {
        if self.legs.get(&caller).is_some_and(Leg::is_up) {
            self.media(media::Command::StopPlaying { leg: caller });
        }
    }

    /// Nobody answered: the caller is told, by the answer to its INVITE or, where we called it, by a BYE.
    pub(super) fn dismiss_caller(&mut self, now: Now, caller: LegId, code: u16, cause: CallEnding) {
        match self.legs.get(&caller).is_some_and(Leg::is_up) {
            true if cause.by() == Some(Side::Caller) => {}
            true => self.send_bye(now, caller),
            false => self.answer_invite(now, caller, code, false),
        }
        self.close_leg(caller);
    }
}
