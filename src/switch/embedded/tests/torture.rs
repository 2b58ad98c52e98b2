//! The messages of RFC 4475 at the switch, each from a phone that has shown no credentials yet: what it is answered, as the
//! RFC's text asks or allows. `tests/torture.rs` has what the parser makes of each.

use super::*;
use std::{fs, path::Path};

/// The message, and the code it gets; 0 is silence. A request that must be signed is challenged before anything but its
/// form is looked at, so 401 stands for "accepted as far as it goes".
const ANSWERS: [(&str, u16); 49] = [
    // §3.1.1: valid.
    // It names a dialog that is not there.
    ("wsinv", 481),
    ("intmeth", 501),
    ("esc01", 401),
    ("escnull", 401),
    // The escaped name of a method is no method.
    ("esc02", 501),
    ("lwsdisp", 200),
    ("longreq", 401),
    ("dblreq", 401),
    ("semiuri", 200),
    ("transports", 200),
    ("mpart01", 405),
    ("unreason", 0),
    ("noreason", 0),
    // §3.1.2: invalid.
    ("badinv01", 0),
    ("clerr", 400),
    ("ncl", 400),
    ("scalar02", 400),
    ("scalarlg", 0),
    ("quotbal", 400),
    ("ltgtruri", 400),
    ("lwsruri", 400),
    ("lwsstart", 400),
    ("trws", 400),
    ("escruri", 400),
    ("baddate", 401),
    ("regbadct", 400),
    ("badaspec", 400),
    ("baddn", 200),
    ("badvers", 0),
    ("mismatch01", 400),
    ("mismatch02", 400),
    ("bigcode", 0),
    // §3.2: the transaction layer.
    ("badbranch", 200),
    // §3.3: the application layer.
    ("insuf", 0),
    ("unkscm", 416),
    ("novelsc", 416),
    ("unksm2", 401),
    ("bext01", 420),
    ("invut", 401),
    ("regaut01", 401),
    ("multi01", 400),
    ("mcl01", 400),
    // A response, to nothing that we asked.
    ("bcast", 0),
    // We are where it was going.
    ("zeromf", 200),
    ("cparam01", 401),
    ("cparam02", 401),
    ("regescrt", 401),
    ("sdp01", 401),
    // §3.4: of RFC 2543.
    ("inv2543", 401),
];

fn message(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture").join(format!("{name}.dat"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The start lines of what it is answered: an answer may mirror what we would not let pass ourselves.
fn answers_to(bytes: &[u8]) -> Vec<String> {
    let mut rig = Rig::new();
    rig.switch.receive(rig.now, flow("1000"), bytes);
    // What is only acknowledged for the moment would be 100.
    rig.now.instant += Duration::from_secs(1);
    rig.switch.handle_timeout(rig.now);
    assert!(rig.switch.is_idle());
    let outputs = std::iter::from_fn(|| rig.switch.poll_output());
    let sent = outputs.filter_map(|output| match output {
        Output::Transmit(transmit) => Some(String::from_utf8_lossy(&transmit.bytes).into_owned()),
        Output::Media(_) | Output::Event(_) | Output::Binding(_) | Output::Record(_) => None,
    });
    sent.collect()
}

#[test]
fn every_message_is_answered_as_the_rfc_asks_and_leaves_nothing_behind() {
    for (name, code) in ANSWERS {
        let answers = answers_to(&message(name));
        let codes: Vec<&str> = answers.iter().filter_map(|answer| answer.split(' ').nth(1)).collect();
        let expected: Vec<String> = [code].into_iter().filter(|code| *code != 0).map(|code| code.to_string()).collect();
        assert_eq!(codes, expected, "{name}");
    }
}

#[test]
fn no_message_is_left_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".dat")?.to_owned()))
        .collect();
    let mut named: Vec<&str> = ANSWERS.iter().map(|(name, _)| *name).collect();
    files.sort_unstable();
    named.sort_unstable();
    assert_eq!(files, named);
}

/// §3.3.4.
#[test]
fn unknown_extensions_that_are_required_are_named() {
    let answer = answers_to(&message("bext01")).remove(0);
    assert!(answer.contains("\r\nUnsupported: nothingSupportsThis, nothingSupportsThisEither\r\n"), "{answer}");
}

/// §3.3.15 and §3.4.1, once the caller has shown who it is.
#[test]
fn a_caller_that_takes_no_session_description_is_406_and_one_of_rfc_2543_is_let_in() {
    let mut rig = Rig::new();
    let mut invite = rig.request(Method::Invite, "1000", "1001", sdp_of("1000", "sendrecv"));
    invite.headers.push("Accept", "text/nobodyKnowsThis");
    rig.authenticated("1000", invite);
    rig.response("1000", 406);
    for accept in ["application/sdp;level=1", "text/plain, */*", "application/*"] {
        let mut rig = Rig::new();
        let mut invite = rig.request(Method::Invite, "1000", "1001", sdp_of("1000", "sendrecv"));
        invite.headers.push("Accept", accept);
        rig.authenticated("1000", invite);
        rig.received("1001", Method::Invite);
    }
    let mut rig = Rig::new();
    let mut invite = rig.request(Method::Invite, "1000", "1001", sdp_of("1000", "sendrecv"));
    for name in ["Contact", "Max-Forwards"] {
        invite.headers.remove(name);
    }
    invite.headers.set("From", format!("<sip:1000@{}>", address("1000")));
    rig.authenticated("1000", invite);
    rig.received("1001", Method::Invite);
}
