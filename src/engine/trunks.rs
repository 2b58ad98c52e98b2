//! The trunks of the store, and the addresses behind their names.

use crate::{
    model::{Trunk, TrunkName},
    sip::{Flow, Transport},
    store::{self, Store},
    switch::embedded::TrunkEntry,
};
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};
use tokio::{net::lookup_host, time::timeout};

/// How long a name may take to be found.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// A trunk, and every address that its host has now.
pub struct Found {
    entry: store::TrunkEntry,
    addresses: Vec<SocketAddr>,
}

/// Where each trunk was last, so that it stays there while it may.
#[derive(Default)]
pub struct Addresses(BTreeMap<TrunkName, SocketAddr>);

/// Whom a connection over TLS leads to, and the host whose certificate it must show there.
pub fn peers(entries: &[TrunkEntry]) -> BTreeMap<SocketAddr, String> {
    let secured = |entry: &TrunkEntry| {
        let flow = entry.flow.filter(|flow| flow.transport == Transport::Tls)?;
        Some((flow.remote, bare_host(&entry.trunk).to_owned()))
    };
    entries.iter().filter_map(secured).collect()
}

pub async fn find(store: &Store) -> store::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in store.trunks().await? {
        let address = &entry.trunk.address;
        let looked_up = timeout(LOOKUP_TIMEOUT, lookup_host(format!("{}:{}", address.host, address.port))).await;
        let addresses = match looked_up {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(_)) | Err(_) => vec![],
        };
        found.push(Found { entry, addresses });
    }
    Ok(found)
}

impl Addresses {
    /// Chooses for each trunk: the address that it had, as long as it is among those it has or none is found; else the first
    /// that can be reached.
    pub fn settle(
        &mut self,
        found: Vec<Found>,
        flow_to: impl Fn(Transport, SocketAddr) -> Option<Flow>,
    ) -> Vec<TrunkEntry> {
        let before = std::mem::take(&mut self.0);
        let mut hosts = BTreeMap::new();
        let settle = |Found { entry: store::TrunkEntry { trunk, password }, addresses }| {
            let transport = Transport::from_word(&trunk.address.transport);
            let host = bare_host(&trunk).to_owned();
            // A connection proves one name: whose host has another one is not spoken to on it.
            let free = |flow: &Flow| {
                transport != Some(Transport::Tls) || hosts.get(&flow.remote).is_none_or(|other| *other == host)
            };
            let here = |address: &SocketAddr| transport.and_then(|transport| flow_to(transport, *address)).filter(free);
            let last = before.get(&trunk.name).filter(|last| addresses.contains(last) || addresses.is_empty());
            let flow = last.and_then(here).or_else(|| addresses.iter().find_map(here));
            self.0.extend(flow.map(|flow| (trunk.name.clone(), flow.remote)));
            hosts.extend(flow.filter(|flow| flow.transport == Transport::Tls).map(|flow| (flow.remote, host)));
            TrunkEntry { trunk, password, flow }
        };
        found.into_iter().map(settle).collect()
    }
}

/// An IPv6 address without its brackets.
fn bare_host(trunk: &Trunk) -> &str {
    trunk.address.host.trim_matches(['[', ']'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TrunkIdentity;

    fn found(addresses: &[&str]) -> Vec<Found> {
        let trunk = Trunk {
            name: "main".parse().unwrap(),
            address: "udp:sip.example.jp:5060".parse().unwrap(),
            domain: None,
            user: None,
            registers: false,
            mobile: false,
            caller_id: None,
            identity: TrunkIdentity::From,
            sources: vec![],
        };
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        vec![Found { entry: store::TrunkEntry { trunk, password: None }, addresses }]
    }

    #[test]
    fn a_trunk_stays_at_its_address_while_it_may() {
        let mut addresses = Addresses::default();
        let flow_to = |transport, remote: SocketAddr| {
            let local = "192.0.2.9:5060".parse().unwrap();
            remote.is_ipv4().then_some(Flow { transport, local, remote })
        };
        let mut settled = |now: &[&str]| {
            let flow = addresses.settle(found(now), flow_to).remove(0).flow;
            flow.map(|flow| flow.remote.to_string())
        };
        assert_eq!(settled(&[]), None);
        assert_eq!(settled(&["[2001:db8::1]:5060", "192.0.2.1:5060"]).as_deref(), Some("192.0.2.1:5060"));
        assert_eq!(settled(&["192.0.2.2:5060", "192.0.2.1:5060"]).as_deref(), Some("192.0.2.1:5060"));
        assert_eq!(settled(&[]).as_deref(), Some("192.0.2.1:5060"));
        assert_eq!(settled(&["192.0.2.2:5060"]).as_deref(), Some("192.0.2.2:5060"));
    }
}
