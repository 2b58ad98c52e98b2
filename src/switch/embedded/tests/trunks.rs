//! Trunks in virtual time. Each stands at an address of its own, like a phone: `main` at 1050's, `spare` at 1051's, `mobile`
//! at 1052's.

mod closed;
mod incoming;
mod mobile;
mod outgoing;
mod upkeep;

use super::*;
use crate::{
    dialplan::BUILT_IN,
    model::{Party, Trunk, TrunkIdentity},
    switch::CallStatus,
};

const MAIN: &str = "1050";
const SPARE: &str = "1051";
const MOBILE: &str = "1052";

const RULES: &str = r#"
[numbers]
country = "81"
[[outbound]]
prefix = "0"
digits = "10-11"
trunks = ["main", "spare"]
[[inbound]]
trunk = "main"
number = "0312345678"
extension = "1001"
[[inbound]]
trunk = "main"
number = "0312341000"
extension = "1000"
[[inbound]]
trunk = "spare"
number = "0612345678"
extension = "1001"
[[mobile-user]]
number = "09011112222"
extension = "1002"
"#;

fn entry(name: &str, place: &str) -> TrunkEntry {
    let trunk = Trunk {
        name: name.parse().unwrap(),
        address: format!("udp:{}", address(place)).parse().unwrap(),
        domain: Some("carrier.example".to_owned()),
        user: None,
        registers: false,
        mobile: name == "mobile",
        caller_id: "0300000000".parse().ok(),
        identity: TrunkIdentity::From,
        sources: vec![],
    };
    TrunkEntry { trunk, password: None, flow: Some(flow(place)) }
}

/// `main` with an account there.
fn with_account(registers: bool) -> TrunkEntry {
    let mut entry = entry("main", MAIN);
    entry.trunk.user = Some("account".to_owned());
    entry.trunk.registers = registers;
    entry.trunk.identity = TrunkIdentity::Asserted;
    entry.password = Some(Secret::new("trunk-secret"));
    entry
}

fn rig(entries: Vec<TrunkEntry>) -> Rig {
    let mut rig = Rig::new();
    rig.switch.dialplan = DialPlan::parse(&[BUILT_IN[0], BUILT_IN[1], ("trunks.toml", RULES)]).unwrap();
    rig.switch.set_trunks(rig.now, entries);
    rig.drain();
    rig
}

/// Both static trunks and the mobile one, all of them answering.
fn three() -> Rig {
    let mut rig = rig(vec![entry("main", MAIN), entry("spare", SPARE), entry("mobile", MOBILE)]);
    for place in [MAIN, SPARE, MOBILE] {
        rig.pong(place);
    }
    rig
}

fn challenge(request: &Request, code: u16, nonce: &str) -> Message {
    let (asker, mut response) = match code {
        401 => (Asker::Server, request.reply(401, "")),
        _ => (Asker::Proxy, request.reply(407, "")),
    };
    response.headers.push(asker.challenge_header(), format!(r#"Digest realm="carrier", nonce="{nonce}", qop="auth""#));
    Message::Response(response)
}

/// The nonce that a request answers, if it answers it rightly, and how often that nonce was used.
fn answered_nonce(request: &Request, asker: Asker) -> Option<(String, String)> {
    let text = request.headers.get(asker.credentials_header())?;
    let credentials = text.parse::<digest::Credentials>().ok()?;
    let mut challenge: Challenge =
        format!(r#"Digest realm="carrier", nonce="{}", qop="auth""#, credentials.nonce).parse().unwrap();
    challenge.algorithm = Algorithm::Md5;
    let secret = digest::ha1(Algorithm::Md5, "account", "carrier", &Secret::new("trunk-secret"));
    let count = text.split("nc=").nth(1)?.split(',').next()?.to_owned();
    let cnonce = text.split("cnonce=\"").nth(1)?.split('"').next()?;
    let used = u32::from_str_radix(&count, 16).ok()?;
    let right = digest::authorize(&challenge, "account", &secret, &request.method, &request.uri, cnonce, used);
    assert_eq!(credentials.response, right.response, "the password is wrong");
    Some((credentials.nonce, count))
}

impl Rig {
    fn pong(&mut self, trunk: &str) {
        let ping = self.received(trunk, Method::Options);
        self.send(trunk, &Message::Response(ping.reply(200, "")));
    }

    fn reply(&mut self, trunk: &str, request: &Request, code: u16) {
        self.answer(trunk, request, code, vec![]);
    }

    /// An INVITE that a trunk sends on its own account, unasked.
    fn trunk_calls(&mut self, trunk: &str, called: &str, caller: &str) -> Request {
        let mut request = self.request(Method::Invite, trunk, called, sdp_of(trunk, "sendrecv"));
        request.headers.set("From", format!("<sip:{caller}@carrier.example>;tag=c{}", self.sent));
        self.send(trunk, &Message::Request(request.clone()));
        request
    }

    /// The ACK of an INVITE that needed no second sending.
    fn trunk_acknowledges(&mut self, trunk: &str, ok: &Response) {
        let ack = self.in_dialog(trunk, Method::Ack, ok, 1);
        self.send(trunk, &Message::Request(ack));
    }

    fn reachable(&self, name: &str) -> Option<bool> {
        self.switch.trunks().iter().find(|view| view.name.as_str() == name).unwrap().reachable
    }

    fn trouble(&self, name: &str) -> Option<Trouble> {
        self.switch.trunks().iter().find(|view| view.name.as_str() == name).unwrap().trouble
    }
}
