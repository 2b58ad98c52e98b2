//! Phones behind a NAT: each is asked by OPTIONS often enough that the way to it stays open (RFC 6223 gives the reason). It is
//! reached on the flow of its registration, whatever its Contact says.

use super::{Embedded, Now, Purpose, leg::MediaPorts};
use crate::{
    model::ExtensionNumber,
    sip::{Binding, Method, NameAddr, Registrar},
};
use std::time::{Duration, Instant};

/// A NAT may forget a UDP flow after half a minute of silence (RFC 4787 REQ-5 asks for two minutes; many know no such thing).
const PHONES_ARE_ASKED_EVERY_S: u64 = 25;

/// A part of the phones is asked each time.
const STEP: Duration = Duration::from_secs(1);

/// Which part is next.
pub(super) struct Openings {
    at: Option<Instant>,
    part: u64,
    /// Some phone is behind a NAT, or was when it was last looked.
    pub needed: bool,
}

impl Openings {
    pub fn new(registrar: &Registrar) -> Self {
        Self { at: None, part: 0, needed: registrar.has_phones_behind_nat() }
    }
}

impl<P: MediaPorts> Embedded<P> {
    pub(super) fn next_opening(&self) -> Option<Instant> {
        self.openings.at.filter(|_| self.openings.needed)
    }

    pub(super) fn keep_ways_open(&mut self, now: Now) {
        if *self.openings.at.get_or_insert(now.instant + STEP) > now.instant {
            return;
        }
        self.openings.at = Some(now.instant + STEP);
        self.openings.needed = self.registrar.has_phones_behind_nat();
        self.openings.part = (self.openings.part + 1) % PHONES_ARE_ASKED_EVERY_S;
        let part = self.openings.part;
        for binding in self.registrar.behind_nat(now.unix_ms, |number| part_of(number) == part) {
            self.ask(now, &binding);
        }
    }

    fn ask(&mut self, now: Now, binding: &Binding) {
        let us = NameAddr::new(format!("sip:{}", self.config.domain));
        let phone = NameAddr::new(format!("sip:{}@{}", binding.extension, self.config.domain));
        let request = self.outside_dialog(Method::Options, binding.contact.to_string(), us, phone);
        let tx = self.endpoint.request(now.instant, request, binding.flow);
        self.by_client_tx.insert(tx, Purpose::Courtesy);
    }
}

/// The same for one phone always.
fn part_of(number: &ExtensionNumber) -> u64 {
    let digits = number.as_str().bytes().fold(0_u64, |sum, digit| sum.wrapping_mul(31).wrapping_add(digit.into()));
    digits % PHONES_ARE_ASKED_EVERY_S
}
