//! Trunks: the ways to the world outside. What each one is and how it is (`mod`), registration and keep-alive (`upkeep`),
//! calls out over the first that takes them (`outgoing`), calls in for whom its rules name (`incoming`), digest (`signed`).
//!
//! A trunk is known by the address that its requests come from, never by what they say. It reaches what the dial plan's
//! inbound rules name and nothing else; one marked mobile reaches the feature codes behind the mobile prefix and nothing else.

mod incoming;
mod outgoing;
mod signed;
mod upkeep;

pub(super) use outgoing::{WayOut, goes_out, told};
use signed::Account;
pub(super) use signed::Signed;

use super::{Embedded, Now, leg::MediaPorts};
use crate::{
    model::{self, Secret, TrunkName},
    sip::{Flow, digest},
};
use std::collections::BTreeMap;
use upkeep::{Ping, Registration};

/// A trunk as an administrator made it, and the way to it.
pub struct TrunkEntry {
    pub trunk: model::Trunk,
    pub password: Option<Secret>,
    /// `None`: its address is not known.
    pub flow: Option<Flow>,
}

/// How a trunk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkView {
    pub name: TrunkName,
    /// `None`: it is not one to register with.
    pub registered: Option<bool>,
    /// `None`: not known yet.
    pub reachable: Option<bool>,
    pub trouble: Option<Trouble>,
}

/// What went wrong last, until it goes right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("its address could not be found")]
    NoAddress,
    #[error("it does not answer")]
    NoAnswer,
    #[error("it refuses the account or its password")]
    AccountRefused,
    #[error("it refuses the registration with {0}")]
    RegistrationRefused(u16),
    #[error("it answers {0}")]
    Unavailable(u16),
}

#[derive(Default)]
pub(super) struct Trunks(BTreeMap<TrunkName, Trunk>);

pub(super) struct Trunk {
    pub entry: TrunkEntry,
    session: digest::Session,
    registration: Registration,
    ping: Ping,
    /// How often in a row it did not answer.
    unanswered: u32,
    reachable: Option<bool>,
    trouble: Option<Trouble>,
}

impl<P: MediaPorts> Embedded<P> {
    /// The trunks as they are now. One that is as it was keeps its registration, one that is left is told; calls go on in
    /// any case.
    pub fn set_trunks(&mut self, now: Now, entries: Vec<TrunkEntry>) {
        let mut before = std::mem::take(&mut self.trunks.0);
        let mut left = Vec::new();
        for entry in entries {
            let trunk = match before.remove(&entry.trunk.name) {
                Some(trunk) if trunk.entry.is_as(&entry) => trunk,
                former => {
                    left.extend(former.filter(|former| !former.entry.registers_as(&entry)));
                    Trunk::new(now.instant, entry)
                }
            };
            self.trunks.0.insert(trunk.name().clone(), trunk);
        }
        for trunk in left.into_iter().chain(before.into_values()) {
            self.unregister(now, Account::Gone(Box::new(trunk)));
        }
        if self.draining {
            self.unregister_everywhere(now);
        }
        self.tend_trunks(now);
        self.drain_endpoint(now);
    }

    pub fn trunks(&self) -> Vec<TrunkView> {
        self.trunks.0.values().map(Trunk::view).collect()
    }
}

impl Trunks {
    pub fn get(&self, name: &TrunkName) -> Option<&Trunk> {
        self.0.get(name)
    }

    fn get_mut(&mut self, name: &TrunkName) -> Option<&mut Trunk> {
        self.0.get_mut(name)
    }

    /// Whether requests of some trunk may come on that flow.
    pub fn speak_on(&self, flow: Flow) -> bool {
        self.0.values().any(|trunk| trunk.entry.speaks_on(flow))
    }

    /// Whether requests of this trunk may come on that flow.
    pub fn is_source(&self, name: &TrunkName, flow: Flow) -> bool {
        self.get(name).is_some_and(|trunk| trunk.entry.speaks_on(flow))
    }
}

impl Trunk {
    fn name(&self) -> &TrunkName {
        &self.entry.trunk.name
    }

    /// A way for a call: unless it is known to be down, or brings users in alone.
    fn way_out(&self) -> Option<Flow> {
        self.entry.flow.filter(|_| self.reachable != Some(false) && !self.entry.trunk.mobile)
    }

    fn view(&self) -> TrunkView {
        TrunkView {
            name: self.name().clone(),
            registered: self.entry.trunk.registers.then(|| self.registration.is_held()),
            reachable: self.reachable,
            trouble: self.trouble,
        }
    }
}

impl TrunkEntry {
    /// Over UDP a trunk speaks from its own port; a connection that it opens has any.
    fn speaks_on(&self, flow: Flow) -> bool {
        let own = self.flow.is_some_and(|own| {
            let same_port = own.transport.is_reliable() || flow.remote.port() == own.remote.port();
            flow.transport == own.transport && flow.remote.ip() == own.remote.ip() && same_port
        });
        own || self.trunk.sources.iter().any(|source| source.includes(flow.remote))
    }

    fn is_as(&self, other: &TrunkEntry) -> bool {
        let same_password = match (&self.password, &other.password) {
            (Some(one), Some(other)) => one.matches(other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same_password && self.trunk == other.trunk && self.flow == other.flow
    }
}
