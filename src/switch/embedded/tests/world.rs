//! A small world in virtual time: phones that are machines of their own (see `phone`), the switch between them, and a
//! network that delays, loses, repeats and reorders as a test likes. People press keys by plan.

mod phone;

pub use phone::Act;

use super::*;
use phone::Phone;
use std::collections::BTreeMap;

/// What becomes of a message: how long each copy of it takes, none when it is lost.
pub type Network = Box<dyn FnMut(&Passing<'_>) -> Vec<Duration>>;

/// A message on the wire. `gist` is its method, or its code and the method it answers: `200 INVITE`.
pub struct Passing<'m> {
    /// The phone that sends it, or gets it from the switch.
    pub phone: &'m str,
    pub to_switch: bool,
    pub gist: &'m str,
}

/// When somebody does what, counted from the call, or from its ringing.
pub type Plan = Vec<(Duration, Act)>;

const PHONES: [&str; 3] = ["1000", "1001", "1002"];

pub struct World {
    pub switch: Embedded<AnyPort>,
    pub now: Now,
    start: Instant,
    phones: BTreeMap<SocketAddr, Phone>,
    network: Network,
    wire: BTreeMap<(Instant, u64), (Flow, Vec<u8>)>,
    sent: u64,
    /// What was sent: milliseconds, phone, direction, gist.
    pub log: Vec<String>,
}

impl World {
    pub fn new(seed: u8, network: Network) -> Self {
        let Rig { switch, now, .. } = Rig::new();
        let phones = PHONES.iter().enumerate().map(|(index, name)| {
            let entropy = Entropy::from_seed([seed.wrapping_add(index as u8); 32]);
            (address(name), Phone::new(name, entropy))
        });
        Self {
            switch,
            now,
            start: now.instant,
            phones: phones.collect(),
            network,
            wire: BTreeMap::new(),
            sent: 0,
            log: vec![],
        }
    }

    /// Everything takes 10 ms but what `special` has something to say about.
    pub fn steady(mut special: impl FnMut(&Passing<'_>) -> Option<Vec<Duration>> + 'static) -> Network {
        Box::new(move |passing| special(passing).unwrap_or_else(|| vec![Duration::from_millis(10)]))
    }

    /// `caller` calls `callee` now.
    pub fn call(&mut self, caller: &str, callee: &str, caller_does: Plan, callee_does: Plan) {
        self.phone(callee).expect_a_call(caller, callee_does);
        let now = self.now.instant;
        self.phone(caller).call(now, callee, caller_does);
        self.drain();
    }

    fn phone(&mut self, name: &str) -> &mut Phone {
        self.phones.get_mut(&address(name)).unwrap()
    }

    pub fn run_for(&mut self, time: Duration) {
        let end = self.now.instant + time;
        loop {
            self.drain();
            let arrival = self.wire.first_key_value().map(|((at, _), _)| *at);
            let phones = self.phones.values().filter_map(Phone::poll_timeout);
            let next = phones.chain(arrival).chain(self.switch.poll_timeout()).min();
            let Some(next) = next.filter(|at| *at <= end) else { break };
            self.advance(next);
            self.deliver();
            self.switch.handle_timeout(self.now);
            for phone in self.phones.values_mut() {
                phone.handle_timeout(self.now.instant);
            }
        }
        self.advance(end);
    }

    fn advance(&mut self, to: Instant) {
        let passed = to.saturating_duration_since(self.now.instant);
        self.now.instant += passed;
        self.now.unix_ms += passed.as_millis() as u64;
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now.instant) {
            let (flow, bytes) = entry.remove();
            match self.phones.get_mut(&flow.local) {
                Some(phone) => phone.receive(self.now.instant, flow, &bytes),
                None => self.switch.receive(self.now, flow, &bytes),
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Transmit(transmit) => self.put(transmit, false),
                Output::Event(_) | Output::Media(_) | Output::Binding(_) | Output::Record(_) => {}
            }
        }
        let sent: Vec<Transmit> = self.phones.values_mut().flat_map(Phone::transmits).collect();
        sent.into_iter().for_each(|transmit| self.put(transmit, true));
    }

    fn put(&mut self, transmit: Transmit, to_switch: bool) {
        let Flow { transport, local, remote } = transmit.flow;
        let phone = self.phones[if to_switch { &local } else { &remote }].name;
        let gist = gist(&transmit.bytes);
        let copies = (self.network)(&Passing { phone, to_switch, gist: &gist });
        let arrow = if to_switch { ">" } else { "<" };
        let fate = if copies.is_empty() { " lost" } else { "" };
        let ms = (self.now.instant - self.start).as_millis();
        self.log.push(format!("{ms} {phone} {arrow} {gist}{fate}"));
        for delay in copies {
            self.sent += 1;
            let arrives_on = Flow { transport, local: remote, remote: local };
            self.wire.insert((self.now.instant + delay, self.sent), (arrives_on, transmit.bytes.clone()));
        }
    }

    /// As `call`, but the caller leaves the offer to the switch, and answers it in its ACK.
    pub fn call_without_offer(&mut self, caller: &str, callee: &str, caller_does: Plan, callee_does: Plan) {
        self.phone(caller).offers = false;
        self.call(caller, callee, caller_does, callee_does);
        self.phone(caller).offers = true;
    }

    /// How many of a phone's calls were ever up, and how many still are.
    pub fn calls_of(&self, phone: &str) -> (usize, usize) {
        let phone = &self.phones[&address(phone)];
        (phone.were_up, phone.are_up())
    }

    /// Nobody thinks that anything goes on: no call, no dialog, no transaction, on either side.
    pub fn assert_nothing_is_left(&self, case: &str) {
        let switch = &self.switch;
        assert!(switch.calls.is_empty() && switch.is_idle(), "{case}: the switch has calls");
        let maps = [switch.by_dialog.len(), switch.by_server_tx.len(), switch.by_client_tx.len()];
        assert_eq!(maps, [0; 3], "{case}: dialogs, server and client transactions of the switch");
        assert_eq!(switch.endpoint.transactions(), 0, "{case}");
        assert!(switch.alarms.is_empty(), "{case}: somebody is still to be woken");
        for phone in self.phones.values() {
            let left = phone.left();
            assert!(left.is_none(), "{case}: {} has {}", phone.name, left.unwrap());
        }
    }
}

fn gist(bytes: &[u8]) -> String {
    match parse_datagram(bytes) {
        Parsed::Message(Message::Request(request)) => request.method.to_string(),
        Parsed::Message(Message::Response(response)) => {
            format!("{} {}", response.code, response.headers.cseq().unwrap().method)
        }
        Parsed::Reject(_) | Parsed::KeepAlive | Parsed::Ignore => panic!("somebody sent nonsense"),
    }
}
