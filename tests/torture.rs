//! RFC 4475, each message by its name there; and the same 13 valid messages given to rsip.

use rsip::message::HeadersExt;
use sasayaki::sip::{Message, Parsed, StreamFramer, parse_datagram};
use std::{fs, path::Path};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Handed on. What section 3.3 of the RFC wants of it is for the transaction user to say.
    Accepted,
    Refused(u16),
    Ignored,
}
use Fate::{Accepted, Ignored, Refused};

/// RFC 4475 §3.1.1.
const VALID: [&str; 13] = [
    "wsinv",
    "intmeth",
    "esc01",
    "escnull",
    "esc02",
    "lwsdisp",
    "longreq",
    "dblreq",
    "semiuri",
    "transports",
    "mpart01",
    "unreason",
    "noreason",
];

/// RFC 4475 §3.1.2 to §3.4.
const OTHERS: [(&str, Fate); 36] = [
    // No Via that a response could follow.
    ("badinv01", Ignored),
    ("clerr", Refused(400)),
    ("ncl", Refused(400)),
    ("scalar02", Refused(400)),
    ("scalarlg", Ignored),
    ("quotbal", Refused(400)),
    ("ltgtruri", Refused(400)),
    ("lwsruri", Refused(400)),
    ("lwsstart", Refused(400)),
    ("trws", Refused(400)),
    ("escruri", Refused(400)),
    // Nothing here reads Date.
    ("baddate", Accepted),
    ("regbadct", Refused(400)),
    ("badaspec", Refused(400)),
    // Phones forget the quotes of a display name; the RFC allows to be lenient.
    ("baddn", Accepted),
    // Its Via is of version 7.0 too.
    ("badvers", Ignored),
    ("mismatch01", Refused(400)),
    ("mismatch02", Refused(400)),
    ("bigcode", Ignored),
    ("badbranch", Accepted),
    // Without From, To and Call-ID its sender would not know the answer again.
    ("insuf", Ignored),
    ("unkscm", Refused(416)),
    ("novelsc", Refused(416)),
    ("unksm2", Accepted),
    ("bext01", Accepted),
    ("invut", Accepted),
    ("regaut01", Accepted),
    ("multi01", Refused(400)),
    ("mcl01", Refused(400)),
    ("bcast", Accepted),
    ("zeromf", Accepted),
    ("cparam01", Accepted),
    ("cparam02", Accepted),
    ("regescrt", Accepted),
    ("sdp01", Accepted),
    ("inv2543", Accepted),
];

fn torture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture").join(format!("{name}.dat"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn fate(bytes: &[u8]) -> Fate {
    match parse_datagram(bytes) {
        Parsed::Message(_) => Accepted,
        Parsed::Reject(response) => Refused(response.code),
        Parsed::KeepAlive | Parsed::Ignore => Ignored,
    }
}

fn message(name: &str) -> Message {
    match parse_datagram(&torture(name)) {
        Parsed::Message(message) => message,
        Parsed::Reject(_) | Parsed::KeepAlive | Parsed::Ignore => panic!("{name} was not accepted"),
    }
}

#[test]
fn every_valid_message_is_accepted() {
    for name in VALID {
        assert_eq!(fate(&torture(name)), Accepted, "{name}");
    }
}

#[test]
fn every_other_message_has_its_fate() {
    for (name, expected) in OTHERS {
        assert_eq!(fate(&torture(name)), expected, "{name}");
    }
}

#[test]
fn no_message_is_left_untested() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let files = fs::read_dir(folder).unwrap().filter(|entry| {
        entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|extension| extension == "dat"))
    });
    assert_eq!(files.count(), VALID.len() + OTHERS.len());
}

#[test]
fn what_is_accepted_survives_printing() {
    for name in VALID.into_iter().chain(OTHERS.into_iter().filter(|(_, fate)| *fate == Accepted).map(|(name, _)| name))
    {
        let first = message(name);
        let Parsed::Message(second) = parse_datagram(&first.to_bytes()) else { panic!("{name} was lost") };
        assert!(first == second, "{name} changed");
    }
}

#[test]
fn the_tortuous_invite_is_understood() {
    let Message::Request(invite) = message("wsinv") else { panic!("not a request") };
    let headers = &invite.headers;
    assert_eq!(headers.all("Via").count(), 3);
    assert_eq!(headers.via().unwrap().branch(), Some("390skdjuw"));
    assert_eq!(headers.from().unwrap().display.as_deref(), Some(r#"J Rosenberg \""#));
    assert_eq!(headers.from().unwrap().tag(), Some("98asjd8"));
    assert_eq!(headers.to().unwrap().tag(), Some("1918181833n"));
    assert_eq!(headers.max_forwards(), Ok(Some(68)));
    assert_eq!(headers.cseq().unwrap().number, 9);
    assert_eq!(headers.contact().unwrap().q(), 330);
    assert_eq!(headers.get("NewFangledHeader"), Some("newfangled value continued newfangled value"));
    assert_eq!(headers.get("UnknownHeaderWithUnusualValue"), Some(";;,,;;,;"));
    assert_eq!(headers.get("Subject"), Some(""));
}

#[test]
fn a_second_request_in_a_datagram_is_cut_off_but_a_stream_carries_both() {
    let Message::Request(register) = message("dblreq") else { panic!("not a request") };
    assert!(register.body.is_empty());
    let mut framer = StreamFramer::default();
    framer.push(&torture("dblreq"));
    assert!(framer.next_frame().is_some_and(|frame| frame.is_ok()));
    assert!(framer.next_frame().is_some());
}

#[test]
fn a_user_part_keeps_what_looks_like_parameters() {
    let Message::Request(options) = message("semiuri") else { panic!("not a request") };
    assert_eq!(options.parsed_uri().unwrap().user.as_deref(), Some("user;par=u%40example.net"));
}

#[test]
fn every_message_cut_short_anywhere_never_panics() {
    for name in VALID.into_iter().chain(OTHERS.into_iter().map(|(name, _)| name)) {
        let bytes = torture(name);
        for end in (0..bytes.len()).step_by(5) {
            parse_datagram(&bytes[..end]);
        }
    }
}

/// The measure behind docs/decisions/0001.
#[test]
fn rsip_accepts_fewer_of_the_valid_messages() {
    let parsed = VALID.into_iter().filter(|name| rsip::SipMessage::try_from(torture(name).as_slice()).is_ok());
    let parsed: Vec<_> = parsed.collect();
    let usable: Vec<_> = parsed.iter().copied().filter(|name| rsip_finds_the_dialog(&torture(name))).collect();
    assert_eq!((parsed.len(), usable.len()), (RSIP_PARSES, RSIP_UNDERSTANDS), "{parsed:?} {usable:?}");
}

const RSIP_PARSES: usize = 7;
const RSIP_UNDERSTANDS: usize = 6;

/// Whether rsip finds what every transaction and dialog needs: Via, From, To, Call-ID and CSeq, typed.
fn rsip_finds_the_dialog(bytes: &[u8]) -> bool {
    use rsip::headers::ToTypedHeader;
    let Ok(message) = rsip::SipMessage::try_from(bytes) else { return false };
    let via = message.via_header().is_ok_and(|header| header.typed().is_ok());
    let from = message.from_header().is_ok_and(|header| header.typed().is_ok());
    let to = message.to_header().is_ok_and(|header| header.typed().is_ok());
    let cseq = message.cseq_header().is_ok_and(|header| header.typed().is_ok());
    via && from && to && cseq && message.call_id_header().is_ok()
}
