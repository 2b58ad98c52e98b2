//! Who may speak in a call: its phones, wherever they have moved to, and nobody who only knows its tags.

use super::*;

/// A phone's message from where another phone stands.
fn from_elsewhere(rig: &mut Rig, place: &str, message: &Message) {
    rig.switch.receive(rig.now, flow(place), &message.to_bytes());
    rig.drain();
}

fn hold(rig: &mut Rig, ok: &Response) -> Request {
    let mut hold = rig.in_dialog("1000", Method::Invite, ok, 3);
    hold.set_body("application/sdp", sdp_of("1003", "sendrecv"));
    hold
}

#[test]
fn a_request_in_a_call_from_another_address_is_challenged_and_changes_nothing() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let before = rig.matrices.len();
    let hold = hold(&mut rig, &ok);
    from_elsewhere(&mut rig, "1003", &Message::Request(hold));
    rig.response("1003", 401);
    let bye = rig.in_dialog("1000", Method::Bye, &ok, 4);
    from_elsewhere(&mut rig, "1003", &Message::Request(bye));
    rig.response("1003", 401);
    assert_eq!((rig.switch.calls().len(), rig.matrices.len()), (1, before));
    rig.bye("1000", &ok, 3);
    rig.response("1000", 200);
    rig.received("1001", Method::Bye);
}

#[test]
fn a_phone_that_moved_proves_itself_and_another_phone_cannot() {
    for (who, code) in [("1000", 200), ("1003", 403)] {
        let mut rig = Rig::new();
        let (ok, _) = rig.talk();
        let mut bye = rig.in_dialog("1000", Method::Bye, &ok, 3);
        from_elsewhere(&mut rig, "1003", &Message::Request(bye.clone()));
        let challenge = rig.response("1003", 401);
        let (_, challenge) = Challenge::strongest(&challenge.headers).unwrap();
        let secret = ha1(who, challenge.algorithm);
        let credentials = digest::authorize(&challenge, who, &secret, &bye.method, &bye.uri, "c", 1);
        bye.headers.push("Authorization", credentials);
        bye.headers.set("CSeq", "4 BYE");
        bye.headers.set("Via", format!("SIP/2.0/UDP {};branch=z9hG4bKmoved;rport", address("1003")));
        from_elsewhere(&mut rig, "1003", &Message::Request(bye));
        rig.response("1003", code);
        assert_eq!(rig.switch.calls().is_empty(), code == 200);
    }
}

#[test]
fn a_new_port_behind_the_same_nat_is_the_same_phone() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let bye = rig.in_dialog("1000", Method::Bye, &ok, 3);
    let mut moved = flow("1000");
    moved.remote.set_port(6000);
    rig.switch.receive(rig.now, moved, &Message::Request(bye).to_bytes());
    rig.drain();
    assert!(rig.switch.calls().is_empty());
}

#[test]
fn credentials_made_for_another_number_are_not_good_for_a_feature_code() {
    let mut rig = Rig::new();
    let mut request = rig.request(Method::Invite, "1000", "0070", sdp_of("1000", "sendrecv"));
    rig.send("1000", &Message::Request(request.clone()));
    let challenge = rig.response("1000", 401);
    let (_, challenge) = Challenge::strongest(&challenge.headers).unwrap();
    let uri = format!("sip:1001@{DOMAIN}");
    let credentials =
        digest::authorize(&challenge, "1000", &ha1("1000", Algorithm::Md5), &Method::Invite, &uri, "c", 1);
    request.headers.push("Authorization", credentials);
    request.headers.set("CSeq", "2 INVITE");
    rig.send("1000", &Message::Request(request));
    rig.response("1000", 401);
    assert!(rig.events.is_empty() && rig.switch.is_idle());
}

#[test]
fn one_phone_cannot_fill_the_desk() {
    let mut rig = Rig::new();
    for _ in 0..4 {
        rig.guest("0070");
    }
    rig.invite("1002", "0070");
    rig.response("1002", 486);
    rig.invite("1001", "0070");
    assert!(matches!(rig.events.pop(), Some(Event::Dialled { .. })));
}

#[test]
fn a_guest_whose_extension_is_removed_is_hung_up_and_calls_go_on() {
    let mut rig = Rig::new();
    rig.talk();
    let (leg, _) = rig.guest("0070");
    rig.switch.set_directory(rig.now, Directory::default());
    rig.drain();
    rig.received("1002", Method::Bye);
    assert!(matches!(rig.events.last(), Some(Event::HungUp { leg: gone }) if *gone == leg));
    assert_eq!(rig.switch.calls().len(), 1);
    rig.invite("1000", "1001");
    rig.response("1000", 401);
}

#[test]
fn a_new_password_ends_what_the_old_one_let_in() {
    let mut rig = Rig::new();
    let (leg, _) = rig.guest("0070");
    let entries = |password: &str| {
        let password = password.to_owned();
        ["1000", "1001", "1002"].map(|phone| {
            let secret = if phone == "1002" { password.as_str() } else { phone };
            let ha1 = |algorithm| digest::ha1(algorithm, phone, DOMAIN, &Secret::new(secret));
            let (ha1_md5, ha1_sha256) = (ha1(Algorithm::Md5), ha1(Algorithm::Sha256));
            DirectoryEntry { name: "renamed".into(), ha1_md5, ha1_sha256, ..directory_entry(phone) }
        })
    };
    rig.switch.set_directory(rig.now, Directory::new(entries("1002")));
    rig.drain();
    assert!(rig.events.is_empty(), "a new name ends nothing");
    rig.switch.set_directory(rig.now, Directory::new(entries("changed")));
    rig.drain();
    assert!(matches!(rig.events.pop(), Some(Event::HungUp { leg: gone }) if gone == leg));
    rig.invite("1000", "1002");
    rig.response("1000", 480);
    rig.invite("1000", "1001");
    rig.received("1001", Method::Invite);
}

#[test]
fn what_anybody_may_ask_leaves_no_transaction_behind() {
    let mut rig = Rig::new();
    for method in [Method::Options, Method::Bye, Method::Subscribe, Method::Other("DANCE".into())] {
        let mut request = rig.request(method, "1000", "1001", vec![]);
        rig.send("1000", &Message::Request(request.clone()));
        request.headers.set("To", "<sip:x@y>;tag=unknown");
        request.headers.set("Via", format!("SIP/2.0/UDP {};branch=z9hG4bKx;rport", address("1000")));
        rig.send("1000", &Message::Request(request));
        rig.response("1000", 481);
    }
    assert_eq!(rig.switch.endpoint.transactions(), 0);
}
