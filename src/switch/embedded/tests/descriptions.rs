//! Descriptions of media that cannot be used, and datagrams that are no message: the right answer or silence, and the call
//! next to them goes on as it was.

use super::*;

const GOOD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.12\r\ns=-\r\nc=IN IP4 192.0.2.12\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

/// What is wrong, and what of the good description is replaced by what.
const UNUSABLE: [(&str, &str, &str); 16] = [
    ("no stream at all", "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n", ""),
    ("video alone", "m=audio 4000 RTP/AVP 8 0 101", "m=video 4000 RTP/AVP 31"),
    ("a fax", "m=audio 4000 RTP/AVP 8 0 101", "m=image 4000 udptl t38"),
    ("unknown codecs alone", "8 0 101", "3 18 96"),
    ("events and no codec", "8 0 101", "101"),
    ("port 0", "audio 4000", "audio 0"),
    ("a port beyond 16 bits", "audio 4000", "audio 70000"),
    ("a port below nothing", "audio 4000", "audio -1"),
    ("a port in words", "audio 4000", "audio any"),
    ("a multicast address", "c=IN IP4 192.0.2.12", "c=IN IP4 239.1.2.3"),
    ("the broadcast address", "c=IN IP4 192.0.2.12", "c=IN IP4 255.255.255.255"),
    ("an octet beyond 255", "c=IN IP4 192.0.2.12", "c=IN IP4 192.0.2.1200"),
    ("a name for an address", "c=IN IP4 192.0.2.12", "c=IN IP4 phone.example"),
    ("no address", "c=IN IP4 192.0.2.12\r\n", ""),
    ("a payload type beyond 7 bits", "8 0 101", "8 0 999"),
    ("no description", GOOD, "\0\0\0\0"),
];

fn unusable() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    UNUSABLE.into_iter().map(|(name, from, to)| {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD, "{name}");
        (name, text.into_bytes())
    })
}

fn assert_unharmed(rig: &mut Rig, ok: &Response, name: &str) {
    assert_eq!(rig.switch.calls().len(), 1, "{name}");
    assert_eq!(rig.call().state, CallState::Talking, "{name}");
    rig.bye("1000", ok, 90);
    rig.response("1000", 200);
    rig.received("1001", Method::Bye);
    assert!(rig.switch.is_idle(), "{name}");
}

#[test]
fn an_offer_that_cannot_be_used_is_488_and_leaves_nothing_behind() {
    for (name, body) in unusable() {
        let mut rig = Rig::new();
        let (ok, _) = rig.talk();
        for dialled in ["1000", "0070"] {
            let request = rig.request(Method::Invite, "1002", dialled, body.clone());
            rig.authenticated("1002", request);
            assert_eq!(rig.words("1002"), ["488"], "{name}");
            rig.response("1002", 488);
        }
        assert!(rig.events.is_empty() && rig.switch.legs.len() == 2, "{name}");
        assert_unharmed(&mut rig, &ok, name);
    }
}

#[test]
fn a_new_offer_in_a_call_that_cannot_be_used_is_488_and_the_call_stays_as_it_was() {
    for (name, body) in unusable() {
        let mut rig = Rig::new();
        let (ok, _) = rig.talk();
        rig.offer("1000", Method::Invite, &ok, 3, body);
        assert_eq!(rig.words("1000"), ["488"], "{name}");
        rig.response("1000", 488);
        assert!(rig.words("1001").is_empty(), "{name}");
        assert_unharmed(&mut rig, &ok, name);
    }
}

#[test]
fn an_answer_that_cannot_be_used_ends_what_it_answered_and_the_caller_hears_488() {
    for (name, body) in unusable() {
        let mut rig = Rig::new();
        rig.invite("1000", "1001");
        let ring = rig.received("1001", Method::Invite);
        rig.answer("1001", &ring, 200, body);
        rig.received("1001", Method::Ack);
        rig.received("1001", Method::Bye);
        assert_eq!(rig.words("1000"), ["488"], "{name}");
        assert!(rig.switch.is_idle(), "{name}");
    }
}

#[test]
fn a_body_that_is_no_session_description_is_415_and_says_what_would_be_taken() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let mut request = rig.request(Method::Invite, "1002", "1000", vec![]);
    request.set_body("application/unknownformat", b"<audio><codec name=\"pcmu\"/></audio>".to_vec());
    rig.authenticated("1002", request);
    let refusal = rig.response("1002", 415);
    assert!(refusal.headers.tokens("Accept").any(|accepted| accepted == "application/sdp"));
    let mut change = rig.in_dialog("1000", Method::Invite, &ok, 3);
    change.set_body("text/plain", b"louder, please".to_vec());
    rig.send("1000", &Message::Request(change));
    rig.response("1000", 415);
    assert_unharmed(&mut rig, &ok, "no session description");
}

#[test]
fn a_datagram_that_is_no_message_gets_silence_and_an_overlong_one_400() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let good = rig.request(Method::Invite, "1002", "1000", sdp_of("1002", "sendrecv")).to_bytes();
    let good = String::from_utf8(good).unwrap();
    let long_row = format!("\r\nSubject: {}\r\nContact", "x".repeat(60_000));
    let many_rows = format!("\r\n{}Contact", "Subject: x\r\n".repeat(5_000));
    let beyond = format!("\r\nSubject: {}\r\nContact", "x".repeat(sip::MAX_MESSAGE_BYTES));
    let datagrams: [(&str, Vec<u8>, &[&str]); 7] = [
        ("zeros", vec![0; 1400], &[]),
        ("nothing", vec![], &[]),
        ("line ends", b"\r\n\r\n".to_vec(), &[]),
        ("bytes above ASCII", vec![0xff; 1400], &[]),
        ("a header of 60 kB", good.replacen("\r\nContact", &long_row, 1).into_bytes(), &["400"]),
        ("60 kB of headers", good.replacen("\r\nContact", &many_rows, 1).into_bytes(), &["400"]),
        ("headers beyond 64 KiB", good.replacen("\r\nContact", &beyond, 1).into_bytes(), &[]),
    ];
    for (name, bytes, expected) in datagrams {
        rig.switch.receive(rig.now, flow("1002"), &bytes);
        rig.drain();
        assert_eq!(rig.words("1002"), expected, "{name}");
        rig.inbox.clear();
        assert_eq!(rig.switch.legs.len(), 2, "{name}");
    }
    assert_unharmed(&mut rig, &ok, "datagrams");
}
