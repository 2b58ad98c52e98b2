//! A phone that vanished sends no BYE: each leg that has been quiet is asked by OPTIONS in its dialog whether it is still
//! there (RFC 3261 §11). Any answer but 408 and 481 is one.

use super::{
    Embedded, Now, Purpose,
    leg::{Leg, MediaPorts, Role},
};
use crate::{
    model::{CallEnding, LegId},
    sip::{Flow, Method, Response},
    switch::Event,
};
use std::time::{Duration, Instant};

/// How long a leg may be quiet before it is asked.
const QUIET: Duration = Duration::from_secs(90);

/// How often the legs are looked through.
const ROUND: Duration = Duration::from_secs(15);

/// A connection that broke may be made anew; one that is broken twice in a row is gone.
const MAX_BROKEN: u8 = 2;

/// What is known of a phone's being there.
#[derive(Clone, Copy)]
pub(super) struct Pulse {
    ask_at: Instant,
    /// How often in a row the way to it was broken.
    broken: u8,
}

impl Pulse {
    pub fn new(now: Instant) -> Self {
        Self { ask_at: now + QUIET, broken: 0 }
    }
}

impl<P: MediaPorts> Embedded<P> {
    pub(super) fn next_round(&self) -> Option<Instant> {
        self.round_at.filter(|_| !self.legs.is_empty())
    }

    pub(super) fn feel_pulses(&mut self, now: Now) {
        let due = *self.round_at.get_or_insert(now.instant + ROUND) <= now.instant;
        if !due {
            return;
        }
        self.round_at = Some(now.instant + ROUND);
        let quiet = |leg: &Leg| leg.is_up() && leg.pulse.ask_at <= now.instant;
        let quiet: Vec<LegId> = self.legs.iter().filter(|(_, leg)| quiet(leg)).map(|(id, _)| *id).collect();
        for id in quiet {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.pulse.ask_at = now.instant + QUIET;
            }
            if let Some(tx) = self.send_in_dialog(now, id, Method::Options, None) {
                self.by_client_tx.insert(tx, Purpose::Pulse { leg: id });
            }
        }
    }

    pub(super) fn pulse_response(&mut self, now: Now, id: LegId, response: &Response) {
        match response.code {
            408 | 481 => self.lose(now, id),
            _ => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.pulse = Pulse::new(now.instant);
                }
            }
        }
    }

    pub(super) fn no_pulse(&mut self, now: Now, id: LegId, code: u16) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.pulse.broken = leg.pulse.broken.saturating_add(1);
        if code == 408 || leg.pulse.broken >= MAX_BROKEN {
            return self.lose(now, id);
        }
        leg.pulse.ask_at = now.instant + ROUND;
        // A phone that connected anew is reached where it has registered since.
        let here = leg.flow;
        let Some(number) = leg.party.extension() else { return };
        let ways = self.registrar.contacts_of(number, now.unix_ms).into_iter().map(|binding| binding.flow);
        let mut others = ways.filter(|way| *way != here && way.remote.ip() == here.remote.ip());
        leg.flow = others.next().unwrap_or(here);
    }

    /// A connection has closed: the phones that spoke on it are asked soon.
    pub(super) fn doubt(&mut self, now: Now, flow: Flow) {
        for leg in self.legs.values_mut().filter(|leg| leg.flow == flow) {
            leg.pulse.ask_at = leg.pulse.ask_at.min(now.instant);
        }
    }

    /// A phone that should be sending has sent nothing for as long as is borne. One that only rings, or is rung, need not.
    pub(super) fn gone_quiet(&mut self, now: Now, id: LegId) {
        if self.legs.get(&id).is_some_and(Leg::is_up) {
            self.lose(now, id);
            self.drain_endpoint(now);
        }
    }

    /// A phone is of no use any more: its call ends, or its place at the desk.
    pub(super) fn lose(&mut self, now: Now, id: LegId) {
        match self.legs.get(&id).map(|leg| &leg.role) {
            Some(Role::Party { call, .. }) => {
                let call = *call;
                self.end_call(now, call, CallEnding::PhoneLost);
            }
            Some(Role::Guest { .. }) => {
                self.hang_up_guest(now, id);
                self.event(Event::HungUp { leg: id });
            }
            None => {}
        }
    }
}
