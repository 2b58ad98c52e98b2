//! What time alone brings about in legs and calls. All deadlines stand in one queue, the earliest first: a message costs the
//! same however many calls are up.

use super::{Embedded, Now, call::Call, leg::MediaPorts};
use crate::{
    model::{CallEnding, CallId, LegId},
    switch::NotReached,
};
use std::time::Instant;

/// What a deadline is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// The session timer of a leg.
    Session(LegId),
    /// The next deadline of a call. It may ring too early, never too late.
    Call(CallId),
    /// A phone that is called back has rung long enough.
    CallBack(LegId),
}

impl<P: MediaPorts> Embedded<P> {
    pub(super) fn heed_alarms(&mut self, now: Now) {
        while let Some(alarm) = self.alarms.due(now.instant) {
            self.alarms.set(alarm, None);
            match alarm {
                Alarm::Session(leg) => self.session_is_due(now, leg),
                Alarm::Call(call) => self.call_is_due(now, call),
                Alarm::CallBack(leg) => self.give_up_call_back(now, leg, NotReached::NoAnswer),
            }
        }
    }

    /// To be called whenever a leg's timer may have changed.
    pub(super) fn set_alarm(&mut self, id: LegId) {
        let at = self.legs.get(&id).and_then(|leg| leg.session.poll_timeout());
        self.alarms.set(Alarm::Session(id), at);
    }

    /// To be called whenever a deadline of a call may have come nearer.
    pub(super) fn set_call_alarm(&mut self, id: CallId) {
        self.alarms.set(Alarm::Call(id), self.calls.get(&id).and_then(Call::poll_timeout));
    }

    pub(super) fn add_call(&mut self, call: Call) {
        let id = call.id;
        self.calls.insert(id, call);
        self.set_call_alarm(id);
    }

    pub(super) fn remove_call(&mut self, id: CallId) -> Option<Call> {
        self.alarms.set(Alarm::Call(id), None);
        self.calls.remove(&id)
    }

    fn call_is_due(&mut self, now: Now, id: CallId) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now.instant);
        if self.calls.get(&id).is_some_and(|call| is_due(call.deadline())) {
            self.give_up(now, id, 480, CallEnding::NoAnswer);
            self.give_up_renegotiation(now, id);
            self.resume_again(now, id);
        }
        if self.calls.get(&id).is_some_and(|call| is_due(call.silent_until())) {
            self.give_up_silent_trunk(now, id);
        }
        self.set_call_alarm(id);
    }
}
